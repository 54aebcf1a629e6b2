//! `.csv` lists: a header with `path` and, optionally, `label` and `class`. What `twist predict` and `twist clusters export`
//! write is one too: there the column `name` says the class, and an image that is `unsure` has none.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use twist_io::{composed, has_further_lines, is_no_label, mixed_labels, shown, text_of_cell};

use super::{NOT_TEXT, Row};
use crate::DataError;
use crate::dataset::classes::{Labels, small_number};
use crate::dataset::file_pool::read_file;

/// The columns that mean something here.
const KNOWN: [&str; 7] = ["path", "label", "class", "name", "cluster", "probability", "unsure"];

/// Reads the table. Columns other than `path`, `label` and `class` are of no concern here, unless it is one of predictions; an
/// empty label is none, and an empty row, as spreadsheets write them, is nothing.
pub(crate) fn read(path: &Path) -> Result<Vec<Row>, DataError> {
    let bytes = read_file(path)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let bad = |line: u64, reason: String| DataError::line(path, line, reason);
    if let Some(zero) = bytes.iter().position(|&byte| byte == 0) {
        let line = 1 + bytes[..zero].iter().filter(|&&byte| byte == b'\n').count();
        return Err(bad(line as u64, NOT_TEXT.to_owned()));
    }
    let mut lines = Lines { bytes, at: 0, line: 1 };
    let mut reader = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(bytes);
    let header = reader.headers().map_err(|e| bad(lines.of(e.position()), plain(&e)))?.clone();
    let first = lines.of(header.position());
    let column = |name: &str| header.iter().position(|h| h.eq_ignore_ascii_case(name));
    let times = |name: &str| header.iter().filter(|h| h.eq_ignore_ascii_case(name)).count();
    if let Some(name) = KNOWN.into_iter().find(|name| times(name) > 1) {
        return Err(bad(first, format!("there are several columns \"{name}\": keep one of them")));
    }
    let path_column = column("path").ok_or_else(|| bad(first, no_path_column(&header)))?;
    let (label_column, class_column) = (column("label"), column("class"));
    let predicted = predictions(&column);
    let unsure_column = predicted.and(column("unsure"));
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| bad(lines.of(e.position()), plain(&e)))?;
        let line = lines.of(record.position());
        if record.iter().all(str::is_empty) {
            continue;
        }
        if let Some(cell) = record.iter().find(|cell| has_further_lines(cell)) {
            let reason = format!("\"{}\" is one cell: a quote that opens there does not close", shown(cell));
            return Err(bad(line, reason));
        }
        if record.len() != header.len() {
            let (got, expected) = (record.len(), header.len());
            let reason =
                format!("{got} columns, but the first line has {expected}: quote fields that contain commas");
            return Err(bad(line, reason));
        }
        let field = |column: Option<usize>| {
            let cell = column.and_then(|c| record.get(c)).filter(|cell| !cell.is_empty());
            cell.map(|cell| text_of_cell(cell).to_owned())
        };
        let name = field(Some(path_column)).ok_or_else(|| bad(line, "the path is empty".to_owned()))?;
        let unsure = field(unsure_column).is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let (label, class) = match predicted {
            Some(_) if unsure => (None, None),
            Some(name) => (None, field(Some(name))),
            None => (field(label_column), field(class_column)),
        };
        rows.push(Row { line, path: name, bytes: None, label, class });
    }
    Ok(rows)
}

/// The lines of a table as an editor counts them, from 1. The position that the reader of records gives lies before the second
/// half of a CRLF and before empty lines, so its own count is that of an earlier line.
struct Lines<'a> {
    bytes: &'a [u8],
    /// What is counted.
    at: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line in which the record at `position` begins; positions come in their order.
    fn of(&mut self, position: Option<&csv::Position>) -> u64 {
        let begin = position.map_or(0, |position| position.byte() as usize);
        while let Some(byte) = self.bytes.get(self.at) {
            if self.at >= begin && !b"\r\n".contains(byte) {
                break;
            }
            let ends_line = *byte == b'\n' || (*byte == b'\r' && self.bytes.get(self.at + 1) != Some(&b'\n'));
            self.line += u64::from(ends_line);
            self.at += 1;
        }
        self.line
    }
}

/// What to say of a first line that is not the header of such a table.
fn no_path_column(header: &csv::StringRecord) -> String {
    let found = header.iter().collect::<Vec<_>>().join(",");
    let separator = match found.contains([';', '\t']) {
        true => "; save the table with commas between the columns",
        false => "",
    };
    format!(
        "the first line must name a column \"path\" (and \"label\", if known); it is \"{}\"{separator}",
        shown(&found)
    )
}

/// The column with the name of the class, in a table of predictions: `name` beside `cluster` (older ones say `class`),
/// `probability` and `unsure`. What such a table says is the discovered class; its column `label`, which is what the data set
/// said when it was written, is then of no concern.
fn predictions(column: &impl Fn(&str) -> Option<usize>) -> Option<usize> {
    let name = column("name")?;
    column("probability")?;
    let current = column("cluster").and(column("unsure"));
    let older = column("class").filter(|_| column("label").is_none());
    current.or(older).map(|_| name)
}

