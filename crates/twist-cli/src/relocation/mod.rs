//! Images that get a place in another folder: moved there, linked from there, or copied. Nothing is deleted and nothing is overwritten.
//!
//! All places are looked at before anything is done ([`Relocation::look`]), and what an earlier call did is recognised, so a call that
//! was killed or met a full disk is made again.

mod put;

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::path::{Component, Path, PathBuf};

use anyhow::Context;
use twist_data::{Dataset, Stored};

pub(crate) use self::put::is_copied;
use crate::digits::counted;
use crate::exit::Usage;

/// What happens to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Move,
    Link,
    Copy,
}

impl How {
    /// `moved to`, as in "3 images moved to photos-removed".
    fn done(self) -> &'static str {
        match self {
            Self::Move => "moved to",
            Self::Link => "linked in",
            Self::Copy => "copied to",
        }
    }
}

/// Where images go.
pub(crate) struct Relocation {
    /// The flag that asks for it.
    flag: &'static str,
    how: How,
    folder: PathBuf,
    /// The folders whose images are looked at, as they were written and with links followed.
    sources: Vec<(String, PathBuf)>,
    /// That of DATA, where it is a folder.
    data: Option<PathBuf>,
}

/// Where the bytes of an image are.
enum Origin {
    File(PathBuf),
    /// In the data set, under this number: it has no file of its own.
    Within(usize),
}

/// An image and its new place.
struct Step {
    from: Origin,
    to: PathBuf,
    /// Of a link that is moved: the file that it leads to, where that will be.
    target: Option<PathBuf>,
}

/// What is to be done, found out before anything is.
#[derive(Default)]
pub(crate) struct Steps {
    todo: Vec<Step>,
    /// Images that an earlier call brought to their places.
    there: usize,
    /// Numbers of images that are not moved.
    staying: HashMap<usize, Stays>,
}

/// Why an image stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stays {
    /// It lies behind a link to another folder.
    Elsewhere,
    /// A link that stays leads to it.
    LedTo,
}

impl Steps {
    /// How many images there are to bring to their places.
    pub(crate) fn len(&self) -> usize {
        self.todo.len()
    }

    /// Whether an image, by its number, stays where it is.
    pub(crate) fn stays(&self, image: usize) -> bool {
        self.staying.contains_key(&image)
    }
}

