//! Another implementation of ONNX reads what is written, and computes what the model computes.

use proptest::prelude::*;
use tch::{Device, Kind, Tensor};
use tract_onnx::pb::ModelProto;
use tract_onnx::prelude::*;
use twist_io::HostTensor;
use twist_nn::Mode;

use super::*;
use crate::export::tests::model;

/// Weights, biases and statistics that all matter.
fn randomised(model: Model) -> Model {
    let _numbers = torch_ext::RandomNumbers::seeded(5);
    tch::no_grad(|| {
        for entry in model.store.entries() {
            let mut tensor = entry.tensor.shallow_clone();
            if entry.name.ends_with("running_var") {
                let _ = tensor.uniform_(0.5, 1.5);
            } else if tensor.dim() <= 1 && tensor.kind() == Kind::Float {
                let _ = tensor.uniform_(0.2, 0.8);
            }
        }
    });
    model
}

/// The outputs of the file in tract, in its order.
fn in_tract(path: &Path, images: &Tensor) -> Vec<Tensor> {
    let shape: Vec<usize> = images.size().iter().map(|&axis| axis as usize).collect();
    let flat = images.flatten(0, -1);
    let input = match images.kind() {
        Kind::Uint8 => tract_onnx::prelude::Tensor::from_shape(&shape, &Vec::<u8>::try_from(flat).unwrap()),
        _ => tract_onnx::prelude::Tensor::from_shape(&shape, &Vec::<f32>::try_from(flat).unwrap()),
    };
    let plan =
        tract_onnx::onnx().model_for_path(path).unwrap().into_optimized().unwrap().into_runnable().unwrap();
    let outputs = plan.run(tvec!(input.unwrap().into())).unwrap();
    let read = |value: &TValue| {
        let shape: Vec<i64> = value.shape().iter().map(|&axis| axis as i64).collect();
        Tensor::from_slice(value.try_as_plain_ram().unwrap().as_slice::<f32>().unwrap())
            .view(shape.as_slice())
    };
    outputs.iter().map(read).collect()
}

fn far(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    (a - b).abs().max().double_value(&[]) / b.abs().max().double_value(&[])
}

#[test]
fn tract_computes_what_the_model_computes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let networks = [
        ("resnet18", 64),
        ("resnet_bottleneck_1_1_1_1", 64),
        ("resnet18_cifar", 32),
        ("resnet20", 32),
        ("convnext_8_1_1_2_1", 64),
        ("efficientnet_lite0", 64),
        ("vit_48x2x3", 32),
        ("mocov3_48x2x3p16", 32),
        ("dinov2_48x2x3p14_reg4", 42),
        ("dinov3_48x2x3p16", 32),
        ("clip_48x2x3p16_32", 32),
        ("siglip2_48x2x3p16_32", 32),
    ];
    for (arch, side) in networks {
        let model = randomised(model(arch, side));
        for (batch, bytes, most_inside) in [(1, false, MOST_INSIDE), (7, true, 0)] {
            let options = ExportOptions { bytes, ..ExportOptions::default() };
            let (file, weights) = built(&model, &options).unwrap();
            save(file, weights, &path, most_inside).unwrap();
            let side = i64::from(side);
            let pixels = Tensor::randint(256, [batch, side, side, 3], (Kind::Uint8, Device::Cpu));
            let statistics =
                |numbers: [f64; 3]| Tensor::from_slice(&numbers).view([3, 1, 1]).to_kind(Kind::Float);
            let real = pixels.permute([0, 3, 1, 2]).to_kind(Kind::Float) / 255.0;
            let images = (real - statistics(model.card.mean)) / statistics(model.card.std);
            let features = model.backbone().unwrap().forward(&images, Mode::Eval).unwrap();
            let probabilities = model.head_probabilities(&features).unwrap();
            let found = in_tract(&path, if bytes { &pixels } else { &images });
            assert_eq!(found.len(), 2, "{arch}");
            for (what, found, expected) in
                [("features", &found[0], &features), ("probabilities", &found[1], &probabilities)]
            {
                let far = far(found, expected);
                assert!(far < 1e-4, "{arch}, {what} of {batch} images: {far}");
            }
        }
    }
}

#[test]
fn tract_divides_split_classes_as_the_model_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let card = |class, children: &[u32]| crate::SplitCard {
        class,
        children: children.to_vec(),
        hidden_dim: 8,
        activation: twist_nn::Activation::Relu,
        norm: true,
    };
    // The first class, the last one, and one between; a child is split again.
    let splits = vec![card(0, &[5, 0]), card(5, &[5, 6, 7]), card(2, &[8, 2])];
    let mut described = model("resnet18_cifar", 32).card;
    described.head.as_mut().unwrap().splits = splits;
    let model = randomised(Model::new(described, Device::Cpu, 4).unwrap());
    let (file, weights) = built(&model, &ExportOptions::default()).unwrap();
    save(file, weights, &path, MOST_INSIDE).unwrap();
    let images = Tensor::randn([3, 3, 32, 32], (Kind::Float, Device::Cpu));
    let features = model.backbone().unwrap().forward(&images, Mode::Eval).unwrap();
    let expected = model.head_probabilities(&features).unwrap();
    let found = &in_tract(&path, &images)[1];
    assert_eq!(found.size(), [3, 9]);
    let far = far(found, &expected);
    assert!(far < 1e-4, "{far}");
}

fn weight() -> impl Strategy<Value = HostTensor> {
    (prop::sample::select(vec![Dtype::F32, Dtype::I64]), prop::collection::vec(0usize..5, 0..4))
        .prop_flat_map(|(dtype, shape)| {
            let bytes = dtype.size() * shape.iter().product::<usize>();
            prop::collection::vec(any::<u8>(), bytes)
                .prop_map(move |data| HostTensor::new(dtype, shape.clone(), data).unwrap())
        })
}

proptest! {
    // Each case waits for the disk twice.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn weights_come_back(weights in prop::collection::vec(weight(), 0..6), beside in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        let named: Vec<(String, HostTensor)> =
            weights.into_iter().enumerate().map(|(index, weight)| (format!("w.{index}ü"), weight)).collect();
        let total: usize = named.iter().map(|(_, weight)| weight.data.len()).sum();
        let most_inside = if beside { total.saturating_sub(1) } else { total };
        let files = save(messages::Model::default(), named.clone(), &path, most_inside).unwrap();
        prop_assert_eq!(files.len(), 1 + usize::from(total > most_inside));

        let file = ModelProto::decode(&*fs_err::read(&path).unwrap()).unwrap();
        let found = file.graph.unwrap().initializer;
        prop_assert_eq!(found.len(), named.len());
        for (found, (name, weight)) in found.iter().zip(&named) {
            let told = |key: &str| found.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str());
            let data = match told("location") {
                None => found.raw_data.clone(),
                Some(location) => {
                    let all = fs_err::read(folder.path().join(location)).unwrap();
                    let [offset, length] = ["offset", "length"].map(|key| told(key).unwrap().parse::<usize>().unwrap());
                    prop_assert_eq!(offset % ALIGNMENT, 0);
                    all[offset..offset + length].to_vec()
                }
            };
            prop_assert_eq!(&found.name, name);
            prop_assert_eq!(found.data_type, if weight.dtype == Dtype::I64 { INT64 } else { FLOAT });
            prop_assert_eq!(&found.dims, &weight.shape.iter().map(|&axis| axis as i64).collect::<Vec<_>>());
            prop_assert_eq!(&data, &weight.data);
        }
    }
}
