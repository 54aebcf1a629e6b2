//! Logistic regression against scikit-learn's (`files/make_logistic.py`).

use serde_json::Value;
use tch::{Kind, Tensor};
use twist_eval::{Logistic, LogisticProtocol};
use twist_train::labels::Targets;

const REFERENCE: &str = include_str!("files/logistic.json");

/// A list of numbers, or of lists of numbers, as a tensor.
fn tensor(value: &Value) -> Tensor {
    let list = value.as_array().unwrap();
    match list[0].as_array() {
        None => Tensor::from_slice(&list.iter().map(|x| x.as_f64().unwrap()).collect::<Vec<_>>()),
        Some(_) => Tensor::stack(&list.iter().map(tensor).collect::<Vec<_>>(), 0),
    }
}

fn far(a: &Tensor, b: &Tensor) -> f64 {
    (a.to_kind(Kind::Double) - b).abs().max().double_value(&[])
}

fn cases(reference: &Value, key: &str, most: usize) -> Vec<(f64, Tensor, Tensor)> {
    let cases = reference[key].as_array().unwrap();
    assert_eq!(cases.len(), most);
    let case = |case: &Value| (case["l2"].as_f64().unwrap(), tensor(&case["weight"]), tensor(&case["bias"]));
    cases.iter().map(case).collect()
}

#[test]
fn several_classes_are_scikit_learns() {
    let reference: Value = serde_json::from_str(REFERENCE).unwrap();
    let rows = tensor(&reference["rows"]);
    let labels = tensor(&reference["labels"]).to_kind(Kind::Int64);
    let targets = Targets::Classes { labels: labels.shallow_clone(), classes: 4 };
    let protocol = |l2| LogisticProtocol { l2, iterations: 2000, tolerance: 1e-10 };
    for (l2, weight, bias) in cases(&reference, "classes", 3) {
        let fit = Logistic::fit(&rows, &targets, protocol(l2), None).unwrap();
        assert!(fit.converged, "{l2}: {}", fit.iterations);
        // The tolerance divided by the smallest curvature, l2 / 80: weights are not known better than that.
        assert!(far(&fit.weight, &weight) < 1e-5, "{l2}: weights differ by {}", far(&fit.weight, &weight));
        // Adding a number to all biases changes nothing: what counts is how they differ.
        let centred = |bias: &Tensor| bias - bias.mean(Kind::Double);
        assert!(far(&centred(&fit.bias), &centred(&bias)) < 1e-5, "{l2}");

        // From elsewhere the same place is reached, and in float32 nearly so.
        let warm = Logistic::fit(&rows, &targets, protocol(l2), Some(&fit)).unwrap();
        assert!(2 * warm.iterations < fit.iterations, "{l2}: {} and {}", warm.iterations, fit.iterations);
        assert!(far(&warm.weight, &weight) < 1e-5, "{l2}: {}", far(&warm.weight, &weight));
        let single = rows.to_kind(Kind::Float);
        let coarse = LogisticProtocol { l2, iterations: 2000, tolerance: 1e-6 };
        let coarse = Logistic::fit(&single, &targets, coarse, None).unwrap();
        // There the search ends where values differ by less than rounding, or slopes by less than the tolerance; both
        // divided by the smallest curvature.
        let curvature = l2 / rows.size()[0] as f64;
        let known = (2.0 * f64::from(f32::EPSILON) * fit.objective / curvature).sqrt() + 1e-6 / curvature;
        assert!(far(&coarse.weight, &weight) < known, "{l2}: {} {known}", far(&coarse.weight, &weight));
        assert_eq!(coarse.predictions(&single).unwrap(), fit.predictions(&rows).unwrap());
        assert_eq!(
            coarse.weight,
            Logistic::fit(
                &single,
                &targets,
                LogisticProtocol { l2, iterations: 2000, tolerance: 1e-6 },
                None
            )
            .unwrap()
            .weight,
            "twice the same bits"
        );
    }
}

#[test]
fn one_against_the_rest_leaves_difficult_images_out() {
    let reference: Value = serde_json::from_str(REFERENCE).unwrap();
    let (rows, tags) = (tensor(&reference["rows"]), tensor(&reference["tags"]));
    let of = |tag: f64, equal: bool| {
        let is = if equal { tags.eq(tag) } else { tags.ne(tag) };
        is.to_kind(Kind::Double)
    };
    assert!(of(0.0, true).sum(Kind::Double).double_value(&[]) > 10.0);
    let targets = Targets::Tags { present: of(1.0, true), counted: of(0.0, false) };
    for (l2, weight, bias) in cases(&reference, "of_tags", 2) {
        let protocol = LogisticProtocol { l2, iterations: 2000, tolerance: 1e-10 };
        let fit = Logistic::fit(&rows, &targets, protocol, None).unwrap();
        assert!(fit.converged, "{l2}: {}", fit.iterations);
        assert!(far(&fit.weight, &weight) < 1e-6, "{l2}: {}", far(&fit.weight, &weight));
        assert!(far(&fit.bias, &bias) < 1e-6, "{l2}: {}", far(&fit.bias, &bias));
        let scores = rows.matmul(&weight.tr()) + bias;
        assert!(far(&fit.scores(&rows).unwrap(), &scores) < 1e-5);
    }
}

#[test]
fn separable_classes_are_told_apart_and_blocks_change_nothing() {
    // More rows than one block of the objective.
    let labels = Tensor::arange(40_000, (Kind::Int64, tch::Device::Cpu)).remainder(5);
    let rows = labels.one_hot(5).to_kind(Kind::Float) * 2.0;
    let targets = Targets::Classes { labels, classes: 5 };
    let fit = Logistic::fit(&rows, &targets, LogisticProtocol::default(), None).unwrap();
    let few = rows.narrow(0, 0, 10);
    assert_eq!(fit.predictions(&few).unwrap(), [0, 1, 2, 3, 4, 0, 1, 2, 3, 4]);
    // The objective of 8,000 times the same five rows is that of five rows with an l2 8,000 times smaller.
    let five = targets.select(&Tensor::arange(5, (Kind::Int64, tch::Device::Cpu))).unwrap();
    let protocol = LogisticProtocol { l2: 1.0 / 8000.0, ..LogisticProtocol::default() };
    let same = Logistic::fit(&rows.narrow(0, 0, 5), &five, protocol, None).unwrap();
    assert!((same.objective - fit.objective).abs() < 1e-4 * fit.objective.max(1e-3), "{same:?} {fit:?}");
}
