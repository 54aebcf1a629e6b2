//! Fine-tuning and linear evaluation with augmentation: small random networks on pictures made here.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tch::Device;
use torch_ext::{DeviceRequest, Machine, Precision};
use twist_data::{DataError, Dataset, EvalTransform, Interpolation, Rgb8, Stored};
use twist_eval::finetune::{
    FinetuneConfig, FinetuneOptions, FinetuneRun, Finetuned, Kind, finetune, finetune_seeds,
};
use twist_eval::linear::{AugmentedLinear, AugmentedResult, augmented_linear};
use twist_eval::{LabelBudget, LabelledImages, Surroundings};
use twist_io::splitmix;
use twist_model::{
    BackboneCard, ClassSource, EvalInput, FeatureBatch, FeatureCache, FeatureScaling, Model, ModelCard,
    Predictor, Watch,
};
use twist_nn::FeatureKind;
use twist_run::{ClusterNames, Event, EventKind, Metrics, OnExisting, Recorder, RunError, RunFolder, figure};
use twist_train::run::{Outcome, Place};
use twist_train::{StopFlag, StopReason};

use crate::pictures::{Pictures, labelled};

/// Pictures of noise whose labels mean nothing.
struct Noise {
    first: u64,
    len: usize,
    classes: Vec<String>,
}

impl Dataset for Noise {
    fn len(&self) -> usize {
        self.len
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        let pixel = |i: u64| splitmix((self.first + index as u64) << 20 | i) as u8;
        let pixels = (0..16 * 16 * 3).map(pixel).collect();
        Ok(Stored::Pixels(Arc::new(Rgb8 { width: 16, height: 16, pixels })))
    }

    fn path(&self, index: usize) -> String {
        format!("noise {}", self.first + index as u64)
    }

