//! A tiny data set in memory, and tiny runs on it.

use std::path::Path;
use std::sync::Arc;

use tch::Device;
use torch_ext::Machine;
use twist_data::{DataError, Dataset, Rgb8, Stored};
use twist_run::{OnExisting, Recorder, RunFolder};
use twist_train::run::Run;
use twist_train::{
    DataFacts, Evaluator, Outcome, Override, Pretraining, Recipe, StopFlag, TrainError, TrainOptions,
    TrainPlan,
};

/// Coloured stripes whose direction is the class, 16 × 16 pixels.
pub(crate) struct Stripes(pub(crate) usize);

impl Dataset for Stripes {
    fn len(&self) -> usize {
        self.0
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        let pixel = |i: usize| {
            let (y, x, channel) = (i / 48, i / 3 % 16, i % 3);
            let along = if index.is_multiple_of(2) { x } else { y };
            ((along * (1 + index % 3) + index * 7) * 29 + channel * 40 * (index % 5)) as u8
        };
        Ok(Stored::Pixels(Arc::new(Rgb8 { width: 16, height: 16, pixels: (0..768).map(pixel).collect() })))
    }

    fn path(&self, index: usize) -> String {
        format!("stripes/{index}")
    }

    fn label(&self, index: usize) -> Option<u32> {
        Some((index % 2) as u32)
    }

    fn classes(&self) -> &[String] {
        &[]
    }

    fn fingerprint(&self) -> String {
        format!("stripes-{}", self.0)
    }
}

pub(crate) const RECIPE: &str = include_str!("../tiny.toml");

/// What these tests have in common.
const USUAL: [&str; 16] = [
    "data.mean=[0.5, 0.5, 0.5]",
    "data.std=[0.25, 0.25, 0.25]",
    "data.in_memory=off",
    "optim.name=lars",
    "optim.lr=0.5",
    "optim.scale_lr=false",
    "optim.weight_decay=1e-4",
    "optim.clip_norm=3.0",
    "schedule.epochs=3",
    "schedule.warmup_epochs=1",
    "train.precision=fp32",
    "train.log_every=2",
    "checkpoint.every_steps=3",
    "views.0.blur=0.5",
    "views.1.blur=0.1",
    "views.1.solarize=0.2",
];

pub(crate) fn recipe(overrides: &[&str]) -> Recipe {
    read(RECIPE, overrides)
}

const LOCAL: &str = r#"
[[views]]
name = "local"
count = 4
size = 8
scale = [0.05, 0.3]
blur = 0.5
solarize = 0.0
"#;

const TEACHER: &str = "[teacher]\nmomentum = 0.9\n";

const SELF_LABEL: &str = r#"
[self_label]
epochs = 1
lr = 0.3
warmup_epochs = 0
quantile = [0.5, 0.25]
[[self_label.views]]
name = "global"
count = 2
size = 16
scale = [0.1, 1.0]
blur = 0.0
solarize = 0.0
[[self_label.views]]
name = "local"
size = 16
scale = [0.1, 0.5]
blur = 0.0
solarize = 0.0
"#;

/// [`recipe`] with four local views of 8 pixels.
pub(crate) fn multi_crop(overrides: &[&str]) -> Recipe {
    read(&format!("{RECIPE}{LOCAL}"), overrides)
}

/// [`multi_crop`], then an epoch of self-labelling with views of its own: steps 4 and 5 of 6.
pub(crate) fn self_labelling(overrides: &[&str]) -> Recipe {
    read(&format!("{RECIPE}{LOCAL}{SELF_LABEL}"), &[&["schedule.epochs=2"], overrides].concat())
}

/// [`self_labelling`] with a teacher all the way.
pub(crate) fn stages(overrides: &[&str]) -> Recipe {
    read(&format!("{RECIPE}{LOCAL}{TEACHER}{SELF_LABEL}"), &[&["schedule.epochs=2"], overrides].concat())
}

fn read(text: &str, overrides: &[&str]) -> Recipe {
    let overrides = USUAL.iter().chain(overrides).map(|text| text.parse::<Override>().unwrap());
    Recipe::read("tiny", text, &overrides.collect::<Vec<_>>()).unwrap()
}

/// One thread computes: these nets are too small for more.
pub(crate) fn machine() -> Machine {
    Machine { device: Device::Cpu, threads: 1, loader_threads: 1, fast_bf16: false }
}

pub(crate) fn plan(recipe: &Recipe, images: usize) -> TrainPlan {
    TrainPlan::new(&recipe.config, &DataFacts::of(&Stripes(images)), &machine()).unwrap()
}

pub(crate) fn begun(
    folder: &RunFolder,
    recipe: &Recipe,
    images: usize,
    options: TrainOptions,
) -> Result<Run<Pretraining>, TrainError> {
    let plan = plan(recipe, images);
    let run = Run::of_network(plan, Arc::new(Stripes(images)), folder, options)?;
    folder.describe(&recipe.text, run.task().plan())?;
    Ok(run)
}

/// A run from its folder to its outcome, with its two recorders.
pub(crate) fn run(
    path: &Path,
    on_existing: OnExisting,
    overrides: &[&str],
    evaluator: Option<&mut dyn Evaluator<Pretraining>>,
    stop: &StopFlag,
) -> Result<Outcome, TrainError> {
    run_recipe(path, on_existing, &recipe(overrides), evaluator, stop)
}

/// As [`run`], for any recipe.
pub(crate) fn run_recipe(
    path: &Path,
    on_existing: OnExisting,
    recipe: &Recipe,
    evaluator: Option<&mut dyn Evaluator<Pretraining>>,
    stop: &StopFlag,
) -> Result<Outcome, TrainError> {
    let folder = RunFolder::open(path, on_existing)?;
    let options = TrainOptions { recipe_name: "tiny".into(), ..TrainOptions::default() };
    let mut run = begun(&folder, recipe, 16, options)?;
    if run.is_finished() {
        return run.run(None, &mut [], stop, None);
    }
    let mut recorders: Vec<Box<dyn Recorder>> = folder.recorders()?;
    run.run(evaluator, &mut recorders, stop, None)
}

/// The lines of a run's log.
pub(crate) fn log(path: &Path) -> Vec<serde_json::Value> {
    let text = fs_err::read_to_string(path.join("log.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
