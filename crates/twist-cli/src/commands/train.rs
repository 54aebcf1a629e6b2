//! `twist train`: from images to classes.

use std::path::{Path, PathBuf};

use anyhow::Context;
use tch::Device;
use twist_data::{Dataset, Decoder};
use twist_io::{did_you_mean, shell_word};
use twist_model::{Model, ReleasedCheckpoint};
use twist_report::FEW_IMAGES;
use twist_run::{CheckpointStore, Sources, files, near_runs};
use twist_train::{Beginning, DataFacts, Recipe, TrainImages, TrainPlan, recipes};

use crate::args::{ClassesAsked, MachineArgs, RecipeArgs, RunFolderArgs, classes_asked};
use crate::asked::UserChoices;
use crate::bar::Busy;
use crate::estimate::{self, TimeAsked};
use crate::exit::{Exit, Usage};
use crate::job::{self, ImageJob, Target};
use crate::machine;
use crate::named_model;
use crate::settings::{Base, Written};
use crate::sources::{DEFAULT_LABELS, absolute, label_place, open_both};
use crate::talk::{Talk, to_stdout};
use crate::{folder_auto, place};

use super::train_head;

/// The help of `--out`. Several data sets may have runs of one recipe, so `--resume` also looks at DATA.
const OUT: &str = "Folder of the run [default: the next free runs/RECIPE-N; with --resume the latest of them on the same DATA]";

const EXAMPLES: &str = "\
Examples:
  twist train photos/                                 makes a recipe for these images, with reasons
  twist train photos/ --clusters 20                   20 classes; labels are not needed
  twist train photos/ --clusters 20 --max-time 30m    as many epochs as fit into half an hour
  twist train photos/ --frozen starter                only a head, on features of a trained network
  twist train features.npy --clusters 20              a head on features of another program
  twist train photos/ --print-config > mine.toml      every value in force, to start your own recipe
  twist train photos/ --recipe mine.toml --set optim.lr=0.1 --epochs 50
  twist train 'cifar10/train-*.tar' --eval-data 'cifar10/test-*.tar' --recipe cifar10_cpu
  twist train --resume --out runs/cifar10_cpu-1       resume after a stop, a crash or a kill

Training never uses labels. Sub-folders (or labels in shards) only serve to measure: k-NN accuracy,
and how well the discovered classes agree with them. --eval-data names images to measure on; they
are not used for training.";

/// The command that resumes a run, up to the folder.
pub(super) const AGAIN: &str = "twist train --resume --out";

/// With fewer images a class on average, classes are not seen often enough to be told apart.
const FEW_IN_A_CLASS: f64 = 5.0;

/// Discover classes in images without labels
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES, mut_arg("out", |out| out.help(OUT)))]
pub(crate) struct Args {
    /// Folder, pattern, list, - (paths on stdin), tar shards, zip, parquet or CIFAR batches, or a file of features; can be left out with --resume --out RUN
    #[arg(value_name = "DATA")]
    data: Option<String>,
    /// Number of classes to discover; auto (for a head on features: as many as the features show) [default: auto for a head, else by the number of images]
    #[arg(long, value_name = "K|auto", value_parser = classes_asked)]
    pub(super) clusters: Option<ClassesAsked>,
    /// Train only a head, on features of this model's backbone, which stays as it is: a run folder, a checkpoint, a weight file, hf:ORG/NAME, or `starter`
    #[arg(long, value_name = "MODEL")]
    frozen: Option<String>,
    /// Labels to measure with: auto (what DATA contains), folder (every sub-folder is a class), coarse (super-classes of CIFAR-100), none, or a list file [default: auto]
    #[arg(long, value_name = "auto|folder|none|FILE")]
    labels: Option<String>,
    /// Images to measure on; they are not used for training
    #[arg(long, value_name = "DATA")]
    eval_data: Option<String>,
    /// Start from the weights of this model instead of random ones: a run folder, a checkpoint, a weight file, hf:ORG/NAME, or
    /// `starter`; without --recipe its backbone is the one that is trained
    #[arg(long, value_name = "MODEL")]
    pub(super) init: Option<PathBuf>,
    /// Go on where the released TWIST code stopped: weights, optimizer and epoch of its checkpoint.pth, with the --recipe of its run
    #[arg(long = "continue", value_name = "CHECKPOINT", conflicts_with = "init")]
    pub(super) goes_on: Option<PathBuf>,
    /// Stop at the first unreadable image instead of skipping it
    #[arg(long)]
    pub(super) strict: bool,
    /// Print every value in force as a recipe, and do nothing else
    #[arg(long)]
    pub(super) print_config: bool,
    /// Check everything and print the plan as JSON, without training
    #[arg(long, conflicts_with = "print_config")]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) recipe: RecipeArgs,
    #[command(flatten)]
    pub(super) folder: RunFolderArgs,
    #[command(flatten)]
    pub(super) machine: MachineArgs,
}

