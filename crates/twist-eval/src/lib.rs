//! Evaluation protocols: what a network is worth, frozen or fine-tuned, and what one gets without learning.
//!
//! [`Features`](twist_model::Features) are what a network in evaluation mode says of every image: L2-normalised backbone features, and the
//! most probable clusters. From them come weighted k-NN ([`knn_top1`]) and the scores of discovered classes against
//! labels ([`clusters_against_labels`]; with everything a table needs, [`ClusterFigures`]). [`Baselines`] say what pixels, colour histograms and a backbone with random
//! weights reach on the same images. The [`OnlineEvaluator`] does the first part while a run trains;
//! [`final_evaluation()`] does everything at its end and leaves in the run folder what the report draws.
//!
//! Some protocols train from labels: [`linear`] classifiers on frozen features, and [`finetune`], where the backbone learns
//! as well. What they train is their own: a fresh classifier, a copy of the backbone.
//!
//! Beside a model's own classes there are the data sets that transfer is measured on ([`linear_transfer`]), with
//! [`Logistic`] regression on their frozen features, or with all weights ([`finetune_transfer`]).
//!
//! What it deliberately is not: it never trains without labels and never changes the run that it evaluates, random numbers
//! included. It holds no formulas of scores, which are in `twist-metrics`, and draws no pages, which is `twist-report`'s
//! part.
//!
//! Data passes from a `Dataset` through the loader's evaluation pipeline ([`EvalInput`](twist_model::EvalInput)) to the network, batch by
//! batch; features are gathered on the CPU. Every figure comes with the values that define it (`protocol`).
//!
//! ```no_run
//! use tch::{Device, Kind, Tensor};
//! use twist_eval::{KnnProtocol, knn_top1};
//!
//! # fn main() -> Result<(), twist_eval::EvalError> {
//! let features = Tensor::f_eye(3, (Kind::Float, Device::Cpu))?; // [N, D], rows of length 1
//! let labels = Tensor::f_from_slice(&[0i64, 1, 2])?;
//! let protocol = KnnProtocol { k: 200, temperature: 0.1 };
//! assert_eq!(knn_top1((&features, &labels), (&features, &labels), 3, protocol)?, 1.0);
//! # Ok(())
//! # }
//! ```

mod final_evaluation;
mod online;

mod classifier;
mod cluster_eval;
pub mod finetune;
mod knn;
pub mod linear;
mod logistic;
mod supervised;
mod transfer;

mod answers;

mod assignments;
mod frozen;

mod crops;
mod labels;
mod scores;
mod split;

mod baselines;
mod kmeans;

mod artefacts;

mod error;

pub use artefacts::thumbnail;
pub use assignments::{Assignment, assignments};
pub use baselines::Baselines;
pub use classifier::{ClassifierScores, MatchedBy, classifier_scores};
pub use cluster_eval::{
    ClassRow, ClusterFigures, FeatureClusters, FigureSummary, KMeansProtocol, Ranking, class_rows,
};
pub use crops::Crops;
pub use error::EvalError;
pub use final_evaluation::{RunFigures, final_evaluation, is_evaluated};
pub use frozen::{ChosenHead, guides, head_evaluation, head_scores, neighbourhood, with_head};
pub use kmeans::{KMeans, KMeansFit};
pub use knn::{KnnProtocol, knn_top1, knn_top1_each};
pub use labels::label_numbers;
pub use logistic::{Logistic, LogisticProtocol, Targets};
pub use online::OnlineEvaluator;
pub use scores::{Scores, clusters_against_labels};
pub use split::EvalData;
pub use supervised::{
    Accuracy, EpochFigures, LabelBudget, LabelledImages, Session, Student, SupervisedPlan, supervised_step,
};
pub use transfer::{
    FinetuneTransferProtocol, LinearTransferProtocol, Selection, TransferMethod, TransferResult,
    finetune_transfer, linear_transfer, transfer_transform,
};
