//! `twist bench`: how fast the parts are, to be run beside something else on the same machine.

use anyhow::Context;
use serde_json::{Value, json};
use torch_ext::{DeviceRequest, Machine};
use twist_data::bench::{PipelineMode, pipeline};
use twist_data::{OpenOptions, Splits, Stored};
use twist_train::bench::{StepBench, step};

use crate::args::{PrecisionArg, at_least, device, pipeline_mode};
use crate::exit::Exit;
use crate::talk::to_stdout;

const EXAMPLES: &str = "\
Examples:
  twist bench pipeline photos/ --json             two views, images per CPU second
  twist bench pipeline photos/ --mode decode --threads 2
  twist bench step --arch resnet18_cifar --size 32 --batch 64 --dim 512 --hid-dim 1024

Keep the machine otherwise idle: beside another busy process, computing threads are many times
slower.";

/// Measure the input pipeline or the training step
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Debug, clap::Subcommand)]
enum Subject {
    Pipeline(PipelineArgs),
    Step(StepArgs),
}

/// Images per second of decoding, augmenting and normalising, from bytes in memory
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  twist bench pipeline photos/ --mode decode --threads 2")]
struct PipelineArgs {
    /// Images: any DATA
    #[arg(value_name = "DIR")]
    data: String,
    /// decode (nothing else), two_view (the paper's two views of 224 pixels), or multi_crop (twelve of 96 beside them)
    #[arg(long, default_value = "two_view", value_parser = pipeline_mode())]
    mode: PipelineMode,
    /// Threads that work
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least::<u16>(1), help_heading = "Machine")]
    threads: u16,
    /// Number of images, taken in order
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = at_least::<u32>(1))]
    n: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Milliseconds of the whole training step on random images
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  twist bench step --arch resnet18_cifar --size 32 --batch 64 --dim 512 --hid-dim 1024"
)]
struct StepArgs {
    /// Backbone
    #[arg(long, value_name = "ARCH", default_value = "resnet18")]
    arch: String,
    /// Channels of the stem
    #[arg(long, value_name = "W", default_value_t = 64, value_parser = at_least::<i64>(1))]
    width: i64,
    /// Side of a view in pixels
    #[arg(long, value_name = "S", default_value_t = 224)]
    size: u32,
    /// Images of a step
    #[arg(long, value_name = "B", default_value_t = 32, value_parser = at_least::<usize>(2))]
    batch: usize,
    /// Local views of 96 pixels beside the two global ones
    #[arg(long, value_name = "L", default_value_t = 0, value_parser = clap::value_parser!(u8).range(..=64))]
    local_crops: u8,
    /// Clusters
    #[arg(long, value_name = "D", default_value_t = 4096, value_parser = at_least::<i64>(2))]
    dim: i64,
    /// Width of the head's hidden layers
    #[arg(long, value_name = "H", default_value_t = 4096, value_parser = at_least::<i64>(1))]
    hid_dim: i64,
    /// Arithmetic of the network: auto, fp32 or bf16
    #[arg(
        long,
        value_name = "KIND",
        default_value = "auto",
        hide_possible_values = true,
        help_heading = "Machine"
    )]
    precision: PrecisionArg,
    /// auto, cpu, cuda or cuda:INDEX
    #[arg(long, value_name = "DEVICE", default_value = "auto", value_parser = device(), hide_possible_values = true, help_heading = "Machine")]
    device: DeviceRequest,
    /// Processor cores to use [default: OMP_NUM_THREADS, else all]
    #[arg(long, value_name = "N", value_parser = at_least::<u16>(1), help_heading = "Machine")]
    threads: Option<u16>,
    /// Measured steps
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = at_least::<u32>(1))]
    steps: u32,
    /// Steps before them that do not count
    #[arg(long, value_name = "N", default_value_t = 3)]
    warmup: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    match &args.subject {
        Subject::Pipeline(args) => bench_pipeline(args),
        Subject::Step(args) => bench_step(args),
    }
}

fn bench_pipeline(args: &PipelineArgs) -> anyhow::Result<Exit> {
    let dataset =
        twist_data::open(&args.data, &OpenOptions { splits: Splits::Together, ..OpenOptions::default() })?;
    let mut files = Vec::new();
    for index in 0..dataset.len().min(args.n as usize) {
        match dataset.read(index)? {
            Stored::Encoded(bytes) => files.push(bytes),
            Stored::Pixels(_) => {
                anyhow::bail!("{} holds pixels, not image files: give images in files or shards", args.data)
            }
        }
    }
    let figures =
        pipeline(&files, args.mode, usize::from(args.threads)).context("the pipeline cannot be measured")?;
    if args.json {
        let mut object = serde_json::to_value(figures)?;
        object["protocol"] = json!({
            "data": args.data, "mode": args.mode, "threads": args.threads, "images": files.len(),
            "counts": "source images; bytes in memory, decoding and normalisation to f32 included",
        });
        to_stdout(object.to_string())?;
    } else {
        to_stdout(format!(
            "{}: {:.1} images per CPU second, {:.1} images per second on {} thread(s), {} images",
            args.mode, figures.images_per_cpu_second, figures.images_per_second, args.threads, figures.images
        ))?;
    }
    Ok(Exit::Done)
}

fn bench_step(args: &StepArgs) -> anyhow::Result<Exit> {
    let machine = Machine::detect(args.device, args.threads.map(usize::from))?;
    let bench = StepBench {
        arch: args.arch.clone(),
        width: args.width,
        size: args.size,
        batch: args.batch,
        local_crops: usize::from(args.local_crops),
        accumulation: 1,
        dim: args.dim,
        hidden_dim: args.hid_dim,
        precision: args.precision.to_string(),
        steps: args.steps as usize,
        warmup: args.warmup as usize,
    };
    let timing = step(&bench, &machine)?;
    if args.json {
        let mut object = serde_json::to_value(&timing)?;
        let mut protocol = serde_json::to_value(&bench)?;
        for key in ["precision", "channels_last", "device", "threads"] {
            protocol[key] = object.get_mut(key).map(Value::take).unwrap_or_default();
            object.as_object_mut().map(|fields| fields.remove(key));
        }
        object["protocol"] = protocol;
        to_stdout(object.to_string())?;
    } else {
        to_stdout(format!(
            "{:.1} ms a step (median of {}; best {:.1}), {:.1} images per second; {} on {}{}, {} thread(s)",
            timing.step_ms,
            args.steps,
            timing.best_ms,
            timing.images_per_second,
            timing.precision,
            timing.device,
            if timing.channels_last { ", channels last" } else { "" },
            timing.threads
        ))?;
    }
    Ok(Exit::Done)
}
