//! The order of effects: schedule, forward, backward, clip, update; then record, evaluate, checkpoint.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use tch::{Device, Kind, Tensor};
use twist_nn::DeviceNormalize;
use twist_run::{Event, EventKind, Figure, Figures, OnExisting, Recorder, RunError, RunFolder, figure};
use twist_train::{
    EvalError, Evaluator, Gradients, Moment, Optimizer, Parameters, Pretraining, Rates, StepMetrics,
    StopFlag, TrainError, TrainOptions, TrainState, train_step,
};

use crate::data::{begun, plan, recipe};

/// An optimizer that notes what it is given instead of changing anything.
struct Spy(Rc<RefCell<Vec<(Rates, f64)>>>, Parameters);

impl Optimizer for Spy {
    fn update(&mut self, gradients: &Gradients, rates: Rates) -> Result<(), TrainError> {
        let all = gradients.weights.iter().chain(&gradients.vectors);
        let norm =
            all.map(|gradient| gradient.square().sum(Kind::Double).double_value(&[])).sum::<f64>().sqrt();
        self.0.borrow_mut().push((rates, norm));
        Ok(())
    }

    fn parameters(&self) -> &Parameters {
        &self.1
    }

    fn kept(&self) -> Vec<(&'static str, &Gradients)> {
        Vec::new()
    }
}

#[test]
fn a_step_is_schedule_forward_backward_clip_update() {
    let recipe = recipe(&["optim.clip_norm=0.01", "optim.weight_decay_end=0.01", "optim.bias_lr_ratio=4.0"]);
    let plan = plan(&recipe, 16);
    let mut state = TrainState::new(&plan).unwrap();
    let seen = Rc::new(RefCell::new(Vec::new()));
    state.optimizer = Box::new(Spy(Rc::clone(&seen), Parameters::group([])));
    let normalize = DeviceNormalize::new([0.5; 3], [0.25; 3], false, Device::Cpu).unwrap();
    let bytes: Vec<u8> = (0..2 * 8 * 768).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let pixels = [Tensor::from_slice(&bytes).view([2, 8, 16, 16, 3])];
    let metrics: Vec<StepMetrics> =
        (0..4).map(|step| train_step(&mut state, &plan, &normalize, step, &pixels).unwrap()).collect();
    let readings = StepMetrics::read(&metrics).unwrap();
    let seen = seen.borrow();
    assert_eq!((seen.len(), readings.len()), (4, 4));
    for (step, ((rates, norm), reading)) in (0..).zip(seen.iter().zip(&readings)) {
        assert_eq!(rates.weights, plan.rates.learning_rate.at(step), "the schedule speaks before the update");
        assert_eq!(rates.vectors, rates.weights / 4.0);
        assert_eq!(rates.weight_decay, plan.rates.weight_decay.at(step));
        let before = reading.get(figure::GRAD_NORM);
        assert!(before > 0.02, "backward ran, and this is the norm before clipping: {reading:?}");
        assert!((norm - 0.01).abs() < 1e-5, "the update sees clipped gradients: {norm}");
        assert_eq!((reading.step, reading.get(figure::LEARNING_RATE)), (step, rates.weights));
    }
    assert_eq!(seen[0].0.weights, 0.0, "warm-up begins at exactly 0");
    // Nothing moved, so every forward pass saw the same: gradients are not left from step to step.
    let norm = |step: usize| readings[step].get(figure::GRAD_NORM);
    assert!((norm(3) - norm(0)).abs() < 1e-3 * norm(0));
    let counter =
        state.net.store.entries().iter().find(|entry| entry.name == "backbone.bn1.num_batches_tracked");
    assert_eq!(counter.unwrap().tensor.int64_value(&[]), 4, "forward ran once a step");
}

type Effects = Rc<RefCell<Vec<String>>>;

/// Notes events, and for checkpoints whether the file is there by then.
struct Notes(Effects, PathBuf);

impl Recorder for Notes {
    fn record(&mut self, event: &Event) -> Result<(), RunError> {
        let note = match &event.kind {
            EventKind::Start(_) => "start".to_string(),
            EventKind::Step(_) => format!("step {}", event.step),
            EventKind::Eval(_) => format!("eval {}", event.step),
            EventKind::Checkpoint { path } => {
                format!(
                    "checkpoint {} {}",
                    event.step,
                    if self.1.join(path).is_file() { "safe" } else { "missing" }
                )
            }
            EventKind::Done { .. } => "done".to_string(),
            other => format!("{other:?}"),
        };
        self.0.borrow_mut().push(note);
        Ok(())
    }
}

struct Score(Effects);

impl Evaluator<Pretraining> for Score {
    fn decides(&self) -> Option<&'static Figure> {
        Some(figure::KNN_TOP1)
    }

    fn evaluate(&mut self, _: &mut Pretraining, moment: &Moment) -> Result<Figures, EvalError> {
        self.0.borrow_mut().push(format!("evaluate {}", moment.step));
        let score = if moment.step == 2 { 0.9 } else { 0.5 };
        Ok([(figure::KNN_TOP1, score)].into_iter().collect())
    }
}

#[test]
fn a_run_records_then_evaluates_then_saves() {
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::open(root.path().join("run"), OnExisting::Refuse).unwrap();
    let recipe = recipe(&[
        "schedule.epochs=2",
        "eval.every_epochs=1",
        "checkpoint.every_steps=3",
        "checkpoint.keep=1",
    ]);
    let mut run = begun(&folder, &recipe, 16, TrainOptions::default()).unwrap();
    let effects = Effects::default();
    let mut recorders: Vec<Box<dyn Recorder>> = vec![Box::new(Notes(effects.clone(), folder.path().into()))];
    run.run(Some(&mut Score(effects.clone())), &mut recorders, &StopFlag::new(), None).unwrap();
    let expected = [
        "start",
        "step 2",
        "evaluate 2",
        "eval 2",
        "checkpoint 2 safe",
        "step 3",
        "checkpoint 3 safe",
        "step 4",
        "evaluate 4",
        "eval 4",
        "checkpoint 4 safe",
        "done",
    ];
    assert_eq!(*effects.borrow(), expected);
    let (_, best) = twist_io::load_safetensors(folder.checkpoints().join("best.safetensors")).unwrap();
    let best = &best.unwrap()["measured"];
    assert!(best["metric"] == "knn_top1" && best["value"] == 0.9, "{best}");
    let kept = twist_run::CheckpointStore::new(folder.checkpoints(), 1).list().unwrap();
    assert_eq!(kept.len(), 1, "retention");
}
