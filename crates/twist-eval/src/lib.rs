//! Evaluation protocols: what a frozen network is worth, and what one gets without learning.
//!
//! [`Features`] are what a network in evaluation mode says of every image: L2-normalised backbone features, and the
//! most probable clusters. From them come weighted k-NN ([`knn_top1`]) and the scores of discovered classes against
//! labels ([`clusters_against_labels`]). [`Baselines`] say what pixels, colour histograms and a backbone with random
//! weights reach on the same images. The [`OnlineEvaluator`] does the first part while a run trains;
//! [`final_evaluation()`] does everything at its end and leaves in the run folder what the report draws.
//!
//! What it deliberately is not: it never trains and never changes a run's state, random numbers included. It holds no
//! formulas of scores, which are in `twist-metrics`, and draws no pages, which is `twist-report`'s part.
//!
//! Data passes from a `Dataset` through the loader's evaluation pipeline ([`EvalInput`]) to the network, batch by
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

mod model;

mod frozen;

mod final_evaluation;
mod online;

mod labels;
mod split;

mod features;
mod input;
mod knn;
mod scores;

mod baselines;
mod kmeans;

mod artefacts;

mod error;

pub use baselines::Baselines;
pub use error::EvalError;
pub use features::{FeatureCache, FeatureFile, FeatureKind, FeatureSet, FeatureTable, Features, unit_rows};
pub use final_evaluation::{RunFigures, final_evaluation};
pub use frozen::{ChosenHead, head_evaluation, head_scores, neighbourhood, with_head};
pub use input::EvalInput;
pub use kmeans::{KMeans, KMeansFit};
pub use knn::{KnnProtocol, Neighbours, knn_predict, knn_top1, nearest};
pub use model::{BackboneCard, ClassifierCard, FeatureScaling, HeadCard, MODEL_FILE, Model, ModelCard};
pub use online::OnlineEvaluator;
pub use scores::{Scores, clusters_against_labels};
pub use split::EvalData;
