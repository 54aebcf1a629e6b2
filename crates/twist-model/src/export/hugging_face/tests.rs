use tch::{Device, Kind, Tensor};
use twist_nn::FeatureKind;

use twist_data::Interpolation;

use super::*;
use crate::export::export;
use crate::export::tests::model;
use crate::{Foreign, ImportOptions};

/// A network of each class, with a side at which its table of positions is not stretched.
const NETWORKS: [(&str, u32, &str); 12] = [
    ("resnet18", 64, "ResNetModel"),
    ("resnet_bottleneck_1_2_1_1", 64, "ResNetModel"),
    ("convnext_8_1_1_2_1", 64, "ConvNextModel"),
    ("vit_48x2x4p8_32", 32, "ViTModel"),
    ("dinov2_48x2x3p8_32", 32, "Dinov2Model"),
    ("dinov2_48x2x3m128gp8_32", 32, "Dinov2Model"),
    ("dinov2_48x2x3p8_reg2_32", 32, "Dinov2WithRegistersModel"),
    ("dinov3_48x2x3p8_reg2", 32, "DINOv3ViTModel"),
    ("dinov3_48x2x3gp8", 32, "DINOv3ViTModel"),
    ("clip_48x2x3p8_32", 32, "CLIPVisionModelWithProjection"),
    ("openclip_48x2x3p8_32_class", 32, "CLIPVisionModel"),
    ("siglip2_48x2x3p8_32", 32, "SiglipVisionModel"),
];

fn images(side: u32) -> Tensor {
    let _numbers = torch_ext::RandomNumbers::seeded(3);
    Tensor::rand([2, 3, side.into(), side.into()], (Kind::Float, Device::Cpu))
}

fn json_in(path: &Path) -> Value {
    serde_json::from_str(&fs_err::read_to_string(path).unwrap()).unwrap()
}

/// The model that import makes of a folder.
fn imported(folder: &Path) -> Model {
    let out = folder.with_extension("safetensors");
    Foreign::open(folder).unwrap().import(&ImportOptions::default(), None, &out).unwrap().0.model
}

fn same_features(model: &Model, again: &Model, side: u32) -> bool {
    let features = |model: &Model| model.features(&images(side), FeatureKind::Last).unwrap();
    features(model) == features(again)
}

#[test]
fn what_was_exported_is_imported_as_it_was() {
    let place = tempfile::tempdir().unwrap();
    for (arch, side, class) in NETWORKS {
        let (model, path) = (model(arch, side), place.path().join(arch));
        let files = super::write(&model, &ExportOptions::default(), &path).unwrap();
        assert_eq!(files, FILES.map(|file| path.join(file)), "{arch}");
        assert_eq!(json_in(&path.join(CONFIG))["architectures"], json!([class]), "{arch}");
        let again = imported(&path);
        let card = ModelCard { origin: model.card.origin.clone(), ..again.card.clone() };
        assert_eq!(card, model.card, "{arch}");
        assert!(same_features(&model, &again, side), "{arch}");
        let features = model.features(&images(side), FeatureKind::Last).unwrap();
        let classes = |model: &Model| model.head_probabilities(&features).unwrap();
        assert_eq!(classes(&model), classes(&again), "{arch}");
    }
}

#[test]
fn a_table_that_transformers_would_stretch_otherwise_is_stretched_here() {
    let place = tempfile::tempdir().unwrap();
    for (arch, written) in
        [("dinov2_48x2x3p8_32", 24), ("vit_48x2x4p8_32", 24), ("dinov2_48x2x3p8_reg2_32", 32)]
    {
        let (model, path) = (model(arch, 24), place.path().join(arch));
        super::write(&model, &ExportOptions::default(), &path).unwrap();
        assert_eq!(json_in(&path.join(CONFIG))["image_size"], written, "{arch}");
        let readme = fs_err::read_to_string(path.join(README)).unwrap();
        assert_eq!(readme.contains("table of positions"), written == 24, "{readme}");
        assert!(same_features(&model, &imported(&path), 24), "{arch}");
    }
}

#[test]
fn images_are_described_as_the_card_says() {
    let mut card = model("resnet18", 64).card;
    card.transform = twist_data::EvalTransform::new(80, 64, Interpolation::Bicubic);
    let said = processor(&card).unwrap();
    assert_eq!((&said["size"]["shortest_edge"], &said["crop_size"]["height"]), (&json!(80), &json!(64)));
    assert_eq!((&said["resample"], &said["image_mean"]), (&json!(3), &json!([0.5, 0.4, 0.3])));
    card.transform = twist_data::EvalTransform::new(64, 64, Interpolation::Bilinear).with_whole(true);
    assert_eq!(processor(&card).unwrap()["size"], json!({ "height": 64, "width": 64 }));
    card.transform = twist_data::EvalTransform::new(80, 64, Interpolation::Bilinear).with_whole(true);
    assert!(processor(&card).unwrap_err().contains("80"));
}

#[test]
fn what_has_no_place_there_is_refused_and_nothing_is_left() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("model");
    let refused =
        |model: &Model| super::write(model, &ExportOptions::default(), &path).unwrap_err().to_string();
    for (arch, side) in [
        ("resnet18_cifar", 32),
        ("resnet_bottleneck128_1_1_1_1", 64),
        ("resnet20", 32),
        ("efficientnet_lite0", 64),
        ("mocov3_48x2x3p8_32", 32),
        ("vit_48x2x3p8_32_avg", 32),
        ("vit_48x2x3gp8_32", 32),
        ("dinov2_48x2x3m100p8_32", 32),
    ] {
        let error = refused(&model(arch, side));
        assert!(error.contains(arch) && error.contains("--to onnx"), "{error}");
    }
    assert!(refused(&heads_alone(place.path())).contains("no backbone"));
    assert_eq!(files_in(place.path()).unwrap(), ["heads.safetensors"]);
}

fn heads_alone(folder: &Path) -> Model {
    let path = folder.join("heads.safetensors");
    write_heads(&model("resnet18", 64), &path).unwrap();
    Model::load(&path, Device::Cpu).unwrap()
}

#[test]
fn a_folder_with_files_of_others_is_not_replaced() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("model");
    let network = model("resnet18", 64);
    let write = || super::write(&network, &ExportOptions::default(), &path);
    write().unwrap();
    fs_err::write(path.join(README), "mine").unwrap();
    write().unwrap();
    assert!(fs_err::read_to_string(path.join(README)).unwrap().contains("license: other"));
    fs_err::write(path.join("thesis.tex"), "precious").unwrap();
    let error = write().unwrap_err().to_string();
    assert!(error.contains("thesis.tex") && path.join("thesis.tex").exists(), "{error}");
}

#[test]
fn a_head_of_other_features_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("model");
    super::write(&model("resnet18", 64), &ExportOptions::default(), &path).unwrap();
    export(&model("vit_48x2x3p8_32", 32), &path.join("other.safetensors")).unwrap();
    fs_err::rename(path.join("other.safetensors"), path.join(HEADS)).unwrap();
    let out = place.path().join("out.safetensors");
    let error = Foreign::open(&path).unwrap().import(&ImportOptions::default(), None, &out).unwrap_err();
    assert!(error.to_string().contains(HEADS), "{error}");
    assert!(!out.exists());
}
