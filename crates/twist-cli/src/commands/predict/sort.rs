//! `--sort-into`: the images in a folder for each class.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use twist_data::{DataError, Dataset, Stored, extension_of, extension_of_name};
use twist_io::Refused;
use twist_model::{Predictions, Predictor};

use super::class_folders::{Taken, UNSURE, file_name, folded, folders_of, safe};
use super::file_address::name_of_file;
use super::folder_lock::FolderLock;
use super::record::{DONE, Key, Record, Row};
use super::stamp::{stamp_of_bytes, stamp_of_file};
use crate::bar;
use crate::digits::{counted, thousands};
use crate::exit::Usage;
use crate::relocation::{How, Relocation, is_copied};
use crate::talk::{Talk, to_stdout};

/// The flag that asks for it.
const FLAG: &str = "--sort-into";
/// Classes that have a line of their own; the others are in the folder.
const LINES: usize = 40;

/// Where and how images are sorted.
pub(super) struct Sorting {
    relocation: Relocation,
    how: How,
    record: Record,
    /// As it was written.
    folder: PathBuf,
    found: Vec<Found>,
    /// `None` as long as the folder does not exist.
    lock: Option<FolderLock>,
}

/// An image that gets a place, or has it.
struct Placed {
    /// Number of the image in its data set.
    index: usize,
    row: Row,
    /// Whether an earlier call brought it there.
    done: bool,
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
    /// [`Usage`] where the folder lies in DATA or contains it, or holds something else; another call is sorting into it.
    pub(super) fn open(folder: &Path, how: How, data: &str) -> anyhow::Result<Self> {
        let relocation = Relocation::new(FLAG, how, folder, std::iter::once(data))?;
        relocation.holds_no_source()?;
        let lock = relocation.folder().exists().then(|| FolderLock::take(relocation.folder())).transpose()?;
        let mut record = Record::open(FLAG, relocation.folder())?;
        let is_in_data = |row: &Row| row.file().is_some_and(|file| file.symlink_metadata().is_ok());
        // Killed between the last image and the name of the table.
        let is_gone = |row: &Row| relocation.folder().join(&row.to).exists() && !is_in_data(row);
        if how == How::Move && !record.planned.is_empty() && record.planned.iter().all(is_gone) {
            record.complete()?;
            record = Record::open(FLAG, relocation.folder())?;
        }
        if how == How::Move {
            // An image that was moved and is not in its place cannot be in DATA: what is called so there is another one.
            let is_there = |row: &Row| relocation.folder().join(&row.to).symlink_metadata().is_ok();
            record.done.retain(|row| is_there(row) || !is_in_data(row));
        }
        Ok(Self { relocation, how, record, folder: folder.to_owned(), found: Vec::new(), lock })
    }

