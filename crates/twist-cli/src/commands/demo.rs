//! `twist demo`: training, evaluation and report on pictures that Twist draws itself.

use twist_run::Sources;
use twist_train::{Beginning, DataFacts, Recipe, TrainImages, TrainPlan};

use crate::args::{MachineArgs, RecipeArgs, RunFolderArgs};
use crate::asked::UserChoices;
use crate::estimate::{self, TimeAsked};
use crate::exit::Exit;
use crate::job::{self, ImageJob, Target};
use crate::machine;
use crate::place;
use crate::settings::{Base, Written};
use crate::sources::{DEFAULT_LABELS, open_both};
use crate::talk::Talk;

const EXAMPLES: &str = "\
Examples:
  twist demo                      1 to 3 minutes on 2 cores, no download
  twist demo --seed 1             other weights and draws; the pictures stay the same
  twist demo --resume             resume the latest demo after Ctrl-C

The pictures show ten kinds of figures with random colour, size, place, rotation, clutter and
noise, so that clustering their pixels or colours fails. Labels only serve to measure.";

/// Watch Twist discover classes in pictures that it draws itself
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    folder: RunFolderArgs,
    #[command(flatten)]
    machine: MachineArgs,
}

/// Trains on `shapes:train`, evaluates on `shapes:test`, writes the report and says what came out.
pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<Exit> {
    args.folder.check()?;
    let machine = machine::detect(args.machine.device, args.machine.threads, talk)?;
    let name = args.recipe.recipe.clone().unwrap_or_else(|| "demo".into());
    let folder = place::of_run(&args.folder, &name, None);
    let sources = Sources {
        recipe: name.clone(),
        train: "shapes:train".into(),
        held_out: Some("shapes:test".into()),
        labels: DEFAULT_LABELS.into(),
        ..Sources::default()
    };
    let before = match (args.folder.resume, &args.recipe.recipe) {
        (true, None) => Written::of_run(&folder)?,
        _ => None,
    };
    let written = before.map_or_else(|| Written::named(&name), Ok)?;
    let base = Base::Written(written);
    let data = open_both(&sources, talk)?;
    let facts = DataFacts::of(&*data.train);
    let make = |epochs: Option<u64>, talk: &Talk| -> anyhow::Result<(Recipe, TrainPlan)> {
        let recipe = base.recipe(&args.recipe, args.machine.precision, None, epochs, talk)?;
        let plan = TrainPlan::new(&recipe.config, &facts, &machine)?;
        Ok((recipe, plan))
    };
    let (mut recipe, mut plan) = make(None, talk)?;
    let (mut images, mut fitted_to) = (TrainImages::from(data.train.clone()), None);
    if estimate::begins(&folder, args.folder.on_existing()) {
        let limit = args.machine.max_time.map(|time| time.0);
        let asked = TimeAsked { limit, epochs: UserChoices::of(&args.recipe, None).epochs.is_some() };
        let again = |epochs, talk: &Talk| make(Some(epochs), talk);
        ((recipe, plan), images, fitted_to) =
            estimate::timed((recipe, plan), (&data, images), &folder, asked, talk, again)?;
    }
    let target =
        Target { folder, on_existing: args.folder.on_existing(), again: "twist demo --resume --out" };
    let job = ImageJob {
        recipe,
        plan,
        sources,
        data,
        images,
        max_time: args.machine.max_time.map(|time| time.0),
        fitted_to,
        strict: false,
        beginning: Beginning::Seed,
    };
    job::run(job, &target, talk)
}
