//! The loss: PyTorch's values and gradients, the closed form against autograd and against finite differences.

use tch::{Device, Kind, Tensor};
use twist_nn::{LossTerms, TwistLoss, classes_in_use};

use crate::reference::{Values, cases, close, distance, json};

fn loss_of(case: &serde_json::Value) -> TwistLoss {
    let number = |field: &str| case[field].as_f64().expect("a number");
    TwistLoss { lam1: number("lam1"), lam2: number("lam2"), temperature: number("tau"), eps: number("eps") }
}

/// Value and gradient by autograd.
fn by_autograd(loss: TwistLoss, logits: &Tensor) -> (LossTerms, Tensor) {
    let logits = logits.detach().copy().set_requires_grad(true);
    let terms = loss.two_view(&logits).unwrap();
    terms.total.backward();
    (terms, logits.grad())
}

#[test]
fn two_views_equal_the_reference() {
    let (parameters, values) = (json("loss.json"), Values::load("loss.safetensors"));
    let names = cases(&parameters, "two_view.");
    assert!(names.len() >= 5, "{} cases", names.len());
    assert_eq!(
        names.len(),
        values.names().filter(|n| n.starts_with("two_view.") && n.ends_with(".final")).count()
    );
    for other in parameters.keys().filter(|name| !names.contains(name)) {
        let later = ["multi_crop.", "teacher.", "self_label."];
        assert!(
            later.iter().any(|prefix| other.starts_with(prefix)),
            "`{other}` is of no kind that is known"
        );
    }
    for name in &names {
        let value = |part: &str| values.get(&format!("{name}.{part}"));
        let logits = Tensor::cat(&[value("f1"), value("f2")], 0);
        let gradient = Tensor::cat(&[value("g1"), value("g2")], 0);
        let loss = loss_of(&parameters[name]);
        for (way, (terms, got)) in [
            ("autograd", by_autograd(loss, &logits)),
            ("closed form", loss.two_view_with_gradient(&logits).unwrap()),
        ] {
            close(&terms.kl, &value("kl"), 1e-5, &format!("{name} kl, {way}"));
            close(&terms.sharpness, &value("eh"), 1e-5, &format!("{name} sharpness, {way}"));
            close(&terms.diversity, &value("he"), 1e-5, &format!("{name} diversity, {way}"));
            close(&terms.total, &value("final"), 1e-5, &format!("{name} total, {way}"));
            close(&got, &gradient, 1e-5, &format!("{name} gradient, {way}"));
        }
        let wrong = values.perturbed(&format!("{name}.g1"), 1e-3);
        let wrong = Tensor::cat(&[wrong, value("g2")], 0);
        assert!(
            distance(&by_autograd(loss, &logits).1, &wrong) > 1e-5,
            "{name}: the check sees a wrong value"
        );
    }
}

#[test]
fn the_closed_form_is_the_derivative() {
    tch::manual_seed(1);
    for (lam1, temperature) in [(0.0, 1.0), (-0.6, 1.0), (0.5, 0.4)] {
        let loss = TwistLoss { lam1, lam2: 0.8, temperature, ..TwistLoss::default() };
        let logits = Tensor::randn([12, 7], (Kind::Double, Device::Cpu)) * 3.0;
        let (terms, gradient) = loss.two_view_with_gradient(&logits).unwrap();
        let (plain, autograd) = by_autograd(loss, &logits);
        close(&gradient, &autograd, 1e-12, "against autograd in float64");
        close(&terms.total, &plain.total, 1e-12, "values in float64");

        let total = |x: &Tensor| loss.two_view(x).unwrap().total.double_value(&[]);
        for (row, class) in [(0, 0), (3, 6), (7, 2), (11, 5)] {
            let nudged = |by: f64| {
                let x = logits.copy();
                let _ = x.get(row).get(class).fill_(logits.double_value(&[row, class]) + by);
                total(&x)
            };
            let slope = (nudged(1e-5) - nudged(-1e-5)) / 2e-5;
            let got = gradient.double_value(&[row, class]);
            assert!((slope - got).abs() < 1e-8, "row {row}, class {class}: slope {slope}, gradient {got}");
        }
    }
}

#[test]
fn bf16_logits_have_a_float_loss() {
    let logits = Tensor::randn([8, 5], (Kind::Float, Device::Cpu)).to_kind(Kind::BFloat16);
    let (terms, gradient) = TwistLoss::default().two_view_with_gradient(&logits).unwrap();
    assert_eq!(terms.total.kind(), Kind::Float);
    assert_eq!(gradient.kind(), Kind::BFloat16);
    let exact = TwistLoss::default().two_view(&logits.to_kind(Kind::Double)).unwrap();
    close(&terms.total, &exact.total, 1e-5, "computed in float32");
}

#[test]
fn odd_rows_are_no_two_views() {
    let error =
        TwistLoss::default().two_view(&Tensor::zeros([3, 4], (Kind::Float, Device::Cpu))).unwrap_err();
    assert!(error.to_string().contains("[2B, K], got [3, 4]"), "{error}");
}

#[test]
fn classes_are_counted_once() {
    let logits = Tensor::from_slice(&[3f32, 1.0, 0.0, 9.0, 1.0, 2.0, 0.0, 1.0, 2.0]).view([3, 3]);
    assert_eq!(classes_in_use(&logits).unwrap().int64_value(&[]), 2);
}
