//! Models from files, and features that are kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use fs_err as fs;
use tch::Device;
use torch_ext::{DeviceRequest, Machine, Precision};
use twist_data::{DataError, Dataset, EvalTransform, FileState, Interpolation, Rgb8, Stamp, Stored, subset};
use twist_eval::EvalData;
use twist_io::{AtomicFile, StateDict, save_safetensors};
use twist_model::{
    BackboneCard, CacheUse, CheckpointFacts, ClassifierCard, EvalInput, FeatureCache, FeatureSet, HeadCard,
    Model, ModelCard, ModelName, NetworkOutputs, StreamEvent, export,
};
use twist_nn::{Activation, FeatureKind};

use crate::pictures::{Pictures, labelled};
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
    let rows = FeatureCache::off().features(&model, &input, FeatureKind::Last, &data.train, &mut |_| {});
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

/// The features of `data` in or from `cache`; how many were known and computed; and what was said about the cache.
fn kept(
    cache: &FeatureCache,
    model: &Model,
    input: &EvalInput,
    data: &Arc<dyn Dataset>,
) -> (FeatureSet, CacheUse, Vec<String>) {
    let (mut counts, mut notes) = (CacheUse::default(), Vec::new());
    let mut hear = |event: StreamEvent<'_>| match event {
        StreamEvent::Cached(found) => counts = found,
        StreamEvent::Note(note) => notes.push(note.to_owned()),
        StreamEvent::Skipped(_) | StreamEvent::Progress(..) => {}
    };
    let set = cache.features(model, input, FeatureKind::Last, data, &mut hear).unwrap();
    (set, counts, notes)
}

/// How many images were known, and how many computed.
fn counts(known: usize, computed: usize) -> CacheUse {
    CacheUse { known, computed }
}

/// The one file of features in a folder.
fn file_of(folder: &Path) -> PathBuf {
    let files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files[0].clone()
}

