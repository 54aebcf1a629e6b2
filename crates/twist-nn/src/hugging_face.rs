//! A network as `transformers`, the library of Hugging Face, has it.

use serde_json::{Map, Value};
use twist_io::Refused;

use crate::{Architecture, Layout, NnError};

/// What the layout of this library is called.
const LAYOUT: &str = "Hugging Face";

/// A network as a class of `transformers`.
#[derive(Debug)]
pub struct HuggingFace {
    /// The class.
    pub class: &'static str,
    /// Which of its outputs is the feature.
    pub output: &'static str,
    /// What its `config.json` says, but for the class.
    pub config: Map<String, Value>,
    /// What people must know of it.
    pub note: Option<String>,
}

/// The layout of this library for a network.
///
/// # Errors
/// It has none.
pub(crate) fn layout(arch: &dyn Architecture) -> Result<&'static Layout, NnError> {
    arch.layouts().into_iter().find(|layout| layout.name == LAYOUT).ok_or_else(|| no_class(arch))
}

/// The error of a network that the library does not have.
pub(crate) fn no_class(arch: &(impl Architecture + ?Sized)) -> NnError {
    Refused::new(format!("transformers has no class for {arch}")).into()
}

pub(crate) fn fields(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
