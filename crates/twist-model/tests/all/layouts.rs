//! Networks of other programs under their own names: their features and logits, to what those programs computed.

use std::path::PathBuf;

use twist_io::{HostTensor, StateDict, load_safetensors};
use twist_model::{ExportOptions, ImportOptions, Imported, Model, exporter, import};
use twist_nn::{Arch, BackboneConfig, FeatureKind, Layout, Store, tensor_from_host, tensor_to_host};

use crate::reference::{Values, close, distance, folder, images_of, json_in, ruled_weight};

/// That folder where it has this file, else the workspace's: a folder that was made elsewhere may be older than the file.
fn folder_with(name: &str) -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference");
    Some(folder()).filter(|folder| folder.join(name).exists()).unwrap_or(own)
}

/// A file of other weights by the rule from its names.
fn state(names: &serde_json::Value) -> StateDict {
    let mut state = StateDict::default();
    for (name, shape) in names.as_object().expect("names to shapes") {
        let shape: Vec<i64> = serde_json::from_value(shape.clone()).expect("a shape");
        let tensor = match name.ends_with("num_batches_tracked") {
            true => HostTensor::from_slice(Vec::new(), &[0i64]).unwrap(),
            false => tensor_to_host(&ruled_weight(name, &shape)).unwrap(),
        };
        state.push(name.clone(), tensor);
    }
    state
}

fn imported(names: &serde_json::Value, what: &str) -> Imported {
    let imported = import(state(names), &ImportOptions::default());
    imported.unwrap_or_else(|error| panic!("{what}: {error}"))
}

#[test]
fn networks_of_other_programs_say_what_they_said_there() {
    let folder = folder_with("layouts.json");
    let values = Values::in_folder(&folder, "layouts.safetensors");
    let (mut computed, mut recognised, mut classifiers) = (0, 0, 0);
    for (name, case) in json_in(&folder, "layouts.json") {
        let (arch, size) = (case["arch"].as_str().unwrap(), case["size"].as_i64().unwrap());
        let Imported { model, report, .. } = imported(&case["names"], &name);
        assert_eq!(model.card.backbone.as_ref().unwrap().arch.to_string(), arch, "{name}");
        assert!(report.unused.is_empty(), "{name}: {report}");
        recognised += 1;
        exports_as_it_was(&model, &state(&case["names"]), &name);
        if size == 0 {
            continue;
        }
        let features = model.features(&(images_of(&folder, 2, size) * 4.0), FeatureKind::Last).unwrap();
        close(&features, &values.get(&format!("{name}.features")), 1e-4, &name);
        assert!(distance(&features, &values.perturbed(&format!("{name}.features"), 1e-3)) > 1e-4);
        computed += 1;
        if model.card.classifier.is_some() {
            let logits = model.classifier_logits(&features).unwrap();
            close(&logits, &values.get(&format!("{name}.logits")), 1e-4, &name);
            classifiers += 1;
        }
    }
    assert!(computed >= 7 && recognised >= 15 && classifiers >= 6, "{computed} {recognised} {classifiers}");
}

/// The layout of a file writes the network as it was, but for its classifier.
fn exports_as_it_was(model: &Model, file: &StateDict, what: &str) {
    let names: Vec<&str> = file.iter().map(|(name, _)| name).collect();
    let own = model.card.backbone.as_ref().unwrap().arch.kind().layouts();
    let (layout, prefix) = Layout::find(Arch::layouts(), &names, |_| 0).unwrap_or((own[0], ""));
    assert!(
        own.iter().any(|one| std::ptr::eq(*one, layout)),
        "{what}: {} is a layout of another network",
        layout.name
    );
    let backbone = model.store.state_dict().unwrap().split_prefix("backbone.");
    let written = layout.export(&backbone, prefix).unwrap();
    let classifier = if model.card.classifier.is_some() { 2 } else { 0 };
    assert_eq!(written.len() + classifier, file.len(), "{what}");
    for (name, tensor) in written.iter() {
        assert_eq!(Some(tensor), file.get(name), "{what}: {name}");
    }
}

