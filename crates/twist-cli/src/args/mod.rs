//! The command line as typed: close to the flags, nothing resolved. [`crate::settings`] turns it into a run.

mod values;

mod model;
mod run;
mod streaming;
mod teach;

pub(crate) use model::{MODEL, ModelArgs, NO_CACHE, UseArgs};
pub(crate) use run::{MachineArgs, RecipeArgs, RunFolderArgs};
pub(crate) use streaming::StreamingArgs;
pub(crate) use teach::{BudgetArgs, TeachArgs, TeachMachineArgs};
pub(crate) use values::{
    ClassesAsked, Duration, PrecisionArg, Rgb, ShellArg, at_least, classes_asked, device, pipeline_mode,
    recipe,
};

use clap::{Parser, Subcommand};

use crate::commands::{
    audit, bench, clusters, completions, data, demo, doctor, embed, eval, export, finetune, import,
    neighbors, predict, recipes, report, train,
};

const ABOUT: &str = "Discovers classes in images that nobody labelled (self-supervised TWIST)";

const START: &str = "\
Start here:
  twist demo                                  discovers ten classes in drawn pictures (1 to 3 min)
  twist data info photos/                     shows what is in a folder of images
  twist train photos/ --clusters 20           discovers 20 classes in it
  twist report runs/folder_auto-1 --serve     shows the classes on a page, to name and merge
  twist predict runs/folder_auto-1 photos/    prints the class of each image

DATA is a folder of images (sub-folders are classes when there are any), one image, a pattern
('photos/*.jpg', in quotes), a list (.txt, .csv), - (paths on standard input), tar shards
('shards/train-*.tar' or 'train-{000..009}.tar', in quotes), zip archives of images, parquet files,
CIFAR binary batches, or shapes:train, the pictures of the demo.

MODEL is a run folder, a checkpoint, a weight file (from `twist import`), hf:ORG/NAME (a network of
the Hugging Face hub), or starter (after `twist import starter`).

--out does not replace an existing file or run unless --force is given (`data pack` never does).

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 training collapsed, 4 found (audit --strict),
130 and 143 stopped by Ctrl-C and SIGTERM (the run is saved; --resume continues it).";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "twist", version, about = ABOUT, after_help = START, max_term_width = 110)]
#[command(propagate_version = true, arg_required_else_help = true, infer_subcommands = false)]
pub(crate) struct Cli {
    /// Only warnings and errors on stderr
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// More detail on stderr
    #[arg(short, long, global = true, help_heading = "Global options")]
    pub(crate) verbose: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands, each in its file under `commands/`.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Demo(demo::Args),
    Train(Box<train::Args>),
    Finetune(Box<finetune::Args>),
    Eval(Box<eval::Args>),
    Predict(predict::Args),
    Embed(embed::Args),
    Neighbors(neighbors::Args),
    Clusters(clusters::Args),
    Report(report::Args),
    Import(import::Args),
    Export(export::Args),
    Audit(audit::Args),
    Data(data::Args),
    Bench(bench::Args),
    Recipes(recipes::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
}

#[cfg(test)]
mod tests {
    use clap::{Arg, Command as Clap, CommandFactory};

    use super::*;

    /// The names of every argument below a heading that groups of flags have.
    const HEADINGS: [(&str, &[&str]); 7] = [
        ("Machine", &["device", "precision", "threads", "no_cache", "max_time"]),
        ("Images", &["train", "test", "labels"]),
        ("Recipe", &["recipe", "epochs", "batch_size", "seed", "set"]),
        ("Run folder", &["out", "resume", "force"]),
        (
            "Training",
            &[
                "epochs",
                "batch_size",
                "lr",
                "backbone_lr",
                "weight_decay",
                "norm_batch",
                "test_every",
                "from_scratch",
                "seed",
            ],
        ),
        ("Labels", &["percent", "labels"]),
        ("Reference", &["kmeans_seeds", "kmeans_restarts"]),
    ];

    fn each(command: &Clap, look: &mut impl FnMut(&Clap)) {
        look(command);
        command.get_subcommands().for_each(|below| each(below, look));
    }

    #[test]
    fn an_argument_stands_below_its_own_heading() {
        let mut seen = 0;
        each(&Cli::command(), &mut |command| {
            for arg in command.get_arguments() {
                let heading = arg.get_help_heading();
                if let Some((heading, own)) = HEADINGS.iter().find(|(known, _)| heading == Some(*known)) {
                    let id = arg.get_id().as_str();
                    assert!(own.contains(&id), "{}: {id} below {heading}", command.get_name());
                    seen += 1;
                }
            }
        });
        assert!(seen > 60, "{seen} arguments with a heading");
    }

    #[test]
    fn what_is_given_without_a_flag_stands_below_arguments() {
        let mut seen = 0;
        each(&Cli::command(), &mut |command| {
            for arg in command.get_positionals() {
                assert_eq!(arg.get_help_heading(), None, "{}: {arg}", command.get_name());
                seen += 1;
            }
        });
        assert!(seen > 20, "{seen} arguments");
    }

    #[test]
    fn what_a_command_uses_of_the_machine_stands_below_machine() {
        let mut seen = 0;
        each(&Cli::command(), &mut |command| {
            for arg in command.get_arguments() {
                if ["device", "precision", "threads"].contains(&arg.get_id().as_str()) {
                    assert_eq!(arg.get_help_heading(), Some("Machine"), "{}: {arg}", command.get_name());
                    seen += 1;
                }
            }
        });
        assert!(seen > 30, "{seen} flags");
    }

    #[test]
    fn what_is_measured_on_stands_before_the_machine() {
        let mut seen = 0;
        each(&Cli::command(), &mut |command| {
            let headings: Vec<&str> = command.get_arguments().filter_map(Arg::get_help_heading).collect();
            let place = |wanted: &str| headings.iter().position(|heading| *heading == wanted);
            if let (Some(images), Some(machine)) = (place("Images"), place("Machine")) {
                assert!(images < machine, "{}", command.get_name());
                seen += 1;
            }
        });
        assert_eq!(seen, 6, "knn, classifier, cluster, linear and both finetune");
    }

    #[test]
    fn no_example_is_wrapped() {
        let mut seen = 0;
        each(&Cli::command(), &mut |command| {
            let Some(text) = command.get_after_help() else { return };
            for line in text.to_string().lines() {
                assert!(line.chars().count() <= 100, "{}: {line}", command.get_name());
                seen += 1;
            }
        });
        assert!(seen > 150, "{seen} lines");
    }

    #[test]
    fn shells_complete_the_values_of_a_flag_that_has_some() {
        let values = |arg: &Arg| -> Vec<String> {
            arg.get_possible_values().iter().map(|value| value.get_name().to_string()).collect()
        };
        let mut seen = 0;
        each(&Cli::command(), &mut |command| {
            for arg in command.get_arguments() {
                let wanted: &[&str] = match arg.get_id().as_str() {
                    "device" => &["auto", "cpu", "cuda"],
                    "precision" => &["auto", "fp32", "bf16"],
                    "recipe" => &["demo", "cifar10_cpu", "frozen"],
                    "mode" | "protocol" | "shell" => &[],
                    "classes" if command.get_name() == "predict" => &["discovered", "labels"],
                    _ => continue,
                };
                let (known, place) = (values(arg), format!("{} {}", command.get_name(), arg.get_id()));
                assert!(!known.is_empty(), "{place} has no values");
                assert!(wanted.iter().all(|value| known.contains(&value.to_string())), "{place}: {known:?}");
                seen += 1;
            }
        });
        assert!(seen >= 20, "{seen} flags with values");
    }
}
