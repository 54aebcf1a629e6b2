//! `evaluations.jsonl`: what `twist eval` measured of this run later, one JSON object a line.
//!
//! A line says which evaluation it is (`evaluation`), the figures, and the values that define them (`protocol`). Who measures
//! once more by the same protocol means the newer figures, so of such lines the last one holds.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};

use super::{Figures, Note, Origin};
use crate::error::ReportError;

/// One measurement.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Evaluation {
    /// What is measured, where it is not the run: `k-means, K = 10`.
    pub(crate) beside: Option<String>,
    /// `knn`, `linear`, `cluster`, `finetune`, `classifier`, `transfer`, or another word.
    pub(crate) kind: String,
    /// Every finite number of the line, by its key, in file order.
    pub(crate) figures: Vec<(String, f64)>,
    /// The values that define the figures; `null` when the line has none.
    pub(crate) protocol: Value,
}

impl Evaluation {
    /// A figure by its key.
    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        self.figures.iter().find(|(name, _)| name == key).map(|(_, value)| *value)
    }
}

/// Evaluations that a page shows, the last ones.
const MOST: usize = 200;

/// Keys of `metrics.json` that belong to each evaluation.
const OF_METRICS: [(&str, &[&str]); 3] = [
    ("knn", &["knn_top1"]),
    ("finetune", &["finetune_top1", "finetune_top5", "finetune_top1_best_epoch"]),
    (
        "cluster",
        &[
            "accuracy_one_to_one",
            "accuracy_many_to_one",
            "nmi",
            "ami",
            "ari",
            "fowlkes_mallows",
            "classes_in_use",
        ],
    ),
];

/// The evaluations in `metrics.json` and, after them, those in `path`.
pub(super) fn read(
    path: &Path,
    figures: Option<&Figures>,
    notes: &mut Vec<Note>,
) -> Result<Vec<Evaluation>, ReportError> {
    let mut all = Evaluations::default();
    let first = figures.filter(|figures| figures.origin == Origin::Final).map(of_metrics);
    first.into_iter().flatten().for_each(|evaluation| all.put(evaluation));
    let text = super::read_optional_text(path)?.unwrap_or_default();
    let (later, damaged) = parse(&text);
    if damaged > 0 {
        let lines = if damaged == 1 { "line" } else { "lines" };
        notes.push(format!("{damaged} {lines} of evaluations.jsonl could not be read and were left out."));
    }
    later.into_iter().for_each(|evaluation| all.put(evaluation));
    let mut all = all.list;
    if all.len() > MOST {
        notes.push(format!(
            "evaluations.jsonl and metrics.json hold {} evaluations by different protocols; the last {MOST} are shown.",
            all.len()
        ));
        all.drain(..all.len() - MOST);
    }
    Ok(all)
}

/// What the end of a run measured, as evaluations.
fn of_metrics(figures: &Figures) -> Vec<Evaluation> {
    let protocol = figures.raw("protocol").cloned().unwrap_or(Value::Null);
    OF_METRICS
        .iter()
        .map(|(kind, keys)| Evaluation {
            beside: None,
            kind: (*kind).to_owned(),
            figures: keys.iter().filter_map(|key| Some(((*key).to_owned(), figures.number(key)?))).collect(),
            protocol: protocol.clone(),
        })
        // The number of classes alone judges nothing: without labels it is all that there is.
        .filter(|evaluation| evaluation.figures.iter().any(|(key, _)| key != "classes_in_use"))
        .collect()
}

/// The evaluations in `text`, and how many of its lines are none.
fn parse(text: &str) -> (Vec<Evaluation>, usize) {
    let (mut all, mut damaged) = (Evaluations::default(), 0);
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match serde_json::from_str::<Map<String, Value>>(line).ok().and_then(evaluations) {
            Some(evaluations) => evaluations.into_iter().for_each(|evaluation| all.put(evaluation)),
            None => damaged += 1,
        }
    }
    (all.list, damaged)
}

