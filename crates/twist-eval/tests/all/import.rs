//! Weights from elsewhere, against the outputs that they had where they come from.

use std::path::PathBuf;

use tch::{Device, Kind, Tensor};
use torch_ext::{DeviceRequest, Machine, Precision};
use twist_eval::{MatchedBy, classifier_scores};
use twist_io::{HostTensor, StateDict, load_safetensors, save_safetensors};
use twist_model::{EvalInput, FeatureCache, ImportOptions, Model, Weights, export, import};
use twist_nn::{Activation, BackboneConfig, FeatureKind, Mode, Store, tensor_from_host, tensor_to_host};

use crate::pictures::{Pictures, labelled};

/// `TWIST_REFERENCE`, else `tests/reference` of the workspace.
pub(super) fn reference(name: &str) -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference");
    std::env::var_os("TWIST_REFERENCE").map_or(own, PathBuf::from).join(name)
}

/// Two images of the reference rule with the folder's seed.
fn images(size: i64) -> Tensor {
    let seed = match fs_err::read_to_string(reference("seed")) {
        Ok(text) => text.trim().parse().expect("the file `seed` holds a number"),
        Err(_) => 0u64,
    };
    images_of(seed, size)
}

/// Two images of the reference rule, `[2, 3, size, size]`; the folder's README states it.
pub(super) fn images_of(seed: u64, size: i64) -> Tensor {
    let mut h = 0xcbf2_9ce4_8422_2325u64;
    for byte in format!("image.{seed}.{size}").bytes() {
        h = (h ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    }
    let values: Vec<f32> = (0..2 * 3 * (size * size) as u64)
        .map(|i| {
            let z = twist_io::splitmix(h.wrapping_add(i.wrapping_mul(twist_io::GOLDEN)));
            2.0 * ((z >> 40) as f64 / f64::from(1u32 << 24) * 2.0 - 1.0) as f32
        })
        .collect();
    Tensor::from_slice(&values).view([2, 3, size, size])
}

#[track_caller]
fn close(got: &Tensor, expected: &HostTensor, tolerance: f64, what: &str) {
    let expected = tensor_from_host(expected, Device::Cpu).unwrap().to_kind(Kind::Double);
    assert_eq!(got.size(), expected.size(), "{what}");
    let scale = expected.abs().max().double_value(&[]);
    let distance = (got.to_kind(Kind::Double) - &expected).abs().max().double_value(&[]) / scale;
    assert!(distance <= tolerance, "{what}: relative distance {distance:.3e} exceeds {tolerance:.0e}");
    assert!(scale > 0.0);
}

#[test]
fn released_checkpoints_say_what_they_said_in_pytorch() {
    let (outputs, _) = load_safetensors(reference("checkpoints/checkpoint_outputs.safetensors")).unwrap();
    // How many heads a transformer of no published size has is not in its tensors.
    let cases = [("resnet_tiny", None, 96), ("vit_micro", Some("vit_48x2x3"), 224)];
    for (name, arch, size) in cases {
        let arch = arch.map(|name| name.parse().unwrap());
        let mut weights = Weights::open(&reference(&format!("checkpoints/{name}.pth"))).unwrap();
        let key = weights.choose(arch).unwrap();
        assert_eq!(key, "model", "the most complete state dict");
        let activation = weights.activation();
        assert_eq!(activation, Some(if name == "vit_micro" { Activation::Gelu } else { Activation::Relu }));
        let options = ImportOptions { arch, activation, ..ImportOptions::default() };
        let imported = import(weights.state(&key).unwrap(), &options).unwrap();
        assert!(imported.report.is_complete() && imported.report.unused.is_empty(), "{}", imported.report);

        // Through a file, as every command gets it.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        export(&imported.model, &path).unwrap();
        let model = Model::load(&path, Device::Cpu).unwrap();
        assert_eq!(model.card, imported.model.card);
        let features = model.features(&images(size), FeatureKind::Last).unwrap();
        close(&features, outputs.get(&format!("{name}.feature")).unwrap(), 1e-5, name);
        let logits = tch::no_grad(|| model.head().unwrap().forward(&features, 1, Mode::Eval)).unwrap();
        close(&logits, outputs.get(&format!("{name}.logits")).unwrap(), 1e-5, name);

        // The bare backbone gives the same features.
        let mut bare = Weights::open(&reference(&format!("checkpoints/{name}_backbone_only.pth"))).unwrap();
        let key = bare.choose(arch).unwrap();
        let bare = import(bare.state(&key).unwrap(), &options).unwrap().model;
        assert!(bare.card.head.is_none());
        assert_eq!(bare.features(&images(size), FeatureKind::Last).unwrap(), features);
    }
}

#[test]
fn what_no_tensor_tells_must_be_said() {
    let weights = Weights::open(&reference("checkpoints/vit_micro.pth")).unwrap();
    let message = weights.choose(None).unwrap_err().to_string();
    assert!(message.contains("--arch vit_48x2xHEADS"), "{message}");
}

/// The tensors of a ResNet-20 with a classifier of `classes`, as DataParallel names them.
fn resnet20(classes: i64) -> StateDict {
    let mut store = Store::new(Device::Cpu, 5);
    let config = BackboneConfig::new("resnet20".parse().unwrap());
    let _ = config.build(&mut store.builder("")).unwrap();
    let mut state = StateDict::default();
    state.extend_prefixed("module.", store.state_dict().unwrap());
    let _numbers = torch_ext::RandomNumbers::seeded(1);
    let weight = Tensor::randn([classes, 64], (Kind::Float, Device::Cpu));
    state.push("module.linear.weight", tensor_to_host(&weight).unwrap());
    state.push("module.linear.bias", tensor_to_host(&weight.select(1, 0)).unwrap());
    state
}

#[test]
fn old_files_without_counters_of_batches_are_complete() {
    let mut state = resnet20(2);
    state.0.retain(|(name, _)| !name.ends_with("num_batches_tracked"));
    let imported = import(state, &ImportOptions::default()).unwrap();
    assert_eq!(imported.report.applied.len(), imported.model.store.entries().len());
    assert!(imported.notes.iter().any(|note| note.contains("19 counters")), "{:?}", imported.notes);
    let card = &imported.model.card;
    assert_eq!((card.feature_dim, card.precision), (64, Precision::Fp32));
    assert_eq!((card.transform.resize, card.transform.crop), (32, 32));
    assert_eq!(card.mean, [0.485, 0.456, 0.406]);
}

#[test]
fn a_file_that_is_not_whole_is_refused_with_a_report() {
    let mut state = resnet20(2);
    let place = state.0.iter().position(|(name, _)| name == "module.layer2.1.conv1.weight").unwrap();
    state.0[place].0 = "module.layer2.1.conv_1.weight".into();
    state.push("module.extra", HostTensor::from_slice(vec![1], &[1.0f32]).unwrap());
    let options = ImportOptions { arch: Some("resnet20".parse().unwrap()), ..ImportOptions::default() };
    let error = import(state, &options).unwrap_err().to_string();
    assert!(error.starts_with("the file does not hold a whole resnet20, and nothing was written"), "{error}");
    for name in
        ["backbone.layer2.1.conv1.weight", "did you mean `module.layer2.1.conv_1.weight`", "module.extra"]
    {
        assert!(error.contains(name), "{name}: {error}");
    }

    // A wide network of another kind has other shapes, which are told.
    let wrong = ImportOptions { arch: Some("resnet32".parse().unwrap()), ..ImportOptions::default() };
    let message = import(resnet20(2), &wrong).unwrap_err().to_string();
    assert!(message.contains("resnet32") && message.contains("missing"), "{message}");
}

#[test]
fn what_a_user_says_of_the_images_must_fit() {
    let options = ImportOptions { size: Some(40), resize: Some(20), ..ImportOptions::default() };
    let refused = |options: &ImportOptions| import(resnet20(2), options).unwrap_err().to_string();
    assert!(refused(&options).starts_with("the description of the model is wrong"));
    let names = vec!["a".to_string(); 3];
    let options = ImportOptions { class_names: names, ..ImportOptions::default() };
    assert!(refused(&options).contains("classifier has 2 classes and 3 are given"));
}

#[test]
fn safetensors_files_are_imported_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("foreign.safetensors");
    save_safetensors(&path, &resnet20(2), None).unwrap();
    let mut weights = Weights::open(&path).unwrap();
    assert_eq!(weights.choose(None).unwrap(), "");
    assert!(weights.state("model").unwrap_err().to_string().contains("--key"));
    let imported = import(weights.state("").unwrap(), &ImportOptions::default()).unwrap();
    assert_eq!(imported.model.card.classifier.unwrap().classes, 2);
    assert!(Weights::open(&folder.path().join("absent")).unwrap_err().to_string().contains("absent"));
}

