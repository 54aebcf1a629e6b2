//! `README.md`: the card of the model, for the people who use it.

use std::path::Path;

use serde_json::Value;
use twist_data::Interpolation;
use twist_io::{printable, shown};
use twist_nn::HuggingFace;
use twist_run::{Figure, Figures, Metrics, Sources};

use crate::export::ExportOptions;
use crate::published::HEADS;
use crate::{ClassSource, Model, ModelCard, ModelError};

/// The first lines, which the hub reads.
const FRONT: &str = "\
---
license: other
library_name: transformers
pipeline_tag: image-feature-extraction
tags:
- twist
---
";

/// The whole file, for a folder that will be called `path`.
///
/// # Errors
/// A file of the run is damaged.
pub(super) fn readme(
    model: &Model,
    network: &HuggingFace,
    options: &ExportOptions,
    path: &Path,
) -> Result<String, ModelError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let parts = [
        format!("{FRONT}\n# {}\n", shown(&name)),
        "**Licence: not chosen yet.** Whoever publishes this model chooses one and writes it into the first lines of this file, \
         in the place of `other`.\n"
            .to_owned(),
        what(model, network),
        usage(network, &shown(&name)),
        learned(model)?,
        images(&model.card),
        figures(model)?,
        classes(model, &options.class_names),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Ok(parts.join("\n"))
}

fn what(model: &Model, network: &HuggingFace) -> String {
    let card = &model.card;
    let arch = card.backbone.as_ref().map(|backbone| backbone.arch.to_string()).unwrap_or_default();
    let note = network.note.as_ref().map(|note| format!("\n{note}\n")).unwrap_or_default();
    format!(
        "`{arch}`, a backbone with {} features for an image, as `{}` of `transformers`. `twist export --to hf` wrote this \
         folder.\n{note}",
        card.feature_dim, network.class
    )
}

fn usage(network: &HuggingFace, name: &str) -> String {
    // The automatic class of an image tower leaves its projection out.
    let class = if network.output == "pooler_output" { "AutoModel" } else { network.class };
    let output = network.output;
    format!(
        "\
## Use

```python
import torch
from PIL import Image
from transformers import AutoImageProcessor, {class}

processor = AutoImageProcessor.from_pretrained(\"{name}\")
model = {class}.from_pretrained(\"{name}\").eval()
image = Image.open(\"image.jpg\").convert(\"RGB\")
with torch.no_grad():
    features = model(**processor(image, return_tensors=\"pt\")).{output}.flatten(1)
```

`twist import {name} --out model.safetensors` makes a model of Twist of it.
"
    )
}

/// What the features were learned from.
fn learned(model: &Model) -> Result<String, ModelError> {
    let mut text = format!("## What it learned from\n\n- weights: {}\n", printable(&model.card.origin));
    let sources = model.folder.as_deref().map(Sources::read).transpose()?.flatten();
    if let Some(sources) = sources {
        // Of paths only the names: the others say more of a machine than of a model.
        let name = |path: &str| {
            let name = Path::new(path).file_name().unwrap_or(path.as_ref());
            shown(&name.to_string_lossy()).into_owned()
        };
        let facts = [
            ("recipe", Some(&sources.recipe)),
            ("images to learn from", Some(&sources.train)),
            ("images to measure on", sources.held_out.as_ref()),
            ("features of the model", sources.frozen.as_ref()),
            ("began with the weights of", sources.init.as_ref()),
            ("continued the checkpoint", sources.continued.as_ref()),
        ];
        for (what, said) in facts {
            text.extend(said.map(|said| format!("- {what}: `{}`\n", name(said))));
        }
    }
    Ok(text)
}

fn images(card: &ModelCard) -> String {
    let transform = &card.transform;
    let (resize, crop) = (transform.resize, transform.crop);
    let filter = match transform.interpolation {
        Interpolation::Bilinear => "bilinear",
        Interpolation::Bicubic => "bicubic",
    };
    let sides = match transform.whole {
        true => format!("Both sides are resized to {resize} pixels ({filter})."),
        false => format!(
            "The shorter side is resized to {resize} pixels ({filter}), and the centre of {crop} × {crop} pixels is used."
        ),
    };
    format!(
        "## Images\n\n{sides} Pixels in [0, 1] are normalised by mean {:?} and std {:?}.\n",
        card.mean, card.std
    )
}

/// The figures of the run, where they are those of these weights.
fn figures(model: &Model) -> Result<String, ModelError> {
    let metrics = model.folder.as_deref().map(Metrics::read).transpose()?.flatten();
    let Some(metrics) = metrics.filter(|metrics| model.step.is_none_or(|step| metrics.are_of(step))) else {
        return Ok(String::new());
    };
    let mut text =
        "## Figures\n\nMeasured at the end of the run.\n\n| figure | value |\n|---|---|\n".to_owned();
    text += &rows(&metrics.figures, "");
    text += &rows(&metrics.baselines, "for comparison: ");
    if metrics.protocol != Value::Null {
        let protocol = serde_json::to_string_pretty(&metrics.protocol)?;
        text += &format!("\nThe protocol:\n\n```json\n{protocol}\n```\n");
    }
    Ok(text)
}

/// The rows of figures that say what the model can do, as opposed to what the run cost.
fn rows(figures: &Figures, front: &str) -> String {
    let cost = |key: &str| Figure::of_key(key).is_some_and(Figure::is_cost);
    let mut text = String::new();
    for (key, value) in figures.fields().iter().filter(|(key, _)| !cost(key)) {
        let value = match (value.as_u64(), value.as_f64()) {
            (Some(count), _) => count.to_string(),
            (None, Some(value)) => format!("{value:.4}"),
            (None, None) => continue,
        };
        text += &format!("| {front}{} | {value} |\n", Figure::title_of(key));
    }
    text
}

/// The classes of the head and of the classifier, which `transformers` does not read.
fn classes(model: &Model, names: &[String]) -> String {
    let Some((source, count)) = ClassSource::named(model) else { return String::new() };
    let mut text = format!(
        "## Classes\n\nThe model has {count} {source}. Their layers have no place in the layout of `transformers`. They are in \
         `{HEADS}`, which `twist import` reads; `twist export MODEL --to onnx` writes a network with its classes for other \
         programs.\n"
    );
    if !names.is_empty() {
        text += "\n";
        for (class, name) in names.iter().enumerate() {
            text += &format!("- {class}: {}\n", shown(name));
        }
    }
    text
}