impl Args {
    pub(super) fn names_data(&self) -> bool {
        self.data.is_some()
    }

    /// The number of classes that the command line gives.
    pub(super) fn given_clusters(&self) -> Option<i64> {
        self.clusters.and_then(ClassesAsked::given)
    }

    pub(super) fn time(&self) -> TimeAsked {
        TimeAsked {
            limit: self.machine.max_time.map(|time| time.0),
            epochs: UserChoices::of(&self.recipe, self.given_clusters()).epochs.is_some(),
        }
    }

    /// Where the run of this recipe goes, or lies when it is resumed.
    pub(super) fn run_folder(&self, recipe: &str) -> PathBuf {
        place::of_run(&self.folder, recipe, self.data.as_deref())
    }
}

pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<Exit> {
    let machine = machine::detect(args.machine.device, args.machine.threads, talk)?;
    if !args.print_config {
        args.folder.check()?;
    }
    let mut sources = sources(args)?;
    if train_head::is_meant(&sources)? {
        return train_head::run(args, sources, machine, talk);
    }
    if args.clusters == Some(ClassesAsked::Auto) {
        let what = "--clusters auto counts classes in the features of a trained network: add --frozen MODEL, such as \
                    --frozen starter, or give a number of classes";
        return Err(Usage(what.into()).into());
    }
    if args.print_config && !is_auto(&sources) {
        // A named recipe needs no data to be printed.
        let base = Base::Written(written(args, &sources)?);
        return print_config(args, &sources.recipe, &base, talk);
    }
    if sources.continued.is_some() && is_auto(&sources) {
        return Err(Usage(
            "--continue needs --recipe, the recipe of the run in the checkpoint (`twist recipes`)".into(),
        )
        .into());
    }
    let recipe = if is_auto(&sources) { folder_auto::NAME } else { &sources.recipe };
    let resumes = has_checkpoint(args, &args.run_folder(recipe), talk);
    let init = if resumes { None } else { init(&sources, talk)? };
    let continued = sources.continued.clone().filter(|_| !resumes);
    let opened = open_both(&sources, talk);
    let data =
        if args.data.is_none() { opened.with_context(|| kept_place(args, &sources))? } else { opened? };
    let images_that_can_be_read = readable(&*data.train)?;
    let base = if is_auto(&sources) {
        sources.recipe = folder_auto::NAME.into();
        auto(args, &*data.train, machine.device.is_cuda(), init.as_deref(), talk)?
    } else {
        Base::Written(written(args, &sources)?)
    };
    if args.print_config {
        return print_config(args, &sources.recipe, &base, talk);
    }
    let folder = args.run_folder(&sources.recipe);
    if args.folder.resume && args.data.is_some() {
        refuse_other_data(&folder, &sources.train, &data.train.fingerprint(), "/data_fingerprint")?;
    }
    if args.folder.resume {
        warn_of_other_measure(&folder, &sources, talk)?;
    }
    let facts = DataFacts::of(&*data.train);
    let make = |epochs: Option<u64>, talk: &Talk| -> anyhow::Result<(Recipe, TrainPlan)> {
        let recipe =
            base.recipe(&args.recipe, args.machine.precision, args.given_clusters(), epochs, talk)?;
        let plan = TrainPlan::new(&recipe.config, &facts, &machine)?;
        Ok((recipe, plan))
    };
    let (mut recipe, mut plan) = make(None, talk)?;
    let (mut images, mut fitted_to) = (TrainImages::from(data.train.clone()), None);
    let made_for_gpu = recipes::ALL.iter().any(|known| known.name == sources.recipe && known.needs_gpu());
    if made_for_gpu && !machine.device.is_cuda() {
        talk.warn(format!(
            "{} is made for GPUs, and this is a CPU: without --recipe one is made for this machine",
            sources.recipe
        ));
    }
    warn_of_few_images(images_that_can_be_read, plan.net.head.dim, talk);
    let beginning = match (&continued, init) {
        (Some(path), _) => {
            let busy = Busy::new(&format!("opening {path}"), talk);
            let arch = plan.net.backbone.arch;
            let released = ReleasedCheckpoint::load(Path::new(path), Some(arch)).context("--continue");
            drop(busy);
            Beginning::Released(Box::new(released?))
        }
        (None, Some(model)) => Beginning::Weights(model),
        (None, None) => Beginning::Seed,
    };
    if continued.is_none()
        && (machine.device.is_cuda() || !made_for_gpu)
        && estimate::begins(&folder, args.folder.on_existing())
    {
        let again = |epochs, talk: &Talk| make(Some(epochs), talk);
        ((recipe, plan), images, fitted_to) =
            estimate::timed((recipe, plan), (&data, images), &folder, args.time(), talk, again)?;
    }
    if args.dry_run {
        to_stdout(serde_json::to_string_pretty(&plan)?)?;
        return Ok(Exit::Done);
    }
    let target = Target { folder, on_existing: args.folder.on_existing(), again: AGAIN };
    let job = ImageJob {
        recipe,
        plan,
        sources,
        data,
        images,
        max_time: args.machine.max_time.map(|time| time.0),
        fitted_to,
        strict: args.strict,
        beginning,
    };
    job::run(job, &target, talk)
}

