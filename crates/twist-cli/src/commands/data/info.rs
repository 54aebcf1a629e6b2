//! `twist data info`: what is in a data set.

use twist_data::{DataInfo, Shade, Spread, SurveyOptions};
use twist_io::{printable, shown};

use super::common::{Common, bar, damaged, remarked};
use crate::args::at_least;
use crate::talk::{Talk, to_stdout};

/// Classes and damaged images that are listed; `--json` has all.
const LISTED: usize = 20;

const EXAMPLES: &str = "\
Examples:
  twist data info photos/                     everything, every image decoded
  twist data info 'train-*.tar' --sample 1000 --json
  twist data info photos/ --labels labels.csv";

/// Show counts, sizes, formats, classes, channel mean and std, duplicates and unreadable images
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    #[command(flatten)]
    common: Common,
    /// Decode only N images spread over the data set
    #[arg(long, value_name = "N", value_parser = at_least::<usize>(1))]
    sample: Option<usize>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args, talk: &Talk) -> anyhow::Result<()> {
    let dataset = args.common.look()?;
    let bar = bar(args.sample.unwrap_or(usize::MAX).min(dataset.len()), talk);
    let progress = |done: usize| bar.set_position(done as u64);
    let options = SurveyOptions { threads: args.common.threads(), progress: Some(&progress) };
    let info = twist_data::info(&*dataset, args.sample, &options);
    bar.finish_and_clear();
    if args.json {
        to_stdout(serde_json::to_string_pretty(&info)?)?;
    } else {
        for_people(&info).into_iter().try_for_each(to_stdout)?;
    }
    Ok(())
}

fn for_people(info: &DataInfo) -> Vec<String> {
    let looked_at =
        if info.inspected == info.images { String::new() } else { format!(", {} looked at", info.inspected) };
    let spread = |s: Spread| {
        if s.min == s.max {
            format!("{}", s.min)
        } else {
            format!("{} to {}, median {}", s.min, s.max, s.median)
        }
    };
    let counts = |map: &std::collections::BTreeMap<String, u64>| {
        map.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
    };
    let mut lines = vec![
        format!("images      {}{looked_at}, {:.1} MiB", info.images, info.bytes as f64 / f64::from(1 << 20)),
        format!("width       {}", spread(info.width)),
        format!("height      {}", spread(info.height)),
        format!("formats     {}", counts(&info.formats)),
        format!("channels    {}", counts(&info.channels)),
    ];
    if let (Some(mean), Some(std)) = (info.mean, info.std) {
        lines.push(format!("mean        [{:.4}, {:.4}, {:.4}]", mean[0], mean[1], mean[2]));
        lines.push(format!("std         [{:.4}, {:.4}, {:.4}]", std[0], std[1], std[2]));
    }
    lines.extend(classes(info));
    if info.duplicates.images > 0 {
        let conflicting = match info.duplicates.conflicting {
            0 => String::new(),
            count => format!(", {count} of them with another label"),
        };
        lines
            .push(format!("duplicates  {} images equal an earlier one{conflicting}", info.duplicates.images));
        let pair =
            |[image, earlier]: &[String; 2]| format!("  {} = {}", printable(image), printable(earlier));
        lines.extend(info.duplicates.examples.iter().map(pair));
    }
    lines.extend(info.left_out.iter().map(|left_out| format!("left out    {left_out}")));
    lines.extend(shade("nearly black", &info.nearly_black));
    lines.extend(shade("nearly white", &info.nearly_white));
    if !info.remarks.is_empty() {
        lines.push(format!("warnings    {}", info.remarks.len()));
        lines.extend(remarked(&info.remarks).take(LISTED).map(|line| format!("  {line}")));
        lines.extend(more(info.remarks.len()));
    }
    if info.unreadable.is_empty() {
        lines.push("unreadable  none".into());
    } else {
        lines.push(format!("unreadable  {}", info.unreadable.len()));
        lines.extend(damaged(&info.unreadable).take(LISTED).map(|line| format!("  {line}")));
        lines.extend(more(info.unreadable.len()));
    }
    lines
}

fn classes(info: &DataInfo) -> Vec<String> {
    if info.classes.is_empty() {
        return vec!["classes     none: the images have no labels".into()];
    }
    let imbalance =
        info.imbalance.map_or(String::new(), |ratio| format!(", the largest {ratio:.1} times the smallest"));
    let labelled = match info.images as u64 - info.labelled {
        0 => String::new(),
        without => format!(", {without} images without a label"),
    };
    let mut lines = vec![format!("classes     {}{imbalance}{labelled}", info.classes.len())];
    let listed: Vec<_> =
        info.classes.iter().take(LISTED).map(|class| (shown(&class.name), class.images)).collect();
    let width = listed.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    lines.extend(listed.iter().map(|(name, images)| format!("  {name:width$}  {images}")));
    lines.extend(more(info.classes.len()));
    if !info.empty_classes.is_empty() {
        let names: Vec<_> = info.empty_classes.iter().take(LISTED).map(|name| shown(name)).collect();
        lines.push(format!(
            "  no image is in {} further classes ({})",
            info.empty_classes.len(),
            names.join(", ")
        ));
    }
    lines
}

/// A warning about images that show next to nothing.
fn shade(name: &str, shade: &Shade) -> Option<String> {
    let examples: Vec<_> = shade.examples.iter().map(|path| printable(path)).collect();
    let more = if shade.images > examples.len() as u64 { ", …" } else { "" };
    (shade.images > 0).then(|| {
        format!(
            "{name:12} {} images ({}{more}): look at them, and scale their values if they should show more",
            shade.images,
            examples.join(", ")
        )
    })
}

fn more(count: usize) -> Option<String> {
    (count > LISTED).then(|| format!("  … and {} more (--json lists all)", count - LISTED))
}
