//! The kernels of `norm_act` against libtorch's batch norm, addition and relu in float64.

use tch::{Device, Kind, Tensor};
use torch_ext::{NormAct, layout, norm_act};

/// What goes in; running statistics are changed by a call.
struct Inputs {
    x: Tensor,
    affine: Option<(Tensor, Tensor)>,
    running: (Tensor, Tensor),
    residual: Option<Tensor>,
    cotangent: Tensor,
}

impl Inputs {
    fn new(shape: &[i64], affine: bool, residual: bool) -> Self {
        let random = |shape: &[i64]| Tensor::randn(shape, (Kind::Float, Device::Cpu));
        let channels = shape[1];
        Self {
            x: random(shape) * 1.5 + 3.0,
            affine: affine.then(|| (random(&[channels]) + 1.0, random(&[channels]))),
            running: (random(&[channels]), random(&[channels]).square() + 0.1),
            residual: residual.then(|| random(shape)),
            cotangent: random(shape),
        }
    }

    /// The same values in another kind (parameters stay float32 beside bf16) and, if 4-D, channels-last.
    fn prepared(&self, kind: Kind) -> Self {
        let side = if kind == Kind::Double { Kind::Double } else { Kind::Float };
        let leaf = |tensor: Tensor| tensor.detach().copy().set_requires_grad(true);
        let activation = |tensor: &Tensor| {
            let tensor = tensor.detach().to_kind(kind).copy();
            if tensor.dim() == 4 { layout::channels_last(&tensor).unwrap() } else { tensor }
        };
        Self {
            x: activation(&self.x).set_requires_grad(true),
            affine: self.affine.as_ref().map(|(w, b)| (leaf(w.to_kind(side)), leaf(b.to_kind(side)))),
            running: (self.running.0.to_kind(side).copy(), self.running.1.to_kind(side).copy()),
            residual: self.residual.as_ref().map(|r| activation(r).set_requires_grad(true)),
            cotangent: activation(&self.cotangent),
        }
    }

    fn apply(&self, relu: bool, training: bool) -> Tensor {
        let how = NormAct {
            affine: self.affine.as_ref().map(|(w, b)| (w, b)),
            running: Some((&self.running.0, &self.running.1)),
            training,
            momentum: 0.1,
            eps: 1e-5,
            residual: self.residual.as_ref(),
            relu,
        };
        norm_act(&self.x, how).unwrap()
    }

    /// Output, gradients of everything, running statistics.
    fn step(&self, relu: bool) -> Vec<(&'static str, Tensor)> {
        let y = self.apply(relu, true);
        torch_ext::grad::backward(&y, &self.cotangent).unwrap();
        let mut all = vec![("output", y), ("gradient", self.x.grad())];
        if let Some((weight, bias)) = &self.affine {
            all.extend([("scale's gradient", weight.grad()), ("shift's gradient", bias.grad())]);
        }
        if let Some(residual) = &self.residual {
            all.push(("residual's gradient", residual.grad()));
        }
        let (mean, var) = (self.running.0.shallow_clone(), self.running.1.shallow_clone());
        all.extend([("running mean", mean), ("running variance", var)]);
        all
    }
}

/// libtorch's own operations in float64.
fn plain(inputs: &Inputs, relu: bool) -> Vec<(&'static str, Tensor)> {
    let inputs = inputs.prepared(Kind::Double);
    // Float64 is what the kernels leave to libtorch.
    inputs.step(relu)
}

fn distance(a: &Tensor, b: &Tensor) -> f64 {
    let (a, b) = (a.detach().to_kind(Kind::Double), b.detach().to_kind(Kind::Double));
    let scale = b.square().mean(Kind::Double).sqrt().double_value(&[]).max(1e-6);
    (a - b).square().mean(Kind::Double).sqrt().double_value(&[]) / scale
}

const SHAPES: [&[i64]; 6] =
    [&[4, 64, 9, 7], &[3, 16, 8, 8], &[2, 21, 5, 5], &[40, 96], &[130, 5], &[64, 48, 12, 12]];

