//! The projection head against PyTorch, and its statistics per bunch.

use tch::{Device, Kind, Tensor};
use twist_nn::{Activation, Mode, ProjectionHead, Store};

use crate::reference::{Values, apply_rule, close, distance, json, ruled, seed, tensor};

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
        let (features, hidden, dim) = (size("feature_dim"), size("hidden_dim"), size("dim"));
        let head =
            ProjectionHead::new(&mut store.builder(""), features, hidden, dim, activation, None).unwrap();
        apply_rule(&store, "");
        let input =
            ruled(&format!("head.{}.{number}", seed()), &[size("batch"), features]).set_requires_grad(true);

        let value = |part: &str| values.get(&format!("{name}.{part}"));
        let y = head.forward(&input, 2, Mode::Train).unwrap();
        (&y * ruled("cot", &y.size())).sum(Kind::Float).backward();
        close(&y, &value("train"), 1e-5, &format!("{name} train"));
        close(&input.grad(), &value("grad_input"), 1e-5, &format!("{name} grad_input"));
        let last = tensor(&store, "last_linear.weight").grad();
        close(&last, &value("grad_last_linear"), 1e-5, &format!("{name} grad_last_linear"));
        for buffer in ["norm.running_mean", "norm.running_var"] {
            close(&tensor(&store, buffer), &value(buffer), 1e-5, &format!("{name} {buffer}"));
        }
        assert_eq!(tensor(&store, "norm.num_batches_tracked").int64_value(&[]), 1);
        let eval = head.forward(&input, 2, Mode::Eval).unwrap();
        close(&eval, &value("eval_after_one_step"), 1e-5, &format!("{name} eval"));
        assert!(distance(&y, &values.perturbed(&format!("{name}.train"), 1e-3)) > 1e-5);
    }
}

fn small_head(bunch: Option<i64>) -> (Store, ProjectionHead) {
    let mut store = Store::new(Device::Cpu, 5);
    let head = ProjectionHead::new(&mut store.builder(""), 6, 8, 4, Activation::Relu, bunch).unwrap();
    (store, head)
}

/// What a machine per bunch would compute: the norm sees each bunch's images, all views of them, on their own.
#[test]
fn bunches_have_statistics_of_their_own() {
    let (views, images, bunch) = (2, 12, 4);
    let features = Tensor::randn([views * images, 6], (Kind::Float, Device::Cpu));
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
    let features = Tensor::randn([16, 6], (Kind::Float, Device::Cpu));
    let forward = |bunch| small_head(bunch).1.forward(&features, 2, Mode::Train).unwrap();
    assert_eq!(forward(Some(8)), forward(None));
    assert_ne!(forward(Some(4)), forward(None));
    let error = small_head(Some(3)).1.forward(&features, 2, Mode::Train).unwrap_err();
    assert!(error.to_string().contains("8 rows cannot be cut into 3"), "{error}");
}
