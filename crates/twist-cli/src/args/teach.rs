//! Training from labels: flags of `twist finetune` and `twist eval finetune`.

use std::path::{Path, PathBuf};

use torch_ext::{DeviceRequest, Precision};
use twist_eval::finetune::FinetuneOptions;
use twist_model::ModelName;

use super::{PrecisionArg, UseArgs, at_least, device};
use crate::model::Opened;
use crate::talk::Talk;

/// How training goes. What is not given has the value of the released protocol, which depends on the part of the labels.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Training")]
pub(crate) struct TeachArgs {
    /// Passes over the labelled images [default: 20, or 30 with more than 10 %; more when they are a handful]
    #[arg(long, value_name = "N", value_parser = at_least::<u64>(1))]
    pub(crate) epochs: Option<u64>,
    /// Images in one update [default: 256]
    #[arg(long, value_name = "N", value_parser = at_least::<usize>(2))]
    pub(crate) batch_size: Option<usize>,
    /// Initial learning rate of the classifier; a cosine takes it to 0 [default: 0.2]
    #[arg(long, value_name = "X")]
    pub(crate) lr: Option<f64>,
    /// Initial learning rate of the backbone [default: 0.04 up to 1 %, 0.02 up to 10 %, 0.01]
    #[arg(long, value_name = "X")]
    pub(crate) backbone_lr: Option<f64>,
    /// Weight decay, of weights only [default: 0]
    #[arg(long, value_name = "X")]
    pub(crate) weight_decay: Option<f64>,
    /// Images that share the statistics of the batch norms [default: 32]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(3..))]
    pub(crate) norm_batch: Option<u32>,
    /// Epochs between two tests; the last epoch is always tested [default: 20 tests in all]
    #[arg(long, value_name = "N")]
    pub(crate) test_every: Option<u64>,
    /// Start from random weights instead of the model's, for comparison
    #[arg(long)]
    pub(crate) from_scratch: bool,
    /// Seed of the drawn labels, the initial weights, the order and the crops [default: 0]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
}

impl TeachArgs {
    /// The values that the command line changes in the released protocol.
    pub(crate) fn options(&self, precision: Option<Precision>) -> FinetuneOptions {
        FinetuneOptions {
            epochs: self.epochs,
            batch_size: self.batch_size,
            lr: self.lr,
            backbone_lr: self.backbone_lr,
            weight_decay: self.weight_decay,
            test_every: self.test_every,
            precision,
            norm_batch: self.norm_batch.map(|images| images as usize),
            from_scratch: self.from_scratch,
            seed: self.seed.unwrap_or(0),
        }
    }
}

/// Where training from labels runs.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Machine")]
pub(crate) struct TeachMachineArgs {
    /// Use the momentum teacher of MODEL instead of its student (only if it was trained with a teacher)
    #[arg(long, help_heading = "Model")]
    teacher: bool,
    /// auto (a GPU if Twist finds one), cpu, cuda or cuda:INDEX
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = device(), hide_possible_values = true)]
    device: DeviceRequest,
    /// Arithmetic of the network: fp32 or bf16 [default: fp32, as published]
    #[arg(long, value_name = "KIND", hide_possible_values = true)]
    precision: Option<PrecisionArg>,
    /// Processor cores to use [default: OMP_NUM_THREADS, else all]
    #[arg(long, value_name = "N", value_parser = at_least::<u16>(1))]
    threads: Option<u16>,
}

impl TeachMachineArgs {
    /// MODEL as it is opened: with `--teacher` the teacher of the one that is named.
    pub(crate) fn of(&self, model: PathBuf) -> PathBuf {
        if self.teacher { ModelName::teacher_of(&model) } else { model }
    }

    /// Opens the model in `path`; beside it the arithmetic that was asked for, if any was.
    pub(crate) fn open(&self, path: &Path, talk: &Talk) -> anyhow::Result<(Opened, Option<Precision>)> {
        let &Self { device, precision, threads, teacher } = self;
        let opened = UseArgs { teacher, device, precision, threads, no_cache: true }.open(path, talk)?;
        let reduced = opened.input.autocast.is_some();
        let asked = precision.map(|_| if reduced { Precision::Bf16 } else { Precision::Fp32 });
        Ok((opened, asked))
    }
}

/// Which labels may be seen.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Labels")]
pub(crate) struct BudgetArgs {
    /// Use this part of the labels in %, drawn class-balanced by the seed [default: 100]
    #[arg(long, value_name = "P")]
    pub(crate) percent: Option<f64>,
    /// Use the images that a file names: one a line (as SimCLR's 1percent.txt), or a CSV with path,label
    #[arg(long, value_name = "FILE", conflicts_with = "percent")]
    pub(crate) labels: Option<PathBuf>,
}
