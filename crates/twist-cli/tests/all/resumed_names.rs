//! Names of classes belong to the weights that they were given for: what happens to them when a run goes on.

use std::collections::HashMap;

use crate::support::Place;

const CPU: &str = "--device cpu --threads 1";

/// A finished run of three epochs in `run`.
fn trained() -> Place {
    let place = Place::new();
    place.pictures("train", 24);
    place.run(&format!("train train --recipe tiny.toml --out run {CPU}")).exits(0);
    place
}

/// The newest checkpoint of `run`, by its step.
fn newest(place: &Place, run: &str) -> u64 {
    let steps = place.names(&format!("{run}/checkpoints"));
    steps
        .iter()
        .filter_map(|name| name.strip_prefix("step-")?.strip_suffix(".safetensors")?.parse().ok())
        .max()
        .unwrap()
}

/// The class of each image of the last evaluation, by number.
fn classes(place: &Place) -> HashMap<String, u32> {
    let table = fs_err::read_to_string(place.path("run/images.csv")).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[0].to_owned(), cells[1].parse().unwrap())
    };
    table.lines().skip(1).map(row).collect()
}

/// The class of `run` with most images.
fn largest(place: &Place) -> u32 {
    let mut counts = HashMap::new();
    classes(place).values().for_each(|class| *counts.entry(*class).or_insert(0) += 1);
    counts.into_iter().max_by_key(|(class, count)| (*count, *class)).unwrap().0
}

/// Says that the names were given for step 1.
fn of_step_1(place: &Place) {
    let path = place.path("run/clusters.json");
    let mut file: serde_json::Value = serde_json::from_slice(&fs_err::read(&path).unwrap()).unwrap();
    assert_eq!(file["weights"]["step"], newest(place, "run"), "names are tied to what they were given for");
    file["weights"]["step"] = 1.into();
    fs_err::write(&path, file.to_string()).unwrap();
}

#[test]
fn names_of_other_weights_are_said_and_not_used() {
    let place = trained();
    let class = largest(&place);
    place.run(&format!("clusters run rename {class} stripes")).exits(0);
    let named = place.run(&format!("predict run train {CPU}"));
    assert!(named.exits(0).out.contains("stripes") && !named.err.contains("warning"), "{}", named.err);

    of_step_1(&place);
    let now = format!(
        "given to the classes of step 1, and these are the classes of step {}",
        newest(&place, "run")
    );
    for line in [
        format!("predict run train {CPU}"),
        format!("neighbors run train --query train/dots/000.png {CPU}"),
        "clusters run show".into(),
        "clusters run export --labels".into(),
        "report run".into(),
    ] {
        let done = place.run(&line);
        done.exits(0).says(&["warning", &now, "twist clusters MODEL keep"]);
        assert!(!done.out.contains("stripes"), "{line}: {}", done.out);
    }
    let page = fs_err::read_to_string(place.path("run/report.html")).unwrap();
    assert!(
        page.contains("Classes appear without their names") && page.contains("classes of step 1"),
        "the page says it"
    );
    for line in ["clusters run rename 0 dots", "clusters run merge 0 1", "report run --serve"] {
        place.run(line).exits(1).says(&[&now]);
    }

    place.run("clusters run keep").exits(0).says(&["from now on, instead of step 1"]);
    place.run("clusters run keep").exits(0).says(&["already"]);
    let kept = place.run(&format!("predict run train {CPU}"));
    assert!(kept.exits(0).out.contains("stripes") && !kept.err.contains("warning"), "{}", kept.err);
}

#[test]
fn an_evaluation_that_is_older_than_the_model_is_called_old() {
    let place = trained();
    let shown = place.run("clusters run show");
    let evaluated = newest(&place, "run");
    shown.exits(0).says(&[&format!("classes and images of step {evaluated}")]);
    place.run(&format!("clusters run rename {} stripes", largest(&place))).exits(0);

    // As after Ctrl-C in a run that was resumed: a newer checkpoint, and no evaluation of it.
    place.run(&format!("train train --recipe tiny.toml --epochs 6 --out longer {CPU}")).exits(0);
    let own = newest(&place, "longer");
    let name = format!("step-{own:08}.safetensors");
    fs_err::copy(place.path("longer/checkpoints").join(&name), place.path("run/checkpoints").join(&name))
        .unwrap();
    let old = place.run("clusters run show");
    old.exits(0).says(&["this is old", &format!("those of step {evaluated}"), &format!("is of step {own}")]);
    assert!(old.out.contains("stripes"), "the images shown are those that were named: {}", old.out);
    let json: serde_json::Value = serde_json::from_str(&place.run("clusters run show --json").out).unwrap();
    assert_eq!((&json["evaluated"]["step"], &json["model"]["step"]), (&evaluated.into(), &own.into()));
    let predicted = place.run(&format!("predict run train {CPU}"));
    predicted
        .exits(0)
        .says(&[&format!("of step {own}"), &format!("given to the classes of step {evaluated}")]);
    assert!(!predicted.out.contains("stripes"), "{}", predicted.out);
    place.run("clusters run keep").exits(1).says(&["evaluated with last", "--resume"]);
}

#[test]
fn names_go_on_to_the_classes_of_the_same_images() {
    let place = trained();
    let (before, class, from) = (classes(&place), largest(&place), newest(&place, "run"));
    place.run(&format!("clusters run rename {class} stripes")).exits(0);
    let resumed = place.run(&format!("train --resume --out run --epochs 6 {CPU}"));
    resumed.exits(0);
    let (after, to) = (classes(&place), newest(&place, "run"));
    assert!(to > from);

    // The class that has most of the named images, and takes most of its own from them.
    let named: Vec<&String> = before.iter().filter(|(_, own)| **own == class).map(|(path, _)| path).collect();
    let goes_on = (0..6u32).find(|later| {
        let own = after.values().filter(|now| *now == later).count();
        let both = named.iter().filter(|path| after[**path] == *later).count();
        2 * both > named.len() && 2 * both > own
    });
    let file: serde_json::Value =
        serde_json::from_slice(&fs_err::read(place.path("run/clusters.json")).unwrap()).unwrap();
    match goes_on {
        Some(later) => {
            resumed.says(&[&format!("names of step {from} go on to the classes of step {to}"), "`stripes`"]);
            assert_eq!(
                (&file["names"][later.to_string()], &file["weights"]["step"]),
                (&"stripes".into(), &to.into())
            );
            let shown = place.run("clusters run show");
            assert!(
                shown.exits(0).out.contains("stripes") && !shown.err.contains("warning"),
                "{}",
                shown.err
            );
        }
        None => {
            resumed.says(&["no class of step", "`stripes`", "keep"]);
            assert_eq!(
                (&file["names"][class.to_string()], &file["weights"]["step"]),
                (&"stripes".into(), &from.into())
            );
        }
    }
}
