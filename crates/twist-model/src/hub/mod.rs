//! Weights from the Hugging Face hub: `hf:ORG/NAME` names a repository, and [`fetch`] brings its weights and the files that
//! describe them into the hub's own cache, which other programs share.
//!
//! Nothing is fetched unless somebody writes such a name. The variables of the hub's own client are honoured: `HF_HOME`,
//! `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN` and `HF_HUB_OFFLINE`. The `hf-hub` crate transfers; this module decides which
//! files are needed, compares each with its SHA-256, and says what to do when something fails.

mod error;
mod name;
mod settings;
mod transfer;
mod verify;
mod watch;

use std::path::PathBuf;

pub use error::HubError;
pub use name::HubName;

use settings::Settings;

use crate::published::{FIRST, NoWeights, Wanted, files_in};

/// A repository at one commit, in the hub's cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The folder with its files.
    pub folder: PathBuf,
    /// The commit.
    pub commit: String,
    /// Each weight file with the SHA-256 of its bytes, 64 hexadecimal digits.
    pub weights: Vec<(String, String)>,
}

/// How a transfer goes on: file, bytes that are there, bytes of the whole file.
pub type Progress<'a> = &'a mut dyn FnMut(&str, u64, u64);

/// The newest snapshot of a repository. Files that the cache has are not transferred again, and a transfer that was
/// interrupted continues where it stopped. With `HF_HUB_OFFLINE` the cache alone is asked. A hub that says nothing for a minute is
/// an error.
///
/// # Errors
/// [`HubError`] says what failed and what to do.
pub fn fetch(name: &HubName, progress: Progress<'_>) -> Result<Snapshot, HubError> {
    fetch_by(name, &Settings::of_environment(), progress)
}

fn fetch_by(name: &HubName, settings: &Settings, progress: Progress<'_>) -> Result<Snapshot, HubError> {
    let folder = match settings.offline {
        true => in_cache(name, settings).ok_or_else(|| not_cached(name))?,
        false => watch::transferred(name, settings, progress)?,
    };
    let commit = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let files = files_in(&folder)?;
    let wanted = Wanted::of(&files, |index| fs_err::read_to_string(folder.join(index)))?;
    let wanted = wanted.map_err(|none| no_weights(name, none))?;
    let weights = wanted.all_weights().map(|file| {
        let sha256 = verify::checked(name, &folder, file)?;
        Ok((file.clone(), sha256))
    });
    Ok(Snapshot { commit, weights: weights.collect::<Result<_, HubError>>()?, folder })
}

fn no_weights(name: &HubName, none: NoWeights) -> HubError {
    HubError::new(name, none.reason, none.remedy)
}

fn not_cached(name: &HubName) -> HubError {
    let remedy = "Fetch it once without HF_HUB_OFFLINE, or set HF_HOME to the folder of a cache that has it";
    HubError::new(name, "it is not in the cache, and HF_HUB_OFFLINE is set", remedy)
}

/// The folder of a commit with weights.
fn in_cache(name: &HubName, settings: &Settings) -> Option<PathBuf> {
    let cached = settings.cache.repo(name.repo());
    let branch = || FIRST.iter().find_map(|file| Some(cached.get(file)?.parent()?.to_owned()));
    let commit = cached.pointer_path(name.revision());
    if commit.is_dir() { Some(commit) } else { branch() }
}

#[cfg(test)]
mod tests;
