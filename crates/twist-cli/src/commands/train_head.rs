//! `twist train` on frozen features: the early branch of the command for `--frozen MODEL` and for files of features.

use std::path::Path;

use torch_ext::Machine;
use twist_eval::ClassCount;
use twist_model::FeatureFile;
use twist_run::Sources;
use twist_train::frozen::{HeadPlan, HeadRecipe};

use super::train::{AGAIN, Args, planned, refuse_other_data, warn_of_other_measure, written};
use crate::args::{ClassesAsked, RecipeArgs, UseArgs};
use crate::asked::UserChoices;
use crate::bar::Busy;
use crate::exit::{Exit, Usage};
use crate::head_auto::{self, estimate_in_words};
use crate::head_source::HeadSource;
use crate::job::{self, HeadJob, Target};
use crate::model::own_labels;
use crate::settings::Written;
use crate::talk::{Talk, to_stdout};

pub(crate) const RECIPE: &str = "frozen";

/// Where `plan.json` says which features a head learned on.
pub(super) const FINGERPRINT: &str = "/features/fingerprint";

/// Whether what is to be trained is a head on features, and not a network on images.
///
/// # Errors
/// [`Usage`] for the recipe of a head without features.
pub(super) fn is_meant(sources: &Sources) -> anyhow::Result<bool> {
    let meant = sources.frozen.is_some() || FeatureFile::recognise(&sources.train).is_some();
    if !meant && [RECIPE, head_auto::NAME].contains(&sources.recipe.as_str()) {
        return Err(Usage(format!(
            "recipe `{}` trains a head on features: give --frozen MODEL with images, or a file of features (.npy, \
             or .parquet with a column `embedding`) as DATA",
            sources.recipe
        ))
        .into());
    }
    Ok(meant)
}

/// Trains heads, keeps the best by its loss, evaluates and reports.
pub(super) fn run(args: &Args, mut sources: Sources, machine: Machine, talk: &Talk) -> anyhow::Result<Exit> {
    refuse(args, &sources)?;
    let use_args = UseArgs {
        teacher: false,
        device: args.machine.device,
        precision: args.machine.precision,
        threads: args.machine.threads,
        no_cache: false,
    };
    // A recipe is made for features; a named one needs none to be printed.
    let auto = sources.recipe.is_empty() || sources.recipe == head_auto::NAME;
    let counts = args.clusters == Some(ClassesAsked::Auto);
    let (mut opened, mut clusters) = (None, args.given_clusters());
    if auto || counts {
        opened = Some(HeadSource::open(&sources, &use_args, talk)?);
    }
    let written = match &opened {
        Some(source) if auto => {
            sources.recipe = head_auto::NAME.into();
            made(args, source, talk)?
        }
        _ => written(args, &sources)?,
    };
    if let (Some(source), false) = (&opened, auto) {
        let found = counted_classes(source, args.strict, talk)?;
        let found = found.ok_or_else(|| {
            Usage("--clusters auto: too few different rows to count classes in; give a number".into())
        })?;
        talk.say(format!("{}; --clusters K sets another number", estimate_in_words(found)));
        clusters = Some(found.estimate as i64);
    }
    let recipe: HeadRecipe =
        written.with(&args.recipe, None, clusters, talk).map_err(|error| match written.is_of_images() {
            true => error
                .context(format!("features are trained on with the recipe of a head, such as `{RECIPE}`")),
            false => error,
        })?;
    if args.print_config {
        let values = recipe.config.to_toml();
        to_stdout(format!("# Every value in force, made from {}.\n\n{}", sources.recipe, values.trim_end()))?;
        return Ok(Exit::Done);
    }
    let source = match opened {
        Some(source) => source,
        None => HeadSource::open(&sources, &use_args, talk)?,
    };
    let (facts, folder) = (source.facts()?, args.run_folder(&sources.recipe));
    if args.folder.resume && args.names_data() {
        refuse_other_data(&folder, &sources.train, &facts.fingerprint, FINGERPRINT)?;
    }
    if args.folder.resume {
        refuse_other_model(&folder, &facts.fingerprint)?;
        warn_of_other_measure(&folder, &sources, talk)?;
    }
    let plan = HeadPlan::new(&recipe.config, &facts, &machine)?;
    if !auto && UserChoices::of(&args.recipe, clusters).clusters.is_none() && !args.folder.resume {
        talk.say(format!("{} clusters: as recipe {} says; --clusters sets it", plan.net.dim, sources.recipe));
    }
    if args.dry_run {
        to_stdout(serde_json::to_string_pretty(&plan)?)?;
        return Ok(Exit::Done);
    }
    let make = |epochs: u64, talk: &Talk| -> anyhow::Result<HeadRecipe> {
        let asked = RecipeArgs { epochs: Some(epochs), ..args.recipe.clone() };
        written.with(&asked, None, clusters, talk)
    };
    let target = Target { folder, on_existing: args.folder.on_existing(), again: AGAIN };
    let job = HeadJob {
        recipe,
        plan,
        source,
        sources,
        time: args.time(),
        make: Box::new(make),
        fitted_to: None,
        strict: args.strict,
    };
    job::run(job, &target, talk)
}

