//! Which image went where: `sorted.csv` in the folder that images were sorted into.
//!
//! While images are brought to their places the table is called `sorting.csv`. It is complete before the first image has its place, so that
//! the next call recognises what a call that was killed did. Either file is also the sign that the folder is one that Twist wrote.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use twist_io::{Refused, text_of_cell, text_to_cell};

use super::file_address::file_of_name;
use crate::exit::Usage;

/// The table of what is in its place.
pub(super) const DONE: &str = "sorted.csv";
/// The table of what is on its way.
pub(super) const PLANNED: &str = "sorting.csv";

const COLUMNS: [&str; 8] = ["path", "cluster", "name", "probability", "unsure", "to", "from", "stamp"];
/// Older versions had no `stamp`.
const OLD_COLUMNS: usize = 7;

/// An image that was sorted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// The image, as the data set names it.
    pub(super) path: String,
    /// Number and name of its class.
    pub(super) cluster: String,
    pub(super) name: String,
    pub(super) probability: String,
    pub(super) unsure: String,
    /// Where it is, from the folder on.
    pub(super) to: String,
    /// The file that it was or is, from the root on, as `file_address` writes it; empty where it has none of its own.
    pub(super) from: String,
    /// What tells it from another image of its name; empty where an older version wrote the row.
    pub(super) stamp: String,
}

/// By what images are found again, however DATA was written: by their file, or as parts of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key<'a> {
    File(&'a str),
    Within(&'a str),
}

impl Row {
    pub(super) fn key(&self) -> Key<'_> {
        if self.from.is_empty() { Key::Within(&self.path) } else { Key::File(&self.from) }
    }

    /// The file that it was or is, where it has one of its own.
    pub(super) fn file(&self) -> Option<PathBuf> {
        (!self.from.is_empty()).then(|| file_of_name(&self.from))
    }

    fn cells(&self) -> [&str; 8] {
        let Self { path, cluster, name, probability, unsure, to, from, stamp } = self;
        [path, cluster, name, probability, unsure, to, from, stamp]
    }

    fn of_cells(cells: [String; 8]) -> Self {
        let [path, cluster, name, probability, unsure, to, from, stamp] = cells;
        Self { path, cluster, name, probability, unsure, to, from, stamp }
    }
}

/// The rows of a folder that images are sorted into.
#[derive(Debug)]
pub(super) struct Record {
    folder: PathBuf,
    /// Images that an earlier call brought to their places.
    pub(super) done: Vec<Row>,
    /// Images that a call which did not end was to bring to theirs.
    pub(super) planned: Vec<Row>,
}

impl Record {
    /// The record of `folder`, which may not exist yet.
    ///
    /// # Errors
    /// [`Usage`] where the folder is not empty and has no record; a table that is damaged or cannot be read.
    pub(super) fn open(flag: &str, folder: &Path) -> anyhow::Result<Self> {
        let mut record = Self { folder: folder.to_owned(), done: Vec::new(), planned: Vec::new() };
        if !folder.exists() {
            return Ok(record);
        }
        twist_io::remove_leftovers(folder)?;
        let (done, planned) = (read(&folder.join(DONE))?, read(&folder.join(PLANNED))?);
        if done.is_none() && planned.is_none() && fs_err::read_dir(folder)?.next().is_some() {
            let shown = folder.display();
            let why = format!("it is not empty and has no {DONE}, so Twist did not write it");
            return Err(Usage(format!("{flag} {shown}: {why}; name an empty folder or a new one")).into());
        }
        record.done = done.unwrap_or_default();
        // No two images have one place.
        let known: HashSet<&str> = record.done.iter().map(|row| row.to.as_str()).collect();
        record.planned =
            planned.unwrap_or_default().into_iter().filter(|row| !known.contains(row.to.as_str())).collect();
        Ok(record)
    }

    /// Whether no call has sorted anything into the folder.
    pub(super) fn is_empty(&self) -> bool {
        self.done.is_empty() && self.planned.is_empty()
    }

    /// Writes down what is done already and where `new` images are to go.
    ///
    /// # Errors
    /// The folder cannot be made or written to.
    pub(super) fn plan<'a>(&'a self, new: impl IntoIterator<Item = &'a Row>) -> anyhow::Result<()> {
        fs_err::create_dir_all(&self.folder)?;
        write(&self.folder.join(PLANNED), self.done.iter().chain(new))
    }

    /// Says that all images are in their places.
    ///
    /// # Errors
    /// The folder cannot be written to.
    pub(super) fn complete(&self) -> anyhow::Result<()> {
        Ok(fs_err::rename(self.folder.join(PLANNED), self.folder.join(DONE))?)
    }
}

