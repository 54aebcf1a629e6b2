//! Training from labels, from a model to a student that has learned: what the protocols hand to the loop of `twist-train`.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tch::Tensor;
use twist_data::{Dataset, Tags};
use twist_model::{ClassifierCard, EvalInput, Model, ModelCard, ModelError, hex};
use twist_nn::Store;
use twist_run::{Event, EventKind, Figure, Figures, Recorder, RunError, figure};
use twist_train::labels::{EpochFigures, LabelledData, Student, Supervised, SupervisedPlan};
use twist_train::run::{Outcome, Place, Run, World};
use twist_train::{Costs, Evaluator, Moment, Pace, Patience, StopFlag, Work};

use super::Accuracy;
use super::ClassMap;
use super::test::accuracy;
use crate::EvalError;
use crate::labels::spread;
use crate::probe::pace_of;

/// Decoded images stay in memory as long as they fit into this many bytes.
const IN_MEMORY: u64 = 1 << 30;

/// The same images, decoded ones kept in memory as far as they fit.
pub(crate) fn in_memory(images: &Arc<dyn Dataset>) -> Arc<dyn Dataset> {
    twist_data::in_memory(Arc::clone(images), None, IN_MEMORY)
}

/// Where a training from labels keeps its state, who hears of it, and who may end it. The default keeps nothing and tells nobody.
#[derive(Default)]
pub struct Surroundings<'a> {
    /// Where the state is kept, from which the same training continues.
    pub place: Place,
    /// Who hears of every event.
    pub recorders: Vec<Box<dyn Recorder + 'a>>,
    /// Asks the training to save and stop.
    pub stop: StopFlag,
    /// Stop after this time.
    pub max_time: Option<Duration>,
    /// Who wants to know before the first step what the training takes, but for its checkpoints.
    pub foretell: Option<&'a mut dyn FnMut(Costs, Work)>,
}

/// Tells of finished steps and their number, whenever figures are read.
pub(crate) struct StepsDone<'a> {
    tell: &'a mut dyn FnMut(usize, usize),
    all: usize,
}

impl<'a> StepsDone<'a> {
    pub(crate) fn new(tell: &'a mut dyn FnMut(usize, usize)) -> Self {
        Self { tell, all: 0 }
    }
}

impl Recorder for StepsDone<'_> {
    fn record(&mut self, event: &Event) -> Result<(), RunError> {
        match &event.kind {
            EventKind::Start(start) => self.all = start.total_steps as usize,
            EventKind::Step(_) => (self.tell)(event.step as usize, self.all),
            _ => {}
        }
        Ok(())
    }
}

/// What is trained from labels, and by which numbers.
pub(crate) struct FromLabels<'a> {
    pub(crate) name: &'static str,
    /// The model whose backbone it begins with; it is not changed.
    pub(crate) source: &'a Model,
    /// Begin with random weights instead of the model's.
    pub(crate) from_scratch: bool,
    pub(crate) plan: SupervisedPlan,
    /// Labelled images and nothing else.
    pub(crate) images: Arc<dyn Dataset>,
    pub(crate) classes: usize,
    /// What they show, where an image shows several classes; then they have no labels.
    pub(crate) tags: Option<Tags>,
    /// Images that are tested at the end of epochs.
    pub(crate) test: Option<Arc<dyn Dataset>>,
}