    fn label(&self, index: usize) -> Option<u32> {
        Some((splitmix(self.first + index as u64) % self.classes.len() as u64) as u32)
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn fingerprint(&self) -> String {
        format!("{} of noise from {}", self.len, self.first)
    }
}

fn noise(len: usize, first: u64) -> Arc<dyn Dataset> {
    noise_of(&["a", "b"], len, first)
}

fn noise_of(classes: &[&str], len: usize, first: u64) -> Arc<dyn Dataset> {
    Arc::new(Noise { first, len, classes: classes.iter().map(|name| name.to_string()).collect() })
}

fn machine() -> Machine {
    Machine::detect(DeviceRequest::Cpu, Some(1)).unwrap()
}

fn card(arch: &str, feature_dim: i64) -> ModelCard {
    ModelCard {
        backbone: Some(BackboneCard {
            arch: arch.parse().unwrap(),
            width: if arch.starts_with("vit") { 64 } else { 4 },
        }),
        feature_dim,
        head: None,
        classifier: None,
        mean: [0.5; 3],
        std: [0.25; 3],
        transform: EvalTransform::new(16, 16, Interpolation::Bicubic),
        precision: Precision::Fp32,
        feature_scaling: FeatureScaling::None,
        origin: "made by a test".into(),
    }
}

fn model() -> Model {
    Model::new(card("resnet18_cifar", 32), Device::Cpu, 7).unwrap()
}

fn all(dataset: &Arc<dyn Dataset>) -> LabelledImages {
    LabelledImages::choose(dataset, &LabelBudget::Percent(100.0), 0).unwrap()
}

fn short() -> FinetuneOptions {
    FinetuneOptions {
        epochs: Some(6),
        batch_size: Some(8),
        test_every: Some(2),
        ..FinetuneOptions::default()
    }
}

/// Fine-tunes to the end.
fn tuned(train: &Arc<dyn Dataset>, test: Option<&Arc<dyn Dataset>>, options: &FinetuneOptions) -> Finetuned {
    finetune(&model(), &all(train), test, options, &machine(), &mut Surroundings::default()).unwrap().unwrap()
}

#[test]
fn what_can_be_told_apart_is_learned_and_the_model_begun_with_stays() {
    let (train, test) = (labelled(40, 0), labelled(20, 100));
    let source = model();
    let before = source.store.state_dict().unwrap();
    let around = &mut Surroundings::default();
    // At the usual rate of 0.2, some of so short trainings end at chance; here none of ten seeds does.
    let options = FinetuneOptions { lr: Some(0.05), ..short() };
    let tuned = finetune(&source, &all(&train), Some(&test), &options, &machine(), around).unwrap().unwrap();
    assert_eq!(source.store.state_dict().unwrap(), before);
    assert_eq!(
        (tuned.metrics.figures.get(figure::FINETUNE_TOP1), &tuned.metrics.protocol["test_images"]),
        (Some(1.0), &20.into())
    );
    assert_eq!(tuned.metrics.figures.get(figure::FINETUNE_TOP5), None, "two classes have no fifth");
    let tested: Vec<u64> =
        tuned.epochs.iter().filter(|epoch| epoch.test_top1.is_some()).map(|epoch| epoch.epochs).collect();
    assert_eq!((tuned.epochs.len(), tested), (6, vec![2, 4, 6]));
    let protocol = &tuned.metrics.protocol;
    assert_eq!(
        (&protocol["updates"], &protocol["lr"], &protocol["backbone_lr"]),
        (&30.into(), &0.05.into(), &0.01.into())
    );
    assert!(protocol["test_set_selection"].as_str().unwrap().contains("chosen on the test set"));
    let names = &tuned.model.card.classifier.as_ref().unwrap().names;
    assert_eq!(names, &["black", "white"]);
    // Weights and statistics moved.
    let after = tuned.model.store.state_dict().unwrap();
    for name in ["backbone.conv1.weight", "backbone.bn1.running_mean"] {
        assert_ne!(after.get(name), before.get(name), "{name}");
    }
}

#[test]
fn labels_that_mean_nothing_are_not_found_again_in_the_test() {
    let options = FinetuneOptions { epochs: Some(20), ..short() };
    let tuned = tuned(&noise(40, 0), Some(&noise(200, 1_000)), &options);
    let top1 = tuned.metrics.figures.get(figure::FINETUNE_TOP1).unwrap();
    assert!((0.35..0.65).contains(&top1), "{top1}");
}

#[test]
fn from_scratch_forgets_the_weights() {
    let train = labelled(16, 0);
    let with = |from_scratch, source_seed| {
        let source = Model::new(card("resnet18_cifar", 32), Device::Cpu, source_seed).unwrap();
        let options = FinetuneOptions { from_scratch, epochs: Some(1), ..short() };
        let around = &mut Surroundings::default();
        let tuned = finetune(&source, &all(&train), None, &options, &machine(), around).unwrap().unwrap();
        tuned.model.store.state_dict().unwrap()
    };
    assert_eq!(with(true, 1), with(true, 2));
    assert_ne!(with(false, 1), with(false, 2));
}

/// One update from eight images: in norms of three or four of them it is another one than in a norm of all, and the first
/// norm's running statistics, which see the same values, move by the same step, once.
#[test]
fn norms_take_no_more_images_together_than_they_are_told() {
    let train = labelled(8, 0);
    let after = |norm_batch: Option<usize>| {
        let options = FinetuneOptions { epochs: Some(1), norm_batch, ..short() };
        let tuned = tuned(&train, None, &options);
        assert_eq!(tuned.metrics.protocol["updates"], 1);
        (tuned.model.store.state_dict().unwrap(), tuned.metrics.protocol["norm_batch"].clone())
    };
    let values = |state: &twist_io::StateDict, name: &str| state.get(name).unwrap().to_vec::<f32>().unwrap();
    let (whole, stated) = after(Some(8));
    assert_eq!(
        (after(None), &stated),
        ((whole.clone(), 8.into()), &8.into()),
        "32 by default, of which there are 8"
    );
    for (images, pieces) in [(4, "two of four"), (3, "three, three and two")] {
        let (cut, stated) = after(Some(images));
        assert_eq!(stated, images);
        for name in ["backbone.bn1.running_mean", "backbone.bn1.running_var"] {
            let (whole, cut) = (values(&whole, name), values(&cut, name));
            let off = whole.iter().zip(&cut).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-5, "{pieces}: {name} is {off} off");
        }
        let count = cut.get("backbone.layer4.0.bn2.num_batches_tracked").unwrap();
        assert_eq!(count.to_vec::<i64>().unwrap(), [1], "{pieces}");
        assert_ne!(
            values(&whole, "backbone.conv1.weight"),
            values(&cut, "backbone.conv1.weight"),
            "{pieces}"
        );
    }
    let options = FinetuneOptions { norm_batch: Some(2), ..short() };
    let error = finetune(&model(), &all(&train), None, &options, &machine(), &mut Surroundings::default());
    assert!(error.unwrap_err().to_string().contains("at least 3"));
}

