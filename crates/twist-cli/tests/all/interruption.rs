//! Kills, signals and a second process.

use std::io::Read;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Place, wait_until};

/// Long enough to be interrupted, short enough to wait for.
const LINE: &str =
    "train train --recipe tiny.toml --epochs 16 --device cpu --threads 1 --set eval.every_epochs=0";
/// 4 steps an epoch.
const IMAGES: u32 = 32;
const LAST: &str = "checkpoints/step-00000064.safetensors";

/// [`LINE`], but it never ends by itself.
fn endless() -> String {
    LINE.replace("--epochs 16", "--epochs 4000")
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Waits until the run has saved `count` checkpoints.
fn wait_for_checkpoints(place: &Place, run: &str, count: usize) {
    wait_until("checkpoints", || place.events(run, "checkpoint").len() >= count);
}

/// The last checkpoint of a run that nobody disturbed.
fn undisturbed(place: &Place) -> Vec<u8> {
    place.run(&format!("{LINE} --out calm")).exits(0);
    fs_err::read(place.path("calm").join(LAST)).unwrap()
}

#[test]
fn killed_runs_resume_to_the_same_bytes() {
    let place = Place::new();
    place.pictures("train", IMAGES);
    let expected = undisturbed(&place);

    let mut child = place.start(&format!("{LINE} --out killed"));
    wait_for_checkpoints(&place, "killed", 4);
    child.kill().unwrap();
    child.wait().unwrap();
    let mut child = place.start("train --resume --out killed --device cpu --threads 1");
    wait_for_checkpoints(&place, "killed", 12);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!place.path("killed").join(LAST).exists(), "it was killed in the middle");

    place.run("train --resume --out killed --device cpu --threads 1").exits(0);
    assert!(
        fs_err::read(place.path("killed").join(LAST)).unwrap() == expected,
        "the last checkpoints differ"
    );
    let resumed = place.events("killed", "resumed");
    assert_eq!(resumed.len(), 2);
    assert!(resumed.iter().all(|event| event["step"].as_u64() > Some(0)), "{resumed:?}");
    assert!(place.events("killed", "warning").is_empty());
}

#[test]
fn ctrl_c_leaves_no_unfinished_file() {
    let place = Place::new();
    place.pictures("train", IMAGES);
    place
        .run(
            &format!("{LINE} --epochs 1 --set schedule.warmup_epochs=0 --out run")
                .replace("--epochs 16 ", ""),
        )
        .exits(0);
    for command in
        ["predict run - --out out.csv", "embed run - --out out.npy", "embed run - --out out.parquet"]
    {
        // It waits for paths that never come, and its file has been begun.
        let mut words = place.twist(format!("{command} --device cpu --threads 1").split_whitespace());
        let mut child = words.stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let unfinished = || place.names(".").iter().filter(|name| name.ends_with(".twist-tmp")).count();
        wait_until("its file", || unfinished() > 0);
        signal(&child, Signal::INT);
        child.wait().unwrap();
        assert_eq!(unfinished(), 0, "{command}");
    }
}

#[test]
fn ctrl_c_and_sigterm_save_and_exit_130_and_143() {
    let place = Place::new();
    place.pictures("train", IMAGES);
    let expected = undisturbed(&place);
    let mut line = format!("{LINE} --out stopped");
    for (number, which, code, name) in [(1, Signal::INT, 130, "SIGINT"), (2, Signal::TERM, 143, "SIGTERM")] {
        let mut child = place.start(&line);
        wait_for_checkpoints(&place, "stopped", 3 * number);
        signal(&child, which);
        assert_eq!(child.wait().unwrap().code(), Some(code));
        let mut words = String::new();
        child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
        assert!(words.contains("twist train --resume --out stopped"), "{words}");
        let stopped = place.events("stopped", "stopped");
        assert_eq!((stopped.len(), &stopped[number - 1]["reason"]), (number, &name.into()));
        line = "train --resume --out stopped --device cpu --threads 1".into();
    }
    assert!(!place.path("stopped").join(LAST).exists(), "it was stopped in the middle");
    place.run(&line).exits(0);
    assert!(
        fs_err::read(place.path("stopped").join(LAST)).unwrap() == expected,
        "the last checkpoints differ"
    );
}

#[test]
fn a_second_process_is_refused_and_the_first_goes_on() {
    let place = Place::new();
    place.pictures("train", IMAGES);
    let mut child = place.start(&format!("{} --out busy", endless()));
    wait_for_checkpoints(&place, "busy", 1);
    for how in ["--resume", "--force"] {
        let second = place.run(&format!("{LINE} --out busy {how}"));
        second.exits(1).says(&[&format!("process {}", child.id()), "--out"]);
    }
    // Not even without the lock's file.
    fs_err::remove_file(place.path("busy/twist.lock")).unwrap();
    let second = place.run(&format!("{LINE} --out busy --resume"));
    second.exits(1).says(&["another process is working on this run"]);
    let seen = place.events("busy", "checkpoint").len();
    wait_for_checkpoints(&place, "busy", seen + 2);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_checkpoint_cut_in_half_is_left_out_with_a_warning() {
    let place = Place::new();
    place.pictures("train", IMAGES);
    let expected = undisturbed(&place);
    let newest = place.path("calm").join(LAST);
    fs_err::write(&newest, &expected[..expected.len() / 2]).unwrap();
    fs_err::remove_file(place.path("calm/metrics.json")).unwrap();
    let again = place.run("train --resume --out calm --device cpu --threads 1");
    again.exits(0).says(&["step-00000064.safetensors", "left out"]);
    assert_eq!(place.events("calm", "resumed")[0]["step"], 62);
    assert!(fs_err::read(&newest).unwrap() == expected, "the run was brought to the same end");
}

#[test]
fn a_changed_recipe_is_named_on_resume() {
    let place = Place::new();
    place.pictures("train", IMAGES);
    let mut child = place.start(&format!("{} --out r", endless()));
    wait_for_checkpoints(&place, "r", 1);
    child.kill().unwrap();
    child.wait().unwrap();
    let resumed = place.run("train --resume --out r --device cpu --threads 1 --epochs 8 --set optim.lr=0.01");
    resumed.exits(0).says(&["optim.lr 0.05 -> 0.01", "schedule.epochs 4000 -> 8"]);
}
