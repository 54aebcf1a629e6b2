//! `evaluations.jsonl`: what was measured of a run after its end, one JSON object a line.
//!
//! A line says which evaluation it is (`evaluation`), the figures, and the values that define them (`protocol`). If a
//! run is measured again by the same protocol, the last line counts.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value};
use twist_io::{UpdateLock, append_lines};

use crate::figure::{self, Figure};
use crate::{Figures, Metrics, RunError, files};

/// A kind of evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Its name in files.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// Figures of it that the end of a run measures as well.
    figures: &'static [&'static Figure],
}

/// Weighted k-NN.
pub const KNN: &Kind = &Kind { name: "knn", title: "k-NN on frozen features", figures: &[figure::KNN_TOP1] };
/// A linear classifier.
pub const LINEAR: &Kind =
    &Kind { name: "linear", title: "Linear classifier on frozen features", figures: &[] };
/// The name of its protocol on features that are computed once.
pub const FAST: &str = "fast";
/// The name of the one that was published for convolutional networks, on random crops.
pub const RESNET: &str = "resnet";
/// The name of the one that was published for transformers, on random crops.
pub const VIT: &str = "vit";
/// Discovered classes.
pub const CLUSTER: &Kind = &Kind {
    name: "cluster",
    title: "Discovered classes against labels",
    figures: &[
        figure::ACC,
        figure::ACC_MANY_TO_ONE,
        figure::NMI,
        figure::AMI,
        figure::ARI,
        figure::FOWLKES_MALLOWS,
        figure::CLASSES_IN_USE,
    ],
};
/// Fine-tuning.
pub const FINETUNE: &Kind = &Kind {
    name: "finetune",
    title: "Fine-tuned with labels",
    figures: &[figure::FINETUNE_TOP1, figure::FINETUNE_TOP5, figure::FINETUNE_TOP1_BEST_EPOCH],
};
/// A classifier that is part of the model.
pub const CLASSIFIER: &Kind = &Kind { name: "classifier", title: "The model's own classifier", figures: &[] };
/// Other data sets.
pub const TRANSFER: &Kind = &Kind { name: "transfer", title: "Transfer to other data", figures: &[] };

/// Every kind, in the order in which they are shown.
pub const KINDS: [&Kind; 6] = [KNN, LINEAR, CLUSTER, FINETUNE, CLASSIFIER, TRANSFER];

/// Keys of a line that are not figures.
const EVALUATION: &str = "evaluation";
const PROTOCOL: &str = "protocol";
/// Key of a protocol: the names of the classes that were measured on, by which one data set is told from another.
pub const CLASS_NAMES: &str = "class_names";

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// What is measured, where it is not the run: `k-means, K = 10`.
    pub beside: Option<String>,
    /// The name of a [`Kind`], or another word.
    pub kind: String,
    /// The figures, in file order.
    pub figures: Figures,
    /// The values that define the figures; `null` when the line has none.
    pub protocol: Value,
}

/// Adds a line to the evaluations of the run in `folder`, behind those of other processes.
///
/// # Errors
/// The file cannot be written.
pub fn append(folder: &Path, kind: &Kind, metrics: &Metrics) -> Result<(), RunError> {
    let path = folder.join(files::EVALUATIONS);
    let mut entry = Map::new();
    entry.insert(EVALUATION.into(), kind.name.into());
    entry.extend(metrics.fields());
    let _lock = UpdateLock::of(&path)?;
    append_lines(&path)?.write_all(format!("{}\n", Value::Object(entry)).as_bytes())?;
    Ok(())
}

/// Evaluations by different protocols, in the order in which each was first met.
#[derive(Clone, Debug, Default)]
pub struct Evaluations {
    /// Of those by one protocol the last.
    pub list: Vec<Evaluation>,
    /// Lines that could not be read.
    pub damaged: usize,
    places: HashMap<String, usize>,
}

impl Evaluations {
    /// Adds what the end of a run measured.
    pub fn add_metrics(&mut self, metrics: &Metrics) {
        for kind in KINDS {
            let found =
                kind.figures.iter().filter_map(|figure| Some((*figure, metrics.figures.get(figure)?)));
            let figures: Figures = found.collect();
            // The number of classes alone judges nothing: without labels it is all that there is.
            if figures.iter().any(|(key, _)| key != figure::CLASSES_IN_USE.key) {
                let protocol = metrics.protocol.clone();
                self.put(Evaluation { beside: None, kind: kind.name.into(), figures, protocol });
            }
        }
    }