impl Relocation {
    /// `folder` may not exist yet, and it may not lie in one of the folders whose images are looked at (`sources`, DATA first): the
    /// next command would find them there again.
    ///
    /// # Errors
    /// [`Usage`] where it does, or is a file.
    pub(crate) fn new<'a>(
        flag: &'static str,
        how: How,
        folder: &Path,
        sources: impl Iterator<Item = &'a str>,
    ) -> anyhow::Result<Self> {
        let shown = folder.display();
        if folder.exists() && !folder.is_dir() {
            return Err(Usage(format!("{flag} {shown}: it is a file; give the name of a folder")).into());
        }
        let mut place = Self { flag, how, folder: real(folder)?, sources: Vec::new(), data: None };
        for (number, source) in sources.enumerate().filter(|(_, source)| Path::new(source).is_dir()) {
            let folder = fs_err::canonicalize(source)?;
            place.data = place.data.or_else(|| (number == 0).then(|| folder.clone()));
            place.sources.push((source.to_owned(), folder));
        }
        place.lies_outside(&place.folder)?;
        Ok(place)
    }

    /// The folder that images go to, from the root on.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// # Errors
    /// [`Usage`] where a folder lies in one whose images are looked at.
    fn lies_outside(&self, folder: &Path) -> Result<(), Usage> {
        let Some((source, _)) = self.sources.iter().find(|(_, source)| folder.starts_with(source)) else {
            return Ok(());
        };
        let why = "the next command would find the images there again; name a folder beside it";
        let (flag, shown) = (self.flag, folder.display());
        Err(Usage(format!("{flag} {shown}: it lies in {source}: {why}")))
    }

    /// # Errors
    /// [`Usage`] where the new folder holds one whose images are looked at.
    pub(crate) fn holds_no_source(&self) -> Result<(), Usage> {
        let Some((source, _)) = self.sources.iter().find(|(_, source)| source.starts_with(&self.folder))
        else {
            return Ok(());
        };
        let (flag, shown) = (self.flag, self.folder.display());
        Err(Usage(format!("{flag} {shown}: it contains {source}; name a folder beside it")))
    }

    /// # Errors
    /// [`Usage`] where the new folder lies in one that holds images of the data set, such as those of a pattern.
    fn is_beside_images(&self, dataset: &dyn Dataset) -> anyhow::Result<()> {
        for folder in &folders_of(dataset) {
            if self.folder.starts_with(real(folder)?) {
                let (flag, shown) = (self.flag, self.folder.display());
                let why =
                    format!("it lies in {}, a folder of the images; name one beside it", folder.display());
                return Err(Usage(format!("{flag} {shown}: {why}")).into());
            }
        }
        Ok(())
    }

    /// # Errors
    /// [`Usage`] where images of the data set lie in the new folder, such as those of a list.
    pub(crate) fn holds_no_image(&self, dataset: &dyn Dataset) -> anyhow::Result<()> {
        for folder in &folders_of(dataset) {
            if real(folder)?.starts_with(&self.folder) {
                let (flag, shown) = (self.flag, self.folder.display());
                let why = "it contains images of DATA; name a folder beside it";
                return Err(Usage(format!("{flag} {shown}: {why}")).into());
            }
        }
        Ok(())
    }

    /// Whether images of this data set can go anywhere; `remedy` says what to do where they are not files.
    ///
    /// # Errors
    /// [`Usage`] where they have no files of their own; copies only need their bytes.
    pub(crate) fn check_files(&self, dataset: &dyn Dataset, remedy: &str) -> Result<(), Usage> {
        let refused = |why: &str| Err(Usage(format!("{}: {why}", self.flag)));
        if dataset.file(0).is_some() {
            return Ok(());
        }
        if self.how != How::Copy {
            return refused(&format!("the images of DATA have no files of their own; {remedy}"));
        }
        match (0..dataset.len()).find_map(|index| dataset.read(index).ok()) {
            Some(Stored::Pixels(_)) => refused(
                "DATA holds pixels, not image files; make image files of them with `twist data pack DATA --out NAME.tar`, and \
                 give the shards",
            ),
            _ => Ok(()),
        }
    }

    /// The places of these images as the data set names them: with their paths below DATA.
    ///
    /// # Errors
    /// [`Usage`] where a path leads out of the folder.
    pub(crate) fn with_their_paths(
        &self,
        dataset: &dyn Dataset,
        images: &[usize],
    ) -> Result<Vec<(usize, PathBuf)>, Usage> {
        images.iter().map(|&index| Ok((index, below(&dataset.path(index), self.flag)?))).collect()
    }

    /// Looks at the places that images, by their numbers, are to get below the folder. No file is moved away from a link in the data set
    /// or in the `other` one.
    ///
    /// # Errors
    /// [`Usage`] where another file is in one of them, or one lies among the images.
    pub(crate) fn look(
        &self,
        dataset: &dyn Dataset,
        other: Option<&dyn Dataset>,
        wanted: &[(usize, PathBuf)],
    ) -> anyhow::Result<Steps> {
        self.is_beside_images(dataset)?;
        let (staying, moving) = match self.how {
            How::Move => self.moving(dataset, other, wanted)?,
            How::Link | How::Copy => Default::default(),
        };
        let mut steps = Steps { staying, ..Steps::default() };
        for (index, place) in wanted.iter().filter(|(index, _)| !steps.staying.contains_key(index)) {
            let to = self.folder.join(place);
            let from = match dataset.file(*index) {
                Some(file) => Origin::File(std::path::absolute(file)?),
                None if self.how == How::Copy => Origin::Within(*index),
                None => anyhow::bail!("{} has no file of its own", dataset.path(*index)),
            };
            let target = match &from {
                Origin::File(file) if self.how == How::Move && file.is_symlink() => {
                    let target = fs_err::canonicalize(file)?;
                    Some(moving.get(&target).cloned().unwrap_or(target))
                }
                _ => None,
            };
            self.is_no_detour(&to)?;
            self.lies_outside(&real(to.parent().unwrap_or(&self.folder))?)?;
            let step = Step { from, to, target };
            if self.is_done(&step, dataset)? { steps.there += 1 } else { steps.todo.push(step) }
        }
        // Links first: where they lead is read before that has another place.
        steps.todo.sort_by_key(|step| step.target.is_none());
        Ok(steps)
    }

    /// Which of the `wanted` images are not moved, and the new place of each file that is.
    fn moving(
        &self,
        dataset: &dyn Dataset,
        other: Option<&dyn Dataset>,
        wanted: &[(usize, PathBuf)],
    ) -> anyhow::Result<(HashMap<usize, Stays>, HashMap<PathBuf, PathBuf>)> {
        let (mut staying, mut moving, mut moved) = (HashMap::new(), HashMap::new(), HashSet::new());
        for (index, place) in wanted {
            let Some(file) = dataset.file(*index) else { continue };
            let own_place = place_of(&file)?;
            let is_elsewhere = self.data.as_ref().is_some_and(|data| !own_place.starts_with(data));
            if is_elsewhere && !file.is_symlink() {
                staying.insert(*index, Stays::Elsewhere);
            } else {
                moved.insert(*index);
                moving.insert(own_place, (*index, self.folder.join(place)));
            }
        }
        let own =
            (0..dataset.len()).filter(|index| !moved.contains(index)).filter_map(|index| dataset.file(index));
        let of_other =
            other.into_iter().flat_map(|other| (0..other.len()).filter_map(move |index| other.file(index)));
        for place in own.chain(of_other).flat_map(|file| on_the_way(&file)) {
            if let Some((index, _)) = moving.remove(&place) {
                staying.insert(index, Stays::LedTo);
            }
        }
        Ok((staying, moving.into_iter().map(|(file, (_, place))| (file, place)).collect()))
    }

    /// # Errors
    /// [`Usage`] where a folder on the way to a place is a link: the image would be in another folder than is said.
    fn is_no_detour(&self, place: &Path) -> Result<(), Usage> {
        let mut on_the_way = place.ancestors().skip(1).take_while(|folder| *folder != self.folder);
        let Some(link) = on_the_way.find(|folder| folder.is_symlink()) else { return Ok(()) };
        let why = "it is a link, so the images would go to another folder; remove it or make a folder of it";
        Err(Usage(format!("{} {}: {why}", self.flag, link.display())))
    }

    /// Whether an earlier call did this step.
    ///
    /// # Errors
    /// Another file has the name.
    fn is_done(&self, step: &Step, dataset: &dyn Dataset) -> anyhow::Result<bool> {
        let to = &step.to;
        if to.symlink_metadata().is_err() {
            return Ok(false);
        }
        let found = match (&step.from, self.how) {
            (Origin::File(from), How::Link) => {
                fs_err::read_link(to).is_ok_and(|target| target == *from).then_some(true)
            }
            (Origin::File(from), How::Copy) => put::is_copied(from, to)?.then_some(true),
            // A call that was killed did half of it.
            (Origin::File(from), How::Move) => {
                let is_half = match &step.target {
                    Some(target) => fs_err::read_link(to).is_ok_and(|link| link == *target),
                    None => put::is_copied(from, to)?,
                };
                is_half.then_some(false)
            }
            (Origin::Within(index), _) => put::holds(to, &bytes(dataset, *index)?)?.then_some(true),
        };
        match found {
            Some(done) => Ok(done),
            None => Err(self.taken(step)?.into()),
        }
    }

    /// What to do about a place that something else has.
    fn taken(&self, Step { from, to, .. }: &Step) -> anyhow::Result<Usage> {
        let (flag, place, folder) = (self.flag, to.display(), self.folder.display());
        let nothing = "nothing was moved, linked or copied";
        if let Origin::File(from) = from {
            let is_link = fs_err::read_link(to).is_ok_and(|target| target == *from);
            let earlier = match self.how {
                How::Copy | How::Move if is_link => Some(("a link to the image", "links")),
                How::Link if put::is_copied(from, to)? => Some(("a copy of the image", "copies")),
                _ => None,
            };
            if let Some((what, made)) = earlier {
                return Ok(Usage(format!(
                    "{flag}: {place} is {what}, which an earlier call made: make {made} again to go on in {folder}, or name another \
                     folder; {nothing}"
                )));
            }
        }
        let remedy = format!("rename or remove it, or name another folder; {nothing}");
        Ok(Usage(format!("{flag}: {place} exists already: {remedy}")))
    }

    /// Brings the images to their places; `at` hears how many are there.
    ///
    /// # Errors
    /// The disk is full or read-only. What was done before stays; the command can be called again.
    pub(crate) fn carry_out(
        &self,
        steps: &Steps,
        dataset: &dyn Dataset,
        at: &dyn Fn(usize),
    ) -> anyhow::Result<()> {
        let mut folders = HashSet::new();
        for (done, Step { from, to, target }) in steps.todo.iter().enumerate() {
            at(done);
            if let Some(folder) = to.parent()
                && folders.insert(folder)
            {
                fs_err::create_dir_all(folder)?;
                // What a call that was killed left unfinished.
                twist_io::remove_leftovers(folder)?;
            }
            let (done, called) = match from {
                Origin::File(file) => {
                    let put = match (self.how, target) {
                        (How::Link, _) => put::linked(file, to),
                        (How::Move, Some(target)) => put::moved_link(file, to, target),
                        (How::Move, None) => put::moved(file, to),
                        (How::Copy, _) => put::copied(file, to),
                    };
                    (put, file.display().to_string())
                }
                Origin::Within(index) => {
                    let bytes = bytes(dataset, *index)?;
                    (put::written(to, |out| out.write_all(&bytes)), dataset.path(*index))
                }
            };
            done.with_context(|| format!("{}: {called} cannot become {}", self.flag, to.display()))?;
        }
        Ok(())
    }

    /// What was done, for people.
    pub(crate) fn said(&self, steps: &Steps) -> String {
        let before =
            if steps.there == 0 { String::new() } else { format!(", {} were there already", steps.there) };
        let staying =
            |why: Stays, words: &str| match steps.staying.values().filter(|one| **one == why).count() {
                0 => String::new(),
                count => format!(", {} {words}", counted(count as u64, "image")),
            };
        let elsewhere = staying(Stays::Elsewhere, "behind links to other folders stayed");
        let led_to = staying(Stays::LedTo, "stayed because links that stay lead there");
        let images = counted(steps.todo.len() as u64, "image");
        format!("{images} {} {}{before}{elsewhere}{led_to}", self.how.done(), self.folder.display())
    }
}

