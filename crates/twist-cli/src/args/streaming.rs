//! MODEL for commands that send images through it and write as they go.

use std::path::PathBuf;

use torch_ext::DeviceRequest;

use super::{MODEL, NO_CACHE, PrecisionArg, UseArgs, at_least, device};
use crate::model::Opened;
use crate::talk::Talk;

/// Which model, and what of the machine it uses.
#[derive(Debug, clap::Args)]
pub(crate) struct StreamingArgs {
    #[arg(value_name = "MODEL", help = MODEL)]
    pub(crate) model: PathBuf,
    /// Use the momentum teacher of MODEL instead of its student (only if it was trained with a teacher)
    #[arg(long, help_heading = "Model")]
    teacher: bool,
    /// auto (a GPU if Twist finds one), cpu, cuda or cuda:INDEX
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = device(), hide_possible_values = true, help_heading = "Machine")]
    device: DeviceRequest,
    /// Arithmetic of the network: fp32 or bf16 [default: what the model was trained with]
    #[arg(long, value_name = "KIND", hide_possible_values = true, help_heading = "Machine")]
    precision: Option<PrecisionArg>,
    /// Processor cores to use [default: OMP_NUM_THREADS, else all]
    #[arg(long, value_name = "N", value_parser = at_least::<u16>(1), help_heading = "Machine")]
    threads: Option<u16>,
    #[arg(long, help = NO_CACHE, help_heading = "Machine")]
    no_cache: bool,
}

impl StreamingArgs {
    pub(crate) fn open(&self, talk: &Talk) -> anyhow::Result<Opened> {
        let &Self { teacher, device, precision, threads, no_cache, .. } = self;
        UseArgs { teacher, device, precision, threads, no_cache }.open(&self.model, talk)
    }
}
