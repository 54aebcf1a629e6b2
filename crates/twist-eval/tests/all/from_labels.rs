//! Fine-tuning and linear evaluation with augmentation: small random networks on pictures made here.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use tch::Device;
use twist_data::{DataError, Dataset, EvalTransform, Interpolation, Rgb8, Stored};
use twist_eval::finetune::{
    FinetuneConfig, FinetuneOptions, FinetuneRun, Finetuned, Kind, RunEnd, finetune, finetune_seeds,
};
use twist_eval::linear::{AugmentedLinear, AugmentedResult, augmented_linear};
use twist_eval::{EvalError, LabelBudget, LabelledImages, Session};
use twist_io::{ClusterNames, splitmix};
use twist_model::{
    BackboneCard, ClassSource, EvalInput, FeatureCache, FeatureKind, FeatureScaling, Model, ModelCard,
    Predictor, Watch,
};
use twist_run::{Event, OnExisting, Recorder, RunError, RunFolder, What};
use twist_train::{DeviceRequest, Machine, Precision, StopFlag};

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
    finetune(&model(), &all(train), test, options, &machine(), &mut Session::default()).unwrap().unwrap()
}

#[test]
fn what_can_be_told_apart_is_learned_and_the_model_begun_with_stays() {
    let (train, test) = (labelled(40, 0), labelled(20, 100));
    let source = model();
    let before = source.store.state_dict().unwrap();
    let session = &mut Session::default();
    let tuned = finetune(&source, &all(&train), Some(&test), &short(), &machine(), session).unwrap().unwrap();
    assert_eq!(source.store.state_dict().unwrap(), before);
    assert_eq!(
        (&tuned.metrics["finetune_top1"], &tuned.metrics["protocol"]["test_images"]),
        (&1.0.into(), &20.into())
    );
    assert!(!tuned.metrics.contains_key("finetune_top5"), "two classes have no fifth");
    let tested: Vec<u64> =
        tuned.epochs.iter().filter(|epoch| epoch.test_top1.is_some()).map(|epoch| epoch.epochs).collect();
    assert_eq!((tuned.epochs.len(), tested), (6, vec![2, 4, 6]));
    let protocol = &tuned.metrics["protocol"];
    assert_eq!(
        (&protocol["updates"], &protocol["lr"], &protocol["backbone_lr"]),
        (&30.into(), &0.2.into(), &0.01.into())
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
    let top1 = tuned.metrics["finetune_top1"].as_f64().unwrap();
    assert!((0.35..0.65).contains(&top1), "{top1}");
}

#[test]
fn from_scratch_forgets_the_weights() {
    let train = labelled(16, 0);
    let with = |from_scratch, source_seed| {
        let source = Model::new(card("resnet18_cifar", 32), Device::Cpu, source_seed).unwrap();
        let options = FinetuneOptions { from_scratch, epochs: Some(1), ..short() };
        let session = &mut Session::default();
        let tuned = finetune(&source, &all(&train), None, &options, &machine(), session).unwrap().unwrap();
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
        assert_eq!(tuned.metrics["protocol"]["updates"], 1);
        (tuned.model.store.state_dict().unwrap(), tuned.metrics["protocol"]["norm_batch"].clone())
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
    let error = finetune(&model(), &all(&train), None, &options, &machine(), &mut Session::default());
    assert!(error.unwrap_err().to_string().contains("at least 3"));
}

#[test]
fn a_stopped_course_goes_on_to_the_same_end() {
    let (train, test) = (labelled(24, 0), labelled(10, 100));
    let calm = tuned(&train, Some(&test), &short());
    let folder = tempfile::tempdir().unwrap();
    // In the middle of an epoch (3 steps each), at the end of one, and in another.
    for steps in [&[4][..], &[3, 5, 14]] {
        let state = folder.path().join(format!("{}.safetensors", steps.len()));
        for &stop_at in steps {
            let stop = StopFlag::new();
            let raise = stop.clone();
            let mut session = Session {
                state: Some(state.clone()),
                progress: Some(Box::new(move |done, _| {
                    if done == stop_at {
                        raise.raise(2)
                    }
                })),
                stop,
                ..Session::default()
            };
            let end =
                finetune(&model(), &all(&train), Some(&test), &short(), &machine(), &mut session).unwrap();
            assert!(end.is_none(), "it was stopped at step {stop_at}");
        }
        let first = Cell::new(0);
        let told = |done: usize, _: usize| {
            if first.get() == 0 {
                first.set(done)
            }
        };
        let mut session =
            Session { state: Some(state), progress: Some(Box::new(told)), ..Session::default() };
        let end = finetune(&model(), &all(&train), Some(&test), &short(), &machine(), &mut session);
        let resumed = end.unwrap().unwrap();
        drop(session);
        assert_eq!(first.get(), steps.last().unwrap() + 1, "it went on where it was");
        assert_eq!(resumed.model.store.state_dict().unwrap(), calm.model.store.state_dict().unwrap());
        assert_eq!((resumed.epochs, resumed.metrics), (calm.epochs.clone(), calm.metrics.clone()));
    }
}

#[test]
fn a_state_of_another_course_is_refused() {
    let train = labelled(24, 0);
    let folder = tempfile::tempdir().unwrap();
    let session = || Session { state: Some(folder.path().join("state.safetensors")), ..Session::default() };
    let run = |train: &Arc<dyn Dataset>, options: &FinetuneOptions| {
        finetune(&model(), &all(train), None, options, &machine(), &mut session())
    };
    run(&train, &short()).unwrap();
    for (train, options) in
        [(train.clone(), FinetuneOptions { lr: Some(0.1), ..short() }), (labelled(25, 0), short())]
    {
        let error = run(&train, &options).unwrap_err();
        assert!(matches!(error, EvalError::OtherCourse { .. }), "{error}");
        assert!(error.to_string().contains("--force"), "{error}");
    }
}

#[test]
fn a_loss_that_is_no_number_stops_with_advice() {
    let train = labelled(16, 0);
    let options = FinetuneOptions { lr: Some(1e30), ..short() };
    let error = finetune(&model(), &all(&train), None, &options, &machine(), &mut Session::default());
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
    let session = &mut Session::default();
    let unknown = finetune(&model(), &all(&train), Some(&others), &short(), &machine(), session).unwrap_err();
    assert!(unknown.to_string().contains("grey"), "{unknown}");
    let members: Vec<(u32, Option<u32>)> = (0..20).map(|index| (index, Some(2 - 2 * (index % 2)))).collect();
    let names = ["white", "grey", "black"].map(String::from).to_vec();
    let swapped = twist_data::subset(labelled(20, 100), &members, names).unwrap();
    let again = tuned(&train, Some(&swapped), &short());
    assert_eq!(again.metrics["finetune_top1"], calm.metrics["finetune_top1"]);
}

/// Counts events by their kind.
struct Kinds<'a>(&'a Cell<[usize; 3]>);

impl Recorder for Kinds<'_> {
    fn record(&mut self, event: &Event) -> Result<(), RunError> {
        let mut counts = self.0.get();
        match event.what {
            What::Eval(_) => counts[0] += 1,
            What::SkippedImage { .. } => counts[1] += 1,
            What::Done { .. } => counts[2] += 1,
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
    let run = |folder: &RunFolder, config: &FinetuneConfig, counts: &Cell<[usize; 3]>| {
        let (config, labelled, test) = (config.clone(), all(&train), Some(test.clone()));
        let images = labelled.images.clone();
        let heard = heard.clone();
        let watch = Watch::new(move |what, done, all| heard.borrow_mut().push((what.to_owned(), done, all)));
        let run = FinetuneRun { config, source: &source, labelled, images, test, machine: &machine, watch };
        run.run(folder, vec![Box::new(Kinds(counts))], None, &StopFlag::new())
    };
    let path = root.path().join("run");
    let counts = Cell::default();
    {
        let folder = RunFolder::open(&path, OnExisting::Refuse).unwrap();
        let RunEnd::Finished { metrics, .. } = run(&folder, &config, &counts).unwrap() else {
            panic!("it stopped")
        };
        let written = fs_err::read_to_string(path.join("metrics.json")).unwrap();
        assert_eq!(written, serde_json::to_string_pretty(&metrics).unwrap() + "\n");
    }
    assert_eq!(counts.get(), [4, 1, 1], "four epochs, one unreadable picture, one end");
    let last = heard.borrow().last().cloned();
    assert_eq!(last, Some(("classes of all images".to_owned(), 20, 20)), "what follows training is told too");
    assert_eq!(FinetuneConfig::read(&path).unwrap(), Some(config.clone()));
    let log = fs_err::read_to_string(path.join("log.jsonl")).unwrap();
    assert!(log.contains("\"event\":\"start\"") && log.contains("test_top1"), "{log}");
    assert_eq!(fs_err::read_dir(path.join("checkpoints")).unwrap().count(), 0, "the state is gone");

    let loaded = Model::load(&path, Device::Cpu).unwrap();
    assert_eq!(loaded.card.classifier.as_ref().unwrap().names, ["black", "white"]);
    assert!(loaded.card.head.is_none(), "the discovered classes are those of the old features");
    assert_eq!(loaded.card.transform, EvalTransform::new(16, 16, Interpolation::Bilinear));

    let folder = RunFolder::open(&path, OnExisting::Resume).unwrap();
    assert!(matches!(run(&folder, &config, &counts).unwrap(), RunEnd::WasFinished { changed: false }));
    drop(folder);
    let folder = RunFolder::open(&path, OnExisting::Replace).unwrap();
    assert!(path.join("model.safetensors").exists(), "the old run stays until the new one begins");
    assert!(matches!(run(&folder, &config, &counts).unwrap(), RunEnd::Finished { .. }));
}

#[test]
fn another_run_is_not_gone_on_with() {
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
    let session = &mut Session::default();
    let AugmentedResult { metrics, epochs } =
        augmented_linear(&source, &train, &test, &how, &machine(), None, session).unwrap().unwrap();
    assert_eq!(metrics["linear_top1"], 1.0);
    assert_eq!((epochs.len(), &metrics["protocol"]["name"]), (8, &"resnet".into()));
    assert_eq!(metrics["protocol"]["norms"], "running statistics");
    assert_eq!(source.store.state_dict().unwrap(), before);
    let vit = AugmentedLinear { epochs: Some(1), ..AugmentedLinear::vit() };
    let error = augmented_linear(&source, &train, &test, &vit, &machine(), None, session).unwrap_err();
    assert!(error.to_string().contains("class tokens"), "{error}");
}

#[test]
fn a_linear_evaluation_that_was_cut_off_goes_on_to_the_same_result() {
    let (train, test) = (labelled(40, 0), labelled(20, 100));
    let source = model();
    let how = AugmentedLinear { epochs: Some(4), batch_size: Some(8), ..AugmentedLinear::resnet() };
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = labelled(30, 200);
    let run_on = |test: &Arc<dyn Dataset>, how: &AugmentedLinear, kept: Option<&Path>, stop_at: usize| {
        let stop = StopFlag::new();
        let (raise, mut steps) = (stop.clone(), 0);
        let progress = |done: usize, _: usize| {
            steps += 1;
            if done == stop_at {
                raise.raise(15);
            }
        };
        let mut session = Session { progress: Some(Box::new(progress)), stop, ..Session::default() };
        let result = augmented_linear(&source, &train, test, how, &machine(), kept, &mut session);
        drop(session);
        result.map(|result| (result.map(|result| (result.metrics, result.epochs)), steps))
    };
    let run = |how: &AugmentedLinear, kept, stop_at| run_on(&test, how, kept, stop_at);
    let (whole, steps) = run(&how, None, 0).unwrap();
    assert_eq!((whole.as_ref().unwrap().1.len(), steps), (4, 20));

    let kept = Some(folder.path());
    assert_eq!(run(&how, kept, 7).unwrap(), (None, 7));
    // The state has accuracies on these test images.
    assert!(matches!(run_on(&elsewhere, &how, kept, 0), Err(EvalError::OtherCourse { .. })));
    assert_eq!(run(&how, kept, 0).unwrap(), (whole.clone(), 13), "the others");
    assert_eq!(run(&how, kept, 0).unwrap(), (whole, 0), "it was done");
    let names: Vec<_> =
        fs_err::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["linear-resnet.json"]);
    let other = AugmentedLinear { seed: 1, ..how };
    assert!(matches!(run(&other, kept, 0), Err(EvalError::OtherCourse { .. })));
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
        let figures = finetune_seeds(&model(), data, &budget, how, &machine(), kept, &mut progress);
        figures.map(|figures| (figures, steps))
    };
    let kept = Some(folder.path());
    let ((whole, all), (_, of_one)) = (run(&short(), 2, None).unwrap(), run(&short(), 1, kept).unwrap());
    assert_eq!(run(&short(), 2, kept).unwrap(), (whole.clone(), all - of_one));
    assert_eq!(run(&short(), 2, kept).unwrap(), (whole, 0));
    // Random weights of this network are other weights than those of the model.
    let scratch = FinetuneOptions { from_scratch: true, ..short() };
    assert!(matches!(run(&scratch, 1, kept), Err(EvalError::OtherCourse { .. })));
}

