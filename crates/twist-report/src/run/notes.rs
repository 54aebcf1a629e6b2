//! What is said of missing and damaged parts of a run.

use serde::de::DeserializeOwned;

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

    /// What the JSON `text` of the file `name` says; where it is damaged, a note says so and what follows from it.
    pub(super) fn parse<T: DeserializeOwned>(&mut self, name: &str, text: &str, so: &str) -> Option<T> {
        let damaged = |error| self.damaged(format!("{name} is damaged ({error}), so {so}"));
        serde_json::from_str(text).map_err(damaged).ok()
    }

    /// All of them, the gravest first.
    pub(crate) fn all(&self) -> Vec<String> {
        [self.damaged.clone(), self.missing.clone()].concat()
    }
}
