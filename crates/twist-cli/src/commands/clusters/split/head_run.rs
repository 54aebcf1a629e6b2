//! The run of a head on frozen features, opened to change its classes.

use std::path::Path;

use anyhow::Context;
use torch_ext::{DeviceRequest, Machine};
use twist_eval::{ChosenHead, RunFigures, head_evaluation};
use twist_io::Refused;
use twist_model::{FeatureFile, Model, export};
use twist_run::{Figures, Metrics, OnExisting, Replacement, RunFolder, Sources, figure, files};
use twist_train::frozen::{HeadPlan, HeadRecipe};

use crate::args::UseArgs;
use crate::commands::train::planned;
use crate::commands::train_head::FINGERPRINT;
use crate::exit::Usage;
use crate::head_source::{HeadSource, Tables};
use crate::job;
use crate::machine;
use crate::names::Named;
use crate::progress;
use crate::sources;
use crate::talk::Talk;

/// What the training said of the run, which another evaluation does not change.
const COSTS: [&twist_run::Figure; 3] = [figure::IMAGES_PER_SECOND, figure::MINUTES, figure::PEAK_MEMORY];

/// A run that has come to its end, locked for this process while this value lives.
pub(super) struct HeadRun {
    folder: RunFolder,
    /// As the run keeps them, with the place where the images are now.
    sources: Sources,
    /// The model of the run as it is.
    pub(super) model: Model,
    plan: HeadPlan,
    metrics: Metrics,
    steps: u64,
    pub(super) tables: Tables,
}

fn refused(path: &Path, why: impl Into<String>, remedy: impl Into<String>) -> anyhow::Error {
    Refused::new(format!("the classes of {} cannot be split", path.display()))
        .because(why)
        .remedy(remedy)
        .into()
}

/// The run of a head in `path`, locked, and its model. Nothing is computed yet.
///
/// # Errors
/// It is none; why, and what to do. Another process works on it.
pub(super) fn locked(path: &Path, talk: &Talk) -> anyhow::Result<(RunFolder, Model)> {
    // Before the model is read: another process may be about to split a class of it.
    let folder = match path.join(files::MODEL).is_file() {
        true => Some(RunFolder::open(path, OnExisting::Resume)?),
        false => None,
    };
    folder.iter().flat_map(RunFolder::warnings).for_each(|sentence| talk.warn(sentence));
    let cpu = Machine::detect(DeviceRequest::Cpu, None)?.device;
    let model = Model::load(path, cpu)?;
    if !path.is_dir() {
        let remedy =
            "give the run folder; `twist export RUN --out FILE` writes a weight file of it afterwards";
        return Err(refused(path, "it is not a run folder", remedy));
    }
    if model.card.classifier.is_some() {
        let why = "they are those of labels, and splits are of discovered classes";
        return Err(refused(path, why, "give a run of `twist train DATA --frozen MODEL`"));
    }
    let Some(folder) = folder else {
        let why =
            "its head was trained together with its backbone, and splits are of heads on frozen features";
        let remedy = "train one first, `twist train DATA --frozen RUN`, and split classes of that run";
        return Err(refused(path, why, remedy));
    };
    model.head()?;
    Ok((folder, model))
}

