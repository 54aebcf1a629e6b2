//! Text from files as a page has it: escaped as HTML or JSON, and without what changes how the text around it is read, such as marks
//! that turn the direction of writing. Tables for other programs keep the true names.

use minijinja::value::ValueKind;
use minijinja::{Environment, escape_formatter};
use serde_json::Value;
use twist_io::printable_lines;

/// An environment for templates whose values come out that way.
pub(crate) fn environment<'source>() -> Environment<'source> {
    let mut environment = Environment::new();
    environment.set_formatter(|out, state, value| match value.as_str() {
        Some(text) if value.kind() == ValueKind::String && !value.is_safe() => {
            escape_formatter(out, state, &printable_lines(text).into_owned().into())
        }
        _ => escape_formatter(out, state, value),
    });
    environment
}

/// JSON for a page that is in the browser already.
pub(crate) fn json(value: &Value) -> String {
    written_out(value).to_string()
}

/// JSON for a `script` element, which no text in it ends.
pub(crate) fn embedded(value: &Value) -> String {
    json(value).replace('<', "\\u003c")
}

fn written_out(value: &Value) -> Value {
    match value {
        Value::String(text) => printable_lines(text).into(),
        Value::Array(values) => values.iter().map(written_out).collect(),
        Value::Object(fields) => fields
            .iter()
            .map(|(key, value)| (printable_lines(key).into_owned(), written_out(value)))
            .collect(),
        other => other.clone(),
    }
}
