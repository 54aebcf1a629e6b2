//! MODEL by a name instead of a path: `hf:ORG/NAME` of the Hugging Face hub.

use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use twist_model::{HubName, NamedModel};

use crate::bar;
use crate::commands::import;
use crate::talk::Talk;

/// The file that `written` means: itself where there is one; for a name of the hub the model that was imported under it,
/// which is fetched and imported now where it was not before.
///
/// # Errors
/// What went wrong at the hub, and what to do.
pub(crate) fn resolved(written: &Path, talk: &Talk) -> anyhow::Result<PathBuf> {
    let named = NamedModel::of(written)?;
    if let NamedModel::OnHub(name, _) = &named {
        say_fetching(name, talk);
    }
    let mut transfer = Transfer::new(talk);
    let (file, imported) = named.file(&mut |file, done, all| transfer.at(file, done, all))?;
    drop(transfer);
    imported.iter().for_each(|(imported, key)| import::tell(imported, key, talk));
    Ok(file)
}

pub(crate) fn say_fetching(name: &HubName, talk: &Talk) {
    talk.say(format!("fetching {name} …"));
}

/// A bar for each file that is transferred.
pub(crate) struct Transfer<'a> {
    talk: &'a Talk,
    file: String,
    bar: ProgressBar,
}

impl<'a> Transfer<'a> {
    /// Before the first file.
    pub(crate) fn new(talk: &'a Talk) -> Self {
        Self { talk, file: String::new(), bar: ProgressBar::hidden() }
    }

    /// `done` of `all` bytes of a file are there.
    pub(crate) fn at(&mut self, file: &str, done: u64, all: u64) {
        if self.file != file {
            self.bar.finish_and_clear();
            (self.file, self.bar) = (file.to_owned(), bar::bytes(all, file, self.talk));
        }
        self.bar.set_position(done);
    }
}

impl Drop for Transfer<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
