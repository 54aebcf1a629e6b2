//! What a trained model is used for: classes, features, neighbours, and names that people give.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::support::{Place, wait_until};

/// A run of two steps on 16 pictures, in `run`.
fn trained() -> Place {
    let place = Place::new();
    place.pictures("train", 16);
    let line =
        "train train --recipe tiny.toml --epochs 1 --set schedule.warmup_epochs=0 --device cpu --threads 1";
    place.run(&format!("{line} --out run")).exits(0);
    place
}

/// The flags of every command here.
const CPU: &str = "--device cpu --threads 1";

/// The rows of a CSV without quotes, by path.
fn rows(csv: &str) -> (Vec<String>, BTreeMap<String, Vec<String>>) {
    let split = |line: &str| line.split(',').map(str::to_string).collect::<Vec<_>>();
    let mut lines = csv.lines();
    let header = split(lines.next().unwrap());
    (header, lines.map(|line| (line.split(',').next().unwrap().to_string(), split(line))).collect())
}

#[test]
fn names_and_merges_appear_in_predictions() {
    let place = trained();
    let predict = format!("predict run train {CPU}");
    let first = place.run(&predict);
    first.exits(0).says(&["6 discovered classes"]);
    let (header, before) = rows(&first.out);
    assert_eq!(header, ["path", "cluster", "name", "label", "probability", "unsure"]);
    assert_eq!(before.len(), 16);
    assert!(
        before.values().all(|row| row[2] == format!("class {}", row[1]) && row[5] == "false"),
        "{before:?}"
    );

    let class = before["dots/000.png"][1].clone();
    let other = (0..6).map(|k| k.to_string()).find(|k| *k != class).unwrap();
    place.run(&format!("clusters run rename {class} dotty")).exits(0).says(&["`dotty`"]);
    let (_, renamed) = rows(&place.run(&predict).out);
    assert_eq!(renamed["dots/000.png"][2], "dotty");
    assert!(renamed.iter().all(|(path, row)| row[1] == before[path][1] && row[4] == before[path][4]));
    assert!(renamed.iter().all(|(path, row)| path.starts_with(&row[3])), "what the folders say: {renamed:?}");
    assert!(
        rows(&place.run(&format!("{predict} --labels none")).out).1.values().all(|row| row[3].is_empty())
    );

    place
        .run(&format!("clusters run merge {other} dotty --name all-the-same"))
        .exits(0)
        .says(&["all-the-same"]);
    place.run("clusters run unsure 1").exits(0);
    place.run(&format!("{predict} --out classes.csv")).exits(0).says(&["16 images in classes.csv"]);
    let (_, merged) = rows(&fs_err::read_to_string(place.path("classes.csv")).unwrap());
    let number = class.parse::<u32>().unwrap().min(other.parse().unwrap()).to_string();
    let mut seen = 0;
    for (path, row) in &merged {
        let probability = |row: &[String]| row[4].parse::<f32>().unwrap();
        if row[1] == number {
            assert_eq!(row[2], "all-the-same");
            seen += 1;
        }
        if before[path][1] == class || before[path][1] == other {
            assert_eq!(row[1], number, "{path}");
        }
        assert!(probability(row) >= probability(&before[path]), "{path}: members add up");
        assert_eq!(row[5], "true", "{path}: below 1");
    }
    assert!(seen > 0);

    place.run("clusters run unmerge all-the-same").exits(0);
    place.run("clusters run unsure off").exits(0);
    assert_eq!(rows(&place.run(&predict).out).1, renamed, "a merge that is undone leaves nothing");
    assert!(place.run(&format!("{predict} --unsure 1")).out.contains("true"));
}

