//! The table itself, as others wrote it: only the edited cells change.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, Write};

use twist_io::{composed, has_further_lines, shown, text_of_cell, text_to_cell};

/// What Excel puts in front of a table in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A CSV table with the columns `path` and `label`, and whatever else it has.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    path_at: usize,
    label_at: usize,
    marked: bool,
    crlf: bool,
}

impl Table {
    pub(super) fn new() -> Self {
        let header = ["path", "label"].map(str::to_owned).to_vec();
        Self { header, rows: Vec::new(), path_at: 0, label_at: 1, marked: false, crlf: false }
    }

    /// The table in `bytes`.
    ///
    /// # Errors
    /// Why it is not one with the columns `path` and `label`, or cannot be read as it was meant.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
        let owned = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
        let header = owned(reader.headers().map_err(|error| error.to_string())?);
        let place = |name: &str| {
            let mut places = (0..header.len()).filter(|&at| header[at].trim().eq_ignore_ascii_case(name));
            let one = places.next().filter(|_| places.next().is_none());
            one.ok_or_else(|| format!("its first line must name one column `{name}`"))
        };
        let (path_at, label_at) = (place("path")?, place("label")?);
        let (mut rows, mut first): (Vec<Vec<String>>, HashMap<String, u64>) = (Vec::new(), HashMap::new());
        for record in reader.records() {
            let record = record.map_err(|error| error.to_string())?;
            let line = record.position().map_or(0, csv::Position::line);
            if let Some(cell) = record.iter().find(|cell| has_further_lines(cell)) {
                let cell = shown(cell);
                return Err(format!(
                    "in line {line}, \"{cell}\" is one cell: a quote that opens there does not close"
                ));
            }
            if record.iter().skip(header.len()).any(|cell| !cell.trim().is_empty()) {
                let (got, expected) = (record.len(), header.len());
                return Err(format!(
                    "line {line} has {got} columns and the first line {expected}: quote fields that contain commas"
                ));
            }
            let row = owned(&record);
            let image = image(text(&row, path_at)).into_owned();
            if let Some(first) = first.insert(image, line).filter(|_| !text(&row, path_at).is_empty()) {
                let path = shown(text(&row, path_at));
                return Err(format!("line {line} names {path}, as line {first} does: remove one of them"));
            }
            rows.push(row);
        }
        let marked = bytes.starts_with(BYTE_ORDER_MARK);
        let crlf = bytes.split(|byte| *byte == b'\n').next().is_some_and(|line| line.ends_with(b"\r"));
        Ok(Self { header, rows, path_at, label_at, marked, crlf })
    }

    /// Labels by [`image`].
    pub(super) fn labels(&self) -> BTreeMap<String, String> {
        let labels = self.rows.iter().map(|row| (text(row, self.path_at), text(row, self.label_at)));
        let given = labels.filter(|(path, label)| !path.is_empty() && !label.is_empty());
        given.map(|(path, label)| (image(path).into_owned(), label.to_owned())).collect()
    }

    /// Adds a row for an image that has none.
    pub(super) fn push(&mut self, path: &str, label: &str) {
        let width = self.header.len().max(self.path_at + 1).max(self.label_at + 1);
        let mut row = vec![String::new(); width];
        row[self.path_at] = text_to_cell(path).into_owned();
        row[self.label_at] = text_to_cell(label).into_owned();
        self.rows.push(row);
    }

    /// Gives the images at `paths` the label, or takes theirs away when it is empty. A row that says nothing else then goes.
    pub(super) fn set(&mut self, paths: &[&str], label: &str) {
        let rows = self.rows.iter().enumerate();
        let mut places: HashMap<String, usize> =
            rows.map(|(place, row)| (image(text(row, self.path_at)).into_owned(), place)).collect();
        for path in paths {
            match places.get(&*image(path)) {
                Some(own) => self.write_label(*own, label),
                None if label.is_empty() => {}
                None => {
                    places.insert(image(path).into_owned(), self.rows.len());
                    self.push(path, label);
                }
            }
        }
        if label.is_empty() {
            let emptied = paths.iter().filter_map(|path| places.get(&*image(path))).copied();
            let says_nothing = |row: &Vec<String>| {
                row.iter().enumerate().all(|(at, cell)| at == self.path_at || cell.trim().is_empty())
            };
            let gone: HashSet<usize> = emptied.filter(|place| says_nothing(&self.rows[*place])).collect();
            let mut place = 0;
            self.rows.retain(|_| {
                place += 1;
                !gone.contains(&(place - 1))
            });
        }
    }

    fn write_label(&mut self, place: usize, label: &str) {
        let row = &mut self.rows[place];
        if row.len() <= self.label_at {
            row.resize(self.label_at + 1, String::new());
        }
        row[self.label_at] = text_to_cell(label).into_owned();
    }

    /// Writes the table as it was found, but for what was changed.
    pub(super) fn write(&self, mut out: impl Write) -> io::Result<()> {
        if self.marked {
            out.write_all(BYTE_ORDER_MARK)?;
        }
        let end = if self.crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let mut table = csv::WriterBuilder::new().flexible(true).terminator(end).from_writer(out);
        table.write_record(&self.header)?;
        for row in &self.rows {
            table.write_record(row)?;
        }
        table.flush()
    }
}

