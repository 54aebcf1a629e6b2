//! Runs that stop and continue.

use std::time::Duration;

use tch::Device;
use twist_model::Model;
use twist_run::{OnExisting, RunFolder};
use twist_train::{Beginning, Outcome, Recipe, StopFlag, StopReason, TrainOptions};

use crate::data::{begun, log, recipe, run, run_recipe, stages};

fn events(path: &std::path::Path, kind: &str) -> Vec<serde_json::Value> {
    log(path).into_iter().filter(|line| line["event"] == kind).collect()
}

/// Runs three steps of six and stops, as `--max-time` would.
fn half(path: &std::path::Path, overrides: &[&str]) {
    steps(path, &recipe(overrides), 3);
}

/// Runs some steps and stops.
fn steps(path: &std::path::Path, recipe: &Recipe, count: u64) {
    let folder = RunFolder::open(path, OnExisting::Refuse).unwrap();
    let options = TrainOptions { recipe_name: "tiny".into(), ..TrainOptions::default() };
    let mut run = begun(&folder, recipe, 16, options).unwrap();
    let stop = StopFlag::new();
    let mut recorders = folder.recorders().unwrap();
    recorders.push(Box::new(StopAt { step: count, stop: stop.clone() }));
    let outcome = run.run(None, &mut recorders, &stop, None).unwrap();
    assert!(matches!(outcome, Outcome::Stopped { reason: StopReason::Signal(15), .. }), "{outcome:?}");
}

/// Raises SIGTERM's number when the step before `step` is logged.
struct StopAt {
    step: u64,
    stop: StopFlag,
}

impl twist_run::Recorder for StopAt {
    fn record(&mut self, event: &twist_run::Event) -> Result<(), twist_run::RunError> {
        if event.step + 1 >= self.step {
            self.stop.raise(15);
        }
        Ok(())
    }
}

#[test]
fn three_steps_and_three_resumed_ones_equal_six_bit_for_bit() {
    for optimizer in ["lars", "adamw"] {
        let root = tempfile::tempdir().unwrap();
        let (whole, parts) = (root.path().join("whole"), root.path().join("parts"));
        let set = format!("optim.name={optimizer}");
        let outcome = run(&whole, OnExisting::Refuse, &[&set], None, &StopFlag::new()).unwrap();
        assert_eq!(outcome, Outcome::Finished { steps: 6 });

        half(&parts, &[&set]);
        let outcome = run(&parts, OnExisting::Resume, &[&set], None, &StopFlag::new()).unwrap();
        assert_eq!(outcome, Outcome::Finished { steps: 3 });
        let resumed = events(&parts, "resumed");
        assert_eq!((resumed.len(), &resumed[0]["step"]), (1, &3.into()));

        let last = "checkpoints/step-00000006.safetensors";
        let (a, b) = (fs_err::read(whole.join(last)).unwrap(), fs_err::read(parts.join(last)).unwrap());
        assert!(a == b, "{optimizer}: the checkpoints differ");
        assert!(events(&parts, "warning").is_empty());
    }
}

/// The stages of a recipe: stopped before the second one and inside it, with a teacher all the way.
#[test]
fn a_run_of_two_stages_resumes_bit_for_bit_in_either() {
    let root = tempfile::tempdir().unwrap();
    let whole = root.path().join("whole");
    let recipe = stages(&["train.log_every=1"]);
    run_recipe(&whole, OnExisting::Refuse, &recipe, None, &StopFlag::new()).unwrap();
    let logged = events(&whole, "step");
    let confident: Vec<_> =
        logged.iter().map(|line| line.get("confident").and_then(|c| c.as_f64())).collect();
    assert_eq!(confident[..4], [None; 4], "no labels in the first stage");
    assert_eq!(confident[4], Some(0.5), "the surer half labels the others");
    assert_eq!(logged[4]["learning_rate"], 0.3, "the rate starts again");

    let last = "checkpoints/step-00000006.safetensors";
    let expected = fs_err::read(whole.join(last)).unwrap();
    for stopped in [3, 5] {
        let parts = root.path().join(format!("stopped-{stopped}"));
        steps(&parts, &recipe, stopped);
        let outcome = run_recipe(&parts, OnExisting::Resume, &recipe, None, &StopFlag::new()).unwrap();
        assert_eq!(outcome, Outcome::Finished { steps: 6 - stopped });
        assert!(fs_err::read(parts.join(last)).unwrap() == expected, "stopped after {stopped}: they differ");
    }

    // The teacher is in the checkpoint and is not the student.
    let (state, _) = twist_io::load_safetensors(whole.join(last)).unwrap();
    let of = |who: &str| state.get(&format!("{who}.backbone.layer1.0.conv1.weight")).unwrap().clone();
    assert_ne!(of("teacher"), of("model"));
}