#[test]
fn a_classifier_is_scored_by_its_outputs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let class_names: Vec<String> = ["white", "grey", "black"].map(String::from).into();
    let options = ImportOptions { class_names, size: Some(16), ..ImportOptions::default() };
    export(&import(resnet20(3), &options).unwrap().model, &path).unwrap();
    let model = Model::load(&path, Device::Cpu).unwrap();
    let machine = Machine::detect(DeviceRequest::Cpu, Some(1)).unwrap();
    let input = EvalInput::of_card(&model.card, None, &machine).unwrap();
    let data = labelled(30, 0);
    let features =
        FeatureCache::off().features(&model, &input, FeatureKind::Last, &data, &mut |_| {}).unwrap();
    let scores = classifier_scores(&model, &features, &*data).unwrap();
    assert_eq!((scores.images, scores.matched_by), (30, MatchedBy::Names));
    assert_eq!(scores.top5, None, "there are three classes");

    // Black is output 2 and white output 0.
    let logits = model.classifier_logits(&features.rows).unwrap();
    let guesses = Vec::<i64>::try_from(logits.argmax(1, false)).unwrap();
    let right = guesses.iter().zip(features.labels(&*data)).filter(|(guess, label)| match label {
        Some(0) => **guess == 2,
        _ => **guess == 0,
    });
    assert_eq!(scores.right, right.count());
    assert_eq!(scores.top1, scores.right as f64 / 30.0);

    let others = Pictures::of_classes(4, &["black", "blue"]);
    let error = classifier_scores(&model, &features, &*others).unwrap_err();
    assert!(error.to_string().contains("does not know 1 of the data set's classes, such as blue"), "{error}");
}