/// Where DATA comes from when the command line does not say it.
fn kept_place(args: &Args, sources: &Sources) -> String {
    let file = args.run_folder(&sources.recipe).join(files::DATA);
    format!("{} names the images of this run; DATA says where they are now", file.display())
}

/// How many images can be read, where they are few; else all of them.
///
/// # Errors
/// None of the few can be read; why the first one cannot.
fn readable(images: &dyn Dataset) -> anyhow::Result<usize> {
    if images.len() >= FEW_IMAGES {
        return Ok(images.len());
    }
    let mut decoder = Decoder::default();
    let (read, failed): (Vec<_>, Vec<_>) = (0..images.len())
        .map(|index| twist_data::pixels(images, index, &mut decoder))
        .partition(Result::is_ok);
    match failed.into_iter().find_map(Result::err) {
        Some(error) if read.is_empty() => Err(error.into()),
        _ => Ok(read.len()),
    }
}

/// Says so when there is too little to tell classes apart by.
fn warn_of_few_images(images: usize, clusters: i64, talk: &Talk) {
    let each = images as f64 / clusters as f64;
    if images < FEW_IMAGES {
        talk.warn(format!(
            "only {images} images: classes that are found among so few say little, some hundreds are needed"
        ));
    }
    // Two are the fewest that there can be.
    if each < FEW_IN_A_CLASS && clusters > 2 {
        let fewer = ((images as f64 / FEW_IN_A_CLASS) as i64).max(2);
        let each_then = (images as f64 / fewer as f64).min(FEW_IN_A_CLASS);
        talk.warn(format!(
            "{clusters} clusters for {images} images are {each:.1} images a class on average: most classes stay empty or hold \
             chance; --clusters {fewer} or fewer have {each_then:.0} and more"
        ));
    }
}

