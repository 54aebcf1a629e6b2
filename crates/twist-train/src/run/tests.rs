//! The loop around a task that does next to nothing.

use std::path::Path;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};
use torch_ext::{DeviceRequest, Machine};
use twist_io::{HostTensor, StateDict};
use twist_nn::LossTerms;
use twist_run::{Event, EventKind, Figures, OnExisting, RunFolder, StartFigures};

use super::*;
use crate::config::{CheckpointConfig, GuardConfig};
use crate::objective::LossValue;
use crate::{Rates, StepMetrics};

/// Adds 1 at every step, and has two networks whose losses are written down.
struct Counting {
    count: f32,
    losses: fn(u64) -> [f64; 2],
}

#[derive(Serialize, Deserialize)]
struct CountFacts {
    #[serde(flatten)]
    standing: Standing,
}

fn metrics(step: u64, loss: f64) -> StepMetrics {
    let number = |value: f64| Tensor::from(value as f32);
    let terms =
        LossTerms { total: number(loss), kl: number(0.0), sharpness: number(0.5), diversity: number(1.0) };
    let rates = Rates { weights: 0.1, vectors: 0.1, weight_decay: 0.0 };
    let logits = Tensor::eye(4, (Kind::Float, tch::Device::Cpu));
    StepMetrics::new(step, rates, &LossValue::from(terms), &number(1.0), &logits).unwrap()
}

impl Task for Counting {
    type Facts = CountFacts;

    fn step(&mut self, step: u64) -> Result<Taken, TrainError> {
        self.count += 1.0;
        let metrics = (self.losses)(step).map(|loss| metrics(step, loss)).into();
        Ok(Taken { metrics, indices: vec![step as u32], events: Vec::new() })
    }

    fn capture(&self) -> Result<StateDict, TrainError> {
        let mut state = StateDict::default();
        state.push("count", HostTensor::from_slice(vec![1], &[self.count]).unwrap());
        Ok(state)
    }

    fn restore(&mut self, _: &Path, _: &CountFacts, state: StateDict) -> Result<Restored, TrainError> {
        self.count = state.get("count").and_then(|count| count.to_vec::<f32>().ok()).unwrap()[0];
        Ok(Restored::default())
    }

    fn facts(&self, standing: &Standing) -> CountFacts {
        CountFacts { standing: standing.clone() }
    }

    fn figures(&self) -> StartFigures {
        StartFigures {
            recipe_name: "counting".into(),
            precision: "fp32".into(),
            clusters: 4,
            ..StartFigures::default()
        }
    }

    fn weights(&self) -> Vec<(String, Tensor)> {
        vec![("count".into(), Tensor::from(self.count))]
    }
}

/// Two epochs of four steps, a checkpoint every two.
fn plan() -> RunPlan {
    let machine = Machine::detect(DeviceRequest::Cpu, Some(1)).unwrap();
    RunPlan::new(RunSettings {
        keys: RunKeys::RECIPE,
        seed: 0,
        samples: 16,
        batch_size: 4,
        steps_per_epoch: |samples, batch_size| (samples / batch_size) as u64,
        epochs: 2,
        second_stage_epochs: None,
        log_every: 1,
        checkpoint: CheckpointConfig { every_steps: Some(2), keep: 2, ..CheckpointConfig::default() },
        eval_every_epochs: 1,
        guard: GuardConfig::default(),
        classes: 4,
        temperature: 1.0,
        machine: &machine,
    })
    .unwrap()
}

fn open(folder: &RunFolder, losses: fn(u64) -> [f64; 2], world: World) -> Run<Counting> {
    Run::open(Counting { count: 0.0, losses }, plan(), Place::folder(folder, 2), world).unwrap()
}

struct Heard<'a>(&'a mut Vec<Event>);

impl Recorder for Heard<'_> {
    fn record(&mut self, event: &Event) -> Result<(), twist_run::RunError> {
        self.0.record(event)
    }
}

