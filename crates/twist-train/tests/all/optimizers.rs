//! SGD and AdamW against PyTorch, optimizer state, clipping, and the guard that LARS adds.

use tch::{Kind, Tensor, no_grad};
use twist_train::{AdamW, Gradients, Lars, Optimizer, Parameters, Rates, Sgd};

/// Values of PyTorch 2.11 (CPU, float32):
///
/// ```python
/// import torch
/// def run(make):
///     w = torch.tensor([[0.5, -1.0], [2.0, 0.25]], requires_grad=True); v = torch.tensor([0.1, -0.2], requires_grad=True)
///     opt = make(w, v)
///     for step in range(4):
///         opt.param_groups[0]["lr"] = 0.1 / (step + 1); opt.param_groups[1]["lr"] = 0.1 / (step + 1) / 2
///         w.grad = torch.tensor([[1.0, -0.5], [0.25, 2.0]]) * (step + 1) - w.detach(); v.grad = torch.tensor([0.3, -0.7]) / (step + 1)
///         opt.step()
///     print([round(x, 9) for x in w.flatten().tolist() + v.tolist()])
/// groups = lambda w, v: [{"params": [w], "weight_decay": 0.05}, {"params": [v], "weight_decay": 0.0}]
/// run(lambda w, v: torch.optim.SGD(groups(w, v), lr=0.1, momentum=0.9))
/// run(lambda w, v: torch.optim.SGD(groups(w, v), lr=0.1, momentum=0.9, nesterov=True))
/// run(lambda w, v: torch.optim.AdamW(groups(w, v), lr=0.1, betas=(0.8, 0.95), eps=1e-6))
/// ```
const SGD: [f64; 6] = [-0.002320328, -1.032795668, 2.584309578, -1.038596511, 0.060218334, -0.107176118];
const NESTEROV: [f64; 6] = [-0.292741477, -1.043109298, 2.900514603, -1.774963021, 0.042842336, -0.066632129];
const ADAMW: [f64; 6] = [0.293411076, -1.11551404, 2.185003519, 0.04266233, 0.002985321, -0.102985106];

fn start() -> (Tensor, Tensor) {
    (Tensor::from_slice(&[0.5f32, -1.0, 2.0, 0.25]).view([2, 2]), Tensor::from_slice(&[0.1f32, -0.2]))
}

fn share(w: &Tensor, v: &Tensor) -> Parameters {
    Parameters::group([("w".to_string(), w.shallow_clone()), ("v".to_string(), v.shallow_clone())])
}

/// Steps `first..last` of the program above.
fn walk(optimizer: &mut dyn Optimizer, w: &Tensor, first: u32, last: u32) {
    for step in first..last {
        let n = f64::from(step + 1);
        let slope = Tensor::from_slice(&[1.0f32, -0.5, 0.25, 2.0]).view([2, 2]);
        let gradients = Gradients {
            weights: vec![slope * n - w],
            vectors: vec![Tensor::from_slice(&[0.3f32, -0.7]) / n],
        };
        let rates = Rates { weights: 0.1 / n, vectors: 0.1 / n / 2.0, weight_decay: 0.05 };
        optimizer.update(&gradients, rates).unwrap();
    }
}

fn values(w: &Tensor, v: &Tensor) -> Vec<f64> {
    let flat = Tensor::cat(&[w.flatten(0, -1), v.shallow_clone()], 0);
    Vec::<f64>::try_from(flat.to_kind(Kind::Double)).unwrap()
}

fn make(name: &str, parameters: Parameters) -> Box<dyn Optimizer> {
    match name {
        "sgd" => Box::new(Sgd::new(parameters, 0.9).unwrap()),
        "nesterov" => Box::new(Sgd::new(parameters, 0.9).unwrap().with_nesterov(true)),
        "adamw" => Box::new(AdamW::new(parameters, [0.8, 0.95], 1e-6).unwrap()),
        _ => Box::new(Lars::new(parameters, 0.9, 0.001).unwrap()),
    }
}

