//! Evaluation protocols: they measure a network, frozen or fine-tuned, and baselines without learning.
//!
//! [`NetworkOutputs`](twist_model::NetworkOutputs) are the outputs of a network in evaluation mode for every image: L2-normalised
//! backbone features and the most probable clusters. From them this crate computes weighted k-NN ([`knn_top1`]) and the
//! agreement of discovered classes with labels ([`clusters_against_labels`]; [`ClusterFigures`] has everything that a table
//! needs). Baselines measure pixels, colour histograms and a backbone with random weights on the same images. The
//! [`OnlineEvaluator`] computes k-NN and the agreement while a run trains; [`final_evaluation()`] computes everything at its
//! end and writes the files that the report draws.
//!
//! Some protocols learn from labels: [`linear`] classifiers on frozen features, and [`finetune`], where the backbone is
//! trained as well. They train a new classifier and a copy of the backbone.
//!
//! There are also the data sets of transfer evaluation, with [`Logistic`] regression on frozen features
//! ([`linear_transfer`]) or with all weights ([`finetune_transfer`]).
//!
//! Before a head is trained, [`ClassCount`] estimates how many classes its features show. After training, the same links between
//! rows say which of its classes become one first when fewer are wanted (`class_count/classes.rs`).
//!
//! The crate deliberately never trains without labels and never changes the run that it evaluates, including its random
//! numbers. The formulas of the scores are in `twist-metrics`, the pages in `twist-report`.
//!
//! Data flows from a `Dataset` through the loader's evaluation pipeline ([`EvalInput`](twist_model::EvalInput)) to the
//! network, batch by batch; features are collected on the CPU. Every figure comes with the values that define it
//! (`protocol`).
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

mod frozen;

mod crops;
mod labels;
mod probe;
mod scores;
mod split;

mod baselines;
mod class_count;
mod kmeans;

mod artefacts;

mod error;

pub use artefacts::thumbnail;
pub use class_count::ClassCount;
pub use classifier::{ClassifierScores, MatchedBy, classifier_scores};
pub use cluster_eval::{
    ClassRow, ClusterFigures, FeatureClusters, FigureSummary, KMeansProtocol, Ranking, class_rows,
};
pub use crops::Crops;
pub use error::EvalError;
pub use final_evaluation::{Evaluated, RunFigures, final_evaluation, is_evaluated};
pub use frozen::{ChosenHead, guides, head_evaluation, head_scores, neighbourhood, with_head};
pub use kmeans::{KMeans, KMeansFit};
pub use knn::{KnnProtocol, knn_top1, knn_top1_each};
pub use labels::label_numbers;
pub use logistic::{Logistic, LogisticProtocol};
pub use online::OnlineEvaluator;
pub use scores::clusters_against_labels;
pub use split::EvalData;
pub use supervised::{Accuracy, LabelBudget, LabelledImages, Surroundings};
pub use transfer::{
    FinetuneTransferProtocol, LinearTransferProtocol, Selection, TransferMethod, TransferResult,
    finetune_transfer, linear_transfer, transfer_transform,
};
