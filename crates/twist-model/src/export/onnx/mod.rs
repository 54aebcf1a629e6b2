//! ONNX files: the network with everything behind it, for onnxruntime, TensorRT, OpenVINO, browsers.
//!
//! The model takes `images` (normalised `float32 [batch, 3, S, S]`, or `uint8 [batch, S, S, 3]` with the normalisation
//! inside), or `features` where it has no backbone. It gives `features`, and `probabilities` of its classes where it has any.
//! The metadata has the names of the classes and what must be done with images before.

mod messages;
mod splits;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use prost::Message;
use tch::{Device, Kind, Tensor};
use twist_io::{Dtype, HostTensor, Refused, write_atomic};
use twist_nn::{Attribute, Graph, Value, tensor_to_host};

use super::exporter::ExportOptions;
use crate::{ClassSource, FeatureScaling, Model, ModelError};
use messages::{entry, value};

/// The operator set that networks are recorded in, and the version of the format that came with it.
const OPERATORS: i64 = 20;
const FORMAT: i64 = 9;

/// ONNX's numbers of element types.
const FLOAT: i32 = 1;
const UINT8: i32 = 2;
const INT64: i32 = 7;

/// Files of this format end at 2 GiB; larger weights lie in a file beside. Some room is left for the graph.
const MOST_INSIDE: usize = 2_000_000_000;

/// Where a weight begins in a file of its own, so that it can be mapped into memory.
const ALIGNMENT: usize = 64;

pub(super) fn write(model: &Model, options: &ExportOptions, path: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let (file, weights) = built(model, options)?;
    save(file, weights, path, MOST_INSIDE)
}

/// Writes a file whose weights lie inside, or beside it where they have more than `most_inside` bytes.
fn save(
    mut file: messages::Model,
    weights: Vec<(String, HostTensor)>,
    path: &Path,
    most_inside: usize,
) -> Result<Vec<PathBuf>, ModelError> {
    let graph = file.graph.get_or_insert_default();
    let bytes: usize = weights.iter().map(|(_, weight)| weight.data.len()).sum();
    if bytes <= most_inside {
        graph.initializer = weights.into_iter().map(|(name, weight)| tensor(name, &weight, true)).collect();
        write_atomic(path, |out| out.write_all(&file.encode_to_vec()))?;
        return Ok(vec![path.to_owned()]);
    }
    let beside = PathBuf::from(format!("{}.data", path.display()));
    let name = beside.file_name().unwrap_or_default().to_string_lossy().into_owned();
    write_atomic(&beside, |out| {
        weights.iter().try_for_each(|(_, weight)| {
            out.write_all(&weight.data)?;
            out.write_all(&vec![0; gap(weight.data.len())])
        })
    })?;
    let mut offset = 0;
    for (own, weight) in weights {
        let mut tensor = tensor(own, &weight, false);
        let length = weight.data.len();
        tensor.data_location = Some(1);
        tensor.external_data = vec![
            entry("location", name.as_str()),
            entry("offset", offset.to_string()),
            entry("length", length.to_string()),
        ];
        offset += length + gap(length);
        graph.initializer.push(tensor);
    }
    write_atomic(path, |out| out.write_all(&file.encode_to_vec()))?;
    Ok(vec![path.to_owned(), beside])
}

/// Bytes between the end of a weight and the place of the next one.
fn gap(length: usize) -> usize {
    length.next_multiple_of(ALIGNMENT) - length
}

fn tensor(name: String, weight: &HostTensor, inside: bool) -> messages::Tensor {
    messages::Tensor {
        dims: weight.shape.iter().map(|&axis| axis as i64).collect(),
        data_type: Some(if weight.dtype == Dtype::I64 { INT64 } else { FLOAT }),
        name: Some(name),
        raw_data: inside.then(|| weight.data.clone()),
        external_data: Vec::new(),
        data_location: None,
    }
}

