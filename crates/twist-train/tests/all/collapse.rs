//! The guard on real runs.

use twist_train::{CollapseKind, OnExisting, Outcome, StopFlag};

use crate::data::{log, run};

#[test]
fn a_run_without_sharpness_collapses_to_uniform_and_is_stopped() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    let overrides = [
        "loss.lam1=-3.0",
        "guard.window_steps=20",
        "schedule.epochs=150",
        "optim.lr=1.0",
        "schedule.warmup_epochs=1",
        "guard.uniform_gap=0.02",
    ];
    let outcome = run(&path, OnExisting::Refuse, &overrides, None, &StopFlag::new()).unwrap();
    let Outcome::Collapsed { kind, step, saved } = outcome else { panic!("{outcome:?}") };
    assert_eq!(kind, CollapseKind::Uniform);
    assert!(step > 0 && saved == path.join("collapse"));
}

#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_saves_the_step() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run");
    let overrides = ["optim.name=sgd", "optim.lr=1e30", "schedule.warmup_epochs=0", "optim.clip_norm=0"];
    let outcome = run(&path, OnExisting::Refuse, &overrides, None, &StopFlag::new()).unwrap();
    let Outcome::Collapsed { kind, step, ref saved } = outcome else { panic!("{outcome:?}") };
    assert!(matches!(kind, CollapseKind::NonFiniteLoss | CollapseKind::NonFiniteGradient), "{kind}");
    assert_eq!(outcome.exit_code(), 3);

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
