//! `twist export`: a model leaves for other programs.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use torch_ext::DeviceRequest;
use twist_data::Interpolation;
use twist_io::shell_word;
use twist_model::{ExportOptions, ModelCard, export_formats, exporter, names_file, sha256_of};
use twist_nn::Arch;
use twist_run::ClusterNames;

use crate::args::{MODEL, UseArgs};
use crate::exit::{Exit, Usage};
use crate::names::{self, Beside};
use crate::out_file;
use crate::talk::{Talk, to_stdout};

const EXAMPLES: &str = "\
Examples:
  twist export runs/RUN --out classes.onnx              images in, features and classes out
  twist export runs/RUN --out pixels.onnx --bytes       takes uint8 pixels, normalises inside
  twist export runs/RUN --out backbone.pth              as the released TWIST, for PyTorch
  twist export runs/RUN --to timm --out vit.safetensors
  twist export runs/RUN --to torchvision --out resnet50.pth
  twist export runs/RUN --to hf --out my-model          a folder for transformers
  twist export runs/RUN --to detectron2 --out resnet50.pkl

The output is the SHA-256 and the name of each file.";

/// Write a model for ONNX, PyTorch, torchvision, timm, transformers or Detectron2
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[arg(value_name = "MODEL", help = MODEL)]
    model: PathBuf,
    /// Use the momentum teacher of MODEL instead of its student (only if it was trained with a teacher)
    #[arg(long, help_heading = "Model")]
    teacher: bool,
    /// Format [default: by the ending of --out: .onnx, .pth, .pkl, .safetensors]
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(export_formats()))]
    to: Option<String>,
    /// The file to write; for hf, the folder
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace the file or folder of --out if it exists
    #[arg(long)]
    force: bool,
    /// ONNX: take images as uint8 [batch, S, S, 3] and normalise them inside
    #[arg(long)]
    bytes: bool,
    /// ONNX: leave the classes out
    #[arg(long)]
    features_only: bool,
}

pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<Exit> {
    out_file::is_name(&args.out)?;
    let format = exporter(args.to.as_deref(), &args.out).map_err(|error| Usage(format!("--out: {error}")))?;
    match format.ending {
        Some(_) => out_file::check(&args.out, args.force)?,
        None => out_file::check_folder(&args.out, args.force)?,
    }
    // Before the model is opened, which takes a while.
    let is_own = format.name == OWN;
    let names_beside = is_own.then(|| names_file(&args.out));
    names_beside.iter().try_for_each(|file| out_file::check(file, args.force))?;
    if format.name != "onnx" && (args.bytes || args.features_only) {
        let name = format.name;
        return Err(
            Usage(format!("--bytes and --features-only are for ONNX; {name} holds weights alone")).into()
        );
    }
    let machine = UseArgs {
        teacher: args.teacher,
        device: DeviceRequest::Cpu,
        precision: None,
        threads: None,
        no_cache: true,
    };
    let model = machine.open(&args.model, talk)?.model;
    let names = names::of_model(&model, &args.model, talk)?;
    let tree = if is_own { names::tree_of_model(&model, &args.model, talk)? } else { None };
    let beside = Beside { names: (is_own && !names.is_untouched()).then(|| names.clone()), tree };
    beside.check(&args.out, args.force)?;
    let (bytes, features_only) = (args.bytes, args.features_only);
    let options = ExportOptions { bytes, features_only, class_names: class_names(&names) };
    let out = twist_io::followed(&args.out);
    let mut written = format.write(&model, &options, &out)?;
    written.extend(beside.save_for(&out)?);
    for file in written {
        to_stdout(format!("{}  {}", sha256_of(&file)?, file.display()))?;
    }
    if let Some(backbone) = model.card.backbone.as_ref().filter(|_| !format.has_preprocessing) {
        talk.say(preprocessing(&model.card, backbone.arch, &out));
    }
    Ok(Exit::Done)
}

/// The format of Twist's own models, beside which the names of their classes and their merge tree lie.
const OWN: &str = "twist";

/// What a file of weights alone does not say.
fn preprocessing(card: &ModelCard, arch: Arch, out: &Path) -> String {
    let (t, file) = (&card.transform, shell_word(out));
    let [mean, std] = [card.mean, card.std].map(|rgb| rgb.map(|value| value.to_string()).join(","));
    let sides = if t.whole { "both sides" } else { "the shorter side" };
    let filter = match t.interpolation {
        Interpolation::Bicubic => "bicubic",
        Interpolation::Bilinear => "bilinear",
    };
    let prepared = format!(
        "the file does not say how images are prepared: {sides} resized to {} ({}), the centre of {} pixels, mean {mean}, std {std}",
        t.resize, filter, t.crop
    );
    // What flags of `import` cannot say, and formats that it does not read, are kept by Twist's own.
    let sayable = t.interpolation == card.released_filter() && !t.whole && !t.truncated;
    match sayable && out.extension().is_none_or(|ending| ending != "pkl") {
        true => format!(
            "{prepared}; to open it here, `twist import {file} --arch {arch} --size {} --resize {} --mean {mean} --std {std} --out FILE`",
            t.crop, t.resize
        ),
        false => format!("{prepared}; a file that Twist opens like this is written without --to"),
    }
}

/// The names of the model's classes, in the order of its outputs; merged ones have one name. None where nobody named any.
fn class_names(names: &ClusterNames) -> Vec<String> {
    let groups = names.groups();
    if groups.is_plain() && groups.iter().all(|group| !group.named) {
        return Vec::new();
    }
    let mut all = vec![String::new(); names.clusters() as usize];
    for group in groups.iter() {
        for &class in &group.members {
            all[class as usize].clone_from(&group.name);
        }
    }
    all
}