#[test]
fn predictions_have_runners_up_and_other_formats() {
    let place = trained();
    let predict = format!("predict run train {CPU} --top 3");
    let csv = place.run(&predict);
    csv.exits(0);
    let (header, table) = rows(&csv.out);
    assert_eq!(header[6..], ["cluster_2", "name_2", "probability_2", "cluster_3", "name_3", "probability_3"]);
    let number = |text: &str| text.parse::<f64>().unwrap();
    assert!(
        table.values().all(|row| number(&row[4]) >= number(&row[8]) && number(&row[8]) >= number(&row[11]))
    );
    place.run(&format!("{predict} --out c.jsonl")).exits(0);
    let lines = fs_err::read_to_string(place.path("c.jsonl")).unwrap();
    let objects: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(objects.len(), 16);
    for object in &objects {
        let row = &table[object["path"].as_str().unwrap()];
        assert_eq!(object["cluster"].to_string(), row[1]);
        assert_eq!(object["probability_3"].as_f64().unwrap(), number(&row[11]));
        assert_eq!(object["unsure"], false);
    }
    place.run(&format!("{predict} --out c.parquet")).exits(0);
    let bytes = fs_err::read(place.path("c.parquet")).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    // As labels for another command.
    let info = place.run("data info train --labels c.jsonl --json");
    info.exits(1);
    place.run(&format!("predict run train {CPU} --out c.csv")).exits(0);
    place.run("data info train --labels c.csv --json").exits(0);
    assert_eq!(
        place
            .run(&format!("predict run train {CPU} --top 99"))
            .out
            .lines()
            .next()
            .unwrap()
            .split(',')
            .count(),
        6 + 3 * 5,
        "no more classes than there are"
    );
}

#[test]
fn embeddings_leave_out_a_corrupt_image_and_say_so() {
    let place = trained();
    fs_err::write(place.path("train/dots/005-broken.png"), b"\x89PNG\r\n\x1a\nno picture").unwrap();
    for (name, start) in [("e.npy", &b"\x93NUMPY"[..]), ("e.parquet", b"PAR1"), ("e.safetensors", b"")] {
        let done = place.run(&format!("embed run train {CPU} --out {name}"));
        done.exits(0).says(&["left out 1 of 17 images that could not be read", "16 images"]);
        assert_eq!(done.err.matches("skipped dots/005-broken.png: ").count(), 1, "{}", done.err);
        assert_eq!(done.err.matches("005-broken.png").count(), 1, "named once: {}", done.err);
        assert!(done.out.is_empty(), "{}", done.out);
        assert!(fs_err::read(place.path(name)).unwrap().starts_with(start), "{name}");
    }
    let (header, names) = {
        let text = fs_err::read_to_string(place.path("e.npy.csv")).unwrap();
        let lines: Vec<String> = text.lines().map(str::to_string).collect();
        (lines[0].clone(), lines[1..].to_vec())
    };
    assert_eq!((header.as_str(), names.len()), ("row,path,index,label", 16));
    assert_eq!((names[0].as_str(), names[3].as_str()), ("0,dots/000.png,0,dots", "3,dots/006.png,4,dots"));
    assert_eq!(
        fs_err::read(place.path("e.npy.csv")).unwrap(),
        fs_err::read(place.path("e.safetensors.csv")).unwrap()
    );
    // The rows are in all of them: the narrowest network has 32 features.
    let npy = fs_err::read(place.path("e.npy")).unwrap();
    let head = String::from_utf8_lossy(&npy[..128]).into_owned();
    let width = (npy.len() - 128) / 4 / 16;
    assert!(head.contains(&format!("(16, {width})")), "{head}");
    let safetensors = fs_err::read(place.path("e.safetensors")).unwrap();
    assert!(safetensors.ends_with(&npy[128..]), "the same numbers");
    place.run(&format!("embed run train {CPU} --normalize --out n.npy")).exits(0);
    let unit = fs_err::read(place.path("n.npy")).unwrap();
    let floats = |bytes: &[u8]| -> Vec<f32> {
        bytes.chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    };
    for row in floats(&unit[128..]).chunks(width) {
        let norm: f32 = row.iter().map(|x| x * x).sum();
        assert!((norm - 1.0).abs() < 1e-5, "{norm}");
    }
}