fn events(run: &mut Run<Counting>) -> (Outcome, Vec<Event>) {
    let mut events = Vec::<Event>::new();
    let outcome = run.run(None, &mut [Box::new(Heard(&mut events))], &StopFlag::new(), None).unwrap();
    (outcome, events)
}

#[test]
fn a_process_that_is_not_the_first_makes_the_steps_and_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::open(root.path().join("run"), OnExisting::Refuse).unwrap();
    let checkpoints = || fs_err::read_dir(folder.checkpoints()).unwrap().count();
    let mut second = open(&folder, |_| [1.0, 2.0], World { rank: 1, size: 2 });
    let (outcome, heard) = events(&mut second);
    assert_eq!((outcome, second.task().count), (Outcome::Finished { steps: 8 }, 8.0));
    assert_eq!((heard.len(), checkpoints()), (0, 0));
    let mut first = open(&folder, |_| [1.0, 2.0], World { rank: 0, size: 2 });
    let (_, heard) = events(&mut first);
    assert_eq!(heard.iter().filter(|event| matches!(event.kind, EventKind::Step(_))).count(), 8);
    assert_eq!(checkpoints(), 3, "two and the best one");
}

#[test]
fn the_network_with_the_least_loss_is_the_one_that_is_judged_and_measured() {
    // The second one collapses at step 3, the first one is healthy; at the end it is the other way round.
    let losses = |step: u64| match step {
        0..3 => [1.0, 0.5],
        3..6 => [0.25, f64::NAN],
        _ => [f64::NAN, 0.75],
    };
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::open(root.path().join("run"), OnExisting::Refuse).unwrap();
    let mut run = open(&folder, losses, World::one());
    let mut leaders = Vec::new();
    let mut ask = |_: &mut Counting, moment: &Moment| -> Result<Figures, EvalError> {
        leaders.push((moment.step, moment.leader));
        Ok(Figures::default())
    };
    let outcome = run.run(Some(&mut ask), &mut [], &StopFlag::new(), None).unwrap();
    assert_eq!(outcome, Outcome::Finished { steps: 8 });
    assert_eq!(leaders, [(4, 0), (8, 1)]);
    let (_, facts) = twist_io::load_safetensors(folder.checkpoints().join("best.safetensors")).unwrap();
    let facts = facts.unwrap();
    // Steps 2 and 3 have 0.375 on average, 4 and 5 have 0.25.
    assert_eq!((&facts["step"], &facts["measured"]["value"]), (&6.into(), &0.25.into()));
    drop(run);

    // Both at once are a collapse.
    let folder = RunFolder::open(root.path().join("sick"), OnExisting::Refuse).unwrap();
    let mut run = open(&folder, |step| if step == 4 { [f64::NAN; 2] } else { [1.0; 2] }, World::one());
    let (outcome, heard) = events(&mut run);
    let Outcome::Collapsed { step: 4, advice, saved: Some(saved), .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(advice.contains("NaN") && saved.join("step.json").is_file());
    assert!(
        matches!(&heard.last().unwrap().kind, EventKind::Collapse { advice: said, .. } if *said == advice)
    );
}

#[test]
fn a_run_continues_where_its_checkpoint_stands() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    let folder = RunFolder::open(&path, OnExisting::Refuse).unwrap();
    let mut run = open(&folder, |_| [1.0, 2.0], World::one());
    let outcome = run.run(None, &mut [], &StopFlag::new(), Some(Duration::ZERO)).unwrap();
    assert_eq!(outcome, Outcome::Stopped { reason: StopReason::MaxTime, step: 1 });
    drop((run, folder));
    let folder = RunFolder::open(&path, OnExisting::Resume).unwrap();
    let mut run = open(&folder, |_| [1.0, 2.0], World::one());
    assert_eq!((run.step(), run.task().count, run.is_resumed()), (1, 1.0, true));
    let (outcome, _) = events(&mut run);
    assert_eq!((outcome, run.task().count), (Outcome::Finished { steps: 7 }, 8.0));
}
