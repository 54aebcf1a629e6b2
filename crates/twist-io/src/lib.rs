//! Reads untrusted weight and table files, writes files whole, and holds the small helpers that every crate needs.
//!
//! A checkpoint is an ordered list of named tensors. This crate holds that list in plain memory ([`StateDict`]) and writes
//! it as a [safetensors](https://huggingface.co/docs/safetensors) file that appears under its name complete or not at all.
//! When it reads such a file, it trusts nothing in it. It also compares the names and shapes that a network expects with
//! those in a file ([`match_names`]), because most failed loads are a renamed prefix.
//!
//! Weights of other programs are often PyTorch pickles, which are programs themselves. [`load_pickle`] follows what such a
//! program builds, without executing anything, and returns the state dicts in it.
//!
//! The crate deliberately knows nothing of libtorch or of networks: its parsers read untrusted files, so they must build in
//! seconds and be fuzzed. `torch-ext` turns the tensors into libtorch's, and `twist-nn` decides which of them to use.
//!
//! Data flow: a network's entries → [`StateDict`] → [`save_safetensors`] → [`write_atomic`] → file, and back through
//! [`load_safetensors`] → [`StateDict`] → [`match_names`] → the network. Tensors are read and written one at a time, so a
//! checkpoint is in memory only once. Each tensor is stored with a checksum, which is compared on reading. If a file is not
//! a weight file, [`weight_format`] says what it is.
//!
//! The crate also reads the MATLAB label files of published data sets ([`load_mat`]).
//!
//! It also has what every crate needs and no other crate can hold: text for terminals and tables ([`printable`],
//! [`text_to_cell`], [`thousands`]) and random numbers that depend only on a counter ([`splitmix`]).
//!
//! Equal states give equal bytes: no clock, no host name and no hash order gets into a file.
//!
//! ```
//! use twist_io::{HostTensor, StateDict, load_safetensors, save_safetensors};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("step-00000001.safetensors");
//! let mut state = StateDict::default();
//! state.push("fc.weight", HostTensor::from_slice(vec![2, 2], &[1.0f32, 2.0, 3.0, 4.0])?);
//!
//! save_safetensors(&path, &state, Some(&serde_json::json!({ "step": 1 })))?;
//! let (loaded, metadata) = load_safetensors(&path)?;
//!
//! assert_eq!(loaded, state);
//! assert_eq!(metadata.unwrap()["step"], 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod tensor;

mod state;

mod safetensors;

mod pickle;

mod format;

mod npy;

mod mat;

mod atomic;

mod update;

mod regular;

mod lines;

mod records;

mod shell;

mod names;

mod near;

mod cells;

mod label;

mod unicode;

mod printable;

mod digits;

mod splitmix;

mod error;

mod refused;

mod said;

mod defaults;

pub use crate::atomic::{
    AtomicFile, check_place, followed, remove_leftovers, remove_leftovers_of, remove_unfinished, second_name,
    write_atomic, write_folder, write_json,
};
pub use crate::cells::{has_further_lines, text_of_cell, text_to_cell};
pub use crate::digits::thousands;
pub use crate::error::{HeaderDamage, IoError, TensorError};
pub use crate::format::{WeightFormat, shard_format, weight_format};
pub use crate::label::{is_no_label, label_read_of, mixed_labels, whole_number};
pub use crate::lines::{append_lines, open_own};
pub use crate::mat::{MatDamage, MatValue, load_mat};
pub use crate::names::{LoadReport, Mismatch, Suggestion, match_names};
pub use crate::near::{did_you_mean, near_paths};
pub use crate::npy::{NpyHeader, NpyWriter, npy_checksum, read_npy, read_npy_header};
pub use crate::pickle::{
    OptimizerState, PickleDamage, PickleFile, PickleStates, PickleValue, Pickled, load_pickle, save_arrays,
    save_pickle,
};
pub use crate::printable::{printable, printable_lines, shortened, shown};
pub use crate::records::{RecordKey, Records};
pub use crate::refused::{Refused, some_of};
pub use crate::regular::{open_regular, read_if_there, read_small, read_small_text};
pub use crate::safetensors::{SafetensorsTable, load_safetensors, save_safetensors, time_to_save};
pub use crate::said::{error_text, message_text};
pub use crate::shell::shell_word;
pub use crate::splitmix::{GOLDEN, splitmix};
pub use crate::state::StateDict;
pub use crate::tensor::{Dtype, Element, HostTensor};
pub use crate::unicode::{composed, decomposed};
pub use crate::update::UpdateLock;
