//! Flags that `twist train` and `twist demo` share: where a run goes and how it runs, not what it learns.

use std::path::PathBuf;

use torch_ext::DeviceRequest;
use twist_run::{OnExisting, RunError, RunFolder};

use super::{Duration, PrecisionArg, at_least, device, recipe};

/// Where the run goes and whether it may exist.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Run folder")]
pub(crate) struct RunFolderArgs {
    /// Folder of the run [default: the next free runs/RECIPE-N; with --resume the latest of them]
    #[arg(long, value_name = "RUN")]
    pub(crate) out: Option<PathBuf>,
    /// Continue from the last good checkpoint; start a run that has none, and leave a finished run as it is
    #[arg(long, conflicts_with = "force")]
    pub(crate) resume: bool,
    /// Replace a run folder that exists
    #[arg(long)]
    pub(crate) force: bool,
}

impl RunFolderArgs {
    /// What to do about a run that is there already.
    pub(crate) fn on_existing(&self) -> OnExisting {
        match (self.resume, self.force) {
            (true, _) => OnExisting::Resume,
            (_, true) => OnExisting::Replace,
            _ => OnExisting::Refuse,
        }
    }

    /// Whether --out names a folder that the run may have, found out before anything is read for it.
    pub(crate) fn check(&self) -> Result<(), RunError> {
        self.out.as_deref().map_or(Ok(()), |out| RunFolder::check(out, self.on_existing()))
    }
}

/// What the run uses of the machine.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Machine")]
pub(crate) struct MachineArgs {
    /// auto (a GPU if Twist finds one), cpu, cuda or cuda:INDEX
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = device(), hide_possible_values = true)]
    pub(crate) device: DeviceRequest,
    /// Arithmetic of the network: auto (bf16 where the hardware is fast at it), fp32 or bf16
    #[arg(long, value_name = "KIND", hide_possible_values = true)]
    pub(crate) precision: Option<PrecisionArg>,
    /// Processor cores to use [default: OMP_NUM_THREADS, else all]
    #[arg(long, value_name = "N", value_parser = at_least::<u16>(1))]
    pub(crate) threads: Option<u16>,
    /// Time for training, such as 30m or 1h30m: without --epochs the schedule is fitted to it; at its end the run is saved and
    /// evaluated, and --resume continues it
    #[arg(long, value_name = "TIME")]
    pub(crate) max_time: Option<Duration>,
}

/// What changes the recipe.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Recipe")]
pub(crate) struct RecipeArgs {
    /// A built-in recipe (`twist recipes`) or a file that ends in .toml
    #[arg(long, value_name = "NAME|FILE", value_parser = recipe(), hide_possible_values = true)]
    pub(crate) recipe: Option<String>,
    /// Number of passes over the data
    #[arg(long, value_name = "N", value_parser = at_least::<u64>(1))]
    pub(crate) epochs: Option<u64>,
    /// Images in one update
    #[arg(long, value_name = "N", value_parser = at_least::<usize>(2))]
    pub(crate) batch_size: Option<usize>,
    /// Seed of weights, order and augmentation
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Change one value of the recipe, for example --set optim.lr=0.1 (--print-config shows all)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
}
