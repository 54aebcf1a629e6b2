//! Models from files, and features that are kept.

use fs_err as fs;
use tch::{Device, Tensor};
use twist_data::EvalTransform;
use twist_eval::{
    BackboneCard, ClassifierCard, EvalData, EvalError, EvalInput, FeatureCache, FeatureKind, Features,
    HeadCard, Model, ModelCard,
};
use twist_io::{NpyWriter, StateDict, save_safetensors};
use twist_nn::Activation;
use twist_train::{CheckpointFacts, DeviceRequest, Machine, Precision, Streaks};

use crate::support::{Pictures, labelled, net, plan};

fn card() -> ModelCard {
    ModelCard {
        backbone: Some(BackboneCard { arch: "resnet18_cifar".parse().unwrap(), width: 4 }),
        feature_dim: 32,
        head: Some(HeadCard { hidden_dim: 8, dim: 5, activation: Activation::Relu, norm: true }),
        classifier: Some(ClassifierCard {
            classes: 2,
            names: vec!["black".into(), "white".into()],
            temperature: None,
        }),
        mean: [0.5; 3],
        std: [0.25; 3],
        transform: EvalTransform::new(16, 16, Default::default()),
        precision: Precision::Fp32,
        feature_scaling: Default::default(),
        origin: "made by a test".into(),
    }
}

fn machine() -> Machine {
    Machine::detect(DeviceRequest::Cpu, Some(1)).unwrap()
}

/// A model in a file of its own folder.
fn saved() -> (tempfile::TempDir, Model) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    Model::new(card(), Device::Cpu, 7).unwrap().save(&path).unwrap();
    let model = Model::load(&path, Device::Cpu).unwrap();
    (folder, model)
}

#[test]
fn a_model_comes_back_from_its_file() {
    let (_folder, model) = saved();
    let made = Model::new(card(), Device::Cpu, 7).unwrap();
    assert_eq!(model.card, made.card);
    assert_eq!(model.store.state_dict().unwrap(), made.store.state_dict().unwrap());
    assert_eq!((model.hash.len(), model.folder), (32, None));
    let names: Vec<String> = made.store.shapes().into_iter().map(|(name, _)| name).collect();
    for name in ["backbone.conv1.weight", "projection_heads.last_linear.weight", "classifier.bias"] {
        assert!(names.iter().any(|known| known == name), "{name} is not among {names:?}");
    }
}

#[test]
fn a_run_is_its_newest_checkpoint() {
    let data = EvalData::new(labelled(10, 0), None).unwrap();
    let plan = plan(&data);
    let net = net(&plan);
    let run = tempfile::tempdir().unwrap();
    let checkpoints = run.path().join("checkpoints");
    fs::create_dir(&checkpoints).unwrap();
    fs::write(run.path().join("config.toml"), "").unwrap();
    let mut state = StateDict::default();
    state.extend_prefixed("model.", net.store.state_dict().unwrap());
    let facts = serde_json::to_value(CheckpointFacts::of(&plan, "test", 3, Streaks::default())).unwrap();
    let file = checkpoints.join("step-00000003.safetensors");
    save_safetensors(&file, &state, Some(&facts)).unwrap();

    let model = Model::load(run.path(), Device::Cpu).unwrap();
    assert_eq!((model.path.as_path(), model.folder.as_deref()), (file.as_path(), Some(run.path())));
    assert!(model.card.origin.contains("step 3"), "{}", model.card.origin);
    assert_eq!(Model::load(&file, Device::Cpu).unwrap().folder.as_deref(), Some(run.path()));

    // It says what the network in training says.
    let input = EvalInput::of_card(&model.card, None, &machine()).unwrap();
    let expected = Features::of(&net, &EvalInput::of_plan(&plan).unwrap(), &data.train, &[0, 1, 2]).unwrap();
    let rows = FeatureCache::off().features(&model, &input, FeatureKind::Last, &data.train, &mut |_, _| {});
    let rows = rows.unwrap();
    let unit = rows.unit_rows().unwrap().narrow(0, 0, 3);
    assert!(unit.allclose(&expected.embeddings, 1e-5, 1e-6, false));
    let (confidence, _) = model.head_probabilities(&rows.rows).unwrap().narrow(0, 0, 3).max_dim(1, false);
    assert!(confidence.allclose(&expected.confidences.select(1, 0), 1e-4, 1e-5, false));
}

