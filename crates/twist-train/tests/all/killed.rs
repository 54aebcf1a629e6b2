//! Runs that were killed between a checkpoint and what follows it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use twist_data::{DataError, Dataset, Stored};
use twist_run::{Figure, Figures, OnExisting, Recorder, RunFolder, figure};
use twist_train::run::Run;
use twist_train::{
    EvalError, Evaluator, Moment, Outcome, Pace, Patience, Pretraining, Recipe, StopFlag, TrainOptions,
};

use crate::data::{Stripes, begun, log, machine, plan, recipe, stages};

/// Scores that are given for each step, or none that measure.
struct Scored(Option<[f64; 7]>);

impl Evaluator<Pretraining> for Scored {
    fn decides(&self) -> Option<&'static Figure> {
        self.0.map(|_| figure::KNN_TOP1)
    }

    fn evaluate(&mut self, _: &mut Pretraining, moment: &Moment) -> Result<Figures, EvalError> {
        let score = self.0.map(|scores| (figure::KNN_TOP1, scores[moment.step as usize]));
        Ok(score.into_iter().collect())
    }
}

/// Runs to the end, and returns the steps that were made.
fn run(path: &Path, recipe: &Recipe, scores: Option<[f64; 7]>) -> u64 {
    let folder = RunFolder::open(path, OnExisting::Resume).unwrap();
    let options = TrainOptions { recipe_name: "tiny".into(), ..TrainOptions::default() };
    let mut run = begun(&folder, recipe, 16, options).unwrap();
    let mut recorders = folder.recorders().unwrap();
    let outcome = run.run(Some(&mut Scored(scores)), &mut recorders, &StopFlag::new(), None).unwrap();
    let Outcome::Finished { steps } = outcome else { panic!("{outcome:?}") };
    steps
}

/// What the run's best checkpoint was measured by, and its step.
fn best(path: &Path) -> (Value, u64) {
    let (_, facts) = twist_io::load_safetensors(path.join("checkpoints/best.safetensors")).unwrap();
    let facts = facts.unwrap();
    (facts["measured"].clone(), facts["step"].as_u64().unwrap())
}

fn bytes(path: &Path, name: &str) -> Vec<u8> {
    fs_err::read(path.join("checkpoints").join(name)).unwrap()
}

/// Cuts the log before the first line of an event of a step, and returns how many lines went.
fn cut_log(path: &Path, event: &str, step: u64) -> usize {
    let file = path.join("log.jsonl");
    let text = fs_err::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let of = |line: &&str| {
        let line: Value = serde_json::from_str(line).unwrap();
        line["event"] == event && line["step"] == step
    };
    let at = lines.iter().position(of).unwrap();
    fs_err::write(file, lines[..at].iter().map(|line| format!("{line}\n")).collect::<String>()).unwrap();
    lines.len() - at
}

fn has(path: &Path, event: &str, step: u64) -> bool {
    log(path).iter().any(|line| line["event"] == event && line["step"] == step)
}

/// Scores of steps 2, 4 and 6, the best in the middle.
const SCORES: [f64; 7] = [0.0, 0.0, 0.5, 0.0, 0.9, 0.0, 0.7];

fn evaluated() -> Recipe {
    recipe(&["eval.every_epochs=1", "checkpoint.every_steps=2", "checkpoint.keep=2", "train.log_every=1"])
}

#[test]
fn a_checkpoint_that_was_to_be_the_best_becomes_it_on_resume() {
    let root = tempfile::tempdir().unwrap();
    let (whole, killed) = (root.path().join("whole"), root.path().join("killed"));
    run(&whole, &evaluated(), Some(SCORES));
    assert_eq!(best(&whole).1, 4);
    assert_eq!(best(&whole).0["value"], 0.9);

    // Killed when the checkpoint of step 4 was there, and the best one still that of step 2.
    run(&killed, &evaluated(), Some(SCORES));
    let checkpoints = killed.join("checkpoints");
    fs_err::remove_file(checkpoints.join("step-00000006.safetensors")).unwrap();
    fs_err::rename(checkpoints.join("best.safetensors"), checkpoints.join("step-00000004.safetensors"))
        .unwrap();
    cut_log(&killed, "checkpoint", 4);
    assert_eq!(run(&killed, &evaluated(), Some(SCORES)), 2);
    for name in ["best.safetensors", "step-00000004.safetensors", "step-00000006.safetensors"] {
        assert!(bytes(&killed, name) == bytes(&whole, name), "{name} differs");
    }
    assert!(has(&killed, "checkpoint", 4), "the log has what the kill cut off");
}

