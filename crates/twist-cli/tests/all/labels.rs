//! What DATA and labels mean on the command line.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::support::{Done, Place, picture};

const SHORT: &str = "--recipe tiny.toml --epochs 1 --set schedule.warmup_epochs=0 --device cpu --threads 1";
const CPU: &str = "--device cpu --threads 1";

/// Runs `twist` with `text` on standard input.
fn piped(place: &Place, line: &str, text: &str) -> Done {
    let mut command = place.twist(line.split_whitespace());
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Done {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn metrics(place: &Place, run: &str) -> Value {
    serde_json::from_str(&fs_err::read_to_string(place.path(run).join("metrics.json")).unwrap()).unwrap()
}

/// Pictures at these paths.
fn pictures(place: &Place, names: &[String]) {
    for (number, name) in (0..).zip(names) {
        let path = place.path(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        picture(number).save(path).unwrap();
    }
}

#[test]
fn folders_called_by_numbers_are_taught_by_their_names() {
    let place = Place::new();
    let names: Vec<String> = (0..36).map(|i| format!("d/{}/{i:02}.png", i % 12)).collect();
    pictures(&place, &names);
    place.run(&format!("train d {SHORT} --out run")).exits(0);
    let rows: String = (0..36).map(|i| format!("{0}/{i:02}.png,{0}\n", i % 12)).collect();
    fs_err::write(place.path("l.csv"), format!("path,label\n{rows}")).unwrap();
    let rows: String = (0..36).map(|i| format!("{0}/{i:02}.png,0,{0},,0.9,false\n", i % 12)).collect();
    fs_err::write(place.path("own.csv"), format!("path,cluster,name,label,probability,unsure\n{rows}"))
        .unwrap();
    let rows: String = (0..36).map(|i| format!("{0}/{i:02}.png,{0}.0\n", i % 12)).collect();
    fs_err::write(place.path("gaps.csv"), format!("path,label\n{rows}")).unwrap();
    // The folders themselves, and files that repeat them, teach the same.
    let mut scores = Vec::new();
    for (run, labels) in
        [("a", ""), ("b", "--labels l.csv"), ("c", "--labels own.csv"), ("e", "--labels gaps.csv")]
    {
        let line = format!("finetune run --train d {labels} --epochs 1 --out {run} {CPU}");
        place.run(&line).exits(0);
        let scored = place.run(&format!("eval classifier {run} --test d --json --no-cache {CPU}"));
        let scored: Value = serde_json::from_str(&scored.exits(0).out).unwrap();
        assert_eq!(scored["protocol"]["classes_matched_by"], "names", "{scored}");
        scores.push(scored["top1"].as_f64().unwrap());
        let images = fs_err::read_to_string(place.path(run).join("images.csv")).unwrap();
        let names = images.lines().skip(1).map(|line| line.split(',').nth(2).unwrap().to_owned());
        assert!(names.clone().all(|name| name.parse::<u32>().is_ok_and(|name| name < 12)), "{images}");
    }
    assert!(scores.iter().all(|score| *score == scores[0]), "{scores:?}");
}

#[test]
fn names_of_any_length_are_shown() {
    let place = Place::new();
    place.pictures("d", 16);
    place.run(&format!("train d {SHORT} --out run")).exits(0);
    let name = |i: usize| ["a", "b"][i % 2].repeat(70_000);
    let rows: String =
        (0..16).map(|i| format!("{}/{i:03}.png,{}\n", ["dots", "lines"][i % 2], name(i))).collect();
    fs_err::write(place.path("long.csv"), format!("path,label\n{rows}")).unwrap();
    for line in [
        "data info d --labels long.csv".to_owned(),
        format!("eval cluster run --test d --labels long.csv {CPU}"),
        format!("finetune run --train d --labels long.csv --epochs 1 --out taught {CPU}"),
        format!("neighbors taught d --query d/dots/004.png --k 2 --no-cache {CPU}"),
    ] {
        let done = place.run(&line);
        done.exits(0);
        assert!(done.out.len() < 10_000, "{line}: {} bytes", done.out.len());
    }
}

#[test]
fn splits_are_asked_for_one_by_one() {
    let place = Place::new();
    place.pictures("d/train", 16);
    place.pictures("d/val", 8);
    place.run(&format!("train d {SHORT}")).exits(1).says(&["splits train, val", "d/train"]);
    let info = place.run("data info d --json");
    let info: Value = serde_json::from_str(&info.exits(0).out).unwrap();
    assert_eq!((info["images"].as_u64(), info["classes"].as_array().unwrap().len()), (Some(24), 2));
    place.run(&format!("train d/train --eval-data d/val {SHORT} --out run")).exits(0);
    let table = place.run(&format!("predict run d {CPU}"));
    assert_eq!(table.exits(0).out.lines().count(), 25);
    assert!(table.out.lines().skip(1).all(|line| line.contains(",dots,") || line.contains(",lines,")));
}

#[test]
fn one_class_measures_nothing() {
    let place = Place::new();
    pictures(&place, &(0..16).map(|i| format!("d/data/{i}.png")).collect::<Vec<_>>());
    let rows: String = (0..16).map(|i| format!("data/{i}.png,thing\n")).collect();
    fs_err::write(place.path("one.csv"), format!("path,label\n{rows}")).unwrap();
    for (run, labels) in [("auto", ""), ("folder", "--labels folder"), ("file", "--labels one.csv")] {
        let done = place.run(&format!("train d {labels} {SHORT} --out {run}"));
        done.exits(0);
        assert!(!done.out.contains("k-NN") && !done.out.contains("NMI"), "{run}: {}", done.out);
        let metrics = metrics(&place, run);
        for figure in ["knn_top1", "nmi", "ari", "accuracy_one_to_one", "baselines"] {
            assert!(metrics[figure].is_null(), "{run}: {figure} in {metrics}");
        }
    }
    place.run(&format!("train d {SHORT} --out said")).exits(0).says(&["left out", "(data)"]);
    let knn = format!("eval knn auto --train d --test d --labels one.csv --k 3 --no-cache {CPU}");
    place.run(&knn).exits(1).says(&["one class, thing"]);
}

#[test]
fn what_is_left_out_is_said_by_every_command() {
    let place = Place::new();
    place.pictures("2023", 4);
    pictures(
        &place,
        &(0..8).map(|i| format!("d/{}/{i}.png", ["2023", "2024-05"][i % 2])).collect::<Vec<_>>(),
    );
    fs_err::write(place.path("d/notes.txt"), "x").unwrap();
    place.run(&format!("train d {SHORT} --out run")).exits(0).says(&[
        "left out 1 .txt file (notes.txt)",
        "2023, 2024-05",
        "--labels folder",
    ]);
    assert!(metrics(&place, "run")["nmi"].is_null());
    place.run(&format!("predict run d {CPU}")).exits(0).says(&["notes.txt"]);
    place.run(&format!("train d {SHORT} --labels folder --out asked")).exits(0);
    assert!(!metrics(&place, "asked")["nmi"].is_null());
}

#[test]
fn images_come_one_by_one_by_pattern_and_on_standard_input() {
    let place = Place::new();
    place.pictures("d", 16);
    picture(3).save(place.path("=1+1.png")).unwrap();
    place.run(&format!("train d {SHORT} --out run")).exits(0);
    let one = place.run(&format!("predict run =1+1.png {CPU}"));
    assert!(one.exits(0).out.lines().nth(1).unwrap().starts_with("'=1+1.png,"), "{}", one.out);
    let dots = place.run(&format!("embed run d/dots/*.png --out e.npy {CPU}"));
    dots.exits(0).says(&["8 images"]);
    let near = place.run(&format!("neighbors run d/*/*.png --query d/dots/004.png --k 2 --no-cache {CPU}"));
    assert_eq!(near.exits(0).out.lines().count(), 3, "{}", near.out);

    let listed = "d/dots/000.png\nd/lines/001.png\n=1+1.png\n";
    let table = piped(&place, &format!("predict run - {CPU}"), listed);
    assert_eq!(table.exits(0).out.lines().count(), 4, "{}", table.out);
    assert!(table.out.contains("\nd/lines/001.png,"), "{}", table.out);
    assert!(piped(&place, "data info -", listed).exits(0).out.contains("images      3"));
    // A run keeps the paths, so that it can resume without them.
    let all: String = (0..16).map(|i| format!("d/{}/{i:03}.png\n", ["dots", "lines"][i % 2])).collect();
    piped(&place, &format!("train - {SHORT} --out piped"), &all).exits(0);
    let again = place.run("train --resume --out piped --epochs 2 --device cpu --threads 1");
    again.exits(0);
    assert!(!again.err.contains("images are not those"), "{}", again.err);
    piped(&place, "finetune run --train -", &all).exits(2).says(&["paths.txt"]);
}

/// However DATA is written: by one rule, and tables of one kind of DATA are labels for every other.
#[test]
fn paths_are_written_by_one_rule_and_joined_however_they_are_written() {
    let place = Place::new();
    place.pictures("d", 16);
    place.run(&format!("train d {SHORT} --out run")).exits(0);
    let here = fs_err::canonicalize(place.path(".")).unwrap();
    let full = here.join("d/dots/004.png").display().to_string();
    let listed: String = (0..16).map(|i| format!("d/{}/{i:03}.png\n", ["dots", "lines"][i % 2])).collect();
    fs_err::write(place.path("list.txt"), &listed).unwrap();
    let folder = here.join("d").display().to_string();
    let pattern = format!("{folder}/*/*.png");
    let mut tables = Vec::new();
    for (data, path) in [
        ("d", "dots/004.png"),
        ("d/", "dots/004.png"),
        ("./d", "dots/004.png"),
        (&folder, "dots/004.png"),
        ("d/*/*.png", "d/dots/004.png"),
        (&pattern, &full),
        ("d/dots/004.png", "d/dots/004.png"),
        ("list.txt", "d/dots/004.png"),
        ("-", "d/dots/004.png"),
    ] {
        let table = piped(&place, &format!("predict run {data} {CPU}"), &listed);
        let rows = table.exits(0).out.lines().filter(|line| line.starts_with(&format!("{path},"))).count();
        assert_eq!(rows, 1, "{data}: {}", table.out);
        if table.out.lines().count() == 17 {
            tables.push(table.out);
        }
    }
    assert_eq!(tables.len(), 8);
    // A run goes on from anywhere.
    place.run(&format!("train d/*/*.png {SHORT} --out patterned")).exits(0);
    let images = fs_err::read_to_string(place.path("patterned/images.csv")).unwrap();
    assert!(images.lines().any(|line| line.starts_with(&format!("{full},"))), "{images}");
    tables.push(images);

    for (number, table) in tables.iter().enumerate() {
        fs_err::write(place.path("labels.csv"), table).unwrap();
        for data in ["d", &folder, "d/*/*.png", &pattern, "list.txt", "-"] {
            let info = piped(&place, &format!("data info {data} --labels labels.csv --json"), &listed);
            let info: serde_json::Value = serde_json::from_str(&info.exits(0).out).unwrap();
            let labelled: u64 = info["classes"]
                .as_array()
                .unwrap()
                .iter()
                .map(|class| class["images"].as_u64().unwrap())
                .sum();
            assert_eq!(labelled, 16, "table {number} with {data}: {info}");
        }
    }
    // The end of a path is not enough where the file lies elsewhere.
    fs_err::write(place.path("labels.csv"), "path,label\nother/004.png,x\nlines/001.png,y\n").unwrap();
    let elsewhere = place.run("data info d --labels labels.csv");
    assert!(elsewhere.exits(0).out.contains("without an image (other/004.png)"), "{}", elsewhere.out);
}

#[test]
fn a_query_inside_the_data_is_not_its_own_neighbour() {
    let place = Place::new();
    place.pictures("d", 16);
    place.run(&format!("train d {SHORT} --out run")).exits(0);
    let found = place.run(&format!("neighbors run d --query d/dots/004.png --k 15 --no-cache {CPU}"));
    let found = &found.exits(0).out;
    assert_eq!(found.lines().count(), 16, "{found}");
    assert!(found.lines().skip(1).all(|line| !line.ends_with("dots/004.png")), "{found}");
    let pattern = format!("neighbors run d/*/*.png --query d/dots/004.png --k 15 --no-cache {CPU}");
    let found = place.run(&pattern).exits(0).out.clone();
    assert!(found.lines().skip(1).all(|line| !line.ends_with("dots/004.png")), "{found}");
}
