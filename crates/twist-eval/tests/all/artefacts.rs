//! What the final evaluation leaves in the run folder.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::Path;
use std::rc::Rc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int32Type};
use arrow_array::{Array, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use twist_eval::{EvalData, RunFigures, final_evaluation};
use twist_model::{Watch, weights_hash};
use twist_nn::TwistNet;
use twist_run::{ClusterNames, Metrics, NamedWeights, RunError, Samples, clusters_file, figure};
use twist_train::TrainPlan;

use crate::pictures::{Pictures, labelled, unlabelled};
use crate::support::{net, plan};

fn evaluate(data: &EvalData, folder: &Path) -> Metrics {
    let plan = plan(data);
    let run = RunFigures { costs: [(figure::MINUTES, 1.5)].into_iter().collect(), ..RunFigures::default() };
    final_evaluation(&net(&plan), &plan, data, folder, run, &Watch::default()).unwrap().metrics
}

fn table(folder: &Path) -> RecordBatch {
    let file = fs_err::File::open(folder.join("embeddings.parquet")).unwrap().into_parts().0;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    assert_eq!(batches.len(), 1);
    batches[0].clone()
}

fn thumbnails(folder: &Path) -> Vec<(String, u32, u32)> {
    let mut archive = tar::Archive::new(fs_err::File::open(folder.join("thumbnails.tar")).unwrap());
    let mut found = Vec::new();
    for member in archive.entries().unwrap() {
        let mut member = member.unwrap();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut member, &mut bytes).unwrap();
        let picture = image::load_from_memory(&bytes).unwrap();
        found.push((member.path().unwrap().display().to_string(), picture.width(), picture.height()));
    }
    found
}