#[test]
fn transformers_are_read_at_their_last_four_blocks() {
    let source = Model::new(card("vit_t", 192), Device::Cpu, 0).unwrap();
    let how = AugmentedLinear { epochs: Some(2), batch_size: Some(8), ..AugmentedLinear::vit() };
    let plan = how.plan(&source.card).unwrap();
    assert_eq!(plan.classifier_lr, 0.02 * 8.0 / 256.0, "for 256 images");
    let base = AugmentedLinear::vit().plan(&card("vit_b", 768)).unwrap();
    assert_eq!((base.classifier_lr, base.batch_size, base.epochs), (0.0015 * 4.0, 1024, 100));
    let (train, test) = (labelled(16, 0), labelled(8, 100));
    let session = &mut Session::default();
    let AugmentedResult { metrics, .. } =
        augmented_linear(&source, &train, &test, &how, &machine(), None, session).unwrap().unwrap();
    assert!(metrics["protocol"]["features"].as_str().unwrap().contains("last 4 blocks"), "{metrics:?}");
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

/// The mean probability that `model` gives its answers on `images`.
fn mean_probability(model: &Model, images: &Arc<dyn Dataset>) -> f64 {
    let input = EvalInput::of_card(&model.card, None, &machine()).unwrap();
    let cache = FeatureCache::off();
    let features = cache.features(model, &input, FeatureKind::Last, images, &mut |_, _| ()).unwrap();
    let predictor = Predictor::new(model, ClassSource::Labels, &ClusterNames::new(4), 1).unwrap();
    let found = predictor.classify(model, &features.rows).unwrap();
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
    let session = &mut Session::default();
    let sure = finetune(&source, &labelled, None, &options, &machine(), session).unwrap().unwrap().model;
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
    let RunEnd::Finished { metrics, .. } = run.run(&folder, Vec::new(), None, &StopFlag::new()).unwrap()
    else {
        panic!("it stopped")
    };
    let found = &metrics["calibration"];
    let figure = |key: &str| found[key].as_f64().unwrap();
    assert_eq!((&found["labels"], &found["images"]), (&24.into(), &216.into()));
    let right = figure("cross_validated_top1");
    assert!((0.05..0.5).contains(&right), "about a quarter: {right}");
    let wanted = right.max(0.25);
    assert!(figure("mean_probability") < wanted + 0.02, "no surer than it is right: {found}");

    // The same on images that nobody has seen, with what is kept in the file.
    let others = noise_of(&["a", "b", "c", "d"], 200, 10_000);
    let kept = Model::load(&root.path().join("run"), Device::Cpu).unwrap();
    assert_eq!(kept.card.classifier.as_ref().unwrap().temperature, found["temperature"].as_f64());
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
        match run.run(&folder, Vec::new(), None, &StopFlag::new()).unwrap() {
            RunEnd::Finished { metrics, .. } => metrics,
            other => panic!("{other:?}"),
        }
    };
    let many = noise(101, 0);
    assert!(!metrics("many", all(&many), many).contains_key("calibration"));
    let images = labelled(40, 0);
    let one_a_class = LabelledImages::choose(&images, &LabelBudget::Percent(1.0), 0).unwrap();
    assert_eq!(one_a_class.images.len(), 2);
    assert!(!metrics("one", one_a_class, images).contains_key("calibration"));
}
