//! The figures beside their baselines, with the protocol that defines them.

use serde::Serialize;
use twist_run::figure::Unit;
use twist_run::{Figure, Metrics, figure};

use super::measured_on::{images_of, number_of};
use crate::baselines;
use crate::classes::Classes;
use crate::run::{Measured, Origin, Run, flatten_json};
use crate::text::{count, epochs_done, minutes, number, percent, share};

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

/// The figures of `run`, whose classes a user sees as `classes`; `None` when none were measured.
pub(crate) fn evidence(run: &Run, classes: Option<&Classes>) -> Option<Evidence> {
    let Measured { origin, metrics } = run.measured.as_ref()?;
    let mut origin = match origin {
        Origin::Final if run.log.is_finished() || run.log.steps.is_empty() => {
            "Measured once, after training, by the protocol below.".to_owned()
        }
        Origin::Final => "Measured before training had ended, by the protocol below.".to_owned(),
        Origin::Online(epoch) => format!(
            "From the last evaluation while training (epoch {}); the final figures are not there yet.",
            epochs_done(*epoch)
        ),
    };
    if let Some(counted) = classes.map(Classes::figures_count).filter(|counted| !counted.is_empty()) {
        origin += &format!(" Classes are counted {counted}.");
    }
    let rows = metrics
        .figures
        .iter()
        .map(|(key, value)| {
            let meaning = Figure::of_key(key).map(|figure| figure.meaning.to_owned());
            let images = images_of(run, key).map(|images| format!("on {images}"));
            let meaning = meaning.into_iter().chain(images).collect::<Vec<_>>().join("; ");
            Row {
                name: Figure::title_of(key),
                value: write_measured(key, value, number_of(run, key)),
                meaning,
            }
        })
        .collect();
    Some(Evidence { origin, rows, bars: bars(run, metrics), protocol: flatten_json(&metrics.protocol) })
}

/// A figure as its unit asks for. The deviation of several runs, whose key ends with `_std`, is written as the figure.
pub(super) fn write_figure(key: &str, value: f64) -> String {
    match Figure::of_key(key.strip_suffix("_std").unwrap_or(key)).map(|figure| figure.unit) {
        Some(Unit::Share | Unit::Fraction) => percent(value),
        Some(Unit::Minutes) => minutes(value),
        Some(Unit::PerSecond) => number(value.round()),
        _ => number(value),
    }
}

/// A figure with what chance leaves open, where it is a share of few images.
pub(super) fn write_measured(key: &str, value: f64, images: Option<usize>) -> String {
    let is_share = Figure::of_key(key).is_some_and(|figure| figure.unit == Unit::Share);
    if is_share { share(value, images) } else { write_figure(key, value) }
}

/// k-NN and ACC beside the baselines that belong to them, also where those win.
fn bars(run: &Run, metrics: &Metrics) -> Vec<Bars> {
    let group = |title: &str, figure: &Figure, own: String, others: Vec<(String, String, f64)>| {
        let (key, value) = (figure.key, metrics.figures.get(figure)?);
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
    let voted = metrics.baselines.iter().filter(|(key, _)| key.starts_with("knn_"));
    let voted = voted
        .map(|(key, value)| (Figure::title_of(key), write_measured(key, value, number_of(run, key)), value));
    let at = |clusters: Option<u64>| clusters.map(|k| format!(", K = {}", count(k))).unwrap_or_default();
    let grouped = baselines::kmeans(metrics)
        .into_iter()
        .map(|one| (format!("{}{}", one.name, at(one.clusters)), percent(one.accuracy), one.accuracy));
    [
        group("k-NN accuracy", figure::KNN_TOP1, "this run".into(), voted.collect()),
        group(
            "One-to-one accuracy of the classes",
            figure::ACC,
            format!("this run{}", at(run.outputs())),
            grouped.collect(),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}
