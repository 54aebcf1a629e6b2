//! The guard on real runs.

use std::time::Duration;

use twist_run::{OnExisting, RunFolder};
use twist_train::{CollapseKind, Outcome, StopFlag, TrainOptions};

use crate::data::{begun, log, recipe, run};

/// How a run of 128 images in batches of 32 ends, and the line of its log that names a collapse.
fn end_of(overrides: &[&str]) -> (Outcome, Option<serde_json::Value>) {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    let folder = RunFolder::open(&path, OnExisting::Refuse).unwrap();
    let common = ["guard.window_steps=20", "train.batch_size=32", "schedule.epochs=50"];
    let recipe = recipe(&[&common[..], overrides].concat());
    let mut run = begun(&folder, &recipe, 128, TrainOptions::default()).unwrap();
    let outcome = run.run(None, &mut folder.recorders().unwrap(), &StopFlag::new(), None).unwrap();
    let line = log(&path).into_iter().find(|line| line["event"] == "collapse");
    (outcome, line)
}

/// The run as it stands is healthy, and with `value` it collapses to `kind` and is stopped with `advice`.
fn collapses_with(healthy: &[&str], value: &str, expected: CollapseKind, advice: &str) {
    let (outcome, line) = end_of(healthy);
    assert!(matches!(outcome, Outcome::Finished { .. }) && line.is_none(), "{outcome:?}");

    let (outcome, line) = end_of(&[healthy, &[value]].concat());
    let Outcome::Collapsed { kind, step, advice: said, saved } = outcome else {
        panic!("{value}: {outcome:?}")
    };
    let saved = saved.unwrap();
    assert_eq!(said, kind.advice());
    assert!(kind == expected && step > 20 && saved.ends_with("collapse"), "{value}: {kind} at step {step}");
    let line = line.unwrap();
    assert!(line["kind"] == kind.name() && line["advice"].as_str().unwrap().contains(advice), "{line}");
}

/// Nothing asks for many classes: sharp ones swallow the others, until a third of what a batch could use is left.
#[test]
fn a_run_without_the_diversity_term_loses_its_classes_and_is_stopped() {
    let healthy = [
        "schedule.epochs=100",
        "optim.name=adamw",
        "optim.lr=0.01",
        "model.dim=64",
        "loss.temperature=0.25",
        "guard.dead_fraction=0.4",
    ];
    collapses_with(&healthy, "loss.lam2=0.0", CollapseKind::DeadClasses, "loss.lam2");
}

/// The norm before softmax is what keeps images apart: without it all images soon have one distribution, which is not
/// quite flat because nothing holds the bias of the last layer.
#[test]
fn a_run_without_the_norm_before_softmax_collapses_and_is_stopped() {
    collapses_with(&["optim.lr=0.4"], "model.norm=false", CollapseKind::Uniform, "model.norm = true");
}

/// With neither, sharpness wins: every image goes into one class.
#[test]
fn a_run_without_norm_and_diversity_puts_all_images_into_one_class() {
    let (outcome, line) = end_of(&["optim.lr=1.0", "model.norm=false", "loss.lam2=0.0"]);
    assert!(matches!(outcome, Outcome::Collapsed { kind: CollapseKind::OneHot, .. }), "{outcome:?}");
    assert!(line.unwrap()["advice"].as_str().unwrap().contains("loss.lam2"));
}

/// Pieces of one step each, where a sign must hold for 20, end where one piece does. (In batches of 8 so high a rate makes
/// every run flat.)
#[test]
fn a_run_in_short_pieces_is_stopped_at_the_same_step() {
    let root = tempfile::tempdir().unwrap();
    let overrides = ["guard.window_steps=20", "schedule.epochs=200", "optim.lr=1.0"];
    let whole =
        run(&root.path().join("whole"), OnExisting::Refuse, &overrides, None, &StopFlag::new()).unwrap();
    let Outcome::Collapsed { step: expected, .. } = whole else { panic!("{whole:?}") };

    let parts = root.path().join("parts");
    let mut on_existing = OnExisting::Refuse;
    for piece in 0..=expected {
        let folder = RunFolder::open(&parts, on_existing).unwrap();
        let options = TrainOptions::default();
        let mut run = begun(&folder, &recipe(&overrides), 16, options).unwrap();
        let outcome =
            run.run(None, &mut folder.recorders().unwrap(), &StopFlag::new(), Some(Duration::ZERO)).unwrap();
        match outcome {
            Outcome::Stopped { step, .. } => assert!(step == piece + 1 && step <= expected, "{step}"),
            Outcome::Collapsed { step, kind, .. } => {
                assert_eq!((step, kind), (expected, CollapseKind::Uniform));
                return;
            }
            Outcome::Finished { .. } => panic!("{outcome:?}"),
        }
        on_existing = OnExisting::Resume;
    }
    panic!("no piece was stopped as collapsed");
}

#[test]
fn healthy_early_training_is_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let folder = RunFolder::open(root.path().join("run"), OnExisting::Refuse).unwrap();
    let overrides = [
        "guard.window_steps=10",
        "train.batch_size=32",
        "optim.name=adamw",
        "optim.lr=0.002",
        "schedule.epochs=20",
    ];
    let mut run = begun(&folder, &recipe(&overrides), 64, TrainOptions::default()).unwrap();
    let outcome = run.run(None, &mut [], &StopFlag::new(), None).unwrap();
    assert_eq!(outcome, Outcome::Finished { steps: 40 });
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_saves_the_step() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    let overrides = ["optim.name=sgd", "optim.lr=1e30", "schedule.warmup_epochs=0", "optim.clip_norm=0"];
    let outcome = run(&path, OnExisting::Refuse, &overrides, None, &StopFlag::new()).unwrap();
    let Outcome::Collapsed { kind, step, saved: Some(ref saved), .. } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(matches!(kind, CollapseKind::NonFiniteLoss | CollapseKind::NonFiniteGradient), "{kind}");

    let text = fs_err::read(saved.join("step.json")).unwrap();
    let facts: serde_json::Value = serde_json::from_slice(&text).unwrap();
    assert_eq!((facts["kind"].as_str(), facts["step"].as_u64()), (Some(kind.name()), Some(step)));
    assert_eq!(facts["indices"].as_array().unwrap().len(), 8);
    assert!(facts["weights_before_step"].as_u64().unwrap() <= step);
    let (weights, _) = twist_io::load_safetensors(saved.join("weights.safetensors")).unwrap();
    let finite = |values: Vec<f32>| values.iter().all(|value| value.is_finite());
    assert!(finite(weights.get("model.backbone.conv1.weight").unwrap().to_vec().unwrap()));

    let line = log(&path).into_iter().find(|line| line["event"] == "collapse").unwrap();
    assert!(line["advice"].as_str().unwrap().contains("optim.lr"));
}