/// A run resumes with its own images or features: at their place, grown or not, or elsewhere when they are the same ones,
/// by their `fingerprint`, which the run's plan has at `place`.
pub(super) fn refuse_other_data(
    folder: &Path,
    data: &str,
    fingerprint: &str,
    place: &str,
) -> anyhow::Result<()> {
    let Some(before) = Sources::read(folder)? else { return Ok(()) };
    if absolute(&before.train) == absolute(data) {
        return Ok(());
    }
    if planned(folder, place).as_deref() == Some(fingerprint) {
        return Ok(());
    }
    let (run, old) = (folder.display(), before.train);
    Err(Usage(format!(
        "{run} was trained on {old}, and {data} holds other images or features: resume without DATA, or begin another run with another --out \
         (for a network, --init with a checkpoint of the old one keeps its weights)"
    ))
    .into())
}

/// Says so when a resumed run is measured on other images, or with other labels, than before.
pub(super) fn warn_of_other_measure(folder: &Path, sources: &Sources, talk: &Talk) -> anyhow::Result<()> {
    let Some(before) = Sources::read(folder)? else { return Ok(()) };
    let place = |data: &Option<String>| data.as_deref().map(absolute);
    if place(&before.held_out) != place(&sources.held_out)
        || label_place(&before.labels) != label_place(&sources.labels)
    {
        talk.warn(
            "--eval-data or --labels is not what this run was measured with so far: figures before and after cannot be compared, and \
             best.safetensors may be chosen by one of before",
        );
    }
    Ok(())
}

/// The text that the plan of the run in `folder` has at `place`.
pub(super) fn planned(folder: &Path, place: &str) -> Option<String> {
    let plan = twist_io::read_small(folder.join(files::PLAN)).ok()?;
    let plan: serde_json::Value = serde_json::from_slice(&plan).ok()?;
    Some(plan.pointer(place)?.as_str()?.to_owned())
}

/// What the command line says of recipe and data; what it does not say comes from the run that is resumed. An empty
/// recipe is still to be chosen.
fn sources(args: &Args) -> anyhow::Result<Sources> {
    let known_folder = match (&args.folder.out, &args.recipe.recipe) {
        (None, None) => None,
        (_, recipe) => Some(args.run_folder(recipe.as_deref().unwrap_or_default())),
    };
    let before = match known_folder {
        Some(folder) if args.folder.resume => Sources::read(&folder)?,
        _ => None,
    };
    let train = match (&args.data, &before) {
        (Some(data), _) => data.clone(),
        (None, Some(before)) => before.train.clone(),
        (None, None) if args.print_config && args.recipe.recipe.is_some() => String::new(),
        (None, None) if args.folder.resume => {
            return Err(Usage(match &args.folder.out {
                Some(out) if out.join(files::CONFIG).is_file() => format!(
                    "the run in {} ended before its first step: give the whole command again, with DATA and with --resume",
                    out.display()
                ),
                Some(out) => format!(
                    "{} does not contain a run to resume{}: `twist train DATA --out {}` starts one",
                    out.display(),
                    did_you_mean(&near_runs(out)),
                    shell_word(out)
                ),
                None => "--resume without DATA needs --out RUN, the folder of the run to resume".into(),
            })
            .into());
        }
        (None, None) => {
            return Err(
                Usage("DATA is missing: `twist train photos/`, or see `twist train --help`".into()).into()
            );
        }
    };
    let stored_labels = before.as_ref().map(|before| before.labels.clone());
    Ok(Sources {
        train,
        held_out: args.eval_data.clone().or_else(|| before.as_ref()?.held_out.clone()),
        labels: args.labels.clone().or(stored_labels).unwrap_or_else(|| DEFAULT_LABELS.into()),
        frozen: args.frozen.clone().or_else(|| before.as_ref()?.frozen.clone()),
        init: path_or(args.init.as_deref(), before.as_ref().and_then(|before| before.init.clone())),
        continued: path_or(
            args.goes_on.as_deref(),
            before.as_ref().and_then(|before| before.continued.clone()),
        ),
        recipe: args.recipe.recipe.clone().or_else(|| Some(before?.recipe)).unwrap_or_default(),
    })
}

