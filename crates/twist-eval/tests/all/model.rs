//! Models from files, and features that are kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fs_err as fs;
use tch::Device;
use torch_ext::{DeviceRequest, Machine, Precision};
use twist_data::{DataError, Dataset, EvalTransform, Interpolation, Stored};
use twist_eval::EvalData;
use twist_io::{AtomicFile, StateDict, save_safetensors};
use twist_model::{
    BackboneCard, CheckpointFacts, ClassifierCard, EvalInput, FeatureCache, HeadCard, Model, ModelCard,
    ModelName, NetworkOutputs, export,
};
use twist_nn::{Activation, FeatureKind};

use crate::pictures::{Pictures, labelled};
use crate::support::{facts, net, plan};

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
    export(&Model::new(card(), Device::Cpu, 7).unwrap(), &path).unwrap();
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
    let facts = facts(&plan);
    let file = checkpoints.join("step-00000003.safetensors");
    save_safetensors(&file, &state, Some(&facts)).unwrap();

    let model = Model::load(run.path(), Device::Cpu).unwrap();
    assert_eq!((model.path.as_path(), model.folder.as_deref()), (file.as_path(), Some(run.path())));
    assert!(model.card.origin.contains("step 3"), "{}", model.card.origin);
    assert_eq!(Model::load(&file, Device::Cpu).unwrap().folder.as_deref(), Some(run.path()));

    // It says what the network in training says.
    let input = EvalInput::of_card(&model.card, None, &machine()).unwrap();
    let expected = NetworkOutputs::of(&net, &data.input(&plan).unwrap(), &data.train, &[0, 1, 2]).unwrap();
    let rows = FeatureCache::off().features(&model, &input, FeatureKind::Last, &data.train, &mut |_, _| {});
    let rows = rows.unwrap();
    let unit = rows.unit_rows().unwrap().narrow(0, 0, 3);
    assert!(unit.allclose(&expected.embeddings, 1e-5, 1e-6, false));
    let (confidence, _) = model.head_probabilities(&rows.rows).unwrap().narrow(0, 0, 3).max_dim(1, false);
    assert!(confidence.allclose(&expected.confidences.select(1, 0), 1e-4, 1e-5, false));
}

#[test]
fn the_teacher_of_a_checkpoint_is_a_model_of_its_own() {
    let data = EvalData::new(labelled(10, 0), None).unwrap();
    let plan = plan(&data);
    let student = net(&plan);
    let teacher = twist_nn::TwistNet::new(&plan.net, Device::Cpu, 99).unwrap();
    let run = tempfile::tempdir().unwrap();
    let checkpoints = run.path().join("checkpoints");
    fs::create_dir(&checkpoints).unwrap();
    let facts = facts(&plan);
    let file = checkpoints.join("step-00000003.safetensors");
    let save = |with_teacher: bool| {
        let mut state = StateDict::default();
        state.extend_prefixed("model.", student.store.state_dict().unwrap());
        if with_teacher {
            state.extend_prefixed("teacher.", teacher.store.state_dict().unwrap());
        }
        save_safetensors(&file, &state, Some(&facts)).unwrap();
    };
    let load = |path: &std::path::Path| Model::load(path, Device::Cpu);

    save(false);
    let message = load(&ModelName::teacher_of(run.path())).unwrap_err().to_string();
    assert!(message.contains("has no momentum teacher") && message.contains("--teacher"), "{message}");

    save(true);
    let plain = load(run.path()).unwrap();
    assert_eq!(plain.store.state_dict().unwrap(), student.store.state_dict().unwrap());
    for path in [run.path(), file.as_path()] {
        let model = load(&ModelName::teacher_of(path)).unwrap();
        assert_eq!(model.store.state_dict().unwrap(), teacher.store.state_dict().unwrap());
        assert_eq!((model.path.as_path(), model.folder.is_some()), (file.as_path(), path.is_dir()));
        assert_ne!((&model.hash, &model.backbone_hash), (&plain.hash, &plain.backbone_hash));
        assert_eq!(model.hash.len(), 32);
        assert!(model.card.origin.ends_with("momentum teacher"), "{}", model.card.origin);
    }

    let (_folder, weights) = saved();
    let error = load(&ModelName::teacher_of(&weights.path)).unwrap_err().to_string();
    assert!(error.contains("has no momentum teacher"), "{error}");
}

