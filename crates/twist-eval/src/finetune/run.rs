//! A run of fine-tuning: one folder with what was asked for, how it went, and a model to use.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use twist_data::Dataset;
use twist_run::{Recorder, RunFolder, StartFigures, What, files};
use twist_train::{Machine, StopFlag};

use super::{Calibration, FinetuneConfig, Finetuned, calibration, finetune, outcome};
use crate::supervised::{Lesson, check_state};
use crate::{EvalError, LabelledImages, Session, SupervisedPlan};
use twist_model::{FeatureSet, Model, ModelCard, Watch, export};

/// Everything that a run needs beside its folder.
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

/// How a run ended.
#[derive(Debug)]
pub enum RunEnd {
    /// With a model in the folder.
    Finished {
        /// The weight file.
        model: PathBuf,
        /// What stands in `metrics.json`.
        metrics: Map<String, Value>,
    },
    /// It was finished before; nothing was done.
    WasFinished {
        /// Whether model, images or settings are not those of the run any more.
        changed: bool,
    },
    /// By request, and `--resume` goes on.
    Stopped,
}

impl FinetuneRun<'_> {
    /// Runs to the end, or until `stop`; `recorders` hear of events beside the log, `progress` of steps.
    ///
    /// The folder gets `config.toml`, `plan.json`, `log.jsonl` and `events.*`, at the end `model.safetensors`, `metrics.json`
    /// and what the report draws from (with `labels.csv` where a file named the labels), and in between `checkpoints/finetune.safetensors`.
    ///
    /// # Errors
    /// As [`finetune()`]; a file cannot be written; the state in the folder belongs to other settings.
    pub fn run(
        self,
        folder: &RunFolder,
        recorders: Vec<Box<dyn Recorder + '_>>,
        progress: Option<Box<dyn FnMut(usize, usize) + '_>>,
        stop: &StopFlag,
    ) -> Result<RunEnd, EvalError> {
        let (path, began) = (folder.path(), Instant::now());
        let (model_file, metrics_file) = (path.join(files::MODEL), path.join(files::METRICS));
        let state = folder.checkpoints().join(files::FINETUNE_STATE);
        let finished = folder.resume() && model_file.is_file() && metrics_file.is_file();
        let options = self.config.options();
        let plan = options.plan(&self.source.card, &self.labelled)?;
        // A folder whose course cannot be resumed stays as it is.
        let begins_with = Lesson::begins_with(self.source, options.from_scratch)?;
        let identity = Lesson::identity(&self.labelled.images, self.test.as_ref(), &begins_with);
        let described = described(&plan, &identity)?;
        if finished && !state.is_file() {
            return Ok(RunEnd::WasFinished { changed: is_other(&path.join(files::PLAN), &described) });
        }
        if folder.resume() {
            check_state(&state, &plan, &identity)?;
        }
        let per_epoch = plan.order(self.labelled.images.len()).steps_per_epoch();
        let total = plan.epochs * per_epoch;
        let mut notes = self.labelled.notes.clone();
        if !finished {
            notes.extend(folder.make_way()?);
            self.config.write(path)?;
            write_json(&path.join(files::PLAN), &described)?;
        }
        let mut session = Session {
            state: Some(state.clone()),
            save_every: Duration::ZERO,
            recorders: folder.recorders()?.into_iter().map(|own| own as Box<dyn Recorder + '_>).collect(),
            progress,
            stop: stop.clone(),
        };
        session.recorders.extend(recorders);
        // Says that all is done, and removes the state: it has served its purpose, and is twice as large as the model.
        let close = |session: &mut Session<'_>| -> Result<(), EvalError> {
            if !folder.says_done(total)? {
                let seconds = began.elapsed().as_secs_f64();
                session.record(total, per_epoch, What::Done { seconds })?;
            }
            let output = |error| EvalError::Unreadable { path: state.clone(), source: error };
            if state.is_file() { fs_err::remove_file(&state).map_err(output) } else { Ok(()) }
        };
        if finished {
            close(&mut session)?;
            return Ok(RunEnd::WasFinished { changed: false });
        }
        session.record(0, per_epoch, What::Start(Box::new(self.start(&plan, per_epoch))))?;
        for message in notes {
            session.record(0, per_epoch, What::Warning { message })?;
        }
        let test = self.test.as_ref();
        let ended = finetune(self.source, &self.labelled, test, &options, self.machine, &mut session)?;
        let Some(Finetuned { mut model, mut metrics, .. }) = ended else {
            return Ok(RunEnd::Stopped);
        };
        let (images, features) = outcome::features(&model, &self.images, self.machine, &self.watch)?;
        if let Some(found) = self.calibrate(&mut model, (&images, &features), &plan)? {
            metrics.insert("calibration".into(), serde_json::to_value(found)?);
        }
        outcome::write(&model, (images, features), self.machine, folder)?;
        if self.config.labels.is_some() {
            outcome::write_labels(&self.labelled, folder)?;
        }
        export(&model, &model_file)?;
        write_json(&metrics_file, &Value::Object(metrics.clone()))?;
        close(&mut session)?;
        Ok(RunEnd::Finished { model: model_file, metrics })
    }

    /// Makes the probabilities of a finished `model` believable where labels are few; `images` with their features.
    fn calibrate(
        &self,
        model: &mut Model,
        images: (&Arc<dyn Dataset>, &FeatureSet),
        plan: &SupervisedPlan,
    ) -> Result<Option<Calibration>, EvalError> {
        let (labelled, seed) = (&self.labelled, plan.seed);
        if !self.config.from_scratch {
            return calibration::calibrate(model, self.source, labelled, images, self.machine, seed);
        }
        // What the course began with.
        let card = ModelCard { head: None, classifier: None, ..self.source.card.clone() };
        let random = Model::new(card, self.machine.device, seed)?;
        calibration::calibrate(model, &random, labelled, images, self.machine, seed)
    }

    fn start(&self, plan: &SupervisedPlan, per_epoch: u64) -> StartFigures {
        let card = &self.source.card;
        let parameters = self.source.store.named_parameters();
        let backbone = parameters.filter(|(name, _)| name.starts_with("backbone."));
        let classes = self.labelled.images.classes().len();
        StartFigures {
            version: env!("CARGO_PKG_VERSION").into(),
            libtorch: torch_ext::version(),
            recipe_name: "finetune".into(),
            device: match self.machine.device {
                tch::Device::Cuda(index) => format!("cuda:{index}"),
                _ => "cpu".into(),
            },
            precision: plan.precision.name().into(),
            channels_last: plan.precision != twist_train::Precision::Fp32,
            threads: self.machine.threads,
            loader_threads: self.machine.loader_threads,
            images: self.labelled.images.len(),
            classes,
            seed: plan.seed,
            batch_size: plan.batch_size.min(self.labelled.images.len()),
            total_steps: plan.epochs * per_epoch,
            steps_per_epoch: per_epoch,
            parameters: backbone.map(|(_, tensor)| tensor.numel() as u64).sum::<u64>()
                + classes as u64 * (card.feature_dim as u64 + 1),
            clusters: classes as i64,
        }
    }
}

/// What `plan.json` says: every number in force, and in `course` model and images, by their fingerprints.
fn described(plan: &SupervisedPlan, identity: &str) -> Result<Value, EvalError> {
    let mut described = serde_json::to_value(plan)?;
    described["course"] = identity.into();
    Ok(described)
}

/// Whether the `plan.json` of a finished run describes another course. One that does not say its course is taken at its word.
fn is_other(file: &Path, described: &Value) -> bool {
    let before = fs_err::read(file).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    before.is_some_and(|before| before.get("course").is_some() && before != *described)
}

fn write_json(path: &Path, value: &Value) -> Result<(), EvalError> {
    let text = serde_json::to_string_pretty(value)?;
    Ok(twist_io::write_atomic(path, |file| writeln!(file, "{text}"))?)
}
