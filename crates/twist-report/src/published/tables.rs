//! The published numbers, as their sources print them.
//!
//! What was read where: the tables of LightlySSL (`docs/source/getting_started/benchmarks.rst`, 2023), of solo-learn's README,
//! of the READMEs of the methods, and of abstracts. Fractions, not percent.

use super::DataSet::{
    self, Aircraft, Caltech101, Cars, Cifar10, Cifar20, Cifar100, Food101, ImageNet, Imagenette, Pets, Stl10,
    Sun397, Textures,
};
use super::{Protocol, Published};

/// k-NN accuracy of LightlySSL on CIFAR-10: batch 128 and 200 epochs, batch 512 and 200, batch 512 and 800.
const LIGHTLY_CIFAR10: [(&str, [f64; 3]); 11] = [
    ("Barlow Twins", [0.842, 0.819, 0.859]),
    ("BYOL", [0.869, 0.868, 0.910]),
    ("DCL", [0.844, 0.840, 0.874]),
    ("DINO", [0.840, 0.813, 0.848]),
    ("FastSiam", [0.906, 0.788, 0.902]),
    ("MoCo", [0.838, 0.847, 0.899]),
    ("NNCLR", [0.834, 0.815, 0.892]),
    ("SimCLR", [0.847, 0.848, 0.879]),
    ("SimSiam", [0.819, 0.764, 0.904]),
    ("SwAV", [0.812, 0.842, 0.884]),
    ("SMoG", [0.743, 0.686, 0.800]),
];

/// k-NN accuracy of LightlySSL on Imagenette: 200 epochs and 800.
const LIGHTLY_IMAGENETTE: [(&str, [f64; 2]); 10] = [
    ("SwAV", [0.861, 0.902]),
    ("SimCLR", [0.835, 0.889]),
    ("DINO", [0.873, 0.888]),
    ("BYOL", [0.705, 0.887]),
    ("NNCLR", [0.809, 0.884]),
    ("MoCo", [0.786, 0.874]),
    ("SimSiam", [0.752, 0.872]),
    ("Barlow Twins", [0.651, 0.852]),
    ("VICReg", [0.763, 0.845]),
    ("TiCo", [0.742, 0.856]),
];

/// Linear accuracy of solo-learn on CIFAR-10 and CIFAR-100, percent.
const SOLO_CIFAR: [(&str, [f64; 2]); 16] = [
    ("All4One", [93.24, 72.17]),
    ("Barlow Twins", [92.10, 70.90]),
    ("BYOL", [92.58, 70.46]),
    ("DeepCluster v2", [88.85, 63.61]),
    ("DINO", [89.52, 66.76]),
    ("MoCo v2+", [92.94, 69.89]),
    ("MoCo v3", [93.10, 68.83]),
    ("NNCLR", [91.88, 69.62]),
    ("ReSSL", [90.63, 65.92]),
    ("SimCLR", [90.74, 65.78]),
    ("SimSiam", [90.51, 66.04]),
    ("SupCon (trained with labels)", [93.82, 70.38]),
    ("SwAV", [89.17, 64.88]),
    ("VIbCReg", [91.18, 67.37]),
    ("VICReg", [92.07, 68.54]),
    ("W-MSE", [88.67, 61.33]),
];

/// Discovered classes against labels: ACC one to one, NMI, ARI, percent; ARI may be unknown.
type Clustering = (DataSet, &'static str, &'static str, &'static str, [f64; 2], Option<f64>, &'static str);
const CLUSTERING: [Clustering; 17] = [
    (Cifar10, "SCAN, loss only", "ResNet-18", "550 epochs", [81.6, 71.5], Some(66.5), "SCAN README"),
    (Cifar10, "SCAN", "ResNet-18", "750 epochs", [88.3, 79.7], Some(77.2), "SCAN README"),
    (Cifar10, "SPICE", "ResNet-18", "", [91.8, 85.0], Some(83.6), "SPICE, table III"),
    (Cifar10, "NNM", "ResNet-18", "", [84.3, 74.8], Some(70.9), "SPICE, table III"),
    (Cifar10, "TEMI on DINO", "ViT-B/16, frozen", "", [94.5, 88.6], Some(88.5), "TEMI, by hyper.ai"),
    (Cifar20, "SCAN", "ResNet-18", "750 epochs", [50.7, 48.6], Some(33.3), "SCAN README"),
    (Cifar20, "SPICE", "ResNet-18", "", [53.5, 56.5], Some(40.4), "SPICE, table III"),
    (Cifar20, "NNM", "ResNet-18", "", [47.7, 48.4], Some(31.6), "SPICE, table III"),
    (Cifar100, "TEMI on DINO", "ViT-B/16, frozen", "", [67.1, 76.9], Some(53.3), "TEMI, by hyper.ai"),
    (Stl10, "SCAN", "ResNet-18", "750 epochs", [80.9, 69.8], Some(64.6), "SCAN README"),
    (Stl10, "SPICE", "ResNet-18", "", [92.0, 85.2], Some(83.6), "SPICE, table III"),
    (Stl10, "NNM", "ResNet-18", "", [80.8, 69.4], Some(65.0), "SPICE, table III"),
    (ImageNet, "SeLa", "ResNet-50", "", [30.5, 65.7], Some(16.2), "SeLa README"),
    (ImageNet, "SCAN", "ResNet-50", "", [39.9, 72.0], Some(27.5), "SCAN README"),
    (ImageNet, "TWIST", "ResNet-50", "800 epochs", [40.5, 74.4], Some(30.1), "TWIST README"),
    (
        ImageNet,
        "Self-Classifier",
        "ResNet-50",
        "800 epochs",
        [41.1, 73.3],
        Some(29.5),
        "Self-Classifier README",
    ),
    (ImageNet, "TEMI on DINO", "ViT-B/16, frozen", "", [58.0, 81.4], Some(45.9), "TEMI, by hyper.ai"),
];

