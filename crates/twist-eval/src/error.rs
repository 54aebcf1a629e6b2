//! What can go wrong in an evaluation.

/// An evaluation that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// No image could be read, or none of those asked for has a label.
    #[error(
        "there are no features to evaluate: no image of the data set could be read (`twist data info DATA` lists them)"
    )]
    NoFeatures,
    /// k-means asked for more clusters than there are points.
    #[error("k-means needs at least as many images as clusters: {points} images for {clusters} clusters")]
    TooFewPoints {
        /// Rows given.
        points: i64,
        /// Centroids asked for.
        clusters: i64,
    },
    /// libtorch refused an operation.
    #[error("libtorch failed in an evaluation")]
    Torch(#[from] tch::TchError),
}