#[test]
fn a_place_that_cannot_be_written_is_noticed_before_the_work() {
    let place = trained();
    fs_err::create_dir(place.path("folder.npy")).unwrap();
    // DATA does not exist: it would be the error if anything were looked at before.
    for (line, code, words) in [
        ("embed run no-such-data --out absent/e.npy", 2, "create it first"),
        ("embed run no-such-data --out folder.npy", 2, "it is a folder"),
        ("embed run no-such-data --out e.csv", 2, ".parquet, .npy or .safetensors"),
        ("predict run no-such-data --out c.npy", 2, ".csv, .jsonl or .parquet"),
        ("predict run no-such-data --out absent/c.csv", 2, "create it first"),
        ("predict run no-such-data --out c.csv", 1, "no-such-data"),
    ] {
        place.run(&format!("{line} {CPU}")).exits(code).says(&[words]);
    }
    assert_eq!(place.names("."), ["folder.npy", "run", "tiny.toml", "train"], "nothing is left behind");
}

#[test]
fn a_file_of_out_is_replaced_only_when_asked() {
    let place = trained();
    let shards = "data pack train --out s.tar";
    place.run(shards).exits(0);
    place.run(shards).exits(2).says(&["s-000000.tar exists already"]);
    place.run(&format!("train train --recipe tiny.toml --out run {CPU}")).exits(2).says(&["--force"]);
    for (line, name) in [
        (format!("embed run train --out e.parquet {CPU}"), "e.parquet"),
        (format!("embed run train --out e.npy {CPU}"), "e.npy"),
        (format!("embed run train --out f.safetensors {CPU}"), "f.safetensors.csv"),
        (format!("predict run train --out p.csv {CPU}"), "p.csv"),
        ("clusters run export --labels --out l.csv".into(), "l.csv"),
        ("clusters run export --out c.json".into(), "c.json"),
        ("report run --out r.html".into(), "r.html"),
        ("report run run".into(), "report.html"),
    ] {
        fs_err::write(place.path(name), "precious").unwrap();
        place.run(&line).exits(2).says(&[name, "the file exists; --force replaces it"]);
        assert_eq!(fs_err::read(place.path(name)).unwrap(), b"precious", "{line}");
        place.run(&format!("{line} --force")).exits(0);
        assert_ne!(fs_err::read(place.path(name)).unwrap(), b"precious", "{line}");
    }
    // The page of a run is a part of it.
    place.run("report run").exits(0);
}

#[test]
fn a_kill_leaves_no_half_file_and_the_next_start_clears_up() {
    let place = trained();
    place.pictures("many", 1_500);
    for (name, beside) in [("e.parquet", false), ("e.npy", true), ("e.safetensors", true)] {
        let path = place.path(name);
        fs_err::write(&path, "what was there before").unwrap();
        let line = format!("embed run many {CPU} --out {name} --force");
        let unfinished = || {
            let start = format!(".{name}.");
            let is_ours = |n: &String| n.starts_with(&start) && n.ends_with(".twist-tmp");
            place.names(".").into_iter().filter(is_ours).count()
        };
        let mut child = place.start(&line);
        wait_until("an unfinished file", || unfinished() > usize::from(beside));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), b"what was there before", "{name}");
        assert!(unfinished() > 0);
        place.run(&line).exits(0);
        assert_eq!(unfinished(), 0, "{name}");
        assert!(fs_err::metadata(&path).unwrap().len() > 10_000);
    }
}