/// What the command line says, else what the run was started with.
fn path_or(given: Option<&Path>, before: Option<String>) -> Option<String> {
    given.map(|path| path.display().to_string()).or(before)
}

/// Whether the run in `folder` goes on from a checkpoint of its own, and needs nothing else to begin with.
fn has_checkpoint(args: &Args, folder: &Path, talk: &Talk) -> bool {
    let checkpoints = CheckpointStore::new(folder.join(files::CHECKPOINTS), 1);
    let goes_on = args.folder.resume && checkpoints.newest_step().is_ok_and(|step| step > 0);
    let flags = [args.init.as_ref().map(|_| "--init"), args.goes_on.as_ref().map(|_| "--continue")];
    for flag in flags.into_iter().flatten().filter(|_| goes_on) {
        talk.warn(format!("{flag} is not used: the run resumes with weights of its own"));
    }
    goes_on
}

/// The model whose weights a run begins with.
fn init(sources: &Sources, talk: &Talk) -> anyhow::Result<Option<Box<Model>>> {
    let Some(init) = &sources.init else { return Ok(None) };
    let path = named_model::resolved(Path::new(init), talk).context("--init")?;
    let busy = Busy::new(&format!("opening {}", path.display()), talk);
    let model = Model::load(&path, Device::Cpu).context("--init");
    drop(busy);
    Ok(Some(Box::new(model?)))
}

/// The recipe before flags: that of the resumed run unless `--recipe` names another.
pub(super) fn written(args: &Args, sources: &Sources) -> anyhow::Result<Written> {
    if args.folder.resume && args.recipe.recipe.is_none() {
        let folder = args.run_folder(&sources.recipe);
        if let Some(written) = Written::of_run(&folder)? {
            return Ok(written);
        }
    }
    Written::named(&sources.recipe)
}

/// The recipe made for the data, with its reasons said; that of the run when one is resumed.
fn auto(
    args: &Args,
    train: &dyn Dataset,
    gpu: bool,
    init: Option<&Model>,
    talk: &Talk,
) -> anyhow::Result<Base> {
    let name = folder_auto::NAME;
    if args.folder.resume
        && let Some(written) = Written::of_run(&args.run_folder(name))?
    {
        return Ok(Base::Written(written));
    }
    let busy = Busy::new("looking at some images", talk);
    let facts =
        folder_auto::look(train, gpu, UserChoices::of(&args.recipe, args.given_clusters())).begun(init)?;
    drop(busy);
    let reasons = folder_auto::make(facts).reasons;
    reasons.iter().for_each(|reason| talk.say(format!("{name}: {reason}")));
    Ok(Base::Rules(facts))
}

/// Whether the recipe is made for the data: none was named, or the rule was.
fn is_auto(sources: &Sources) -> bool {
    sources.recipe.is_empty() || sources.recipe == folder_auto::NAME
}

fn print_config(args: &Args, name: &str, base: &Base, talk: &Talk) -> anyhow::Result<Exit> {
    let recipe = base.recipe(&args.recipe, args.machine.precision, args.given_clusters(), None, talk)?;
    let values = recipe.config.to_toml();
    to_stdout(format!("# Every value in force, made from {name}.\n\n{}", values.trim_end()))?;
    Ok(Exit::Done)
}
