//! `twist eval cluster`: one model, several, and what is refused.

use serde_json::Value;

use crate::support::{Done, Place};

const SCORES: [&str; 8] = [
    "nmi",
    "ami",
    "ari",
    "fowlkes_mallows",
    "accuracy_one_to_one",
    "accuracy_many_to_one",
    "homogeneity",
    "completeness",
];

/// A folder with images and a trained run with several checkpoints.
fn trained() -> Place {
    let place = Place::new();
    place.pictures("photos", 24);
    place.run("train photos --recipe tiny.toml --out run --device cpu -q").exits(0);
    place
}

fn json(done: &Done) -> Value {
    serde_json::from_str(&done.exits(0).out).unwrap()
}

fn eval(place: &Place, words: &str) -> Done {
    place.run(&format!("eval cluster {words} --device cpu --no-cache --threads 1"))
}

#[test]
fn a_run_is_scored_with_k_means_beside_it() {
    let place = trained();
    let figures = json(&eval(&place, "run --test photos --kmeans-seeds 3 --json -q"));
    for key in SCORES {
        let score = figures[key].as_f64().unwrap_or_else(|| panic!("{key}: {figures}"));
        assert!((-0.5..=1.0).contains(&score), "{key} {score}");
    }
    assert!(figures["classes_in_use"].as_u64().unwrap() <= 6);
    assert!(figures.get("top5").is_none(), "two classes have no fifth");
    assert_eq!(figures["classes"].as_array().unwrap().len(), 2);
    assert_eq!(figures["classes"][0]["class"], "dots");

    // Told the number of classes, and as many as the model has.
    let rows = figures["kmeans"].as_array().unwrap();
    let clusters: Vec<&Value> = rows.iter().map(|row| &row["clusters"]).collect();
    assert_eq!(clusters, [2, 6]);
    for row in rows {
        assert_eq!(row["runs"], 3);
        assert!(row["std"]["nmi"].is_f64() && row["accuracy_one_to_one"].as_f64().unwrap() > 0.0, "{row}");
    }
    let protocol = &figures["protocol"];
    assert_eq!((&protocol["clusters"], &protocol["images"]), (&6.into(), &24.into()));
    assert_eq!(protocol["kmeans"]["fitted_to"], "test images");
    assert_eq!(protocol["class_names"], serde_json::json!(["dots", "lines"]));

    let kept = fs_err::read_to_string(place.path("run/evaluations.jsonl")).unwrap();
    let kept: Value = serde_json::from_str(kept.trim()).unwrap();
    assert_eq!((&kept["evaluation"], &kept["nmi"]), (&"cluster".into(), &figures["nmi"]));

    // The run's own figures at its end are the same.
    let metrics = fs_err::read_to_string(place.path("run/metrics.json")).unwrap();
    let metrics: Value = serde_json::from_str(&metrics).unwrap();
    assert_eq!(metrics["protocol"]["evaluated_images"], 24);
    assert_eq!(metrics["accuracy_one_to_one"], figures["accuracy_one_to_one"]);
}

#[test]
fn people_get_a_table() {
    let place = trained();
    let done = eval(&place, "run --test photos --train photos --kmeans-seeds 2 -q");
    done.exits(0);
    for word in
        ["24 images, 2 classes", "ACC", "discovered, K = 6", "k-means, K = 2 (told), 2 fits", "dots", "±"]
    {
        assert!(done.out.contains(word), "{word:?} is not in:\n{}", done.out);
    }
    assert!(done.out.contains("24 training images") && !done.out.contains("top-5"), "{}", done.out);
    let without = eval(&place, "run --test photos --kmeans-seeds 0 -q");
    assert!(!without.exits(0).out.contains("k-means"), "{}", without.out);
}

#[test]
fn several_models_have_mean_and_deviation() {
    let place = trained();
    let other = "train photos --recipe tiny.toml --out other --device cpu --seed 9 -q";
    place.run(other).exits(0);
    let words = "run other --test photos --kmeans-seeds 1 --json -q";
    let figures = json(&eval(&place, words));
    assert_eq!(figures["runs"], 2);
    let models = figures["models"].as_array().unwrap();
    let accuracy = |figures: &Value| figures["accuracy_one_to_one"].as_f64().unwrap();
    let (a, b) = (accuracy(&models[0]), accuracy(&models[1]));
    assert!((accuracy(&figures) - (a + b) / 2.0).abs() < 1e-12);
    let std = figures["std"]["accuracy_one_to_one"].as_f64().unwrap();
    assert!((std - (a - b).abs() / 2f64.sqrt()).abs() < 1e-12, "{std} of {a} and {b}");
    assert_eq!((&models[0]["model"], &models[1]["model"]), (&"run".into(), &"other".into()));
    assert_eq!(figures["kmeans"][0]["runs"], 2);
    // What differs between the models is not a value of both.
    assert!(figures["protocol"].get("weights_sha256").is_none());
    for run in ["run", "other"] {
        let kept = fs_err::read_to_string(place.path(run).join("evaluations.jsonl")).unwrap();
        assert_eq!(kept.lines().count(), 1);
    }
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let place = trained();
    eval(&place, "run run --test photos").exits(2).says(&["twice"]);
    let other = "train photos --recipe tiny.toml --out wide --device cpu --clusters 9 -q";
    place.run(other).exits(0);
    eval(&place, "run wide --test photos").exits(2).says(&["6 and 9 clusters", "one by one"]);
    fs_err::create_dir(place.path("flat")).unwrap();
    crate::support::picture(1).save(place.path("flat/1.png")).unwrap();
    eval(&place, "run --test flat").exits(1).says(&["no image has a label", "--labels FILE", "path,label"]);
    eval(&place, "nowhere --test photos").exits(1).says(&["model nowhere does not exist"]);
}