#[test]
fn forward_and_backward_equal_libtorch() {
    let _numbers = torch_ext::RandomNumbers::seeded(0);
    let mut checked = 0;
    for shape in SHAPES {
        for (affine, residual, relu) in [
            (true, false, true),
            (true, true, true),
            (true, false, false),
            (false, false, false),
            (true, true, false),
        ] {
            let inputs = Inputs::new(shape, affine, residual);
            let expected = plain(&inputs, relu);
            for ((name, got), (_, exact)) in inputs.prepared(Kind::Float).step(relu).iter().zip(&expected) {
                let off = distance(got, exact);
                assert!(
                    off < 2e-6,
                    "{shape:?} affine {affine} residual {residual} relu {relu}: {name} off by {off}"
                );
            }
            checked += 1;
        }
    }
    assert_eq!(checked, 30);
}

/// In bf16 the inputs are rounded first, so that only what the kernels round is left; a mask can flip where a value
/// is rounding error away from zero.
#[test]
fn bf16_rounds_outputs_only() {
    let _numbers = torch_ext::RandomNumbers::seeded(0);
    for shape in SHAPES {
        for residual in [false, true] {
            let inputs = Inputs::new(shape, true, residual).prepared(Kind::BFloat16);
            let expected = plain(&inputs, true);
            for ((name, got), (_, exact)) in inputs.step(true).iter().zip(&expected) {
                let off = distance(got, exact);
                assert!(off < 4e-3, "{shape:?} residual {residual}: {name} off by {off}");
            }
        }
    }
}

#[test]
fn eval_uses_the_running_statistics() {
    let _numbers = torch_ext::RandomNumbers::seeded(0);
    for shape in SHAPES {
        let inputs = Inputs::new(shape, true, true);
        let (float, double) = (inputs.prepared(Kind::Float), inputs.prepared(Kind::Double));
        let exact = double.apply(true, false);
        for got in [float.apply(true, false), tch::no_grad(|| float.apply(true, false))] {
            assert!(distance(&got, &exact) < 2e-6, "{shape:?}");
        }
        assert_eq!(float.running.0, inputs.running.0, "evaluation changes nothing");
    }
}

#[test]
fn results_do_not_depend_on_threads() {
    let _numbers = torch_ext::RandomNumbers::seeded(0);
    let inputs = Inputs::new(&[16, 32, 20, 20], true, true);
    let before = torch_ext::machine::threads();
    let mut runs = Vec::new();
    for threads in [1, 2, 5] {
        torch_ext::machine::set_threads(threads);
        runs.push(inputs.prepared(Kind::Float).step(true));
    }
    torch_ext::machine::set_threads(before);
    for run in &runs[1..] {
        assert!(run.iter().zip(&runs[0]).all(|((_, a), (_, b))| a == b));
    }
}

#[test]
fn nan_is_not_hidden_by_the_relu() {
    let inputs = Inputs::new(&[2, 16, 4, 4], true, false).prepared(Kind::Float);
    let x = inputs.x.detach();
    let _ = x.get(0).get(3).get(1).get(1).fill_(f64::NAN);
    let y = inputs.apply(true, true);
    assert!(y.select(1, 3).isnan().any().int64_value(&[]) == 1, "the channel is NaN");
    assert!(y.select(1, 4).isnan().any().int64_value(&[]) == 0, "its neighbours are not");
}

#[test]
fn shapes_that_do_not_go_together_are_errors() {
    let x = Tensor::zeros([2, 8, 4, 4], (Kind::Float, Device::Cpu));
    let seven = Tensor::zeros([7], (Kind::Float, Device::Cpu));
    let how = NormAct {
        affine: None,
        running: Some((&seven, &seven)),
        training: true,
        momentum: 0.1,
        eps: 1e-5,
        residual: None,
        relu: false,
    };
    assert!(norm_act(&x, how).unwrap_err().to_string().contains("running_mean"));
}