/// Three steps one way and three another, against six the first way. How far the first layer ends off is measured by
/// the way that it goes in those three.
#[test]
fn another_cut_or_precision_goes_on_with_a_warning_and_comes_to_the_same() {
    let root = tempfile::tempdir().unwrap();
    let common = ["train.log_every=1", "train.norm_batch=4"];
    let first_layer = |run: &std::path::Path, step: u64| {
        let (state, _) =
            twist_io::load_safetensors(run.join(format!("checkpoints/step-{step:08}.safetensors"))).unwrap();
        state.get("model.backbone.conv1.weight").unwrap().to_vec::<f32>().unwrap()
    };
    let furthest = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let whole = root.path().join("whole");
    run_recipe(&whole, OnExisting::Refuse, &stages(&common), None, &StopFlag::new()).unwrap();
    let way = furthest(&first_layer(&whole, 3), &first_layer(&whole, 6));

    let cases: [(&[&str], f32); 3] = [
        (&["train.accumulation=2"], 1e-3),
        (&["train.accumulation=2", "train.checkpoint_activations=true"], 1e-3),
        (&["train.precision=\"bf16\""], 0.5),
    ];
    for (changes, tolerance) in cases {
        let parts = root.path().join(changes.concat().replace(['"', '.'], "-"));
        steps(&parts, &stages(&common), 3);
        let changed = stages(&[&common[..], changes].concat());
        let outcome = run_recipe(&parts, OnExisting::Resume, &changed, None, &StopFlag::new()).unwrap();
        assert_eq!(outcome, Outcome::Finished { steps: 3 });
        let warning = events(&parts, "warning")[0]["message"].as_str().unwrap().to_owned();
        for change in changes {
            let (key, value) = change.split_once('=').unwrap();
            assert!(warning.contains(key) && warning.contains(&format!("-> {value}")), "{warning}");
        }
        let off = furthest(&first_layer(&whole, 6), &first_layer(&parts, 6)) / way;
        assert!(off > 0.0 && off < tolerance, "{changes:?}: {off} of the way");
    }
}

#[test]
fn a_changed_recipe_is_listed_and_a_finished_run_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    half(&path, &[]);
    let changed = ["optim.lr=0.25", "train.log_every=1"];
    run(&path, OnExisting::Resume, &changed, None, &StopFlag::new()).unwrap();
    let warnings = events(&path, "warning");
    assert_eq!(warnings.len(), 1);
    let message = warnings[0]["message"].as_str().unwrap();
    assert!(
        message.contains("optim.lr 0.5 -> 0.25") && message.contains("train.log_every 2 -> 1"),
        "{message}"
    );

    let before = fs_err::read(path.join("log.jsonl")).unwrap();
    let outcome = run(&path, OnExisting::Resume, &changed, None, &StopFlag::new()).unwrap();
    assert_eq!(outcome, Outcome::Finished { steps: 0 });
    assert_eq!(fs_err::read(path.join("log.jsonl")).unwrap(), before);
}

#[test]
fn changed_data_and_a_cut_checkpoint_are_reported() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    run(&path, OnExisting::Refuse, &[], None, &StopFlag::new()).unwrap();
    let newest = path.join("checkpoints/step-00000006.safetensors");
    let bytes = fs_err::read(&newest).unwrap();
    fs_err::write(&newest, &bytes[..bytes.len() / 2]).unwrap();

    let folder = RunFolder::open(&path, OnExisting::Resume).unwrap();
    let options = TrainOptions { recipe_name: "tiny".into(), ..TrainOptions::default() };
    let mut run = begun(&folder, &recipe(&[]), 17, options).unwrap();
    assert_eq!(run.step(), 3);
    run.run(None, &mut folder.recorders().unwrap(), &StopFlag::new(), None).unwrap();
    let warnings = events(&path, "warning");
    assert_eq!(warnings.len(), 2);
    let texts: Vec<&str> = warnings.iter().map(|warning| warning["message"].as_str().unwrap()).collect();
    assert!(texts[0].contains("step-00000006.safetensors was left out"), "{}", texts[0]);
    assert!(
        texts[1].contains("1 image was added since the last checkpoint; training continues with 17 images"),
        "{}",
        texts[1]
    );
    twist_io::load_safetensors(&newest).expect("the cut one was written anew");
}