/// The image that a path stands for, as `--labels` compares paths.
pub(super) fn image(path: &str) -> Cow<'_, str> {
    composed(path.trim_start_matches("./"))
}

/// What a cell says.
fn text(row: &[String], at: usize) -> &str {
    row.get(at).map_or("", |cell| text_of_cell(cell.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(table: &Table) -> String {
        let mut bytes = Vec::new();
        table.write(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn columns_rows_and_their_order_stay() {
        let text = "photographer,label,path,note\nAnn,cat,a.png,\nBob,,b.png,look again\nCid,,c.png,\n";
        let mut table = Table::read(text.as_bytes()).unwrap();
        assert_eq!(written(&table), text);
        table.set(&["b.png", "new.png"], "dog");
        assert_eq!(
            written(&table),
            "photographer,label,path,note\nAnn,cat,a.png,\nBob,dog,b.png,look again\nCid,,c.png,\n,dog,new.png,\n"
        );
        table.set(&["a.png", "b.png", "new.png"], "");
        let left = "photographer,label,path,note\nAnn,,a.png,\nBob,,b.png,look again\nCid,,c.png,\n";
        assert_eq!(written(&table), left, "only the row that said nothing else goes");
        assert!(table.labels().is_empty());
    }

    #[test]
    fn a_spreadsheets_habits_stay() {
        let text = "\u{feff}path,label\r\n\"a,1.png\",cat\r\n";
        let mut table = Table::read(text.as_bytes()).unwrap();
        assert_eq!(table.labels()["a,1.png"], "cat");
        table.set(&["=1.png"], "dog");
        assert_eq!(written(&table), "\u{feff}path,label\r\n\"a,1.png\",cat\r\n'=1.png,dog\r\n");
        assert_eq!(table.labels()["=1.png"], "dog", "a name that looks like a formula comes back");
    }

    #[test]
    fn short_rows_and_other_tables() {
        let mut table = Table::read(b"path,note,label\na.png\n").unwrap();
        table.set(&["a.png"], "cat");
        assert_eq!(written(&table), "path,note,label\na.png,,cat\n");
    }

    /// What is read in another way than it was meant would be labels that are lost or wrong.
    #[test]
    fn tables_that_are_not_what_they_seem_are_refused() {
        for (bytes, reason) in [
            (&b"something,else\n"[..], "one column `path`"),
            (b"path;label\na.png;cat\n", "one column `path`"),
            (b"path,label,Label\na.png,cat,dog\n", "one column `label`"),
            (b"path,label\n\xff,a\n", "UTF-8"),
            (b"path,label\na.png,\"cat\nb.png,dog\nc.png,cat\n", "line 2, \"cat\\nb.png,dog"),
            (b"path,label\na.png,cat\nb.png,cat\na.png,dog\n", "line 4 names a.png, as line 2 does"),
            ("path,label\ncaf\u{e9}.png,cat\n./cafe\u{301}.png,dog\n".as_bytes(), "as line 2 does"),
            (b"path,label\na.png,cat\nb, left.png,dog\n", "line 3 has 3 columns"),
        ] {
            let said = Table::read(bytes).unwrap_err();
            assert!(said.contains(reason), "{said}");
        }
        assert_eq!(Table::read(b"Path, LABEL ,by\na.png,cat,,\n").unwrap().labels()["a.png"], "cat");
    }
}
