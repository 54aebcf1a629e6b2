//! Evaluation protocols of Twist.
mod error;
mod kmeans;
mod knn;

pub use error::EvalError;
pub use kmeans::{KMeans, KMeansFit};
pub use knn::{KnnProtocol, Neighbours, knn_predict, knn_top1, nearest};
