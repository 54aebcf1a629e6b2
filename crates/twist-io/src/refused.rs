//! Why something is not done, in words.

use std::error::Error;
use std::fmt;
use std::path::Path;

/// Something that cannot be done: what, why not, and what helps. Shown as `what: why; remedy` without the parts that nobody
/// gave.
///
/// Errors that no program tells apart have this one form; an error that callers match on is a variant of its crate's enum.
///
/// ```
/// use twist_io::Refused;
///
/// let refused = Refused::new("no image has a label").because("the folder has no sub-folders").remedy("use --labels none");
/// assert_eq!(refused.to_string(), "no image has a label: the folder has no sub-folders; use --labels none");
/// ```
#[derive(Debug)]
pub struct Refused {
    what: String,
    why: String,
    remedy: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Refused {
    /// What cannot be done.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), why: String::new(), remedy: String::new(), source: None }
    }

    /// This file cannot be read, for this reason.
    pub fn reading(path: &Path, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(format!("cannot read {}", path.display())).caused_by(source)
    }

    /// This file cannot be written, for this reason.
    pub fn writing(path: &Path, why: impl Into<String>) -> Self {
        Self::new(format!("cannot write {}", path.display())).because(why)
    }

    /// Why not.
    #[must_use]
    pub fn because(self, why: impl Into<String>) -> Self {
        Self { why: why.into(), ..self }
    }

    /// What helps.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: remedy.into(), ..self }
    }

    /// The error behind it, whose words are the reason where no other was given.
    #[must_use]
    pub fn caused_by(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let source = source.into();
        let why = if self.why.is_empty() { source.to_string() } else { self.why };
        Self { why, source: Some(source), ..self }
    }
}

/// The first of several names from a file, and how many more there are.
pub fn some_of(names: &[String], most: usize) -> String {
    let few: Vec<_> = names.iter().take(most).map(|name| crate::shown(name)).collect();
    let more = if names.len() > most { format!(" and {} more", names.len() - most) } else { String::new() };
    format!("{}{more}", few.join(", "))
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        let mut mark = ": ";
        for part in [&self.why, &self.remedy].into_iter().filter(|part| !part.is_empty()) {
            write!(f, "{mark}{part}")?;
            mark = "; ";
        }
        Ok(())
    }
}

impl Error for Refused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_nobody_gave_are_left_out_and_the_cause_is_kept() {
        let what = || Refused::new("no");
        assert_eq!(what().to_string(), "no");
        assert_eq!(what().remedy("do").to_string(), "no: do");
        let caused = what().caused_by(std::io::Error::other("disk")).remedy("do");
        assert_eq!(caused.to_string(), "no: disk; do");
        assert_eq!(caused.source().map(|source| source.to_string()).as_deref(), Some("disk"));
        let reworded = what().because("worn").caused_by(std::io::Error::other("disk"));
        assert_eq!(reworded.to_string(), "no: worn");
        assert!(reworded.source().is_some() && what().source().is_none());
    }
}
