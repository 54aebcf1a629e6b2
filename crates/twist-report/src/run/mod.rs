//! Reads a run folder into memory: one file here per file there.
//!
//! Every part is optional. What is absent or damaged becomes one of the [`Notes`], which the page shows as a sentence with its
//! remedy, so that nothing is left out silently.

mod data;
mod evaluations;
mod figures;
mod log;
mod names;
mod notes;
mod optional;
mod recipe;
mod samples;
mod thumbnails;

use std::io::Cursor;
use std::path::{Path, PathBuf};

use twist_io::Refused;
use twist_run::samples::MOST_CLASSES;
use twist_run::{ClusterCount, Evaluation, Figure, Metrics, NamedWeights, files, labels_in, near_runs};

use crate::error::ReportError;

pub(crate) use self::figures::{Measured, Origin};
pub(crate) use self::log::{Ending, History, Record};
pub(crate) use self::names::{Naming, load as load_names};
use self::notes::Notes;
use self::optional::read_optional;
pub(crate) use self::recipe::{Recipe, flatten_json};
pub(crate) use self::samples::Samples;
#[cfg(test)]
pub(crate) use self::samples::Verdicts;
pub(crate) use self::thumbnails::{Thumbnail, Thumbnails};

/// Everything the page needs to know about one run.
pub(crate) struct Run {
    pub(crate) name: String,
    /// The folder, as given.
    pub(crate) path: PathBuf,
    /// `config.toml`, as written.
    pub(crate) recipe: Option<Recipe>,
    /// `plan.json`, as `section.key` and value, in file order.
    pub(crate) plan: Vec<(String, String)>,
    /// The held-out images that `data.json` names.
    pub(crate) held_out: Option<String>,
    /// `log.jsonl`.
    pub(crate) log: History,
    /// `metrics.json`, or the last evaluation of the log.
    pub(crate) measured: Option<Measured>,
    /// What `metrics.json` and `evaluations.jsonl` hold, one entry for each protocol.
    pub(crate) evaluations: Vec<Evaluation>,
    /// `clusters.json`: names and merges of discovered classes.
    pub(crate) naming: Naming,
    /// How many classes there are.
    pub(crate) clusters: ClusterCount,
    /// The weights that the run was evaluated with.
    pub(crate) weights: Option<NamedWeights>,
    /// `embeddings.parquet` with the paths and class names of `images.csv`.
    pub(crate) samples: Option<Samples>,
    /// `thumbnails.tar`.
    pub(crate) thumbnails: Thumbnails,
    /// `augmentation.png`, encoded as it was.
    pub(crate) augmentation: Option<Vec<u8>>,
    pub(crate) notes: Notes,
}

impl Run {
    /// Reads the run in `path`.
    ///
    /// # Errors
    ///
    /// [`ReportError::NotFound`] and [`ReportError::NotARun`] when it is not a run; it is not a folder, or cannot be read.
    pub(crate) fn open(path: &Path) -> Result<Self, ReportError> {
        let mut run = Self::open_without_pictures(path)?;
        let has_samples = run.samples.is_some();
        run.thumbnails = thumbnails::read(&path.join(files::THUMBNAILS), has_samples, &mut run.notes)?;
        run.augmentation = read_contact_sheet(&path.join(files::AUGMENTATION), &mut run.notes)?;
        Ok(run)
    }

    /// Reads everything but the pictures.
    ///
    /// # Errors
    ///
    /// As [`Run::open`].
    pub(crate) fn open_without_pictures(path: &Path) -> Result<Self, ReportError> {
        if let Ok(false) = path.try_exists() {
            return Err(ReportError::NotFound { path: path.to_owned(), near: near_runs(path) });
        }
        if !path.is_dir() {
            let remedy = "give the run folder that `twist train --out RUN` or `twist demo` wrote";
            return Err(Refused::new(format!("{} is not a folder", path.display())).remedy(remedy).into());
        }
        if ![files::LOG, files::CONFIG, files::METRICS].iter().any(|file| path.join(file).is_file()) {
            return Err(ReportError::NotARun { path: path.to_owned() });
        }
        let mut notes = Notes::default();
        let recipe = recipe::read(&path.join(files::CONFIG), &mut notes)?;
        let plan = recipe::read_plan(&path.join(files::PLAN), &mut notes)?;
        let held_out = data::held_out(&path.join(files::DATA), &mut notes)?;
        let log = log::read(&path.join(files::LOG), &mut notes)?;
        let measured = figures::read(&path.join(files::METRICS), &log, &mut notes)?;
        let evaluations = evaluations::read(&path.join(files::EVALUATIONS), measured.as_ref(), &mut notes)?;
        let mut samples = samples::read(path, &mut notes);
        if let Some(claimed) = log.start.as_ref().map(|start| start.clusters)
            && claimed > MOST_CLASSES as i64
        {
            notes.damaged(format!(
                "log.jsonl claims {claimed} classes, which is not believed: at most {MOST_CLASSES} are."
            ));
        }
        let trained = outputs(&log, recipe.as_ref()).or(samples.as_ref().map(Samples::most_outputs));
        let trained = trained.unwrap_or(0) as u32;
        let split = measured.as_ref().and_then(|measured| measured.metrics.classes_after_splits());
        let split = split.filter(|classes| *classes <= MOST_CLASSES);
        let clusters =
            ClusterCount { trained, now: split.map_or(trained, |classes| trained.max(classes as u32)) };
        let evaluated = measured.as_ref().and_then(|measured| measured.metrics.steps());
        let weights = measured.as_ref().and_then(|measured| measured.metrics.weights());
        if let (Some(evaluated), Some((last, _))) = (evaluated, log.steps.last_key_value())
            && evaluated < *last
        {
            notes.missing(format!(
                "Figures, classes and images are old: they are those of step {evaluated}, and training has gone on to step \
                 {last} since; `--resume` evaluates the run at its end."
            ));
        }
        let naming = names::read(path, clusters, weights.clone(), &mut notes);
        samples.iter_mut().for_each(|samples| samples.merge(&naming));
        if let Some(Err(reason)) = read_optional(&path.join(files::LABELS))?.map(|table| labels_in(&table)) {
            notes.damaged(format!(
                "labels.csv cannot be used, so the labels in it were left out: {reason}; correct it, or move it away."
            ));
        }
        let absolute = fs_err::canonicalize(path).map_err(ReportError::read)?;
        let name =
            absolute.file_name().map_or_else(|| "run".into(), |name| name.to_string_lossy().into_owned());
        let path = path.to_owned();
        Ok(Self {
            name,
            path,
            recipe,
            plan,
            held_out,
            log,
            measured,
            evaluations,
            naming,
            clusters,
            weights,
            samples,
            thumbnails: Thumbnails::new(),
            augmentation: None,
            notes,
        })
    }

