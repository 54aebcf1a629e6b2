//! The figures beside their baselines, with the protocol that defines them.

use serde::Serialize;

use super::measured_on::{images_of, number_of};
use crate::baselines;
use crate::classes::Classes;
use crate::run::{Figures, Origin, Run};
use crate::text::{count, epochs_done, minutes, number, percent, share, words};

/// Figures, baselines and protocol.
#[derive(Serialize)]
pub(crate) struct Evidence {
    /// Whether the figures are final, in words.
    origin: String,
    rows: Vec<Row>,
    bars: Vec<Bars>,
    protocol: Vec<(String, String)>,
}

#[derive(Serialize)]
struct Row {
    name: String,
    value: String,
    meaning: String,
}

/// One figure of the run above the baselines of the same kind.
#[derive(Serialize)]
struct Bars {
    title: String,
    bars: Vec<Bar>,
}

#[derive(Serialize)]
struct Bar {
    name: String,
    value: String,
    /// Length in percent.
    length: f64,
    own: bool,
}

/// What is known of a key: its name, what it means, and how it is written.
struct Known {
    key: &'static str,
    name: &'static str,
    meaning: &'static str,
}

const KNOWN: [Known; 26] = [
    Known { key: "top1", name: "top-1", meaning: "accuracy of the model's own classifier" },
    Known { key: "top5", name: "top-5", meaning: "the label is among the five most probable ones" },
    Known {
        key: "knn_top1",
        name: "k-NN",
        meaning: "accuracy of a weighted vote of the k nearest training images, on frozen features",
    },
    Known {
        key: "linear_top1",
        name: "linear",
        meaning: "accuracy of a linear classifier on frozen features",
    },
    Known {
        key: "linear_top5",
        name: "linear, top-5",
        meaning: "the label is among the five most probable ones",
    },
    Known {
        key: "linear_top1_best_epoch",
        name: "best epoch, no result",
        meaning: "the best of the tested epochs, which the test set chose",
    },
    Known {
        key: "linear_mean_per_class",
        name: "linear, mean per class",
        meaning: "every class counts alike, however many images it has",
    },
    Known {
        key: "linear_map_11_point",
        name: "linear, 11-point mAP",
        meaning: "mean over classes of the precision at eleven recalls",
    },
    Known {
        key: "finetune_mean_per_class",
        name: "fine-tuned, mean per class",
        meaning: "every class counts alike, however many images it has",
    },
    Known {
        key: "finetune_map_11_point",
        name: "fine-tuned, 11-point mAP",
        meaning: "mean over classes of the precision at eleven recalls",
    },
    Known {
        key: "finetune_top1_best_epoch",
        name: "best epoch, no result",
        meaning: "the best of the tested epochs, which the test set chose",
    },
    Known {
        key: "finetune_top1",
        name: "fine-tuned",
        meaning: "accuracy of the network trained further with labels",
    },
    Known {
        key: "finetune_top5",
        name: "fine-tuned, top-5",
        meaning: "the label is among the five most probable ones",
    },
    Known {
        key: "accuracy_one_to_one",
        name: "ACC, one to one",
        meaning: "each discovered class matched with at most one label, by the best assignment",
    },
    Known {
        key: "accuracy_many_to_one",
        name: "ACC, many to one",
        meaning: "each discovered class takes its most frequent label; rises with the number of classes",
    },
    Known {
        key: "nmi",
        name: "NMI",
        meaning: "mutual information of classes and labels over the mean of their entropies",
    },
    Known { key: "ami", name: "AMI", meaning: "the same, corrected for chance" },
    Known {
        key: "ari",
        name: "ARI",
        meaning: "pairs of images on which classes and labels agree, corrected for chance",
    },
    Known {
        key: "fowlkes_mallows",
        name: "Fowlkes–Mallows",
        meaning: "geometric mean of the precision and the recall of pairs",
    },
    Known {
        key: "homogeneity",
        name: "homogeneity",
        meaning: "1 when each class holds images of one label only",
    },
    Known {
        key: "completeness",
        name: "completeness",
        meaning: "1 when all images of a label are in one class",
    },
    Known {
        key: "classes_in_use",
        name: "classes in use",
        meaning: "classes that at least one image falls into",
    },
    Known {
        key: "mean_confidence",
        name: "mean probability",
        meaning: "of the winning class; one over the number of classes is a guess",
    },
    Known { key: "minutes", name: "training time", meaning: "wall clock" },
    Known {
        key: "images_per_second",
        name: "images/s",
        meaning: "source images per second while training, not views",
    },
    Known { key: "peak_memory_gib", name: "peak memory, GiB", meaning: "of the process while training" },
];