/// ImageNet, 224 px: linear accuracy and, where it is printed, k-NN, percent.
type Frozen = (&'static str, &'static str, &'static str, f64, Option<f64>, &'static str);
const IMAGENET_FROZEN: [Frozen; 20] = [
    ("TWIST, two views", "ResNet-50", "800 epochs", 72.6, None, "TWIST README"),
    ("TWIST", "ResNet-50", "850 epochs", 75.5, None, "TWIST README"),
    ("TWIST", "ResNet-50, width 2", "250 epochs", 77.7, None, "TWIST README"),
    ("SwAV", "ResNet-50", "800 epochs", 75.3, None, "SwAV README"),
    ("SwAV", "ResNet-50", "100 epochs", 72.1, None, "SwAV README"),
    ("SwAV, two views", "ResNet-50", "400 epochs", 70.1, None, "SwAV README"),
    ("DINO", "ResNet-50", "", 75.3, Some(67.5), "DINO README"),
    ("Barlow Twins", "ResNet-50", "1000 epochs", 73.3, None, "Barlow Twins README"),
    ("VICReg", "ResNet-50", "", 73.2, None, "VICReg README"),
    ("MIRA", "ResNet-50", "400 epochs", 75.6, None, "MIRA, abstract"),
    ("CoKe", "ResNet-50", "800 epochs", 76.4, None, "CoKe README"),
    ("ReLICv2", "ResNet-50", "", 77.1, None, "ReLICv2, abstract"),
    ("TWIST", "ViT-S/16", "300 epochs", 76.3, None, "TWIST README"),
    ("DINO", "ViT-S/16", "", 77.0, Some(74.5), "DINO README"),
    ("iBOT", "ViT-S/16", "800 epochs", 77.9, Some(75.2), "iBOT README, text"),
    ("Mugs", "ViT-S/16", "300 epochs", 78.2, Some(74.8), "Mugs README"),
    ("TWIST", "ViT-B/16", "300 epochs", 78.4, None, "TWIST README"),
    ("DINO", "ViT-B/16", "", 78.2, Some(76.1), "DINO README"),
    ("iBOT", "ViT-B/16", "", 79.5, Some(77.1), "iBOT README"),
    ("Mugs", "ViT-B/16", "400 epochs", 80.6, Some(78.0), "Mugs README"),
];

/// ImageNet, fine-tuned with part of the labels: percent of the labels and accuracy in percent.
const IMAGENET_FINETUNE: [(&str, &str, f64, f64, &str); 8] = [
    ("TWIST", "ResNet-50", 1.0, 61.5, "TWIST README"),
    ("TWIST", "ResNet-50", 10.0, 71.7, "TWIST README"),
    ("TWIST", "ResNet-50", 100.0, 78.4, "TWIST README"),
    ("TWIST", "ResNet-50, width 2", 1.0, 67.2, "TWIST README"),
    ("TWIST", "ResNet-50, width 2", 10.0, 75.3, "TWIST README"),
    ("TWIST", "ResNet-50, width 2", 100.0, 80.3, "TWIST README"),
    ("PAWS (labels in pretraining)", "ResNet-50", 1.0, 66.5, "PAWS README"),
    ("PAWS (labels in pretraining)", "ResNet-50", 10.0, 75.5, "PAWS README"),
];

/// Transfer of TWIST's ResNet-50, percent. Cars and Aircraft are as on the paper's page.
const TRANSFER: [(DataSet, f64); 7] = [
    (Caltech101, 93.5),
    (Sun397, 67.4),
    (Textures, 76.6),
    (Food101, 89.3),
    (Pets, 94.5),
    (Cars, 91.9),
    (Aircraft, 85.7),
];

