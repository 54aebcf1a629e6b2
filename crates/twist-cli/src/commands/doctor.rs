//! `twist doctor`: what Twist found on this machine, and what to do about what it did not find.

use std::path::Path;

use serde::Serialize;
use torch_ext::CudaStatus;
use twist_model::FeatureCache;

use crate::machine::{self, GIB};
use crate::talk::to_stdout;

const EXAMPLES: &str = "\
Examples:
  twist doctor                    read this first when something is slow or a GPU is not seen
  twist doctor --json             for scripts and bug reports";

/// GiB of kept features that are worth a word.
const MANY_FEATURES: f64 = 10.0;

/// Show what Twist found (processor, libtorch, CUDA, memory, disk) and what to do
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Everything that was looked at.
#[derive(Debug, Serialize)]
struct Findings {
    version: &'static str,
    system: String,
    cpu: Cpu,
    memory_gib: Option<f64>,
    memory_available_gib: Option<f64>,
    disk_free_gib: Option<f64>,
    libtorch: Libtorch,
    cuda: Cuda,
    precision_auto: &'static str,
    features: KeptFeatures,
    advice: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Cpu {
    model: Option<String>,
    cores: usize,
    avx2: bool,
    avx512_bf16: bool,
    amx_bf16: bool,
}

#[derive(Debug, Serialize)]
struct Libtorch {
    version: String,
    path: Option<String>,
}

#[derive(Debug, Serialize)]
struct Cuda {
    usable: bool,
    devices: usize,
    status: String,
}

/// Features and what audits saw, kept for each image; nothing empties it.
#[derive(Debug, Serialize)]
struct KeptFeatures {
    folder: Option<String>,
    gib: f64,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let findings = look()?;
    if args.json {
        to_stdout(serde_json::to_string_pretty(&findings)?)?;
    } else {
        to_stdout(findings.for_people())?;
    }
    Ok(())
}

fn look() -> anyhow::Result<Findings> {
    let features = torch_ext::cpu_features()?;
    let cuda = torch_ext::cuda::load();
    let memory = twist_train::host_memory();
    let kept = FeatureCache::of_user();
    let gib = |bytes: u64| (bytes as f64 / GIB * 10.0).round() / 10.0;
    let mut findings = Findings {
        version: env!("CARGO_PKG_VERSION"),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        cpu: Cpu {
            model: machine::cpu_model(),
            cores: machine::cores(),
            avx2: features.avx2,
            avx512_bf16: features.avx512_bf16,
            amx_bf16: features.amx_bf16,
        },
        memory_gib: memory.map(|m| gib(m.total)),
        memory_available_gib: memory.map(|m| gib(m.available)),
        disk_free_gib: machine::disk_free(Path::new(".")).map(gib),
        libtorch: Libtorch {
            version: torch_ext::version(),
            path: torch_ext::cuda::torch_cpu_path()?.map(|path| path.display().to_string()),
        },
        cuda: Cuda { usable: cuda.devices() > 0, devices: cuda.devices(), status: cuda.to_string() },
        precision_auto: if cuda.devices() > 0 || features.fast_bf16() { "bf16" } else { "fp32" },
        features: KeptFeatures {
            folder: kept.folder().map(|folder| folder.display().to_string()),
            gib: gib(kept.bytes()),
        },
        advice: Vec::new(),
    };
    findings.advice = advice(&findings, cuda);
    Ok(findings)
}

/// What a user can do to make things work or work faster here.
fn advice(findings: &Findings, cuda: &CudaStatus) -> Vec<String> {
    let mut advice = Vec::new();
    advice.extend(cuda.remedy().map(|remedy| format!("GPU: {remedy}")));
    if !findings.cpu.avx2 {
        advice.push("this processor has no AVX2: training works but is slow".into());
    }
    if findings.cpu.cores < 2 {
        advice.push("one core: loading and computing take turns; 2 or more are better".into());
    }
    if findings.memory_available_gib.is_some_and(|gib| gib < 2.0) {
        advice.push(
            "less than 2 GiB of memory are free: use a smaller --batch-size or --set train.accumulation=4"
                .into(),
        );
    }
    if findings.disk_free_gib.is_some_and(|gib| gib < 1.0) {
        advice.push(
            "less than 1 GiB of disk is free here: give --out on another disk, a run keeps 4 checkpoints"
                .into(),
        );
    }
    if let Some(folder) = findings.features.folder.as_ref().filter(|_| findings.features.gib > MANY_FEATURES)
    {
        advice.push(format!(
            "many features are kept: delete the files .npy in {folder}, what is needed again is computed again"
        ));
    }
    advice
}

impl Findings {
    fn for_people(&self) -> String {
        let yes = |name: &str, there: bool| format!("{name} {}", if there { "yes" } else { "no" });
        let gib = |value: Option<f64>| value.map_or("unknown".to_string(), |gib| format!("{gib:.1} GiB"));
        let mut lines = vec![
            format!("twist      {} on {}", self.version, self.system),
            format!(
                "processor  {}, {} {}: {}, {}, {}",
                self.cpu.model.as_deref().unwrap_or("unknown model"),
                self.cpu.cores,
                if self.cpu.cores == 1 { "core" } else { "cores" },
                yes("avx2", self.cpu.avx2),
                yes("avx512_bf16", self.cpu.avx512_bf16),
                yes("amx_bf16", self.cpu.amx_bf16)
            ),
            format!("memory     {}, {} free", gib(self.memory_gib), gib(self.memory_available_gib)),
            format!("disk       {} free here", gib(self.disk_free_gib)),
            format!(
                "libtorch   {} at {}",
                self.libtorch.version,
                self.libtorch.path.as_deref().unwrap_or("an unknown place")
            ),
            format!("cuda       {}", self.cuda.status),
            format!("precision  auto means {} here", self.precision_auto),
            match &self.features.folder {
                Some(folder) => format!("features   {:.1} GiB kept in {folder}", self.features.gib),
                None => "features   not kept: set HOME, XDG_CACHE_HOME or TWIST_CACHE".into(),
            },
        ];
        if self.advice.is_empty() {
            lines.push("advice     nothing to do".into());
        }
        lines.extend(self.advice.iter().map(|advice| format!("advice     {advice}")));
        lines.join("\n")
    }
}
