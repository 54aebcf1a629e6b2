//! `.txt` lists: a path per line.

use std::path::Path;

use super::{NOT_TEXT, Row};
use crate::DataError;
use crate::dataset::file_pool::read_file;
use crate::dataset::kinds::is_known;

/// Reads the list. Empty lines are skipped.
pub(crate) fn read(path: &Path) -> Result<Vec<Row>, DataError> {
    parse(&read_file(path)?, path)
}

/// Reads the text of a list; `path` is where it comes from.
pub(crate) fn parse(bytes: &[u8], path: &Path) -> Result<Vec<Row>, DataError> {
    let bad = |line: usize, reason: &str| DataError::line(path, line as u64, reason);
    let mut rows = Vec::new();
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    for (number, line) in (1..).zip(bytes.split(|&b| b == b'\n')) {
        let text = std::str::from_utf8(line).ok().filter(|text| !text.contains('\0'));
        let text = text.ok_or_else(|| bad(number, NOT_TEXT))?.trim_end_matches('\r');
        if text.trim().is_empty() {
            continue;
        }
        let (name, label) = split(text);
        if name.is_empty() {
            return Err(bad(number, "there is a label but no path before it"));
        }
        if label == Some("") {
            return Err(bad(number, "the label after the tab is empty"));
        }
        rows.push(Row {
            line: number as u64,
            path: name.to_owned(),
            label: label.map(str::to_owned),
            class: None,
        });
    }
    Ok(rows)
}

/// Path and label of a line. A tab always separates them; a space does where the text before it ends as image files
/// do (`a/b.jpg 3`, the field's usual list), because paths may contain spaces.
fn split(line: &str) -> (&str, Option<&str>) {
    if let Some((path, label)) = line.split_once('\t') {
        return (path.trim(), Some(label.trim()));
    }
    let line = line.trim();
    if is_known(line.as_bytes()) {
        return (line, None);
    }
    match line.rsplit_once(' ') {
        Some((path, label)) if is_known(path.trim_end().as_bytes()) => (path.trim_end(), Some(label)),
        _ => (line, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_and_without_labels() {
        assert_eq!(split("a/b.jpg"), ("a/b.jpg", None));
        assert_eq!(split("a/b.jpg 3"), ("a/b.jpg", Some("3")));
        assert_eq!(split("a b.HEIC 3"), ("a b.HEIC", Some("3")));
        assert_eq!(split("my pictures/b c.JPEG 3"), ("my pictures/b c.JPEG", Some("3")));
        assert_eq!(split("my pictures/b c.jpg"), ("my pictures/b c.jpg", None));
        assert_eq!(split("odd name\tblue whale"), ("odd name", Some("blue whale")));
        assert_eq!(split("name without extension"), ("name without extension", None));
    }
}