/// Asks to stop at the first event that is meant: the step after it is the last.
struct StopAt(fn(&Event) -> bool, StopFlag);

impl Recorder for StopAt {
    fn record(&mut self, event: &Event) -> Result<(), RunError> {
        if self.0(event) {
            self.1.raise(2);
        }
        Ok(())
    }
}

/// Keeps the events.
struct Heard<'a>(&'a mut Vec<Event>);

impl Recorder for Heard<'_> {
    fn record(&mut self, event: &Event) -> Result<(), RunError> {
        self.0.record(event)
    }
}

fn stopping(place: Place, at: fn(&Event) -> bool) -> Surroundings<'static> {
    let stop = StopFlag::new();
    let recorders: Vec<Box<dyn Recorder>> = vec![Box::new(StopAt(at, stop.clone()))];
    Surroundings { place, recorders, stop, ..Surroundings::default() }
}

#[test]
fn a_stopped_training_goes_on_to_the_same_end() {
    let (train, test) = (labelled(24, 0), labelled(10, 100));
    let calm = tuned(&train, Some(&test), &short());
    let folder = tempfile::tempdir().unwrap();
    let run = |around: &mut Surroundings<'_>| {
        finetune(&model(), &all(&train), Some(&test), &short(), &machine(), around).unwrap()
    };
    // An epoch has 3 steps. In the middle of one; after the first step, at the end of an epoch, and in a later one.
    let step_3: fn(&Event) -> bool = |event| matches!(event.kind, EventKind::Step(_)) && event.step == 3;
    let step_9: fn(&Event) -> bool = |event| matches!(event.kind, EventKind::Step(_)) && event.step == 9;
    let start: fn(&Event) -> bool = |event| matches!(event.kind, EventKind::Start(_));
    for (name, stops, last) in [("once", vec![step_3], 4), ("often", vec![start, start, start, step_9], 10)] {
        let place = || Place::file(folder.path().join(format!("{name}.safetensors")));
        for at in stops {
            assert!(run(&mut stopping(place(), at)).is_none(), "{name}: it was stopped");
        }
        let mut events = Vec::new();
        let recorders: Vec<Box<dyn Recorder + '_>> = vec![Box::new(Heard(&mut events))];
        let resumed =
            run(&mut Surroundings { place: place(), recorders, ..Surroundings::default() }).unwrap();
        assert_eq!(events[0].step, last, "{name}: it went on where it was");
        assert_eq!(resumed.model.store.state_dict().unwrap(), calm.model.store.state_dict().unwrap());
        assert_eq!((resumed.epochs, resumed.metrics), (calm.epochs.clone(), calm.metrics.clone()));
    }
}

#[test]
fn a_state_of_another_training_is_refused() {
    let train = labelled(24, 0);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state.safetensors");
    let run = |train: &Arc<dyn Dataset>, options: &FinetuneOptions| {
        let mut around = Surroundings { place: Place::file(file.clone()), ..Surroundings::default() };
        finetune(&model(), &all(train), None, options, &machine(), &mut around)
    };
    run(&train, &short()).unwrap();
    for (train, options) in
        [(train.clone(), FinetuneOptions { lr: Some(0.1), ..short() }), (labelled(25, 0), short())]
    {
        let error = run(&train, &options).unwrap_err();
        assert!(error.to_string().contains("cannot be resumed"), "{error}");
        assert!(error.to_string().contains("--force"), "{error}");
    }
}

