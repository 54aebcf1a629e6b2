//! What is said of missing and damaged parts of a run.

/// Sentences about missing and damaged parts of a run, with what to do about it.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// About files that are there and cannot be used: nobody expects these.
    pub(crate) damaged: Vec<String>,
    /// About the others.
    pub(crate) missing: Vec<String>,
}

impl Notes {
    pub(super) fn damaged(&mut self, sentence: String) {
        self.damaged.push(sentence);
    }

    pub(super) fn missing(&mut self, sentence: String) {
        self.missing.push(sentence);
    }

    /// All of them, the gravest first.
    pub(crate) fn all(&self) -> Vec<String> {
        [self.damaged.clone(), self.missing.clone()].concat()
    }
}
