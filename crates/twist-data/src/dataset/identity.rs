//! Fingerprints: has the data changed since the run began?

use sha2::{Digest, Sha256};

/// Builds a fingerprint from whatever identifies a data set cheaply. The same sequence of calls gives the same text.
pub(crate) struct Identity(Sha256);

impl Identity {
    /// Starts with the kind of reader, so that two kinds never agree by accident.
    pub(crate) fn new(kind: &str) -> Self {
        let mut identity = Self(Sha256::new());
        identity.bytes(kind.as_bytes());
        identity
    }

    /// Adds bytes of any length.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    /// Adds a number.
    pub(crate) fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    /// Adds a label.
    pub(crate) fn label(&mut self, label: Option<u32>) {
        self.number(label.map_or(u64::MAX, u64::from));
    }

    /// 32 hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        self.0.finalize()[..16].iter().map(|b| format!("{b:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_count() {
        let of = |parts: &[&str]| {
            let mut identity = Identity::new("test");
            parts.iter().for_each(|p| identity.bytes(p.as_bytes()));
            identity.finish()
        };
        assert_eq!(of(&["ab", "c"]).len(), 32);
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_eq!(of(&["ab", "c"]), of(&["ab", "c"]));
    }
}
