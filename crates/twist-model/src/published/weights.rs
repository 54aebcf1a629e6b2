//! The tensors in a folder.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use twist_io::{Refused, StateDict, WeightFormat, load_pickle, load_safetensors, shard_format, shown};

use super::{Description, Wanted, files_in};
use crate::ModelError;

/// A network in a folder: its weight files, and what is said about it.
#[derive(Debug)]
pub(crate) struct PublishedFolder {
    pub(crate) weights: Vec<PathBuf>,
    /// The tensors that an index of several files lists.
    listed: Option<BTreeSet<String>>,
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
        Ok(Self { weights, listed: wanted.listed, heads, description })
    }

    /// The tensors of all weight files.
    ///
    /// # Errors
    /// A file is missing or damaged; two hold tensors of one name; they do not hold the tensors that their index lists.
    pub(crate) fn joined(&self) -> Result<StateDict, ModelError> {
        let all = joined(&self.weights)?;
        let Some(listed) = &self.listed else { return Ok(all) };
        let found: BTreeSet<&str> = all.iter().map(|(name, _)| name).collect();
        let missing = listed.iter().map(String::as_str).find(|name| !found.contains(name));
        let unlisted = found.iter().copied().find(|name| !listed.contains(*name));
        let why = match (missing, unlisted) {
            (Some(name), _) => format!(
                "the index of its weight files lists a tensor `{}`, which none of them has",
                shown(name)
            ),
            (None, Some(name)) => {
                format!("its weight files have a tensor `{}`, which their index does not list", shown(name))
            }
            (None, None) => return Ok(all),
        };
        let folder = self.weights.first().and_then(|file| file.parent()).unwrap_or(Path::new(""));
        let why = format!("{}: {why}", folder.display());
        Err(ModelError::unrecognised(why, "the files do not belong together: fetch them again"))
    }
}

/// The tensors of several files, of which each holds some.
///
/// # Errors
/// A file is missing or damaged; two hold tensors of one name.
fn joined(files: &[PathBuf]) -> Result<StateDict, ModelError> {
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
