//! `--sort-into`: the images in a folder for each class.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use twist_data::{Dataset, Stored, extension_of, extension_of_name};
use twist_model::{Predictions, Predictor};

use super::class_folders::{Taken, UNSURE, file_name, folded, folders_of, safe};
use super::record::{DONE, Record, Row};
use crate::bar;
use crate::digits::{counted, thousands};
use crate::exit::Usage;
use crate::relocation::{How, Relocation};
use crate::talk::{Talk, to_stdout};

/// The flag that asks for it.
const FLAG: &str = "--sort-into";
/// Classes that have a line of their own; the others are in the folder.
const LINES: usize = 40;

/// Where and how images are sorted.
pub(super) struct Sorting {
    relocation: Relocation,
    record: Record,
    /// As it was written.
    folder: PathBuf,
    found: Vec<Found>,
}

/// The class of an image.
struct Found {
    /// Number of the image in its data set.
    index: usize,
    /// Position of the class in the predictor.
    class: usize,
    probability: f32,
    unsure: bool,
}

impl Sorting {
    /// Looks at the folder, before any work.
    ///
    /// # Errors
    /// [`Usage`] where the folder lies in DATA or contains it, or holds something else.
    pub(super) fn open(folder: &Path, how: How, data: &str) -> anyhow::Result<Self> {
        let relocation = Relocation::new(FLAG, how, folder, std::iter::once(data))?;
        relocation.holds_no_source()?;
        let mut record = Record::open(FLAG, relocation.folder())?;
        // Killed between the last image and the name of the table.
        let is_gone =
            |row: &Row| relocation.folder().join(&row.to).exists() && !Path::new(&row.from).exists();
        if how == How::Move && !record.planned.is_empty() && record.planned.iter().all(is_gone) {
            record.complete()?;
        }
        if how == How::Move {
            // An image that was moved and is not in its place cannot be in DATA: what is called so there is another one.
            let is_there = |row: &Row| relocation.folder().join(&row.to).symlink_metadata().is_ok();
            record.done.retain(|row| is_there(row) || row.from.is_empty() || !Path::new(&row.from).exists());
        }
        Ok(Self { relocation, record, folder: folder.to_owned(), found: Vec::new() })
    }

    /// Whether these images can be sorted.
    ///
    /// # Errors
    /// [`Usage`] where they are not files, or lie in the folder.
    pub(super) fn check(&self, dataset: &dyn Dataset) -> anyhow::Result<()> {
        self.relocation.check_files(dataset, "--copy writes them out")?;
        self.relocation.holds_no_image(dataset)
    }

    /// Takes note of the classes of some images.
    pub(super) fn add(&mut self, predictor: &Predictor, indices: &[u32], found: &Predictions) {
        let best = |all: usize| all * found.top;
        self.found.extend(indices.iter().enumerate().map(|(row, &index)| {
            let probability = found.probabilities[best(row)];
            let (index, class) = (index as usize, found.classes[best(row)]);
            Found { index, class, probability, unsure: predictor.is_unsure(probability) }
        }));
    }

    /// Brings the images to their folders, and says where they are.
    ///
    /// # Errors
    /// [`Usage`] where another file is in a place, or an image was sorted into another class before; the disk is full or read-only.
    pub(super) fn finish(
        self,
        predictor: &Predictor,
        dataset: &dyn Dataset,
        talk: &Talk,
    ) -> anyhow::Result<()> {
        let mut rows = self.rows(&Folders::of(predictor), predictor, dataset)?;
        let is_there = |row: &Row| self.relocation.folder().join(&row.to).symlink_metadata().is_ok();

        // An image that somebody took out of a finished folder, or gave another class, stays as it is.
        let done: HashSet<&str> = self.record.done.iter().map(Row::key).collect();
        let all = rows.len();
        rows.retain(|(_, row)| !done.contains(row.key()) || is_there(row));
        let taken_out = all - rows.len();

        let wanted: Vec<(usize, PathBuf)> =
            rows.iter().map(|(index, row)| (*index, PathBuf::from(&row.to))).collect();
        let steps = self.relocation.look(dataset, &wanted)?;
        rows.retain(|(index, _)| !steps.elsewhere.contains(index));

        // DATA no longer has what a killed call moved.
        let keys: HashSet<&str> = rows.iter().map(|(_, row)| row.key()).collect();
        let before = self.record.planned.iter().filter(|row| !keys.contains(row.key()) && is_there(row));
        let new = rows.iter().map(|(_, row)| row).filter(|row| !done.contains(row.key()));
        self.record.plan(before.chain(new))?;
        let bar = bar::counting(steps.len() as u64, "sorting", talk);
        self.relocation.carry_out(&steps, dataset, &|done| bar.set_position(done as u64))?;
        bar.finish_and_clear();
        self.record.complete()?;

        self.summary(rows.iter().map(|(_, row)| row))?;
        let table = self.folder.join(DONE);
        talk.say(format!("{}; {} says which", self.relocation.said(&steps), table.display()));
        if taken_out > 0 {
            let images = counted(taken_out as u64, "image");
            talk.say(format!(
                "{images} sorted before, no longer in place: they stay as they are; {FLAG} with another folder sorts them again"
            ));
        }
        Ok(())
    }