#[test]
fn a_loss_that_is_no_number_stops_with_advice() {
    let train = labelled(16, 0);
    let options = FinetuneOptions { lr: Some(1e30), ..short() };
    let error = finetune(&model(), &all(&train), None, &options, &machine(), &mut Surroundings::default());
    let message = error.unwrap_err().to_string();
    for word in ["--lr", "--backbone-lr", "epoch ", "--precision fp32"] {
        assert!(message.contains(word), "{message}");
    }
}

#[test]
fn classes_meet_by_name() {
    let train = labelled(40, 0);
    let calm = tuned(&train, Some(&labelled(20, 100)), &short());
    // The same pictures, their classes in another order with one more that no picture has.
    let others = Pictures::of_classes(20, &["grey", "white"]);
    let around = &mut Surroundings::default();
    let unknown = finetune(&model(), &all(&train), Some(&others), &short(), &machine(), around).unwrap_err();
    assert!(unknown.to_string().contains("grey"), "{unknown}");
    let members: Vec<(u32, Option<u32>)> = (0..20).map(|index| (index, Some(2 - 2 * (index % 2)))).collect();
    let names = ["white", "grey", "black"].map(String::from).to_vec();
    let swapped = twist_data::subset(labelled(20, 100), &members, names).unwrap();
    let again = tuned(&train, Some(&swapped), &short());
    assert_eq!(
        again.metrics.figures.get(figure::FINETUNE_TOP1),
        calm.metrics.figures.get(figure::FINETUNE_TOP1)
    );
}

/// Counts events by their kind.
struct Kinds<'a>(&'a Cell<[usize; 3]>);

impl Recorder for Kinds<'_> {
    fn record(&mut self, event: &Event) -> Result<(), RunError> {
        let mut counts = self.0.get();
        match event.kind {
            EventKind::Eval(_) => counts[0] += 1,
            EventKind::SkippedImage { .. } => counts[1] += 1,
            EventKind::Done { .. } => counts[2] += 1,
            _ => {}
        }
        self.0.set(counts);
        Ok(())
    }
}

