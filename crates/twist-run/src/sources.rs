//! `data.json`: where the images of a run come from, so that a run resumes without being told again.

use std::path::Path;

use serde::{Deserialize, Serialize};
use twist_io::{Refused, read_if_there, write_json};

use crate::{RunError, files};

/// What the command line said that is not in the recipe. Paths begin at the root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// Name or file of the recipe.
    pub recipe: String,
    /// The images to learn from.
    pub train: String,
    /// The images to measure on.
    pub held_out: Option<String>,
    /// Where labels come from.
    pub labels: String,
    /// The model whose features a head learns from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen: Option<String>,
    /// The model whose weights the run begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init: Option<String>,
    /// The checkpoint of the released code that the run goes on from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continued: Option<String>,
}

impl Sources {
    /// What the run in `folder` was started with; `None` without a run.
    ///
    /// # Errors
    /// The file cannot be read, or is damaged.
    pub fn read(folder: &Path) -> Result<Option<Self>, RunError> {
        let path = folder.join(files::DATA);
        let Some(bytes) = read_if_there(&path)? else { return Ok(None) };
        Ok(Some(serde_json::from_slice(&bytes).map_err(|error| {
            let remedy = "remove it and give DATA on the command line";
            Refused::new(format!("{} is damaged ({error})", path.display())).remedy(remedy)
        })?))
    }

    /// Writes the file of the run in `folder`, atomically.
    ///
    /// # Errors
    /// The disk is full or read-only.
    pub fn write(&self, folder: &Path) -> Result<(), RunError> {
        Ok(write_json(folder.join(files::DATA), self)?)
    }
}
