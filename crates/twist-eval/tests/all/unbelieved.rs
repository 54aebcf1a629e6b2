//! Cards and weights that claim what is not so: refused with the file, before memory is taken, in words.

use std::path::Path;
use std::time::Instant;

use proptest::prelude::*;
use serde_json::{Value, json};
use tch::{Device, Tensor};
use torch_ext::Precision;
use twist_data::EvalTransform;
use twist_eval::EvalData;
use twist_io::{HostTensor, IoError, StateDict, load_safetensors, save_safetensors};
use twist_model::{
    BackboneCard, ClassifierCard, HeadCard, ImportOptions, Model, ModelCard, ModelError, Weights, export,
    import,
};
use twist_nn::{Activation, Arch, BackboneConfig, FeatureKind, NetConfig, Store, TwistNet};

use crate::pictures::labelled;
use crate::support::{facts, net, plan};

fn card() -> ModelCard {
    ModelCard {
        backbone: Some(BackboneCard { arch: "resnet18_cifar".parse().unwrap(), width: 4 }),
        feature_dim: 32,
        head: Some(HeadCard {
            hidden_dim: 8,
            dim: 5,
            activation: Activation::Relu,
            norm: true,
            splits: Vec::new(),
        }),
        classifier: Some(ClassifierCard {
            classes: 2,
            names: vec!["black".into(), "white".into()],
            temperature: Some(1.0),
        }),
        mean: [0.5; 3],
        std: [0.25; 3],
        transform: EvalTransform::new(16, 16, Default::default()),
        precision: Precision::Fp32,
        feature_scaling: Default::default(),
        origin: "made by a test".into(),
    }
}

/// What opening a file with these metadata says; in seconds, with the file's name, and not in libtorch's words.
#[track_caller]
fn refused(path: &Path, state: &StateDict, metadata: &Value) -> String {
    save_safetensors(path, state, Some(metadata)).unwrap();
    let begin = Instant::now();
    let text = Model::load(path, Device::Cpu).unwrap_err().to_string();
    assert_eq!(Weights::open(path).unwrap_err().to_string(), text, "`twist import` believes no more");
    assert!(begin.elapsed().as_secs() < 10, "{:?}: {text}", begin.elapsed());
    assert!(text.contains("claims.safetensors") && text.len() < 4000, "{text}");
    assert!(!text.contains("Exception raised") && !text.contains("frame #"), "{text}");
    text
}

#[test]
fn every_number_of_a_card_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("claims.safetensors");
    let state = Model::new(card(), Device::Cpu, 7).unwrap().store.state_dict().unwrap();
    let vast = "x".repeat(1 << 20);
    let cases: Vec<(&str, Value, &str)> = vec![
        ("/backbone/width", json!(100_000), "`width` must be at most 65536"),
        ("/backbone/width", json!(1i64 << 54), "`width` must be at most"),
        ("/backbone/width", json!(65_536), "more than 2147483648 parameters"),
        ("/backbone/width", json!(256), "the card says 32"),
        ("/backbone/width", json!(-1), "at least 1"),
        ("/backbone/arch", json!("vit_8x1000000000000x2"), "unknown architecture"),
        ("/backbone", json!({ "arch": "vit_65536x1024x1", "width": 64 }), "parameters"),
        ("/backbone/arch", json!("vit_t"), "`width` is 4: vit_t has a fixed width"),
        ("/backbone/arch", json!("resnet_bottleneck65535_255_255_255_255"), "parameters|features"),
        ("/backbone/arch", json!(vast), "unknown architecture"),
        ("/backbone/arch", json!([[[]]]), "invalid type"),
        ("/feature_dim", json!(i64::MAX), "feature_dim"),
        ("/feature_dim", json!(33), "the card says 33"),
        ("/feature_dim", json!(0), "feature_dim"),
        ("/head/dim", json!(1i64 << 40), "`dim` must be at most"),
        ("/head/dim", json!(1 << 20), "of another shape"),
        ("/head/hidden_dim", json!(1i64 << 62), "`hidden_dim` must be at most"),
        ("/head/activation", json!(vast), "unknown variant"),
        ("/classifier/classes", json!(1i64 << 62), "classes is"),
        ("/classifier/classes", json!(1), "names of classes"),
        ("/classifier/classes", json!(3), "of another shape"),
        ("/classifier/temperature", json!(0.0), "temperature is 0e0"),
        ("/classifier/temperature", json!(-1.0), "temperature is"),
        ("/std/0", json!(0.0), "std is 0e0"),
        ("/std/1", json!(1e-300), "std is 1e-300"),
        ("/mean/2", json!(1e308), "mean is 1e308"),
        ("/transform/crop", json!(4097), "4096"),
        ("/transform/crop", json!(0), "crop"),
        ("/transform", json!({ "resize": 4096, "crop": 2049 }), "at most 2048"),
        ("/transform/resize", json!(8), "resize"),
    ];
    for (place, value, word) in cases {
        let mut card = serde_json::to_value(card()).unwrap();
        *card.pointer_mut(place).unwrap() = value;
        let text = refused(&path, &state, &json!({ "twist_model": card }));
        assert!(word.split('|').any(|word| text.contains(word)), "{place}: {word}: {text}");
    }
}