#[test]
fn a_run_leaves_a_model_that_others_load() {
    let root = tempfile::tempdir().unwrap();
    let source = model();
    let (train, test) = (Pictures::broken(20, &[3]), labelled(10, 100));
    let config = FinetuneConfig {
        kind: Kind::Finetune,
        model: "somewhere".into(),
        train: "pictures".into(),
        test: None,
        percent: None,
        labels: None,
        from_scratch: false,
        epochs: Some(4),
        batch_size: Some(8),
        lr: None,
        backbone_lr: None,
        weight_decay: Some(1e-4),
        test_every: None,
        norm_batch: None,
        precision: None,
        seed: 5,
    };
    let machine = machine();
    let heard = Rc::new(RefCell::new(Vec::new()));
    let run = |config: &FinetuneConfig| {
        let (config, labelled, test) = (config.clone(), all(&train), Some(test.clone()));
        let images = labelled.images.clone();
        let heard = heard.clone();
        let watch = Watch::new(move |what, done, all| heard.borrow_mut().push((what.to_owned(), done, all)));
        FinetuneRun { config, source: &source, labelled, images, test, machine: &machine, watch }
    };
    let path = root.path().join("run");
    let counts = Cell::default();
    {
        let folder = RunFolder::open(&path, OnExisting::Refuse).unwrap();
        let mut trainer = run(&config).open(&folder).unwrap();
        trainer.describe(&folder).unwrap();
        let mut recorders: Vec<Box<dyn Recorder + '_>> = vec![Box::new(Kinds(&counts))];
        recorders.extend(folder.recorders().unwrap().into_iter().map(|own| own as Box<dyn Recorder + '_>));
        let outcome = trainer.train(&mut recorders, &StopFlag::new(), None).unwrap();
        assert_eq!(outcome, Outcome::Finished { steps: trainer.plan().total_steps });
        let (_, metrics) = trainer.finish(&folder).unwrap();
        assert_eq!(Metrics::read(&path).unwrap(), Some(metrics));
    }
    assert_eq!(counts.get(), [4, 1, 1], "four epochs, one unreadable picture, one end");
    let after = ("classes of all images".to_owned(), 20, 20);
    assert!(heard.borrow().contains(&after), "what follows training is told too");
    assert_eq!(FinetuneConfig::read(&path).unwrap(), Some(config.clone()));
    let log = fs_err::read_to_string(path.join("log.jsonl")).unwrap();
    for word in ["\"event\":\"start\"", "\"event\":\"step\"", "test_top1", "images_per_second"] {
        assert!(log.contains(word), "{word} in {log}");
    }
    let has_board = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with("events.out.tfevents.");
    assert!(fs_err::read_dir(&path).unwrap().any(|entry| has_board(&entry.unwrap().file_name())));
    let (_, best) = twist_io::load_safetensors(path.join("checkpoints/best.safetensors")).unwrap();
    assert_eq!(best.unwrap()["measured"]["metric"], "test_top1");

    let loaded = Model::load(&path, Device::Cpu).unwrap();
    assert_eq!(loaded.card.classifier.as_ref().unwrap().names, ["black", "white"]);
    assert!(loaded.card.head.is_none(), "the discovered classes are those of the old features");
    assert_eq!(loaded.card.transform, EvalTransform::new(16, 16, Interpolation::Bilinear));

    let folder = RunFolder::open(&path, OnExisting::Resume).unwrap();
    let other = FinetuneConfig { lr: Some(0.1), ..config.clone() };
    assert_eq!(run(&config).finished(&folder).unwrap(), Some(false));
    assert_eq!(
        run(&other).finished(&folder).unwrap(),
        Some(true),
        "its settings are not those of the run any more"
    );
    let error = run(&other).open(&folder).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("cannot be resumed"), "{error}");
    drop(folder);
    let folder = RunFolder::open(&path, OnExisting::Replace).unwrap();
    assert_eq!(run(&config).finished(&folder).unwrap(), None);
    let mut trainer = run(&other).open(&folder).unwrap();
    assert!(path.join("model.safetensors").exists(), "the old run stays until the new one begins");
    trainer.describe(&folder).unwrap();
    assert!(!path.join("model.safetensors").exists());
    // Time that is over saves and stops.
    let outcome = trainer.train(&mut [], &StopFlag::new(), Some(Duration::ZERO)).unwrap();
    assert_eq!(outcome, Outcome::Stopped { reason: StopReason::MaxTime, step: 1 });
    assert!(path.join("checkpoints/step-00000001.safetensors").is_file());
}

#[test]
fn a_run_whose_loss_leaves_the_numbers_collapses_and_is_saved() {
    let root = tempfile::tempdir().unwrap();
    let (source, machine, train) = (model(), machine(), labelled(16, 0));
    let config = FinetuneConfig { lr: Some(1e30), ..asked(3, 8) };
    let (labelled, images) = (all(&train), train.clone());
    let run = FinetuneRun {
        config,
        source: &source,
        labelled,
        images,
        test: None,
        machine: &machine,
        watch: Watch::default(),
    };
    let folder = RunFolder::open(root.path().join("run"), OnExisting::Refuse).unwrap();
    let mut trainer = run.open(&folder).unwrap();
    let outcome = trainer.train(&mut [], &StopFlag::new(), None).unwrap();
    let Outcome::Collapsed { advice, saved: Some(saved), .. } = outcome else { panic!("{outcome:?}") };
    for word in ["--lr 1000", "--backbone-lr", "--precision fp32"] {
        assert!(advice.contains(word), "{advice}");
    }
    let (weights, _) = twist_io::load_safetensors(saved.join("weights.safetensors")).unwrap();
    assert!(weights.get("classifier.weight").is_some() && weights.get("backbone.conv1.weight").is_some());
}

/// The state of an older version, whose figures stood in tensors.
#[test]
fn a_state_of_an_older_version_is_refused_in_words() {
    let root = tempfile::tempdir().unwrap();
    let (source, machine, train) = (model(), machine(), labelled(16, 0));
    let path = root.path().join("run");
    drop(RunFolder::open(&path, OnExisting::Refuse).unwrap());
    let facts = serde_json::json!({ "course": { "step": 2, "of": "something" } });
    let state = path.join("checkpoints/finetune.safetensors");
    twist_io::save_safetensors(&state, &source.store.state_dict().unwrap(), Some(&facts)).unwrap();
    fs_err::write(path.join("plan.json"), "{}").unwrap();
    let folder = RunFolder::open(&path, OnExisting::Resume).unwrap();
    let (labelled, images) = (all(&train), train.clone());
    let config = asked(3, 8);
    let run = FinetuneRun {
        config,
        source: &source,
        labelled,
        images,
        test: None,
        machine: &machine,
        watch: Watch::default(),
    };
    let message = run.open(&folder).map(|_| ()).unwrap_err().to_string();
    for word in ["finetune.safetensors", "older version", "--force"] {
        assert!(message.contains(word), "{message}");
    }
    let kept = root.path().join("kept");
    fs_err::create_dir(&kept).unwrap();
    fs_err::copy(&state, kept.join("linear-resnet.safetensors")).unwrap();
    let how = AugmentedLinear { epochs: Some(2), batch_size: Some(8), ..AugmentedLinear::resnet() };
    let around = &mut Surroundings::default();
    let error = augmented_linear(&source, &train, &train, &how, &machine, Some(&kept), around).map(|_| ());
    assert!(error.unwrap_err().to_string().contains("older version"));
}

#[test]
fn another_run_is_not_resumed() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(FinetuneConfig::read(folder.path()).unwrap(), None);
    fs_err::write(folder.path().join("config.toml"), "[model]\narch = \"resnet18\"\n").unwrap();
    let message = FinetuneConfig::read(folder.path()).unwrap_err().to_string();
    assert!(message.contains("config.toml") && message.contains("--out"), "{message}");
}

