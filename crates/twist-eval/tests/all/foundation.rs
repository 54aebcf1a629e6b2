//! Small networks of every family of foundation transformers, in the files that their publishers' implementations write.
//!
//! `tools/reference/foundation.py` makes them, with features of its own.

use std::path::PathBuf;

use tch::Tensor;
use twist_io::{StateDict, load_safetensors};
use twist_model::{ImportOptions, Imported, ModelError, Weights, import};
use twist_nn::{FeatureKind, tensor_from_host};

use crate::import::{images_of, reference};

/// That of the folder of reference values where it has one: a folder that was made elsewhere may have none.
fn folder() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/foundation");
    Some(reference("foundation")).filter(|folder| folder.exists()).unwrap_or(own)
}

struct Case {
    name: String,
    arch: String,
    seed: u64,
    sides: Vec<i64>,
    file: PathBuf,
}

fn cases() -> Vec<Case> {
    let text = fs_err::read_to_string(folder().join("cases.json")).unwrap();
    let all: serde_json::Value = serde_json::from_str(&text).unwrap();
    let cases = all["cases"].as_object().unwrap().iter();
    cases
        .map(|(name, case)| Case {
            name: name.clone(),
            arch: case["arch"].as_str().unwrap().to_owned(),
            seed: all["seed"].as_u64().unwrap(),
            sides: serde_json::from_value(case["sides"].clone()).unwrap(),
            file: folder().join(case["file"].as_str().unwrap()),
        })
        .collect()
}

impl Case {
    fn state(&self) -> StateDict {
        let mut weights = Weights::open(&self.file).unwrap();
        let key = weights.choose(Some(self.arch.parse().unwrap())).unwrap();
        weights.state(&key).unwrap()
    }

    fn import(&self, state: StateDict) -> Result<Imported, ModelError> {
        import(state, &ImportOptions { arch: Some(self.arch.parse().unwrap()), ..ImportOptions::default() })
    }
}

/// `max|a - b| / max|b|`.
fn distance(got: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(got.size(), expected.size());
    ((got - expected).abs().max() / expected.abs().max()).double_value(&[])
}

#[test]
fn features_are_those_of_the_publishers() {
    let values = load_safetensors(folder().join("features.safetensors")).unwrap().0;
    let mut checked = 0;
    for case in cases() {
        let imported = case.import(case.state()).unwrap_or_else(|error| panic!("{}: {error}", case.name));
        for &side in &case.sides {
            let features = imported.model.features(&images_of(case.seed, side), FeatureKind::Last).unwrap();
            let expected =
                tensor_from_host(values.get(&format!("{}.{side}", case.name)).unwrap(), tch::Device::Cpu)
                    .unwrap();
            let off = distance(&features, &expected);
            assert!(off < 1e-5, "{} at {side}: {off:.2e}", case.name);
            // Two images that the network cannot tell apart would prove nothing.
            assert!(distance(&features.select(0, 0), &features.select(0, 1)) > 0.05, "{}", case.name);
            checked += 1;
        }
    }
    assert!(checked >= 28, "{checked}");
}

/// Every tensor of the image network counts: without it, or with a stranger beside it, a file is refused by name.
#[test]
fn a_tensor_more_or_less_is_named() {
    for case in cases() {
        let strangers = case.state();
        // Of a file with a text tower, the image tower.
        let towers = ["visual.", "vision_model."];
        let of_images = |name: &str| towers.iter().any(|tower| name.contains(tower));
        let has_towers = strangers.iter().any(|(name, _)| of_images(name));
        let norms = ["norm1.weight", "ln_1.weight", "layer_norm1.weight", "layernorm_before.weight"];
        let name = strangers.iter().find(|(name, _)| {
            let computes = !name.contains("decoder") && (of_images(name) || !has_towers);
            computes && norms.iter().any(|norm| name.contains(norm))
        });
        let (name, tensor) = name.map(|(name, tensor)| (name.to_owned(), tensor.clone())).unwrap();
        let gate = name.replace("weight", "gate");
        let mut state = case.state();
        state.push(gate.clone(), tensor);
        let error = case.import(state).unwrap_err().to_string();
        assert!(error.contains("does not have") && error.contains(&gate), "{}: {error}", case.name);
        let mut state = case.state();
        state.0.retain(|(known, _)| *known != name);
        let error = case.import(state).unwrap_err().to_string();
        assert!(error.contains("does not hold a whole"), "{}: {name}: {error}", case.name);
    }
}

/// Biases of keys that a mask makes zero have no place in some layouts, and are refused from there.
fn without_masked_biases(state: &mut StateDict) {
    let masked: Vec<String> =
        state.iter().filter_map(|(name, _)| Some(name.strip_suffix("_mask")?.to_owned())).collect();
    for (_, tensor) in state.0.iter_mut().filter(|(name, _)| masked.contains(name)) {
        let third = tensor.data.len() / 3;
        tensor.data[third..2 * third].fill(0);
    }
}

/// Every layout of a network gives back what it is given.
#[test]
fn layouts_are_read_as_they_are_written() {
    let mut checked = 0;
    for case in cases() {
        let model = case.import(case.state()).unwrap().model;
        let pictures = images_of(case.seed, case.sides[0]);
        let features = model.features(&pictures, FeatureKind::Last).unwrap();
        let mut ours = model.store.state_dict().unwrap().split_prefix("backbone.");
        without_masked_biases(&mut ours);
        let arch: twist_nn::Arch = case.arch.parse().unwrap();
        for layout in arch.kind().layouts() {
            // A network with biases has no place without them.
            let Ok(theirs) = layout.export(&ours, "") else { continue };
            let again = case
                .import(theirs)
                .unwrap_or_else(|error| panic!("{} as {}: {error}", case.name, layout.name));
            let off = distance(&again.model.features(&pictures, FeatureKind::Last).unwrap(), &features);
            assert!(off < 1e-5, "{} as {}: {off:.2e}", case.name, layout.name);
            checked += 1;
        }
    }
    assert!(checked >= 60, "{checked}");
}
