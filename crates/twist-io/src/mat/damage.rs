//! The ways in which a MATLAB file can contradict itself.

use thiserror::Error;

/// What is wrong with a MATLAB file, or what in it is not read.
#[derive(Debug, Error, PartialEq, Eq)]
#[expect(missing_docs, reason = "the texts say what the fields are")]
pub enum MatDamage {
    /// It does not begin as such files do.
    #[error("it is not a MATLAB file of level 5")]
    NotMat,
    /// The format of MATLAB 7.3, which is another one.
    #[error("it is a MATLAB 7.3 file, which is HDF5 inside: save it again with -v7")]
    Hdf5,
    /// The version after the text is unknown.
    #[error("its version is {0:#06x} instead of 0x0100")]
    Version(u16),
    /// More than is ever needed for labels.
    #[error("it has more than {0} bytes, or unpacks to more: label files are far smaller")]
    TooLarge(u64),
    /// An element that promises more bytes than are left.
    #[error("an element claims {promised} bytes, but {left} are left")]
    Short { promised: u64, left: u64 },
    /// Compressed bytes that do not unpack.
    #[error("its compressed part cannot be decompressed ({0})")]
    Compressed(String),
    /// An element of one type where the format has another.
    #[error("{what} has the unexpected type {got}")]
    Type { what: &'static str, got: u32 },
    /// Axes that are missing, negative, or more than can be.
    #[error("a matrix has impossible dimensions {0:?}")]
    Axes(Vec<i64>),
    /// As many elements as the axes say are not there.
    #[error("a matrix should have {expected} elements, but has {got}")]
    Count { expected: u64, got: u64 },
    /// The table of a structure's fields.
    #[error("the field names of a structure are damaged")]
    Fields,
    /// Text in no known encoding.
    #[error("text is damaged: {0:#x} is not a character")]
    Text(u32),
    /// Deeper nesting than any label file has.
    #[error("cells and structures are nested more than {0} deep")]
    Depth(usize),
    /// A class of values that is not read.
    #[error(
        "it holds {0}, which Twist does not read: save what you need as numbers, text, cells or structures"
    )]
    Class(&'static str),
    /// Two variables of one name.
    #[error("the variable `{0}` appears twice")]
    Twice(String),
}