impl HeadRun {
    /// Opens the run with its features; `data` is where its images are now.
    ///
    /// # Errors
    /// It has not come to its end; its images or features are missing, or `data` holds others.
    pub(super) fn open(
        folder: RunFolder,
        data: Option<&str>,
        machine: &UseArgs,
        talk: &Talk,
    ) -> anyhow::Result<Self> {
        let path = folder.path();
        let unfinished = || refused(path, "the run has not come to its end", "finish it with --resume");
        let metrics = Metrics::read(path)?.ok_or_else(unfinished)?;
        let steps = metrics.steps().ok_or_else(unfinished)?;
        let kept = Sources::read(path)?;
        let mut sources = kept.ok_or_else(|| {
            refused(path, "it has no data.json, which says where its images are", "train it again")
        })?;
        if let Some(data) = data {
            sources::lasting(data, "--data")?;
            sources.train = data.to_owned();
        }
        // The run's own backbone: the model that it began with may be gone.
        let is_of_images = sources.frozen.is_some() && FeatureFile::recognise(&sources.train).is_none();
        let opened = Sources { frozen: is_of_images.then(|| path.display().to_string()), ..sources.clone() };
        let source = HeadSource::open(&opened, machine, talk).with_context(|| match data {
            Some(_) => "--data".to_owned(),
            None => "the images of the run; if they are elsewhere, --data DATA says where".to_owned(),
        })?;
        let detected = machine::detect(machine.device, machine.threads, talk)?;
        detected.prepare()?;
        same_images(path, data, &source.facts()?.fingerprint, talk)?;
        let (tables, facts) = source.tables(false, talk)?;
        let name = path.join(files::CONFIG);
        let text = twist_io::read_small_text(&name)?;
        let recipe = HeadRecipe::read(&name.display().to_string(), &text, &[])?;
        let plan = HeadPlan::new(&recipe.config, &facts, &detected)?;
        // Checkpoints that somebody removed to save room are not missed.
        let (reached, _) = plan.standing_in(&folder)?;
        if ![0, steps].contains(&reached) || steps < plan.run.total_steps {
            return Err(unfinished());
        }
        let model = Model::load(path, detected.device)?;
        Ok(Self { folder, sources, model, plan, metrics, steps, tables })
    }

    pub(super) fn machine(&self) -> &Machine {
        &self.plan.run.machine
    }

    /// Evaluates `model` and puts it in the place of the run's own, unless `names` refuses, which is asked at the last moment and
    /// returns the names of the classes, locked. The report is written anew.
    pub(super) fn replace(
        self,
        model: &Model,
        names: impl FnOnce() -> anyhow::Result<Named>,
        talk: &Talk,
    ) -> anyhow::Result<()> {
        let path = self.folder.path();
        let replacement = Replacement::of(&self.folder)?;
        export(model, &replacement.path().join(files::MODEL))?;
        let both = (&self.tables.train, self.tables.held_out.as_ref());
        let watch = progress::watch(talk, self.machine());
        let run = RunFigures { steps: self.steps, costs: self.costs() };
        head_evaluation(model, &self.plan, &self.chosen(), both, replacement.path(), run, &watch)?;
        drop(watch);
        let locked = names()?;
        replacement.commit()?;
        drop(locked);
        sources::write(&self.sources, path)?;
        job::write_report(path, talk)?;
        Ok(())
    }

    fn costs(&self) -> Figures {
        let known = COSTS.into_iter();
        known.filter_map(|figure| Some((figure, self.metrics.figures.get(figure)?))).collect()
    }

    /// Which head of the run was kept, as its evaluation says.
    fn chosen(&self) -> ChosenHead {
        let protocol = &self.metrics.protocol;
        let losses = protocol["head_losses"].as_array().into_iter().flatten();
        ChosenHead {
            number: protocol["kept_head"].as_u64().unwrap_or_default() as usize,
            losses: losses.filter_map(serde_json::Value::as_f64).collect(),
        }
    }
}

/// A class is split by the images that the run learned from. At their place they may have become more since; elsewhere they are
/// the same ones.
fn same_images(path: &Path, data: Option<&str>, fingerprint: &str, talk: &Talk) -> anyhow::Result<()> {
    // The second part of an image feature's fingerprint is the model.
    let images = |fingerprint: &str| match fingerprint.rsplit_once(" by ") {
        Some((images, _)) => images.to_owned(),
        None => fingerprint.to_owned(),
    };
    let before = planned(path, FINGERPRINT);
    if before.as_deref().is_none_or(|before| images(before) == images(fingerprint)) {
        return Ok(());
    }
    match data {
        Some(data) => Err(Usage(format!(
            "--data {data}: these are not the images or features that {} was trained on, which may have moved but not changed",
            path.display()
        ))
        .into()),
        None => {
            talk.warn("the images changed since the run was trained: the class is split by those that are there now");
            Ok(())
        }
    }
}
