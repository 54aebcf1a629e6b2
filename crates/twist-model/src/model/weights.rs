//! Weight files of other programs: selects the state dict to use.

use std::path::{Path, PathBuf};

use tch::Device;
use twist_io::{PickleFile, StateDict, WeightFormat, load_pickle, load_safetensors, weight_format};
use twist_nn::{Activation, Arch, BackboneConfig, Store, TensorNames};

use super::Model;
use super::file::of_file;
use super::recognise::recognise;
use super::rename::Names;
use crate::ModelError;
use crate::published::{Description, PublishedFolder};

/// Keys under which programs save a network, the most complete or best one first: released TWIST checkpoints have
/// `model` and `backbone`, DINO's `teacher` and `student`.
const KEYS: [&str; 10] = [
    "",
    "model",
    "state_dict",
    "model_state_dict",
    "teacher",
    "student",
    "net",
    "network",
    "backbone",
    "encoder",
];

/// A file with weights, of either kind, or a folder in which a library published a network.
#[derive(Debug)]
pub struct Weights {
    path: PathBuf,
    kind: Kind,
    description: Description,
    /// Head and classifier, where Twist wrote the folder.
    heads: Option<Box<Model>>,
}

#[derive(Debug)]
enum Kind {
    Safetensors(StateDict),
    Pickle(Box<PickleFile>),
    /// A file of Twist, which says everything of itself.
    Model(Box<Model>),
}

impl Kind {
    fn of(path: &Path) -> Result<Self, ModelError> {
        Ok(match weight_format(path)? {
            WeightFormat::Pickle => Self::Pickle(Box::new(load_pickle(path)?)),
            WeightFormat::Safetensors => match load_safetensors(path)? {
                (state, None) => Self::Safetensors(state),
                (state, metadata) => Self::Model(Box::new(own(path, state, metadata)?)),
            },
        })
    }
}

/// The model in a file of Twist.
fn own(path: &Path, state: StateDict, metadata: Option<serde_json::Value>) -> Result<Model, ModelError> {
    of_file(path.to_owned(), None, state, metadata, false, Device::Cpu)
}

impl Weights {
    /// Opens a file that PyTorch or safetensors wrote (its first bytes say which), or a folder with such files and their
    /// descriptions.
    ///
    /// # Errors
    /// It is neither (the error says what it is and what to do), or it is damaged. A file of Twist does not hold a model, or its card is wrong.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let path = path.to_owned();
        if !path.is_dir() {
            let (kind, description) = (Kind::of(&path)?, Description::default());
            return Ok(Self { kind, path, description, heads: None });
        }
        let folder = PublishedFolder::open(&path)?;
        let kind = match folder.weights.as_slice() {
            [file] => Kind::of(file)?,
            _ => Kind::Safetensors(folder.joined()?),
        };
        let PublishedFolder { heads, description, .. } = folder;
        let heads = match heads {
            Some(file) => {
                let (state, metadata) = load_safetensors(&file)?;
                Some(Box::new(own(&file, state, metadata)?))
            }
            None => None,
        };
        Ok(Self { path, kind, description, heads })
    }

    /// Takes the model, where the file is one of Twist; the other methods are for files of others.
    pub fn take_model(&mut self) -> Option<Model> {
        match std::mem::replace(&mut self.kind, Kind::Safetensors(StateDict::default())) {
            Kind::Model(model) => Some(*model),
            foreign => {
                self.kind = foreign;
                None
            }
        }
    }

    /// Head and classifier on the features of the network, where they lie in a file of their own.
    pub fn heads(&self) -> Option<&Model> {
        self.heads.as_deref()
    }

    /// What the files beside the weights say.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The keys under which there are tensors, with their number; empty for the file itself.
    pub fn keys(&self) -> Vec<(String, usize)> {
        match &self.kind {
            Kind::Safetensors(state) => vec![(String::new(), state.len())],
            Kind::Pickle(file) => file.states(),
            Kind::Model(_) => Vec::new(),
        }
    }

    /// The key of the network in the file: the first of the usual ones, then of all, whose tensors are recognised.
    ///
    /// # Errors
    /// None of them is recognised.
    pub fn choose(&self, arch: Option<Arch>) -> Result<String, ModelError> {
        let mut keys: Vec<String> = self.keys().into_iter().map(|(key, _)| key).collect();
        let rank = |key: &str| KEYS.iter().position(|known| *known == key).unwrap_or(KEYS.len());
        keys.sort_by_key(|key| rank(key));
        let mut first = None;
        for key in keys {
            let Description { heads, activation, .. } = self.description.clone();
            let names = Names::of(&self.shapes(&key)).map(|names| names.with_description(heads, activation));
            if let (Some(arch), Ok(names)) = (arch, &names)
                && has_first_layer(arch, names)
            {
                return Ok(key);
            }
            match names.and_then(|names| recognise(&names, None, None)) {
                Ok(_) => return Ok(key),
                Err(error) => {
                    first.get_or_insert(error);
                }
            }
        }
        Err(first.unwrap_or_else(|| {
            let remedy = "save the network's state_dict(), not the network itself";
            ModelError::unrecognised("the file holds no tensors that have names", remedy)
        }))
    }

    fn shapes(&self, key: &str) -> Vec<(String, Vec<usize>)> {
        match &self.kind {
            Kind::Safetensors(state) => state.shapes(),
            Kind::Pickle(file) => file.shapes(key),
            Kind::Model(_) => Vec::new(),
        }
    }

    /// The tensors under a key.
    ///
    /// # Errors
    /// The key has no tensors; the file is damaged.
    pub fn state(&mut self, key: &str) -> Result<StateDict, ModelError> {
        match &mut self.kind {
            Kind::Safetensors(state) if key.is_empty() => Ok(std::mem::take(state)),
            Kind::Safetensors(_) | Kind::Model(_) => {
                let why = format!(
                    "{} is a safetensors file, which is one list of tensors and has no key `{key}`",
                    self.path.display()
                );
                Err(ModelError::unrecognised(why, "leave --key out"))
            }
            Kind::Pickle(file) => Ok(file.state_dict(key)?),
        }
    }

    /// The projection head's activation, where a released TWIST checkpoint says it.
    pub fn activation(&self) -> Option<Activation> {
        let Kind::Pickle(file) = &self.kind else { return None };
        activation_in(file)
    }
}

/// The head's activation that a checkpoint of the released code says in its `args`.
pub(super) fn activation_in(file: &PickleFile) -> Option<Activation> {
    match file.root().get("args")?.get("act")?.as_str()? {
        "relu" => Some(Activation::Relu),
        "gelu" => Some(Activation::Gelu),
        _ => None,
    }
}

/// Whether the first convolution of an architecture is among the tensors.
fn has_first_layer(arch: Arch, names: &Names) -> bool {
    let mut store = Store::outline();
    let built = BackboneConfig::new(arch).build(&mut store.builder("backbone"));
    let first = store.entries().iter().find(|entry| entry.tensor.dim() == 4);
    built.is_ok() && first.is_some_and(|entry| names.has(&entry.name))
}
