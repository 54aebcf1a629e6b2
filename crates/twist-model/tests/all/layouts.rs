//! Networks of other programs under their own names: their features and logits, to what those programs computed.

use std::path::PathBuf;

use twist_io::{HostTensor, StateDict};
use twist_model::{ImportOptions, Imported, import};
use twist_nn::{FeatureKind, tensor_to_host};

use crate::reference::{Values, close, distance, folder, images_of, json_in, ruled_weight};

/// That folder where it has this file, else the workspace's: a folder that was made elsewhere may be older than the file.
fn folder_with(name: &str) -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference");
    Some(folder()).filter(|folder| folder.join(name).exists()).unwrap_or(own)
}

/// A file of other weights by the rule from its names.
fn state(names: &serde_json::Value) -> StateDict {
    let mut state = StateDict::default();
    for (name, shape) in names.as_object().expect("names to shapes") {
        let shape: Vec<i64> = serde_json::from_value(shape.clone()).expect("a shape");
        let tensor = match name.ends_with("num_batches_tracked") {
            true => HostTensor::from_slice(Vec::new(), &[0i64]).unwrap(),
            false => tensor_to_host(&ruled_weight(name, &shape)).unwrap(),
        };
        state.push(name.clone(), tensor);
    }
    state
}

fn imported(names: &serde_json::Value, what: &str) -> Imported {
    let imported = import(state(names), &ImportOptions::default());
    imported.unwrap_or_else(|error| panic!("{what}: {error}"))
}

#[test]
fn networks_of_other_programs_say_what_they_said_there() {
    let folder = folder_with("layouts.json");
    let values = Values::in_folder(&folder, "layouts.safetensors");
    let (mut computed, mut recognised, mut classifiers) = (0, 0, 0);
    for (name, case) in
        json_in(&folder, "layouts.json").into_iter().filter(|(name, _)| name.contains("_timm."))
    {
        let (arch, size) = (case["arch"].as_str().unwrap(), case["size"].as_i64().unwrap());
        let Imported { model, report, .. } = imported(&case["names"], &name);
        assert_eq!(model.card.backbone.as_ref().unwrap().arch.to_string(), arch, "{name}");
        assert!(report.unused.is_empty(), "{name}: {report}");
        recognised += 1;
        if size == 0 {
            continue;
        }
        let features = model.features(&(images_of(&folder, 2, size) * 4.0), FeatureKind::Last).unwrap();
        close(&features, &values.get(&format!("{name}.features")), 1e-4, &name);
        assert!(distance(&features, &values.perturbed(&format!("{name}.features"), 1e-3)) > 1e-4);
        computed += 1;
        if model.card.classifier.is_some() {
            let logits = model.classifier_logits(&features).unwrap();
            close(&logits, &values.get(&format!("{name}.logits")), 1e-4, &name);
            classifiers += 1;
        }
    }
    assert!(computed >= 2 && recognised >= 6 && classifiers >= 2, "{computed} {recognised} {classifiers}");
}

#[test]
fn every_parameter_of_a_network_matters() {
    let folder = folder_with("layouts.json");
    let mut checked = 0;
    for (name, case) in
        json_in(&folder, "layouts.json").into_iter().filter(|(name, _)| name.contains("_timm."))
    {
        let size = case["size"].as_i64().unwrap();
        if size == 0 {
            continue;
        }
        let model = imported(&case["names"], &name).model;
        let images = images_of(&folder, 2, size) * 4.0;
        let features = || model.features(&images, FeatureKind::Last).unwrap();
        let before = features();
        for entry in model.store.entries().iter().filter(|entry| entry.name.starts_with("backbone.")) {
            if entry.name.ends_with("num_batches_tracked") {
                continue;
            }
            let kept = entry.tensor.copy();
            // Other and larger numbers, so that neither rounding nor a bound hides them.
            tch::no_grad(|| entry.tensor.shallow_clone().copy_(&(kept.flip([0]) * 4.0)));
            assert!(distance(&features(), &before) > 1e-4, "{name}: {} does not matter", entry.name);
            tch::no_grad(|| entry.tensor.shallow_clone().copy_(&kept));
            checked += 1;
        }
    }
    assert!(checked > 200, "{checked}");
}
