//! What can go wrong with the names of discovered classes.

use std::path::PathBuf;

use thiserror::Error;

/// A name, a merge or a file of them that cannot be.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClusterError {
    // === What was asked for ===
    /// Neither a number nor a name of a class.
    #[error("there is no class `{given}`: the classes are 0 to {}{}", clusters.saturating_sub(1), hint(similar))]
    NoClass {
        /// What was asked for.
        given: String,
        /// How many there are.
        clusters: u32,
        /// Names that look like it.
        similar: Vec<String>,
    },
    /// Another class is called so, or was before it was merged.
    #[error("`{name}` is already the name of class {class}: choose another one, or merge the two")]
    NameTaken {
        /// The name.
        name: String,
        /// Who has it.
        class: u32,
    },
    /// A text that cannot be a name.
    #[error("`{name}` cannot be the name of a class: {reason}")]
    BadName {
        /// The text.
        name: String,
        /// Why not.
        reason: String,
    },
    /// Fewer than two classes to merge.
    #[error("a merge needs two classes that are not merged yet; got {given}")]
    NothingToMerge {
        /// What was asked for.
        given: String,
    },
    /// A class that others merged or took apart meanwhile.
    #[error(
        "class {class} has changed since you saw it: someone merged it or undid a merge in the meantime; look at it again"
    )]
    Changed {
        /// The class.
        class: u32,
    },
    /// A class that was never merged cannot be taken apart.
    #[error("class {class} is not merged with any other")]
    NotMerged {
        /// The class.
        class: u32,
    },
    /// A threshold that is not a probability.
    #[error("the threshold for unsure images must be a probability from 0 to 1; got {got}")]
    Threshold {
        /// What was asked for.
        got: f64,
    },

    // === The file ===
    /// A file that does not hold what it should.
    #[error(
        "{} cannot be used: {reason}; correct it, or move it away to start without names",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file for another model.
    #[error(
        "{} belongs to a model with {file} classes, but this one has {model}: move it away, or give the model that it belongs to",
        path.display()
    )]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// Classes according to the file.
        file: u32,
        /// Classes of the model.
        model: u32,
    },
    /// Reading.
    #[error("{0}")]
    File(#[from] std::io::Error),
    /// Writing.
    #[error(transparent)]
    Io(#[from] twist_io::IoError),
}

fn hint(similar: &[String]) -> String {
    if similar.is_empty() { String::new() } else { format!("; did you mean `{}`?", similar.join("` or `")) }
}
