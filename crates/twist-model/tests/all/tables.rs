//! Tables that grow row by row, and the rows that a model gives them.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int32Type};
use arrow_array::{Array, RecordBatch};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tch::{Device, Kind, Tensor};
use torch_ext::{DeviceRequest, Machine, Precision};
use twist_data::{Dataset, EvalTransform, Interpolation};
use twist_io::{load_safetensors, read_npy};
use twist_model::{
    BackboneCard, ClassSource, ClassifierCard, EvalInput, FeatureBatch, FeatureCache, FeatureScaling,
    HeadCard, Model, ModelCard, ModelError, Predictor, StreamEvent, TableFormat, embedding_rows,
    embedding_schema, stream_features, table_in_file, table_in_stream,
};
use twist_nn::{Activation, FeatureKind};
use twist_run::ClusterNames;

use crate::pictures::{Pictures, labelled, unlabelled};

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
            classes: 3,
            names: vec!["ant".into(), "bee".into()],
            temperature: None,
        }),
        mean: [0.5; 3],
        std: [0.25; 3],
        transform: EvalTransform::new(16, 16, Interpolation::Bilinear),
        precision: Precision::Fp32,
        feature_scaling: FeatureScaling::None,
        origin: "a test".into(),
    }
}

fn model() -> Model {
    Model::new(card(), Device::Cpu, 3).unwrap()
}

fn input() -> EvalInput {
    let machine = Machine::detect(DeviceRequest::Cpu, Some(1)).unwrap();
    EvalInput { batch_size: 7, ..EvalInput::of_card(&card(), None, &machine).unwrap() }
}

#[derive(Default)]
struct Heard {
    skipped: Vec<String>,
    done: Vec<usize>,
}

/// Streams the features of `dataset` into `take`.
fn stream(
    dataset: &Arc<dyn Dataset>,
    take: impl FnMut(FeatureBatch<'_>) -> Result<(), ModelError>,
) -> (Result<usize, ModelError>, Heard) {
    let mut heard = Heard::default();
    let mut hear = |event: StreamEvent<'_>| match event {
        StreamEvent::Skipped(image) => heard.skipped.push(image.path.clone()),
        StreamEvent::Progress(done, all) => {
            assert!(done <= all);
            heard.done.push(done);
        }
        StreamEvent::Note(_) | StreamEvent::Cached(_) => panic!("nothing is kept"),
    };
    let cache = FeatureCache::off();
    let rows = cache.stream(&model(), &input(), FeatureKind::Last, dataset, &mut hear, take);
    (rows, heard)
}

/// Embeds `dataset` into `path`.
fn embed(dataset: &Arc<dyn Dataset>, path: &Path, format: TableFormat) {
    let schema = embedding_schema(32);
    let facts = serde_json::json!({ "weights": "a test" });
    let mut sink = table_in_file(path, format, &schema, &facts).unwrap();
    stream(dataset, |batch| sink.push(&embedding_rows(&schema, &batch, &**dataset, false)?)).0.unwrap();
    assert!(!path.exists(), "an unfinished table has no name");
    sink.finish().unwrap();
}

fn parquet(path: &Path) -> RecordBatch {
    let file = fs_err::File::open(path).unwrap().into_parts().0;
    let mut reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader.next().unwrap().unwrap()
}

