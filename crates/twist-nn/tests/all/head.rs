//! The projection head against PyTorch, and its statistics per bunch.

use tch::{Device, Kind, Tensor};
use twist_nn::{Activation, HeadConfig, Mode, ProjectionHead, Store};

use crate::reference::{Values, apply_rule, close, distance, json, normal, ruled, seed, tensor};

#[test]
fn heads_equal_the_reference() {
    let (parameters, values) = (json("head.json"), Values::load("head.safetensors"));
    assert!(parameters.len() >= 2);
    assert_eq!(parameters.len(), values.names().filter(|n| n.ends_with(".train")).count());
    for (name, case) in &parameters {
        let number = name.strip_prefix("head.").expect("head.n");
        let size = |field: &str| case[field].as_i64().expect("a size");
        let activation = match case["act"].as_str() {
            Some("relu") => Activation::Relu,
            Some("gelu") => Activation::Gelu,
            other => panic!("activation {other:?}"),
        };
        let mut store = Store::new(Device::Cpu, 0);
        let config = HeadConfig {
            hidden_dim: size("hidden_dim"),
            dim: size("dim"),
            activation,
            bunch: None,
            ..HeadConfig::default()
        };
        let features = size("feature_dim");
        let head = ProjectionHead::new(&mut store.builder(""), features, &config).unwrap();
        apply_rule(&store, "");
        let input =
            ruled(&format!("head.{}.{number}", seed()), &[size("batch"), features]).set_requires_grad(true);

        let value = |part: &str| values.get(&format!("{name}.{part}"));
        let y = head.forward(&input, 1, Mode::Train).unwrap();
        (&y * ruled("cot", &y.size())).sum(Kind::Float).backward();
        close(&y, &value("train"), 1e-5, &format!("{name} train"));
        close(&input.grad(), &value("grad_input"), 1e-5, &format!("{name} grad_input"));
        let last = tensor(&store, "last_linear.weight").grad();
        close(&last, &value("grad_last_linear"), 1e-5, &format!("{name} grad_last_linear"));
        for buffer in ["norm.running_mean", "norm.running_var"] {
            close(&tensor(&store, buffer), &value(buffer), 1e-5, &format!("{name} {buffer}"));
        }
        assert_eq!(tensor(&store, "norm.num_batches_tracked").int64_value(&[]), 1);
        let eval = head.forward(&input, 1, Mode::Eval).unwrap();
        close(&eval, &value("eval_after_one_step"), 1e-5, &format!("{name} eval"));
        assert!(distance(&y, &values.perturbed(&format!("{name}.train"), 1e-3)) > 1e-5);
    }
}

fn small_head(bunch: Option<i64>) -> (Store, ProjectionHead) {
    let mut store = Store::new(Device::Cpu, 5);
    let config = HeadConfig { hidden_dim: 8, dim: 4, bunch, ..HeadConfig::default() };
    let head = ProjectionHead::new(&mut store.builder(""), 6, &config).unwrap();
    (store, head)
}

/// Any number of views: a bunch holds all views of its images, global and local.
#[test]
fn a_bunch_holds_all_views_of_its_images() {
    let (views, images, bunch) = (5, 6, 2);
    let features = normal("features", &[views * images, 6]);
    let got = small_head(Some(bunch)).1.forward(&features, views, Mode::Train).unwrap();
    for part in 0..images / bunch {
        let of = got.view([views, images, 4]).narrow(1, part * bunch, bunch).reshape([views * bunch, 4]);
        let (var, mean) = of.var_mean_dim([0i64].as_slice(), false, false);
        assert!(mean.abs().max().double_value(&[]) < 1e-5, "mean 0");
        assert!((var - 1.0).abs().max().double_value(&[]) < 1e-2, "variance 1");
    }
}

#[test]
fn without_the_norm_logits_are_the_linear_map() {
    let mut store = Store::new(Device::Cpu, 5);
    let base = HeadConfig { hidden_dim: 8, dim: 4, ..HeadConfig::default() };
    let config = HeadConfig { norm: false, small_normal: true, ..base };
    let head = ProjectionHead::new(&mut store.builder(""), 6, &config).unwrap();
    assert!(store.entries().iter().all(|entry| !entry.name.starts_with("norm.")));
    assert_eq!(
        tensor(&store, "last_linear.bias").abs().max().double_value(&[]),
        0.0,
        "a transformer's start"
    );
    let features = normal("features", &[16, 6]);
    let logits = head.forward(&features, 2, Mode::Train).unwrap();
    assert!(logits.std(true).double_value(&[]) < 0.5, "nothing spreads them");
}

/// What a machine per bunch would compute: the norm sees each bunch's images, all views of them, on their own.
#[test]
fn bunches_have_statistics_of_their_own() {
    let (views, images, bunch) = (2, 12, 4);
    let features = normal("features", &[views * images, 6]);
    let (store, head) = small_head(Some(bunch));
    let got = head.forward(&features, views, Mode::Train).unwrap().view([views, images, 4]);

    // Without bunches the input of the last norm can be recovered up to an affine map per class, which the norm undoes.
    let whole = small_head(None).1.forward(&features, views, Mode::Train).unwrap().view([views, images, 4]);
    for part in 0..images / bunch {
        let of = |x: &Tensor| x.narrow(1, part * bunch, bunch).reshape([views * bunch, 4]);
        let (var, mean) = of(&whole).var_mean_dim([0i64].as_slice(), false, false);
        let expected = (of(&whole) - mean) / var.sqrt();
        close(&of(&got), &expected, 1e-3, "a bunch on its own");
        assert!(
            of(&got).mean_dim([0i64].as_slice(), false, Kind::Float).abs().max().double_value(&[]) < 1e-5
        );
    }
    assert_eq!(tensor(&store, "norm.num_batches_tracked").int64_value(&[]), 1);
    assert_eq!(tensor(&store, "projection_head.1.num_batches_tracked").int64_value(&[]), 1);

    // Equal parts: the mean of the bunches' means is the mean of the batch.
    let (plain_store, plain) = small_head(None);
    let _ = plain.forward(&features, views, Mode::Train).unwrap();
    let mean = |store: &Store| tensor(store, "norm.running_mean");
    close(&mean(&store), &mean(&plain_store), 1e-5, "running mean over bunches");
    assert!(distance(&tensor(&store, "norm.running_var"), &tensor(&plain_store, "norm.running_var")) > 1e-4);
}

#[test]
fn a_batch_no_larger_than_a_bunch_is_one() {
    let features = normal("features", &[16, 6]);
    let forward = |bunch| small_head(bunch).1.forward(&features, 2, Mode::Train).unwrap();
    assert_eq!(forward(Some(8)), forward(None));
    assert_ne!(forward(Some(4)), forward(None));
    let error = small_head(Some(3)).1.forward(&features, 2, Mode::Train).unwrap_err();
    assert!(error.to_string().contains("8 rows cannot be cut into 3"), "{error}");
}
