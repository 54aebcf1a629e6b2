//! The safetensors format: a JSON header that places each tensor in the bytes that follow.
//!
//! ```text
//! 8 bytes   length n of the header, unsigned, little-endian
//! n bytes   {"__metadata__": {string: string}, NAME: {"dtype": "F32", "shape": [..], "data_offsets": [begin, end]}, ..}
//! the rest  the tensors' bytes, without gap or overlap; offsets count from here
//! ```
//!
//! The `safetensors` crate is not used for files of ours because it reorders names and takes each tensor from one
//! buffer: here the header lists names in the order of the state dict, the data are ordered by element size so that each
//! tensor is aligned for readers that map the file, and tensors stream in and out one by one. The tests hold both
//! implementations against each other.
//!
//! Files of ours carry a checksum of each tensor and of the metadata ([`checksum`]), which is compared wherever it is
//! there: a bit that flips on a disk makes another network, and nothing else would tell.

mod checksum;
mod header;
mod load;
mod save;
mod table;

pub(crate) use load::begins_safetensors;
pub use load::load_safetensors;
pub use save::{save_safetensors, time_to_save};
pub use table::SafetensorsTable;

/// Longest header that is read, as in the format's own implementation.
const MAX_HEADER: u64 = 100_000_000;

/// Most tensors of a file: a checkpoint of the largest networks, with its optimizer's state, has some thousands.
pub(crate) const MAX_TENSORS: usize = 1 << 17;

/// Longest name of a tensor, in bytes.
pub(crate) const MAX_NAME: usize = 4096;

/// Most axes of a tensor, as in PyTorch.
pub(crate) const MAX_AXES: usize = 64;

/// The metadata key under which a caller's JSON stands.
const METADATA_KEY: &str = "twist";