#[test]
fn features_are_kept_and_belong_to_their_images() {
    let (_folder, model) = saved();
    let input = EvalInput::of_card(&model.card, None, &machine()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let cache = FeatureCache::at(place.path().join("features"));
    let data = Pictures::broken(9, &[4]);
    let mut heard = Vec::new();
    let mut hear = |event: StreamEvent<'_>| match event {
        StreamEvent::Progress(done, all) => heard.push((done, all)),
        StreamEvent::Cached(found) => assert_eq!(found, counts(0, 8)),
        StreamEvent::Skipped(image) => assert_eq!(image.index, 4),
        StreamEvent::Note(note) => panic!("{note}"),
    };
    let first = cache.features(&model, &input, FeatureKind::Last, &data, &mut hear).unwrap();
    assert_eq!(heard.last(), Some(&(9, 9)));
    let direct = FeatureCache::off().features(&model, &input, FeatureKind::Last, &data, &mut |_| {});
    assert!(first.rows.equal(&direct.unwrap().rows));
    assert_eq!((first.indices.len(), first.skipped.len(), first.skipped[0].index), (8, 1, 4));
    assert!(!first.indices.contains(&4));

    // What lies in the file is what comes back: nothing is computed a second time, and what cannot be read is tried again.
    let (again, found, notes) = kept(&cache, &model, &input, &data);
    assert!(again.rows.equal(&first.rows) && notes.is_empty());
    assert_eq!((again.indices, again.skipped, found), (first.indices.clone(), first.skipped, counts(8, 0)));

    // What is not as it was written is computed again, whatever became of it, and that is told.
    let path = file_of(&place.path().join("features"));
    let whole = fs::read(&path).unwrap();
    let mut noise = whole.clone();
    let last = whole.len() - 100;
    noise[last] ^= 0x40;
    for (damaged, computed) in
        [(noise, 1), (whole[..whole.len() - 50].to_vec(), 8), (whole[..20].to_vec(), 8), (Vec::new(), 8)]
    {
        let is_empty = damaged.is_empty();
        fs::write(&path, damaged).unwrap();
        let (again, found, notes) = kept(&cache, &model, &input, &data);
        assert!(again.rows.equal(&first.rows));
        assert_eq!(
            (found, notes.len()),
            (counts(8 - computed, computed), usize::from(!is_empty)),
            "{notes:?}"
        );
        let (_, found, notes) = kept(&cache, &model, &input, &data);
        assert_eq!((found, notes.len()), (counts(8, 0), 0), "{notes:?}");
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
    assert_eq!(kept(&cache, &other, &input, &data).1, counts(8, 0));

    // Pictures are known by what they show: picture 9 is the only new one, and number 4 can be read in this data set.
    let shifted = labelled(9, 1);
    let (set, found, _) = kept(&cache, &model, &input, &shifted);
    assert_eq!(found, counts(7, 2));
    assert!(set.rows.equal(&kept(&FeatureCache::off(), &model, &input, &shifted).0.rows));
    // Another transform has a file of its own.
    let larger = EvalInput { transform: EvalTransform::new(20, 16, Default::default()), ..input };
    assert_eq!(kept(&cache, &model, &larger, &data).1, counts(0, 8));
    assert_eq!(fs::read_dir(place.path().join("features")).unwrap().count(), 2);
}

#[test]
fn features_are_the_same_bits_whatever_was_known() {
    let (_folder, model) = saved();
    let of_card = EvalInput::of_card(&model.card, None, &machine()).unwrap();
    let data = labelled(40, 0);
    for batch_size in [16, 256] {
        let input = EvalInput { batch_size, ..of_card.clone() };
        let whole = kept(&FeatureCache::off(), &model, &input, &data).0.rows;
        for members in [vec![3, 4], vec![0, 1, 2, 39], (5..38).step_by(3).collect(), (0..39).collect()] {
            let place = tempfile::tempdir().unwrap();
            let cache = FeatureCache::at(place.path().to_owned());
            let members: Vec<(u32, Option<u32>)> = members.into_iter().map(|member| (member, None)).collect();
            let some = subset(Arc::clone(&data), &members, Vec::new()).unwrap();
            assert_eq!(kept(&cache, &model, &input, &some).1, counts(0, members.len()));
            let (set, found, _) = kept(&cache, &model, &input, &data);
            assert_eq!(found, counts(members.len(), 40 - members.len()));
            assert!(set.rows.equal(&whole), "{batch_size} {members:?}");
            assert_eq!(set.indices, (0..40).collect::<Vec<u32>>());
        }
    }
    // An image that is alone is computed as it is, and not kept.
    let place = tempfile::tempdir().unwrap();
    let cache = FeatureCache::at(place.path().join("none"));
    let (set, found, notes) = kept(&cache, &model, &of_card, &labelled(1, 0));
    assert_eq!((set.indices.len(), found, notes.len()), (1, counts(0, 0), 0));
    assert!(!place.path().join("none").exists());
}

/// Pictures in files whose states are set by hand, and the readings of each.
struct Filed {
    /// What each file holds, and its state.
    files: Vec<(Arc<Rgb8>, FileState)>,
    reads: Vec<AtomicUsize>,
}

/// A file that was written long ago.
const LONG_AGO: FileState = FileState { size: 9, modified: 1_000_000_007, changed: 1_000_000_007, inode: 1 };

impl Filed {
    fn new(files: Vec<(u32, FileState)>) -> Arc<Self> {
        let reads = files.iter().map(|_| AtomicUsize::new(0)).collect();
        let picture = |number: u32| match labelled(1, number).read(0).unwrap() {
            Stored::Pixels(image) => image,
            Stored::Encoded(_) => panic!("pictures are pixels"),
        };
        Arc::new(Self {
            files: files.into_iter().map(|(number, state)| (picture(number), state)).collect(),
            reads,
        })
    }

    /// How often each was read since the last time.
    fn reads(&self) -> Vec<usize> {
        self.reads.iter().map(|reads| reads.swap(0, Ordering::Relaxed)).collect()
    }
}

impl Dataset for Filed {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        self.reads[index].fetch_add(1, Ordering::Relaxed);
        Ok(Stored::Pixels(Arc::clone(&self.files[index].0)))
    }

    fn path(&self, index: usize) -> String {
        index.to_string()
    }

    fn stamp(&self, index: usize) -> Option<Stamp> {
        Some(Stamp::new(self.path(index).as_bytes(), [0; 2], self.files[index].1))
    }

    fn label(&self, _: usize) -> Option<u32> {
        None
    }

    fn classes(&self) -> &[String] {
        &[]
    }

    fn fingerprint(&self) -> String {
        "filed".into()
    }
}

