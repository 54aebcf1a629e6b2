//! MATLAB files of level 5 (`save -v5`, `-v6` and `-v7`): the format in which several image data sets publish labels.
//!
//! ```text
//! 116 bytes  text for people, beginning with "MATLAB 5.0 MAT-file"
//! 8 bytes    offset of subsystem data, which nothing here needs
//! 2 bytes    version 0x0100
//! 2 bytes    "IM" when numbers are little-endian, "MI" when they are big-endian
//! the rest   elements, each a tag (type and length in bytes: two 32-bit numbers), its bytes, and padding to a multiple
//!            of 8; up to four bytes of data may stand inside the tag instead of its length
//! ```
//!
//! A variable is an element of type *matrix*, or a *compressed* one (zlib) that holds a matrix. A matrix consists of
//! elements again: flags with its class, its axes, its name, and what its class asks for. Source: "MAT-File Format",
//! The MathWorks.
//!
//! Read are numbers of every class, text, cells and structures, which is what label files hold; sparse matrices, objects
//! and functions have errors that name them. Files are read whole: a label file has a few megabytes at most, and
//! 16 MiB is the limit for the file and for what it unpacks to.

mod damage;
mod element;
mod matrix;
mod read;
mod value;

pub use damage::MatDamage;
pub use read::load_mat;
pub use value::MatValue;

/// Most bytes of a file, and of everything in it unpacked. Values are larger in memory than in the file, one-letter rows
/// of text most, but with this limit a hostile file cannot ask for more than about a gigabyte.
const MAX_BYTES: u64 = 16 << 20;

/// Cells and structures may be nested so deep.
const MAX_DEPTH: usize = 16;
