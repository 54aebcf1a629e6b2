//! Runs as a kill leaves them between two of their files: `--resume` makes up for the rest.

use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Done, Place, wait_until};

const CPU: &str = "--device cpu --threads 1";

/// A finished run of a network, of heads and of fine-tuning, each with the command that resumes it.
fn finished() -> (Place, [(&'static str, &'static str); 3]) {
    let place = Place::new();
    place.pictures("train", 24);
    place.pictures("test", 12);
    place.run(&format!("train train --recipe tiny.toml --out net {CPU}")).exits(0);
    let head = "--clusters 3 --epochs 3 --set model.hidden_dim=16";
    place.run(&format!("train train --frozen net --out head {head} {CPU}")).exits(0);
    let tune = "finetune net --train train --test test --batch-size 8 --epochs 2";
    place.run(&format!("{tune} --out tuned {CPU}")).exits(0);
    (place, [("net", "train"), ("head", "train"), ("tuned", "finetune")])
}

fn resume(place: &Place, run: &str, command: &str) -> Done {
    place.run(&format!("{command} --resume --out {run} {CPU}"))
}

fn read(place: &Place, run: &str, name: &str) -> Vec<u8> {
    fs_err::read(place.path(run).join(name)).unwrap()
}

/// Takes the last line off a run's log.
fn cut_log(place: &Place, run: &str, event: &str) {
    let text = String::from_utf8(read(place, run, "log.jsonl")).unwrap();
    let mut lines: Vec<&str> = text.lines().collect();
    assert!(lines.pop().unwrap().contains(&format!("\"event\":\"{event}\"")), "{text}");
    fs_err::write(place.path(run).join("log.jsonl"), lines.join("\n") + "\n").unwrap();
}

#[test]
fn a_report_that_is_missing_or_old_is_written() {
    let (place, runs) = finished();
    for (run, command) in runs {
        let whole = ["report.html", "label_next.csv"].map(|name| read(&place, run, name));
        let names = place.names(run);
        resume(&place, run, command).exits(0).says(&["finished already", "nothing to do"]);

        for name in ["report.html", "label_next.csv"] {
            fs_err::remove_file(place.path(run).join(name)).unwrap();
        }
        resume(&place, run, command).exits(0).says(&["finished already", "report"]);
        assert!(["report.html", "label_next.csv"].map(|name| read(&place, run, name)) == whole, "{run}");
        assert_eq!(place.names(run), names);

        // The report of an earlier stop is there, and the figures are new.
        fs_err::write(place.path(run).join("report.html"), "old").unwrap();
        let metrics = read(&place, run, "metrics.json");
        wait_until("a later time of the file", || {
            fs_err::write(place.path(run).join("metrics.json"), &metrics).unwrap();
            let time = |name: &str| place.path(run).join(name).metadata().unwrap().modified().unwrap();
            time("metrics.json") > time("report.html")
        });
        resume(&place, run, command).exits(0);
        assert!(read(&place, run, "report.html") == whole[0], "{run}");
    }
}

#[test]
fn a_log_that_does_not_say_done_is_brought_up() {
    let (place, runs) = finished();
    for (run, command) in &runs[..2] {
        cut_log(&place, run, "done");
        fs_err::remove_file(place.path(run).join("metrics.json")).unwrap();
        fs_err::remove_file(place.path(run).join("report.html")).unwrap();
        resume(&place, run, command).exits(0);
        assert_eq!(place.events(run, "done").len(), 1, "{run}");
        let report = String::from_utf8(read(&place, run, "report.html")).unwrap();
        assert!(!report.contains("has not finished"), "{run}");
        resume(&place, run, command).exits(0).says(&["nothing to do"]);
        assert_eq!(place.events(run, "done").len(), 1, "{run}");
    }
}

