//! Evaluations of a small random network on pictures made here.

mod artefacts;
mod cluster_eval;
mod foundation;
mod from_labels;
mod import;
mod kmeans;
mod logistic;
mod model;
#[path = "../../../twist-model/tests/all/pictures.rs"]
mod pictures;
mod support;
mod transfer;
mod unbelieved;

use pictures::{Pictures, labelled, unlabelled};
use support::{evaluator, net, plan};
use tch::{Device, Kind, Tensor};
use torch_ext::RandomNumbers;
use twist_data::subset;
use twist_eval::{EvalData, clusters_against_labels};
use twist_model::{EvalInput, ModelError, NetworkOutputs};
use twist_run::Figures;

fn evaluate(data: EvalData) -> Figures {
    let plan = plan(&data);
    evaluator(data).scores(&net(&plan), &plan).unwrap()
}

#[test]
fn features_are_unit_rows_in_the_order_of_the_data() {
    let data = EvalData::new(labelled(30, 0), None).unwrap();
    let plan = plan(&data);
    let input = data.input(&plan).unwrap();
    let net = net(&plan);
    let all: Vec<u32> = (0..30).collect();
    let features = NetworkOutputs::of(&net, &input, &data.train, &all).unwrap();
    assert_eq!(features.indices, all);
    let norms = features.embeddings.norm_scalaropt_dim(2, [1i64].as_slice(), false);
    assert!(norms.allclose(&Tensor::ones([30], (Kind::Float, Device::Cpu)), 1e-5, 1e-5, false));
    // Smaller batches and fewer images give the same rows.
    let few = EvalInput { batch_size: 7, ..input };
    let some = NetworkOutputs::of(&net, &few, &data.train, &[3, 11, 29]).unwrap();
    let rows = features.embeddings.index_select(0, &Tensor::from_slice(&[3i64, 11, 29]));
    assert!(some.embeddings.allclose(&rows, 1e-4, 1e-5, false));
    assert!(
        features
            .confidences
            .select(1, 0)
            .ge_tensor(&features.confidences.select(1, 1))
            .all()
            .int64_value(&[])
            == 1
    );
}

#[test]
fn unreadable_images_are_left_out_and_named() {
    let data = EvalData::new(Pictures::broken(12, &[0, 5]), None).unwrap();
    let plan = plan(&data);
    let input = data.input(&plan).unwrap();
    let features =
        NetworkOutputs::of(&net(&plan), &input, &data.train, &(0..12).collect::<Vec<_>>()).unwrap();
    assert_eq!(features.indices, [1, 2, 3, 4, 6, 7, 8, 9, 10, 11]);
    assert_eq!(features.embeddings.size()[0], 10);
    let skipped: Vec<&str> = features.skipped.iter().map(|skipped| skipped.path.as_str()).collect();
    assert_eq!(skipped, ["picture 0", "picture 5"]);
    assert!(clusters_against_labels(&features, &*data.train).unwrap().is_some());
    let nothing = NetworkOutputs::of(&net(&plan), &input, &data.train, &[0, 5]);
    assert!(matches!(nothing, Err(ModelError::NoFeatures)));
}

#[test]
fn an_evaluation_leaves_network_and_random_numbers_as_they_are() {
    let data = EvalData::new(labelled(20, 0), Some(labelled(8, 100))).unwrap();
    let plan = plan(&data);
    let net = net(&plan);
    let before = net.store.state_dict().unwrap();
    let drawn = || Tensor::rand([4], (Kind::Float, Device::Cpu));
    let expected = {
        let _numbers = RandomNumbers::seeded(5);
        drawn()
    };
    let numbers = RandomNumbers::seeded(5);
    let first = evaluator(data.clone()).scores(&net, &plan).unwrap();
    assert_eq!(drawn(), expected);
    drop(numbers);
    assert_eq!(net.store.state_dict().unwrap().0, before.0);
    assert_eq!(evaluator(data).scores(&net, &plan).unwrap(), first, "the same figures again");
}

#[test]
fn pictures_that_differ_by_class_are_told_apart() {
    // The two classes of these pictures are black and white: even random features separate them.
    let pairs = evaluate(EvalData::new(labelled(40, 0), Some(labelled(10, 100))).unwrap());
    assert_eq!(pairs.by_key("knn_top1"), Some(1.0), "{pairs:?}");
    assert_eq!(pairs.by_key("knn_bank"), Some(40.0));
    for key in ["nmi", "ami", "ari", "accuracy_one_to_one", "accuracy_many_to_one", "classes_in_use"] {
        assert!(pairs.by_key(key).is_some(), "{key}: {pairs:?}");
    }
}

#[test]
fn without_held_out_images_a_tenth_of_the_training_images_is_asked() {
    let pairs = evaluate(EvalData::new(labelled(40, 0), None).unwrap());
    assert_eq!(pairs.by_key("knn_bank"), Some(36.0));
    assert_eq!(pairs.by_key("knn_top1"), Some(1.0));
}

#[test]
fn without_labels_there_are_classes_in_use_and_confidence() {
    let pairs = evaluate(EvalData::new(unlabelled(12), None).unwrap());
    let names: Vec<&str> = pairs.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["classes_in_use", "mean_confidence"]);
    let values: Vec<f64> = pairs.iter().map(|(_, value)| value).collect();
    assert!(values[0] >= 1.0 && values[1] > 0.0 && values[1] <= 1.0);
}

#[test]
fn labels_of_one_part_are_enough_for_clusters() {
    let pairs = evaluate(EvalData::new(unlabelled(12), Some(labelled(8, 100))).unwrap());
    assert!(pairs.by_key("nmi").is_some() && pairs.by_key("knn_top1").is_none(), "{pairs:?}");
}

#[test]
fn one_class_is_measured_by_nothing() {
    let members: Vec<(u32, Option<u32>)> = (0..12).map(|index| (2 * index, Some(0))).collect();
    let classes = vec!["black".to_owned(), "white".to_owned()];
    let pairs = evaluate(EvalData::new(subset(labelled(24, 0), &members, classes).unwrap(), None).unwrap());
    let names: Vec<&str> = pairs.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["classes_in_use", "mean_confidence"]);
}

#[test]
fn held_out_labels_count_the_classes_of_the_training_images() {
    let test = Pictures::of_classes(4, &["white", "black"]);
    let data = EvalData::new(labelled(4, 0), Some(test)).unwrap();
    let test = data.evaluated();
    assert_eq!(test.classes(), ["black", "white"]);
    assert_eq!((test.label(0), test.label(1), test.path(0)), (Some(1), Some(0), "picture 0".to_owned()));
}

#[test]
fn classes_with_other_names_are_refused() {
    let Err(error) = EvalData::new(labelled(4, 0), Some(Pictures::of_classes(4, &["black", "pale"]))) else {
        panic!("the classes differ");
    };
    let message = error.to_string();
    assert!(message.contains("white") && message.contains("pale"), "{message}");
}