#[test]
fn every_format_has_the_same_embeddings() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let dataset = Pictures::broken(20, &[0, 9]);
    embed(&dataset, &file("a.parquet"), TableFormat::Parquet);
    embed(&dataset, &file("a.npy"), TableFormat::Npy);
    embed(&dataset, &file("a.safetensors"), TableFormat::Safetensors);
    embed(&dataset, &file("a.jsonl"), TableFormat::JsonLines);

    let table = parquet(&file("a.parquet"));
    assert_eq!(table.num_rows(), 18);
    let column = |name: &str| Arc::clone(table.column_by_name(name).unwrap());
    let paths = column("path");
    assert_eq!(
        (paths.as_string::<i32>().value(0), paths.as_string::<i32>().value(8)),
        ("picture 1", "picture 10")
    );
    let index = column("index");
    assert_eq!(index.as_primitive::<Int32Type>().value(17), 19);
    assert_eq!(column("label").as_string::<i32>().value(0), "white");
    let embedding = column("embedding");
    let values = embedding.as_fixed_size_list().values().as_primitive::<Float32Type>().values().to_vec();
    assert_eq!(values.len(), 18 * 32);

    let floats = |bytes: &[u8]| -> Vec<f32> {
        bytes.chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect()
    };
    let (header, bytes) = read_npy(file("a.npy")).unwrap();
    assert_eq!((header.shape, floats(&bytes)), (vec![18, 32], values.clone()));
    let (state, metadata) = load_safetensors(file("a.safetensors")).unwrap();
    assert_eq!(floats(&state.get("embeddings").unwrap().data), values);
    assert_eq!(metadata.unwrap()["weights"], "a test");
    let names = fs_err::read_to_string(file("a.npy.csv")).unwrap();
    assert!(names.starts_with("row,path,index,label\n0,picture 1,1,white\n1,picture 2,2,black\n"), "{names}");
    let lines = fs_err::read_to_string(file("a.jsonl")).unwrap();
    let first: serde_json::Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let numbers: Vec<f32> =
        first["embedding"].as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect();
    assert_eq!(numbers, values[..32], "as few digits as tell them apart");
    // Features as they come from everything at once.
    let cache = FeatureCache::off();
    let all = cache.features(&model(), &input(), FeatureKind::Last, &dataset, &mut |_| {}).unwrap();
    assert_eq!(Tensor::from_slice(&values).view([18, 32]), all.rows);
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 6, "nothing else is left");
}

#[test]
fn a_table_without_labels_has_nulls() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    embed(&unlabelled(5), &path, TableFormat::Parquet);
    assert_eq!(parquet(&path).column_by_name("label").unwrap().null_count(), 5);
}

#[test]
fn unreadable_images_are_heard_of_when_they_come() {
    let (rows, heard) = stream(&Pictures::broken(20, &[3, 7, 8, 9, 10, 11, 12, 13]), |batch| {
        assert_eq!(batch.features.size(), [batch.indices.len() as i64, 32]);
        Ok(())
    });
    assert_eq!(rows.unwrap(), 12);
    assert_eq!(heard.skipped.len(), 8);
    assert_eq!((heard.skipped[0].as_str(), heard.done), ("picture 3", vec![7, 14, 20]));
    let (rows, _) = stream(&Pictures::broken(3, &[0, 1, 2]), |_| Ok(()));
    assert!(matches!(rows, Err(ModelError::NoFeatures)));
}

#[test]
fn row_groups_are_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let schema = embedding_schema(2_048);
    let mut sink = table_in_file(&path, TableFormat::Parquet, &schema, &serde_json::Value::Null).unwrap();
    let dataset = unlabelled(512);
    let indices: Vec<u32> = (0..512).collect();
    let _numbers = torch_ext::RandomNumbers::seeded(1);
    for _ in 0..12 {
        // 4 MiB that cannot be compressed.
        let features = Tensor::rand([512, 2_048], (Kind::Float, Device::Cpu));
        let batch = FeatureBatch { indices: &indices, features: &features };
        sink.push(&embedding_rows(&schema, &batch, &*dataset, true).unwrap()).unwrap();
    }
    sink.finish().unwrap();
    let file = fs_err::File::open(&path).unwrap().into_parts().0;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let metadata = Arc::clone(builder.metadata());
    assert!(metadata.num_row_groups() >= 3, "{} groups", metadata.num_row_groups());
    assert!(metadata.row_groups().iter().all(|group| group.total_byte_size() <= 18 << 20));
    let rows: usize = builder.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(rows, 12 * 512);
}

/// A stream that can be looked at.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The lines of the predictions for `dataset`.
fn predicted(predictor: &Predictor, dataset: &Arc<dyn Dataset>) -> Vec<String> {
    let (out, schema, model) = (Shared::default(), predictor.schema(), model());
    let mut sink = table_in_stream(Box::new(out.clone()), &schema).unwrap();
    let push = |batch: FeatureBatch<'_>| {
        let found = predictor.classify(&model, &batch)?;
        sink.push(&predictor.rows(&schema, &found, batch.indices, &**dataset)?)
    };
    stream(dataset, push).0.unwrap();
    sink.finish().unwrap();
    let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
    text.lines().map(str::to_string).collect()
}

