//! `twist neighbors`: the images that are most like a given one.

use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use serde_json::{Value, json};
use tch::Tensor;
use twist_data::{Dataset, Skipped};
use twist_eval::{
    ClassSource, FeatureKind, FeatureSet, Predictor, StreamEvents, image_files, nearest, stream_features,
    unit_rows,
};

use crate::args::ModelArgs;
use crate::exit::{Exit, Usage};
use crate::model::Opened;
use crate::talk::{Talk, to_stdout};
use crate::{names, sources};

const EXAMPLES: &str = "\
Examples:
  twist neighbors runs/demo-1 photos/ --query holiday.jpg
  twist neighbors runs/demo-1 photos/ --query cats/17.jpg --query cats/18.jpg --k 5
  twist neighbors runs/demo-1 'shards/*.tar' --query holiday.jpg --json

Similarity is the cosine between features: 1 for equal ones. A query is a file, or else the path of
an image in DATA, which is then not listed as its own neighbour.";

/// The images of DATA that are most like a given one
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    model: ModelArgs,
    /// Where to look: folder, list, tar shards, parquet or CIFAR batches
    #[arg(value_name = "DATA")]
    data: String,
    /// A file, or the path of an image in DATA; may be given several times
    #[arg(long, value_name = "IMAGE", required = true)]
    query: Vec<String>,
    /// Neighbours of each query
    #[arg(long, value_name = "K", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    k: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// One image and what is like it.
struct Found {
    query: String,
    /// Rows of the bank with their similarities, most similar first.
    neighbours: Vec<(usize, f32)>,
}

/// Looks and prints.
pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<Exit> {
    let opened = args.model.open(talk)?;
    let dataset = sources::open(&args.data, sources::DEFAULT_LABELS, talk)?;
    let bank = opened.features(FeatureKind::Last, &dataset, "features", talk)?;
    let unit = bank.unit_rows()?;
    let mut all = Vec::with_capacity(args.query.len());
    for query in &args.query {
        all.push(look(args, query, &opened, &dataset, &bank, &unit)?);
    }
    let classes = classes(args, &opened, &dataset, &bank, &all)?;
    if args.json {
        to_stdout(serde_json::to_string_pretty(&as_json(args, &opened, &*dataset, &bank, &all, &classes))?)?;
    } else {
        for line in for_people(&*dataset, &bank, &all, &classes) {
            to_stdout(line)?;
        }
    }
    Ok(Exit::Done)
}

/// The neighbours of one query.
fn look(
    args: &Args,
    query: &str,
    opened: &Opened,
    dataset: &Arc<dyn Dataset>,
    bank: &FeatureSet,
    unit: &Tensor,
) -> anyhow::Result<Found> {
    let (row, itself) = query_row(query, opened, dataset, bank, unit)?;
    let k = i64::from(args.k) + i64::from(itself.is_some());
    let found = nearest(unit, &row, k)?;
    let rows = Vec::<i64>::try_from(&found.index.f_flatten(0, -1)?)?;
    let similarities = Vec::<f32>::try_from(&found.similarity.f_flatten(0, -1)?)?;
    let neighbours = rows
        .into_iter()
        .map(|row| row as usize)
        .zip(similarities)
        .filter(|(row, _)| Some(*row) != itself)
        .take(args.k as usize)
        .collect();
    Ok(Found { query: query.to_string(), neighbours })
}

/// The unit feature `[1, D]` of a query, and its row where it is an image of the data.
fn query_row(
    query: &str,
    opened: &Opened,
    dataset: &Arc<dyn Dataset>,
    bank: &FeatureSet,
    unit: &Tensor,
) -> anyhow::Result<(Tensor, Option<usize>)> {
    if Path::new(query).is_file() {
        return Ok((unit_rows(&of_file(query, opened)?)?, None));
    }
    let wanted = query.trim_start_matches("./");
    let at = bank.indices.iter().position(|&index| dataset.path(index as usize) == wanted);
    let row = at.ok_or_else(|| {
        Usage(format!("--query {query}: no such file, and no readable image of DATA has this path"))
    })?;
    Ok((unit.f_narrow(0, row as i64, 1)?, Some(row)))
}

