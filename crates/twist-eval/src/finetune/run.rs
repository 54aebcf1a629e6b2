//! A run of fine-tuning: one folder with what was asked for, how it went, and a model to use.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use torch_ext::Machine;
use twist_data::Dataset;
use twist_model::{FeatureSet, Model, ModelCard, Watch, export, weights_hash};
use twist_run::{Calibration, Metrics, NamedWeights, Recorder, RunFolder, files};
use twist_train::labels::{Supervised, refuse_older};
use twist_train::run::{Outcome, Place, Run, RunPlan};
use twist_train::{Costs, Patience, StopFlag, Work};

use super::{FinetuneConfig, Finetuned, calibration, finetuned, outcome, training};
use crate::supervised::FromLabels;
use crate::{EvalError, LabelledImages};

/// Key of `plan.json`: model, images and every setting, in words that are equal for equal ones.
const IDENTITY: &str = "identity";

/// Everything that a run needs beside its folder.
#[derive(Clone)]
pub struct FinetuneRun<'a> {
    /// As written.
    pub config: FinetuneConfig,
    /// The model to begin with.
    pub source: &'a Model,
    /// The images to learn from.
    pub labelled: LabelledImages,
    /// All images of their data set, labelled or not: what the classifier says of them is what the report shows.
    pub images: Arc<dyn Dataset>,
    /// The images to test on.
    pub test: Option<Arc<dyn Dataset>>,
    /// Where it runs.
    pub machine: &'a Machine,
    /// Who hears how far the classes of all images are, when training has ended.
    pub watch: Watch,
}

/// A run that is ready to begin or to continue.
pub struct FinetuneTrainer<'a> {
    config: FinetuneConfig,
    labelled: LabelledImages,
    images: Arc<dyn Dataset>,
    training: FromLabels<'a>,
    run: Run<Supervised>,
    watch: Watch,
}

impl<'a> FinetuneRun<'a> {
    /// Whether model, images or settings are not those of the run in `folder` any more, where it is to be resumed and has come to its
    /// end; `None` where there is something left to do.
    ///
    /// # Errors
    /// A value out of its range.
    pub fn finished(&self, folder: &RunFolder) -> Result<Option<bool>, EvalError> {
        let is_there = |name: &str| folder.path().join(name).is_file();
        if !(folder.resume() && is_there(files::MODEL) && is_there(files::METRICS)) {
            return Ok(None);
        }
        let training = self.training()?;
        Ok(Some(is_other(&folder.path().join(files::PLAN), &training.identity()?)))
    }

    /// How much work the run is.
    ///
    /// # Errors
    /// A value out of its range.
    pub fn work(&self) -> Result<Work, EvalError> {
        let options = self.config.options();
        Ok(options.plan(&self.source.card, &self.labelled, self.machine)?.work())
    }

    /// What the parts of the run take on this machine, measured on one that is thrown away; see [`Run::rehearse`].
    ///
    /// # Errors
    /// What the first steps would fail with.
    pub fn rehearse(&self, patience: Patience, folder: &RunFolder) -> Result<Costs, EvalError> {
        self.training()?.rehearse(patience, Some(folder.path()))
    }

    /// The same run with this number of epochs, as if it had been asked for.
    pub fn of_epochs(&self, epochs: u64) -> Self {
        Self { config: FinetuneConfig { epochs: Some(epochs), ..self.config.clone() }, ..self.clone() }
    }

    fn training(&self) -> Result<FromLabels<'a>, EvalError> {
        training(self.source, &self.labelled, self.test.as_ref(), &self.config.options(), self.machine)
    }

    /// Puts the student where the newest checkpoint of `folder` left it, if it is to be resumed. The folder stays as it is.
    ///
    /// # Errors
    /// No backbone; a value out of its range; the checkpoint belongs to other settings.
    pub fn open(self, folder: &RunFolder) -> Result<FinetuneTrainer<'a>, EvalError> {
        if folder.resume() {
            refuse_older(&folder.checkpoints().join(files::FINETUNE_STATE))?;
        }
        let training = self.training()?;
        let Self { config, labelled, images, watch, .. } = self;
        let mut run = training.open(Place::folder(folder, training.plan.run.checkpoint.keep))?;
        labelled.notes.iter().for_each(|note| run.warn(note.clone()));
        Ok(FinetuneTrainer { config, labelled, images, training, run, watch })
    }
}