/// The figures of `run`, whose classes a user sees as `classes`; `None` when none were measured.
pub(crate) fn evidence(run: &Run, classes: Option<&Classes>) -> Option<Evidence> {
    let figures = run.figures.as_ref()?;
    let mut origin = match figures.origin {
        Origin::Final if run.log.is_finished() || run.log.steps.is_empty() => {
            "Measured once, after training, by the protocol below.".to_owned()
        }
        Origin::Final => "Measured before training had ended, by the protocol below.".to_owned(),
        Origin::Online(epoch) => format!(
            "From the last evaluation while training (epoch {}); the final figures are not there yet.",
            epochs_done(epoch)
        ),
    };
    if let Some(counted) = classes.map(Classes::figures_count).filter(|counted| !counted.is_empty()) {
        origin += &format!(" Classes are counted {counted}.");
    }
    let rows = figures
        .numbers()
        .map(|(key, value)| {
            let meaning = KNOWN.iter().find(|known| known.key == key).map(|known| known.meaning.to_owned());
            let images = images_of(run, key).map(|images| format!("on {images}"));
            let meaning = meaning.into_iter().chain(images).collect::<Vec<_>>().join("; ");
            Row { name: figure_name(key), value: write_measured(key, value, number_of(run, key)), meaning }
        })
        .collect();
    Some(Evidence { origin, rows, bars: bars(run, figures), protocol: figures.protocol() })
}

/// What a figure is called.
pub(super) fn figure_name(key: &str) -> String {
    let known = KNOWN.iter().find(|known| known.key == key);
    known.map_or_else(|| words(key), |known| known.name.to_owned())
}

/// A figure as its key asks for.
pub(super) fn write_figure(key: &str, value: f64) -> String {
    match key {
        "minutes" => minutes(value),
        "classes_in_use" => number(value),
        "images_per_second" | "images_per_cpu_second" => number(value.round()),
        _ if key.contains("_top1")
            || key.contains("_top5")
            || key.contains("per_class")
            || key.contains("11_point")
            || key.contains("accuracy")
            || is_score(key) =>
        {
            percent(value)
        }
        _ => number(value),
    }
}

/// A figure with what chance leaves open, where it is a share of few images.
pub(super) fn write_measured(key: &str, value: f64, images: Option<usize>) -> String {
    let is_share = key.ends_with("_top1") || key.ends_with("_top5") || matches!(key, "top1" | "top5");
    if is_share { share(value, images) } else { write_figure(key, value) }
}

fn is_score(key: &str) -> bool {
    matches!(
        key,
        "top1" | "top5" | "nmi" | "ami" | "ari" | "fowlkes_mallows" | "homogeneity" | "completeness"
    )
}

/// k-NN and ACC beside the baselines that belong to them, also where those win.
fn bars(run: &Run, figures: &Figures) -> Vec<Bars> {
    let group = |title: &str, key: &str, own: String, others: Vec<(String, String, f64)>| {
        let value = figures.number(key)?;
        let bar = |(name, text, value): (String, String, f64), own| Bar {
            name,
            value: text,
            length: (value.clamp(0.0, 1.0) * 1000.0).round() / 10.0,
            own,
        };
        let first = bar((own, write_measured(key, value, number_of(run, key)), value), true);
        let bars: Vec<Bar> =
            std::iter::once(first).chain(others.into_iter().map(|other| bar(other, false))).collect();
        let images = images_of(run, key).map(|images| format!(", on {images}")).unwrap_or_default();
        (bars.len() > 1).then(|| Bars { title: format!("{title}{images}"), bars })
    };
    let voted = figures.baselines().into_iter().filter(|(key, _)| key.starts_with("knn_"));
    let voted = voted
        .map(|(key, value)| (baselines::name(key), write_measured(key, value, number_of(run, key)), value));
    let at = |clusters: Option<u64>| clusters.map(|k| format!(", K = {}", count(k))).unwrap_or_default();
    let grouped = baselines::kmeans(figures.values())
        .into_iter()
        .map(|one| (format!("{}{}", one.name, at(one.clusters)), percent(one.accuracy), one.accuracy));
    [
        group("k-NN accuracy", "knn_top1", "this run".into(), voted.collect()),
        group(
            "One-to-one accuracy of the classes",
            "accuracy_one_to_one",
            format!("this run{}", at(run.outputs())),
            grouped.collect(),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}