#[test]
fn sgd_and_adamw_equal_pytorch() {
    for (name, expected) in [("sgd", SGD), ("nesterov", NESTEROV), ("adamw", ADAMW)] {
        let (w, v) = start();
        walk(make(name, share(&w, &v)).as_mut(), &w, 0, 4);
        for (got, expected) in values(&w, &v).iter().zip(expected) {
            assert!((got - expected).abs() < 1e-6, "{name}: {got} {expected}");
        }
    }
}

#[test]
fn a_saved_state_continues_bit_for_bit() {
    for name in ["sgd", "adamw", "lars"] {
        let (w, v) = start();
        walk(make(name, share(&w, &v)).as_mut(), &w, 0, 6);

        let (w2, v2) = start();
        let mut first = make(name, share(&w2, &v2));
        walk(first.as_mut(), &w2, 0, 3);
        let saved = first.state_dict().unwrap();
        let mut second = make(name, share(&w2, &v2));
        second.load(&saved).unwrap();
        walk(second.as_mut(), &w2, 3, 6);
        assert_eq!(values(&w, &v), values(&w2, &v2), "{name}");

        let other = make(if name == "adamw" { "sgd" } else { "adamw" }, share(&w, &v));
        let message = second.load(&other.state_dict().unwrap()).unwrap_err().to_string();
        assert!(message.contains("is missing"), "{name}: {message}");
    }
}

#[test]
fn lars_lets_a_zero_weight_move_and_never_divides_zero_by_zero() {
    let rates = Rates { weights: 0.5, vectors: 0.5, weight_decay: 1e-4 };
    let w = Tensor::zeros([2, 2], (Kind::Float, tch::Device::Cpu));
    let mut lars = Lars::new(Parameters::group([("w".to_string(), w.shallow_clone())]), 0.9, 0.001).unwrap();
    let none = Gradients { weights: vec![w.zeros_like()], vectors: vec![] };
    lars.update(&none, rates).unwrap();
    assert_eq!(w.abs().max().double_value(&[]), 0.0, "0/0 would be NaN");
    let ones = Gradients { weights: vec![w.ones_like()], vectors: vec![] };
    lars.update(&ones, rates).unwrap();
    assert_eq!(w.double_value(&[0, 0]), -0.5, "a plain step of lr * g");

    // No gradient but a weight: the released rule decays it, and so does this one.
    let w = Tensor::ones([2, 2], (Kind::Float, tch::Device::Cpu));
    let mut lars = Lars::new(Parameters::group([("w".to_string(), w.shallow_clone())]), 0.9, 0.001).unwrap();
    lars.update(&Gradients { weights: vec![w.zeros_like()], vectors: vec![] }, rates).unwrap();
    let expected = 1.0 - 0.5 * 0.001;
    assert!((w.double_value(&[1, 1]) - expected).abs() < 1e-7);
}

#[test]
fn clipping_scales_all_gradients_by_their_common_norm() {
    let gradients = || Gradients {
        weights: vec![Tensor::full([2, 2], 3.0, (Kind::Float, tch::Device::Cpu))],
        vectors: vec![Tensor::full([4], 4.0, (Kind::Float, tch::Device::Cpu))],
    };
    let clipped = gradients();
    let norm = no_grad(|| clipped.clip(5.0)).unwrap().double_value(&[]);
    assert!((norm - 10.0).abs() < 1e-5, "the norm before clipping: {norm}");
    assert!((clipped.weights[0].double_value(&[0, 0]) - 1.5).abs() < 1e-5);
    assert!((clipped.vectors[0].double_value(&[0]) - 2.0).abs() < 1e-5);
    for limit in [0.0, 11.0] {
        let left = gradients();
        let _ = left.clip(limit).unwrap();
        assert_eq!(left.vectors[0].double_value(&[0]), 4.0, "limit {limit} changes nothing");
    }
}