#[test]
fn another_network_or_optimizer_is_refused_in_words() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    half(&path, &[]);
    let cases = [
        ("model.dim=9", "", "this run has 8 clusters, and 9 are now asked for"),
        ("optim.name=adamw", "does not fit the recipe", "updates"),
        ("train.batch_size=4", "does not fit the recipe", "was 8 and is 4"),
    ];
    for (set, what, word) in cases {
        let message = run(&path, OnExisting::Resume, &[set], None, &StopFlag::new()).unwrap_err().to_string();
        assert!(message.contains(what) && message.contains(word), "{set}: {message}");
    }
}

#[test]
fn a_run_that_falls_back_before_its_second_stage_says_so() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    steps(&path, &stages(&["train.log_every=1"]), 5);
    let longer = stages(&["train.log_every=1", "schedule.epochs=4"]);
    run_recipe(&path, OnExisting::Resume, &longer, None, &StopFlag::new()).unwrap();
    let warnings = events(&path, "warning");
    assert!(
        warnings.iter().any(|line| line["message"].as_str().unwrap().contains("back before that stage")),
        "{warnings:?}"
    );
}

#[test]
fn without_figures_the_best_checkpoint_is_one_of_the_last_stage() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    run_recipe(&path, OnExisting::Refuse, &stages(&[]), None, &StopFlag::new()).unwrap();
    let (_, best) = twist_io::load_safetensors(path.join("checkpoints/best.safetensors")).unwrap();
    let best = best.unwrap();
    assert!(best["measured"]["metric"] == "self_label_loss" && best["step"].as_u64().unwrap() > 4, "{best}");
}

#[test]
fn time_that_is_over_saves_and_stops() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    let folder = RunFolder::open(&path, OnExisting::Refuse).unwrap();
    let options = TrainOptions::default();
    let mut run = begun(&folder, &recipe(&[]), 16, options).unwrap();
    let outcome =
        run.run(None, &mut folder.recorders().unwrap(), &StopFlag::new(), Some(Duration::ZERO)).unwrap();
    assert_eq!(outcome, Outcome::Stopped { reason: StopReason::MaxTime, step: 1 });
    assert!(path.join("checkpoints/step-00000001.safetensors").is_file());
    assert_eq!(events(&path, "stopped")[0]["reason"], "max_time");
}

fn begun_with(weights: &std::path::Path) -> Beginning {
    Beginning::Weights(Box::new(Model::load(weights, Device::Cpu).unwrap()))
}

#[test]
fn weights_of_a_run_begin_another_one() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    half(&path, &[]);
    let weights = path.join("checkpoints/step-00000003.safetensors");
    let folder = RunFolder::open(root.path().join("next"), OnExisting::Refuse).unwrap();
    let options = TrainOptions { beginning: begun_with(&weights), ..TrainOptions::default() };
    let next = begun(&folder, &recipe(&["train.seed=5", "model.dim=12"]), 16, options).unwrap();
    let report = next.task().init_report().unwrap();
    assert!(report.applied.iter().all(|name| !name.contains("last_linear")));
    assert!(report.mismatched.iter().any(|bad| bad.name.contains("last_linear")), "{report}");
    let (saved, _) = twist_io::load_safetensors(&weights).unwrap();
    let (now, name) = (next.task().net().store.state_dict().unwrap(), "backbone.conv1.weight");
    assert_eq!(now.get(name), saved.get(&format!("model.{name}")));
}

