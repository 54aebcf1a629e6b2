//! `twist recipes`: the recipes that the binary carries.

use twist_train::recipes;

use crate::args::recipe;
use crate::exit::Usage;
use crate::folder_auto;
use crate::names::usage;
use crate::talk::to_stdout;

const EXAMPLES: &str = "\
Examples:
  twist recipes                         names and what each is for
  twist recipes show cifar10_cpu        one recipe: command, hardware, minutes, expected result
  twist recipes show demo > mine.toml   a start for your own: twist train DATA --recipe mine.toml";

/// List or show the built-in training recipes
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the recipes and what each is for (the default)
    #[command(after_help = "Examples:\n  twist recipes list")]
    List,
    /// Print one recipe
    #[command(after_help = "Examples:\n  twist recipes show demo > mine.toml")]
    Show {
        /// Name of the recipe
        #[arg(value_parser = recipe(), hide_possible_values = true)]
        name: String,
    },
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.action {
        None | Some(Action::List) => {
            let width = recipes::ALL.iter().map(|recipe| recipe.name.len()).max().unwrap_or(0);
            for recipe in recipes::ALL {
                to_stdout(format!("{:width$}  {}", recipe.name, recipe.summary()))?;
            }
            to_stdout(format!(
                "{:width$}  Made for your images when no recipe is named: `twist train DATA --print-config` shows it",
                folder_auto::NAME
            ))?;
        }
        Some(Action::Show { name }) if name == folder_auto::NAME => {
            return Err(Usage(format!(
                "{name} is made for the images at hand: `twist train DATA --print-config` shows it, with its reasons"
            ))
            .into());
        }
        Some(Action::Show { name }) => to_stdout(usage(recipes::named(name))?.text.trim_end())?,
    }
    Ok(())
}
