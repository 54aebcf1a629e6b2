//! What the text of a label means in tables, lists and the members of archives.

use std::borrow::Cow;

use crate::cells::{text_of_cell, text_to_cell};
use crate::unicode::composed;

/// Whether a written label means "no label".
pub fn is_no_label(text: &str) -> bool {
    matches!(text, "-1" | "-1.0")
}

/// A whole number as it is usually written, where it is one as tables with gaps write it: `3.0`.
pub fn whole_number(text: &str) -> &str {
    match text.strip_suffix(".0") {
        Some(digits) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => digits,
        _ => text,
    }
}

/// What is read where this text was written into a table as a label: itself, if it can be a label. `None` is no label.
pub fn label_read_of(text: &str) -> Option<Cow<'_, str>> {
    let cell = text_to_cell(text);
    let read = text_of_cell(cell.trim());
    let label = composed(whole_number(read));
    (!read.is_empty() && !is_no_label(read)).then(|| Cow::Owned(label.into_owned()))
}

/// The places of a number and of a name, where labels are both. Nobody can tell then whether the number is the name of a class
/// or counts the classes that others name. Of digits beside single letters, all are names, and so is what
/// `is_known`.
pub fn mixed_labels<'a>(
    labels: impl Iterator<Item = Option<&'a str>>,
    is_known: impl Fn(&str) -> bool,
) -> Option<(usize, usize)> {
    let is_number = |label: &str| {
        let digits = whole_number(label);
        digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'))
    };
    let (mut number, mut name, mut is_long) = (None, None, false);
    for (place, label) in labels.enumerate() {
        let Some(label) = label.filter(|label| !label.is_empty() && !is_no_label(label)) else { continue };
        is_long |= label.chars().nth(1).is_some();
        if is_number(label) && !is_known(label) && !is_known(whole_number(label)) {
            number = number.or(Some(place));
        } else if !label.parse().is_ok_and(f64::is_finite) {
            name = name.or(Some(place));
        }
    }
    number.zip(name).filter(|_| is_long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_labels_are_read_as() {
        for (text, read) in [
            ("cat", Some("cat")),
            ("-dog", Some("-dog")),
            ("=1", Some("=1")),
            ("007", Some("007")),
            ("3.5", Some("3.5")),
            ("3", Some("3")),
            ("3.0", Some("3")),
            ("cafe\u{301}", Some("caf\u{e9}")),
            (" cat", Some("cat")),
            ("-1", None),
            ("-1.0", None),
            ("", None),
        ] {
            assert_eq!(label_read_of(text).as_deref(), read, "{text:?}");
        }
    }

    #[test]
    fn numbers_beside_names_are_found() {
        let mixed = |labels: &[&str], known: &[&str]| {
            mixed_labels(labels.iter().map(|label| Some(*label)), |label| known.contains(&label))
        };
        assert_eq!(mixed(&["0", "1", "dog", "2"], &[]), Some((0, 2)));
        assert_eq!(mixed(&["dog", "3.0"], &[]), Some((1, 0)));
        assert_eq!(mixed(&["0", "nan"], &[]), Some((0, 1)));
        assert_eq!(mixed(&["cat", "7", "8"], &["cat", "7"]), Some((2, 0)));
        for labels in [
            &["0", "1", "-1"][..],
            &["cat", "dog", "-1", ""],
            &["1.5", "2"],
            &["007", "cat"],
            &["7", "A", "b"],
        ] {
            assert_eq!(mixed(labels, &[]), None, "{labels:?}");
        }
        assert_eq!(mixed(&["cat", "7.0"], &["cat", "7"]), None);
    }
}