/// A head can only be resumed with features of the model that it was trained on. Features of another model mean something else.
fn refuse_other_model(folder: &Path, fingerprint: &str) -> anyhow::Result<()> {
    let model = |fingerprint: &str| Some(fingerprint.rsplit_once(" by ")?.1.to_owned());
    let Some(before) = planned(folder, FINGERPRINT).as_deref().and_then(model) else { return Ok(()) };
    match model(fingerprint) {
        Some(now) if now != before => Err(Usage(format!(
            "{}: this head learned on the features of another model than --frozen names, or the model was changed since: resume with \
             that model, or begin another run with another --out",
            folder.display()
        ))
        .into()),
        _ => Ok(()),
    }
}

/// The recipe made for the features, with its reasons said; that of the run when one is resumed.
fn made(args: &Args, source: &HeadSource, talk: &Talk) -> anyhow::Result<Written> {
    let name = head_auto::NAME;
    if args.folder.resume
        && let Some(written) = Written::of_run(&args.run_folder(name))?
    {
        return Ok(written);
    }
    let asked = UserChoices::of(&args.recipe, args.given_clusters());
    let found = match asked.clusters {
        Some(_) => None,
        None => counted_classes(source, args.strict, talk)?,
    };
    let made = head_auto::recipe_for(&source.facts()?, asked, found);
    made.reasons.iter().for_each(|reason| talk.say(format!("{name}: {reason}")));
    Ok(Written::made(name, made.text))
}

/// How many classes the features show, if they can be counted.
fn counted_classes(source: &HeadSource, strict: bool, talk: &Talk) -> anyhow::Result<Option<ClassCount>> {
    let (tables, _) = source.tables(strict, talk)?;
    let _busy = Busy::new("counting classes", talk);
    Ok(ClassCount::of(&tables.train.features.rows)?)
}

/// Flags that mean nothing here are errors, not silence.
fn refuse(args: &Args, sources: &Sources) -> Result<(), Usage> {
    if args.init.is_some() {
        return Err(Usage(
            "--init does not go with features: heads begin from the seed; --frozen MODEL says whose features"
                .into(),
        ));
    }
    if args.goes_on.is_some() {
        let why = "--continue is for images: the released code trains no heads on features";
        return Err(Usage(why.into()));
    }
    let is_file = FeatureFile::recognise(&sources.train).is_some();
    if is_file && sources.frozen.is_some() {
        return Err(Usage(format!(
            "--frozen makes features of images, and {} has features already; leave it out",
            sources.train
        )));
    }
    if is_file { own_labels(&sources.labels) } else { Ok(()) }
}
