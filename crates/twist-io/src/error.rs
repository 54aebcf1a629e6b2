//! Errors of reading and writing files.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::mat::MatDamage;
use crate::near::{did_you_mean, near_paths};
use crate::pickle::PickleDamage;
use crate::printable::shown;
use crate::refused::Refused;
use crate::tensor::Dtype;

/// A tensor whose parts contradict each other, or that was asked for as what it is not.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the texts say what the fields are")]
pub enum TensorError {
    /// The bytes are not as many as type and shape say.
    #[error("{got} bytes for a tensor of {dtype} with shape {shape:?}; expected {}", count(*expected))]
    Length { dtype: Dtype, shape: Vec<usize>, expected: Option<usize>, got: usize },
    /// Numbers that are NaN or infinite.
    #[error(
        "{count} of {numbers} numbers are NaN or infinite, so the training that made them failed; use an earlier checkpoint of it"
    )]
    NotFinite { count: usize, numbers: usize },
    /// The elements are of another type.
    #[error("the tensor holds {got}, but {expected} was asked for: convert it first")]
    Dtype { expected: Dtype, got: Dtype },
}

fn count(bytes: Option<usize>) -> String {
    bytes.map_or_else(|| "more than memory can hold".to_owned(), |bytes| bytes.to_string())
}

/// A file that could not be written or read, with its path and what to do.
#[derive(Debug, Error)]
#[expect(missing_docs, reason = "the texts say what the fields are")]
pub enum IoError {
    /// Whatever no program has to tell from the rest.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The operating system refused an action, such as `read`.
    #[error("cannot {action} {}: {}", path.display(), reason(path, source))]
    Os { action: &'static str, path: PathBuf, source: io::Error },
    /// The disk has no room for the file, of so many bytes where that is known beforehand, with so many free where the system tells. The
    /// unfinished copy is gone, and whatever had this name before is untouched.
    #[error(
        "no space left to write {}{}: existing files were not changed; free some space or choose another folder, then run again",
        path.display(),
        room(*needed, *available)
    )]
    StorageFull { path: PathBuf, needed: Option<u64>, available: Option<u64> },
    /// The file has no bytes.
    #[error(
        "{} is empty: the write that made this {} was interrupted; {}",
        _0.display(),
        what_and_remedy(_0).0,
        what_and_remedy(_0).1
    )]
    Empty(PathBuf),
    /// The file ends early.
    #[error(
        "{} is cut short: this {} has {got} bytes, at least {expected} are expected; {}",
        path.display(),
        what_and_remedy(path).0,
        what_and_remedy(path).1
    )]
    Truncated { path: PathBuf, expected: u64, got: u64 },
    /// The header contradicts itself or the file.
    #[error("{} has a damaged header: {damage}; do not use this file, get it again from its source", path.display())]
    Header { path: PathBuf, damage: HeaderDamage },
    /// A part of the file, as in `tensor fc.weight is`, is not what was written.
    #[error(
        "{} is damaged: {what} not what was written, because its checksum differs; use another copy, or resume \
         from an older checkpoint (a program that changes such a file must remove its metadata `twist_crc32c`)",
        path.display()
    )]
    Checksum { path: PathBuf, what: String },
    /// A PyTorch weight file contradicts itself.
    #[error("{} is damaged: {damage}; do not use this file, get it again from its source", path.display())]
    Pickle { path: PathBuf, damage: PickleDamage },
    /// A MATLAB file that contradicts itself, or holds what is not read.
    #[error("{} cannot be read: {damage}. Get it again from its source", path.display())]
    Mat { path: PathBuf, damage: MatDamage },
}

/// The ways in which a safetensors header can be damaged.
#[derive(Debug, Error, PartialEq, Eq)]
#[expect(missing_docs, reason = "the texts say what the fields are")]
pub enum HeaderDamage {
    /// Not the JSON that the format asks for.
    #[error("it is not the JSON of a safetensors header ({})", shown(_0))]
    Json(String),
    /// One name for two tensors.
    #[error("tensor `{}` is listed twice", shown(_0))]
    DuplicateName(String),
    /// A tensor that ends before it begins, or beyond the address space.
    #[error("tensor `{}` has impossible offsets {begin}..{end}", shown(name))]
    Offsets { name: String, begin: u64, end: u64 },
    /// A tensor whose bytes are not as many as its type and shape say.
    #[error("tensor `{}` has {got} bytes, which does not fit {dtype} with shape {shape:?}", shown(name))]
    Size { name: String, dtype: Dtype, shape: Vec<usize>, got: u64 },
    /// Two tensors that share bytes.
    #[error("tensors `{}` and `{}` overlap", shown(first), shown(second))]
    Overlap { first: String, second: String },
    /// Bytes between tensors that belong to none.
    #[error("{bytes} bytes before tensor `{}` belong to no tensor", shown(name))]
    Gap { name: String, bytes: u64 },
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
            io::ErrorKind::FileTooLarge => {
                let remedy = "raise the limit (`ulimit -f unlimited`) or choose another disk, then run again";
                let what = format!("{} would exceed the size limit for files", path.display());
                Refused::new(what).remedy(remedy).into()
            }
            _ => IoError::Os { action, path, source },
        }
    }
    /// A tensor that cannot be used.
    pub fn bad_tensor(path: &Path, name: &str, source: TensorError) -> Self {
        Refused::new(format!("{}: tensor `{}`", path.display(), shown(name))).caused_by(source).into()
    }

    /// A tensor of a type that this crate does not know.
    pub(crate) fn unknown_dtype(path: &Path, name: &str, dtype: &str) -> Self {
        let (path, name, dtype) = (path.display(), shown(name), shown(dtype));
        let remedy = "convert it to F32, F16 or BF16 first";
        let what = format!("{path}: tensor `{name}` has type {dtype}, which Twist does not read; {remedy}");
        Refused::new(what).into()
    }
}

/// What a file that ends early is, by its extension, and what to do.
fn what_and_remedy(path: &Path) -> (&'static str, &'static str) {
    match path.extension().map(|extension| extension.to_ascii_lowercase()) {
        Some(extension) if extension == "npy" => ("table of NumPy", "copy it again, or compute it again"),
        Some(extension) if extension == "mat" => ("file of MATLAB", "copy or download it again"),
        _ => ("weight file", "copy it again, or resume from an older checkpoint"),
    }
}

/// What the operating system says, without the path that `fs_err` puts before it: [`IoError`] has named it already. Of a
/// path that does not exist, those that look like it.
fn reason(path: &Path, source: &io::Error) -> String {
    let text = source.to_string();
    let named = format!("`{}`: ", path.display());
    let reason = text.split_once(&named).map_or(text.as_str(), |(_, reason)| reason);
    let near = if source.kind() == io::ErrorKind::NotFound { near_paths(path) } else { Vec::new() };
    format!("{reason}{}", did_you_mean(&near))
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