#[test]
fn figures_of_an_earlier_stop_are_not_those_of_the_finished_run() {
    let place = Place::new();
    place.pictures("train", 24);
    place.run(&format!("train train --recipe tiny.toml --out net {CPU}")).exits(0);
    let metrics = || serde_json::from_slice::<Value>(&read(&place, "net", "metrics.json")).unwrap();
    let last = metrics();
    assert_eq!(last["protocol"]["steps"], 9);
    // Killed after the last checkpoint, when the figures were still those of the network of step 4.
    let mut early = last.clone();
    (early["nmi"], early["protocol"]["steps"]) = (0.125.into(), 4.into());
    fs_err::write(place.path("net/metrics.json"), early.to_string()).unwrap();
    resume(&place, "net", "train").exits(0);
    let again = metrics();
    assert_eq!((&again["protocol"], &again["nmi"]), (&last["protocol"], &last["nmi"]));
}

#[test]
fn a_fine_tuning_that_was_killed_makes_up_for_what_follows_a_checkpoint() {
    let place = Place::new();
    place.pictures("train", 24);
    place.run(&format!("train train --recipe tiny.toml --out net {CPU}")).exits(0);
    let line = format!("finetune net --train train --batch-size 8 --epochs 40 --out tuned {CPU}");
    let mut child = place.start(&line);
    wait_until("a checkpoint", || place.events("tuned", "checkpoint").len() > 1);
    child.kill().unwrap();
    child.wait().unwrap();
    resume(&place, "tuned", "finetune").exits(0);
    assert_eq!(place.names("tuned/checkpoints"), ["best.safetensors", "step-00000120.safetensors"]);
    let left = || ["model.safetensors", "metrics.json"].map(|name| read(&place, "tuned", name));
    let whole = left();

    // Killed between the last checkpoint and all that follows it.
    for name in ["model.safetensors", "metrics.json", "report.html", "checkpoints/best.safetensors"] {
        fs_err::remove_file(place.path("tuned").join(name)).unwrap();
    }
    cut_log(&place, "tuned", "done");
    resume(&place, "tuned", "finetune").exits(0);
    assert!(left() == whole && place.path("tuned/report.html").is_file());
    assert_eq!(place.events("tuned", "done").len(), 1);

    // Killed between the figures and the report.
    fs_err::remove_file(place.path("tuned/report.html")).unwrap();
    resume(&place, "tuned", "finetune").exits(0);
    assert!(place.path("tuned/report.html").is_file());
}

#[test]
fn a_bit_that_flipped_in_a_checkpoint_is_noticed_and_the_one_before_is_used() {
    let place = Place::new();
    place.pictures("train", 24);
    place.run(&format!("train train --recipe tiny.toml --out net {CPU}")).exits(0);
    let newest = "checkpoints/step-00000009.safetensors";
    let whole = read(&place, "net", newest);
    let mut damaged = whole.clone();
    // The top bit of an exponent, of a number in the middle of the tensors.
    let at = damaged.len() / 2 / 4 * 4 + 3;
    damaged[at] ^= 0x40;
    fs_err::write(place.path("net").join(newest), damaged).unwrap();

    let predicted = place.run(&format!("predict net train {CPU}"));
    predicted.exits(0).says(&[
        "warning",
        "step-00000009.safetensors",
        "step-00000008.safetensors is used instead",
    ]);
    fs_err::remove_file(place.path("net/metrics.json")).unwrap();
    resume(&place, "net", "train").exits(0).says(&["step-00000009.safetensors", "left out"]);
    assert!(read(&place, "net", newest) == whole, "the run was brought to the same end");
}

#[test]
fn a_process_killed_before_it_began_is_no_obstacle() {
    let place = Place::new();
    place.pictures("train", 24);
    let line = format!("train train --recipe tiny.toml --out net {CPU}");
    fs_err::create_dir_all(place.path("net/checkpoints")).unwrap();
    fs_err::write(place.path("net/.config.toml.a1b2c3.twist-tmp"), "part").unwrap();
    place.run(&line).exits(0);
    assert!(!place.names("net").iter().any(|name| name.ends_with(".twist-tmp")));

    fs_err::create_dir_all(place.path("begun/checkpoints")).unwrap();
    fs_err::copy(place.path("net/config.toml"), place.path("begun/config.toml")).unwrap();
    fs_err::write(place.path("begun/twist.lock"), "").unwrap();
    let line = line.replace("--out net", "--out begun");
    place.run(&line).exits(2).says(&["--resume"]);
    place.run("train --resume --out begun").exits(2).says(&["whole command", "--resume"]);
    place.run(&format!("{line} --resume")).exits(0);
}

