//! What can go wrong in an evaluation.

/// An evaluation that could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    // === The data ===
    /// No image could be read.
    #[error(
        "there is nothing to evaluate: no image of the data set could be read; `twist data info DATA` lists the reasons"
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
    /// Labels of the two data sets cannot be compared.
    #[error(
        "the training data has {train} classes and the evaluation data {held_out}, and they are not the same{}{}; \
         give both the same class names, or use --labels none",
        examples(", only in the training data", only_train),
        examples(", only in the evaluation data", only_held_out)
    )]
    ClassesDiffer {
        /// Number of classes of the training data.
        train: usize,
        /// Number of classes of the held-out data.
        held_out: usize,
        /// Some names that only the training data has.
        only_train: Vec<String>,
        /// Some names that only the held-out data has.
        only_held_out: Vec<String>,
    },
    /// The images could not be loaded.
    #[error(transparent)]
    Data(#[from] twist_data::DataError),

    // === The network ===
    /// The run's normalisation.
    #[error(transparent)]
    Train(#[from] twist_train::TrainError),
    /// The network refused its input.
    #[error(transparent)]
    Net(#[from] twist_nn::NnError),
    /// libtorch, through the extension crate.
    #[error(transparent)]
    TorchExt(#[from] torch_ext::TorchError),
    /// libtorch.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),

    // === The results ===
    /// Scores of labels against clusters.
    #[error(transparent)]
    Metrics(#[from] twist_metrics::MetricsError),
    /// A file of the run folder could not be written.
    #[error(transparent)]
    Io(#[from] twist_io::IoError),
    /// The table of embeddings.
    #[error("cannot make the table of embeddings: {0}")]
    Table(#[from] arrow_schema::ArrowError),
    /// A picture.
    #[error("cannot encode a picture: {0}")]
    Picture(#[from] image::ImageError),
    /// The figures as JSON.
    #[error("cannot write the figures as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

fn examples(words: &str, names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("{words}: {}", names.join(", ")) }
}
