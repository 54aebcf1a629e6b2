//! Folders that others use, guard or prepared: several writers, what cannot be written, links and devices.

use std::os::unix::fs::{FileTypeExt, symlink};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::support::Place;

const CPU: &str = "--device cpu --threads 1";

/// A run of a few steps, in `run`.
fn trained() -> Place {
    let place = Place::new();
    place.pictures("train", 24);
    place.pictures("test", 12);
    place.run(&format!("train train --recipe tiny.toml --out run {CPU}")).exits(0);
    place
}

#[test]
fn names_given_at_the_same_time_are_all_kept() {
    let place = trained();
    for round in 0..3 {
        let name = |class: u32| format!("name-{round}-{class}");
        let children: Vec<_> = (0..4)
            .map(|class| place.start(&format!("clusters run rename {class} {}", name(class))))
            .collect();
        for child in children {
            assert!(child.wait_with_output().unwrap().status.success());
        }
        let shown = place.run("clusters run show");
        (0..4).for_each(|class| assert!(shown.out.contains(&name(class)), "{}", shown.out));
    }
}

#[test]
fn figures_are_printed_where_they_cannot_be_kept() {
    let place = trained();
    // Root ignores permissions, but not a folder of that name.
    fs_err::create_dir(place.path("run/evaluations.jsonl")).unwrap();
    for line in ["eval knn run --train train --test test --no-cache", "eval cluster run --test test"] {
        let done = place.run(&format!("{line} {CPU}"));
        done.exits(0).says(&["warning", "evaluations.jsonl", "not kept"]);
        assert_eq!(done.err.matches("Is a directory").count(), 1, "{}", done.err);
        assert!(done.out.contains("k-NN") || done.out.contains("ACC"), "{}", done.out);
    }
}

#[test]
fn an_evaluation_stands_on_a_line_of_its_own_behind_a_torn_one() {
    let place = trained();
    let line = format!("eval knn run --train train --test test --no-cache {CPU}");
    place.run(&line).exits(0);
    let file = place.path("run/evaluations.jsonl");
    let whole = fs_err::read_to_string(&file).unwrap();
    fs_err::write(&file, format!("{whole}{}", &whole[..whole.len() / 2])).unwrap();
    place.run(&line).exits(0);
    assert_eq!(fs_err::read_to_string(&file).unwrap(), format!("{whole}{whole}"));
}

#[test]
fn links_in_a_run_from_elsewhere_are_not_written_through() {
    let place = trained();
    let diary = place.path("diary.txt");
    fs_err::write(&diary, "dear diary").unwrap();
    for name in ["twist.lock", "log.jsonl"] {
        let own = place.path("run").join(name);
        let aside = place.path(name);
        fs_err::rename(&own, &aside).unwrap();
        symlink(&diary, &own).unwrap();
        let refused = place.run(&format!("train --resume --out run --epochs 6 {CPU}"));
        refused.exits(1).says(&[name, "symbolic link"]);
        fs_err::remove_file(&own).unwrap();
        fs_err::rename(&aside, &own).unwrap();
    }
    symlink(&diary, place.path("run/evaluations.jsonl")).unwrap();
    place
        .run(&format!("eval knn run --train train --test test --no-cache {CPU}"))
        .exits(0)
        .says(&["symbolic link"]);
    fs_err::remove_file(place.path("run/report.html")).unwrap();
    symlink(&diary, place.path("run/report.html")).unwrap();
    place.run("report run").exits(0);
    assert!(!place.path("run/report.html").is_symlink());
    assert_eq!(fs_err::read_to_string(&diary).unwrap(), "dear diary");
}

