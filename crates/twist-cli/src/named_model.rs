//! MODEL by a name instead of a path: `hf:ORG/NAME` of the Hugging Face hub.

use std::path::{Path, PathBuf};

use anyhow::Context;
use twist_model::{HubName, ImportOptions, Library, Weights, fetch};

use crate::bar;
use crate::commands::import;
use crate::talk::Talk;

/// The file that `written` means: itself where there is one; for a name of the hub the model that was imported under it,
/// which is fetched and imported now where it was not before.
///
/// # Errors
/// What went wrong at the hub, and what to do.
pub(crate) fn resolved(written: &Path, talk: &Talk) -> anyhow::Result<PathBuf> {
    let Some(name) = written.to_str().and_then(HubName::of).filter(|_| !written.exists()) else {
        return Ok(written.to_owned());
    };
    let (name, library) = (name?, library()?);
    match library.find(&name.to_string()) {
        Some(file) => Ok(file),
        None => {
            let file = library.file(&name.to_string());
            import::of_hub(&name, &ImportOptions::default(), None, &file, talk)
        }
    }
}

/// The user's models.
pub(crate) fn library() -> anyhow::Result<Library> {
    Library::of_user().context("there is no folder for models: set HOME or XDG_CACHE_HOME")
}

/// Fetches the files of a repository; the weights, and where they come from in one line.
pub(crate) fn fetched(name: &HubName, talk: &Talk) -> anyhow::Result<(Weights, String)> {
    talk.say(format!("fetching {name} …"));
    let mut current = (String::new(), bar::bytes(0, "", talk));
    let snapshot = fetch(name, &mut |file, done, all| {
        if current.0 != file {
            current.1.finish_and_clear();
            current = (file.to_owned(), bar::bytes(all, file, talk));
        }
        current.1.set_position(done);
    });
    current.1.finish_and_clear();
    let snapshot = snapshot?;
    let files: Vec<String> =
        snapshot.weights.iter().map(|(file, sha256)| format!("{file} sha256 {sha256}")).collect();
    let origin = format!("{name} at commit {}, {}", snapshot.commit, files.join(", "));
    Ok((Weights::open(&snapshot.folder)?, origin))
}