fn write<'a>(path: &Path, rows: impl Iterator<Item = &'a Row>) -> anyhow::Result<()> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(COLUMNS)?;
    for row in rows {
        table.write_record(row.cells().map(|cell| text_to_cell(cell).into_owned()))?;
    }
    let bytes = table.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(twist_io::write_atomic(path, |file| file.write_all(&bytes))?)
}

/// The rows of a table; `None` where there is none.
fn read(path: &Path) -> anyhow::Result<Option<Vec<Row>>> {
    let refused = |why: String| {
        let remedy = "name another folder; the images are where they are";
        Refused::new(format!("{} is not a table of sorted images", path.display()))
            .because(why)
            .remedy(remedy)
    };
    let Some(bytes) = twist_io::read_if_there(path)? else { return Ok(None) };
    let mut table = csv::Reader::from_reader(bytes.as_slice());
    let header = table.headers().map_err(|error| refused(error.to_string()))?;
    let columns = header.len();
    if header != COLUMNS[..columns.clamp(OLD_COLUMNS, COLUMNS.len())] {
        let columns = COLUMNS.join(", ");
        return Err(refused(format!("its columns are not {columns}")).into());
    }
    let mut rows = Vec::new();
    for record in table.records() {
        let record = record.map_err(|error| refused(error.to_string()))?;
        let mut cells: Vec<String> = record.iter().map(|cell| text_of_cell(cell).to_owned()).collect();
        cells.resize(cells.len().max(COLUMNS.len()), String::new());
        let row = Row::of_cells(cells.try_into().map_err(|_| refused("a row is cut short".to_owned()))?);
        let is_below = Path::new(&row.to).components().all(|part| matches!(part, Component::Normal(_)));
        if !is_below || row.to.is_empty() {
            return Err(
                refused(format!("\"{}\" is not a place in the folder", twist_io::shown(&row.to))).into()
            );
        }
        rows.push(row);
    }
    Ok(Some(rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str) -> Row {
        Row::of_cells(
            ["=1.jpg", "3", name, "0.9", "false", "cat/=1.jpg", "/data/=1.jpg", "12 345"].map(str::to_owned),
        )
    }

    #[test]
    fn rows_come_back() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("sorted");
        let record = Record::open("--sort-into", &folder).unwrap();
        record.plan(&[row("a, \"b\"")]).unwrap();
        let again = Record::open("--sort-into", &folder).unwrap();
        assert_eq!((again.done.len(), again.planned.as_slice()), (0, &[row("a, \"b\"")][..]));
        record.complete().unwrap();
        let done = Record::open("--sort-into", &folder).unwrap();
        assert_eq!((done.done.as_slice(), done.planned.len()), (&[row("a, \"b\"")][..], 0));
        let other = Row { from: "/data/2.jpg".into(), to: "cat/2.jpg".into(), ..row("b") };
        done.plan([&other]).unwrap();
        let both = Record::open("--sort-into", &folder).unwrap();
        assert_eq!((both.done.len(), both.planned.as_slice()), (1, &[other][..]));
    }

    #[test]
    fn a_table_of_an_older_version_is_read() {
        let place = tempfile::tempdir().unwrap();
        let text = "path,cluster,name,probability,unsure,to,from\na,1,b,1,false,b/a,/d/a\n";
        fs_err::write(place.path().join(DONE), text).unwrap();
        let record = Record::open("--sort-into", place.path()).unwrap();
        assert_eq!((record.done[0].from.as_str(), record.done[0].stamp.as_str()), ("/d/a", ""));
        let within = Row { from: String::new(), ..row("a") };
        assert!(within.key() != row("a").key() && within.file().is_none());
    }

    #[test]
    fn folders_of_others_are_refused() {
        let place = tempfile::tempdir().unwrap();
        let open = || Record::open("--sort-into", place.path()).map_err(|error| error.to_string());
        assert!(open().is_ok(), "empty");
        fs_err::write(place.path().join("mine"), "x").unwrap();
        assert!(open().unwrap_err().contains("is not empty"));
        for (text, why) in [
            ("path,label\n", "its columns are not"),
            ("path,cluster,name,probability,unsure,to,from\na,1,b,1,false,../b,c\n", "not a place"),
            ("path,cluster,name,probability,unsure,to,from\na,1,b\n", "not a table"),
        ] {
            fs_err::write(place.path().join(DONE), text).unwrap();
            assert!(open().unwrap_err().contains(why), "{:?}", open());
        }
    }
}