#[test]
fn linear_evaluation_with_augmentation_leaves_the_backbone_alone() {
    let (train, test) = (labelled(40, 0), labelled(20, 100));
    let source = model();
    let before = source.store.state_dict().unwrap();
    let how = AugmentedLinear { epochs: Some(8), batch_size: Some(8), ..AugmentedLinear::resnet() };
    let around = &mut Surroundings::default();
    let AugmentedResult { metrics, epochs } =
        augmented_linear(&source, &train, &test, &how, &machine(), None, around).unwrap().unwrap();
    assert_eq!(metrics.figures.get(figure::LINEAR_TOP1), Some(1.0));
    assert_eq!((epochs.len(), &metrics.protocol["name"]), (8, &"resnet".into()));
    assert_eq!(metrics.protocol["norms"], "running statistics");
    assert_eq!(source.store.state_dict().unwrap(), before);
    let vit = AugmentedLinear { epochs: Some(1), ..AugmentedLinear::vit() };
    let error = augmented_linear(&source, &train, &test, &vit, &machine(), None, around).unwrap_err();
    assert!(error.to_string().contains("class tokens"), "{error}");
}

#[test]
fn a_linear_evaluation_that_was_cut_off_goes_on_to_the_same_result() {
    let (train, test) = (labelled(40, 0), labelled(20, 100));
    let source = model();
    let how = AugmentedLinear { epochs: Some(4), batch_size: Some(8), ..AugmentedLinear::resnet() };
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = labelled(30, 200);
    let never: fn(&Event) -> bool = |_| false;
    let run_on = |test: &Arc<dyn Dataset>, how: &AugmentedLinear, kept: Option<&Path>, at| {
        let (mut events, stop) = (Vec::new(), StopFlag::new());
        let recorders: Vec<Box<dyn Recorder + '_>> =
            vec![Box::new(Heard(&mut events)), Box::new(StopAt(at, stop.clone()))];
        let mut around = Surroundings { recorders, stop, ..Surroundings::default() };
        let result = augmented_linear(&source, &train, test, how, &machine(), kept, &mut around);
        drop(around);
        let first = events.first().map(|event| event.step);
        result.map(|result| (result.map(|result| (result.metrics, result.epochs)), first))
    };
    let run = |how: &AugmentedLinear, kept, at| run_on(&test, how, kept, at);
    let (whole, _) = run(&how, None, never).unwrap();
    assert_eq!(whole.as_ref().unwrap().1.len(), 4);

    let kept = Some(folder.path());
    // An epoch has 5 steps; after the tenth one more is made.
    let step_10: fn(&Event) -> bool = |event| matches!(event.kind, EventKind::Step(_)) && event.step == 10;
    assert_eq!(run(&how, kept, step_10).unwrap(), (None, Some(0)));
    // The state has accuracies on these test images.
    let error = run_on(&elsewhere, &how, kept, never).unwrap_err().to_string();
    assert!(error.contains("cannot be resumed"), "{error}");
    assert_eq!(run(&how, kept, never).unwrap(), (whole.clone(), Some(11)), "it went on where it was");
    assert_eq!(run(&how, kept, never).unwrap(), (whole, None), "it was done");
    let names: Vec<_> =
        fs_err::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["linear-resnet.json"]);
    let other = AugmentedLinear { seed: 1, ..how };
    let error = run(&other, kept, never).unwrap_err().to_string();
    assert!(error.contains("cannot be resumed"), "{error}");
}