/// Every published row.
pub(super) fn all() -> Vec<Published> {
    let row = |data, evaluation, method, arch, training: &str| Published {
        data,
        evaluation,
        method,
        arch,
        training: training.to_owned(),
        figures: Vec::new(),
        protocol: Protocol::default(),
        source: "",
    };
    let knn = |k, temperature, size, remarks: &[&'static str]| Protocol {
        k: Some(k),
        temperature: Some(temperature),
        size: Some(size),
        remarks: remarks.to_vec(),
        ..Protocol::default()
    };
    let mut rows = Vec::new();

    const BEST: &str = "best of all epochs, chosen on the test set";
    for (method, values) in LIGHTLY_CIFAR10 {
        let settings = ["batch 128, 200 epochs", "batch 512, 200 epochs", "batch 512, 800 epochs"]
            .into_iter()
            .zip(values);
        rows.extend(settings.map(|(training, value)| Published {
            figures: vec![("knn_top1", value)],
            protocol: knn(200.0, 0.1, 32.0, &[BEST]),
            source: "LightlySSL benchmarks, CIFAR-10",
            ..row(Cifar10, "knn", method, "ResNet-18, CIFAR stem", training)
        }));
    }
    for (method, values) in LIGHTLY_IMAGENETTE {
        let settings = ["batch 256, 200 epochs", "batch 256, 800 epochs"].into_iter().zip(values);
        const UNSURE_K: &str = "its documentation says k = 20, its script k = 200";
        rows.extend(settings.map(|(training, value)| Published {
            figures: vec![("knn_top1", value)],
            protocol: knn(20.0, 0.1, 128.0, &[BEST, UNSURE_K]),
            source: "LightlySSL benchmarks, Imagenette",
            ..row(Imagenette, "knn", method, "ResNet-18", training)
        }));
    }
    const ONLINE: &str = "classifier trained beside the network, on augmented views";
    for (method, values) in SOLO_CIFAR {
        rows.extend([Cifar10, Cifar100].into_iter().zip(values).map(|(data, value)| Published {
            figures: vec![("linear_top1", value / 100.0)],
            protocol: Protocol { size: Some(32.0), remarks: vec![ONLINE], ..Protocol::default() },
            source: "solo-learn README",
            ..row(data, "linear", method, "ResNet-18, CIFAR stem", "batch 256, 1000 epochs")
        }));
    }
    for (data, method, arch, training, [accuracy, nmi], ari, source) in CLUSTERING {
        let mut figures = vec![("accuracy_one_to_one", accuracy / 100.0), ("nmi", nmi / 100.0)];
        figures.extend(ari.map(|ari| ("ari", ari / 100.0)));
        rows.push(Published {
            figures,
            protocol: Protocol { as_many_classes_as_labels: true, ..Protocol::default() },
            source,
            ..row(data, "cluster", method, arch, training)
        });
    }
    // The released code of TWIST prints the maximum.
    const MAX: &str = "best of all epochs on the validation set";
    let remarks = |method: &str| if method.starts_with("TWIST") { vec![MAX] } else { Vec::new() };
    for (method, arch, training, linear, knn_top1, source) in IMAGENET_FROZEN {
        rows.push(Published {
            figures: vec![("linear_top1", linear / 100.0)],
            protocol: Protocol {
                size: Some(224.0),
                augmented: true,
                remarks: remarks(method),
                ..Protocol::default()
            },
            source,
            ..row(ImageNet, "linear", method, arch, training)
        });
        rows.extend(knn_top1.map(|value| Published {
            figures: vec![("knn_top1", value / 100.0)],
            protocol: knn(20.0, 0.07, 224.0, &[]),
            source,
            ..row(ImageNet, "knn", method, arch, training)
        }));
    }
    for (method, arch, percent, value, source) in IMAGENET_FINETUNE {
        rows.push(Published {
            figures: vec![("finetune_top1", value / 100.0)],
            protocol: Protocol {
                percent: Some(percent),
                size: Some(224.0),
                remarks: remarks(method),
                ..Protocol::default()
            },
            source,
            ..row(ImageNet, "finetune", method, arch, "")
        });
    }
    for (data, value) in TRANSFER {
        const UNSTATED: &str = "whether linear or fine-tuned is not said where it was read";
        rows.push(Published {
            figures: vec![("transfer", value / 100.0)],
            protocol: Protocol { remarks: vec![UNSTATED], ..Protocol::default() },
            source: "TWIST, by hyper.ai and Papers with Code",
            ..row(data, "transfer", "TWIST", "ResNet-50", "850 epochs")
        });
    }
    rows.push(Published {
        figures: vec![("top1", 0.9173)],
        protocol: Protocol { size: Some(32.0), ..Protocol::default() },
        source: "README of the weights (Y. Idelbayev)",
        ..row(Cifar10, "classifier", "supervised", "ResNet-20", "200 epochs")
    });
    rows
}