#[test]
fn a_recipe_cut_in_half_is_named_by_its_file() {
    let place = Place::new();
    place.pictures("train", 24);
    place.run(&format!("train train --recipe tiny.toml --out net {CPU}")).exits(0);
    let recipe = String::from_utf8(read(&place, "net", "config.toml")).unwrap();
    fs_err::write(place.path("net/config.toml"), &recipe[..recipe.find("[model]").unwrap()]).unwrap();
    resume(&place, "net", "train").exits(1).says(&["net/config.toml, line 1", "missing field"]);

    fs_err::write(place.path("net/config.toml"), recipe).unwrap();
    fs_err::rename(place.path("train"), place.path("moved")).unwrap();
    resume(&place, "net", "train").exits(1).says(&["net/data.json", "DATA"]);
    resume(&place, "net", "train moved").exits(0);
}

#[test]
fn a_limit_of_file_sizes_is_an_error_that_names_the_file() {
    let place = Place::new();
    place.pictures("train", 24);
    let line = format!("train train --recipe tiny.toml --out net {CPU}");
    let said = fails_with_files_of(100, &place, &line);
    assert!(said.contains("step-00000002.safetensors") && said.contains("ulimit -f unlimited"), "{said}");
    assert!(!place.names("net/checkpoints").iter().any(|name| name.ends_with(".twist-tmp")));
    place.run(&format!("{line} --resume")).exits(0);
}

#[test]
fn a_table_and_the_names_of_its_rows_are_replaced_together_or_not_at_all() {
    let place = Place::new();
    place.pictures("photos", 12);
    place.run(&format!("train photos --recipe tiny.toml --epochs 1 --out net {CPU}")).exits(0);
    for table in ["rows.npy", "rows.safetensors"] {
        let embed = format!("embed net photos --out {table} {CPU}");
        place.run(&embed).exits(0);
        let files = [table.to_owned(), format!("{table}.csv")];
        let both = || files.clone().map(|name| fs_err::read(place.path(&name)).unwrap());
        let before = both();
        // Room for the names and not for the numbers.
        fails_with_files_of(1, &place, &format!("{embed} --normalize --force"));
        assert!(both() == before, "{table}");
        place.run(&format!("{embed} --normalize --force")).exits(0);
        assert!(both()[0] != before[0] && both()[1] == before[1], "{table}");
    }
}

/// What a command says that fails because no file may have more than so many blocks of 512 bytes.
fn fails_with_files_of(blocks: u32, place: &Place, line: &str) -> String {
    let mut shell = std::process::Command::new("sh");
    shell.arg("-c").arg(format!("ulimit -f {blocks}; exec {} {line}", env!("CARGO_BIN_EXE_twist")));
    let limited = shell.current_dir(place.path("")).stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8(limited.stderr).unwrap();
    assert_eq!(limited.status.code(), Some(1), "{said}");
    said
}

#[test]
fn printed_commands_can_be_run() {
    let place = Place::new();
    place.pictures("train", 24);
    let words = "train train --recipe tiny.toml --epochs 400 --device cpu --threads 1 --out".split(' ');
    let mut command = place.twist(words.chain(["my run"]));
    let child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    wait_until("a checkpoint", || !place.events("my run", "checkpoint").is_empty());
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let said = String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap();
    let command = said.lines().find_map(|line| line.trim().strip_prefix("twist ")).unwrap();
    assert_eq!(command, "train --resume --out 'my run'");
    let mut shell = std::process::Command::new("sh");
    shell.arg("-c").arg(format!("exec {} {command} --epochs 3 {CPU}", env!("CARGO_BIN_EXE_twist")));
    let output = shell.current_dir(place.path("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(place.path("my run/report.html").is_file());
}
