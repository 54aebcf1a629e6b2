//! `.csv` lists: a header with `path` and, optionally, `label` and `class`.

use std::collections::BTreeMap;
use std::path::Path;

use super::Row;
use crate::DataError;
use crate::dataset::classes::Labels;
use crate::dataset::file_pool::read_file;

/// Reads the table. Columns other than `path`, `label` and `class` are of no concern here; an empty label is none.
pub(crate) fn read(path: &Path) -> Result<Vec<Row>, DataError> {
    let bytes = read_file(path)?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let bad = |line: u64, reason: String| DataError::Line { path: path.to_path_buf(), line, reason };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
    let header = reader.headers().map_err(|e| bad(1, plain(&e)))?.clone();
    let column = |name: &str| header.iter().position(|h| h.eq_ignore_ascii_case(name));
    let Some(path_column) = column("path") else {
        let found = header.iter().collect::<Vec<_>>().join(",");
        let reason = format!(
            "the first line has to name a column \"path\" (and \"label\", if known), it is \"{found}\""
        );
        return Err(bad(1, reason));
    };
    let (label_column, class_column) = (column("label"), column("class"));
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| bad(e.position().map_or(0, csv::Position::line), plain(&e)))?;
        let line = record.position().map_or(0, csv::Position::line);
        let field = |column: Option<usize>| {
            column.and_then(|c| record.get(c)).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let name = field(Some(path_column)).ok_or_else(|| bad(line, "the path is empty".to_owned()))?;
        rows.push(Row { line, path: name, label: field(label_column), class: field(class_column) });
    }
    Ok(rows)
}

/// The labels of a list: the `label` column names classes or numbers them; with a `class` column beside it, that one
/// has the names.
pub(crate) fn labels(path: &Path, rows: &[Row]) -> Result<Labels, DataError> {
    let numbered = rows.iter().any(|r| r.label.is_some());
    let named = rows.iter().any(|r| r.class.is_some());
    if !(numbered && named) {
        return Ok(Labels::from_text(rows.iter().map(|r| r.label.as_deref().or(r.class.as_deref()))));
    }
    let bad =
        |row: &Row, reason: String| DataError::Line { path: path.to_path_buf(), line: row.line, reason };
    let mut names: BTreeMap<u32, (&str, u64)> = BTreeMap::new();
    let mut indices = Vec::with_capacity(rows.len());
    for row in rows {
        let (label, class) = match (&row.label, &row.class) {
            (Some(label), Some(class)) => (label, class),
            (None, None) => {
                indices.push(None);
                continue;
            }
            _ => return Err(bad(row, "label and class have to be given together".to_owned())),
        };
        let index = label.parse::<u32>().ok().filter(|&i| i < 1 << 16);
        let index = index.ok_or_else(|| {
            bad(row, format!("beside a class, the label has to be its number from 0 on, it is \"{label}\""))
        })?;
        let (first, line) = *names.entry(index).or_insert((class, row.line));
        if first != class {
            return Err(bad(
                row,
                format!("class {index} is called \"{class}\", in line {line} it is \"{first}\""),
            ));
        }
        indices.push(Some(index));
    }
    let classes = names.keys().max().map_or(0, |&m| m + 1);
    let all =
        (0..classes).map(|c| names.get(&c).map_or_else(|| c.to_string(), |(name, _)| (*name).to_owned()));
    Ok(Labels::from_indices(indices, all.collect()).unwrap_or_default())
}

/// The reader's message without the position, which ours states.
fn plain(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} columns where the first line has {expected_len}: quote fields that contain commas")
        }
        csv::ErrorKind::Utf8 { .. } => "not UTF-8 text: save the list as UTF-8".to_owned(),
        _ => error.to_string(),
    }
}