impl FromLabels<'_> {
    /// What a kept state or result must belong to: the weights that it begins with, the images with the names of their
    /// classes, the test images whose accuracy stands in it, and every setting.
    pub(crate) fn identity(&self) -> Result<String, EvalError> {
        let of = |images: &Arc<dyn Dataset>| {
            let names = Sha256::digest(images.classes().join("\n").as_bytes());
            format!("{} (classes {})", images.fingerprint(), hex(&names[..8]))
        };
        let card = &self.source.card;
        // Random weights are those of the network, which sees images as the model does.
        let begins_with = match self.from_scratch {
            true => serde_json::to_string(&("random weights", &card.backbone, card.mean, card.std))?,
            false => self.source.hash.clone(),
        };
        let test = self.test.as_ref().map_or_else(String::new, |test| format!(", tested on {}", of(test)));
        let config = serde_json::to_string(&self.plan.config)?;
        Ok(format!("{begins_with} on {}{test}: {config}", of(&self.images)))
    }

    /// The training as it begins, or as `place` has it.
    ///
    /// # Errors
    /// No backbone; no room on the device; a state of another training.
    pub(crate) fn open(&self, place: Place) -> Result<Run<Supervised>, EvalError> {
        let (run, config) = (&self.plan.run, &self.plan.config);
        run.machine.prepare()?;
        self.source.backbone()?;
        let card = ModelCard { head: None, classifier: None, ..self.source.card.clone() };
        let model = Model::new(card, run.machine.device, config.seed)?;
        if !self.from_scratch {
            copy(&self.source.store, &model.store, "backbone.")?;
        }
        let (backbone, store) = model.into_backbone()?;
        let classes = self.classes as i64;
        let student = Student::new(backbone, store, classes, config, run.machine.device)?;
        let data = LabelledData {
            name: self.name.into(),
            images: Arc::clone(&self.images),
            tags: self.tags.clone(),
            identity: self.identity()?,
        };
        let channels = (self.source.card.mean, self.source.card.std);
        let task = Supervised::new(self.plan.clone(), student, data, channels)?;
        Ok(Run::open(task, run.clone(), place, World::one())?)
    }

    /// What looks at the end of an epoch.
    ///
    /// # Errors
    /// As [`ClassMap::new`].
    pub(crate) fn tests(&self) -> Result<Tests, EvalError> {
        let tested = |test: &Arc<dyn Dataset>| -> Result<Test, EvalError> {
            let map = ClassMap::new(self.images.classes(), &**test)?;
            let labelled = map.labelled(&**test);
            Ok(Test { images: in_memory(test), map, labelled })
        };
        let test = self.test.as_ref().map(tested).transpose()?;
        Ok(Tests { test, input: self.input()? })
    }

    /// What the parts of the training take on this machine, see [`Run::rehearse`].
    ///
    /// # Errors
    /// As [`FromLabels::open`] and [`FromLabels::tests`]; the first error of data or network.
    pub(crate) fn rehearse(&self, patience: Patience, folder: Option<&Path>) -> Result<Costs, EvalError> {
        let tests = self.tests()?;
        let pace = |task: &mut Supervised| Ok(tests.pace(task.student())?);
        Ok(self.open(Place::default())?.rehearse(patience, folder, pace)?)
    }

    /// How test images reach the student.
    pub(crate) fn input(&self) -> Result<EvalInput, EvalError> {
        let config = &self.plan.config;
        let card = ModelCard { transform: config.transform.clone(), ..self.source.card.clone() };
        Ok(EvalInput::of_card(&card, Some(config.precision), &self.plan.run.machine)?)
    }

    /// Trains to the end, from the state in `around.place` where there is one. `None`: it was asked to stop, and its state is saved.
    ///
    /// # Errors
    /// As [`FromLabels::open`] and [`FromLabels::tests`]; the first error of data, network, recorder or disk; a loss that is not
    /// finite.
    pub(crate) fn train(
        &self,
        around: &mut Surroundings<'_>,
    ) -> Result<Option<(Student, Vec<EpochFigures>)>, EvalError> {
        let mut tests = self.tests()?;
        let mut run = self.open(std::mem::take(&mut around.place))?;
        if let (Some(tell), false) = (&mut around.foretell, run.is_resumed()) {
            tell(self.rehearse(Patience::of(None), None)?, Work { checkpoints: 0, ..self.plan.work() });
        }
        let outcome = run.run(Some(&mut tests), &mut around.recorders, &around.stop, around.max_time)?;
        match outcome {
            Outcome::Finished { .. } => Ok(Some(run.into_task().into_parts())),
            Outcome::Stopped { .. } => Ok(None),
            Outcome::Collapsed { step, .. } => Err(EvalError::NotFinite {
                epoch: step / self.plan.run.steps_per_epoch + 1,
                lr: self.plan.config.classifier_lr,
                backbone_lr: self.plan.config.backbone_lr.unwrap_or(0.0),
            }),
        }
    }
}

/// Ends an epoch: its figures, with the accuracy on the test images where it is tested.
pub(crate) struct Tests {
    test: Option<Test>,
    input: EvalInput,
}

struct Test {
    images: Arc<dyn Dataset>,
    map: ClassMap,
    labelled: Vec<u32>,
}

impl Tests {
    fn accuracy(&self, student: &Student, test: &Test, indices: &[u32]) -> Result<Accuracy, EvalError> {
        accuracy(student, &self.input, (&test.images, indices), &test.map)
    }

    /// Seconds of a test of `student`, from a part of the images: the first one decodes them, later ones need not.
    fn pace(&self, student: &Student) -> Result<Pace, EvalError> {
        let Some(test) = &self.test else { return Ok(Pace::default()) };
        let all = &test.labelled;
        let (pace, _) = pace_of(all.len(), |images| {
            let some = spread(all.len(), images).into_iter();
            let some: Vec<u32> = some.map(|place| all[place as usize]).collect();
            self.accuracy(student, test, &some)?;
            Ok(some.len())
        })?;
        Ok(pace)
    }
}

impl Evaluator<Supervised> for Tests {
    fn decides(&self) -> Option<&'static Figure> {
        self.test.as_ref().map(|_| figure::TEST_TOP1)
    }

    fn evaluate(&mut self, task: &mut Supervised, _: &Moment) -> Result<Figures, twist_train::EvalError> {
        let mut figures = task.take_epoch();
        if let (Some(test), true) = (&self.test, task.plan().config.tests_after(figures.epochs)) {
            let tested = self.accuracy(task.student(), test, &test.labelled)?;
            (figures.test_top1, figures.test_top5) = (Some(tested.top1), tested.top5);
            figures.test_images = Some(tested.images);
        }
        task.end_epoch(figures);
        Ok(Figures::of(&figures))
    }
}

/// A student as a model of its own, with the names of its classes.
pub(crate) fn model_of(
    student: &Student,
    source: &Model,
    names: Vec<String>,
    plan: &SupervisedPlan,
    origin: String,
) -> Result<Model, EvalError> {
    let card = ModelCard {
        head: None,
        classifier: Some(ClassifierCard { classes: names.len() as i64, names, temperature: None }),
        transform: plan.config.transform.clone(),
        precision: plan.config.precision,
        origin,
        ..source.card.clone()
    };
    let model = Model::new(card, plan.run.machine.device, 0)?;
    copy(&student.backbone_store, &model.store, "backbone.")?;
    copy(&student.classifier_store, &model.store, "classifier.")?;
    Ok(model)
}

/// Copies every tensor whose name begins with `prefix`.
fn copy(from: &Store, to: &Store, prefix: &str) -> Result<(), EvalError> {
    let known: std::collections::HashMap<&str, &Tensor> =
        from.entries().iter().map(|entry| (entry.name.as_str(), &entry.tensor)).collect();
    tch::no_grad(|| {
        for entry in to.entries().iter().filter(|entry| entry.name.starts_with(prefix)) {
            let source = known
                .get(entry.name.as_str())
                .ok_or_else(|| ModelError::card(format!("it has no tensor `{}`", entry.name)))?;
            entry.tensor.shallow_clone().f_copy_(source)?;
        }
        Ok(())
    })
}
