//! `config.toml` as written, and `plan.json` as derived.

use std::path::Path;

use serde_json::Value;
use twist_run::files;

use super::notes::Notes;
use super::optional::read_optional_text;
use crate::error::ReportError;

pub(crate) struct Recipe {
    /// The file, character by character, comments included.
    pub(crate) text: String,
    /// `section.key` and value, in file order; empty when the text is not TOML.
    pub(crate) entries: Vec<(String, String)>,
}

impl Recipe {
    /// The value of `section.key` as a number.
    pub(crate) fn number(&self, key: &str) -> Option<f64> {
        self.entries.iter().find(|(name, _)| name == key)?.1.replace('_', "").parse().ok()
    }
}

pub(super) fn read(path: &Path, notes: &mut Notes) -> Result<Option<Recipe>, ReportError> {
    let Some(text) = read_optional_text(path)? else {
        notes.missing("The run folder has no config.toml, so the recipe cannot be shown.".into());
        return Ok(None);
    };
    let entries = match text.parse::<toml::Table>() {
        Ok(table) => serde_json::to_value(&table).map(|value| flatten_json(&value)).unwrap_or_default(),
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = 1 + text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count();
            notes.damaged(format!(
                "config.toml is not valid TOML (line {line}: {}); it is shown as it is.",
                error.message().trim()
            ));
            Vec::new()
        }
    };
    Ok(Some(Recipe { text, entries }))
}

/// Reads the plan at `path`, flattened.
pub(super) fn read_plan(path: &Path, notes: &mut Notes) -> Result<Vec<(String, String)>, ReportError> {
    let Some(text) = read_optional_text(path)? else {
        notes.missing("The run folder has no plan.json, so the derived numbers cannot be shown.".into());
        return Ok(Vec::new());
    };
    let value = notes.parse::<Value>(files::PLAN, &text, "the derived numbers cannot be shown.");
    Ok(value.as_ref().map(flatten_json).unwrap_or_default())
}

/// Turns nested objects into `outer.inner` keys. A list of plain values stays one entry; a list of objects is numbered
/// from 1, as people count.
pub(crate) fn flatten_json(value: &Value) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    flatten_into(value, "", &mut entries);
    entries
}

fn flatten_into(value: &Value, prefix: &str, entries: &mut Vec<(String, String)>) {
    let join = |key: &str| if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(key, inner)| flatten_into(inner, &join(key), entries))
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items
                .iter()
                .enumerate()
                .for_each(|(i, inner)| flatten_into(inner, &join(&(i + 1).to_string()), entries));
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            entries.push((prefix.to_owned(), format!("[{}]", items.join(", "))));
        }
        _ => entries.push((prefix.to_owned(), plain(value))),
    }
}

/// A value without the quotes of JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_values_become_dotted_keys() {
        let value = serde_json::json!({"a": {"b": 1, "c": [1, 2]}, "views": [{"name": "x"}, {"name": "y"}], "n": null});
        let flat = flatten_json(&value);
        let expected =
            [("a.b", "1"), ("a.c", "[1, 2]"), ("views.1.name", "x"), ("views.2.name", "y"), ("n", "none")];
        assert_eq!(flat.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(), expected);
    }
}