    /// Adds the lines of `text`, the content of the file.
    pub fn add_lines(&mut self, text: &str) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            match serde_json::from_str::<Map<String, Value>>(line).ok().and_then(evaluations) {
                Some(evaluations) => evaluations.into_iter().for_each(|evaluation| self.put(evaluation)),
                None => self.damaged += 1,
            }
        }
    }

    /// Adds `new`, in place of one by the same protocol if there is one.
    fn put(&mut self, new: Evaluation) {
        let place = *self.places.entry(identity(&new)).or_insert(self.list.len());
        if place < self.list.len() {
            self.list[place] = new;
        } else {
            self.list.push(new);
        }
    }
}

/// The evaluations of a line: one, or where it tells of several data sets (`sets`) one for each; and the rows of k-means on
/// the same features that stand beside one.
fn evaluations(mut fields: Map<String, Value>) -> Option<Vec<Evaluation>> {
    let kind = fields.get(EVALUATION)?.as_str()?.to_owned();
    let protocol = fields.remove(PROTOCOL).unwrap_or(Value::Null);
    match fields.remove("sets") {
        Some(Value::Array(sets)) => {
            let mode = fields.remove("mode").unwrap_or_default();
            sets.into_iter().map(|set| of_set(&kind, &mode, &protocol, set)).collect()
        }
        _ => {
            let kmeans = fields.remove("kmeans");
            let rows = kmeans.iter().filter_map(Value::as_array).flatten();
            let rows: Vec<Evaluation> = rows.filter_map(|row| kmeans_row(&kind, &protocol, row)).collect();
            Some(std::iter::once(evaluation(kind, fields, protocol)).chain(rows).collect())
        }
    }
}

/// k-means with one number of clusters, on the features and images of the evaluation that it stands beside.
fn kmeans_row(kind: &str, of: &Value, row: &Value) -> Option<Evaluation> {
    let mut fields = row.as_object()?.clone();
    let clusters = fields.remove("clusters")?;
    fields.remove("runs");
    let mut protocol = of.get("kmeans").and_then(Value::as_object).cloned().unwrap_or_default();
    for key in ["data_set", CLASS_NAMES, "classes", "images"] {
        if let Some(value) = of.get(key) {
            protocol.insert(key.into(), value.clone());
        }
    }
    let beside = Some(format!("k-means on the same features, K = {clusters}"));
    protocol.insert("clusters".into(), clusters);
    Some(Evaluation { beside, ..evaluation(kind.to_owned(), fields, protocol.into()) })
}

/// What was measured on one of several data sets: its own protocol and what it has in common with the others.
fn of_set(kind: &str, mode: &Value, shared: &Value, set: Value) -> Option<Evaluation> {
    let Value::Object(mut fields) = set else { return None };
    let mut protocol = Map::new();
    protocol.insert("data_set".into(), fields.remove("set")?);
    protocol.insert("mode".into(), mode.clone());
    for part in [fields.remove(PROTOCOL).unwrap_or_default(), shared.clone()] {
        if let Value::Object(part) = part {
            part.into_iter().for_each(|(key, value)| {
                protocol.entry(key).or_insert(value);
            });
        }
    }
    Some(evaluation(kind.to_owned(), fields, protocol.into()))
}

fn evaluation(kind: String, fields: Map<String, Value>, protocol: Value) -> Evaluation {
    Evaluation { beside: None, kind, figures: Figures::of_fields(&fields), protocol }
}

/// What a transfer evaluation found on its way to the figure: no part of what makes two of them the same.
const FOUND: [&str; 9] = [
    "l2",
    "converged",
    "lr",
    "backbone_lr",
    "weight_decay",
    "weight_decay_before_division",
    "validation_figure",
    "test_images",
    "unreadable_images",
];

