//! What can go wrong in an evaluation.

use std::path::PathBuf;

/// An evaluation that could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvalError {
    /// No rows to compute anything of.
    #[error(
        "there is nothing to evaluate: no image of the data set could be read; `twist data info DATA` lists the reasons"
    )]
    NoFeatures,
    /// The model, its features, or a table of them.
    #[error(transparent)]
    Model(#[from] twist_model::ModelError),
    /// k-means asked for more clusters than there are points.
    #[error("k-means needs at least as many images as clusters: {points} images for {clusters} clusters")]
    TooFewPoints {
        /// Rows given.
        points: i64,
        /// Centroids asked for.
        clusters: i64,
    },
    /// Too few images of a transfer data set to choose anything by.
    #[error(
        "{set}: of {images} training images none can be held out, or none is left: two of each class are needed at least \
         (fine-tuning with one rate and one weight decay needs none)"
    )]
    NothingToValidate {
        /// The data set.
        set: &'static str,
        /// Its readable training images.
        images: usize,
    },
    /// A grid without a setting.
    #[error("there is nothing to try: name at least one learning rate and one weight decay")]
    NothingToTry,
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
    /// Classes of a data set that a classifier does not have.
    #[error(
        "the classifier does not know {count} of the data set's classes, such as {}; it knows {} and others",
        unknown.join(", "),
        known.join(", ")
    )]
    ClassNames {
        /// How many it does not know.
        count: usize,
        /// Some of them.
        unknown: Vec<String>,
        /// Some that it does know.
        known: Vec<String>,
    },
    /// The run folder cannot be used, or an event not be recorded.
    #[error(transparent)]
    Run(#[from] twist_run::RunError),
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
    /// A part of the labels outside of 0 to 100 %.
    #[error("--percent {percent}: give a number above 0 and up to 100")]
    Percent {
        /// As given.
        percent: f64,
    },
    /// Labels that tell nothing apart.
    #[error("the labels name {}; a classifier needs images of at least two classes", one_class(name))]
    OneClass {
        /// The class; empty when there is none.
        name: String,
    },
    /// Test images of classes that were never shown.
    #[error(
        "the test images have classes that none of the {known} labelled classes is called: {}; label an image of each, or \
         give both data sets the same class names",
        some(unknown)
    )]
    ClassesUnknown {
        /// Their names.
        unknown: Vec<String>,
        /// Number of classes with labels.
        known: usize,
    },
    /// A number of a plan that is out of its range.
    #[error("{what} is {value}, but it has to be {rule}")]
    PlanValue {
        /// Which number.
        what: &'static str,
        /// The range.
        rule: &'static str,
        /// As given.
        value: String,
    },
    /// The loss left the numbers.
    #[error(
        "the loss is not a finite number in epoch {epoch}: lower the rates (--lr {lr}{}), or use --precision fp32; nothing \
         later than the epoch before was saved",
        backbone_rate(*backbone_lr)
    )]
    NotFinite {
        /// The epoch, counted from 1.
        epoch: u64,
        /// First rate of the classifier.
        lr: f64,
        /// First rate of the backbone, 0 when it is frozen.
        backbone_lr: f64,
    },
    /// A run folder of another kind.
    #[error("{} does not describe a run of `twist finetune`: {reason}; name another folder with --out", path.display())]
    NotFinetuning {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        reason: String,
    },
    /// Rates cannot be chosen.
    #[error(
        "none of the {images} training images can be held out to choose a learning rate by: each class has one; name a rate \
         with --lr, or label more images"
    )]
    NothingHeldOut {
        /// Number of training images.
        images: usize,
    },
    /// Scores of labels against clusters.
    #[error(transparent)]
    Metrics(#[from] twist_metrics::MetricsError),
    /// A file of the run folder could not be written.
    #[error(transparent)]
    Io(#[from] twist_io::IoError),
    /// The names of classes cannot be kept.
    #[error(transparent)]
    Names(#[from] twist_run::ClusterError),
    /// The table of embeddings.
    #[error("cannot make the table of embeddings: {0}")]
    Table(#[from] arrow_schema::ArrowError),
    /// A picture.
    #[error("cannot encode a picture: {0}")]
    Picture(#[from] image::ImageError),
    /// The figures as JSON.
    #[error("cannot write the figures as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A file that cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A table that cannot be written there.
    #[error("cannot write {}: {reason}", path.display())]
    Output {
        /// The file.
        path: PathBuf,
        /// Why, with the remedy.
        reason: String,
    },
    /// Labels were needed and there are none.
    #[error(
        "no image has a label: sub-folders, a list or the files must say the classes; `twist data info DATA` shows what was found"
    )]
    NoLabels,
    /// One of the labelled images that are needed has no label.
    #[error("{path} has no label, and every image of this set needs one")]
    Unlabelled {
        /// The image.
        path: String,
    },
}

fn examples(words: &str, names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("{words}: {}", names.join(", ")) }
}

fn one_class(name: &str) -> String {
    if name.is_empty() { "no class".into() } else { format!("one class, {name}") }
}

/// The first of several names.
fn some(names: &[String]) -> String {
    let more = if names.len() > 5 { format!(" and {} more", names.len() - 5) } else { String::new() };
    let few: Vec<_> = names[..names.len().min(5)].iter().map(|name| twist_io::shown(name)).collect();
    format!("{}{more}", few.join(", "))
}

fn backbone_rate(rate: f64) -> String {
    if rate > 0.0 { format!(", --backbone-lr {rate}") } else { String::new() }
}
