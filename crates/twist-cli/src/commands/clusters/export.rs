//! `twist clusters MODEL export`: the classes, or the label of each image, as a file for other tools.

use std::path::{Path, PathBuf};

use anyhow::bail;
use serde_json::{Map, Value, json};
use twist_io::{printable, text_to_cell};
use twist_run::samples::Sample;

use super::show::classes;
use crate::exit::Usage;
use crate::names::Named;
use crate::out_file;
use crate::talk::{Talk, stdout_is_terminal, to_stdout};

const EXAMPLES: &str = "\
Examples:
  twist clusters runs/demo-1 export                            the classes, as CSV on stdout
  twist clusters runs/demo-1 export --labels --out labels.csv  the class of each image";

/// Write the classes, or the class of each image of the run
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The class of each image that the run was evaluated on (path,cluster,name,label,probability,unsure); a file that
    /// --labels of other commands reads, with `name` as the label
    #[arg(long)]
    labels: bool,
    /// The file: .csv or .json [default: CSV on stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file of --out if it exists
    #[arg(long, requires = "out")]
    force: bool,
}

pub(super) fn run(args: &Args, named: &Named, talk: &Talk) -> anyhow::Result<()> {
    let json = match &args.out {
        Some(path) => is_json(path)?,
        None => false,
    };
    args.out.as_deref().map_or(Ok(()), |out| out_file::check(out, args.force))?;
    let known = named.images()?;
    let rows = match (args.labels, &known) {
        (true, Some(images)) => labels(named, images),
        (true, None) => bail!(
            "{} does not belong to an evaluated run: `twist predict MODEL DATA` gives the classes of any images",
            named.file.display()
        ),
        (false, _) => table(named, known.as_deref()),
    };
    let text = if json {
        serde_json::to_string_pretty(&rows)?
    } else {
        as_csv(&rows, args.out.is_none() && stdout_is_terminal())?
    };
    match &args.out {
        Some(path) => {
            twist_io::write_atomic(twist_io::followed(path), |file| {
                std::io::Write::write_all(file, format!("{}\n", text.trim_end()).as_bytes())
            })?;
            talk.say(format!("{} rows in {}", rows.len(), path.display()));
        }
        None => to_stdout(text.trim_end())?,
    }
    Ok(())
}

fn is_json(path: &Path) -> anyhow::Result<bool> {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("json") => Ok(true),
        Some("csv") => Ok(false),
        _ => Err(Usage(format!("--out {}: give a name that ends in .csv or .json", path.display())).into()),
    }
}

type Row = Map<String, Value>;

/// One row a class: `cluster` (its number), `name`, `members`, and `count` where it is known.
fn table(named: &Named, images: Option<&[Sample]>) -> Vec<Row> {
    let classes = classes(&named.names.groups(), images.unwrap_or_default());
    let row = |class: &super::show::Class| {
        let count = images.map(|_| class.rows.len());
        let group = &class.group;
        row(json!({ "cluster": group.class, "name": group.name, "members": group.members, "count": count }))
    };
    classes.iter().map(row).collect()
}

/// One row an image, in the order of the evaluation, with the columns of `twist predict`: `path`, `cluster` (the class's
/// number), `name`, `label` (what the data set says), `probability` and `unsure`.
fn labels(named: &Named, images: &[Sample]) -> Vec<Row> {
    let groups = named.names.groups();
    let label = |image: &Sample| {
        let (class, probability) = image.class(&groups);
        let group = groups.group_of(class)?;
        let unsure = named.names.unsure().is_some_and(|threshold| f64::from(probability) < threshold);
        // As many digits as a float32 has.
        let digits: f64 = probability.to_string().parse().unwrap_or_default();
        Some(row(json!({
            "path": image.path,
            "cluster": group.class,
            "name": group.name,
            "label": image.label,
            "probability": digits,
            "unsure": unsure,
        })))
    };
    images.iter().filter_map(label).collect()
}

fn row(value: Value) -> Row {
    match value {
        Value::Object(row) => row,
        _ => Row::new(),
    }
}

/// A header and one line a row, for a terminal or exactly; lists are numbers separated by spaces.
fn as_csv(rows: &[Row], for_terminal: bool) -> anyhow::Result<String> {
    let shown = |text: String| if for_terminal { printable(&text).into_owned() } else { text };
    let mut table = csv::Writer::from_writer(Vec::new());
    if let Some(first) = rows.first() {
        table.write_record(first.keys())?;
    }
    for row in rows {
        table.write_record(row.values().map(|value| shown(field(value))))?;
    }
    Ok(String::from_utf8(table.into_inner()?)?)
}

fn field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text_to_cell(text).into_owned(),
        Value::Array(list) => list.iter().map(Value::to_string).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_commas_and_quotes_are_quoted() {
        let rows = [row(json!({ "name": "a, \"b\"", "path": "=1.png", "members": [3, 7], "count": null }))];
        assert_eq!(as_csv(&rows, false).unwrap(), "name,path,members,count\n\"a, \"\"b\"\"\",'=1.png,3 7,\n");
    }
}
