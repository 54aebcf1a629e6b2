//! The names and shapes in a weight file, by which architectures are recognised.

use crate::Layout;

/// The tensors of a file by Twist's names (`backbone.conv1.weight`).
pub trait TensorNames {
    /// The shape of a tensor, if there is one of this name.
    fn shape(&self, name: &str) -> Option<&[usize]>;

    /// The layout in which the file was found, where it is not Twist's own.
    fn layout(&self) -> Option<&'static Layout> {
        None
    }

    /// What something beside the tensors says of the network.
    fn described(&self) -> Described<'_> {
        Described::default()
    }

    /// What the file has, in a few words, for people.
    fn summary(&self) -> String;

    /// Whether there is such a tensor.
    fn has(&self, name: &str) -> bool {
        self.shape(name).is_some()
    }

    /// How many of `0, 1, …` stand in for the star of a name.
    fn count(&self, pattern: &str) -> usize {
        (0..).take_while(|number: &usize| self.has(&pattern.replace('*', &number.to_string()))).count()
    }
}

/// What the tensors of a network do not say, where a file beside them does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Described<'a> {
    /// Number of attention heads.
    pub heads: Option<i64>,
    /// The non-linearity of the blocks, as Hugging Face calls it.
    pub activation: Option<&'a str>,
}

/// Tensors of a network that is not known, or not known well enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unrecognised {
    /// What was seen.
    pub reason: String,
    /// What to do, where there is something better than to name a known architecture.
    pub remedy: Option<String>,
}

impl Unrecognised {
    pub(crate) fn seen(reason: String) -> Self {
        Self { reason, remedy: None }
    }
}

/// The length of an axis as a file claims it; whether a network can have it is checked later.
pub(crate) fn length(axis: usize) -> i64 {
    i64::try_from(axis).unwrap_or(i64::MAX)
}
