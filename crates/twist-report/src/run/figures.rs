//! `metrics.json`: the final figures with the protocol that defines them.

use std::path::Path;

use serde_json::{Map, Value};

use super::{Log, Note, flatten_json};
use crate::error::ReportError;

/// Where the figures come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Origin {
    /// `metrics.json`, written at the end of the run.
    Final,
    /// The last `eval` line of the log, at this epoch.
    Online(f64),
}

/// Figures of one run.
pub(crate) struct Figures {
    /// Final or while training.
    pub(crate) origin: Origin,
    values: Map<String, Value>,
}

impl Figures {
    /// A figure by its key; `None` when it was not measured.
    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        self.values.get(key)?.as_f64()
    }

    /// All of them, as the file has them.
    pub(crate) fn values(&self) -> &Map<String, Value> {
        &self.values
    }

    /// Any value by its key.
    pub(crate) fn raw(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// A baseline by its key.
    pub(crate) fn baseline(&self, key: &str) -> Option<f64> {
        self.values.get("baselines")?.get(key)?.as_f64()
    }

    /// All figures that are plain numbers, in file order.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = (&str, f64)> {
        self.values.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_f64()?)))
    }

    /// All baselines that are plain numbers, in file order.
    pub(crate) fn baselines(&self) -> Vec<(&str, f64)> {
        let Some(Value::Object(fields)) = self.values.get("baselines") else { return Vec::new() };
        fields.iter().filter_map(|(key, value)| Some((key.as_str(), value.as_f64()?))).collect()
    }

    /// The values that define the figures, in file order.
    pub(crate) fn protocol(&self) -> Vec<(String, String)> {
        self.values.get("protocol").map(flatten_json).unwrap_or_default()
    }
}

/// Reads `metrics.json`; without it, takes the last evaluation from `log`.
pub(super) fn read(path: &Path, log: &Log, notes: &mut Vec<Note>) -> Result<Option<Figures>, ReportError> {
    if let Some(text) = super::read_optional_text(path)? {
        match serde_json::from_str::<Value>(&text) {
            Ok(Value::Object(values)) => return Ok(Some(Figures { origin: Origin::Final, values })),
            Ok(_) => notes.push("metrics.json is not an object, so it was left out.".into()),
            Err(error) => notes.push(format!("metrics.json is damaged ({error}), so it was left out.")),
        }
    }
    let Some((_, last)) = log.evals.iter().next_back() else {
        notes.push(
            "There are no final figures (metrics.json) yet, and no evaluation was logged: \
             they are written when training ends."
                .into(),
        );
        return Ok(None);
    };
    notes.push(
        "There are no final figures (metrics.json) yet; the figures shown are those of the last evaluation \
         while training."
            .into(),
    );
    let values = last.values.iter().map(|(key, value)| (key.clone(), Value::from(*value))).collect();
    Ok(Some(Figures { origin: Origin::Online(last.epoch), values }))
}