    /// What to say where opening `data` ended in `error` because no image is left in it, and those that were are sorted; `None` where it
    /// is another error, or nothing was sorted from there.
    pub(super) fn finished(&self, data: &str, error: &anyhow::Error) -> Option<String> {
        let Some(DataError::NoImages(_)) = error.downcast_ref() else { return None };
        let folders = [std::path::absolute(data).ok()?, fs_err::canonicalize(data).ok()?];
        let is_from =
            |row: &&Row| row.file().is_some_and(|file| folders.iter().any(|one| file.starts_with(one)));
        let sorted = self.record.done.iter().filter(is_from).count();
        let images = counted(sorted as u64, "image");
        let shown = self.folder.display();
        (sorted > 0).then(|| {
            format!(
                "nothing to sort: {data} holds no image now; {images} of it were sorted into {shown} before"
            )
        })
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
        let mut placed = self.placed(&Folders::of(predictor), predictor, dataset)?;
        let is_there = |row: &Row| self.relocation.folder().join(&row.to).symlink_metadata().is_ok();
        let _made = self.lock.is_none().then(|| self.lock_new()).transpose()?;

        // An image that somebody took out of a finished folder, or gave another class, stays as it is.
        let all = placed.len();
        placed.retain(|image| !image.done || is_there(&image.row));
        let taken_out = all - placed.len();

        let wanted: Vec<(usize, PathBuf)> =
            placed.iter().map(|image| (image.index, PathBuf::from(&image.row.to))).collect();
        let steps = self.relocation.look(dataset, None, &wanted)?;
        placed.retain(|image| !steps.stays(image.index));

        // DATA no longer has what a killed call moved.
        let places: HashSet<&str> = placed.iter().map(|image| image.row.to.as_str()).collect();
        let before =
            self.record.planned.iter().filter(|row| !places.contains(row.to.as_str()) && is_there(row));
        let new = placed.iter().filter(|image| !image.done).map(|image| &image.row);
        self.record.plan(before.chain(new))?;
        let bar = bar::counting(steps.len() as u64, "sorting", talk);
        self.relocation.carry_out(&steps, dataset, &|done| bar.set_position(done as u64))?;
        bar.finish_and_clear();
        self.record.complete()?;

        self.summary(placed.iter().map(|image| &image.row))?;
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

    /// Makes the folder, which did not exist, and keeps other calls out.
    ///
    /// # Errors
    /// Another call made it meanwhile; it cannot be made.
    fn lock_new(&self) -> anyhow::Result<FolderLock> {
        let lock = FolderLock::take_new(self.relocation.folder())?;
        if !Record::open(FLAG, self.relocation.folder())?.is_empty() {
            let what = format!("another command has sorted images into {} meanwhile", self.folder.display());
            return Err(Refused::new(what).remedy("call this one again").into());
        }
        Ok(lock)
    }

    /// Every image with its place.
    ///
    /// # Errors
    /// [`Usage`] where an image was sorted into another class before.
    fn placed(
        &self,
        folders: &Folders,
        predictor: &Predictor,
        dataset: &dyn Dataset,
    ) -> anyhow::Result<Vec<Placed>> {
        let done = self.record.done.iter().map(|row| (row, true));
        let earlier: Vec<(&Row, bool)> =
            done.chain(self.record.planned.iter().map(|row| (row, false))).collect();
        // Images may have come one after the other under one name, the last one last.
        let mut by_key: HashMap<Key<'_>, Vec<(&Row, bool)>> = HashMap::new();
        for &(row, done) in &earlier {
            by_key.entry(row.key()).or_default().push((row, done));
        }
        let mut placed = Vec::with_capacity(self.found.len());
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
                from: file.as_deref().map(name_of_file).unwrap_or_default(),
                stamp: match &file {
                    Some(file) => stamp_of_file(file)?,
                    None => stamp_of_bytes(&dataset.read(found.index)?),
                },
            };
            let folder = folders.get(found);
            let mut known = None;
            for (earlier, done) in by_key.get(&row.key()).into_iter().flatten().rev() {
                if self.is_same(earlier, &row, file.as_deref())? {
                    known = Some((*earlier, *done));
                    break;
                }
            }
            match known {
                Some((known, _)) if folder_of(&known.to) == folder => row.to.clone_from(&known.to),
                Some((known, _)) => return Err(self.was_sorted(known, &row, folder).into()),
                None => {
                    let name =
                        if file.is_some() { row.path.clone() } else { with_extension(dataset, found.index) };
                    new.push((placed.len(), name, folder));
                }
            }
            placed.push(Placed { index: found.index, row, done: known.is_some_and(|(_, done)| done) });
        }
        let mut taken: HashMap<&str, Taken> = HashMap::new();
        for &(row, _) in &earlier {
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
            placed[*place].row.to = format!("{folder}/{name}");
        }
        Ok(placed)
    }

    /// Whether the image of `row`, which is `file` if it has one, is that of an `earlier` row with the same key: a camera or a scanner
    /// may use a name again.
    fn is_same(&self, earlier: &Row, row: &Row, file: Option<&Path>) -> io::Result<bool> {
        if earlier.stamp == row.stamp {
            return Ok(true);
        }
        let place = self.relocation.folder().join(&earlier.to);
        match file {
            // Older versions did not say which image it was.
            _ if place.symlink_metadata().is_err() => Ok(earlier.stamp.is_empty()),
            None => Ok(earlier.stamp.is_empty()),
            // What is in the place is what has the name now.
            Some(_) if self.how == How::Link => Ok(true),
            // A file may have been touched, or have come back.
            Some(file) => is_copied(file, &place),
        }
    }

    fn was_sorted(&self, known: &Row, now: &Row, folder: &str) -> Usage {
        let (shown, path, to) = (self.folder.display(), &known.path, &known.to);
        let nothing = "Nothing was moved, linked or copied";
        let is_other = !known.stamp.is_empty() && known.stamp != now.stamp;
        Usage(match self.how == How::Link && is_other {
            true => format!(
                "{FLAG} {shown}: {path} is another image than the one that {shown}/{to} was made for, and belongs in {shown}/{folder}: \
                 remove the link {shown}/{to} and call again. {nothing}"
            ),
            false => format!(
                "{FLAG} {shown}: {path} is in {shown}/{to}, and now belongs in {shown}/{folder}: its class has changed, or that of another \
                 model was used before; name another folder. {nothing}"
            ),
        })
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
