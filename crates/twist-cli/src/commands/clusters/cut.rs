//! `twist clusters MODEL cut`: merges classes along the tree until so many remain.

use std::path::Path;

use twist_io::printable;
use twist_run::{ClassTree, Cut, Group, Groups};

use super::edit::{evaluated, numbers};
use super::show::classes;
use super::tree::estimate;
use crate::names::{Named, called, usage};
use crate::talk::Talk;

const HELP: &str = "\
Examples:
  twist clusters runs/demo-1 cut 12      12 classes remain
  twist clusters runs/demo-1 cut auto    as many as the features show
  twist clusters runs/demo-1 tree        which ones become one first

Names and merges of yours stay where all of their classes are in one class of the cut; those that
cannot stay are listed. A class that the cut makes has the name of the part with more than half of
its images, if that has one. A larger number takes the merges of a cut apart again.";

/// Merge the nearest classes until so many remain
#[derive(Debug, clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Args {
    /// A number of classes, or auto
    #[arg(value_name = "K|auto", value_parser = wanted)]
    classes: Wanted,
}

#[derive(Clone, Copy, Debug)]
enum Wanted {
    Auto,
    Classes(usize),
}

fn wanted(text: &str) -> Result<Wanted, String> {
    match text {
        "auto" => Ok(Wanted::Auto),
        number => number.parse().map(Wanted::Classes).map_err(|_| "give a number of classes, or auto".into()),
    }
}

impl Args {
    pub(super) fn run(&self, named: &mut Named, model: &Path, talk: &Talk) -> anyhow::Result<()> {
        let tree = named.tree(model)?;
        let classes = match self.classes {
            Wanted::Classes(classes) => classes,
            Wanted::Auto => estimated(&tree, talk)?,
        };
        let before = named.names.groups();
        let cut = usage(named.names.cut(&tree, classes))?;
        if cut.is_nothing() {
            talk.say(format!("{} as before: nothing changes", count(cut.now)));
            return Ok(());
        }
        let aside = named.names.save_cut(&cut, &named.file)?;
        talk.say(format!("{}, {} before", count(cut.now), cut.before));
        let after = named.names.groups();
        joined(&cut, &before, &sizes(named, &tree, &after, talk)).into_iter().for_each(|line| talk.say(line));
        divided(&cut, &after).into_iter().for_each(|line| talk.say(line));
        for (name, now) in &cut.hidden {
            talk.say(format!(
                "`{}` is part of {} now; a finer cut brings the name back",
                printable(name),
                called(now)
            ));
        }
        if !cut.lost.is_empty() {
            let lost: Vec<_> = cut.lost.iter().map(|lost| printable(lost)).collect();
            let aside =
                aside.map_or_else(String::new, |aside| format!("; the file before is {}", aside.display()));
            talk.warn(format!("not kept, because the cut divides it: {}{aside}", lost.join("; ")));
        }
        Ok(())
    }
}

/// How many classes the features show, as far as the tree has them.
fn estimated(tree: &ClassTree, talk: &Talk) -> anyhow::Result<usize> {
    let Some(found) = tree.parts().estimate else {
        anyhow::bail!("cut auto: the number of classes could not be estimated; give one, as in `cut 12`");
    };
    talk.say(estimate(found));
    let most = tree.classes();
    if found.classes > most {
        talk.warn(format!(
            "{}, so none are merged; for more, train with --clusters {}",
            count(most),
            found.classes
        ));
    }
    Ok(found.classes.min(most))
}

fn count(classes: usize) -> String {
    if classes == 1 { "1 class has images".into() } else { format!("{classes} classes have images") }
}

/// The images of each group of `after`: those that the run was evaluated on, else those of the tree.
fn sizes<'a>(
    named: &Named,
    tree: &'a ClassTree,
    after: &'a Groups,
    talk: &Talk,
) -> Box<dyn Fn(&Group) -> usize + 'a> {
    match evaluated(named, talk) {
        Some(images) => {
            let classes = classes(after, &images);
            Box::new(move |group| {
                classes.iter().find(|class| class.group == *group).map_or(0, |class| class.rows.len())
            })
        }
        None => Box::new(|group| tree.rows_of(&group.members)),
    }
}

fn joined(cut: &Cut, before: &Groups, size: &dyn Fn(&Group) -> usize) -> Vec<String> {
    let line = |group: &Group| {
        let mut parts: Vec<u32> =
            group.members.iter().filter_map(|&one| before.group_of(one)).map(|part| part.class).collect();
        parts.sort_unstable();
        parts.dedup();
        format!("  {} is made of {}: {} images", called(group), numbers(&parts), size(group))
    };
    cut.joined.iter().map(line).collect()
}

fn divided(cut: &Cut, after: &Groups) -> Vec<String> {
    let line = |group: &Group| {
        let mut parts: Vec<&Group> = group.members.iter().filter_map(|&one| after.group_of(one)).collect();
        parts.sort_by_key(|part| part.class);
        parts.dedup();
        let parts: Vec<String> = parts.into_iter().map(called).collect();
        format!("  {} is divided: {}", called(group), parts.join(", "))
    };
    cut.divided.iter().map(line).collect()
}