#[test]
fn a_labelled_run_has_figures_baselines_and_everything_to_draw() {
    let folder = tempfile::tempdir().unwrap();
    let data = EvalData::new(labelled(40, 0), Some(labelled(10, 100))).unwrap();
    let metrics = evaluate(&data, folder.path());

    assert_eq!(Metrics::read(folder.path()).unwrap().as_ref(), Some(&metrics));
    let figures = &metrics.figures;
    assert_eq!((figures.get(figure::KNN_TOP1), figures.get(figure::MINUTES)), (Some(1.0), Some(1.5)));
    assert_eq!(figures.get(figure::IMAGES_PER_SECOND), None, "nobody measured it");
    let protocol = &metrics.protocol;
    assert_eq!(
        (&protocol["evaluated_on"], &protocol["evaluated_images"]),
        (&"held-out images".into(), &10.into())
    );
    assert_eq!((&protocol["knn"]["k"], &protocol["knn"]["bank"]), (&5.into(), &40.into()));
    assert_eq!((&protocol["transform"]["crop"], &protocol["clusters"]), (&16.into(), &5.into()));
    let baselines = &metrics.baselines;
    let (at_k, told): (Vec<_>, Vec<_>) = baselines.iter().partition(|(key, _)| key.ends_with("_at_k"));
    assert_eq!((told.len(), at_k.len()), (4, 2));
    // Black and white are told apart without learning; five clusters cut them up.
    assert!(told.iter().all(|(_, value)| *value == 1.0), "{baselines:?}");
    assert!(at_k.iter().all(|(_, value)| (0.1..=1.0).contains(value)), "{baselines:?}");

    let table = table(folder.path());
    assert_eq!(table.num_rows(), 10);
    let names: Vec<_> = table.schema().fields().iter().map(|field| field.name().clone()).collect();
    let expected = [
        "path",
        "cluster",
        "name",
        "label",
        "probability",
        "index",
        "label_index",
        "clusters",
        "probabilities",
        "embedding",
    ];
    assert_eq!(names, expected);
    let labels = table.column_by_name("label_index").unwrap().as_primitive::<Int32Type>();
    assert_eq!((0..10).map(|row| labels.value(row)).collect::<Vec<_>>(), [0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
    let text = |name: &str, row| table.column_by_name(name).unwrap().as_string::<i32>().value(row).to_owned();
    let cluster = |row| table.column_by_name("cluster").unwrap().as_primitive::<Int32Type>().value(row);
    assert_eq!((text("path", 1), text("label", 1)), ("picture 101".into(), "white".into()));
    assert_eq!(text("name", 1), format!("class {}", cluster(1)));
    let list = |name| table.column_by_name(name).unwrap().as_fixed_size_list();
    let (clusters, probabilities) = (list("clusters"), list("probabilities"));
    assert_eq!((clusters.value_length(), probabilities.value_length()), (5, 5), "all clusters");
    let probabilities = probabilities.value(3);
    let probabilities = probabilities.as_primitive::<Float32Type>().values();
    assert!(
        probabilities.is_sorted_by(|a, b| a >= b) && (probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-5
    );
    let sure = table.column_by_name("probability").unwrap().as_primitive::<Float32Type>();
    assert_eq!(
        (clusters.value(3).as_primitive::<Int32Type>().value(0), sure.value(3)),
        (cluster(3), probabilities[0])
    );
    let embedding = table.column_by_name("embedding").unwrap().as_fixed_size_list();
    let rows = embedding.values().as_primitive::<Float32Type>();
    let norm: f32 = rows.values()[..embedding.value_length() as usize].iter().map(|x| x * x).sum();
    assert!((norm - 1.0).abs() < 1e-5);

    let images = fs_err::read_to_string(folder.path().join("images.csv")).unwrap();
    let lines: Vec<&str> = images.lines().collect();
    assert_eq!(lines[0], "path,cluster,name,label,probability,index");
    let second = format!("picture 101,{0},class {0},white,{1},1", cluster(1), sure.value(1));
    assert_eq!((lines[2], lines.len()), (second.as_str(), 11));

    let thumbnails = thumbnails(folder.path());
    let unique: HashSet<&String> = thumbnails.iter().map(|(name, ..)| name).collect();
    assert_eq!((thumbnails.len(), unique.len()), (10, 10), "each image once");
    assert!(unique.contains(&"00000007.png".to_string()));
    assert!(thumbnails.iter().all(|(_, width, height)| (*width, *height) == (20, 18)));

    let sheet = image::open(folder.path().join("augmentation.png")).unwrap();
    let cell = |count: u32| 6 + count * (96 + 6);
    assert_eq!(
        (sheet.width(), sheet.height()),
        (cell(9), cell(8)),
        "8 images, 1 original and 4 draws of 2 views"
    );
}

#[test]
fn equal_evaluations_leave_equal_bytes() {
    let data = EvalData::new(labelled(60, 0), None).unwrap();
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    for folder in &folders {
        evaluate(&data, folder.path());
    }
    let files = [
        "metrics.json",
        "embeddings.parquet",
        "images.csv",
        "thumbnails.tar",
        "augmentation.png",
        "tree.json",
    ];
    for file in files {
        let [a, b] = folders.each_ref().map(|folder| fs_err::read(folder.path().join(file)).unwrap());
        assert!(a == b, "{file} differs");
    }
    assert_eq!(fs_err::read_dir(folders[0].path()).unwrap().count(), files.len(), "nothing else is left");
}

#[test]
fn a_run_without_labels_has_no_baselines_and_null_labels() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = evaluate(&EvalData::new(unlabelled(12), None).unwrap(), folder.path());
    assert!(metrics.baselines.is_empty() && metrics.figures.get(figure::KNN_TOP1).is_none(), "{metrics:?}");
    assert_eq!(metrics.protocol["evaluated_on"], "training images");
    let table = table(folder.path());
    assert_eq!(table.column_by_name("label").unwrap().null_count(), 12);
    assert_eq!(table.num_rows(), 12);
}

#[test]
fn broken_images_are_counted_and_have_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let data = EvalData::new(Pictures::broken(20, &[0, 7]), None).unwrap();
    let metrics = evaluate(&data, folder.path());
    assert_eq!(metrics.protocol["unreadable_images"], 2);
    assert_eq!(table(folder.path()).num_rows(), 18);
    assert_eq!(thumbnails(folder.path()).len(), 18);
}

#[test]
fn somebody_hears_how_far_the_evaluation_is() {
    let folder = tempfile::tempdir().unwrap();
    let data = EvalData::new(labelled(30, 0), Some(labelled(12, 100))).unwrap();
    let plan = plan(&data);
    let heard = Rc::new(RefCell::new(Vec::new()));
    let hears = Rc::clone(&heard);
    let watch = Watch::new(move |what, done, all| hears.borrow_mut().push((what.to_owned(), done, all)));
    final_evaluation(&net(&plan), &plan, &data, folder.path(), RunFigures::default(), &watch).unwrap();
    let heard = heard.borrow();
    let said = |what: &str, done, all| heard.contains(&(what.to_owned(), done, all));
    assert!(said("features", 12, 12) && said("features", 30, 30), "{heard:?}");
    assert!(said("baselines", 30, 30) && said("k-means", 0, 0) && said("thumbnails", 0, 0), "{heard:?}");
    assert!(heard.iter().all(|(_, done, all)| done <= all));
}

/// The network with its classes numbered the other way round.
fn turned(plan: &TrainPlan) -> TwistNet {
    let (net, dim) = (net(plan), plan.net.head.dim as usize);
    let mut state = net.store.state_dict().unwrap();
    let of_classes =
        |name: &str, shape: &[usize]| name.starts_with("projection_heads.") && shape.first() == Some(&dim);
    let mut turned = 0;
    for (_, tensor) in state.0.iter_mut().filter(|(name, tensor)| of_classes(name, &tensor.shape)) {
        let row = tensor.data.len() / dim;
        tensor.data = tensor.data.chunks(row).rev().flatten().copied().collect();
        turned += 1;
    }
    assert!(turned > 0);
    net.store.load(&state).unwrap();
    net
}

#[test]
fn names_go_on_to_the_classes_of_the_same_images() {
    let folder = tempfile::tempdir().unwrap();
    let data = EvalData::new(labelled(30, 0), None).unwrap();
    let plan = plan(&data);
    let clusters = plan.net.head.dim as u32;
    let evaluate = |net: &TwistNet, steps: u64| {
        let run = RunFigures { steps, ..RunFigures::default() };
        final_evaluation(net, &plan, &data, folder.path(), run, &Watch::default()).unwrap().names
    };
    assert_eq!(evaluate(&net(&plan), 10), None, "nothing was named");
    let image = Samples::read(folder.path(), false).unwrap().unwrap().rows().remove(0);
    let class = image.clusters[0].0;
    let empty = (0..clusters).find(|other| !classes_of(folder.path()).contains(other));
    let path = clusters_file(folder.path());
    let mut names = ClusterNames::load_for(&path, clusters, Some(step(10))).unwrap();
    names.rename(class, "one").unwrap();
    empty.iter().for_each(|empty| names.rename(*empty, "nothing").unwrap());
    names.set_unsure(Some(0.25)).unwrap();
    names.save(&path).unwrap();
    let before = fs_err::read(&path).unwrap();

    let carried = evaluate(&turned(&plan), 20).unwrap();
    assert_eq!((carried.from, carried.to, carried.kept), (10, 20, vec!["`one`".to_owned()]));
    let lost: Vec<String> = empty.iter().map(|_| "`nothing`".to_owned()).collect();
    assert_eq!(carried.lost, lost, "a class without images has no images to go on with");
    assert_eq!(carried.aside.map(|aside| fs_err::read(aside).unwrap()), empty.map(|_| before.clone()));
    let now = ClusterNames::load(&path, clusters).unwrap();
    assert_eq!(now.resolve(clusters - 1 - class).unwrap().name, "one");
    assert!(now.weights().unwrap().are(&step(20)) && now.unsure() == Some(0.25));
    let figures = Metrics::read(folder.path()).unwrap().unwrap().weights().unwrap();
    assert_eq!(now.weights(), Some(&figures), "with their hash");
    let NamedWeights::Step { hash: Some(hash), .. } = figures else { panic!("{figures:?}") };
    assert_eq!(hash, weights_hash(&turned(&plan).store.state_dict().unwrap()));
    assert_eq!(evaluate(&turned(&plan), 20), None, "they are its own");

    // A kill after the table of step 20 and before the figures: what the names of step 10 meant is not known any more.
    let mut metrics = Metrics::read(folder.path()).unwrap().unwrap();
    metrics.set_weights(&step(10));
    metrics.write(folder.path()).unwrap();
    fs_err::write(&path, &before).unwrap();
    assert_eq!(evaluate(&turned(&plan), 20), None);
    assert_eq!(fs_err::read(&path).unwrap(), before, "they stay those of step 10");
    let stale = ClusterNames::load_for(&path, clusters, Some(step(20)));
    assert!(matches!(stale, Err(RunError::OtherWeights(_))), "{stale:?}");
}

fn step(step: u64) -> NamedWeights {
    NamedWeights::Step { step, hash: None }
}

/// The classes that hold an image.
fn classes_of(folder: &Path) -> HashSet<u32> {
    let samples = Samples::read(folder, false).unwrap().unwrap();
    (0..samples.len()).map(|row| samples.clusters(row)[0].0).collect()
}
