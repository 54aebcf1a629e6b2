//! The losses: PyTorch's values and gradients, the closed forms against autograd and against finite differences.

use tch::{Device, Kind, Tensor};
use twist_nn::{LossTerms, SelfLabelLoss, TeacherLoss, TwistLoss, classes_in_use};

use crate::literal;
use crate::reference::{Values, cases, close, distance, json, normal};

fn number(case: &serde_json::Value, field: &str) -> f64 {
    case[field].as_f64().unwrap_or_else(|| panic!("`{field}` is a number"))
}

fn twist_loss(case: &serde_json::Value) -> TwistLoss {
    TwistLoss {
        lam1: number(case, "lam1"),
        lam2: number(case, "lam2"),
        temperature: number(case, "tau"),
        eps: number(case, "eps"),
        ..TwistLoss::default()
    }
}

fn views(case: &serde_json::Value) -> i64 {
    case["n_views"].as_i64().expect("`n_views` is a number")
}

/// The gradient of `loss` at `logits` by autograd, with what `loss` gave.
fn by_autograd<T>(logits: &Tensor, loss: impl Fn(&Tensor) -> (Tensor, T)) -> (T, Tensor) {
    let logits = logits.detach().copy().set_requires_grad(true);
    let (total, value) = loss(&logits);
    total.backward();
    (value, logits.grad())
}

fn twist_by_autograd(loss: TwistLoss, logits: &Tensor, views: i64) -> (LossTerms, Tensor) {
    by_autograd(logits, |x| {
        let terms = literal::twist(loss, x, views);
        (terms.total.shallow_clone(), terms)
    })
}

/// Asserts the four values and the gradient of a case, and that a wrong gradient would be seen.
fn check_terms(values: &Values, name: &str, way: &str, terms: &LossTerms, got: &Tensor, gradient: &Tensor) {
    let value = |part: &str| values.get(&format!("{name}.{part}"));
    close(&terms.kl, &value("kl"), 1e-5, &format!("{name} kl, {way}"));
    close(&terms.sharpness, &value("eh"), 1e-5, &format!("{name} sharpness, {way}"));
    close(&terms.diversity, &value("he"), 1e-5, &format!("{name} diversity, {way}"));
    close(&terms.total, &value("final"), 1e-5, &format!("{name} total, {way}"));
    close(got, gradient, 1e-5, &format!("{name} gradient, {way}"));
    assert!(distance(&(got * 1.001), gradient) > 1e-5, "{name}: the check sees a wrong value");
}

/// Names of a kind of case; each has a value in the file of tensors.
fn named(
    parameters: &serde_json::Map<String, serde_json::Value>,
    values: &Values,
    kind: &str,
    value: &str,
) -> Vec<String> {
    let names = cases(parameters, kind);
    let valued = values.names().filter(|name| name.starts_with(kind) && name.ends_with(value)).count();
    assert_eq!(names.len(), valued, "cases of {kind}");
    names
}

#[test]
fn every_case_of_the_reference_is_of_a_known_kind() {
    let kinds = ["two_view.", "multi_crop.", "teacher.", "self_label."];
    for name in json("loss.json").keys() {
        assert!(kinds.iter().any(|kind| name.starts_with(kind)), "`{name}` is of no kind that is known");
    }
}

#[test]
fn two_views_equal_the_reference() {
    let (parameters, values) = (json("loss.json"), Values::load("loss.safetensors"));
    let names = named(&parameters, &values, "two_view.", ".final");
    assert!(names.len() >= 5, "{} cases", names.len());
    for name in &names {
        let value = |part: &str| values.get(&format!("{name}.{part}"));
        let logits = Tensor::cat(&[value("f1"), value("f2")], 0);
        let gradient = Tensor::cat(&[value("g1"), value("g2")], 0);
        let loss = twist_loss(&parameters[name]);
        let (terms, got) = twist_by_autograd(loss, &logits, 2);
        check_terms(&values, name, "autograd", &terms, &got, &gradient);
        let (terms, got) = loss.with_gradient(&logits, 2).unwrap();
        check_terms(&values, name, "closed form", &terms, &got, &gradient);
        let wrong = Tensor::cat(&[values.perturbed(&format!("{name}.g1"), 1.0), value("g2")], 0);
        assert!(distance(&got, &wrong) > 1e-5, "{name}: the check sees a wrong reference");
    }
}

#[test]
fn multi_crop_equals_the_reference() {
    let (parameters, values) = (json("loss.json"), Values::load("loss.safetensors"));
    let names = named(&parameters, &values, "multi_crop.", ".final");
    assert!(names.len() >= 2, "{} cases", names.len());
    for name in &names {
        let value = |part: &str| values.get(&format!("{name}.{part}"));
        let (logits, gradient) = (value("feats"), value("grads"));
        let (loss, views) = (twist_loss(&parameters[name]), views(&parameters[name]));
        let (terms, got) = twist_by_autograd(loss, &logits, views);
        check_terms(&values, name, "autograd", &terms, &got, &gradient);
        let (terms, got) = loss.with_gradient(&logits, views).unwrap();
        check_terms(&values, name, "closed form", &terms, &got, &gradient);
        assert!(distance(&got, &values.perturbed(&format!("{name}.grads"), 1e-3)) > 1e-5, "{name}");
    }
}

