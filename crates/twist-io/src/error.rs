//! Errors of reading and writing files.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::mat::MatLie;
use crate::pickle::PickleLie;
use crate::printable;
use crate::refused::some_of;
use crate::tensor::Dtype;

/// A tensor whose parts contradict each other, or that was asked for as what it is not.
#[derive(Debug, Error)]
pub enum TensorError {
    /// The bytes are not as many as type and shape say.
    #[error("{got} bytes for a tensor of {dtype} with shape {shape:?}; expected {}", count(*expected))]
    Length {
        /// Type of the elements.
        dtype: Dtype,
        /// Length of each axis.
        shape: Vec<usize>,
        /// Bytes that type and shape ask for; `None` when no memory holds as many.
        expected: Option<usize>,
        /// Bytes that are there.
        got: usize,
    },
    /// Numbers that are NaN or infinite.
    #[error(
        "{count} of {numbers} numbers are NaN or infinite, so the training that made them failed; use an earlier checkpoint of it"
    )]
    NotFinite {
        /// How many are not finite.
        count: usize,
        /// How many there are.
        numbers: usize,
    },
    /// The elements are of another type.
    #[error("the tensor holds {got}, but {expected} was asked for: convert it first")]
    Dtype {
        /// Type that was asked for.
        expected: Dtype,
        /// Type that is there.
        got: Dtype,
    },
}

/// Where tensors were looked for.
fn place(key: &str) -> String {
    if key.is_empty() { "at its top".to_owned() } else { format!("under the key `{}`", shown(key)) }
}

/// Most keys that an error lists.
const LISTED: usize = 8;

/// Longest text from a file that an error shows, in characters: names of tensors are shorter.
const SHOWN: usize = 160;

/// A name or text from a file as an error shows it: on one line, without what a terminal would act upon, its middle left
/// out where it is long.
pub fn shown(text: &str) -> Cow<'_, str> {
    if text.len() <= SHOWN {
        return printable(text);
    }
    let cut = |at: usize| (0..=at).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let (head, tail) = (&text[..cut(SHOWN / 2)], &text[cut(text.len() - SHOWN / 2)..]);
    Cow::Owned(format!("{} … {} ({} bytes)", printable(head), printable(tail), text.len()))
}

fn count(bytes: Option<usize>) -> String {
    bytes.map_or_else(|| "more than memory can hold".to_owned(), |bytes| bytes.to_string())
}