/// The bytes of an image as its source stores them.
fn bytes(dataset: &dyn Dataset, index: usize) -> anyhow::Result<Vec<u8>> {
    match dataset.read(index)? {
        Stored::Encoded(bytes) => Ok(bytes),
        Stored::Pixels(_) => anyhow::bail!("{} is not an image file, but pixels", dataset.path(index)),
    }
}

/// Where a file or a link itself lies: its name in the real folder.
fn place_of(file: &Path) -> anyhow::Result<PathBuf> {
    let file = std::path::absolute(file)?;
    let folder = fs_err::canonicalize(file.parent().unwrap_or(Path::new("/")))?;
    Ok(file.file_name().map_or(folder.clone(), |name| folder.join(name)))
}

/// Where a link leads: every further link and the file at its end.
fn on_the_way(link: &Path) -> Vec<PathBuf> {
    let (mut places, mut at) = (Vec::new(), link.to_owned());
    while let Ok(target) = fs_err::read_link(&at) {
        let next = at.parent().unwrap_or(Path::new("/")).join(target);
        match place_of(&next) {
            Ok(place) if !places.contains(&place) => places.push(place),
            // It leads nowhere, or to itself.
            _ => break,
        }
        at = next;
    }
    places
}

/// The folders that the images of a data set lie in, as far as they are files.
fn folders_of(dataset: &dyn Dataset) -> HashSet<PathBuf> {
    let files = (0..dataset.len()).filter_map(|index| dataset.file(index));
    files.filter_map(|file| Some(file.parent()?.to_owned())).collect()
}

/// The absolute path of a folder, links followed as far as it exists.
fn real(folder: &Path) -> anyhow::Result<PathBuf> {
    let folder = std::path::absolute(folder)?;
    let existing = folder.ancestors().find(|part| part.exists()).unwrap_or(Path::new("/"));
    let rest = folder.strip_prefix(existing).unwrap_or(Path::new(""));
    let existing = fs_err::canonicalize(existing)?;
    Ok(if rest.as_os_str().is_empty() { existing } else { existing.join(rest) })
}

/// The path of an image below the new folder: as the data set names it.
fn below(path: &str, flag: &str) -> Result<PathBuf, Usage> {
    let mut below = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => below.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            Component::ParentDir => {
                return Err(Usage(format!(
                    "{flag}: {path} leads out of the folder; name DATA by a path without `..`"
                )));
            }
        }
    }
    Ok(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_below_the_folder() {
        let of = |path: &str| below(path, "--move-to").map(|path| path.display().to_string());
        assert_eq!(of("cats/a.jpg").unwrap(), "cats/a.jpg");
        assert_eq!(of("/data/./a.jpg").unwrap(), "data/a.jpg");
        assert!(of("../a.jpg").unwrap_err().to_string().contains("--move-to"));
    }
}
