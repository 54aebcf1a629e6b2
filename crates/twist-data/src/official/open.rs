//! Opens the training and test images in a folder.

use std::path::{Path, PathBuf};

use twist_io::Refused;

use super::kind::OfficialKind;
use super::layout::Layout;
use super::set::OfficialSet;
use super::{aircraft, caltech101, cars, cifar, dtd, flowers, food101, pets, sun397, voc2007};
use crate::DataError;

/// Opens a transfer data set in the folder `root`, in which its official archives were unpacked, or which is the
/// folder that they unpack to. `None` as the kind: whatever is there. `seed` divides Caltech-101, whose authors do not.
///
/// # Errors
/// None or several of the sets are there, or the one that is lacks a file or contradicts itself; the text names the
/// file, and the archive that has it.
pub fn open_official(kind: Option<OfficialKind>, root: &Path, seed: u64) -> Result<OfficialSet, DataError> {
    let kind = match kind {
        Some(kind) => kind,
        None => {
            let found: Vec<OfficialKind> =
                OfficialKind::ALL.into_iter().filter(|kind| kind.base(root).is_some()).collect();
            match found[..] {
                [kind] => kind,
                [] => return Err(DataError::no_official_set(root, known())),
                [_, ..] => {
                    let sets: Vec<&str> = found.into_iter().map(OfficialKind::name).collect();
                    let what = format!("{} holds the transfer data sets {}", root.display(), sets.join(", "));
                    return Err(Refused::new(what).remedy("name one of them").into());
                }
            }
        }
    };
    // Without any sign of it, the first file that is missing says what was looked for.
    let layout = Layout::new(kind, kind.base(root).unwrap_or_else(|| root.to_path_buf()));
    match kind {
        OfficialKind::Food101 => food101::open(&layout),
        OfficialKind::Cifar10 | OfficialKind::Cifar100 => cifar::open(&layout),
        OfficialKind::Sun397 => sun397::open(&layout),
        OfficialKind::StanfordCars => cars::open(&layout),
        OfficialKind::FgvcAircraft => aircraft::open(&layout),
        OfficialKind::Voc2007 => voc2007::open(&layout),
        OfficialKind::Dtd => dtd::open(&layout),
        OfficialKind::OxfordPets => pets::open(&layout),
        OfficialKind::Caltech101 => caltech101::open(&layout, seed),
        OfficialKind::Flowers102 => flowers::open(&layout),
    }
}

/// All transfer data sets in `root` and in its sub-folders, in the order of [`OfficialKind::ALL`], each with the folder
/// to open it from: `root` itself, or the first sub-folder by name.
///
/// # Errors
/// The folder cannot be listed, or none of the sets is there.
pub fn find_official(root: &Path) -> Result<Vec<(OfficialKind, PathBuf)>, DataError> {
    let refused = |source| DataError::folder(root, source);
    let mut folders = vec![root.to_path_buf()];
    for entry in root.read_dir().map_err(refused)? {
        folders.push(entry.map_err(refused)?.path());
    }
    folders[1..].sort();
    let place_of = |kind: OfficialKind| folders.iter().find(|folder| kind.base(folder).is_some()).cloned();
    let found: Vec<(OfficialKind, PathBuf)> =
        OfficialKind::ALL.into_iter().filter_map(|kind| Some((kind, place_of(kind)?))).collect();
    match found.is_empty() {
        true => Err(DataError::no_official_set(root, known())),
        false => Ok(found),
    }
}

/// The names of all sets, for messages.
fn known() -> String {
    OfficialKind::ALL.map(OfficialKind::title).join(", ")
}