#[test]
fn a_run_killed_after_its_last_checkpoint_makes_up_for_the_rest() {
    let root = tempfile::tempdir().unwrap();
    let (whole, killed) = (root.path().join("whole"), root.path().join("killed"));
    let rising = Some([0.0, 0.0, 0.1, 0.0, 0.2, 0.0, 0.3]);
    run(&whole, &evaluated(), rising);
    run(&killed, &evaluated(), rising);
    let checkpoints = killed.join("checkpoints");
    fs_err::remove_file(checkpoints.join("best.safetensors")).unwrap();
    fs_err::copy(checkpoints.join("step-00000004.safetensors"), checkpoints.join("best.safetensors"))
        .unwrap();
    fs_err::copy(
        checkpoints.join("step-00000004.safetensors"),
        checkpoints.join("step-00000002.safetensors"),
    )
    .unwrap();
    assert_eq!(cut_log(&killed, "checkpoint", 6), 2, "checkpoint and done");

    assert_eq!(run(&killed, &evaluated(), rising), 0);
    assert!(bytes(&killed, "best.safetensors") == bytes(&whole, "best.safetensors"));
    assert!(!checkpoints.join("step-00000002.safetensors").exists(), "a checkpoint too many");
    assert!(has(&killed, "checkpoint", 6) && has(&killed, "done", 6));
    let folder = RunFolder::open(&killed, OnExisting::Resume).unwrap();
    assert!(folder.says_done(6).unwrap() && !folder.says_done(4).unwrap());
}

#[test]
fn without_labels_the_best_checkpoint_has_the_least_loss() {
    let root = tempfile::tempdir().unwrap();
    let (whole, killed) = (root.path().join("whole"), root.path().join("killed"));
    run(&whole, &evaluated(), None);
    let (measured, _) = best(&whole);
    assert_eq!((&measured["metric"], &measured["higher"]), (&"loss".into(), &false.into()));
    // Every checkpoint says the mean loss of its own steps, so the best one is the least of those.
    let losses: Vec<(f64, u64)> = log(&whole)
        .iter()
        .filter(|line| line["event"] == "step")
        .map(|line| (line["loss"].as_f64().unwrap(), line["step"].as_u64().unwrap()))
        .collect();
    let mean = |last: u64| {
        losses.iter().filter(|(_, step)| *step == last || step + 1 == last).map(|l| l.0).sum::<f64>() / 2.0
    };
    let least = [2, 4, 6].into_iter().min_by(|a, b| mean(*a).total_cmp(&mean(*b))).unwrap();
    assert_eq!(best(&whole).1, least);
    assert!((measured["value"].as_f64().unwrap() - mean(least)).abs() < 1e-9);

    // A stop in the middle of an interval changes neither the figures nor the best one.
    let folder = RunFolder::open(&killed, OnExisting::Refuse).unwrap();
    let options = TrainOptions { recipe_name: "tiny".into(), ..TrainOptions::default() };
    let mut stopped = begun(&folder, &evaluated(), 16, options).unwrap();
    let stop = StopFlag::new();
    let mut recorders = folder.recorders().unwrap();
    recorders.push(Box::new(StopAfter(2, stop.clone())));
    stopped.run(Some(&mut Scored(None)), &mut recorders, &stop, None).unwrap();
    assert_eq!(stopped.step(), 3);
    drop((stopped, recorders, folder));
    assert_eq!(run(&killed, &evaluated(), None), 3);
    for name in ["best.safetensors", "step-00000004.safetensors", "step-00000006.safetensors"] {
        assert!(bytes(&killed, name) == bytes(&whole, name), "{name} differs");
    }
}