/// A checkpoint says the filter of its evaluation; one of an older version may have said it only by its recipe's default,
/// which was written out.
#[test]
fn the_filter_follows_the_network_and_what_was_recorded_stays() {
    let plan = plan(&EvalData::new(labelled(10, 0), None).unwrap());
    let mut facts: CheckpointFacts = serde_json::from_value(facts(&plan)).unwrap();
    let filter = |facts: &CheckpointFacts| ModelCard::of_run(facts, 32).unwrap().transform.interpolation;
    assert_eq!(plan.eval.transform.interpolation, Interpolation::Bilinear);
    assert_eq!(
        (facts.recipe.eval.interpolation, filter(&facts)),
        (Some(Interpolation::Bilinear), Interpolation::Bilinear)
    );
    facts.recipe.eval.interpolation = Some(Interpolation::Bicubic);
    assert_eq!(filter(&facts), Interpolation::Bicubic);
    let card = ModelCard::of_run(&facts, 32).unwrap();
    assert_eq!(card.released_transform().interpolation, Interpolation::Bilinear, "of published protocols");
    facts.recipe.eval.interpolation = None;
    assert_eq!(filter(&facts), Interpolation::Bilinear);
    facts.recipe.model.arch = "vit_t16".into();
    assert_eq!(filter(&facts), Interpolation::Bicubic);
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
    let again = cache.features(&model, &input, FeatureKind::Last, &data, &mut |_, _| panic!("computed"));
    assert!(again.unwrap().rows.equal(&first.rows));

    // Its rows are mapped from the file that is damaged now.
    let known = first.rows.copy();
    drop(first);
    // A table that is not the one that was written is computed again, whatever became of it.
    let whole = fs::read(table(1)).unwrap();
    let mut noise = whole.clone();
    noise[200] ^= 0x40;
    let mut not_a_number = whole.clone();
    not_a_number[128..132].copy_from_slice(&f32::NAN.to_le_bytes());
    let narrower = String::from_utf8_lossy(&whole[..128]).replace("(8, 32)", "(8, 16)");
    let mut narrower = [whole[..10].to_vec(), narrower.as_bytes()[narrower.len() - 118..].to_vec()].concat();
    narrower.extend_from_slice(&whole[128..]);
    for damaged in [noise, not_a_number, narrower, whole[..whole.len() / 2].to_vec(), Vec::new()] {
        fs::write(table(1), damaged).unwrap();
        let mut computed = false;
        let again = cache.features(&model, &input, FeatureKind::Last, &data, &mut |_, _| computed = true);
        assert!(computed && again.unwrap().rows.equal(&known));
        assert_eq!(fs::read(table(1)).unwrap(), whole);
    }

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
    export(&other, &path).unwrap();
    other = Model::load(&path, Device::Cpu).unwrap();
    assert_ne!(other.hash, model.hash);
    cache.features(&other, &input, FeatureKind::Last, &data, &mut |_, _| panic!("computed")).unwrap();

    // Other pictures under the same names are another entry.
    cache.features(&model, &input, FeatureKind::Last, &labelled(9, 1), &mut |_, _| {}).unwrap();
    table(2);
}

/// Pictures that are exchanged after so many of them were read.
struct Exchanged {
    before: Arc<dyn Dataset>,
    after: Arc<dyn Dataset>,
    reads: AtomicUsize,
    at: usize,
}

impl Dataset for Exchanged {
    fn len(&self) -> usize {
        self.before.len()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        let read = self.reads.fetch_add(1, Ordering::Relaxed);
        if read < self.at { self.before.read(index) } else { self.after.read(index) }
    }

    fn path(&self, index: usize) -> String {
        self.before.path(index)
    }

