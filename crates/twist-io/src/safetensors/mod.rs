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

mod header;
mod load;
mod save;
mod table;

pub use load::load_safetensors;
pub use save::save_safetensors;
pub use table::SafetensorsTable;

/// Longest header that is read, as in the format's own implementation: 100 MB hold a million tensors.
const MAX_HEADER: u64 = 100_000_000;

/// The one metadata key that Twist writes: several would have no order of their own.
const METADATA_KEY: &str = "twist";