/// A file that could not be written or read, with its path and what to do.
#[derive(Debug, Error)]
pub enum IoError {
    /// The operating system refused.
    #[error("cannot {action} {}: {}", path.display(), reason(path, source))]
    Os {
        /// What was tried, for example `read`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// There is no room for the file. The unfinished copy is gone, and whatever had this name before is untouched.
    #[error(
        "no space left to write {}{}: existing files were not changed; free some space or choose another folder, then run again",
        path.display(),
        room(*needed, *available)
    )]
    StorageFull {
        /// The file that was to be written.
        path: PathBuf,
        /// Its size in bytes, when that is known beforehand.
        needed: Option<u64>,
        /// Bytes that are free now, when the system tells.
        available: Option<u64>,
    },
    /// The file is larger than the shell or the file system allows. Whatever had this name before is untouched.
    #[error(
        "{} would exceed the size limit for files: raise the limit (`ulimit -f unlimited`) or choose another disk, then run again",
        path.display()
    )]
    FileTooLarge {
        /// The file that was to be written.
        path: PathBuf,
    },
    /// A symbolic link where Twist keeps a file of its own.
    #[error(
        "{} is a symbolic link, and Twist does not write through links in its own folders: remove it, or put the file itself there",
        path.display()
    )]
    Link {
        /// The link.
        path: PathBuf,
    },
    /// Another process holds the lock of a folder.
    #[error(
        "another process has been working in {} for half a minute, so nothing was changed: wait until it ends, then try again",
        folder.display()
    )]
    Busy {
        /// The folder.
        folder: PathBuf,
    },
    /// Not a table of NumPy, or one of a kind that is not read.
    #[error("{} is not a table that Twist reads: {reason}", path.display())]
    NotNpy {
        /// The file.
        path: PathBuf,
        /// Why, with the remedy where there is one.
        reason: String,
    },
    /// The file has no bytes.
    #[error(
        "{} is empty: the write that made it was interrupted; use another copy, or resume from an older checkpoint",
        path.display()
    )]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file ends early.
    #[error(
        "{} is cut short: {got} bytes are there, at least {expected} are expected; copy it again, or resume from an older checkpoint",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes that the part that is there promises.
        expected: u64,
        /// Bytes in the file.
        got: u64,
    },
    /// Not a weight file.
    #[error("{} is not a weight file (.pth, .pt, .th, .safetensors): {what}; {remedy}", path.display())]
    NotWeights {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// A weight file of PyTorch where one of ours is needed.
    #[error("{} is a weight file of PyTorch, not a safetensors file; `twist import` makes a model from it", path.display())]
    NotSafetensors {
        /// The file.
        path: PathBuf,
    },
    /// The header contradicts itself or the file.
    #[error("{} has a damaged header: {lie}; do not use this file, get it again from its source", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// In which way.
        lie: HeaderLie,
    },
    /// What the file holds is not what was written.
    #[error(
        "{} is damaged: {what} not what was written, because its checksum differs; use another copy, or resume \
         from an older checkpoint (a program that changes such a file must remove its metadata `twist_crc32c`)",
        path.display()
    )]
    Checksum {
        /// The file.
        path: PathBuf,
        /// The part, as in `tensor fc.weight is`.
        what: String,
    },
    /// A tensor that cannot be used.
    #[error("{}: tensor `{}`: {source}", path.display(), shown(name))]
    BadTensor {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Why.
        source: TensorError,
    },
    /// The first bytes are not those of a PyTorch weight file.
    #[error(
        "{} is not a PyTorch weight file: {reason}; give a file written by torch.save or safetensors",
        path.display()
    )]
    NotPickle {
        /// The file.
        path: PathBuf,
        /// What gives it away.
        reason: String,
    },
    /// A PyTorch weight file contradicts itself.
    #[error("{} is damaged: {lie}; do not use this file, get it again from its source", path.display())]
    Pickle {
        /// The file.
        path: PathBuf,
        /// In which way.
        lie: PickleLie,
    },
    /// There is no state dict where one was looked for.
    #[error(
        "{} has no tensors {}; {}",
        path.display(),
        place(key),
        if found.is_empty() {
            "save the network's state_dict(), not the network itself".to_owned()
        } else {
            format!("there are some under {}", some_of(found, LISTED))
        }
    )]
    NoState {
        /// The file.
        path: PathBuf,
        /// The key that was given, empty for the saved object itself.
        key: String,
        /// Keys under which there are tensors.
        found: Vec<String>,
    },
    /// A tensor has a type that this crate does not know.
    #[error(
        "{}: tensor `{}` has type {}, which Twist does not read; convert it to F32, F16 or BF16 first",
        path.display(),
        shown(name),
        shown(dtype)
    )]
    UnknownDtype {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type, as written there.
        dtype: String,
    },
    /// A MATLAB file that contradicts itself, or holds what is not read.
    #[error("{} cannot be read: {lie}. Get it again from its source", path.display())]
    Mat {
        /// The file.
        path: PathBuf,
        /// In which way.
        lie: MatLie,
    },
    /// A state that cannot be written: the caller's mistake, found before any file is touched.
    #[error("cannot write {}: tensor `{}`: {reason}", path.display(), shown(name))]
    BadState {
        /// The file that was to be written.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// The ways in which a safetensors header can lie.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum HeaderLie {
    /// Not the JSON that the format asks for.
    #[error("it is not the JSON of a safetensors header ({})", shown(_0))]
    Json(String),
    /// One name for two tensors.
    #[error("tensor `{}` is listed twice", shown(_0))]
    DuplicateName(String),
    /// A tensor that ends before it begins, or beyond the address space.
    #[error("tensor `{}` has impossible offsets {begin}..{end}", shown(name))]
    Offsets {
        /// The tensor.
        name: String,
        /// First byte.
        begin: u64,
        /// Byte after the last.
        end: u64,
    },
    /// A tensor whose bytes are not as many as its type and shape say.
    #[error("tensor `{}` has {got} bytes, which does not fit {dtype} with shape {shape:?}", shown(name))]
    Size {
        /// The tensor.
        name: String,
        /// Its type.
        dtype: Dtype,
        /// Its shape.
        shape: Vec<usize>,
        /// Bytes between its offsets.
        got: u64,
    },
    /// Two tensors that share bytes.
    #[error("tensors `{}` and `{}` overlap", shown(first), shown(second))]
    Overlap {
        /// The tensor that begins first.
        first: String,
        /// The one that begins before the first ends.
        second: String,
    },
    /// Bytes between tensors that belong to none.
    #[error("{bytes} bytes before tensor `{}` belong to no tensor", shown(name))]
    Gap {
        /// The tensor after the gap.
        name: String,
        /// Length of the gap.
        bytes: u64,
    },
    /// Bytes behind the last tensor.
    #[error("{0} bytes after the last tensor belong to no tensor")]
    Trailing(u64),
    /// Twist's metadata is not JSON.
    #[error("its `twist` metadata is not JSON ({})", shown(_0))]
    Metadata(String),
    /// Checksums that are not those of a file of ours.
    #[error("its checksums cannot be read ({})", shown(_0))]
    Checksums(String),
}

impl IoError {
    /// The error for an operating system's refusal; a full disk or quota gets its own.
    pub(crate) fn os(action: &'static str, path: &Path, needed: Option<u64>, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                let available = path.parent().and_then(free_bytes);
                IoError::StorageFull { path, needed, available }
            }
            io::ErrorKind::FileTooLarge => IoError::FileTooLarge { path },
            _ => IoError::Os { action, path, source },
        }
    }
}

/// What the operating system says, without the path that `fs_err` puts before it: [`IoError`] has named it already.
fn reason(path: &Path, source: &io::Error) -> String {
    let text = source.to_string();
    let named = format!("`{}`: ", path.display());
    text.split_once(&named).map_or(text.as_str(), |(_, reason)| reason).to_owned()
}

/// Bytes that an ordinary user can still write in this folder.
fn free_bytes(folder: &Path) -> Option<u64> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    rustix::fs::statvfs(folder).ok().map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// ` (312.0 MiB needed, 4.0 MiB free)`, as far as it is known.
fn room(needed: Option<u64>, available: Option<u64>) -> String {
    let mib = |bytes: u64| format!("{:.1} MiB", bytes as f64 / (1u64 << 20) as f64);
    let parts: Vec<String> = [
        needed.map(|bytes| format!("{} needed", mib(bytes))),
        available.map(|bytes| format!("{} free", mib(bytes))),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) }
}