#[test]
fn a_teacher_equals_the_reference() {
    let (parameters, values) = (json("loss.json"), Values::load("loss.safetensors"));
    let names = named(&parameters, &values, "teacher.", ".final");
    assert!(names.len() >= 2, "{} cases", names.len());
    for name in &names {
        let value = |part: &str| values.get(&format!("{name}.{part}"));
        let (student, teacher, gradient) = (value("student"), value("teacher"), value("grads"));
        let (case, views) = (&parameters[name], views(&parameters[name]));
        let loss = TeacherLoss {
            lam1: number(case, "lam1"),
            lam2: number(case, "lam2"),
            temperature: number(case, "tau"),
            eps: number(case, "eps"),
            ..TeacherLoss::default()
        };
        let (terms, got) = by_autograd(&student, |x| {
            let terms = literal::teacher(loss, x, &teacher, views);
            (terms.total.shallow_clone(), terms)
        });
        check_terms(&values, name, "autograd", &terms, &got, &gradient);
        let (terms, got) = loss.with_gradient(&student, &teacher, views).unwrap();
        check_terms(&values, name, "closed form", &terms, &got, &gradient);
        assert!(distance(&got, &values.perturbed(&format!("{name}.grads"), 1e-3)) > 1e-5, "{name}");
    }
}

#[test]
fn self_labels_equal_the_reference() {
    let (parameters, values) = (json("loss.json"), Values::load("loss.safetensors"));
    let names = named(&parameters, &values, "self_label.", ".loss");
    assert!(names.len() >= 3, "{} cases", names.len());
    let mut with_teacher = 0;
    for name in &names {
        let value = |part: &str| values.get(&format!("{name}.{part}"));
        let (case, views) = (&parameters[name], views(&parameters[name]));
        assert_eq!(number(case, "tau"), 1.0, "self-labelling has no temperature");
        let logits = value("feats");
        let images = logits.size()[0] / views;
        let anchors = if case["use_teacher"].as_bool().expect("a boolean") {
            with_teacher += 1;
            value("teacher")
        } else {
            logits.narrow(0, 0, 2 * images)
        };
        let loss = SelfLabelLoss { quantile: number(case, "quantile"), group: None };
        let (terms, got) = loss.with_gradient(&logits, &anchors, views).unwrap();
        close(&terms.loss, &value("loss"), 1e-5, &format!("{name} loss"));
        close(&terms.confident, &value("frac"), 1e-5, &format!("{name} share of confident images"));
        close(&terms.threshold, &value("threshold"), 1e-5, &format!("{name} threshold"));
        close(&got, &value("grads"), 1e-5, &format!("{name} gradient"));
        assert!(distance(&got, &values.perturbed(&format!("{name}.grads"), 1e-3)) > 1e-5, "{name}");
    }
    assert!(with_teacher >= 1, "a teacher's labels");
}

