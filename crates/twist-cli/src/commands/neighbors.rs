//! `twist neighbors`: the images that are most like a given one.

use std::path::Path;

use anyhow::Context;
use serde_json::{Value, json};
use twist_data::{Dataset, Decoder, class_name, pixels, read_image};
use twist_io::{printable, shown};
use twist_model::{ClassSource, FeatureSet, Predictor, Similar, SimilarImages, is_one_image};
use twist_nn::FeatureKind;

use crate::args::{ModelArgs, at_least};
use crate::exit::Usage;
use crate::model::Opened;
use crate::talk::{Talk, to_stdout};
use crate::{names, sources};

const EXAMPLES: &str = "\
Examples:
  twist neighbors runs/demo-1 photos/ --query holiday.jpg
  twist neighbors runs/demo-1 photos/ --query cats/17.jpg --query cats/18.jpg --k 5
  twist neighbors runs/demo-1 'shards/*.tar' --query holiday.jpg --json

Similarity is the cosine between features: 1 for equal ones. A query is a file, or else the path of
an image in DATA; an image of DATA is not listed as its own neighbour.";

/// Find the images of DATA that are most similar to a given one
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Where to look: folder, pattern, list, - (paths on stdin), tar shards, zip, parquet or CIFAR batches
    #[arg(value_name = "DATA")]
    data: String,
    /// A file, or the path of an image in DATA; may be given several times
    #[arg(long, value_name = "IMAGE", required = true)]
    query: Vec<String>,
    /// Neighbours of each query
    #[arg(long, value_name = "K", default_value_t = 10, value_parser = at_least::<u32>(1))]
    k: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// One image and what is like it.
struct SimilarToOne {
    query: String,
    /// The most similar first.
    similar: Vec<Similar>,
}

/// Number and name of a class.
type Class = Option<(i32, String)>;

pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<()> {
    let opened = args.model.open(talk)?;
    let dataset = sources::open_all(&args.data, sources::DEFAULT_LABELS, talk)?;
    args.query.iter().try_for_each(|query| check(query, &*dataset))?;
    let predictor = match ClassSource::of(&opened.model) {
        Some(source) => {
            let names = names::of_model(&opened.model, &args.model.model, talk)?;
            Some(Predictor::new(&opened.model, source, &names, 1)?)
        }
        None => None,
    };
    let bank = opened.features(FeatureKind::Last, &dataset, "features", talk)?;
    let images = SimilarImages::new(&opened.model, &opened.input, &bank)?;
    let mut all = Vec::with_capacity(args.query.len());
    for query in &args.query {
        let similar = images.to_named(query, &*dataset, args.k as usize).context("--query")?;
        let similar = similar.ok_or_else(|| no_such_image(query))?;
        all.push(SimilarToOne { query: query.clone(), similar });
    }
    let rows: Vec<usize> = all.iter().flat_map(|found| &found.similar).map(|similar| similar.row).collect();
    let classes: Vec<Class> = match &predictor {
        Some(predictor) => {
            let places = images.classes(predictor, &rows)?;
            let class = |place| predictor.class(place);
            places.into_iter().map(|place| Some((class(place).0, class(place).1.to_string()))).collect()
        }
        None => vec![None; rows.len()],
    };
    if args.json {
        to_stdout(serde_json::to_string_pretty(&as_json(args, &opened, &*dataset, &bank, &all, &classes))?)?;
    } else {
        for line in for_people(&*dataset, &bank, &all, &classes) {
            to_stdout(line)?;
        }
    }
    Ok(())
}

/// Finds out whether there is an image to search with, before the features of all others are computed.
fn check(query: &str, dataset: &dyn Dataset) -> anyhow::Result<()> {
    let mut decoder = Decoder::default();
    let file = Path::new(query);
    if file.is_file() {
        is_one_image(query, dataset).context("--query")?;
        let image = decoder.decode(&read_image(file)?);
        image.with_context(|| format!("--query: {query} cannot be searched for"))?;
        return Ok(());
    }
    let wanted = query.trim_start_matches("./");
    match (0..dataset.len()).find(|&index| dataset.path(index) == wanted) {
        Some(index) => pixels(dataset, index, &mut decoder).map(drop).context("--query"),
        None => Err(no_such_image(query).into()),
    }
}

fn no_such_image(query: &str) -> Usage {
    Usage(format!("--query {query}: no such file, and no readable image of DATA has this path"))
}

fn for_people(
    dataset: &dyn Dataset,
    bank: &FeatureSet,
    all: &[SimilarToOne],
    classes: &[Class],
) -> Vec<String> {
    // The class that the model says; of a model without classes, what the data says.
    let said = |class: &Class, row: usize| match class {
        Some((_, name)) => shown(name).into_owned(),
        None => shown(class_name(dataset, bank.indices[row] as usize).unwrap_or("–")).into_owned(),
    };
    let rows = all.iter().flat_map(|found| &found.similar).map(|similar| similar.row);
    let names: Vec<String> = classes.iter().zip(rows).map(|(class, row)| said(class, row)).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let mut names = names.iter();
    let mut lines = Vec::new();
    for found in all {
        lines.push(printable(&found.query).into_owned());
        for (similar, name) in found.similar.iter().zip(names.by_ref()) {
            let path = dataset.path(bank.indices[similar.row] as usize);
            lines.push(format!("  {:.4}  {name:width$}  {}", similar.similarity, printable(&path)));
        }
    }
    lines
}

fn as_json(
    args: &Args,
    opened: &Opened,
    dataset: &dyn Dataset,
    bank: &FeatureSet,
    all: &[SimilarToOne],
    classes: &[Class],
) -> Value {
    let mut classes = classes.iter();
    let mut queries = Vec::with_capacity(all.len());
    for found in all {
        let mut neighbours = Vec::with_capacity(found.similar.len());
        for (similar, class) in found.similar.iter().zip(classes.by_ref()) {
            let index = bank.indices[similar.row];
            neighbours.push(json!({
                "path": dataset.path(index as usize),
                "cluster": class.as_ref().map(|(number, _)| number),
                "name": class.as_ref().map(|(_, name)| name),
                "label": class_name(dataset, index as usize),
                "similarity": similar.similarity,
                "index": index,
            }));
        }
        queries.push(json!({ "query": found.query, "neighbors": neighbours }));
    }
    let mut protocol = opened.protocol();
    protocol["features"] = "backbone, cosine similarity".into();
    protocol["images"] = bank.indices.len().into();
    protocol["k"] = args.k.into();
    json!({ "queries": queries, "protocol": protocol })
}