/// The features `[1, D]` of an image file.
fn of_file(query: &str, opened: &Opened) -> anyhow::Result<Tensor> {
    struct Reason(String);
    impl StreamEvents for Reason {
        fn skipped(&mut self, image: &Skipped) {
            self.0.clone_from(&image.reason);
        }

        fn progress(&mut self, _done: usize, _all: usize) {}
    }

    let (mut reason, mut row) = (Reason(String::new()), None);
    let file = image_files(vec![query.into()]);
    let read =
        stream_features(&opened.model, &opened.input, FeatureKind::Last, &file, &mut reason, |batch| {
            row = Some(batch.features.shallow_clone());
            Ok(())
        });
    match (row, read) {
        (Some(row), _) => Ok(row),
        (None, _) if !reason.0.is_empty() => bail!("--query {query}: {}", reason.0),
        (None, Err(error)) => Err(error.into()),
        (None, Ok(_)) => bail!("--query {query}: the file holds no image"),
    }
}

/// The class of each neighbour, in the order in which they are listed: number and name. From the model where it has
/// classes, else from the labels of the data.
fn classes(
    args: &Args,
    opened: &Opened,
    dataset: &Arc<dyn Dataset>,
    bank: &FeatureSet,
    all: &[Found],
) -> anyhow::Result<Vec<Option<(i32, String)>>> {
    let rows: Vec<i64> = all.iter().flat_map(|found| &found.neighbours).map(|(row, _)| *row as i64).collect();
    let Some(source) = ClassSource::of(&opened.model) else {
        let label = |row: &i64| {
            let label = dataset.label(bank.indices[*row as usize] as usize)?;
            Some((label as i32, dataset.classes().get(label as usize)?.clone()))
        };
        return Ok(rows.iter().map(label).collect());
    };
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let names = names::of_model(&opened.model, &args.model.model)?;
    let predictor = Predictor::new(&opened.model, source, &names, 1)?;
    let features = bank.rows.f_index_select(0, &Tensor::f_from_slice(&rows)?)?;
    let found = predictor.classify(&opened.model, &features)?;
    let class = |&place: &usize| {
        let (number, name) = predictor.class(place);
        Some((number, name.to_string()))
    };
    Ok(found.classes.iter().map(class).collect())
}

fn for_people(
    dataset: &dyn Dataset,
    bank: &FeatureSet,
    all: &[Found],
    classes: &[Option<(i32, String)>],
) -> Vec<String> {
    let name = |class: &Option<(i32, String)>| class.as_ref().map_or("–", |(_, name)| name).to_string();
    let width = classes.iter().map(|class| name(class).chars().count()).max().unwrap_or(0);
    let mut classes = classes.iter();
    let mut lines = Vec::new();
    for found in all {
        lines.push(found.query.clone());
        for ((row, similarity), class) in found.neighbours.iter().zip(classes.by_ref()) {
            let path = dataset.path(bank.indices[*row] as usize);
            lines.push(format!("  {similarity:.4}  {:width$}  {path}", name(class)));
        }
    }
    lines
}

fn as_json(
    args: &Args,
    opened: &Opened,
    dataset: &dyn Dataset,
    bank: &FeatureSet,
    all: &[Found],
    classes: &[Option<(i32, String)>],
) -> Value {
    let mut classes = classes.iter();
    let mut queries = Vec::with_capacity(all.len());
    for found in all {
        let mut neighbours = Vec::with_capacity(found.neighbours.len());
        for ((row, similarity), class) in found.neighbours.iter().zip(classes.by_ref()) {
            let index = bank.indices[*row];
            neighbours.push(json!({
                "path": dataset.path(index as usize),
                "index": index,
                "similarity": similarity,
                "class": class.as_ref().map(|(number, _)| number),
                "name": class.as_ref().map(|(_, name)| name),
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