    fn label(&self, index: usize) -> Option<u32> {
        self.before.label(index)
    }

    fn classes(&self) -> &[String] {
        self.before.classes()
    }

    fn fingerprint(&self) -> String {
        self.before.fingerprint()
    }
}

#[test]
fn features_of_images_that_changed_meanwhile_are_never_kept() {
    let (_folder, model) = saved();
    let input = EvalInput::of_card(&model.card, None, &machine()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let cache = FeatureCache::at(place.path().join("features"));
    let ask =
        |data: &Arc<dyn Dataset>| cache.features(&model, &input, FeatureKind::Last, data, &mut |_, _| {});
    // Nine reads are for the key, the next nine for the features: between them, and in their midst.
    for at in [9, 13] {
        let (before, after, reads) = (labelled(9, 0), labelled(9, 1), AtomicUsize::new(0));
        let exchanged: Arc<dyn Dataset> = Arc::new(Exchanged { before, after, reads, at });
        assert!(ask(&exchanged).unwrap_err().to_string().starts_with("the images changed"));
        assert_eq!(fs::read_dir(place.path().join("features")).unwrap().count(), 0);
        assert!(ask(&exchanged).is_ok(), "they no longer change");
        fs::remove_dir_all(place.path().join("features")).unwrap();
    }
}

#[test]
fn unfinished_tables_are_counted_and_swept_when_their_writer_is_gone() {
    let (_folder, model) = saved();
    let input = EvalInput::of_card(&model.card, None, &machine()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let cache = FeatureCache::at(place.path().to_owned());
    let dead = place.path().join(".0123.npy.abcdef.twist-tmp");
    fs::write(&dead, [0; 1000]).unwrap();
    let mut living = AtomicFile::create(place.path().join("4567.npy")).unwrap();
    living.write(|file| std::io::Write::write_all(file, b"x")).unwrap();
    assert_eq!(cache.bytes(), 1000, "the living one has written nothing to the disk yet");
    cache.features(&model, &input, FeatureKind::Last, &labelled(9, 0), &mut |_, _| {}).unwrap();
    assert!(!dead.exists());
    living.finish().unwrap();
    assert!(place.path().join("4567.npy").exists());
}

#[test]
fn what_a_model_has_not_is_said() {
    let no_backbone = ModelCard { backbone: None, head: None, classifier: None, ..card() };
    let model = Model::new(no_backbone, Device::Cpu, 0).unwrap();
    let refusals = [model.backbone().err(), model.head().err(), model.classifier().err()];
    for (error, part) in refusals.into_iter().zip(["backbone", "projection head", "classifier"]) {
        let error = error.unwrap().to_string();
        assert!(error.contains(&format!("has no {part}")), "{error}");
    }

    let (_folder, model) = saved();
    let input = EvalInput::of_card(&model.card, None, &machine()).unwrap();
    let tokens = FeatureKind::LastBlocks(4);
    let error = FeatureCache::off().features(&model, &input, tokens, &labelled(4, 0), &mut |_, _| {});
    assert!(error.unwrap_err().to_string().contains("class tokens"));
}

#[test]
fn files_that_are_no_model_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let empty = Model::load(folder.path(), Device::Cpu).unwrap_err().to_string();
    assert!(empty.contains("has no model: no model.safetensors"), "{empty}");
    let path = folder.path().join("bare.safetensors");
    save_safetensors(&path, &StateDict::default(), None).unwrap();
    let message = Model::load(&path, Device::Cpu).unwrap_err().to_string();
    assert!(message.contains("twist import") && message.contains("bare.safetensors"), "{message}");
    let wrong = ModelCard { feature_dim: 33, ..card() };
    let wrong = Model::new(wrong, Device::Cpu, 0).unwrap_err().to_string();
    assert!(wrong.starts_with("the description of the model is wrong"), "{wrong}");
    let missing = Model::load(&folder.path().join("none"), Device::Cpu).unwrap_err().to_string();
    assert!(missing.contains("none"), "{missing}");
}
