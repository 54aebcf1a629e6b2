//! MODEL and what it runs on: flags of every command that uses a trained model.

use std::path::PathBuf;

use torch_ext::DeviceRequest;

use super::{PrecisionArg, at_least, device};

pub(crate) const MODEL: &str =
    "A run folder, a checkpoint, a weight file, hf:ORG/NAME, or `starter` (see `twist import --help`)";

pub(crate) const NO_CACHE: &str =
    "Compute features anew and keep none (they are kept in TWIST_CACHE, else ~/.cache/twist/features)";

/// Which model, and what of the machine it uses.
#[derive(Debug, clap::Args)]
pub(crate) struct ModelArgs {
    #[arg(value_name = "MODEL", help = MODEL)]
    pub(crate) model: PathBuf,
    #[command(flatten)]
    pub(crate) machine: UseArgs,
}

/// What using a model needs of the machine.
#[derive(Debug, clap::Args)]
pub(crate) struct UseArgs {
    /// Use the momentum teacher of MODEL instead of its student (only if it was trained with a teacher)
    #[arg(long, help_heading = "Model")]
    pub(crate) teacher: bool,
    /// auto (a GPU if Twist finds one), cpu, cuda or cuda:INDEX
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = device(), hide_possible_values = true, help_heading = "Machine")]
    pub(crate) device: DeviceRequest,
    /// Arithmetic of the network: fp32 or bf16 [default: fp32 for published protocols, else as it was trained]
    #[arg(long, value_name = "KIND", hide_possible_values = true, help_heading = "Machine")]
    pub(crate) precision: Option<PrecisionArg>,
    /// Processor cores to use [default: OMP_NUM_THREADS, else all]
    #[arg(long, value_name = "N", value_parser = at_least::<u16>(1), help_heading = "Machine")]
    pub(crate) threads: Option<u16>,
    #[arg(long, help = NO_CACHE, help_heading = "Machine")]
    pub(crate) no_cache: bool,
}