/// After the first update the teacher is 0.9 of what both began as and 0.1 of the student: the momentum of step 0.
#[test]
fn the_teacher_follows_the_updated_student_by_the_momentum_of_the_step() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    let folder = RunFolder::open(&path, OnExisting::Refuse).unwrap();
    let options = TrainOptions::default();
    let recipe = stages(&["teacher.momentum=0.9", "schedule.warmup_epochs=0"]);
    let mut run = begun(&folder, &recipe, 16, options).unwrap();
    let name = "backbone.layer1.0.conv1.weight";
    let values = |state: &twist_io::StateDict, name: &str| state.get(name).unwrap().to_vec::<f32>().unwrap();
    let began = values(&run.task().net().store.state_dict().unwrap(), name);
    run.run(None, &mut folder.recorders().unwrap(), &StopFlag::new(), Some(Duration::ZERO)).unwrap();
    let (saved, _) = twist_io::load_safetensors(path.join("checkpoints/step-00000001.safetensors")).unwrap();
    let (student, teacher) =
        (values(&saved, &format!("model.{name}")), values(&saved, &format!("teacher.{name}")));
    let (mut moved, mut off) = (0f32, 0f32);
    for ((began, student), teacher) in began.iter().zip(&student).zip(&teacher) {
        moved = moved.max((student - began).abs());
        off = off.max((0.9 * began + 0.1 * student - teacher).abs());
    }
    assert!(moved > 1e-4 && off < 1e-3 * moved, "the student moved by {moved}, the teacher is {off} off");
}

/// A teacher that does not move still is what it began as.
#[test]
fn a_teacher_begins_with_the_given_weights_too() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    half(&path, &[]);
    let weights = path.join("checkpoints/step-00000003.safetensors");
    let next = root.path().join("next");
    let folder = RunFolder::open(&next, OnExisting::Refuse).unwrap();
    let options = TrainOptions { beginning: begun_with(&weights), ..TrainOptions::default() };
    let recipe = stages(&["train.seed=5", "teacher.momentum=1.0", "schedule.warmup_epochs=0"]);
    let mut run = begun(&folder, &recipe, 16, options).unwrap();
    run.run(None, &mut folder.recorders().unwrap(), &StopFlag::new(), Some(Duration::ZERO)).unwrap();
    let (saved, _) = twist_io::load_safetensors(&weights).unwrap();
    let (now, _) = twist_io::load_safetensors(next.join("checkpoints/step-00000001.safetensors")).unwrap();
    let name = "backbone.conv1.weight";
    assert_eq!(now.get(&format!("teacher.{name}")), saved.get(&format!("model.{name}")));
    assert_ne!(now.get(&format!("model.{name}")), saved.get(&format!("model.{name}")));
}

/// The model that labels begin with stays, however few checkpoints are kept and wherever the run is interrupted.
#[test]
fn the_model_before_self_labelling_is_kept() {
    let root = tempfile::tempdir().unwrap();
    let recipe = stages(&["train.log_every=1", "checkpoint.every_steps=1", "checkpoint.keep=1"]);
    let kept =
        |run: &std::path::Path| fs_err::read(run.join("checkpoints/before_self_label.safetensors")).ok();
    let whole = root.path().join("whole");
    run_recipe(&whole, OnExisting::Refuse, &recipe, None, &StopFlag::new()).unwrap();
    let expected = kept(&whole).expect("it is there");
    assert!(!whole.join("checkpoints/step-00000004.safetensors").exists(), "one checkpoint is kept");
    let (_, facts) =
        twist_io::load_safetensors(whole.join("checkpoints/before_self_label.safetensors")).unwrap();
    assert_eq!(facts.unwrap()["step"], 4, "two epochs of two steps");

    // A kill between the checkpoint and its second name.
    let parts = root.path().join("parts");
    steps(&parts, &recipe, 4);
    assert!(kept(&parts).is_some_and(|bytes| bytes == expected));
    fs_err::remove_file(parts.join("checkpoints/before_self_label.safetensors")).unwrap();
    run_recipe(&parts, OnExisting::Resume, &recipe, None, &StopFlag::new()).unwrap();
    assert!(kept(&parts).is_some_and(|bytes| bytes == expected));

    // A run that replaces it begins without.
    let plain = crate::data::recipe(&[]);
    run_recipe(&parts, OnExisting::Replace, &plain, None, &StopFlag::new()).unwrap();
    assert!(kept(&parts).is_none());
}
