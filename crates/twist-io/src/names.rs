//! Matches the tensors of a file with those of a network, and suggests matches for the rest.

use std::collections::HashMap;
use std::fmt;

use crate::printable::shown;

/// Most misplaced names for which the costly search for a similar one is made; more than that is another network.
const SEARCHED: usize = 200;

/// Longest name that is compared with others, in bytes: no network has a longer one.
const COMPARED: usize = 256;

/// Most pairs of characters that all comparisons together look at: some tenths of a second.
const LOOKS: usize = 1 << 25;

/// Most names of a kind that the text of a report lists.
const LISTED: usize = 8;

/// What became of each tensor of a load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Names that were expected and found with the expected shape.
    pub applied: Vec<String>,
    /// Names that were expected and are not in the file.
    pub missing: Vec<String>,
    /// Names in the file that nothing expects.
    pub unused: Vec<String>,
    /// Names that are on both sides with different shapes.
    pub mismatched: Vec<Mismatch>,
    /// For missing names, what in the file is probably the same tensor.
    pub suggestions: Vec<Suggestion>,
}

/// A tensor whose shape in the file is not the expected one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The tensor.
    pub name: String,
    /// Shape that the network has.
    pub expected: Vec<usize>,
    /// Shape that the file has.
    pub got: Vec<usize>,
}

/// An unused name of the file that looks like a missing one and has its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    /// The name that is missing.
    pub missing: String,
    /// The name in the file.
    pub similar: String,
}

impl LoadReport {
    /// Whether every expected tensor was found with its shape. Unused ones do not matter here.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty() && self.mismatched.is_empty()
    }
}

/// Compares the names and shapes that a network expects with those of a file; the order on either side is free.
pub fn match_names(expected: &[(String, Vec<usize>)], found: &[(String, Vec<usize>)]) -> LoadReport {
    let mut report = LoadReport::default();
    let mut rest: HashMap<&str, &[usize]> =
        found.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect();
    let mut missing = Vec::new();
    for (name, shape) in expected {
        match rest.remove(name.as_str()) {
            None => missing.push((name.as_str(), shape.as_slice())),
            Some(got) if got == shape.as_slice() => report.applied.push(name.clone()),
            Some(got) => {
                let (expected, got) = (shape.clone(), got.to_vec());
                report.mismatched.push(Mismatch { name: name.clone(), expected, got });
            }
        }
    }
    let unused: Vec<(&str, &[usize])> = found
        .iter()
        .filter(|(name, _)| rest.contains_key(name.as_str()))
        .map(|(name, shape)| (name.as_str(), shape.as_slice()))
        .collect();

    report.suggestions = suggest(&missing, &unused);
    report.missing = missing.into_iter().map(|(name, _)| name.to_owned()).collect();
    report.unused = unused.into_iter().map(|(name, _)| name.to_owned()).collect();
    report
}

/// For each missing name the unused one of the same shape with the fewest edits, if few are enough.
fn suggest(missing: &[(&str, &[usize])], unused: &[(&str, &[usize])]) -> Vec<Suggestion> {
    let mut suggestions = Vec::new();
    let mut by_shape: HashMap<&[usize], Vec<&str>> = HashMap::new();
    for (name, shape) in unused.iter().filter(|(name, _)| name.len() <= COMPARED) {
        by_shape.entry(shape).or_default().push(name);
    }
    let mut looks = LOOKS;
    for (name, shape) in missing.iter().filter(|(name, _)| name.len() <= COMPARED).take(SEARCHED) {
        let mut best = None;
        for other in by_shape.get(shape).into_iter().flatten() {
            let most = name.len().max(other.len()) / 3;
            let edits = if wraps(name, other) {
                1
            } else if name.len().abs_diff(other.len()) > most {
                continue;
            } else {
                let Some(left) = looks.checked_sub(name.len() * other.len()) else { return suggestions };
                looks = left;
                strsim::levenshtein(name, other)
            };
            if edits <= most && best.is_none_or(|found| (edits, *other) < found) {
                best = Some((edits, *other));
            }
        }
        if let Some((_, similar)) = best {
            suggestions.push(Suggestion { missing: (*name).to_owned(), similar: similar.to_owned() });
        }
    }
    suggestions
}

/// Whether one name is the other behind or before whole components, like `module.`: this counts as one edit.
fn wraps(a: &str, b: &str) -> bool {
    let (long, short) = if a.len() > b.len() { (a, b) } else { (b, a) };
    long.strip_suffix(short).is_some_and(|prefix| prefix.ends_with('.'))
        || long.strip_prefix(short).is_some_and(|suffix| suffix.starts_with('.'))
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expected = self.applied.len() + self.missing.len() + self.mismatched.len();
        write!(f, "{} of {expected} tensors loaded", self.applied.len())?;
        list(
            f,
            "missing",
            self.missing.iter().map(|name| match self.suggestion(name) {
                Some(similar) => format!("{name} (did you mean `{}`, which the file has?)", shown(similar)),
                None => name.clone(),
            }),
        )?;
        list(
            f,
            "of another shape",
            self.mismatched.iter().map(|wrong| {
                format!("{}: expected {:?}, the file has {:?}", wrong.name, wrong.expected, wrong.got)
            }),
        )?;
        list(f, "unused", self.unused.iter().map(|name| shown(name).into_owned()))
    }
}

impl LoadReport {
    fn suggestion(&self, missing: &str) -> Option<&str> {
        self.suggestions.iter().find(|known| known.missing == missing).map(|known| known.similar.as_str())
    }
}

/// A title with a count and the first few lines below it; nothing without lines.
fn list(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    lines: impl ExactSizeIterator<Item = String>,
) -> fmt::Result {
    let total = lines.len();
    if total > 0 {
        write!(f, "\n  {total} {title}:")?;
    }
    for line in lines.take(LISTED) {
        write!(f, "\n    {line}")?;
    }
    if total > LISTED {
        write!(f, "\n    … and {} more", total - LISTED)?;
    }
    Ok(())
}
