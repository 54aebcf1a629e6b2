//! Models that are kept under a name: what `twist import` fetched from elsewhere.

use std::path::{Path, PathBuf};

use twist_io::Refused;

use crate::user_folder::user_folder;

/// The ending of every model file.
const ENDING: &str = "safetensors";

/// A folder with one weight file for each name.
#[derive(Clone, Debug)]
pub struct Library {
    folder: PathBuf,
}

impl Library {
    /// The user's: `$TWIST_CACHE/models`, else `$XDG_CACHE_HOME/twist/models`, else `~/.cache/twist/models`.
    ///
    /// # Errors
    /// The user has none of them.
    pub fn of_user() -> Result<Self, Refused> {
        let none = || {
            Refused::new("Twist has no folder for models").remedy("set HOME, XDG_CACHE_HOME or TWIST_CACHE")
        };
        user_folder("models").map(Self::at).ok_or_else(none)
    }

    /// In this folder, which is made when it is needed.
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Where the models lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The file of the model that is called `name`, whether it is there or not: `hf:facebook/dinov2-small` is
    /// `hf--facebook--dinov2-small.safetensors`.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{}.{ENDING}", name.replace([':', '/'], "--")))
    }

    /// The file of the model that is called `name`, where it is there.
    pub fn find(&self, name: &str) -> Option<PathBuf> {
        Some(self.file(name)).filter(|file| file.is_file())
    }
}