#[test]
fn folders_for_transformers_have_its_tensors() {
    let folder = folder_with("foundation/cases.json").join("foundation");
    let cases = json_in(&folder, "cases.json")["cases"].clone();
    let place = tempfile::tempdir().unwrap();
    // A file that `save_pretrained` wrote, and what stands in front of its tensors in the folder.
    let files = [
        ("hf_vit", ""),
        ("hf_dinov2", ""),
        ("hf_dinov2_gated", ""),
        ("hf_dinov2_reg", ""),
        ("hf_dinov3", ""),
        ("hf_dinov3_gated", ""),
        ("hf_clip_vision", "vision_model."),
        ("hf_siglip", "vision_model."),
    ];
    for (name, prefix) in files {
        let read = |path: PathBuf| load_safetensors(path).unwrap().0;
        let file = read(folder.join(format!("{name}.safetensors")));
        let case = &cases[name];
        let options = ImportOptions {
            arch: Some(case["arch"].as_str().unwrap().parse().unwrap()),
            size: Some(case["sides"][0].as_u64().unwrap() as u32),
            ..ImportOptions::default()
        };
        let model = import(file.clone(), &options).unwrap().model;
        let out = place.path().join(name);
        let format = exporter(Some("hf"), &out).unwrap();
        format.write(&model, &ExportOptions::default(), &out).unwrap();
        let written = read(out.join("model.safetensors"));
        assert_eq!(written.len(), file.len(), "{name}");
        for (tensor, host) in file.iter() {
            let found = written.get(&format!("{prefix}{tensor}"));
            let found = found.unwrap_or_else(|| panic!("{name}: {tensor} is not there"));
            assert_eq!(found.shape, host.shape, "{name}: {tensor}");
            // What changes no feature has other values. The files here have numbers of half precision.
            let beside = tensor.starts_with("pooler.") || tensor.ends_with(".mask_token");
            let values = |host| tensor_from_host(host, tch::Device::Cpu).unwrap().to_kind(tch::Kind::Float);
            assert!(beside || values(found) == values(host), "{name}: {tensor}");
        }
    }
}

#[test]
fn every_parameter_of_a_network_matters() {
    let folder = folder_with("layouts.json");
    let mut checked = 0;
    for (name, case) in
        json_in(&folder, "layouts.json").into_iter().filter(|(name, _)| name.contains("_timm."))
    {
        let size = case["size"].as_i64().unwrap();
        if size == 0 {
            continue;
        }
        let model = imported(&case["names"], &name).model;
        let images = images_of(&folder, 1, size) * 4.0;
        let features = || model.features(&images, FeatureKind::Last).unwrap();
        let before = features();
        for entry in model.store.entries().iter().filter(|entry| entry.name.starts_with("backbone.")) {
            if entry.name.ends_with("num_batches_tracked") {
                continue;
            }
            let kept = entry.tensor.copy();
            // Other and larger numbers, so that neither rounding nor a bound hides them.
            tch::no_grad(|| entry.tensor.shallow_clone().copy_(&(kept.flip([0]) * 4.0)));
            assert!(distance(&features(), &before) > 1e-4, "{name}: {} does not matter", entry.name);
            tch::no_grad(|| entry.tensor.shallow_clone().copy_(&kept));
            checked += 1;
        }
    }
    assert!(checked > 200, "{checked}");
}

/// The tensors of a ConvNeXt as timm names them, with its classifier.
fn convnext() -> StateDict {
    state(&json_in(&folder_with("layouts.json"), "layouts.json")["convnext_timm.0"]["names"])
}

#[test]
fn a_classifier_without_a_bias_adds_nothing() {
    let mut without = StateDict::default();
    let file = convnext();
    for (name, tensor) in file.iter().filter(|(name, _)| *name != "head.fc.bias") {
        without.push(name.to_owned(), tensor.clone());
    }
    let Imported { model, notes, .. } = import(without, &ImportOptions::default()).unwrap();
    assert!(notes.iter().any(|note| note.contains("has no bias")), "{notes:?}");
    let features = tch::Tensor::ones([1, model.card.feature_dim], (tch::Kind::Float, tch::Device::Cpu));
    let weight = tensor_from_host(file.get("head.fc.weight").unwrap(), tch::Device::Cpu).unwrap();
    close(&model.classifier_logits(&features).unwrap(), &features.matmul(&weight.tr()), 1e-6, "logits");
}

#[test]
fn numbers_of_64_bits_are_read_where_32_bits_hold_them() {
    let with = |factor: f64| {
        let mut wide = StateDict::default();
        for (name, tensor) in convnext().iter() {
            let values = tensor_from_host(tensor, tch::Device::Cpu).unwrap().to_kind(tch::Kind::Double);
            let factor = if name == "stem.0.weight" { factor } else { 1.0 };
            wide.push(name.to_owned(), tensor_to_host(&(values * factor)).unwrap());
        }
        import(wide, &ImportOptions::default())
    };
    let images = images_of(&folder(), 1, 64);
    let features = |model: &Model| model.features(&images, FeatureKind::Last).unwrap();
    let plain = import(convnext(), &ImportOptions::default()).unwrap().model;
    assert_eq!(features(&with(1.0).unwrap().model), features(&plain));
    let why = with(1e300).unwrap_err().to_string();
    assert!(why.contains("stem.0.weight") && why.contains("too large for 32 bits"), "{why}");
}