    /// What was measured, final or while training.
    pub(crate) fn metrics(&self) -> Option<&Metrics> {
        self.measured.as_ref().map(|measured| &measured.metrics)
    }

    /// The value of `figure`; `None` when it was not measured.
    pub(crate) fn figure(&self, figure: &Figure) -> Option<f64> {
        self.metrics()?.figures.get(figure)
    }

    /// The values that define the figures; `None` where nothing was measured.
    pub(crate) fn protocol(&self) -> Option<&serde_json::Value> {
        self.metrics().map(|metrics| &metrics.protocol)
    }

    /// How many labelled images a run of fine-tuning learned from; `None` for a run that saw no label.
    pub(crate) fn labels_learned_from(&self) -> Option<usize> {
        self.metrics()?.count("/labels/images").map(|labels| labels as usize)
    }

    /// What identifies the training data, or the features of it.
    pub(crate) fn data_fingerprint(&self) -> Option<&str> {
        let keys = ["data_fingerprint", "features.fingerprint"];
        let entry = self.plan.iter().find(|(key, _)| keys.contains(&key.as_str()));
        entry.map(|(_, value)| value.as_str())
    }

    /// Where the weights come from that made the features of a head; `None` where nobody says it.
    pub(crate) fn features_come_from(&self) -> Option<&str> {
        self.plan.iter().find(|(key, _)| key == "features.origin").map(|(_, value)| value.as_str())
    }

    /// Epochs of the whole run, as logged at the start, else as the recipe says.
    pub(crate) fn epochs(&self) -> Option<f64> {
        let logged = self.log.start.as_ref().and_then(|start| {
            let known = start.total_steps > 0 && start.steps_per_epoch > 0;
            known.then(|| start.total_steps as f64 / start.steps_per_epoch as f64)
        });
        logged.or_else(|| self.recipe.as_ref()?.number("schedule.epochs"))
    }

    /// K, the number of classes that the network may use, with those that splits added.
    pub(crate) fn outputs(&self) -> Option<u64> {
        let ClusterCount { trained, now } = self.clusters;
        outputs(&self.log, self.recipe.as_ref()).map(|outputs| outputs + u64::from(now - trained))
    }
}

/// K as logged at the start, else the recipe's `model.dim`; numbers that no network can have are passed over.
fn outputs(log: &History, recipe: Option<&Recipe>) -> Option<u64> {
    let logged = log.start.as_ref().map(|start| start.clusters as f64);
    let written = || recipe?.number("model.dim");
    let possible = |dim: &f64| (1.0..=MOST_CLASSES as f64).contains(dim);
    logged.filter(possible).or_else(|| written().filter(possible)).map(|dim| dim as u64)
}

/// Pixels of a contact sheet, at most.
const MOST_PIXELS: u64 = 1 << 25;

/// The contact sheet at `path`, if it is a PNG whose pixels can be read.
fn read_contact_sheet(path: &Path, notes: &mut Notes) -> Result<Option<Vec<u8>>, ReportError> {
    let sheet = read_optional(path)?;
    let small = |bytes: &Vec<u8>| {
        let size =
            image::ImageReader::with_format(Cursor::new(bytes), image::ImageFormat::Png).into_dimensions();
        size.is_ok_and(|(width, height)| u64::from(width) * u64::from(height) <= MOST_PIXELS)
    };
    let decodes =
        |bytes: &Vec<u8>| image::load_from_memory_with_format(bytes, image::ImageFormat::Png).is_ok();
    let sound = |bytes: &Vec<u8>| small(bytes) && decodes(bytes);
    let found = sheet.is_some();
    let sheet = sheet.filter(sound);
    if found && sheet.is_none() {
        notes.damaged(
            "augmentation.png is damaged, so the contact sheet of the augmentation was left out.".into(),
        );
    }
    Ok(sheet)
}
