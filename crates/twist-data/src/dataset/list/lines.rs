//! `.txt` lists: a path per line.

use std::path::Path;

use super::{NOT_TEXT, Row};
use crate::DataError;
use crate::dataset::file_pool::read_file;
use crate::dataset::kinds::is_known;
use crate::dataset::names::readable;

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
        if line.contains(&0) {
            return Err(bad(number, NOT_TEXT));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let (name, label) = split(line);
        let label = label.map(str::from_utf8).transpose().map_err(|_| bad(number, NOT_TEXT))?;
        if name.is_empty() {
            return Err(bad(number, "there is a label but no path before it"));
        }
        if label == Some("") {
            return Err(bad(number, "the label after the tab is empty"));
        }
        rows.push(Row {
            line: number as u64,
            path: readable(name),
            bytes: std::str::from_utf8(name).is_err().then(|| name.to_vec()),
            label: label.map(str::to_owned),
            class: None,
        });
    }
    Ok(rows)
}

/// Path and label of a line. A tab always separates them; a space does where the text before it ends as image files
/// do (`a/b.jpg 3`, the field's usual list), because paths may contain spaces.
fn split(line: &[u8]) -> (&[u8], Option<&[u8]>) {
    if let Some(tab) = line.iter().position(|&byte| byte == b'\t') {
        return parted(line, tab);
    }
    let line = line.trim_ascii();
    match line.iter().rposition(|&byte| byte == b' ') {
        Some(space) if !is_known(line) && is_known(line[..space].trim_ascii_end()) => parted(line, space),
        _ => (line, None),
    }
}

/// What stands before and after a separator.
fn parted(line: &[u8], at: usize) -> (&[u8], Option<&[u8]>) {
    (line[..at].trim_ascii(), Some(line[at + 1..].trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_with_and_without_labels() {
        assert_eq!(split(b"a/b.jpg"), (&b"a/b.jpg"[..], None));
        assert_eq!(split(b"a/b.jpg 3"), (&b"a/b.jpg"[..], Some(&b"3"[..])));
        assert_eq!(split(b"a b.HEIC 3"), (&b"a b.HEIC"[..], Some(&b"3"[..])));
        assert_eq!(split(b"my pictures/b c.JPEG 3"), (&b"my pictures/b c.JPEG"[..], Some(&b"3"[..])));
        assert_eq!(split(b"my pictures/b c.jpg"), (&b"my pictures/b c.jpg"[..], None));
        assert_eq!(split(b"odd name\tblue whale"), (&b"odd name"[..], Some(&b"blue whale"[..])));
        assert_eq!(split(b"name without extension"), (&b"name without extension"[..], None));
    }
}