#[test]
fn probabilities_of_merged_classes_add_up() {
    let (model, features) = (model(), Tensor::rand([40, 32], (Kind::Float, Device::Cpu)));
    let mut names = ClusterNames::new(5);
    names.merge(&[1, 4, 2], Some("three")).unwrap();
    names.set_unsure(Some(0.5)).unwrap();
    let plain = Predictor::new(&model, ClassSource::Discovered, &ClusterNames::new(5), 9).unwrap();
    let merged = Predictor::new(&model, ClassSource::Discovered, &names, 9).unwrap();
    assert_eq!((plain.len(), merged.len()), (5, 3));
    let indices: Vec<u32> = (0..40).collect();
    let batch = FeatureBatch { indices: &indices, features: &features };
    let (each, sums) = (plain.classify(&model, &batch).unwrap(), merged.classify(&model, &batch).unwrap());
    assert_eq!((each.top, sums.top), (5, 3), "no more than there are");
    let direct = model.head_probabilities(&features).unwrap();
    for row in 0..40 {
        let of = |cluster: i64| direct.double_value(&[row as i64, cluster]);
        for rank in 0..3 {
            let (class, name) = merged.class(sums.classes[3 * row + rank]);
            let expected = if class == 1 { of(1) + of(2) + of(4) } else { of(i64::from(class)) };
            assert!((f64::from(sums.probabilities[3 * row + rank]) - expected).abs() < 1e-6);
            assert_eq!(name == "three", class == 1);
        }
        assert!(sums.probabilities[3 * row..3 * row + 3].windows(2).all(|pair| pair[0] >= pair[1]));
        assert_eq!(each.probabilities[5 * row], direct.get(row as i64).max().double_value(&[]) as f32);
    }
    assert!(merged.is_unsure(0.49) && !merged.is_unsure(0.5) && !plain.is_unsure(0.0));
    assert!(merged.with_unsure(Some(0.9)).is_unsure(0.8));
}

#[test]
fn a_classifier_answers_with_its_own_names() {
    let model = model();
    assert_eq!(ClassSource::of(&model), Some(ClassSource::Labels), "somebody trained it on purpose");
    let predictor = Predictor::new(&model, ClassSource::Labels, &ClusterNames::new(5), 3).unwrap();
    let lines = predicted(&predictor, &labelled(4, 0));
    assert_eq!(lines.len(), 5);
    assert!(
        lines[0].starts_with(
            "path,cluster,name,label,probability,unsure,cluster_2,name_2,probability_2,cluster_3"
        )
    );
    for line in &lines[1..] {
        let fields: Vec<&str> = line.split(',').collect();
        for (class, name) in [(1, 2), (6, 7), (9, 10)] {
            let expected = ["ant", "bee", "class 2"][fields[class].parse::<usize>().unwrap()];
            assert_eq!(fields[name], expected, "{line}");
        }
        assert!(["black", "white"].contains(&fields[3]), "the label of the data set: {line}");
        let total: f32 = [4, 8, 11].iter().map(|&at| fields[at].parse::<f32>().unwrap()).sum();
        assert!((total - 1.0).abs() < 1e-5, "{line}");
    }
}