/// The labels of a list: the `label` column names classes or numbers them; with a `class` column beside it, that one
/// has the names. `known` are the classes that the images have already.
pub(crate) fn labels(path: &Path, rows: &[Row], known: &[String]) -> Result<Labels, DataError> {
    let numbered = rows.iter().any(|r| r.label.is_some());
    let named = rows.iter().any(|r| r.class.is_some());
    if !(numbered && named) {
        let names: HashSet<&str> = known.iter().map(String::as_str).collect();
        let labels = rows.iter().map(|row| row.label.as_deref());
        if let Some((number, name)) = mixed_labels(labels, |label| names.contains(label)) {
            let [number, name] = [number, name].map(|row| &rows[row]);
            let label = |row: &Row| shown(row.label.as_deref().unwrap_or_default()).into_owned();
            return Err(DataError::line(
                path,
                number.line,
                format!(
                    "the label \"{}\" is a number, but \"{}\" in line {} is a name, and a number may count the classes that \
                     others name: write names in all lines, or numbers in all lines",
                    label(number),
                    label(name),
                    name.line
                ),
            ));
        }
        return Labels::from_text(rows.iter().map(|r| r.label.as_deref().or(r.class.as_deref())), known)
            .map_err(|reason| DataError::labels(path, reason));
    }
    let bad = |row: &Row, reason: String| DataError::line(path, row.line, reason);
    let mut names: BTreeMap<u32, (Cow<'_, str>, u64)> = BTreeMap::new();
    let mut indices = Vec::with_capacity(rows.len());
    for row in rows {
        let (label, class) = match (&row.label, &row.class) {
            (Some(label), _) if is_no_label(label) => {
                indices.push(None);
                continue;
            }
            (Some(label), Some(class)) => (label, class),
            (None, None) => {
                indices.push(None);
                continue;
            }
            _ => return Err(bad(row, "label and class must be given together".to_owned())),
        };
        let index = small_number(label);
        let index = index.ok_or_else(|| {
            bad(
                row,
                format!(
                    "if a class is given, the label must be its number, counted from 0; it is \"{}\"",
                    shown(label)
                ),
            )
        })?;
        let class = composed(class);
        let (first, line) = names.entry(index).or_insert((class.clone(), row.line));
        if *first != class {
            return Err(bad(
                row,
                format!(
                    "class {index} is called \"{}\", in line {line} it is \"{}\"",
                    shown(&class),
                    shown(first)
                ),
            ));
        }
        indices.push(Some(index));
    }
    let classes = names.keys().max().map_or(0, |&m| m + 1);
    let all = (0..classes).map(|c| names.get(&c).map_or_else(|| c.to_string(), |(name, _)| name.to_string()));
    Ok(Labels::from_indices(indices, all.collect()).unwrap_or_default())
}

/// The reader's message without the position, which ours states.
fn plain(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => NOT_TEXT.to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_are_labels_by_name_where_they_are_sure() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("classes.csv");
        for text in [
            "path,cluster,name,label,probability,unsure\na.png,3,red,dog,0.9,false\nb.png,7,7,,0.8,false\nc.png,3,red,,0.4,true\n",
            // As older versions wrote it.
            "path,class,name,probability,unsure\na.png,3,red,0.9,false\nb.png,7,7,0.8,false\nc.png,3,red,0.4,true\n",
        ] {
            fs_err::write(&file, text).unwrap();
            let rows = read(&file).unwrap();
            let labels = labels(&file, &rows, &[]).unwrap();
            assert_eq!(labels.names(), ["7", "red"]);
            assert_eq!([0, 1, 2].map(|row| labels.get(row)), [Some(1), Some(0), None]);
        }

        // A name of something else is not the name of a class, and proposals wait for their label.
        fs_err::write(&file, "path,class,name\na.png,dog,Rex\n").unwrap();
        assert_eq!(read(&file).unwrap()[0].class.as_deref(), Some("dog"));
        fs_err::write(&file, "path,cluster,name,label,probability,margin\na.png,3,red,dog,0.9,0.1\n")
            .unwrap();
        assert_eq!(read(&file).unwrap()[0].label.as_deref(), Some("dog"));
    }

    /// Line 5 is wrong, as `grep -n` counts, whatever a line ends with and whatever is before it.
    #[test]
    fn errors_name_the_line_that_an_editor_shows() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("labels.csv");
        for (what, text) in [
            ("plain", "path,label\na.png,1\nb.png,2\nc.png,3\nd.png,4,5\ne.png,6\n"),
            ("an empty path", "path,label\na.png,1\nb.png,2\nc.png,3\n,4\ne.png,6\n"),
            ("a quoted line break", "path,label\n\"a\nb.png\",1\nc.png,3\nd.png,4,5\ne.png,6\n"),
            ("empty lines", "\npath,label\n\nc.png,3\nd.png,4,5\ne.png,6\n"),
            ("no header", "\n\n\n\na.png,1\nb.png,2\n"),
        ] {
            for (ending, name) in [("\n", "LF"), ("\r\n", "CRLF"), ("\r", "CR")] {
                for mark in ["", "\u{feff}"] {
                    fs_err::write(&file, format!("{mark}{}", text.replace('\n', ending))).unwrap();
                    let error = read(&file).unwrap_err().to_string();
                    assert!(error.contains("labels.csv, line 5: "), "{what}, {name}, {mark:?}: {error}");
                }
            }
        }
        fs_err::write(&file, b"path,label\r\na.png,1\r\nb.png,2\r\nc.png,3\r\nd\xff.png,4\r\n").unwrap();
        let error = read(&file).unwrap_err().to_string();
        assert!(error.contains("line 5: not UTF-8"), "{error}");
    }

    #[test]
    fn cells_that_were_marked_as_text_are_what_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("labels.csv");
        fs_err::write(&file, "path,label\n'=1.png,'-dog\n'tis.png,'n\n").unwrap();
        let rows = read(&file).unwrap();
        assert_eq!((rows[0].path.as_str(), rows[0].label.as_deref()), ("=1.png", Some("-dog")));
        assert_eq!((rows[1].path.as_str(), rows[1].label.as_deref()), ("'tis.png", Some("'n")));
    }
}
