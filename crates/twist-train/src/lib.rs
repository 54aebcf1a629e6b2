//! Training: the part of Twist that owns time, state and side effects.
//!
//! A [`Recipe`] is the configuration as the user wrote it. [`TrainPlan::new`] combines it with the size of the data and the
//! features of the machine into a checked plan that holds every derived number. The loader delivers batches of
//! bytes, and [`train_step`] makes one update from each. The one loop of this crate, [`run::Run`], calls the steps. It sends [`Event`](twist_run::Event)s to [`Recorder`](twist_run::Recorder)s, calls an [`Evaluator`] at
//! intervals, writes checkpoints atomically, and stops a run when the [`Guard`] finds that it has collapsed.
//!
//! ```text
//! recipe.toml ─ Recipe ─ TrainPlan ─ Run ─┬─ Pretraining ─ Loader ─ train_step ─ Optimizer
//!                                         └─ Guard, Recorder, Evaluator, CheckpointStore
//! ```
//!
//! The crate deliberately prints nothing, parses no arguments and implements no evaluation protocol. Schedules are
//! functions of the step, and the order of images and their augmentation are functions of seed and step. Therefore a
//! checkpoint needs no random state, and a resumed run equals an uninterrupted one, bit for bit on the CPU.
//!
//! ```no_run
//! use torch_ext::{DeviceRequest, Machine};
//! use twist_run::{OnExisting, RunFolder};
//! use twist_train::run::Run;
//! use twist_train::*;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = std::io::read_to_string(std::io::stdin())?;
//! let recipe = Recipe::read("demo", &text, &["train.seed=1".parse()?])?;
//! let dataset = twist_data::open("shapes:train", &twist_data::OpenOptions::default())?;
//! let machine = Machine::detect(DeviceRequest::Auto, None)?;
//! let plan = TrainPlan::new(&recipe.config, &DataFacts::of(dataset.as_ref()), &machine)?;
//!
//! let folder = RunFolder::open("runs/demo", OnExisting::Refuse)?;
//! let options = TrainOptions { recipe_name: "demo".into(), ..TrainOptions::default() };
//! let mut run = Run::of_network(plan, dataset, &folder, options)?;
//! folder.describe(&recipe.text, run.task().plan())?;
//! let outcome = run.run(None, &mut folder.recorders()?, &StopFlag::new(), None)?;
//! assert!(matches!(outcome, Outcome::Finished { .. }));
//! # Ok(())
//! # }
//! ```

mod rules;

mod config;
mod plan;
pub mod recipes;
mod schedule;

pub mod run;

mod pretrain;

mod step;

pub mod frozen;
pub mod labels;

mod features;
mod objective;
mod teacher;

mod optim;

mod metrics;
mod reading;

mod guard;
mod start;

mod checkpoint;
mod continued;
mod init;
mod memory;
mod pace;
mod resume;

pub mod bench;

mod error;

pub use checkpoint::{capture, restore};
pub use config::{
    CheckpointConfig, ConfigError, DataConfig, EvalConfig, GuardConfig, InMemory, LossConfig, OptimConfig,
    OptimName, Override, Recipe, RecipeOf, RunConfig, ScheduleConfig, SelfLabelConfig, TeacherConfig,
    TrainConfig, warmup_that_fits,
};
pub use error::TrainError;
pub use guard::{CollapseKind, Guard};
pub use init::init_from;
pub use memory::{HostMemory, host_memory, peak_memory_gib};
pub use metrics::StepMetrics;
pub use objective::{LossValue, Objective};
pub use optim::{AdamW, Gradients, Lars, Optimizer, Parameters, Rates, Sgd};
pub use pace::{Costs, Pace, Patience, Work};
pub use plan::{DataFacts, EvalPlan, RatePlan, SelfLabelPlan, TrainPlan};
pub use pretrain::{Beginning, Pretraining, TrainImages, TrainOptions, held, load_views};
pub use reading::StepReading;
pub use resume::changes;
pub use run::{EvalError, Evaluator, Moment, Outcome, RunPlan, StopFlag, StopReason};
pub use schedule::{Cosine, LearningRate, Stage, released_warmup_epochs, silent_warmup_epochs};
pub use step::{TrainState, train_step};
pub use teacher::Teacher;
