//! Discovered classes of a head with weights made here, and k-means on the same features.

use tch::{Device, Kind, Tensor};
use torch_ext::Precision;
use twist_data::{EvalTransform, Interpolation};
use twist_eval::{ClusterFigures, FeatureClusters, KMeansProtocol, Ranking, class_rows};
use twist_model::{FeatureScaling, HeadCard, Model, ModelCard};
use twist_nn::Activation;

const CLASSES: i64 = 6;

/// A head alone: features of width 12 to nine clusters.
fn head() -> Model {
    let card = ModelCard {
        backbone: None,
        feature_dim: 12,
        head: Some(HeadCard {
            hidden_dim: 16,
            dim: 9,
            activation: Activation::Relu,
            norm: true,
            splits: Vec::new(),
        }),
        classifier: None,
        mean: [0.0; 3],
        std: [1.0; 3],
        transform: EvalTransform::new(8, 8, Interpolation::Bilinear),
        precision: Precision::Fp32,
        feature_scaling: FeatureScaling::UnitLength,
        origin: "a test".into(),
    };
    Model::new(card, Device::Cpu, 4).unwrap()
}

/// Features around one direction for each class, of any length, and their labels.
fn groups(len: i64) -> (Tensor, Vec<u32>) {
    let _numbers = torch_ext::RandomNumbers::seeded(7);
    let class = Tensor::arange(len, (Kind::Int64, Device::Cpu)).remainder(CLASSES);
    let noise = Tensor::randn([len, 12], (Kind::Float, Device::Cpu)) * 0.05;
    let length = Tensor::rand([len, 1], (Kind::Float, Device::Cpu)) * 30.0 + 0.1;
    let rows = (class.one_hot(12).to_kind(Kind::Float) + noise) * length;
    let labels = Vec::<i64>::try_from(&class).unwrap().into_iter().map(|label| label as u32).collect();
    (rows, labels)
}

#[test]
fn a_ranking_is_what_the_head_says() {
    let (rows, labels) = groups(5_000); // more than one block
    let model = head();
    let indices: Vec<u32> = (0..5_000).collect();
    let ranking = Ranking::of_model(&model, &rows, &indices).unwrap();
    assert_eq!((ranking.per_image, ranking.clusters.len()), (5, 25_000));

    let probabilities = Vec::<Vec<f32>>::try_from(&model.head_probabilities(&rows).unwrap()).unwrap();
    let (mut confidence, mut right) = (0.0, 0);
    let figures = ClusterFigures::new(&labels, &ranking).unwrap();
    let names: Vec<(Option<u32>, u32)> = class_rows(&labels, &ranking, &[])
        .unwrap()
        .iter()
        .map(|row| (row.cluster, row.class.parse().unwrap()))
        .collect();
    for (image, row) in probabilities.iter().enumerate() {
        let five = &ranking.clusters[image * 5..image * 5 + 5];
        let mut ordered = row.clone();
        ordered.sort_by(|a, b| b.total_cmp(a));
        let of_five: Vec<f32> = five.iter().map(|&cluster| row[cluster as usize]).collect();
        assert!(of_five.iter().zip(&ordered).all(|(a, b)| (a - b).abs() < 1e-6), "image {image}");
        assert_eq!(ranking.first()[image], five[0]);
        confidence += f64::from(ordered[0]);
        right +=
            usize::from(names.iter().any(|(cluster, class)| {
                *class == labels[image] && cluster.is_some_and(|c| five.contains(&c))
            }));
    }
    assert!((ranking.mean_confidence.unwrap() - confidence / 5_000.0).abs() < 1e-6);
    assert_eq!(figures.top5, Some(right as f64 / 5_000.0));
    assert!(figures.top5 >= Some(figures.scores.accuracy_one_to_one));
    // Five classes or fewer are all among the five most probable ones.
    let five: Vec<u32> = labels.iter().map(|label| label.min(&4)).copied().collect();
    assert_eq!(ClusterFigures::new(&five, &ranking).unwrap().top5, None);
    assert_eq!(ClusterFigures::new(&labels, &Ranking { all: 5, ..ranking.clone() }).unwrap().top5, None);
    // Fewer clusters than five are all there are.
    let few = Tensor::from_slice(&[1i64, 0, 0, 1]).view([2, 2]);
    assert_eq!(Ranking::of_rows(&few, 2).unwrap().per_image, 2);
}

#[test]
fn k_means_finds_the_groups_by_direction() {
    let (rows, labels) = groups(600);
    let protocol = KMeansProtocol { seeds: 3, restarts: 5, iterations: 100 };
    let points = FeatureClusters::new(None, &rows, labels.clone()).unwrap();
    assert_eq!(points.fitted_to(), 600);
    let mut heard = Vec::new();
    let figures = points.measure(CLASSES, protocol, &mut |done, all| heard.push((done, all))).unwrap();
    assert_eq!(heard, [(1, 3), (2, 3), (3, 3)]);
    for figures in &figures {
        assert_eq!((figures.scores.accuracy_one_to_one, figures.scores.classes_in_use), (1.0, 6));
        assert!(figures.mean_confidence.is_none() && figures.top5 == Some(1.0));
    }
    // Fitted elsewhere, the centroids are the same up to noise.
    let (elsewhere, _) = groups(900);
    let points = FeatureClusters::new(Some(&elsewhere), &rows, labels).unwrap();
    let figures = points.measure(CLASSES, protocol, &mut |_, _| {}).unwrap();
    assert!(figures.iter().all(|figures| figures.scores.nmi > 0.999));
    // The same seeds find the same.
    assert_eq!(
        points.measure(8, protocol, &mut |_, _| {}).unwrap(),
        points.measure(8, protocol, &mut |_, _| {}).unwrap()
    );
    let too_many = points.measure(901, protocol, &mut |_, _| {}).unwrap_err().to_string();
    assert!(too_many.ends_with("900 images for 901 clusters"), "{too_many}");
}

#[test]
fn classes_have_names_where_there_are_some() {
    let ranking = Ranking { clusters: vec![4, 4, 2, 4], per_image: 1, all: 5, mean_confidence: None };
    let rows = class_rows(&[0, 0, 1, 1], &ranking, &["dog".into()]).unwrap();
    assert_eq!((rows[0].class.as_str(), rows[1].class.as_str()), ("dog", "1"));
    assert_eq!((rows[1].cluster, rows[1].taken_for.as_deref()), (Some(2), Some("dog")));
}

#[test]
fn a_model_without_a_head_discovered_nothing() {
    let (rows, _) = groups(6);
    let mut card = head().card;
    card.head = None;
    let model = Model::new(card, Device::Cpu, 1).unwrap();
    let error = Ranking::of_model(&model, &rows, &[0, 1, 2, 3, 4, 5]).unwrap_err().to_string();
    assert!(error.contains("has no projection head"), "{error}");
}
