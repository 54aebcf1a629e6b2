//! What can go wrong in an evaluation.

use std::path::PathBuf;

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

    /// Labels were needed and there are none.
    #[error(
        "no image has a label: sub-folders, a list or the files must say the classes; `twist data info DATA` shows what was found"
    )]
    NoLabels,

    // === The model ===
    /// A folder without weights.
    #[error(
        "{} has no model: no model.safetensors and no checkpoint in checkpoints/; give a run folder or a weight file",
        path.display()
    )]
    NoModel {
        /// The folder.
        path: PathBuf,
    },
    /// A weight file that does not say what it is.
    #[error(
        "{}: {reason}; `twist import` makes a model of weights from elsewhere",
        path.display()
    )]
    UnknownModel {
        /// The file.
        path: PathBuf,
        /// What is missing or wrong.
        reason: String,
    },
    /// A card whose parts contradict each other.
    #[error("the model's description contradicts itself: {reason}")]
    Card {
        /// Which parts, and how.
        reason: String,
    },
    /// A file that cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A file of features that cannot be used.
    #[error("{}: {reason}", path.display())]
    FeatureFile {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// Images were given to a model of features.
    #[error(
        "{} has no backbone: it was trained on features from elsewhere, so give it features (.npy or .parquet), not images",
        path.display()
    )]
    NoBackbone {
        /// The weight file.
        path: PathBuf,
    },
    /// Discovered classes were asked of a model that has none.
    #[error(
        "{} has no projection head, so it discovered no classes; `twist train DATA --frozen MODEL --clusters K` trains one",
        path.display()
    )]
    NoHead {
        /// The weight file.
        path: PathBuf,
    },
    /// A model's own classifier was asked for and there is none.
    #[error("{} has no classifier; `twist finetune MODEL --train DATA` trains one from labels", path.display())]
    NoClassifier {
        /// The weight file.
        path: PathBuf,
    },
    /// The cache of features cannot be used.
    #[error(
        "cannot use the cache of features in {}: {source}; set TWIST_CACHE to another folder, or use --no-cache",
        path.display()
    )]
    Cache {
        /// The folder or file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },

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
