//! Schedules and LARS against the values of `tests/reference` (or of the folder in `TWIST_REFERENCE`).

use std::path::PathBuf;

use serde_json::Value;
use tch::Tensor;
use twist_io::{StateDict, load_safetensors};
use twist_nn::tensor_from_host;
use twist_train::{Cosine, Gradients, Lars, LearningRate, Optimizer, Parameters, Rates, Stage};

fn folder() -> PathBuf {
    let own = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference");
    std::env::var_os("TWIST_REFERENCE").map_or_else(|| own.into(), PathBuf::from)
}

fn json(name: &str) -> Value {
    serde_json::from_slice(&fs_err::read(folder().join(name)).unwrap()).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn steps(case: &Value) -> Vec<u64> {
    case["step"].as_array().unwrap().iter().map(|step| step.as_u64().unwrap()).collect()
}

/// Compares with the tolerance 1e-9 of the folder's README, absolute and relative to the largest value.
fn worst(expected: &[f64], got: &[f64]) -> f64 {
    assert_eq!(expected.len(), got.len());
    let scale = expected.iter().fold(1.0f64, |scale, value| scale.max(value.abs()));
    expected.iter().zip(got).map(|(a, b)| (a - b).abs() / scale).fold(0.0, f64::max)
}

/// The schedule of one case: the main stage, and the restart for self-labelling where epochs are left for it.
fn learning_rate(config: &Value) -> LearningRate {
    let int = |key: &str| config[key].as_u64().unwrap();
    let float = |key: &str| config[key].as_f64().unwrap();
    let iters = int("iters");
    let rate = LearningRate::new(Stage {
        start: 0,
        steps: int("mme_epochs") * iters,
        warmup: int("warmup_epochs") * iters,
        peak: float("lr"),
        final_fraction: 0.001,
    });
    if int("epochs") == int("mme_epochs") {
        return rate;
    }
    rate.then(Stage {
        start: int("mme_epochs") * iters,
        steps: (int("epochs") - int("mme_epochs")) * iters,
        warmup: int("sl_warmup_epochs") * iters,
        peak: float("lr_sl"),
        final_fraction: 0.001,
    })
}

#[test]
fn learning_rates() {
    let cases = json("schedules.json")["learning_rate"].as_array().unwrap().clone();
    let mut values = 0;
    for case in &cases {
        let rate = learning_rate(&case["config"]);
        let got: Vec<f64> = steps(case).into_iter().map(|step| rate.at(step)).collect();
        let ratio = case["config"]["lr_wbr"].as_f64().unwrap();
        let bias: Vec<f64> = got.iter().map(|rate| rate / ratio).collect();
        assert!(worst(&floats(&case["lr"]), &got) < 1e-9, "{}", case["config"]);
        assert!(worst(&floats(&case["lr_bias"]), &bias) < 1e-9, "{}", case["config"]);
        values += got.len();

        let mut perturbed = floats(&case["lr"]);
        perturbed[got.len() / 2] += 1e-7 * got.iter().fold(1.0, |most: f64, rate| most.max(*rate));
        assert!(worst(&perturbed, &got) > 1e-9, "a perturbed value must be noticed");
    }
    assert!(cases.len() >= 2 && values >= 100, "{} cases, {values} values", cases.len());
}

#[test]
fn plain_cosines() {
    let cases = json("schedules.json")["cosine"].as_array().unwrap().clone();
    let mut values = 0;
    for case in &cases {
        let float = |key: &str| case[key].as_f64().unwrap();
        let steps_in_all = case["epochs"].as_u64().unwrap() * case["iters_per_epoch"].as_u64().unwrap();
        let cosine = Cosine { base: float("base"), end: float("final"), steps: steps_in_all };
        let got: Vec<f64> = steps(case).into_iter().map(|step| cosine.at(step)).collect();
        assert!(worst(&floats(&case["value"]), &got) < 1e-9, "{} to {}", case["base"], case["final"]);
        values += got.len();
    }
    assert!(cases.len() >= 2 && values >= 50, "{} cases, {values} values", cases.len());
}

fn tensor(values: &StateDict, name: &str) -> Tensor {
    let found = values.get(name).unwrap_or_else(|| panic!("`{name}` is not in optim.safetensors"));
    tensor_from_host(found, tch::Device::Cpu).unwrap()
}

/// Runs one LARS case and returns the largest relative deviation, with the number of tensors compared.
fn lars_case(name: &str, case: &Value, values: &StateDict) -> (f64, usize) {
    let names = |key: &str| -> Vec<String> {
        case[key].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_string()).collect()
    };
    let (weights, vectors) = (names("decay_and_adapt"), names("excluded"));
    let named = |parameter: &String| (parameter.clone(), tensor(values, &format!("{name}.{parameter}.init")));
    let all: Vec<(String, Tensor)> = weights.iter().chain(&vectors).map(named).collect();
    let shared = all.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone()));
    let parameters = Parameters::group(shared);
    assert_eq!((parameters.weights.len(), parameters.vectors.len()), (weights.len(), vectors.len()));
    let float = |key: &str| case[key].as_f64().unwrap();
    let mut lars = Lars::new(parameters, float("momentum"), float("eta")).unwrap();

    let (mut deviation, mut compared) = (0.0f64, 0);
    for (step, rate) in floats(&case["lr_per_step"]).into_iter().enumerate() {
        let gradient = |parameter: &String| tensor(values, &format!("{name}.{parameter}.grad{step}"));
        let gradients = Gradients {
            weights: weights.iter().map(gradient).collect(),
            vectors: vectors.iter().map(gradient).collect(),
        };
        let rates = Rates { weights: rate, vectors: rate, weight_decay: float("weight_decay") };
        lars.update(&gradients, rates).unwrap();
        for (parameter, got) in &all {
            let expected = tensor(values, &format!("{name}.{parameter}.step{step}"));
            let difference = (got - &expected).abs().max().double_value(&[]);
            deviation = deviation.max(difference / expected.abs().max().double_value(&[]));
            compared += 1;
        }
    }
    (deviation, compared)
}

#[test]
fn lars() {
    let cases = json("optim.json");
    let (values, _) = load_safetensors(folder().join("optim.safetensors")).unwrap();
    let mut compared = 0;
    for (name, case) in cases.as_object().unwrap() {
        let (deviation, count) = lars_case(name, case, &values);
        assert!(deviation < 1e-6, "{name}: {deviation:e}");
        compared += count;

        let mut other = case.clone();
        other["eta"] = (case["eta"].as_f64().unwrap() * 2.0).into();
        assert!(lars_case(name, &other, &values).0 > 1e-6, "{name}: another eta must be noticed");
    }
    assert!(cases.as_object().unwrap().len() >= 2 && compared >= 24, "{compared} tensors");
}
