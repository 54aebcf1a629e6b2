//! Lists of tensors, gradients, bytes and layouts.

use tch::{Device, Kind, Tensor};
use torch_ext::fused::{self, AdamW, Sgd};
use torch_ext::{Gelu, TorchError, foreach, grad, host, layout, linear, linear_gelu, linear_onto};

fn list(values: &[&[f32]]) -> Vec<Tensor> {
    values.iter().map(|v| Tensor::from_slice(v)).collect()
}

fn vectors(tensors: &[Tensor]) -> Vec<Vec<f32>> {
    tensors.iter().map(|t| Vec::try_from(t.flatten(0, -1)).unwrap()).collect()
}

#[test]
fn foreach_computes_each() {
    let a = list(&[&[3.0, 4.0], &[1.0]]);
    let b = list(&[&[1.0, 2.0], &[5.0]]);
    assert_eq!(vectors(&foreach::norm(&a).unwrap()), [[5.0], [1.0]]);

    let c = list(&[&[3.0, 4.0], &[1.0]]);
    foreach::add_(&c, &b, 1.0).unwrap();
    foreach::sub_(&c, &b, 0.5).unwrap();
    assert_eq!(vectors(&c), [vec![3.5, 5.0], vec![3.5]]);
    foreach::add_scalar_(&c, 1.0).unwrap();
    foreach::mul_scalar_(&c, 2.0).unwrap();
    assert_eq!(vectors(&c), [vec![9.0, 12.0], vec![9.0]]);
    foreach::mul_tensor_(&c, &Tensor::from(0.5f32)).unwrap();
    foreach::lerp_(&c, &b, 0.5).unwrap();
    assert_eq!(vectors(&c), [vec![2.75, 4.0], vec![4.75]]);
    foreach::addcmul_(&c, &a, &b, 1.0).unwrap();
    assert_eq!(vectors(&c), [vec![5.75, 12.0], vec![9.75]]);
}

#[test]
fn lists_of_unequal_length_are_errors() {
    let error = foreach::add_(&list(&[&[1.0], &[2.0]]), &list(&[&[1.0]]), 1.0).unwrap_err();
    assert!(matches!(error, TorchError::ListLength { op: "add_", expected: 2, got: 1 }), "{error}");
}

#[test]
fn exceptions_become_errors() {
    let error = foreach::add_(&list(&[&[1.0, 2.0]]), &list(&[&[1.0, 2.0, 3.0]]), 1.0).unwrap_err();
    assert!(error.to_string().contains("size of tensor"), "{error}");
}

#[test]
fn fused_updates_equal_the_formulas() {
    let (parameters, gradients) = (list(&[&[1.0]]), list(&[&[0.5]]));
    let buffers = list(&[&[0.2]]);
    let how = Sgd { lr: 0.1, momentum: 0.9, weight_decay: 0.01, nesterov: false };
    fused::sgd_(&parameters, &gradients, &buffers, how).unwrap();
    let buffer = 0.9 * 0.2 + 0.5 + 0.01;
    assert!((vectors(&buffers)[0][0] - buffer).abs() < 1e-6);
    assert!((vectors(&parameters)[0][0] - (1.0 - 0.1 * buffer)).abs() < 1e-6);
    let parameters = list(&[&[1.0]]);
    fused::sgd_(&parameters, &gradients, &buffers, Sgd { momentum: 0.0, ..how }).unwrap();
    assert!((vectors(&parameters)[0][0] - (1.0 - 0.1 * 0.51)).abs() < 1e-6, "without momentum");

    let parameters = list(&[&[1.0]]);
    let (means, squares, steps) = (list(&[&[0.0]]), list(&[&[0.0]]), vec![Tensor::from(1f32)]);
    let how = AdamW { lr: 0.1, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.5 };
    fused::adamw_(&parameters, &gradients, &means, &squares, &steps, how).unwrap();
    assert!(
        (vectors(&parameters)[0][0] - (1.0 - 0.1 * 0.5 - 0.1)).abs() < 1e-5,
        "a first step has length lr"
    );
}