/// The file without its weights, and the weights.
fn built(
    model: &Model,
    options: &ExportOptions,
) -> Result<(messages::Model, Vec<(String, HostTensor)>), ModelError> {
    let mut graph = Graph::default();
    let (input, features) = match &model.card.backbone {
        Some(_) => {
            let side = i64::from(model.card.transform.crop);
            let (info, images) = images(&mut graph, model, options, side)?;
            (info, model.backbone()?.record(&mut graph, &images)?)
        }
        None => {
            let features = graph.input("features", &[model.card.feature_dim]);
            (value("features", FLOAT, &features.shape), features)
        }
    };
    let mut outputs = Vec::new();
    if model.card.backbone.is_some() {
        outputs.push(("features", features.clone()));
    }
    let source = if options.features_only { None } else { ClassSource::of(model) };
    if let Some(source) = source {
        outputs.push(("probabilities", probabilities(&mut graph, model, source, &features)?));
    }
    if outputs.is_empty() {
        let why = "the model has neither a backbone nor classes that could be written";
        return Err(Refused::new("cannot make an ONNX file").because(why).into());
    }
    let mut nodes: Vec<messages::Node> = graph.nodes.iter().map(node).collect();
    let mut infos = Vec::new();
    for (name, output) in outputs {
        nodes.push(identity(&output.name, name));
        infos.push(value(name, FLOAT, &output.shape));
    }
    let weights = named(&graph, model)?;
    rename(&mut nodes, &weights);
    let weights: Vec<(String, HostTensor)> =
        weights.into_iter().map(|(_, name, tensor)| (name, tensor)).collect();
    let file = messages::Model {
        ir_version: Some(FORMAT),
        producer_name: Some("twist".into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        opset_import: vec![messages::OperatorSet { domain: Some(String::new()), version: Some(OPERATORS) }],
        metadata_props: metadata(model, options, source)?,
        graph: Some(messages::Graph {
            node: nodes,
            name: Some("twist".into()),
            initializer: Vec::new(),
            input: vec![input],
            output: infos,
        }),
    };
    Ok((file, weights))
}

/// The input of images, and the normalised images.
fn images(
    graph: &mut Graph,
    model: &Model,
    options: &ExportOptions,
    side: i64,
) -> Result<(messages::ValueInfo, Value), ModelError> {
    if !options.bytes {
        let images = graph.input("images", &[3, side, side]);
        return Ok((value("images", FLOAT, &images.shape), images));
    }
    let pixels = graph.input("images", &[side, side, 3]);
    let real =
        graph.node("Cast", &[&pixels.name], &[("to", Attribute::Int(FLOAT.into()))], pixels.shape.clone());
    let planes = graph.transpose(&real, &[0, 3, 1, 2]);
    let channels = |numbers: [f64; 3]| -> Result<Tensor, ModelError> {
        Ok(Tensor::f_from_slice(&numbers)?.f_view([3, 1, 1])?.f_to_kind(Kind::Float)?)
    };
    // Of pixels in [0, 255]: both numbers are those of pixels in [0, 1], times 255.
    let mean = graph.constant(&channels(model.card.mean.map(|mean| 255.0 * mean))?);
    let std = graph.constant(&channels(model.card.std.map(|std| 255.0 * std))?);
    let centred = graph.with("Sub", &planes, &mean);
    Ok((value("images", UINT8, &pixels.shape), graph.with("Div", &centred, &std)))
}

/// The probabilities of classes for features, as `twist predict` has them without merges.
fn probabilities(
    graph: &mut Graph,
    model: &Model,
    source: ClassSource,
    features: &Value,
) -> Result<Value, ModelError> {
    match source {
        ClassSource::Labels => {
            let logits = model.classifier()?.record(graph, features);
            let temperature = model.card.classifier.as_ref().and_then(|card| card.temperature);
            let logits = match temperature {
                Some(temperature) => graph.by("Div", &logits, temperature)?,
                None => logits,
            };
            Ok(softmax(graph, &logits))
        }
        ClassSource::Discovered => {
            let features = match model.card.feature_scaling {
                FeatureScaling::None => features.clone(),
                FeatureScaling::UnitLength => {
                    let along = [("axis", Attribute::Int(-1)), ("p", Attribute::Int(2))];
                    graph.node("LpNormalization", &[&features.name], &along, features.shape.clone())
                }
            };
            let logits = model.head()?.record(graph, &features)?;
            let mut probabilities = softmax(graph, &logits);
            for (card, head) in model.splits() {
                let logits = head.record(graph, &features)?;
                let parts = softmax(graph, &logits);
                probabilities = splits::divide(graph, card, &probabilities, &parts)?;
            }
            Ok(probabilities)
        }
    }
}

fn softmax(graph: &mut Graph, logits: &Value) -> Value {
    graph.node("Softmax", &[&logits.name], &[("axis", Attribute::Int(-1))], logits.shape.clone())
}

fn node(node: &twist_nn::Node) -> messages::Node {
    let attribute = |(name, attribute): &(&'static str, Attribute)| {
        let plain = messages::Attribute { name: Some((*name).into()), ..messages::Attribute::default() };
        match attribute {
            Attribute::Float(f) => messages::Attribute { f: Some(*f as f32), r#type: Some(1), ..plain },
            Attribute::Int(i) => messages::Attribute { i: Some(*i), r#type: Some(2), ..plain },
            Attribute::Ints(ints) => messages::Attribute { ints: ints.clone(), r#type: Some(7), ..plain },
        }
    };
    messages::Node {
        input: node.inputs.clone(),
        output: vec![node.output.clone()],
        name: Some(node.output.clone()),
        op_type: Some(node.operator.into()),
        attribute: node.attributes.iter().map(attribute).collect(),
    }
}

/// Gives a value the name that people know.
fn identity(from: &str, name: &str) -> messages::Node {
    messages::Node {
        input: vec![from.into()],
        output: vec![name.into()],
        name: Some(format!("output_{name}")),
        op_type: Some("Identity".into()),
        attribute: Vec::new(),
    }
}

/// The constants of a graph: name there, name in the file (that of the model's tensor where it is one), and values.
fn named(graph: &Graph, model: &Model) -> Result<Vec<(String, String, HostTensor)>, ModelError> {
    let place = |tensor: &Tensor| tensor.data_ptr() as usize;
    let own: HashMap<(usize, Vec<i64>), &str> = model
        .store
        .entries()
        .iter()
        .map(|entry| ((place(&entry.tensor), entry.tensor.size()), entry.name.as_str()))
        .collect();
    let mut weights = Vec::new();
    for (name, constant) in &graph.constants {
        let known = own.get(&(place(constant), constant.size())).copied().unwrap_or(name);
        let kind = if constant.kind() == Kind::Int64 { Kind::Int64 } else { Kind::Float };
        let host =
            tensor_to_host(&constant.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(kind)?.f_contiguous()?)?;
        weights.push((name.clone(), known.to_owned(), host));
    }
    Ok(weights)
}

/// Calls constants in the inputs of nodes by their names in the file.
fn rename(nodes: &mut [messages::Node], weights: &[(String, String, HostTensor)]) {
    let names: HashMap<&str, &str> =
        weights.iter().map(|(graph, file, _)| (graph.as_str(), file.as_str())).collect();
    for input in nodes.iter_mut().flat_map(|node| &mut node.input) {
        if let Some(&name) = names.get(input.as_str()) {
            *input = name.to_owned();
        }
    }
}

/// What a program has to know to use the model.
fn metadata(
    model: &Model,
    options: &ExportOptions,
    source: Option<ClassSource>,
) -> Result<Vec<messages::Entry>, ModelError> {
    let card = &model.card;
    let mut entries = vec![entry("origin", card.origin.as_str())];
    if let Some(backbone) = &card.backbone {
        entries.push(entry("architecture", backbone.arch.to_string()));
        entries.push(entry("resize", serde_json::to_string(&card.transform)?));
        let scaled = if options.bytes { "inside" } else { "(pixels / 255 - mean) / std" };
        entries.push(entry("normalisation", scaled));
        entries.push(entry("mean", serde_json::to_string(&card.mean)?));
        entries.push(entry("std", serde_json::to_string(&card.std)?));
    }
    if source.is_some() && !options.class_names.is_empty() {
        entries.push(entry("class_names", serde_json::to_string(&options.class_names)?));
    }
    Ok(entries)
}
