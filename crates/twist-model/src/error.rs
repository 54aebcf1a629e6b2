//! Errors of models, their features and the tables made of them.

use std::path::PathBuf;

/// A model, features or a table that could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No image could be read.
    #[error(
        "there is nothing to evaluate: no image of the data set could be read; `twist data info DATA` lists the reasons"
    )]
    NoFeatures,
    /// The images could not be loaded.
    #[error(transparent)]
    Data(#[from] twist_data::DataError),
    /// Bytes that are not an image.
    #[error("the file is not an image that Twist reads: {reason}")]
    OneImage {
        /// What the decoder says.
        reason: String,
    },
    /// Labels were needed and there are none.
    #[error(
        "no image has a label: sub-folders, a list or the files must say the classes; `twist data info DATA` shows what was found"
    )]
    NoLabels,
    /// A run of heads or of fine-tuning that is not at its end.
    #[error(
        "{} has no model yet: its run has not come to its end, and continues with --resume --out {}",
        path.display(),
        twist_io::shell_word(path)
    )]
    Unfinished {
        /// The folder.
        path: PathBuf,
    },
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
        "{}: {reason}; `twist import` turns foreign weights into a model",
        path.display()
    )]
    UnknownModel {
        /// The file.
        path: PathBuf,
        /// What is missing or wrong.
        reason: String,
    },
    /// A card with a number out of range, or whose parts contradict each other.
    #[error("the description of the model is wrong: {reason}")]
    Card {
        /// Which number or parts, and how.
        reason: String,
    },
    /// Weights of a network that is not known.
    #[error("cannot tell which network these weights belong to: {reason}; {remedy}")]
    Unrecognised {
        /// What was seen.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// Weights that are not all that a network needs.
    #[error(
        "the file does not hold a whole {arch}, and nothing was written; --arch names another network\n{report}"
    )]
    Incomplete {
        /// The architecture that was recognised or asked for.
        arch: String,
        /// What became of each tensor.
        report: Box<twist_io::LoadReport>,
    },
    /// Weights of a network that computes something else than the one that was recognised.
    #[error(
        "the network computes with tensors that {arch} of Twist does not have: {}. Its features would be others, so nothing was \
         written; convert a network without them, or remove them from the file if you know that they change nothing",
        some(tensors)
    )]
    OtherNetwork {
        /// The architecture that was recognised or asked for.
        arch: String,
        /// Names of the tensors in the file.
        tensors: Vec<String>,
    },
    /// A tensor that cannot be used.
    #[error("tensor `{}`: {source}", twist_io::shown(name))]
    BadTensor {
        /// Its name in the file.
        name: String,
        /// Why.
        source: twist_io::TensorError,
    },
    /// Features or probabilities that are not numbers.
    #[error(
        "{} gives features or probabilities that are NaN or infinite: its weights are damaged, or they are too large for the precision (--precision \
         fp32 computes in the widest)",
        if path.as_os_str().is_empty() { "the model".to_owned() } else { path.display().to_string() }
    )]
    FeaturesNotFinite {
        /// The weight file; empty for a model that was made here.
        path: PathBuf,
    },
    /// Images that were exchanged while they were read.
    #[error(
        "the images changed while their features were computed, so nothing was kept: run this again when nothing changes them any more"
    )]
    ImagesChanged,
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
    /// Features of another width than the model's.
    #[error(
        "{} takes features of {expected} numbers, and these have {got}: they come from another backbone",
        path.display()
    )]
    FeatureWidth {
        /// The weight file.
        path: PathBuf,
        /// What the model takes.
        expected: i64,
        /// What was given.
        got: i64,
    },
    /// Images were given to a model of features.
    #[error(
        "{} has no backbone: it was trained on features that another program computed, so give it features (.npy or .parquet), not images",
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
    /// A momentum teacher was asked for and there is none.
    #[error(
        "{} has no momentum teacher, which only a recipe with [teacher] trains; leave out --teacher (or `:teacher`)",
        path.display()
    )]
    NoTeacher {
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
    /// The run folder.
    #[error(transparent)]
    Run(#[from] twist_run::RunError),
    /// The network refused its input.
    #[error(transparent)]
    Net(#[from] twist_nn::NnError),
    /// libtorch, through the extension crate.
    #[error(transparent)]
    TorchExt(#[from] torch_ext::TorchError),
    /// libtorch.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// A file of the run folder could not be written.
    #[error(transparent)]
    Io(#[from] twist_io::IoError),
    /// An example to search by that is not an image.
    #[error("{} cannot be searched for: {reason}", path.display())]
    Query {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A table that cannot be written there.
    #[error("cannot write {}: {reason}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// Why, with the remedy.
        reason: String,
    },
    /// A stream, such as stdout, that takes no more.
    #[error("cannot write the table: {source}")]
    Stream {
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A table in parquet that could not be made.
    #[error("cannot make the parquet file: {reason}")]
    Parquet {
        /// What its library said.
        reason: String,
    },
    /// The table of embeddings.
    #[error("cannot make the table of embeddings: {0}")]
    Table(#[from] arrow_schema::ArrowError),
    /// Classes that are matched by number and are not as many.
    #[error(
        "the model's classifier has {model} classes and {data} are given; without names on both sides they are matched by \
         number, so there must be as many (twist import --classes FILE names the model's)"
    )]
    ClassCount {
        /// Outputs of the classifier.
        model: i64,
        /// Classes of the data set, or names in a file.
        data: usize,
    },
    /// Labels with which nothing can be measured.
    #[error(
        "all labelled images are of one class, {name}, so that every answer would be right: measure with images of several \
         classes (`twist data info DATA` shows which ones there are)"
    )]
    NothingToMeasure {
        /// The class.
        name: String,
    },
    /// The figures as JSON.
    #[error("cannot write the figures as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// The first of several names.
fn some(names: &[String]) -> String {
    let more = if names.len() > 5 { format!(" and {} more", names.len() - 5) } else { String::new() };
    let few: Vec<_> = names[..names.len().min(5)].iter().map(|name| twist_io::shown(name)).collect();
    format!("{}{more}", few.join(", "))
}