/// Each of these would be read or written beyond its end, or in another order, by libtorch's own code.
#[test]
fn fused_updates_refuse_what_does_not_fit_its_parameter() {
    let float = |shape: &[i64]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
    let sgd = |parameter: &Tensor, gradient: &Tensor, buffer: &Tensor| {
        let how = Sgd { lr: 0.1, momentum: 0.9, weight_decay: 0.0, nesterov: false };
        let one = |tensor: &Tensor| [tensor.shallow_clone()];
        fused::sgd_(&one(parameter), &one(gradient), &one(buffer), how).map_err(|error| error.to_string())
    };
    let images = float(&[2, 3, 4, 5]);
    let inner = layout::channels_last(&images).unwrap();
    sgd(&images, &float(&[2, 3, 4, 5]), &float(&[2, 3, 4, 5])).unwrap();
    sgd(&inner, &layout::channels_last(&images).unwrap(), &inner.zeros_like()).unwrap();
    // Of a side of 1 it does not matter how long a step along it would be.
    let pointwise = float(&[8, 4, 1, 1]);
    sgd(&pointwise, &layout::channels_last(&pointwise).unwrap(), &pointwise.zeros_like()).unwrap();
    let wide = float(&[4, 10]);
    let refused = [
        (float(&[4]), float(&[3]), "gradients: its shape is [3], the parameter's is [4]"),
        (float(&[4]), float(&[5]), "its shape is [5]"),
        (float(&[4]), Tensor::zeros([4], (Kind::Double, Device::Cpu)), "its element type is Double"),
        (float(&[2, 3, 4, 5]), inner.shallow_clone(), "lie in another order"),
        (wide.narrow(1, 0, 5), wide.narrow(1, 5, 5), "parameters: its elements do not lie side by side"),
        (float(&[1]).expand([4], false), float(&[1]).expand([4], false), "do not lie side by side"),
        (float(&[4]), Tensor::new(), "it is undefined"),
    ];
    for (parameter, gradient, words) in refused {
        let message = sgd(&parameter, &gradient, &parameter.shallow_clone()).unwrap_err();
        assert!(message.contains(words), "{message}");
        let message = sgd(&gradient, &gradient, &parameter).unwrap_err();
        assert!(message.contains("fused::sgd_"), "{message}");
    }

    let adamw = |state: [&Tensor; 3], steps: &Tensor| {
        let how = AdamW { lr: 0.1, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.0 };
        let [gradient, mean, square] = state.map(|tensor| [tensor.shallow_clone()]);
        let error = fused::adamw_(&[float(&[4])], &gradient, &mean, &square, &[steps.shallow_clone()], how);
        error.map_err(|error| error.to_string())
    };
    let (fits, short, count) = (float(&[4]), float(&[2]), Tensor::from(1f32));
    adamw([&fits, &fits.copy(), &fits.copy()], &count).unwrap();
    for (state, steps, words) in [
        ([&short, &fits, &fits], &count, "gradients"),
        ([&fits, &short, &fits], &count, "means"),
        ([&fits, &fits, &short], &count, "squares"),
        ([&fits, &fits, &fits], &Tensor::from(1i64), "steps"),
        ([&fits, &fits, &fits], &float(&[0]), "steps"),
    ] {
        let message = adamw(state, steps).unwrap_err();
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn gradients_are_read_and_taken_away() {
    let weight = Tensor::from_slice(&[1f32, 2.0]).set_requires_grad(true);
    let all = [weight.shallow_clone()];
    assert!(matches!(grad::of(&all), Err(TorchError::NoGradient { index: 0, count: 1 })));

    let output = &weight * &weight;
    for gradient in [Tensor::from_slice(&[1f32]), Tensor::from_slice(&[1f32; 3]), Tensor::new()] {
        let error = grad::backward(&output, &gradient).unwrap_err();
        assert!(matches!(error, TorchError::Misfit { what: "gradients", .. }), "{error}");
    }
    grad::backward(&output, &Tensor::from_slice(&[1f32, 10.0])).unwrap();
    assert_eq!(vectors(&grad::of(&all).unwrap()), [[2.0, 40.0]]);
    grad::clear(&all).unwrap();
    assert!(matches!(grad::of(&all), Err(TorchError::NoGradient { .. })));
    for error in [grad::of(&[Tensor::new()]).map(|_| ()), grad::clear(&[Tensor::new()])] {
        assert!(matches!(error, Err(TorchError::Misfit { .. })), "{error:?}");
    }
}

#[test]
fn bytes_make_the_round_trip() {
    let bytes: Vec<u8> = (0..24).collect();
    for (kind, shape) in [(Kind::Uint8, vec![2, 3, 4]), (Kind::Half, vec![12]), (Kind::Int64, vec![3, 1])] {
        let tensor = host::from_bytes(kind, &shape, &bytes).unwrap();
        assert_eq!((tensor.kind(), tensor.size()), (kind, shape));
        assert_eq!(host::to_bytes(&tensor).unwrap(), bytes);
    }
    assert!(matches!(
        host::from_bytes(Kind::Float, &[5], &bytes),
        Err(TorchError::ByteCount { expected: 20, got: 24, .. })
    ));
    let transposed = host::from_bytes(Kind::Uint8, &[2, 2], &[1, 2, 3, 4]).unwrap().tr();
    assert_eq!(host::to_bytes(&transposed).unwrap(), [1, 3, 2, 4]);
}

#[test]
fn an_adopted_buffer_is_the_tensor() {
    let buffer: Vec<u8> = (0..2 * 4 * 4 * 3).map(|i| i as u8).collect();
    let address = buffer.as_ptr() as usize;
    let tensor = host::adopt(buffer, &[2, 4, 4, 3]).unwrap();
    assert_eq!(tensor.data_ptr() as usize, address);
    let images = tensor.permute([0, 3, 1, 2]);
    drop(tensor);
    assert!(layout::is_channels_last(&images).unwrap(), "bytes of images are channels-last without a copy");
    assert_eq!(images.int64_value(&[1, 2, 3, 3]), 2 * 48 - 1);
    assert!(matches!(
        host::adopt(vec![0; 5], &[2, 3]),
        Err(TorchError::ByteCount { expected: 6, got: 5, .. })
    ));
}

#[test]
fn a_shape_that_cannot_be_is_no_tensor() {
    for shape in [vec![-1], vec![0, -3], vec![1 << 32, 1 << 32], vec![1 << 62, 4], vec![0, 1 << 40, 1 << 40]]
    {
        let error = host::adopt(Vec::new(), &shape).unwrap_err();
        assert!(matches!(error, TorchError::Shape { .. }), "{shape:?}: {error}");
        assert!(host::from_bytes(Kind::Float, &shape, &[]).is_err(), "{shape:?}");
    }
    assert_eq!(host::adopt(Vec::new(), &[0, 3]).unwrap().size(), [0, 3]);
}

#[test]
fn an_upload_to_the_cpu_is_the_tensor() {
    let tensor = host::from_bytes(Kind::Uint8, &[3], &[1, 2, 3]).unwrap();
    let same = host::upload(&tensor, Device::Cpu).unwrap();
    assert_eq!(same.data_ptr(), tensor.data_ptr());
}

#[test]
fn layouts_keep_values() {
    let images = Tensor::randn([2, 3, 4, 5], (Kind::Float, Device::Cpu));
    let inner = layout::channels_last(&images).unwrap();
    assert!(layout::is_channels_last(&inner).unwrap() && !layout::is_channels_last(&images).unwrap());
    assert_eq!(inner, images);
    assert!(layout::channels_last(&Tensor::zeros([3], (Kind::Float, Device::Cpu))).is_err());
}

#[test]
fn a_linear_map_is_that_of_libtorch() {
    let _numbers = torch_ext::RandomNumbers::seeded(3);
    let random = |shape: &[i64], kind: Kind| Tensor::randn(shape, (Kind::Float, Device::Cpu)).to_kind(kind);
    let shapes: [(&[i64], i64); 6] =
        [(&[5, 7], 3), (&[1, 384], 1), (&[2, 9, 16], 40), (&[2, 3, 4, 8], 8), (&[0, 8], 4), (&[8], 4)];
    for kind in [Kind::Float, Kind::Double, Kind::BFloat16] {
        for (shape, outputs) in shapes {
            let (x, weight) = (random(shape, kind), random(&[outputs + 1, *shape.last().unwrap()], kind));
            for (weight, bias) in [
                (weight.narrow(0, 1, outputs), Some(random(&[outputs], kind))),
                (weight.narrow(0, 0, outputs), None),
                (weight.tr().contiguous().tr().narrow(0, 0, outputs), None),
            ] {
                let (got, want) =
                    (linear(&x, &weight, bias.as_ref()).unwrap(), x.linear(&weight, bias.as_ref()));
                assert_eq!((got.size(), got.kind()), (want.size(), want.kind()));
                assert!((got - want).abs().sum(Kind::Double).double_value(&[]) < 1e-3, "{kind:?} {shape:?}");
            }
        }
    }
}

#[test]
fn what_follows_a_linear_map_is_that_of_libtorch() {
    let _numbers = torch_ext::RandomNumbers::seeded(4);
    let shapes: [(&[i64], i64); 5] =
        [(&[5, 7], 3), (&[1, 384], 1), (&[2, 9, 16], 40), (&[0, 8], 4), (&[8], 4)];
    for (kind, most) in [(Kind::Float, 2e-6), (Kind::Double, 1e-14), (Kind::BFloat16, 0.1)] {
        for (shape, outputs) in shapes {
            let random = |shape: &[i64]| Tensor::randn(shape, (Kind::Float, Device::Cpu)).to_kind(kind);
            let (x, weight) = (random(shape), random(&[outputs, *shape.last().unwrap()]) * 0.3);
            let (bias, scale, to) =
                (random(&[outputs]), random(&[outputs]), x.linear(&weight, None::<Tensor>) + 1.0);
            let plain = x.linear(&weight, Some(&bias));
            let near = |got: Tensor, want: Tensor| {
                assert_eq!((got.size(), got.kind()), (want.size(), want.kind()));
                let far = (got - &want).abs() / (want.abs() + 1.0);
                let far = if far.numel() == 0 { 0.0 } else { far.max().double_value(&[]) };
                assert!(far < most, "{far} {kind:?} {shape:?}");
            };
            near(linear_gelu(&x, &weight, Some(&bias), Gelu::Exact).unwrap(), plain.gelu("none"));
            near(linear_gelu(&x, &weight, Some(&bias), Gelu::Tanh).unwrap(), plain.gelu("tanh"));
            near(linear_onto(&to, &x, &weight, &bias, None).unwrap(), &to + &plain);
            near(linear_onto(&to, &x, &weight, &bias, Some(&scale)).unwrap(), &to + &plain * &scale);
            if shape.len() == 2 {
                // Rows that do not lie one behind the other.
                let turned = to.tr().contiguous().tr();
                near(linear_onto(&turned, &x, &weight, &bias, Some(&scale)).unwrap(), &to + &plain * &scale);
            }
        }
    }
}

#[test]
fn what_follows_a_linear_map_has_gradients_where_they_are_on() {
    let [x, to] = [1.0, 3.0].map(|value| Tensor::full([4, 6], value, (Kind::Float, Device::Cpu)));
    let weight = Tensor::full([6, 6], 0.5, (Kind::Float, Device::Cpu)).set_requires_grad(true);
    let [bias, scale] = [0.0, 2.0].map(|value| Tensor::full([6], value, (Kind::Float, Device::Cpu)));
    let added = linear_onto(&to, &x, &weight, &bias, Some(&scale)).unwrap();
    assert_eq!(Vec::<f32>::try_from(added.detach().flatten(0, -1)).unwrap(), [9.0; 24]);
    added.sum(Kind::Float).backward();
    assert_eq!(Vec::<f32>::try_from(weight.grad().flatten(0, -1)).unwrap(), [8.0; 36]);
    assert!(linear_gelu(&x, &weight, Some(&bias), Gelu::Exact).unwrap().requires_grad());
    let other = to.set_requires_grad(true);
    let frozen = weight.detach();
    linear_onto(&other, &x, &frozen, &bias, None).unwrap().sum(Kind::Float).backward();
    assert_eq!(Vec::<f32>::try_from(other.grad().flatten(0, -1)).unwrap(), [1.0; 24]);
}

#[test]
fn a_linear_map_has_gradients_where_they_are_on() {
    let x = Tensor::ones([4, 6], (Kind::Float, Device::Cpu));
    let weight = Tensor::full([2, 6], 0.5, (Kind::Float, Device::Cpu)).set_requires_grad(true);
    linear(&x, &weight, None).unwrap().sum(Kind::Float).backward();
    assert_eq!(Vec::<f32>::try_from(weight.grad().flatten(0, -1)).unwrap(), [4.0; 12]);
    let without = tch::no_grad(|| linear(&x, &weight, None).unwrap());
    assert!(!without.requires_grad());
    assert_eq!(Vec::<f32>::try_from(without.flatten(0, -1)).unwrap(), [3.0; 8]);
}

#[test]
fn a_linear_map_of_other_widths_is_an_error() {
    let x = Tensor::ones([4, 6], (Kind::Float, Device::Cpu));
    let weight = Tensor::ones([2, 5], (Kind::Float, Device::Cpu));
    assert!(linear(&x, &weight, None).is_err());
    assert!(
        linear(
            &x,
            &Tensor::ones([2, 6], (Kind::Float, Device::Cpu)),
            Some(&Tensor::ones([3], (Kind::Float, Device::Cpu)))
        )
        .is_err()
    );
}
