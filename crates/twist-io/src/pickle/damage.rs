//! The ways in which a PyTorch file can be damaged.

use std::io;
use std::path::Path;

use thiserror::Error;

use crate::error::IoError;
use crate::printable::shown;
use crate::refused::Refused;

/// What is wrong with a PyTorch weight file. Offsets count bytes from the beginning of the pickle's stream.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the texts say what the fields are")]
pub enum PickleDamage {
    /// The pickle ends before its last instruction.
    #[error("its pickle ends in the middle, after {at} bytes")]
    Cut { at: u64 },
    /// A string longer than what is left.
    #[error("a string at byte {at} claims {claimed} bytes, {left} are left")]
    Claim { at: u64, claimed: u64, left: u64 },
    /// A pickle protocol that does not exist yet.
    #[error("it is written in pickle protocol {0}; protocols 0 to 5 are known")]
    Protocol(u8),
    /// No instruction, or one that no weight file has.
    #[error("byte {at} is the instruction {code:#04x}, which no weight file has")]
    Instruction { at: u64, code: u8 },
    /// More is taken from the stack than lies on it.
    #[error("the instruction at byte {at} needs values that are not on the stack")]
    Stack { at: u64 },
    /// A value is fetched that was never stored.
    #[error("the instruction at byte {at} fetches memo {slot}, where nothing was stored")]
    Memo { at: u64, slot: u64 },
    /// Bytes that should be text or a number.
    #[error("the text at byte {at} is not valid for its instruction")]
    Text { at: u64 },
    /// A dictionary with a key and no value.
    #[error("the dictionary at byte {at} has a key without a value")]
    Pairs { at: u64 },
    /// More of something than any weight file has.
    #[error("it has more than {most} {what}, which no weight file needs")]
    Limit { what: &'static str, most: u64 },
    /// It makes far more than it says.
    #[error("it makes more than {most} bytes of values from a few instructions, which no weight file does")]
    Amplifies { most: u64 },
    /// A reference to something outside that is not a storage.
    #[error("the reference at byte {at} does not refer to a storage of tensors")]
    Reference { at: u64 },
    /// A tensor is rebuilt from what no tensor is made of.
    #[error("at byte {at}, {} is called with arguments that make no tensor", shown(function))]
    Call { at: u64, function: String },
    /// A storage that a tensor needs is not in the file.
    #[error("the bytes of storage `{}` are missing", shown(key))]
    NoStorage { key: String },
    /// A storage shorter than it claims.
    #[error("storage `{}` has {got} bytes, but its elements need {needed}", shown(key))]
    StorageSize { key: String, needed: u64, got: u64 },
    /// A tensor that reaches beyond its storage.
    #[error("tensor `{}` reaches beyond its storage `{}`", shown(name), shown(key))]
    Bounds { name: String, key: String },
    /// A tensor whose numbers are the negative or the conjugate of the stored ones.
    #[error(
        "tensor `{}` is stored as a negated or conjugated view; save `tensor.resolve_neg().resolve_conj().clone()`",
        shown(name)
    )]
    Turned { name: String },
    /// A tensor that stores only what is not 0.
    #[error(
        "tensor `{}` is sparse, and Twist reads dense ones; replace it by `tensor.to_dense()` and save again",
        shown(name)
    )]
    Sparse { name: String },
    /// A tensor of whole numbers with a scale.
    #[error(
        "tensor `{}` is quantised, and Twist reads plain numbers; save the weights as they were before they were quantised, \
         or replace it by `tensor.dequantize()` and save again",
        shown(name)
    )]
    Quantised { name: String },
    /// A list of storages that contradicts itself or the pickle.
    #[error("its list of storages is wrong: {}", shown(_0))]
    Storages(String),
    /// Numbers with their highest byte first.
    #[error("its numbers are big-endian; save it again on a little-endian machine")]
    BigEndian,
    /// An archive that is damaged, or not as PyTorch writes it.
    #[error("its archive is wrong: {}", shown(_0))]
    Archive(String),
}

/// What is wrong, before it is known which file it belongs to.
#[derive(Debug)]
pub(super) enum Fault {
    Damage(PickleDamage),
    Os(io::Error),
    /// Another kind of file.
    Not(String),
    /// Cut short; bytes that are expected at least, and that are there.
    Truncated {
        expected: u64,
        got: u64,
    },
    /// A type of elements that is not read.
    Dtype {
        name: String,
        dtype: String,
    },
}

impl Fault {
    pub(super) fn at(self, path: &Path) -> IoError {
        let path = path.to_owned();
        match self {
            Fault::Damage(damage) => IoError::Pickle { path, damage },
            Fault::Os(source) => IoError::os("read", &path, None, source),
            Fault::Not(reason) => {
                let remedy = "give a file written by torch.save or safetensors";
                let what = format!("{} is not a PyTorch weight file", path.display());
                Refused::new(what).because(reason).remedy(remedy).into()
            }
            Fault::Truncated { expected, got } => IoError::Truncated { path, expected, got },
            Fault::Dtype { name, dtype } => IoError::unknown_dtype(&path, &name, &dtype),
        }
    }
}

impl From<PickleDamage> for Fault {
    fn from(damage: PickleDamage) -> Self {
        Fault::Damage(damage)
    }
}