/// A ResNet-18 of width 8.
fn resnet() -> StateDict {
    let mut store = Store::new(tch::Device::Cpu, 3);
    let config = BackboneConfig::new("resnet18".parse().unwrap()).with_width(8);
    let _ = config.build(&mut store.builder("")).unwrap();
    store.state_dict().unwrap()
}

/// `4.0.conv1.weight` of `layer1.0.conv1.weight`: the modules of a ResNet in a `Sequential`.
fn numbered(name: &str) -> String {
    let (module, part) = name.split_once('.').unwrap();
    let modules = ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"];
    format!("{}.{part}", modules.iter().position(|known| *known == module).unwrap())
}

#[test]
fn resnets_of_every_publisher_are_the_same_network() {
    let images = images_of(&folder(), 2, 64);
    let features =
        |state| import(state, &ImportOptions::default()).map(|imported| (imported.model, imported.report));
    let plain = features(resnet()).unwrap().0.features(&images, FeatureKind::Last).unwrap();
    // Whose, a name in front of each tensor of the network, whether its modules are numbered, and what lies beside it.
    let publishers: [(&str, &str, bool, &[&str]); 17] = [
        ("torchvision and timm", "", false, &["fc.weight"]),
        ("DINO, weights", "", false, &[]),
        (
            "DINO, checkpoint",
            "teacher.backbone.",
            false,
            &["teacher.head.mlp.0.weight", "student.module.backbone.*"],
        ),
        ("SwAV", "module.", false, &["module.projection_head.0.weight", "module.prototypes.weight"]),
        (
            "DeepCluster-v2",
            "module.",
            false,
            &["module.projection_head.1.running_mean", "module.prototypes.prototypes0.weight"],
        ),
        ("Barlow Twins", "module.backbone.", false, &["module.projector.0.weight", "module.bn.running_mean"]),
        ("VICReg", "module.backbone.", false, &["module.projector.1.bias"]),
        (
            "MoCo v1",
            "module.encoder_q.",
            false,
            &["module.encoder_q.fc.weight", "module.encoder_k.*", "module.queue"],
        ),
        (
            "MoCo v2",
            "module.encoder_q.",
            false,
            &[
                "module.encoder_q.fc.0.weight",
                "module.encoder_q.fc.2.weight",
                "module.encoder_k.*",
                "module.queue_ptr",
            ],
        ),
        (
            "MoCo v3",
            "module.base_encoder.",
            false,
            &["module.base_encoder.fc.0.weight", "module.momentum_encoder.*", "module.predictor.0.weight"],
        ),
        (
            "BYOL of lucidrains",
            "online_encoder.net.",
            false,
            &["online_encoder.projector.0.weight", "target_encoder.net.*"],
        ),
        ("BYOL of sthalles", "encoder.", true, &["projetion.net.0.weight"]),
        ("BYOL of yaox12", "module.encoder.", true, &["module.projetion.net.3.bias"]),
        (
            "BYOL of MMSelfSup",
            "online_net.0.",
            false,
            &["online_net.1.fc0.weight", "target_net.0.*", "head.predictor.fc0.weight"],
        ),
        ("OpenMMLab", "backbone.", false, &["neck.fc0.weight"]),
        ("solo-learn", "backbone.", false, &["momentum_backbone.*", "projector.0.weight"]),
        ("lightly", "backbone.", true, &["backbone_momentum.0.weight", "projection_head.layers.0.weight"]),
    ];
    for (whose, prefix, in_sequence, beside) in publishers {
        let ours = resnet();
        let theirs = |name: &str| if in_sequence { numbered(name) } else { name.to_owned() };
        let mut state = StateDict::default();
        for (name, tensor) in ours.iter() {
            state.push(format!("{prefix}{}", theirs(name)), tensor.clone());
        }
        for name in beside {
            match name.strip_suffix('*') {
                // Another network of the same kind, with other weights.
                Some(other) => ours.iter().for_each(|(name, tensor)| {
                    let data = vec![0; tensor.data.len()];
                    state.push(format!("{other}{name}"), HostTensor { data, ..tensor.clone() });
                }),
                None => state.push(*name, HostTensor::from_slice(vec![1], &[0.5f32]).unwrap()),
            }
        }
        let (model, report) = features(state).unwrap_or_else(|error| panic!("{whose}: {error}"));
        assert_eq!(model.features(&images, FeatureKind::Last).unwrap(), plain, "{whose}");
        assert!(report.missing.is_empty(), "{whose}: {report}");
    }
}