#[test]
fn seeds_that_are_done_are_not_done_again() {
    let (train, test) = (labelled(40, 0), labelled(20, 100));
    let folder = tempfile::tempdir().unwrap();
    let run = |options: &FinetuneOptions, seeds: u64, kept: Option<&Path>| {
        let mut steps = 0;
        let budget = LabelBudget::Percent(50.0);
        let mut progress = |_, _, _| steps += 1;
        let (data, how) = ((&train, &test), (options, seeds));
        let figures = finetune_seeds(&model(), data, &budget, how, &machine(), kept, (&mut progress, None));
        figures.map(|figures| (figures, steps))
    };
    let kept = Some(folder.path());
    let ((whole, all), (_, of_one)) = (run(&short(), 2, None).unwrap(), run(&short(), 1, kept).unwrap());
    assert_eq!(run(&short(), 2, kept).unwrap(), (whole.clone(), all - of_one));
    assert_eq!(run(&short(), 2, kept).unwrap(), (whole, 0));
    // Random weights of this network are other weights than those of the model.
    let scratch = FinetuneOptions { from_scratch: true, ..short() };
    let error = run(&scratch, 1, kept).unwrap_err().to_string();
    assert!(error.contains("cannot be resumed"), "{error}");
}

#[test]
fn transformers_are_read_at_their_last_four_blocks() {
    let source = Model::new(card("vit_t", 192), Device::Cpu, 0).unwrap();
    let how = AugmentedLinear { epochs: Some(2), batch_size: Some(8), ..AugmentedLinear::vit() };
    let config = how.config(&source.card).unwrap();
    assert_eq!(config.classifier_lr, 0.02 * 8.0 / 256.0, "for 256 images");
    let base = AugmentedLinear::vit().config(&card("vit_b", 768)).unwrap();
    assert_eq!((base.classifier_lr, base.batch_size, base.epochs), (0.0015 * 4.0, 1024, 100));
    let (train, test) = (labelled(16, 0), labelled(8, 100));
    let around = &mut Surroundings::default();
    let AugmentedResult { metrics, .. } =
        augmented_linear(&source, &train, &test, &how, &machine(), None, around).unwrap().unwrap();
    assert!(metrics.protocol["features"].as_str().unwrap().contains("last 4 blocks"), "{metrics:?}");
}

/// A run of so many epochs of batches of so many images.
fn asked(epochs: u64, batch_size: usize) -> FinetuneConfig {
    FinetuneConfig {
        kind: Kind::Finetune,
        model: "somewhere".into(),
        train: "noise".into(),
        test: None,
        percent: None,
        labels: None,
        from_scratch: false,
        epochs: Some(epochs),
        batch_size: Some(batch_size),
        lr: None,
        backbone_lr: None,
        weight_decay: None,
        test_every: None,
        norm_batch: None,
        precision: None,
        seed: 0,
    }
}

/// Trains and evaluates; returns `metrics.json`.
fn to_the_end(run: FinetuneRun<'_>, folder: &RunFolder) -> Metrics {
    let mut trainer = run.open(folder).unwrap();
    trainer.describe(folder).unwrap();
    let outcome = trainer.train(&mut [], &StopFlag::new(), None).unwrap();
    assert!(matches!(outcome, Outcome::Finished { .. }), "{outcome:?}");
    trainer.finish(folder).unwrap().1
}