/// The evaluations of a line: one, or where it tells of several data sets (`sets`) one for each; and the rows of k-means on
/// the same features that stand beside one.
fn evaluations(mut fields: Map<String, Value>) -> Option<Vec<Evaluation>> {
    let kind = fields.get("evaluation")?.as_str()?.to_owned();
    let protocol = fields.remove("protocol").unwrap_or(Value::Null);
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
    for key in ["data_set", "class_names", "classes", "images"] {
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
    for part in [fields.remove("protocol").unwrap_or_default(), shared.clone()] {
        if let Value::Object(part) = part {
            part.into_iter().for_each(|(key, value)| {
                protocol.entry(key).or_insert(value);
            });
        }
    }
    Some(evaluation(kind.to_owned(), fields, protocol.into()))
}

fn evaluation(kind: String, fields: Map<String, Value>, protocol: Value) -> Evaluation {
    let figures = fields
        .iter()
        .filter_map(|(key, value)| Some((key.clone(), value.as_f64().filter(|x| x.is_finite())?)))
        .collect();
    Evaluation { beside: None, kind, figures, protocol }
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

/// Evaluations by different protocols, in the order in which each was first met.
#[derive(Default)]
struct Evaluations {
    list: Vec<Evaluation>,
    places: HashMap<String, usize>,
}

impl Evaluations {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_keys_is_no_part_of_a_protocol() {
        let (found, _) = parse(
            "{\"evaluation\":\"knn\",\"knn_top1\":0.1,\"protocol\":{\"k\":20,\"t\":1}}\n\
             {\"evaluation\":\"knn\",\"knn_top1\":0.2,\"protocol\":{\"t\":1,\"k\":20}}\n",
        );
        assert_eq!((found.len(), found[0].number("knn_top1")), (1, Some(0.2)));
    }

    #[test]
    fn of_two_lines_by_one_protocol_the_later_holds() {
        let line = |value: f64, k: u32| {
            format!("{{\"evaluation\":\"knn\",\"knn_top1\":{value},\"protocol\":{{\"k\":{k}}}}}\n")
        };
        let text = line(0.5, 20) + &line(0.6, 200) + "{\"evaluation\":\"li" + "\n" + &line(0.7, 20);
        let (found, damaged) = parse(&text);
        assert_eq!(damaged, 1);
        let figures: Vec<f64> = found.iter().filter_map(|one| one.number("knn_top1")).collect();
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
        assert_eq!((found[0].kind.as_str(), found[0].number("linear_top1")), ("transfer", Some(0.4)));
        let own =
            serde_json::json!({"data_set": "dtd", "mode": "linear", "l2": 0.4, "seed": 0, "weights": "last"});
        assert_eq!(found[0].protocol, own);
        assert_eq!(found[1].figures.len(), 2);
    }

    #[test]
    fn kmeans_stands_beside_as_rows_of_its_own() {
        let line = r#"{"evaluation":"cluster","nmi":0.5,"kmeans":[{"clusters":10,"nmi":0.4,"runs":5,"std":{"nmi":0.1}}],
            "protocol":{"clusters":128,"classes":10,"seed":0,"kmeans":{"seeds":5}}}"#
            .replace('\n', " ");
        let (found, damaged) = parse(&line);
        assert_eq!((found.len(), damaged), (2, 0));
        assert_eq!((&found[0].beside, found[0].number("nmi")), (&None, Some(0.5)));
        assert_eq!(found[1].beside.as_deref(), Some("k-means on the same features, K = 10"));
        assert_eq!(found[1].figures, [("nmi".to_owned(), 0.4)]);
        assert_eq!(found[1].protocol, serde_json::json!({"seeds": 5, "classes": 10, "clusters": 10}));
    }

    #[test]
    fn what_is_no_number_is_no_figure() {
        let (found, _) =
            parse("{\"evaluation\":\"linear\",\"linear_top1\":0.5,\"names\":[\"a\"],\"best\":null}\n");
        assert_eq!(found[0].figures, [("linear_top1".to_owned(), 0.5)]);
        assert_eq!(found[0].protocol, Value::Null);
    }
}
