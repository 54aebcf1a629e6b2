//! What the server knows of the run, and how it changes.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use twist_io::{Refused, UpdateLock};
use twist_run::{
    ClassTree, ClusterCount, ClusterNames, Cut, Labels, NamedWeights, RunError, clusters_file, files,
    tree_file,
};

use super::archive::Archive;
use super::helpers::Helpers;
use super::map::MapState;
use super::merge::Seen;
use super::not_changed::NotChanged;
use crate::classes::Classes;
use crate::error::ReportError;
use crate::run::{Naming, Run, Samples, load_names};
use crate::section::Judged;

pub(super) struct Site {
    pub(super) name: String,
    pub(super) folder: PathBuf,
    pub(super) samples: Samples,
    pub(super) naming: Naming,
    pub(super) classes: Classes,
    /// Which classes become one first when fewer are wanted; `None` for older runs.
    pub(super) tree: Option<ClassTree>,
    pub(super) map: MapState,
    pub(super) archive: Archive,
    pub(super) labels: Labels,
    pub(super) helpers: Helpers,
    /// Which images they are: held-out or training images, in words.
    pub(super) evaluated_on: String,
    /// Whether the classes can be used, as the report says it.
    pub(super) verdict: Option<Judged>,
    /// Those whose classes are shown.
    weights: Option<NamedWeights>,
    clusters: ClusterCount,
    /// A sentence about each file of the run that is damaged.
    pub(super) damaged: Vec<String>,
    rows: HashMap<String, usize>,
}

impl Site {
    /// Opens the run in `folder`.
    ///
    /// # Errors
    /// It is not a run, or it has no embeddings, so its images cannot be browsed.
    pub(super) fn open(folder: &Path, helpers: Helpers) -> Result<Self, ReportError> {
        let run = Run::open_without_pictures(folder)?;
        let evaluated_on =
            run.protocol().and_then(|protocol| Some(protocol.get("evaluated_on")?.as_str()?.to_owned()));
        let verdict = Judged::of(&run);
        let Some(samples) = run.samples else {
            let what = "has no embeddings (embeddings.parquet), so its images cannot be browsed";
            let why = "they are written when training ends (`twist train … --resume` finishes a run)";
            return Err(Refused::new(format!("{} {what}", folder.display())).because(why).into());
        };
        // The static page ignores a file that it cannot use; a change of names must not lose its content.
        load_names(folder, run.clusters, run.weights.clone())?;
        let archive = Archive::open(&folder.join(files::THUMBNAILS)).map_err(ReportError::read)?;
        let mut site = Self::of_parts(folder, samples, run.naming, archive, helpers)?;
        (site.name, site.evaluated_on) = (run.name, evaluated_on.unwrap_or_default());
        (site.weights, site.clusters) = (run.weights, run.clusters);
        (site.verdict, site.damaged) = (verdict, run.notes.damaged);
        let tree = match tree_file(folder).is_file() {
            true => ClassTree::of_classes(folder, site.clusters.now, site.weights.as_ref()).map(Some),
            false => Ok(None),
        };
        site.tree = tree.unwrap_or_else(|unusable| {
            site.damaged.push(format!("The page cannot change the number of classes: {unusable}."));
            None
        });
        Ok(site)
    }

    /// A site of what was read already, without a name.
    pub(super) fn of_parts(
        folder: &Path,
        samples: Samples,
        naming: Naming,
        archive: Archive,
        helpers: Helpers,
    ) -> Result<Self, ReportError> {
        let clusters = naming.names.clusters().into();
        let rows = samples.path.iter().enumerate().map(|(row, path)| (path.clone(), row)).collect();
        Ok(Self {
            name: String::new(),
            folder: folder.to_owned(),
            classes: Classes::of(&samples, &naming),
            naming,
            tree: None,
            map: MapState::Unasked,
            archive,
            labels: Labels::open(folder.join(files::LABELS))?,
            helpers,
            evaluated_on: String::new(),
            verdict: None,
            weights: None,
            clusters,
            damaged: Vec::new(),
            rows,
            samples,
        })
    }

    /// Takes over what `twist clusters`, an editor or another page may have written meanwhile; a file that cannot be used is
    /// reported when something is to be changed.
    pub(super) fn refresh(&mut self) {
        if let Ok(names) = self.load_names() {
            self.take(names);
        }
        self.labels.refresh();
    }

    /// Changes the names as they are on the disk now, and writes them; nothing is changed when that fails.
    pub(super) fn change(
        &mut self,
        change: impl FnOnce(&mut ClusterNames) -> Result<(), Refused>,
    ) -> Result<(), NotChanged> {
        let file = clusters_file(&self.folder);
        let _lock = UpdateLock::of(&file).map_err(RunError::from)?;
        let mut names = self.load_names()?;
        change(&mut names)?;
        names.save(file)?;
        self.take(names);
        Ok(())
    }

    /// Merges classes along `tree`, or takes them apart, until so many remain, if the classes still are those that were `seen`.
    /// Returns where the file before is kept, if a merge was lost.
    pub(super) fn cut(
        &mut self,
        tree: &ClassTree,
        classes: usize,
        seen: &[Seen],
    ) -> Result<(Cut, Option<PathBuf>), NotChanged> {
        let file = clusters_file(&self.folder);
        let _lock = UpdateLock::of(&file).map_err(RunError::from)?;
        let mut names = self.load_names()?;
        seen.iter().try_for_each(|one| one.expect(&names))?;
        let cut = names.cut(tree, classes)?;
        let aside = if cut.is_nothing() { None } else { names.save_cut(&cut, &file)? };
        self.take(names);
        Ok((cut, aside))
    }

    fn load_names(&self) -> Result<ClusterNames, RunError> {
        load_names(&self.folder, self.clusters, self.weights.clone())
    }

    fn take(&mut self, names: ClusterNames) {
        if names != self.naming.names {
            self.naming = names.into();
            self.samples.merge(&self.naming);
            self.classes = Classes::of(&self.samples, &self.naming);
        }
    }

    pub(super) fn labelled_rows(&self) -> HashSet<usize> {
        self.rows.iter().filter(|(path, _)| self.labels.of(path).is_some()).map(|(_, row)| *row).collect()
    }

    /// Whether there is a picture of an image.
    pub(super) fn has_picture(&self, row: usize) -> bool {
        self.archive.has(self.samples.index[row]) || self.helpers.pictures.is_some()
    }

    /// An image as the page shows it.
    pub(super) fn item(&self, row: usize) -> Value {
        let samples = &self.samples;
        let (class, sure, second, second_sure) = samples.verdict(row);
        json!({
            "row": row,
            "title": samples.title(row),
            "label": samples.label[row].map(|label| samples.class_name(label)),
            "class": class,
            "name": self.classes.title(class),
            "sure": rounded(sure),
            "second": (second_sure > 0.0).then(|| json!({
                "class": second, "name": self.classes.title(second), "sure": rounded(second_sure),
            })),
            "unsure": samples.unsure[row],
            "mine": self.labels.of(&samples.path[row]),
            "seen": self.has_picture(row),
        })
    }
}

/// To four digits: more says nothing and fills the wire.
pub(super) fn rounded(value: f32) -> f64 {
    (f64::from(value) * 1e4).round() / 1e4
}