#[test]
fn the_recipe_of_a_checkpoint_is_believed_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("claims.safetensors");
    let data = EvalData::new(labelled(10, 0), None).unwrap();
    let plan = plan(&data);
    let mut state = StateDict::default();
    state.extend_prefixed("model.", net(&plan).store.state_dict().unwrap());
    let facts = facts(&plan);
    let with = |place: &str, value: Value| {
        let mut facts = facts.clone();
        *facts.pointer_mut(place).unwrap() = value;
        facts
    };
    for (place, value) in [
        ("/recipe/model/width", json!(1i64 << 40)),
        ("/recipe/model/dim", json!(1i64 << 40)),
        ("/recipe/model/hidden_dim", json!(1 << 20)),
        ("/recipe/model/arch", json!("vit_65536x1024x1")),
        ("/recipe/model/arch", json!("nothing")),
        ("/std/0", json!(0.0)),
        ("/crop", json!(1 << 20)),
    ] {
        refused(&path, &state, &with(place, value));
    }
    // An axis of nothing claims any width.
    let first = state.0.iter_mut().find(|(name, _)| name.ends_with("projection_head.0.weight")).unwrap();
    first.1 = HostTensor::new(first.1.dtype, vec![0, 1 << 54], Vec::new()).unwrap();
    refused(&path, &state, &facts);
}

