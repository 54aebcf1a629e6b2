//! The linear transfer protocol on features made here.

use std::sync::Arc;

use tch::{Device, Kind, Tensor};
use twist_data::{Dataset, OfficialKind, OfficialSet, Skipped};
use twist_eval::{LinearTransferProtocol, TransferMethod, TransferResult, linear_transfer};
use twist_model::FeatureSet;

use crate::pictures::labelled;

fn set(kind: OfficialKind, train: Arc<dyn Dataset>, test: Arc<dyn Dataset>) -> OfficialSet {
    OfficialSet { kind, train, validation: None, test, tags: None, split: "by a test".into() }
}

/// Features of black and white pictures: one number that tells the class of most, and `noise` numbers that say nothing.
fn features(dataset: &dyn Dataset, noise: i64, seed: i64, without: &[u32]) -> FeatureSet {
    let _numbers = torch_ext::RandomNumbers::seeded(seed);
    let indices: Vec<u32> = (0..dataset.len() as u32).filter(|index| !without.contains(index)).collect();
    let skipped = without.iter().map(|&index| Skipped {
        index,
        path: dataset.path(index as usize),
        reason: "made by a test".into(),
    });
    let signs: Vec<f32> =
        indices.iter().map(|&i| if dataset.label(i as usize) == Some(1) { 1.0 } else { -1.0 }).collect();
    let rows = signs.len() as i64;
    let sign = Tensor::from_slice(&signs).view([rows, 1]);
    let told = sign * 1.5 + Tensor::randn([rows, 1], (Kind::Float, Device::Cpu));
    let rows = Tensor::cat(&[told, Tensor::randn([rows, noise], (Kind::Float, Device::Cpu))], 1);
    FeatureSet { indices, rows, skipped: skipped.collect() }
}

/// The strength that was chosen, and whether the last fit ended by itself.
fn fitted(found: &TransferResult) -> (f64, bool) {
    match found.method {
        TransferMethod::Linear { l2, converged, .. } => (l2, converged),
        TransferMethod::Finetune { .. } => panic!("not linear"),
    }
}

#[test]
fn regularisation_is_chosen_without_the_test_images() {
    let (train, test) = (labelled(120, 0), labelled(400, 1000));
    let set = set(OfficialKind::Food101, train.clone(), test.clone());
    let (learn, look) = (features(&*train, 60, 1, &[3, 4]), features(&*test, 60, 2, &[]));
    let protocol = LinearTransferProtocol::default();
    let mut fits = Vec::new();
    let mut progress = |done, all| fits.push((done, all));
    let found = linear_transfer(&set, &learn, &look, Device::Cpu, &protocol, &mut progress).unwrap();
    assert_eq!((fits.first(), fits.last()), (Some(&(0, 45)), Some(&(45, 45))));
    // 59 black and 59 white ones are readable, of which a fifth each is held out.
    let selection = found.selection.as_ref().unwrap();
    assert_eq!((found.train_images, selection.validation_images, found.unreadable), (118, 24, 2));
    let (l2, converged) = fitted(&found);
    assert!(l2 > 1.0, "sixty numbers of noise ask for regularisation: {l2}");
    // One number tells 93 % apart: what is left of that beside the noise.
    assert!(found.figure > 0.8 && found.figure < 0.97, "{}", found.figure);
    assert_eq!((found.top1, converged), (Some(found.figure), true));

    // Other test labels change the figure, and not what was chosen.
    let turned = Arc::new(Turned(test)) as Arc<dyn Dataset>;
    let other = OfficialSet { test: turned, ..set.clone() };
    let again = linear_transfer(&other, &learn, &look, Device::Cpu, &protocol, &mut |_, _| {}).unwrap();
    assert_eq!(fitted(&again).0, l2);
    assert!((again.figure + found.figure - 1.0).abs() < 1e-12, "{} {}", again.figure, found.figure);

    let json = found.json();
    assert_eq!((&json["set"], &json["linear_top1"]), (&"food101".into(), &found.figure.into()));
    assert_eq!(json["protocol"]["chosen_on"], "20 % of the training images of each class, by seed 0");
}

#[test]
fn each_set_has_its_own_figure() {
    let (train, test) = (labelled(40, 0), labelled(20, 500));
    let (learn, look) = (features(&*train, 2, 3, &[]), features(&*test, 2, 4, &[]));
    for (kind, key) in
        [(OfficialKind::Dtd, "linear_top1"), (OfficialKind::OxfordPets, "linear_mean_per_class")]
    {
        let set =
            OfficialSet { validation: Some((30..40).collect()), ..set(kind, train.clone(), test.clone()) };
        let protocol = LinearTransferProtocol::default();
        let found = linear_transfer(&set, &learn, &look, Device::Cpu, &protocol, &mut |_, _| {}).unwrap();
        let selection = found.selection.as_ref().unwrap();
        assert_eq!((found.metric().key, selection.validation_images), (key, 10));
        assert!(selection.validated_on.contains("authors"), "{}", selection.validated_on);
        assert!(found.json()[key].is_number() && found.json()["linear_top1"].is_number());
    }
}

#[test]
fn one_image_of_each_class_is_too_few() {
    let (train, test) = (labelled(2, 0), labelled(2, 10));
    let (learn, look) = (features(&*train, 1, 5, &[]), features(&*test, 1, 6, &[]));
    let set = set(OfficialKind::Cifar10, train, test);
    let protocol = LinearTransferProtocol::default();
    let error = linear_transfer(&set, &learn, &look, Device::Cpu, &protocol, &mut |_, _| {}).unwrap_err();
    assert!(error.to_string().starts_with("CIFAR-10: of 2 training images none can be held out"), "{error}");
}

/// Pictures whose labels are swapped.
struct Turned(Arc<dyn Dataset>);

impl Dataset for Turned {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&self, index: usize) -> Result<twist_data::Stored, twist_data::DataError> {
        self.0.read(index)
    }

    fn path(&self, index: usize) -> String {
        self.0.path(index)
    }

    fn label(&self, index: usize) -> Option<u32> {
        self.0.label(index).map(|label| 1 - label)
    }

    fn classes(&self) -> &[String] {
        self.0.classes()
    }

    fn fingerprint(&self) -> String {
        "turned".into()
    }
}