#[test]
fn features_are_kept_and_belong_to_their_images() {
    let (_folder, model) = saved();
    let input = EvalInput::of_card(&model.card, None, &machine()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let cache = FeatureCache::at(place.path().join("features"));
    let data = Pictures::broken(9, &[4]);
    let mut heard = Vec::new();
    let first = cache
        .features(&model, &input, FeatureKind::Last, &data, &mut |done, all| heard.push((done, all)))
        .unwrap();
    assert_eq!(heard.last(), Some(&(8, 9)));
    let direct = FeatureCache::off().features(&model, &input, FeatureKind::Last, &data, &mut |_, _| {});
    assert!(first.rows.equal(&direct.unwrap().rows));
    assert_eq!((first.indices.len(), first.skipped.len(), first.skipped[0].index), (8, 1, 4));
    assert!(!first.indices.contains(&4));

    // What lies in the file is what comes back: nothing is computed a second time.
    let table = |count| {
        let mut files: Vec<_> = fs::read_dir(place.path().join("features"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "npy"))
            .collect();
        assert_eq!(files.len(), count);
        files.remove(0)
    };
    let mut other = NpyWriter::create(table(1), 32).unwrap();
    other.push(&[0.5; 8 * 32]).unwrap();
    other.finish().unwrap();
    let again = cache.features(&model, &input, FeatureKind::Last, &data, &mut |_, _| panic!("computed"));
    assert!(again.unwrap().rows.equal(&Tensor::full_like(&first.rows, 0.5)));

    // A model with another head has the same features.
    let mut other = Model::new(card(), Device::Cpu, 8).unwrap();
    let state = model.store.state_dict().unwrap();
    let mut mixed = StateDict::default();
    for (name, tensor) in other.store.state_dict().unwrap().iter() {
        let kept = if name.starts_with("backbone.") { state.get(name).unwrap() } else { tensor };
        mixed.push(name, kept.clone());
    }
    other.store.load(&mixed).unwrap();
    let path = place.path().join("other.safetensors");
    other.save(&path).unwrap();
    other = Model::load(&path, Device::Cpu).unwrap();
    assert_ne!(other.hash, model.hash);
    cache.features(&other, &input, FeatureKind::Last, &data, &mut |_, _| panic!("computed")).unwrap();

    // Other pictures under the same names are another entry.
    cache.features(&model, &input, FeatureKind::Last, &labelled(9, 1), &mut |_, _| {}).unwrap();
    table(2);
}

#[test]
fn what_a_model_has_not_is_said() {
    let no_backbone = ModelCard { backbone: None, head: None, classifier: None, ..card() };
    let model = Model::new(no_backbone, Device::Cpu, 0).unwrap();
    assert!(matches!(model.backbone(), Err(EvalError::NoBackbone { .. })));
    assert!(matches!(model.head(), Err(EvalError::NoHead { .. })));
    assert!(matches!(model.classifier(), Err(EvalError::NoClassifier { .. })));

    let (_folder, model) = saved();
    let input = EvalInput::of_card(&model.card, None, &machine()).unwrap();
    let tokens = FeatureKind::LastBlocks(4);
    let error = FeatureCache::off().features(&model, &input, tokens, &labelled(4, 0), &mut |_, _| {});
    assert!(error.unwrap_err().to_string().contains("class tokens"));
}

#[test]
fn files_that_are_no_model_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Model::load(folder.path(), Device::Cpu), Err(EvalError::NoModel { .. })));
    let path = folder.path().join("bare.safetensors");
    save_safetensors(&path, &StateDict::default(), None).unwrap();
    let message = Model::load(&path, Device::Cpu).unwrap_err().to_string();
    assert!(message.contains("twist import") && message.contains("bare.safetensors"), "{message}");
    let wrong = ModelCard { feature_dim: 33, ..card() };
    assert!(matches!(Model::new(wrong, Device::Cpu, 0), Err(EvalError::Card { .. })));
    let missing = Model::load(&folder.path().join("none"), Device::Cpu).unwrap_err().to_string();
    assert!(missing.contains("none"), "{missing}");
}
