//! The error of this crate.

use twist_io::Refused;

/// What can go wrong in a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the texts say what the fields are")]
pub enum NnError {
    /// Whatever no program has to tell from the rest.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A tensor operation failed.
    #[error(transparent)]
    Torch(#[from] torch_ext::TorchError),
    /// No such architecture.
    #[error("unknown architecture `{name}`; the known ones are {known}")]
    UnknownArch { name: String, known: String },
    /// A transformer's class tokens were asked of another network.
    #[error(
        "this network has no class tokens: only vision transformers have them; use the features of the last \
         layer"
    )]
    NoClassTokens,
    /// A size that must be positive is not.
    #[error("`{field}` must be at least 1, got {got}")]
    NotPositive { field: &'static str, got: i64 },
    /// A size that no network has.
    #[error("`{field}` must be at most {most}, got {got}")]
    TooLarge { field: &'static str, got: i64, most: i64 },
    /// Sizes that are possible each, and not together.
    #[error("the network would have more than {most} parameters; make it narrower, or its head smaller")]
    TooManyNumbers { most: i64 },
    /// Something that an architecture does not have.
    #[error("`{field}` is {value}: {rule}")]
    Misfit { field: &'static str, value: String, rule: String },
    /// A batch that cannot be cut as asked.
    #[error(
        "{what}: {rows} rows cannot be cut into {parts} equal parts; choose a batch size that is a multiple"
    )]
    Indivisible { what: &'static str, rows: i64, parts: i64 },
    /// A tensor that does not have the shape its use requires.
    #[error("{what} must have shape {expected}, got {got:?}")]
    Shape { what: &'static str, expected: &'static str, got: Vec<i64> },
    /// Images that cannot be cut into patches.
    #[error(
        "images must have shape [B, 3, H, W] with sides that are multiples of the patch of {patch} pixels, got {got:?}"
    )]
    Patches { patch: i64, got: Vec<i64> },
    /// A part of a backbone that it does not have.
    #[error("the backbone has {segments} segments, so segment {index} does not exist")]
    Segment { index: usize, segments: usize },
    /// A quantile that is not a part of a batch.
    #[error("the quantile of self-labelling must be in [0, 1), got {quantile}")]
    Quantile { quantile: f64 },
    /// A state does not fit the network; nothing was changed.
    #[error("the state does not fit the network, nothing was loaded\n  {0}")]
    Mismatch(Box<twist_io::LoadReport>),
    /// Numbers that a publisher's files have no place for.
    #[error("the layout of {layout} has no place for the values of `{name}`; export in another layout")]
    NotInLayout {
        /// Our name of the tensor.
        name: String,
        /// Whose layout.
        layout: &'static str,
    },
    /// An element type without a counterpart on the other side.
    #[error("a tensor has element type {got}, which weight files do not support")]
    ElementType { got: String },
}

impl From<tch::TchError> for NnError {
    fn from(error: tch::TchError) -> Self {
        Self::Torch(error.into())
    }
}
