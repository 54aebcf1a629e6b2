//! Lists of tensors, gradients, bytes and layouts.

use tch::{Device, Kind, Tensor};
use torch_ext::fused::{self, AdamW, Sgd};
use torch_ext::{TorchError, foreach, grad, host, layout};

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
    assert_eq!(vectors(&foreach::sqrt(&list(&[&[4.0]])).unwrap()), [[2.0]]);
    assert_eq!(vectors(&foreach::add(&a, &b, 2.0).unwrap()), [vec![5.0, 8.0], vec![11.0]]);
    assert_eq!(vectors(&foreach::mul(&a, &b).unwrap()), [vec![3.0, 8.0], vec![5.0]]);
    assert_eq!(vectors(&foreach::div(&a, &b).unwrap()), [vec![3.0, 2.0], vec![0.2]]);
    assert_eq!(vectors(&foreach::mul_scalar(&a, -1.0).unwrap()), [vec![-3.0, -4.0], vec![-1.0]]);

    let c = list(&[&[3.0, 4.0], &[1.0]]);
    foreach::add_(&c, &b, 1.0).unwrap();
    foreach::sub_(&c, &b, 0.5).unwrap();
    assert_eq!(vectors(&c), [vec![3.5, 5.0], vec![3.5]]);
    foreach::mul_(&c, &b).unwrap();
    foreach::div_(&c, &list(&[&[0.5, 2.0], &[7.0]])).unwrap();
    assert_eq!(vectors(&c), [vec![7.0, 5.0], vec![2.5]]);
    foreach::add_scalar_(&c, 1.0).unwrap();
    foreach::mul_scalar_(&c, 0.5).unwrap();
    assert_eq!(vectors(&c), [vec![4.0, 3.0], vec![1.75]]);
    foreach::mul_tensor_(&c, &Tensor::from(2f32)).unwrap();
    foreach::mul_scalars_(&c, &[0.5, 4.0]).unwrap();
    assert_eq!(vectors(&c), [vec![4.0, 3.0], vec![14.0]]);
    foreach::lerp_(&c, &b, 0.5).unwrap();
    assert_eq!(vectors(&c), [vec![2.5, 2.5], vec![9.5]]);
    foreach::addcmul_(&c, &a, &b, 1.0).unwrap();
    foreach::addcdiv_(&c, &a, &b, -1.0).unwrap();
    assert_eq!(vectors(&c), [vec![2.5, 8.5], vec![14.3]]);
    foreach::copy_(&c, &a).unwrap();
    assert_eq!(vectors(&c), vectors(&a));
    foreach::zero_(&c).unwrap();
    assert_eq!(vectors(&c), [vec![0.0, 0.0], vec![0.0]]);
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

#[test]
fn gradients_are_read_set_and_taken_away() {
    let weight = Tensor::from_slice(&[1f32, 2.0]).set_requires_grad(true);
    let all = [weight.shallow_clone()];
    assert!(matches!(grad::of(&all), Err(TorchError::NoGradient { index: 0, count: 1 })));
    assert!(grad::try_of(&all).unwrap()[0].is_none());

    let output = &weight * &weight;
    grad::backward(&output, &Tensor::from_slice(&[1f32, 10.0])).unwrap();
    assert_eq!(vectors(&grad::of(&all).unwrap()), [[2.0, 40.0]]);
    grad::set(&all, &list(&[&[7.0, 8.0]])).unwrap();
    assert_eq!(vectors(&grad::of(&all).unwrap()), [[7.0, 8.0]]);
    grad::clear(&all).unwrap();
    assert!(grad::try_of(&all).unwrap()[0].is_none());
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
fn layouts_keep_values() {
    let images = Tensor::randn([2, 3, 4, 5], (Kind::Float, Device::Cpu));
    let inner = layout::channels_last(&images).unwrap();
    assert!(layout::is_channels_last(&inner).unwrap() && !layout::is_channels_last(&images).unwrap());
    assert_eq!(inner, images);
    assert!(layout::channels_last(&Tensor::zeros([3], (Kind::Float, Device::Cpu))).is_err());
}