#[test]
fn neighbours_of_files_and_of_images_in_the_data() {
    let place = trained();
    crate::support::picture(4).save(place.path("query.png")).unwrap();
    let words = place
        .run(&format!("neighbors run train --query query.png --query dots/004.png --k 3 --no-cache {CPU}"));
    words.exits(0);
    let lines: Vec<&str> = words.out.lines().collect();
    assert_eq!(lines.len(), 8, "{}", words.out);
    assert_eq!(lines[0], "query.png");
    // The file is the picture with this path: all else follows in the same order.
    assert!(lines[1].starts_with("  1.0000  class ") && lines[1].ends_with("dots/004.png"), "{}", words.out);
    assert_eq!(lines[4], "dots/004.png");
    assert_eq!(lines[2..4], lines[5..7]);

    place.run("clusters run rename 0 zero").exits(0);
    let json = place.run(&format!("neighbors run train --query dots/004.png --json --no-cache {CPU}"));
    let found: Value = serde_json::from_str(&json.exits(0).out).unwrap();
    let neighbours = found["queries"][0]["neighbors"].as_array().unwrap();
    assert_eq!(neighbours.len(), 10, "{found}");
    let similarity: Vec<f64> = neighbours.iter().map(|n| n["similarity"].as_f64().unwrap()).collect();
    assert!(similarity.windows(2).all(|pair| pair[0] >= pair[1]) && similarity[0] <= 1.0 + 1e-6);
    assert!(neighbours.iter().all(|n| (n["cluster"] == 0) == (n["name"] == "zero")), "{found}");
    assert_eq!(found["protocol"]["images"], 16);

    // A file below the current folder that is called as an image of DATA.
    fs_err::create_dir(place.path("dots")).unwrap();
    crate::support::picture(7).save(place.path("dots/004.png")).unwrap();
    let both = place.run(&format!("neighbors run train --query dots/004.png --no-cache {CPU}"));
    both.exits(1).says(&["dots/004.png means two images", "write ./ before it"]);
    place.run(&format!("neighbors run train --query ./dots/004.png --no-cache {CPU}")).exits(0);
    place.run(&format!("neighbors run train --query train/dots/004.png --no-cache {CPU}")).exits(0);
    place
        .run(&format!("neighbors run train --query absent.png --no-cache {CPU}"))
        .exits(2)
        .says(&["absent.png"]);
    fs_err::write(place.path("text.png"), "no picture").unwrap();
    place
        .run(&format!("neighbors run train --query text.png --no-cache {CPU}"))
        .exits(1)
        .says(&["--query", "text.png cannot be searched for"]);
}