/// Numbers that a card may claim.
fn number() -> impl Strategy<Value = i64> {
    let few = [
        i64::MIN,
        -1,
        0,
        1,
        2,
        4,
        8,
        32,
        512,
        1 << 12,
        1 << 16,
        1 << 20,
        (1 << 20) + 1,
        1 << 31,
        1 << 54,
        i64::MAX,
    ];
    prop::sample::select(few.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a card claims, the answer is an error or a network of a bounded size, and neither takes memory.
    #[test]
    fn any_card_is_answered(
        arch in prop::sample::select(vec![
            "resnet18", "resnet20", "resnet152", "vit_t", "resnet_basic_1_1_1_1", "resnet_bottleneck1_1_1_1_1", "vit_48x2x3p7",
            "resnet_bottleneck65535_255_255_255_255", "vit_65536x1x65536", "vit_8x1024x8p224",
        ]),
        [width, features, hidden, dim, classes] in prop::array::uniform5(number()),
        parts in prop::array::uniform3(any::<bool>()),
        [mean, std] in prop::array::uniform2(prop::sample::select(vec![-1.0, 0.0, 1e-4, 0.5, 1.0, 1e308])),
        crop in prop::sample::select(vec![0u32, 1, 16, 224, 4096, 4097, u32::MAX]),
    ) {
        let [with_backbone, with_head, with_classifier] = parts;
        let arch: Arch = arch.parse().unwrap();
        let features = if with_backbone { arch.kind().feature_dim(width.clamp(0, 1 << 16)) } else { features };
        let card = ModelCard {
            backbone: with_backbone.then_some(BackboneCard { arch, width }),
            feature_dim: features,
            head: with_head.then_some(HeadCard { hidden_dim: hidden, dim, activation: Activation::Gelu, norm: true, splits: Vec::new() }),
            classifier: with_classifier.then_some(ClassifierCard { classes, names: Vec::new(), temperature: None }),
            mean: [mean; 3],
            std: [std; 3],
            transform: EvalTransform::new(crop, crop, Default::default()),
            ..card()
        };
        if let Ok(shapes) = card.shapes() {
            let numbers: u128 =
                shapes.iter().map(|(_, shape)| shape.iter().map(|&axis| axis as u128).product::<u128>()).sum();
            prop_assert!(numbers <= 1 << 31);
        }
    }
}

/// The tensors of a network without a head, under these names.
fn tensors(arch: &str, width: i64, name: impl Fn(&str) -> String) -> StateDict {
    let mut store = Store::new(Device::Cpu, 5);
    let config = BackboneConfig::new(arch.parse().unwrap()).with_width(width);
    let _ = config.build(&mut store.builder("")).unwrap();
    StateDict(
        store.state_dict().unwrap().0.into_iter().map(|(known, tensor)| (name(&known), tensor)).collect(),
    )
}

fn scalar() -> HostTensor {
    HostTensor::from_slice(vec![1], &[0.5f32]).unwrap()
}

fn small_vit() -> ImportOptions {
    ImportOptions { arch: Some("vit_48x2x3".parse().unwrap()), ..ImportOptions::default() }
}

#[test]
fn a_tensor_that_changes_the_computation_is_never_left_over() {
    let vit = || tensors("vit_48x2x3", 64, str::to_owned);
    for name in [
        "blocks.0.ls1.gamma",
        "blocks.1.attn.q_norm.weight",
        "register_tokens",
        "dist_token",
        "fc_norm.weight",
    ] {
        let mut state = vit();
        state.push(name, scalar());
        let error = import(state, &small_vit()).unwrap_err();
        assert!(error.to_string().starts_with("the network computes with tensors that"), "{error}");
        assert!(error.to_string().contains(name) && error.to_string().contains("vit_48x2x3"), "{error}");
    }
    let mut resnet = tensors("resnet18", 8, |name| format!("module.{name}"));
    resnet.push("module.layer1.0.se.fc1.weight", scalar());
    let error = import(resnet, &ImportOptions::default()).unwrap_err().to_string();
    assert!(error.contains("module.layer1.0.se.fc1.weight"), "the file's own name: {error}");

    let mut state = vit();
    for name in ["mask_token", "head.mlp.0.weight", "queue_ptr", "momentum_encoder.cls_token"] {
        state.push(name, scalar());
    }
    assert_eq!(import(state, &small_vit()).unwrap().report.unused.len(), 4);
}

#[test]
fn networks_behind_other_names_are_the_same_networks() {
    let images = Tensor::ones([1, 3, 224, 224], (tch::Kind::Float, Device::Cpu));
    let features = |state: StateDict, options: &ImportOptions| {
        import(state, options).unwrap().model.features(&images, FeatureKind::Last).unwrap()
    };
    let plain = features(tensors("vit_48x2x3", 64, str::to_owned), &small_vit());
    let chunked = |name: &str| match name.strip_prefix("blocks.") {
        Some(block) => format!("blocks.0.{block}"),
        None => name.to_owned(),
    };
    let mut pair = tensors("vit_48x2x3", 64, |name| format!("teacher.backbone.{}", chunked(name)));
    pair.push("teacher.dino_head.mlp.0.weight", scalar());
    let student = tensors("vit_48x2x3", 64, |name| format!("student.backbone.{name}"));
    pair.0.extend(student.0.into_iter().map(|(name, _)| (name, scalar())));
    let moco = tensors("vit_48x2x3", 64, |name| format!("module.base_encoder.{name}"));
    for state in [pair, moco] {
        assert_eq!(features(state, &small_vit()), plain);
    }

    let resnet = features(tensors("resnet18", 8, str::to_owned), &ImportOptions::default());
    let numbered = tensors("resnet18", 8, |name| {
        let (module, part) = name.split_once('.').unwrap();
        let number = ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"];
        format!("backbone.{}.{part}", number.iter().position(|known| *known == module).unwrap())
    });
    assert_eq!(features(numbered, &ImportOptions::default()), resnet);
}

#[test]
fn heads_of_old_released_checkpoints_are_read() {
    let config = NetConfig::new("resnet18".parse().unwrap()).with_width(8).with_head(16, 6);
    let state = TwistNet::new(&config, Device::Cpu, 3).unwrap().store.state_dict().unwrap();
    let rename = |name: String| {
        name.replace("projection_heads.last_linear.", "projection_heads.cls_heads.0.0.")
            .replace("projection_heads.norm.", "projection_heads.cls_heads.0.1.")
    };
    let old = StateDict(state.0.clone().into_iter().map(|(name, tensor)| (rename(name), tensor)).collect());
    let (old, new) =
        (import(old, &ImportOptions::default()).unwrap(), import(state, &ImportOptions::default()).unwrap());
    assert_eq!(
        old.model.card.head,
        Some(HeadCard {
            hidden_dim: 16,
            dim: 6,
            activation: Activation::Relu,
            norm: true,
            splits: Vec::new()
        })
    );
    assert!(old.report.unused.is_empty(), "{}", old.report);
    assert_eq!(old.model.store.state_dict().unwrap(), new.model.store.state_dict().unwrap());
}

/// A state with one number of a tensor exchanged.
fn with_number(mut state: StateDict, name: &str, number: f32) -> StateDict {
    let tensor = &mut state.0.iter_mut().find(|(known, _)| known == name).unwrap().1;
    tensor.data[4..8].copy_from_slice(&number.to_le_bytes());
    state
}

#[test]
fn numbers_that_are_not_finite_are_refused_with_their_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("claims.safetensors");
    let state = Model::new(card(), Device::Cpu, 7).unwrap().store.state_dict().unwrap();
    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let bad = with_number(state.clone(), "backbone.layer1.0.conv1.weight", number);
        let text = refused(&path, &bad, &json!({ "twist_model": card() }));
        assert!(
            text.contains("`backbone.layer1.0.conv1.weight`: 1 of 144 numbers are NaN or infinite"),
            "{text}"
        );

        let foreign = tensors("resnet20", 64, |name| format!("module.{name}"));
        let bad = with_number(foreign, "module.layer2.1.conv1.weight", number);
        let error = import(bad, &ImportOptions::default()).unwrap_err();
        assert!(error.to_string().contains("`module.layer2.1.conv1.weight`"), "{error}");
    }
    // What is not taken over may be anything.
    let mut state = tensors("resnet20", 64, str::to_owned);
    state.push("optimizer.exp_avg", HostTensor::from_slice(vec![1], &[f32::NAN]).unwrap());
    assert!(import(state, &ImportOptions::default()).is_ok());
}

