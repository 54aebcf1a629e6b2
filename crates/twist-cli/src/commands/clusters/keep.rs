//! `twist clusters MODEL keep`: names that were given to the classes of other weights are those of these.

use std::path::Path;

use anyhow::bail;

use crate::names::Named;
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  twist clusters runs/mine-1 show    which images the classes hold now
  twist clusters runs/mine-1 keep    the names of before still fit";

/// Keep names and merges from before a resume, for the classes that the run has now
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {}

/// Says whose classes they are from now on.
pub(super) fn run(model: &Path, talk: &Talk) -> anyhow::Result<()> {
    let (named, before) = Named::to_keep(model)?;
    let Some(now) = named.shown.clone().filter(|_| named.names.names_classes()) else {
        talk.say("no class has a name and no classes are merged, so Twist keeps nothing");
        return Ok(());
    };
    if !before.as_ref().is_some_and(|before| before.are(&now)) {
        named.save()?;
        let before =
            before.map_or_else(String::new, |before| format!(", instead of {}", before.beside(&now)));
        talk.say(format!("names and merges are those of the classes of {now} from now on{before}"));
        return Ok(());
    }
    match &named.own {
        Some(own) if !own.are(&now) => bail!(
            "names and merges are those of the classes of {now}, which the run was evaluated with last, and its newest checkpoint \
             is of {own}: when the run is evaluated at its end (--resume), they go on to the classes that hold the same images"
        ),
        _ => talk.say(format!("names and merges are those of the classes of {now} already")),
    }
    Ok(())
}