#[test]
fn unchanged_files_are_not_read_and_doubtful_ones_are() {
    let (_folder, model) = saved();
    let input = EvalInput::of_card(&model.card, None, &machine()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let cache = FeatureCache::at(place.path().to_owned());
    let future = FileState { modified: 1 << 62, ..LONG_AGO };
    let whole_seconds = FileState { modified: 1_000_000_000, changed: 1_000_000_000, ..LONG_AGO };
    let moved = FileState { inode: 2, ..LONG_AGO };
    let ask = |files: Vec<(u32, FileState)>, found: CacheUse, reads: &[usize]| {
        let numbers: Vec<u32> = files.iter().map(|(number, _)| *number).collect();
        let filed = Filed::new(files);
        let data: Arc<dyn Dataset> = filed.clone();
        let (set, known, notes) = kept(&cache, &model, &input, &data);
        assert_eq!((known, &filed.reads()[..], notes.len()), (found, reads, 0), "{numbers:?}");
        for (row, number) in numbers.into_iter().enumerate() {
            let alone = kept(&FeatureCache::off(), &model, &input, &labelled(2, number)).0;
            let own = alone.rows.narrow(0, 0, 1);
            assert!(own.equal(&set.rows.narrow(0, row as i64, 1)), "picture {number}");
        }
    };
    // From nothing: each is read once. Afterwards, only those whose times say nothing.
    let files = vec![(0, LONG_AGO), (1, LONG_AGO), (2, future), (3, whole_seconds)];
    ask(files.clone(), counts(0, 4), &[1; 4]);
    ask(files.clone(), counts(4, 0), &[0, 0, 1, 1]);
    // Rewritten within the tick of the clock, or with time and size set as they were: a doubtful state is never believed.
    let mut rewritten = files.clone();
    rewritten[2].0 = 7;
    rewritten[3].0 = 8;
    ask(rewritten, counts(2, 2), &[0, 0, 2, 2]);
    // The times of a change, the file's number, its size: each makes an image be looked at. One is new then, one was moved.
    let changed = FileState { changed: LONG_AGO.changed + 1, ..LONG_AGO };
    ask(vec![(9, changed), (0, moved)], counts(1, 1), &[2, 1]);
    // What was recognised by its content is known by its state the next time.
    ask(vec![(9, changed), (0, moved)], counts(2, 0), &[0, 0]);
    // Fewer files, in other places.
    ask(vec![(1, FileState { size: 10, ..LONG_AGO }), (0, moved)], counts(2, 0), &[1, 0]);
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
fn features_of_images_that_change_meanwhile_are_those_of_what_was_read() {
    let (_folder, model) = saved();
    let input = EvalInput::of_card(&model.card, None, &machine()).unwrap();
    let (before, after) = (labelled(9, 0), labelled(9, 100));
    let rows = |data: &Arc<dyn Dataset>| kept(&FeatureCache::off(), &model, &input, data).0.rows;
    let place = tempfile::tempdir().unwrap();
    let cache = FeatureCache::at(place.path().to_owned());
    let (from, to, reads) = (Arc::clone(&before), Arc::clone(&after), AtomicUsize::new(0));
    let exchanged: Arc<dyn Dataset> = Arc::new(Exchanged { before: from, after: to, reads, at: 5 });
    kept(&cache, &model, &input, &exchanged);
    // Whichever were read before: what is kept of both belongs to its content.
    for data in [&before, &after] {
        assert!(kept(&cache, &model, &input, data).0.rows.equal(&rows(data)));
    }
}

#[test]
fn a_cache_that_cannot_be_used_is_told_and_changes_nothing() {
    let (_folder, model) = saved();
    let input = EvalInput::of_card(&model.card, None, &machine()).unwrap();
    let (place, data) = (tempfile::tempdir().unwrap(), labelled(9, 0));
    let direct = kept(&FeatureCache::off(), &model, &input, &data).0.rows;
    // A file where the folder should be.
    fs::write(place.path().join("file"), "words").unwrap();
    let cache = FeatureCache::at(place.path().join("file"));
    let (set, _, notes) = kept(&cache, &model, &input, &data);
    assert!(set.rows.equal(&direct) && notes.len() == 1, "{notes:?}");
    assert!(notes[0].contains("cannot be used") && notes[0].contains("--no-cache"), "{notes:?}");
    // Another file under the name of ours stays as it is.
    let folder = place.path().join("features");
    let cache = FeatureCache::at(folder.clone());
    kept(&cache, &model, &input, &data);
    let path = file_of(&folder);
    fs::write(&path, "another program's").unwrap();
    let (set, _, notes) = kept(&cache, &model, &input, &data);
    assert!(set.rows.equal(&direct) && notes.len() == 1 && notes[0].contains("remove it"), "{notes:?}");
    assert_eq!(fs::read(&path).unwrap(), b"another program's");
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
    cache.features(&model, &input, FeatureKind::Last, &labelled(9, 0), &mut |_| {}).unwrap();
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
    let error = FeatureCache::off().features(&model, &input, tokens, &labelled(4, 0), &mut |_| {});
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
