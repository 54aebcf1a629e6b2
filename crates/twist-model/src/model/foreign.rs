//! From weights of other programs to a model file: those of a file, a folder or a repository of the hub.

use std::path::{Path, PathBuf};

use twist_io::Refused;

use super::{ImportOptions, Imported, Weights, import, import_own, with_heads};
use crate::hub::{HubName, Progress, fetch};
use crate::{Library, ModelError, export};

/// A model that somebody wrote as MODEL.
#[derive(Clone, Debug)]
pub enum NamedModel {
    /// It lies there, or would.
    File(PathBuf),
    /// It is called `hf:ORG/NAME` and was not imported before; this will be its file.
    OnHub(HubName, PathBuf),
}

impl NamedModel {
    /// What `written` means: itself, unless it is a name of the hub and not a file.
    ///
    /// # Errors
    /// A name that cannot be one; the user has no folder for models.
    pub fn of(written: &Path) -> Result<Self, ModelError> {
        let Some(name) = written.to_str().and_then(HubName::of).filter(|_| !written.exists()) else {
            return Ok(Self::File(written.to_owned()));
        };
        let (name, library) = (name?, Library::of_user()?);
        Ok(match library.find(&name.to_string()) {
            Some(file) => Self::File(file),
            None => {
                let file = library.file(&name.to_string());
                Self::OnHub(name, file)
            }
        })
    }

    /// Its file. One that is on the hub is fetched and imported, and what came of that is returned as well, with the key of
    /// its tensors.
    ///
    /// # Errors
    /// Those of [`Foreign`].
    pub fn file(self, progress: Progress<'_>) -> Result<(PathBuf, Option<(Imported, String)>), ModelError> {
        match self {
            Self::File(file) => Ok((file, None)),
            Self::OnHub(name, file) => {
                let foreign = Foreign::fetch(&name, progress)?;
                if let Some(folder) = file.parent() {
                    fs_err::create_dir_all(folder)
                        .map_err(|error| Refused::writing(&file, error.to_string()))?;
                }
                let imported = foreign.import(&ImportOptions::default(), None, &file)?;
                Ok((file, Some(imported)))
            }
        }
    }
}

/// Weights of another program.
#[derive(Debug)]
pub struct Foreign {
    weights: Weights,
    /// What errors call them.
    source: String,
    /// Where they come from, in one line.
    origin: String,
}

impl Foreign {
    /// Opens a file or a folder, as [`Weights::open`].
    ///
    /// # Errors
    /// Those of [`Weights::open`].
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let origin = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        Ok(Self { weights: Weights::open(path)?, source: path.display().to_string(), origin })
    }

    /// Fetches the files of a repository of the hub.
    ///
    /// # Errors
    /// What went wrong at the hub, and what to do; those of [`Weights::open`].
    pub fn fetch(name: &HubName, progress: Progress<'_>) -> Result<Self, ModelError> {
        let snapshot = fetch(name, progress)?;
        let files: Vec<String> =
            snapshot.weights.iter().map(|(file, sha256)| format!("{file} sha256 {sha256}")).collect();
        let origin = format!("{name} at commit {}, {}", snapshot.commit, files.join(", "));
        Ok(Self { weights: Weights::open(&snapshot.folder)?, source: name.to_string(), origin })
    }

    /// Makes a model of the tensors under `key` (`None`: it is chosen), writes it to `out`, and returns it with the key.
    ///
    /// # Errors
    /// No network is recognised; those of [`import`] and [`export`].
    pub fn import(
        self,
        options: &ImportOptions,
        key: Option<&str>,
        out: &Path,
    ) -> Result<(Imported, String), ModelError> {
        let Self { mut weights, source, origin } = self;
        if let Some(model) = weights.take_model() {
            let of_source = |error: ModelError| Refused::new(source.clone()).caused_by(error);
            if key.is_some() {
                return Err(Refused::new(format!("{source} is a model of Twist"))
                    .remedy("leave --key out")
                    .into());
            }
            let options = ImportOptions { origin: format!("imported from {origin}"), ..options.clone() };
            let imported = import_own(model, &options).map_err(of_source)?;
            export(&imported.model, &twist_io::followed(out))?;
            return Ok((imported, String::new()));
        }
        let key = match key {
            Some(key) => key.to_owned(),
            None => weights
                .choose(options.arch)
                .map_err(|error| Refused::new(format!("{source}{}", keys(&weights))).caused_by(error))?,
        };
        let options = ImportOptions {
            activation: weights.activation(),
            origin: format!("imported from {origin}{}", in_key(&key)),
            ..options.clone()
        };
        let options = options.or_described(weights.description());
        let of_key = |error: ModelError| Refused::new(format!("{source}{}", in_key(&key))).caused_by(error);
        let mut imported = import(weights.state(&key)?, &options).map_err(of_key)?;
        if let Some(heads) = weights.heads() {
            imported.model = with_heads(imported.model, heads).map_err(of_key)?;
        }
        export(&imported.model, &twist_io::followed(out))?;
        Ok((imported, key))
    }
}

/// ` (key model)`; nothing for the file itself.
pub fn in_key(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!(" (key {key})") }
}

/// What `--key` could say, for the error.
fn keys(weights: &Weights) -> String {
    let keys: Vec<String> =
        weights.keys().into_iter().map(|(key, _)| key).filter(|key| !key.is_empty()).collect();
    match keys.as_slice() {
        [] => String::new(),
        keys => {
            let few: Vec<_> = keys.iter().take(8).map(|key| twist_io::shown(key)).collect();
            format!(" (with the keys {})", few.join(", "))
        }
    }
}
