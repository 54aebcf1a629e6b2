//! `twist clusters MODEL show`: the classes, with what the run's evaluation knows of them.

use serde_json::{Value, json};
use twist_io::printable;
use twist_run::samples::Sample;
use twist_run::{Group, Groups, NamedWeights};

use crate::names::Named;
use crate::talk::{Talk, to_stdout};

/// Paths that are shown of each class, the surest images first.
const EXAMPLES: usize = 3;

const HELP: &str = "\
Examples:
  twist clusters runs/demo-1 show
  twist clusters runs/demo-1 show --json";

/// List the classes with names, members, number of images and examples
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A class with its images.
pub(super) struct Class {
    pub(super) group: Group,
    /// Positions in the assignments, the surest first.
    pub(super) rows: Vec<usize>,
}

/// Every class with its images, in the order of the numbers.
pub(super) fn classes(groups: &Groups, images: &[Sample]) -> Vec<Class> {
    let mut classes: Vec<Class> =
        groups.iter().map(|group| Class { group: group.clone(), rows: Vec::new() }).collect();
    let found: Vec<(u32, f32)> = images.iter().map(|image| image.class(groups)).collect();
    for (row, (class, _)) in found.iter().enumerate() {
        if let Some(position) = groups.position_of(*class) {
            classes[position].rows.push(row);
        }
    }
    for class in &mut classes {
        class.rows.sort_by(|&a, &b| found[b].1.total_cmp(&found[a].1));
    }
    classes
}

pub(super) fn run(args: &Args, named: &Named, talk: &Talk) -> anyhow::Result<()> {
    let known = named.images()?;
    let evaluated = named.run.as_deref().and_then(NamedWeights::evaluated);
    match (&evaluated, &named.own) {
        (Some(shown), Some(own)) if !shown.are(own) => talk.warn(format!(
            "this is old: classes and images are those of {}, which the run was evaluated with, and the model that \
             `twist predict` uses is of {own}; the run evaluates it at its end (--resume)",
            shown.beside(own)
        )),
        (Some(shown), _) => talk.say(format!("classes and images of {shown}")),
        (None, Some(NamedWeights::Step { step, .. })) => talk.say(format!("classes of step {step}, which is not evaluated")),
        (None, _) => {}
    }
    let images = known.as_deref().unwrap_or_default();
    let classes = classes(&named.names.groups(), images);
    if args.json {
        let mut shown = as_json(named, &classes, known.as_deref());
        for (key, weights) in [("evaluated", &evaluated), ("model", &named.own)] {
            shown[key] = serde_json::to_value(weights)?;
        }
        to_stdout(serde_json::to_string_pretty(&shown)?)?;
    } else {
        for line in for_people(named, classes, known.as_deref()) {
            to_stdout(line)?;
        }
    }
    Ok(())
}

fn examples<'a>(class: &'a Class, images: &'a [Sample]) -> impl Iterator<Item = &'a str> {
    let paths = class.rows.iter().filter_map(|&row| images.get(row)).map(|image| image.path.as_str());
    paths.filter(|path| !path.is_empty()).take(EXAMPLES)
}

fn as_json(named: &Named, classes: &[Class], images: Option<&[Sample]>) -> Value {
    let class = |class: &Class| {
        let mut value = json!({
            "cluster": class.group.class,
            "name": class.group.name,
            "named": class.group.named,
            "members": class.group.members,
        });
        if let Some(images) = images {
            value["images"] = class.rows.len().into();
            value["examples"] = examples(class, images).collect();
        }
        value
    };
    json!({
        "clusters": named.names.clusters(),
        "file": named.file,
        "unsure": named.names.unsure(),
        "classes": classes.iter().map(class).collect::<Vec<Value>>(),
    })
}

fn for_people(named: &Named, mut classes: Vec<Class>, images: Option<&[Sample]>) -> Vec<String> {
    let all = classes.len();
    classes.sort_by_key(|class| std::cmp::Reverse(class.rows.len())); // stable: by number where equal
    if images.is_some() {
        classes.retain(|class| !class.rows.is_empty() || class.group.named || class.group.members.len() > 1);
    }
    let width = classes.iter().map(|class| class.group.name.chars().count()).max().unwrap_or(0);
    let mut lines = Vec::with_capacity(classes.len() + 2);
    for class in &classes {
        let Group { class: number, name, members, .. } = &class.group;
        let mut line = format!("{number:>5}  {name:width$}");
        if let Some(images) = images {
            let examples: Vec<_> = examples(class, images).map(printable).collect();
            line.push_str(&format!("  {:>7} images  {}", class.rows.len(), examples.join("  ")));
        }
        if let [_, others @ ..] = members.as_slice()
            && !others.is_empty()
        {
            let others: Vec<String> = others.iter().map(u32::to_string).collect();
            line.push_str(&format!("  (with {})", others.join(", ")));
        }
        lines.push(line.trim_end().to_string());
    }
    if all > classes.len() {
        lines.push(format!("{} more classes have neither images nor names", all - classes.len()));
    }
    if let Some(threshold) = named.names.unsure() {
        lines.push(format!("images with a probability below {threshold} are unsure"));
    }
    lines
}