    /// The number of each image and its row.
    ///
    /// # Errors
    /// [`Usage`] where an image was sorted into another class before.
    fn rows(
        &self,
        folders: &Folders,
        predictor: &Predictor,
        dataset: &dyn Dataset,
    ) -> anyhow::Result<Vec<(usize, Row)>> {
        let earlier = self.record.done.iter().chain(&self.record.planned);
        let earlier: HashMap<&str, &Row> = earlier.map(|row| (row.key(), row)).collect();
        let mut rows = Vec::with_capacity(self.found.len());
        // Name and folder of the images that are new.
        let mut new: Vec<(usize, String, &str)> = Vec::new();
        for found in &self.found {
            let (number, name) = predictor.class(found.class);
            let file = dataset.file(found.index).map(std::path::absolute).transpose()?;
            let mut row = Row {
                path: dataset.path(found.index),
                cluster: number.to_string(),
                name: name.to_owned(),
                probability: format!("{:?}", found.probability),
                unsure: found.unsure.to_string(),
                to: String::new(),
                // A name that is not text could be mistaken for another one.
                from: file.as_ref().and_then(|file| file.to_str()).unwrap_or_default().to_owned(),
            };
            let folder = folders.get(found);
            match earlier.get(row.key()) {
                Some(known) if folder_of(&known.to) == folder => row.to.clone_from(&known.to),
                Some(known) => return Err(self.was_sorted(known, folder).into()),
                None => {
                    let name =
                        if file.is_some() { row.path.clone() } else { with_extension(dataset, found.index) };
                    new.push((rows.len(), name, folder));
                }
            }
            rows.push((found.index, row));
        }
        let mut taken: HashMap<&str, Taken> = HashMap::new();
        for row in earlier.values() {
            taken.entry(folder_of(&row.to)).or_default().take(file_name(&row.to));
        }
        // Whether several images of a folder have one name depends on all of them, not on their order.
        let mut shared: HashMap<(&str, String), u32> = HashMap::new();
        let key = |name: &str| folded(&safe(file_name(name)));
        for (_, name, folder) in &new {
            *shared.entry((*folder, key(name))).or_default() += 1;
        }
        for (place, name, folder) in &new {
            let is_shared = shared.get(&(*folder, key(name))) > Some(&1);
            let name = taken.entry(folder).or_default().name_of(name, is_shared);
            rows[*place].1.to = format!("{folder}/{name}");
        }
        Ok(rows)
    }

    fn was_sorted(&self, known: &Row, folder: &str) -> Usage {
        Usage(format!(
            "{FLAG} {shown}: {} is in {shown}/{}, and now belongs in {shown}/{folder}: its class has changed, or that of another \
             model was used before; name another folder. Nothing was moved, linked or copied",
            known.path,
            known.to,
            shown = self.folder.display()
        ))
    }

    /// Prints how many images are in each folder.
    fn summary<'a>(&self, rows: impl Iterator<Item = &'a Row>) -> anyhow::Result<()> {
        let mut counts: Vec<(&str, u64)> = Vec::new();
        let mut places: HashMap<&str, usize> = HashMap::new();
        let mut sorted: Vec<(i64, &Row)> =
            rows.map(|row| (row.cluster.parse().unwrap_or(i64::MAX), row)).collect();
        // Classes by number, and what is unsure behind what is not.
        sorted.sort_by_key(|(number, row)| (row.unsure == "true", *number));
        for (_, row) in sorted {
            let folder = folder_of(&row.to);
            let place = *places.entry(folder).or_insert_with(|| {
                counts.push((folder, 0));
                counts.len() - 1
            });
            counts[place].1 += 1;
        }
        let width = counts.iter().map(|(_, count)| thousands(*count).len()).max().unwrap_or(0);
        for (folder, count) in counts.iter().take(LINES) {
            to_stdout(format!("{:>width$}  {}", thousands(*count), self.folder.join(folder).display()))?;
        }
        if let Some(more) = counts.len().checked_sub(LINES).filter(|more| *more > 0) {
            let shown = self.folder.display();
            to_stdout(format!("and {} more in {shown}", counted(more as u64, "folder")))?;
        }
        Ok(())
    }
}

/// The folder of each class.
struct Folders {
    /// In the order of the predictor.
    sure: Vec<String>,
    unsure: Vec<String>,
}

impl Folders {
    fn of(predictor: &Predictor) -> Self {
        let sure = folders_of((0..predictor.len()).map(|position| predictor.class(position)));
        let unsure = sure.iter().map(|folder| format!("{UNSURE}/{folder}")).collect();
        Self { sure, unsure }
    }

    fn get(&self, found: &Found) -> &str {
        let folders = if found.unsure { &self.unsure } else { &self.sure };
        folders.get(found.class).map_or("", String::as_str)
    }
}

/// The folder of a place below the folder of all.
fn folder_of(to: &str) -> &str {
    to.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The name of an image that has no file, with the extension of its content.
fn with_extension(dataset: &dyn Dataset, index: usize) -> String {
    let path = dataset.path(index);
    if extension_of_name(&path).is_some() {
        return path;
    }
    match dataset.read(index) {
        Ok(Stored::Encoded(bytes)) => match extension_of(&bytes) {
            Some(extension) => format!("{path}.{extension}"),
            None => path,
        },
        _ => path,
    }
}
