//! How a data set is opened: where its labels come from, and what becomes of several splits.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

/// Where the labels come from. They are never needed to train, only to measure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LabelSource {
    /// What the data brings: sub-folders, the list's second column, `.cls` members, the label column. Folders whose names
    /// say otherwise are not classes: dates, cameras, splits, and a folder around all images.
    #[default]
    Auto,
    /// As `Auto`, but folders are classes whatever they are called.
    Folder,
    /// As `Auto`, but the twenty super-classes of CIFAR-100 (or a table's `coarse_label`) instead of the fine ones.
    Coarse,
    /// None: any labels in the data are ignored.
    None,
    /// A CSV file with the columns `path,label`.
    File(PathBuf),
}

impl FromStr for LabelSource {
    type Err = Infallible;

    /// `auto`, `folder`, `coarse`, `none`, or else the path of a CSV file.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "auto" => Self::Auto,
            "folder" => Self::Folder,
            "coarse" => Self::Coarse,
            "none" => Self::None,
            path => Self::File(path.into()),
        })
    }
}

/// How to open a data set.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Where the labels come from.
    pub labels: LabelSource,
    /// What to do about several splits in one folder.
    pub splits: Splits,
}

/// What to do about a folder that holds several splits, such as `train` and `val`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Splits {
    /// It is an error: after training on all of them, nothing is left to measure on.
    #[default]
    Refuse,
    /// They are looked at together.
    Together,
}