#[test]
fn numbers_that_cannot_be_weights_are_refused_with_their_tensor() {
    let foreign = || tensors("resnet20", 64, |name| format!("module.{name}"));
    let place = |state: &mut StateDict, name: &str| {
        state.0.iter().position(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}"))
    };
    let mut quantised = foreign();
    let at = place(&mut quantised, "module.layer2.1.conv1.weight");
    let shape = quantised.0[at].1.shape.clone();
    let numbers = vec![1; shape.iter().product()];
    quantised.0[at].1 = HostTensor::new(twist_io::Dtype::I8, shape, numbers).unwrap();
    let error = import(quantised, &ImportOptions::default()).unwrap_err().to_string();
    assert!(error.contains("`module.layer2.1.conv1.weight`") && error.contains("without a scale"), "{error}");
    let bad = with_number(foreign(), "module.layer2.1.bn1.running_var", -0.5);
    let error = import(bad, &ImportOptions::default()).unwrap_err().to_string();
    assert!(error.contains("`module.layer2.1.bn1.running_var`") && error.contains("below 0"), "{error}");
}

#[test]
fn finite_weights_that_give_no_numbers_are_refused_as_well() {
    let mut model = Model::new(card(), Device::Cpu, 7).unwrap();
    let bad = with_number(model.store.state_dict().unwrap(), "backbone.layer4.1.bn2.weight", f32::MAX);
    let bad = with_number(bad, "backbone.layer4.1.bn2.bias", f32::MAX);
    model.store.load(&bad).unwrap();
    model.path = "loud.safetensors".into();
    let images = Tensor::ones([2, 3, 16, 16], (tch::Kind::Float, Device::Cpu)) * 1e30;
    let error = model.features(&images, FeatureKind::Last).unwrap_err();
    assert!(error.to_string().contains("that are NaN or infinite"), "{error}");
    assert!(error.to_string().contains("loud.safetensors"), "{error}");
    let rows = Tensor::full([1, 32], f64::from(f32::MAX), (tch::Kind::Float, Device::Cpu));
    assert!(
        model.classifier_logits(&(rows * 8)).unwrap_err().to_string().contains("that are NaN or infinite")
    );
}

#[test]
fn a_damaged_model_is_told_with_file_and_tensor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    export(&Model::new(card(), Device::Cpu, 7).unwrap(), &path).unwrap();
    let mut bytes = fs_err::read(&path).unwrap();
    let end = bytes.len();
    bytes[end - 1] ^= 0x40; // the exponent of the last number
    fs_err::write(&path, &bytes).unwrap();
    let error = Model::load(&path, Device::Cpu).unwrap_err();
    assert!(matches!(error, ModelError::Io(IoError::Checksum { .. })), "{error}");
    assert!(error.to_string().contains("a.safetensors") && error.to_string().contains("tensor `"), "{error}");
    assert!(load_safetensors(&path).is_err());
}
