//! PyTorch's weight files, read without Python and without executing anything.
//!
//! A `.pth`, `.pt` or `.th` file is a program for a stack machine, Python's pickle, with the tensors' bytes beside it.
//! Python runs any function that such a program names, which is why untrusted weight files are dangerous there. The
//! machine here ([`machine`]) knows the instructions and the few functions that rebuild dictionaries, tensors and
//! parameters ([`calls`]); whatever else a file names becomes an object without content that is passed over.
//!
//! ```text
//! since PyTorch 1.6   a zip archive, nothing compressed ([`archive`]): NAME/data.pkl, NAME/data/KEY for each storage
//! before              one stream ([`legacy`]): pickles of a magic number, the protocol, sizes of C's types, the object,
//!                     and the list of storage keys; then each storage as a count of elements and their bytes
//! ```
//!
//! Nothing that a file says is believed before it was checked against the file's length, so a hostile file costs no
//! more memory than a small multiple of it: each instruction makes at most one node of a flat list ([`node`]), nodes share
//! what they have in common and never copy it, what is made is counted against the bytes that were read
//! ([`node::Heap`]), and tensors are made of storages only when a state dict is asked for ([`tensors`]).

mod archive;
mod legacy;

mod machine;

mod calls;
mod opcode;
mod source;

mod node;
mod tensors;

mod optimizer;
mod value;

mod arrays;
mod program;
mod write;

mod damage;

use std::io::Read;
use std::path::{Path, PathBuf};

use crate::refused::{Refused, some_of};
use crate::regular::open_regular;

pub use arrays::{Pickled, save_arrays};
pub use damage::PickleDamage;
pub use optimizer::OptimizerState;
pub use value::{PickleStates, PickleValue};
pub use write::save_pickle;

use damage::Fault;
use node::{Heap, Id};
use tensors::Storages;
use value::State;

use crate::error::IoError;
use crate::printable::shown;
use crate::state::StateDict;

/// Whether a file begins as one of these: as a zip archive, or as a pickle.
pub(crate) fn begins_pickle(start: &[u8]) -> bool {
    start.starts_with(&archive::MAGIC) || start.first() == Some(&opcode::PROTO)
}

/// Most bytes of all tensors of a state dict, in lengths of the file: views may share their bytes, but not without end.
const MAX_SHARING: u64 = 8;

/// A weight file of PyTorch: a tree of values, in which state dicts are found by their keys.
#[derive(Debug)]
pub struct PickleFile {
    path: PathBuf,
    length: u64,
    heap: Heap,
    root: Id,
    states: Vec<State>,
    storages: Storages,
}

/// Most keys that an error lists.
const LISTED: usize = 8;

/// Opens a weight file of PyTorch, of either format. No tensor is read yet.
///
/// # Errors
/// It is another file; [`IoError::Pickle`] with one [`PickleDamage`] for each way in which a file can be damaged.
pub fn load_pickle(path: impl AsRef<Path>) -> Result<PickleFile, IoError> {
    let path = path.as_ref();
    let os = |source| IoError::os("read", path, None, source);
    let mut file = open_regular(path).map_err(os)?;
    let length = file.metadata().map_err(os)?.len();
    if length == 0 {
        return Err(IoError::Empty(path.to_owned()));
    }

    let mut start = [0; 4];
    let known = usize::try_from(length).map_or(4, |length| length.min(4));
    file.read_exact(&mut start[..known]).map_err(os)?;
    let opened = match start {
        archive::MAGIC => archive::open(file, length),
        [opcode::PROTO, ..] => legacy::open(file, length),
        _ => Err(Fault::Not("it starts neither like a zip archive nor like a pickle".to_owned())),
    };
    let (heap, root, storages) = opened.map_err(|fault| fault.at(path))?;
    let states = value::states(&heap, root).map_err(|damage| Fault::from(damage).at(path))?;
    Ok(PickleFile { path: path.to_owned(), length, heap, root, states, storages })
}

impl PickleFile {
    /// The object that was saved.
    pub fn root(&self) -> PickleValue<'_> {
        PickleValue::new(&self.heap, self.root)
    }

    /// The keys under which there are tensors, with their number, in the order of the file: empty for the saved object
    /// itself, `model` for its entry of this name, `ema/state_dict` for an entry of an entry.
    pub fn states(&self) -> PickleStates {
        self.states.iter().map(|state| (state.key.clone(), state.tensors)).collect()
    }

    /// Names and shapes of the tensors under a key, as the file claims them; none of them is read.
    pub fn shapes(&self, key: &str) -> Vec<(String, Vec<usize>)> {
        self.named(key).into_iter().map(|(name, plan)| (name.to_owned(), plan.shape.clone())).collect()
    }

    /// The tensors under a key of [`states`](PickleFile::states), in order and each contiguous. Entries that are no
    /// tensors are passed over.
    ///
    /// # Errors
    /// The file has no tensor; as [`load_pickle`] for what only shows now: storages that are missing or
    /// too short, and types that Twist does not read.
    pub fn state_dict(&mut self, key: &str) -> Result<StateDict, IoError> {
        let Some(id) = self.place(key) else {
            let found: Vec<String> = self.states.iter().map(|state| state.key.clone()).collect();
            let place =
                if key.is_empty() { "at its top".into() } else { format!("under the key `{}`", shown(key)) };
            let others = match found.is_empty() {
                true => "save the network's state_dict(), not the network itself".into(),
                false => format!("there are some under {}", some_of(&found, LISTED)),
            };
            let what = format!("{} has no tensors {place}; {others}", self.path.display());
            return Err(Refused::new(what).into());
        };
        let named = value::tensors(&self.heap, id);
        let most = self.most_bytes();
        tensors::read(&mut self.storages, &named, most).map_err(|fault| fault.at(&self.path))
    }

    /// Most bytes of all tensors that are read at once.
    fn most_bytes(&self) -> u64 {
        self.length.saturating_mul(MAX_SHARING)
    }

    /// The dictionary of a key.
    fn place(&self, key: &str) -> Option<Id> {
        self.states.iter().find(|state| state.key == key).map(|state| state.id)
    }

    /// The tensors under a key; none if the key does not exist.
    fn named(&self, key: &str) -> Vec<(&str, &node::TensorPlan)> {
        self.place(key).map_or_else(Vec::new, |id| value::tensors(&self.heap, id))
    }
}