#[test]
fn the_closed_forms_are_the_derivatives() {
    let logits = |rows| normal(&format!("logits {rows}"), &[rows, 7]).to_kind(Kind::Double) * 3.0;
    for (views, one_sided, consistency, lam1, temperature) in [
        (2, false, 1.0, 0.0, 1.0),
        (2, false, 0.3, -0.6, 1.0),
        (2, true, 1.0, 0.5, 0.4),
        (3, false, 1.0, 0.5, 0.4),
        (5, true, 0.7, 0.0, 1.0),
        (8, false, 1.0, -1.0, 1.0),
    ] {
        let loss = TwistLoss { consistency, one_sided, lam1, lam2: 0.8, temperature, ..TwistLoss::default() };
        let logits = logits(6 * views);
        let (terms, gradient) = loss.with_gradient(&logits, views).unwrap();
        let (plain, autograd) = twist_by_autograd(loss, &logits, views);
        close(&gradient, &autograd, 1e-12, "against autograd in float64");
        close(&terms.total, &plain.total, 1e-12, "values in float64");
        close(&terms.kl, &plain.kl, 1e-12, "agreement in float64");

        let total = |x: &Tensor| literal::twist(loss, x, views).total.double_value(&[]);
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
    for (views, temperature) in [(2, 1.0), (6, 0.7)] {
        let loss = TeacherLoss { consistency: 0.9, temperature, ..TeacherLoss::default() };
        let (student, teacher) = (logits(6 * views), logits(12));
        let (terms, gradient) = loss.with_gradient(&student, &teacher, views).unwrap();
        let (total, autograd) = by_autograd(&student, |x| {
            let total = literal::teacher(loss, x, &teacher, views).total;
            (total.shallow_clone(), total)
        });
        close(&gradient, &autograd, 1e-12, "a teacher against autograd");
        close(&terms.total, &total, 1e-12, "a teacher's value");
    }
}

#[test]
fn self_labelling_chooses_within_groups() {
    let (views, images) = (4, 12);
    // Images grow surer with their number, so the surest half of all is not that of each group.
    let surer = (Tensor::arange(images, (Kind::Double, Device::Cpu)) + 1.0).repeat([views]).unsqueeze(-1);
    let logits = normal("logits", &[views * images, 7]).to_kind(Kind::Double) * surer;
    let anchors = logits.narrow(0, 0, 2 * images);
    let mut seen = Vec::new();
    for group in [None, Some(12), Some(4), Some(100)] {
        let loss = SelfLabelLoss { quantile: 0.5, group };
        let (terms, gradient) = loss.with_gradient(&logits, &anchors, views).unwrap();
        let (value, autograd) = by_autograd(&logits, |x| {
            let loss = literal::self_label(loss, x, &anchors, views);
            (loss.shallow_clone(), loss)
        });
        close(&terms.loss, &value, 1e-12, "value");
        close(&gradient, &autograd, 1e-12, "gradient");
        assert_eq!(terms.confident.double_value(&[]), 0.5);
        seen.push(terms.loss.double_value(&[]));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[3], "a group beyond the batch is the batch");
    assert_ne!(seen[0], seen[2]);

    // Ties at the threshold are left out, strictly: when all are equally sure, nobody is confident.
    let equal = Tensor::zeros([views * images, 7], (Kind::Float, Device::Cpu));
    let loss = SelfLabelLoss { quantile: 0.5, group: None };
    let (terms, gradient) = loss.with_gradient(&equal, &equal.narrow(0, 0, 2 * images), views).unwrap();
    assert_eq!((terms.loss.double_value(&[]), terms.confident.double_value(&[])), (0.0, 0.0));
    assert_eq!(gradient.abs().max().double_value(&[]), 0.0);

    let refuse = |quantile, group| {
        let loss = SelfLabelLoss { quantile, group };
        loss.with_gradient(&logits, &anchors, views).unwrap_err().to_string()
    };
    assert!(refuse(1.0, None).contains("[0, 1), got 1"));
    assert!(refuse(0.5, Some(5)).contains("12 rows cannot be cut into 5"));
}

/// Where predictions are all but one-hot, the terms of the gradient are large and cancel: another order of the same
/// sums is off by more than 1e-5 in every third draw. The closed form keeps autograd's order.
#[test]
fn saturated_logits_round_as_in_autograd() {
    for round in 0..100 {
        let logits = normal(&format!("logits {round}"), &[16, 10]) * 30.0;
        let loss = TwistLoss::default();
        let (_, gradient) = loss.with_gradient(&logits, 2).unwrap();
        close(&gradient, &twist_by_autograd(loss, &logits, 2).1, 1e-5, "saturated logits");
    }
}

#[test]
fn bf16_logits_have_a_float_loss() {
    let logits = normal("logits", &[8, 5]).to_kind(Kind::BFloat16);
    let (terms, gradient) = TwistLoss::default().with_gradient(&logits, 2).unwrap();
    assert_eq!(terms.total.kind(), Kind::Float);
    assert_eq!(gradient.kind(), Kind::BFloat16);
    let exact = literal::twist(TwistLoss::default(), &logits.to_kind(Kind::Double), 2);
    close(&terms.total, &exact.total, 1e-5, "computed in float32");
}

#[test]
fn logits_that_are_no_views_are_refused() {
    let refuse = |rows: i64, views| {
        let logits = Tensor::zeros([rows, 4], (Kind::Float, Device::Cpu));
        TwistLoss::default().with_gradient(&logits, views).unwrap_err().to_string()
    };
    assert!(refuse(3, 2).contains("[V*B, K], got [3, 4]"));
    assert!(refuse(3, 1).contains("two views or more"));
    let logits = Tensor::zeros([8, 4], (Kind::Float, Device::Cpu));
    let teacher = Tensor::zeros([6, 4], (Kind::Float, Device::Cpu));
    let error = TeacherLoss::default().with_gradient(&logits, &teacher, 4).unwrap_err().to_string();
    assert!(error.contains("teacher") && error.contains("[6, 4]"), "{error}");
}

#[test]
fn classes_are_counted_once() {
    let logits = Tensor::from_slice(&[3f32, 1.0, 0.0, 9.0, 1.0, 2.0, 0.0, 1.0, 2.0]).view([3, 3]);
    assert_eq!(classes_in_use(&logits).unwrap().int64_value(&[]), 2);
}