/// What makes two evaluations measure the same in the same way, as text.
fn identity(one: &Evaluation) -> String {
    let mut protocol = one.protocol.clone();
    if let (Some(fields), true) = (protocol.as_object_mut(), one.protocol.get("data_set").is_some()) {
        fields.retain(|key, _| !FOUND.contains(&key.as_str()));
    }
    // The order of the keys says nothing.
    protocol.sort_all_objects();
    serde_json::json!([one.kind, one.beside, protocol]).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (Vec<Evaluation>, usize) {
        let mut all = Evaluations::default();
        all.add_lines(text);
        (all.list, all.damaged)
    }

    fn pairs(figures: &Figures) -> Vec<(&str, f64)> {
        figures.iter().collect()
    }

    #[test]
    fn a_line_is_read_as_it_was_appended() {
        let folder = tempfile::tempdir().unwrap();
        let fields = serde_json::json!({"top1": 0.5, "top5": 1, "protocol": {"images": 4}});
        let metrics: Metrics = serde_json::from_value(fields).unwrap();
        append(folder.path(), CLASSIFIER, &metrics).unwrap();
        append(folder.path(), CLASSIFIER, &metrics).unwrap();
        let (found, damaged) =
            parse(&fs_err::read_to_string(folder.path().join(files::EVALUATIONS)).unwrap());
        assert_eq!((found.len(), damaged, found[0].kind.as_str()), (1, 0, CLASSIFIER.name));
        assert_eq!(pairs(&found[0].figures), [("top1", 0.5), ("top5", 1.0)]);
    }

    #[test]
    fn the_order_of_the_keys_is_no_part_of_a_protocol() {
        let (found, _) = parse(
            "{\"evaluation\":\"knn\",\"knn_top1\":0.1,\"protocol\":{\"k\":20,\"t\":1}}\n\
             {\"evaluation\":\"knn\",\"knn_top1\":0.2,\"protocol\":{\"t\":1,\"k\":20}}\n",
        );
        assert_eq!((found.len(), found[0].figures.get(figure::KNN_TOP1)), (1, Some(0.2)));
    }

    #[test]
    fn of_two_lines_by_one_protocol_the_later_holds() {
        let line = |value: f64, k: u32| {
            format!("{{\"evaluation\":\"knn\",\"knn_top1\":{value},\"protocol\":{{\"k\":{k}}}}}\n")
        };
        let text = line(0.5, 20) + &line(0.6, 200) + "{\"evaluation\":\"li" + "\n" + &line(0.7, 20);
        let (found, damaged) = parse(&text);
        assert_eq!(damaged, 1);
        let figures: Vec<f64> = found.iter().filter_map(|one| one.figures.get(figure::KNN_TOP1)).collect();
        assert_eq!(figures, [0.7, 0.6]);
    }

    #[test]
    fn each_of_several_data_sets_is_an_evaluation_of_its_own() {
        let line = |dtd: f64| {
            format!(
                r#"{{"evaluation":"transfer","mode":"linear","protocol":{{"weights":"last","seed":1}},"sets":[
                {{"set":"dtd","linear_top1":{dtd},"protocol":{{"l2":{dtd},"seed":0}}}},
                {{"set":"pets","linear_mean_per_class":0.5,"linear_top1":0.6,"protocol":{{}}}}]}}"#
            )
            .replace('\n', " ")
        };
        let (found, damaged) = parse(&format!("{}\n{}\n", line(0.3), line(0.4)));
        assert_eq!((found.len(), damaged), (2, 0));
        assert_eq!(
            (found[0].kind.as_str(), found[0].figures.get(figure::LINEAR_TOP1)),
            ("transfer", Some(0.4))
        );
        let own =
            serde_json::json!({"data_set": "dtd", "mode": "linear", "l2": 0.4, "seed": 0, "weights": "last"});
        assert_eq!(found[0].protocol, own);
        assert_eq!(pairs(&found[1].figures).len(), 2);
    }

    #[test]
    fn kmeans_stands_beside_as_rows_of_its_own() {
        let line = r#"{"evaluation":"cluster","nmi":0.5,"kmeans":[{"clusters":10,"nmi":0.4,"runs":5,"std":{"nmi":0.1}}],
            "protocol":{"clusters":128,"classes":10,"seed":0,"kmeans":{"seeds":5}}}"#
            .replace('\n', " ");
        let (found, damaged) = parse(&line);
        assert_eq!((found.len(), damaged), (2, 0));
        assert_eq!((&found[0].beside, found[0].figures.get(figure::NMI)), (&None, Some(0.5)));
        assert_eq!(found[1].beside.as_deref(), Some("k-means on the same features, K = 10"));
        assert_eq!(pairs(&found[1].figures), [("nmi", 0.4)]);
        assert_eq!(found[1].protocol, serde_json::json!({"seeds": 5, "classes": 10, "clusters": 10}));
    }

    #[test]
    fn what_is_no_number_is_no_figure() {
        let (found, _) =
            parse("{\"evaluation\":\"linear\",\"linear_top1\":0.5,\"names\":[\"a\"],\"best\":null}\n");
        assert_eq!(pairs(&found[0].figures), [("linear_top1", 0.5)]);
        assert_eq!(found[0].protocol, Value::Null);
    }
}