/// The mean probability that `model` gives its answers on `images`.
fn mean_probability(model: &Model, images: &Arc<dyn Dataset>) -> f64 {
    let input = EvalInput::of_card(&model.card, None, &machine()).unwrap();
    let cache = FeatureCache::off();
    let features = cache.features(model, &input, FeatureKind::Last, images, &mut |_| ()).unwrap();
    let predictor = Predictor::new(model, ClassSource::Labels, &ClusterNames::new(4), 1).unwrap();
    let batch = FeatureBatch { indices: &features.indices, features: &features.rows };
    let found = predictor.classify(model, &batch).unwrap();
    found.probabilities.iter().map(|&p| f64::from(p)).sum::<f64>() / found.probabilities.len() as f64
}

#[test]
fn a_classifier_from_few_labels_is_as_sure_as_it_is_right() {
    let root = tempfile::tempdir().unwrap();
    let source = model();
    // Labels that mean nothing, of a part of the images: learned by heart, and of no use for the others.
    let images = noise_of(&["a", "b", "c", "d"], 240, 0);
    let budget = LabelBudget::Percent(10.0);
    let labelled = LabelledImages::choose(&images, &budget, 0).unwrap();
    // Rates at which the labels are learned by heart.
    let (lr, backbone_lr) = (Some(0.05), Some(0.1));
    let options = FinetuneOptions {
        epochs: Some(150),
        batch_size: Some(24),
        lr,
        backbone_lr,
        ..FinetuneOptions::default()
    };
    let around = &mut Surroundings::default();
    let sure = finetune(&source, &labelled, None, &options, &machine(), around).unwrap().unwrap().model;
    let config = FinetuneConfig { lr, backbone_lr, ..asked(150, 24) };
    let machine = machine();
    let run = FinetuneRun {
        config,
        source: &source,
        labelled,
        images,
        test: None,
        machine: &machine,
        watch: Watch::default(),
    };
    let folder = RunFolder::open(root.path().join("run"), OnExisting::Refuse).unwrap();
    let found = to_the_end(run, &folder).calibration.unwrap();
    assert_eq!((found.labels, found.images), (24, 216));
    let right = found.cross_validated_top1;
    assert!((0.05..0.5).contains(&right), "about a quarter: {right}");
    let wanted = right.max(0.25);
    assert!(found.mean_probability < wanted + 0.02, "no surer than it is right: {found:?}");

    // The same on images that nobody has seen, with what is kept in the file.
    let others = noise_of(&["a", "b", "c", "d"], 200, 10_000);
    let kept = Model::load(&root.path().join("run"), Device::Cpu).unwrap();
    assert_eq!(kept.card.classifier.as_ref().unwrap().temperature, Some(found.temperature));
    let (before, after) = (mean_probability(&sure, &others), mean_probability(&kept, &others));
    assert!(after < wanted + 0.08 && after < before, "{after} of {wanted}, without a temperature {before}");
}

#[test]
fn many_labels_and_one_a_class_are_not_calibrated() {
    let root = tempfile::tempdir().unwrap();
    let source = model();
    let machine = machine();
    let metrics = |name: &str, labelled: LabelledImages, images: Arc<dyn Dataset>| {
        let config = asked(1, 64);
        let run = FinetuneRun {
            config,
            source: &source,
            labelled,
            images,
            test: None,
            machine: &machine,
            watch: Watch::default(),
        };
        let folder = RunFolder::open(root.path().join(name), OnExisting::Refuse).unwrap();
        to_the_end(run, &folder)
    };
    let many = noise(101, 0);
    assert_eq!(metrics("many", all(&many), many).calibration, None);
    let images = labelled(40, 0);
    let one_a_class = LabelledImages::choose(&images, &LabelBudget::Percent(1.0), 0).unwrap();
    assert_eq!(one_a_class.images.len(), 2);
    assert_eq!(metrics("one", one_a_class, images).calibration, None);
}
