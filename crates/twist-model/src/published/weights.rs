//! The tensors in a folder.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use twist_io::{Refused, StateDict, WeightFormat, load_pickle, load_safetensors, shard_format, shown};

use super::{Description, Wanted, files_in};
use crate::ModelError;

/// A network in a folder: its weight files, and what is said about it.
#[derive(Debug)]
pub(crate) struct PublishedFolder {
    pub(crate) weights: Vec<PathBuf>,
    /// Head and classifier of a network that Twist exported.
    pub(crate) heads: Option<PathBuf>,
    pub(crate) description: Description,
}

impl PublishedFolder {
    /// Looks into a folder.
    ///
    /// # Errors
    /// It holds no network; what describes the network cannot be followed.
    pub(crate) fn open(folder: &Path) -> Result<Self, ModelError> {
        let unreadable = |source: std::io::Error| ModelError::from(Refused::reading(folder, source));
        let files = files_in(folder).map_err(unreadable)?;
        let wanted =
            Wanted::of(&files, |index| fs_err::read_to_string(folder.join(index))).map_err(unreadable)?;
        let wanted = wanted.map_err(|none| {
            ModelError::unrecognised(format!("{}: {}", folder.display(), none.reason), none.remedy)
        })?;
        let remedy =
            "import the weight file itself and say with --size, --resize, --mean and --std what is meant";
        let description = Description::of_folder(folder, &wanted.descriptions)
            .map_err(|unclear| ModelError::unrecognised(unclear.to_string(), remedy))?;
        let weights = wanted.weights.iter().map(|file| folder.join(file)).collect();
        let heads = wanted.heads.map(|file| folder.join(file));
        Ok(Self { weights, heads, description })
    }
}

/// The tensors of several files, of which each holds some.
///
/// # Errors
/// A file is missing or damaged; two hold tensors of one name.
pub(crate) fn joined(files: &[PathBuf]) -> Result<StateDict, ModelError> {
    let mut all = StateDict::default();
    let mut seen = HashSet::new();
    for path in files {
        let state = match shard_format(path)? {
            WeightFormat::Safetensors => load_safetensors(path)?.0,
            WeightFormat::Pickle => load_pickle(path)?.state_dict("")?,
        };
        for (name, tensor) in state.0 {
            if !seen.insert(name.clone()) {
                let why = format!("{}: an earlier file has a tensor `{}` too", path.display(), shown(&name));
                return Err(ModelError::unrecognised(
                    why,
                    "the files do not belong together: fetch them again",
                ));
            }
            all.push(name, tensor);
        }
    }
    Ok(all)
}