#[test]
fn names_belong_to_the_clusters_or_without_a_head_to_the_labels() {
    let model = model();
    let mut names = ClusterNames::new(3);
    names.merge(&[0, 1], Some("insects")).unwrap();
    let of = |model: &Model| {
        let predictor = Predictor::new(model, ClassSource::Labels, &names, 3).unwrap();
        (0..predictor.len()).map(|place| predictor.class(place).1.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (ClassSource::named(&model), of(&model)[0].as_str()),
        (Some((ClassSource::Discovered, 5)), "ant")
    );
    let card = ModelCard { head: None, ..model.card.clone() };
    let model = Model::new(card, Device::Cpu, 0).unwrap();
    assert_eq!(ClassSource::named(&model), Some((ClassSource::Labels, 3)));
    assert_eq!(of(&model), ["insects", "class 2"]);
    assert_eq!(model.card.classifier.unwrap().cluster_names().resolve(1).unwrap().name, "bee");
}

#[test]
fn names_with_commas_and_quotes_survive_a_csv() {
    let mut names = ClusterNames::new(5);
    (0..5).for_each(|class| names.rename(class, &format!("a \"{class}\", b")).unwrap());
    let predictor = Predictor::new(&model(), ClassSource::Discovered, &names, 1).unwrap();
    let lines = predicted(&predictor, &labelled(3, 0));
    let mut reader = csv::Reader::from_reader(lines.join("\n").into_bytes().leak() as &[u8]);
    let mut seen = 0;
    for record in reader.records().map(Result::unwrap) {
        assert_eq!(record[2], format!("a \"{}\", b", &record[1]));
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn places_that_cannot_be_written_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    fs_err::create_dir(folder.path().join("a.npy")).unwrap();
    let schema = embedding_schema(4);
    let refused = |path: &Path, format| match table_in_file(path, format, &schema, &serde_json::Value::Null) {
        Ok(_) => panic!("{}", path.display()),
        Err(error) => error.to_string(),
    };
    assert!(refused(&folder.path().join("a.npy"), TableFormat::Npy).contains("it is a folder"));
    assert!(refused(&folder.path().join("b/a.npy"), TableFormat::Npy).contains("create it first"));
    let predictions =
        Predictor::new(&model(), ClassSource::Labels, &ClusterNames::new(5), 1).unwrap().schema();
    let numbers =
        table_in_file(&folder.path().join("c.npy"), TableFormat::Npy, &predictions, &serde_json::Value::Null);
    assert!(numbers.err().unwrap().to_string().contains(".parquet"));
    assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1, "nothing is left");
}

/// The bits of what `predictor` says of features `[N, D]` that come in batches of `size`.
fn bits(predictor: &Predictor, model: &Model, indices: &[u32], features: &Tensor, size: usize) -> Vec<u32> {
    let of = |(number, indices): (usize, &[u32])| {
        let rows = features.narrow(0, (number * size) as i64, indices.len() as i64);
        let found = predictor.classify(model, &FeatureBatch { indices, features: &rows }).unwrap();
        found.probabilities.into_iter().map(f32::to_bits).collect::<Vec<u32>>()
    };
    indices.chunks(size).enumerate().flat_map(of).collect()
}

#[test]
fn probabilities_do_not_depend_on_the_batch() {
    // As wide as those of real networks: sums of 512 numbers are where the order shows.
    let head =
        HeadCard { hidden_dim: 512, dim: 100, activation: Activation::Relu, norm: true, splits: Vec::new() };
    let classifier = ClassifierCard { classes: 20, names: Vec::new(), temperature: Some(1.5) };
    let wide = ModelCard {
        backbone: None,
        feature_dim: 512,
        head: Some(head),
        classifier: Some(classifier),
        feature_scaling: FeatureScaling::UnitLength,
        ..card()
    };
    let model = Model::new(wide, Device::Cpu, 0).unwrap();
    let features = Tensor::randn([300, 512], (Kind::Float, Device::Cpu));
    let indices: Vec<u32> = (0..300).collect();
    let readable: Vec<u32> = indices.iter().copied().filter(|index| index % 7 != 3).collect();
    let places: Vec<i64> = readable.iter().map(|&index| i64::from(index)).collect();
    let some = features.index_select(0, &Tensor::from_slice(&places));
    for (source, names) in
        [(ClassSource::Discovered, ClusterNames::new(100)), (ClassSource::Labels, ClusterNames::new(100))]
    {
        let predictor = Predictor::new(&model, source, &names, 1).unwrap();
        let whole = bits(&predictor, &model, &indices, &features, 300);
        for size in [1, 5, 16, 33, 128] {
            assert!(bits(&predictor, &model, &indices, &features, size) == whole, "{source}, {size}");
        }
        // Images that cannot be read change nothing for the others.
        let others: Vec<u32> = readable.iter().map(|&index| whole[index as usize]).collect();
        assert!(bits(&predictor, &model, &readable, &some, 16) == others, "{source}");
    }
}

#[test]
fn predictions_from_a_cache_are_those_without_bit_for_bit() {
    let (model, dataset, folder) = (model(), Pictures::broken(90, &[4, 50]), tempfile::tempdir().unwrap());
    let predictor = Predictor::new(&model, ClassSource::Discovered, &ClusterNames::new(5), 1).unwrap();
    let streamed = |batch_size: usize| -> Vec<u32> {
        let (input, mut found) = (EvalInput { batch_size, ..input() }, Vec::new());
        let take = |batch: FeatureBatch<'_>| {
            found.extend(predictor.classify(&model, &batch)?.probabilities.into_iter().map(f32::to_bits));
            Ok(())
        };
        stream_features(&model, &input, FeatureKind::Last, &dataset, &mut |_| {}, take).unwrap();
        found
    };
    let first = streamed(16);
    assert_eq!(first.len(), 88);
    for batch_size in [7, 64] {
        assert!(streamed(batch_size) == first, "batches of {batch_size}");
    }
    let cache = FeatureCache::at(folder.path().to_owned());
    // Computed and kept, then mapped.
    for _ in 0..2 {
        let kept = cache.features(&model, &input(), FeatureKind::Last, &dataset, &mut |_| {}).unwrap();
        assert!(bits(&predictor, &model, &kept.indices, &kept.rows, 88) == first);
    }
}