#[test]
fn an_output_may_be_a_device_or_a_link() {
    let place = trained();
    fs_err::create_dir(place.path("dev")).unwrap();
    symlink("/dev/null", place.path("dev/null.html")).unwrap();
    place.run("report run --out dev/null.html").exits(0);
    assert_eq!(place.names("dev"), ["null.html"], "nothing beside the device");
    assert!(place.path("dev/null.html").is_symlink() && !fs_err::metadata("/dev/null").unwrap().is_file());

    fs_err::create_dir(place.path("far")).unwrap();
    for (name, line) in [
        ("page.html", "report run --out".to_string()),
        ("e.npy", format!("embed run train {CPU} --out")),
        ("classes.csv", format!("predict run train {CPU} --out")),
        ("names.csv", "clusters run export --out".to_string()),
    ] {
        fs_err::write(place.path("far").join(name), "old").unwrap();
        symlink(format!("far/{name}"), place.path(name)).unwrap();
        place.run(&format!("{line} {name} --force")).exits(0);
        assert!(place.path(name).is_symlink(), "{name}");
        assert_ne!(fs_err::read(place.path("far").join(name)).unwrap(), b"old", "{name}");
    }
}

/// What `twist` says, which must not wait for anybody.
fn ends(place: &Place, line: &str) -> String {
    let mut command = place.twist(line.split_whitespace());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > Duration::from_secs(120) {
            child.kill().unwrap();
            panic!("{line}: it waits");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    String::from_utf8(child.wait_with_output().unwrap().stderr).unwrap()
}

/// Nobody reads a pipe that lies in a folder: who opens it to write waits for good.
#[test]
fn a_pipe_in_the_place_of_a_file_is_named_and_nobody_waits_for_it() {
    let place = trained();
    let pipe =
        |name: &str| mknodat(CWD, place.path(name), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let refused = |line: &str, name: &str| {
        let said = ends(&place, line);
        assert!(said.contains(name) && said.contains("remove it"), "{line}: {name}: {said}");
        assert!(fs_err::symlink_metadata(place.path(name)).unwrap().file_type().is_fifo(), "{name}");
    };
    let in_the_place_of = |name: &str, work: &dyn Fn()| {
        let aside = place.path("aside");
        let held = fs_err::rename(place.path(name), &aside).is_ok();
        pipe(name);
        work();
        fs_err::remove_file(place.path(name)).unwrap();
        if held {
            fs_err::rename(&aside, place.path(name)).unwrap();
        }
    };
    let resume = format!("train train --recipe tiny.toml --epochs 5 --resume --out run {CPU}");
    let mut names: Vec<String> = place.names("run").into_iter().filter(|name| name.contains('.')).collect();
    names.extend(place.names("run/checkpoints").into_iter().map(|name| format!("checkpoints/{name}")));
    names.extend(["labels.csv", "outliers.csv", "duplicates.csv", "paths.txt"].map(String::from));
    names.sort();
    names.dedup();
    assert!(names.len() > 18, "{names:?}");
    for name in &names {
        let name = format!("run/{name}");
        in_the_place_of(&name, &|| refused(&resume, &name));
    }
    let force = resume.replace("--resume", "--force");
    in_the_place_of("run/report.html", &|| refused(&force, "run/report.html"));
    in_the_place_of("run/report.html", &|| refused("report run", "run/report.html"));
    let measure = format!("eval cluster run --test test {CPU}");
    in_the_place_of("run/evaluations.jsonl", &|| refused(&measure, "run/evaluations.jsonl"));
    in_the_place_of("run/clusters.json", &|| refused("clusters run rename 0 cat", "run/clusters.json"));
    in_the_place_of("run/label_next.csv", &|| drop(ends(&place, "report run")));
    for (name, line) in [
        ("p.html", "report run --out p.html".to_string()),
        ("p.npy", format!("embed run train {CPU} --out p.npy --force")),
        ("q.npy.csv", format!("embed run train {CPU} --out q.npy --force")),
        ("p.parquet", format!("embed run train {CPU} --out p.parquet")),
        ("p.csv", format!("predict run train {CPU} --out p.csv")),
        ("n.csv", "clusters run export --out n.csv".to_string()),
        ("p.safetensors", "export run --to twist --out p.safetensors".to_string()),
        ("p.onnx", "export run --to onnx --out p.onnx".to_string()),
    ] {
        pipe(name);
        refused(&line, name);
    }
}