/// Asks to stop when the figures of a step are there: the next one is the last.
struct StopAfter(u64, StopFlag);

impl Recorder for StopAfter {
    fn record(&mut self, event: &twist_run::Event) -> Result<(), twist_run::RunError> {
        if event.step >= self.0 {
            self.1.raise(15);
        }
        Ok(())
    }
}

#[test]
fn a_checkpoint_with_numbers_that_are_none_is_left_out_by_name() {
    let root = tempfile::tempdir().unwrap();
    let (whole, damaged) = (root.path().join("whole"), root.path().join("damaged"));
    run(&whole, &evaluated(), Some(SCORES));
    run(&damaged, &evaluated(), Some(SCORES));
    let newest = damaged.join("checkpoints/step-00000006.safetensors");
    let (mut state, facts) = twist_io::load_safetensors(&newest).unwrap();
    let (name, tensor) = state.0.iter_mut().find(|(name, _)| name.ends_with("conv1.weight")).unwrap();
    tensor.data[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    let name = name.clone();
    twist_io::save_safetensors(&newest, &state, facts.as_ref()).unwrap();

    assert_eq!(run(&damaged, &evaluated(), Some(SCORES)), 2, "from the checkpoint before");
    let warnings: Vec<Value> = log(&damaged).into_iter().filter(|line| line["event"] == "warning").collect();
    let message = warnings[0]["message"].as_str().unwrap();
    assert!(message.contains("step-00000006") && message.contains(&name), "{message}");
    assert!(bytes(&damaged, "step-00000006.safetensors") == bytes(&whole, "step-00000006.safetensors"));
}

/// Counts how often an image is read.
struct Counted(Stripes, AtomicUsize);

impl Dataset for Counted {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.read(index)
    }

    fn path(&self, index: usize) -> String {
        self.0.path(index)
    }

    fn label(&self, index: usize) -> Option<u32> {
        self.0.label(index)
    }

    fn classes(&self) -> &[String] {
        self.0.classes()
    }

    fn fingerprint(&self) -> String {
        self.0.fingerprint()
    }
}

#[test]
fn the_second_stage_goes_on_with_the_images_in_memory() {
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::open(root.path().join("run"), OnExisting::Refuse).unwrap();
    let plan = plan(&stages(&["data.in_memory=on"]), 16);
    assert_eq!((plan.run.total_steps, machine().loader_threads), (6, 1));
    let images = Arc::new(Counted(Stripes(16), AtomicUsize::new(0)));
    let mut run = Run::of_network(plan, images.clone(), &folder, TrainOptions::default()).unwrap();
    run.run(None, &mut [], &StopFlag::new(), None).unwrap();
    // All 16 are looked at to estimate whether they fit, then each is read once, for both stages.
    assert_eq!(images.1.load(Ordering::Relaxed), 16 + 16);
}

#[test]
fn what_a_rehearsal_decodes_stays_for_the_run() {
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::open(root.path().join("run"), OnExisting::Refuse).unwrap();
    let plan = plan(&recipe(&["data.in_memory=on"]), 16);
    let images = Arc::new(Counted(Stripes(16), AtomicUsize::new(0)));
    let mut stand_in = Run::stand_in_for(&plan, images.clone()).unwrap();
    let patience = Patience::of(Some(Duration::from_secs(600)));
    stand_in.rehearse(patience, None, |_: &mut Pretraining| Ok(Pace::default())).unwrap();
    assert_eq!(images.1.load(Ordering::Relaxed), 16 + 16, "looked at, then read");
    let images_in_memory = stand_in.into_task().into_images();
    let mut run = Run::of_network(plan, images_in_memory, &folder, TrainOptions::default()).unwrap();
    run.run(None, &mut folder.recorders().unwrap(), &StopFlag::new(), None).unwrap();
    assert_eq!(images.1.load(Ordering::Relaxed), 16 + 16);
}
