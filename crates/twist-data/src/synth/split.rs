//! The two parts of the embedded data set.

/// Which images of the embedded data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Those to train on.
    Train,
    /// Those held out, to evaluate on.
    Test,
}

impl Split {
    /// `train` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Split::Train => "train",
            Split::Test => "test",
        }
    }

    /// Number of images that the demo uses.
    pub fn default_count(self) -> usize {
        match self {
            Split::Train => 5_000,
            Split::Test => 1_000,
        }
    }
}