#[test]
fn classes_are_listed_edited_and_exported() {
    let place = trained();
    let shown =
        || -> Value { serde_json::from_str(&place.run("clusters run show --json").exits(0).out).unwrap() };
    let before = shown();
    let classes = before["classes"].as_array().unwrap();
    let images: u64 = classes.iter().map(|class| class["images"].as_u64().unwrap()).sum();
    assert_eq!((classes.len(), images), (6, 16), "{before}");
    let some = classes.iter().find(|class| class["images"].as_u64() > Some(0)).unwrap();
    assert!(some["examples"][0].as_str().unwrap().ends_with(".png"), "{before}");

    for (line, words) in [
        ("clusters run rename 6 six", "0 to 5"),
        ("clusters run rename 1 7", "number"),
        ("clusters run merge 1 1", "two classes"),
        ("clusters run unmerge 1", "not merged"),
        ("clusters run unsure 2", "between 0 and 1"),
        ("clusters run export --out names.txt", ".csv or .json"),
    ] {
        place.run(line).exits(2).says(&[words]);
    }
    assert!(!place.path("run/clusters.json").exists(), "a refused change writes nothing");

    place.run("clusters run rename 5 five").exits(0);
    place.run("clusters run rename 4 five").exits(2).says(&["class 5"]);
    place.run("clusters run rename fve four").exits(2).says(&["did you mean `five`?"]);
    place.run("clusters run merge five 0 4").exits(0);
    let listed = place.run("clusters run show");
    assert!(listed.exits(0).out.contains("five") && listed.out.contains("(with 4, 5)"), "{}", listed.out);

    let classes = place.run("clusters run export");
    assert!(classes.exits(0).out.starts_with("cluster,name,members,count\n0,five,0 4 5,"), "{}", classes.out);
    assert_eq!(classes.out.lines().count(), 5);
    place.run("clusters run export --out classes.json").exits(0);
    let text = fs_err::read_to_string(place.path("classes.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap()[0]["members"], serde_json::json!([0, 4, 5]));

    place.run("clusters run export --labels --out labels.csv").exits(0).says(&["16 rows"]);
    let labels = fs_err::read_to_string(place.path("labels.csv")).unwrap();
    assert!(labels.starts_with("path,cluster,name,label,probability,unsure\ndots/000.png,"), "{labels}");
    // `predict` adds up the same probabilities.
    place.run(&format!("predict run train --out predicted.csv {CPU}")).exits(0);
    let predicted = fs_err::read_to_string(place.path("predicted.csv")).unwrap();
    let columns = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        (fields[0].to_owned(), fields[1].to_owned(), fields[2].to_owned())
    };
    let [labels, predicted] =
        [&labels, &predicted].map(|text| text.lines().skip(1).map(columns).collect::<Vec<_>>());
    assert_eq!(labels, predicted);
    assert!(labels.iter().any(|(_, _, name)| name == "five"), "{labels:?}");
    // Other commands read it as labels.
    let info = place.run("data info train --labels labels.csv --json");
    let info: Value = serde_json::from_str(&info.exits(0).out).unwrap();
    assert!(info["classes"].as_array().is_some_and(|classes| !classes.is_empty()), "{info}");

    // Names are of a model with as many classes, and go with the run.
    let file = place.path("run/clusters.json");
    let other = fs_err::read_to_string(&file).unwrap().replace("\"clusters\": 6", "\"clusters\": 9");
    fs_err::write(&file, other).unwrap();
    place.run("clusters run show").exits(1).says(&["clusters.json", "9 classes, but this one has 6"]);
    place.run(&format!("predict run train {CPU}")).exits(1).says(&["clusters.json"]);
    let again =
        "train train --recipe tiny.toml --epochs 1 --set schedule.warmup_epochs=0 --device cpu --threads 1";
    place.run(&format!("{again} --out run --force")).exits(0);
    place.run("clusters run show").exits(0);
}

#[test]
fn a_weight_file_keeps_its_names_beside_it() {
    let place = trained();
    let step = "run/checkpoints/step-00000002.safetensors";
    place.run(&format!("clusters {step} rename 2 two")).exits(0);
    assert!(place.path(format!("{step}.clusters.json")).is_file());
    let of_file = place.run(&format!("clusters {step} show"));
    assert!(of_file.exits(0).out.contains("two"), "{}", of_file.out);
    assert!(!place.run("clusters run show").exits(0).out.contains("two"), "the run has its own");
}

/// What cannot be answered is told before the features of all images are computed: that would name the damaged one.
#[test]
fn questions_without_an_answer_are_refused_before_the_work() {
    let place = Place::new();
    place.pictures("train", 16);
    place.run(&format!("train train --recipe tiny.toml --epochs 1 --out run {CPU}")).exits(0);
    fs_err::write(place.path("train/dots/damaged.png"), "no image").unwrap();
    fs_err::create_dir(place.path("flat")).unwrap();
    (0..4).for_each(|number| {
        crate::support::picture(number).save(place.path(format!("flat/{number}.png"))).unwrap()
    });
    fs_err::write(place.path("flat/damaged.png"), "no image").unwrap();
    for (line, code, words) in [
        ("neighbors run train --query absent.png", 2, "no such file"),
        (
            "neighbors run train --query train/dots/damaged.png",
            1,
            "--query: train/dots/damaged.png cannot be searched for",
        ),
        ("neighbors run train --query dots/damaged.png", 1, "--query"),
        ("eval knn run --train flat --test train", 1, "label"),
        ("eval linear run --train train --test flat", 1, "label"),
    ] {
        let done = place.run(&format!("{line} --no-cache {CPU}"));
        done.exits(code).says(&[words]);
        assert!(!done.err.contains("skipped"), "{line}: {}", done.err);
    }
}