impl FinetuneTrainer<'_> {
    /// Length of the run, and when it is logged, saved, tested and judged.
    pub fn plan(&self) -> &RunPlan {
        &self.training.plan.run
    }

    /// Finished steps.
    pub fn step(&self) -> u64 {
        self.run.step()
    }

    /// Writes `config.toml` and `plan.json`, and removes the run that is to be replaced, if one is. Returns what
    /// [`RunFolder::make_way`] has to say.
    ///
    /// # Errors
    /// A file cannot be removed or written.
    pub fn describe(&self, folder: &RunFolder) -> Result<Option<String>, EvalError> {
        let aside = folder.make_way()?;
        self.config.write(folder.path())?;
        let mut plan = self.training.plan.to_json();
        plan[IDENTITY] = self.training.identity()?.into();
        twist_io::write_json(folder.path().join(files::PLAN), &plan)?;
        Ok(aside)
    }

    /// Trains to the end of the plan, or to the first reason to stop; see [`Run::run`]. Every epoch ends in a checkpoint; the
    /// one with the best test is kept, or without tests the one with the lowest loss.
    ///
    /// # Errors
    /// The first error of data, network, recorder or disk.
    pub fn train(
        &mut self,
        recorders: &mut [Box<dyn Recorder + '_>],
        stop: &StopFlag,
        max_time: Option<Duration>,
    ) -> Result<Outcome, EvalError> {
        let mut tests = self.training.tests()?;
        Ok(self.run.run(Some(&mut tests), recorders, stop, max_time)?)
    }

    /// Writes the model of the last epoch, what the report draws from (with `labels.csv` where a file named the labels), and last
    /// of all `metrics.json`, whose content it returns, with the file of the model.
    ///
    /// # Errors
    /// No image can be read, libtorch fails, or the disk is full or read-only.
    pub fn finish(self, folder: &RunFolder) -> Result<(PathBuf, Metrics), EvalError> {
        let Self { config, labelled, images, training, run, watch } = self;
        let (student, epochs) = run.into_task().into_parts();
        let Finetuned { mut model, mut metrics, .. } = finetuned(&training, &labelled, &student, epochs)?;
        let machine = &training.plan.run.machine;
        let (images, features) = outcome::features(&model, &images, machine, &watch)?;
        watch.now("calibration");
        metrics.calibration = calibrate(&training, &labelled, &mut model, (&images, &features))?;
        watch.now("files");
        outcome::write(&model, (images, features), machine, folder)?;
        if config.labels.is_some() {
            outcome::write_labels(&labelled, folder)?;
        }
        let file = folder.path().join(files::MODEL);
        export(&model, &file)?;
        metrics.set_weights(&NamedWeights::Sha256(weights_hash(&model.store.state_dict()?)));
        metrics.write(folder.path())?;
        Ok((file, metrics))
    }
}

/// Makes the probabilities of a finished `model` believable where labels are few; `images` with their features.
fn calibrate(
    training: &FromLabels<'_>,
    labelled: &LabelledImages,
    model: &mut Model,
    images: (&Arc<dyn Dataset>, &FeatureSet),
) -> Result<Option<Calibration>, EvalError> {
    let (source, run) = (training.source, &training.plan.run);
    if !training.from_scratch {
        return calibration::calibrate(model, source, labelled, images, &run.machine, run.seed);
    }
    // What the training began with.
    let card = ModelCard { head: None, classifier: None, ..source.card.clone() };
    let random = Model::new(card, run.machine.device, run.seed)?;
    calibration::calibrate(model, &random, labelled, images, &run.machine, run.seed)
}

/// Whether the `plan.json` of a finished run says another identity. One of an older version says model and images alone, in
/// `course`, or nothing; then it is taken at its word.
fn is_other(file: &Path, identity: &str) -> bool {
    let before = twist_io::read_small(file).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    let said = |key: &str| before.as_ref()?.get(key)?.as_str();
    match (said(IDENTITY), said("course")) {
        (Some(before), _) => before != identity,
        (None, Some(before)) => !identity.starts_with(before),
        (None, None) => false,
    }
}
