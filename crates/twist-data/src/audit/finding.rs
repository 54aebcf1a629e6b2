//! What was found, as rows of a table.

use super::check::Check;

/// What becomes of an image because of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It stays, and others that repeat it go.
    Keep,
    /// It is on the list of images to remove.
    Remove,
    /// Somebody should look at it.
    Look,
}

impl Action {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Remove => "remove",
            Self::Look => "look",
        }
    }
}

/// One thing found about one image.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Finding {
    /// The number of the image in the data set.
    #[serde(skip)]
    pub index: usize,
    /// The image, as [`crate::Dataset::path`] names it.
    pub path: String,
    /// What was looked for.
    pub check: Check,
    /// The value that counts; of copies the likeness, 1 for equal pixels.
    pub value: Option<f64>,
    /// The group of copies, from 1.
    pub group: Option<usize>,
    /// What becomes of it.
    pub action: Action,
    /// The image that it repeats.
    pub other: Option<String>,
    /// What it means, with the remedy where there is one.
    pub why: String,
}

impl Finding {
    /// Somebody should look at it before it goes.
    pub(super) fn look_at(&mut self, because: &str) {
        self.action = Action::Look;
        self.why = format!("{}; {because}", self.why);
    }
}
