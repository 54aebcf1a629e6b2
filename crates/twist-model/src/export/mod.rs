//! Models as files, one format a file of this folder.
//!
//! A format is an [`Exporter`] and its line in [`FORMATS`].

mod detectron2;
mod exporter;
mod hugging_face;
mod onnx;
mod pytorch;
mod safetensors;

use std::path::Path;

use twist_io::Refused;

pub use self::exporter::{ExportOptions, Exporter};
use self::pytorch::publish;
use crate::{Model, ModelError};

static FORMATS: [Exporter; 7] = [
    Exporter::new("twist", Some("safetensors"), true, safetensors::write),
    Exporter::new("pth", Some("pth"), false, pytorch::released),
    Exporter::new("torchvision", Some("pth"), false, |model, _, path| publish("torchvision", model, path)),
    Exporter::new("timm", Some("safetensors"), false, |model, _, path| publish("timm", model, path)),
    Exporter::new("hf", None, true, hugging_face::write),
    Exporter::new("detectron2", Some("pkl"), false, detectron2::write),
    Exporter::new("onnx", Some("onnx"), true, onnx::write),
];

/// Writes a model in the format of Twist's own models, in which every command opens it.
///
/// # Errors
/// An ending that other programs would take for something else; the disk is full or read-only.
pub fn export(model: &Model, path: &Path) -> Result<(), ModelError> {
    check_ending(&FORMATS[0], path)?;
    FORMATS[0].write(model, &ExportOptions::default(), path).map(drop)
}

/// The names of all formats.
pub fn export_formats() -> Vec<&'static str> {
    FORMATS.iter().map(|format| format.name).collect()
}

/// The format that is called `name`; without a name the first one with the ending of the file.
///
/// # Errors
/// The ending is not the format's, or is that of none.
pub fn exporter(name: Option<&str>, path: &Path) -> Result<&'static Exporter, ModelError> {
    let called = |format: &&Exporter| match name {
        Some(name) => format.name == name,
        None => format.ending.is_some() && check_ending(format, path).is_ok(),
    };
    let found = FORMATS.iter().find(called).unwrap_or(&FORMATS[0]);
    check_ending(found, path).map(|()| found)
}

/// Whether a file of this name is taken for what it is. Without an ending nobody takes it for something else.
fn check_ending(format: &Exporter, path: &Path) -> Result<(), ModelError> {
    let (Some(ending), Some(own)) = (path.extension(), format.ending) else { return Ok(()) };
    if ending.eq_ignore_ascii_case(own) {
        return Ok(());
    }
    let remedy = format!("use {}", path.with_extension(own).display());
    Err(Refused::writing(path, format!("a model is not written as .{}", ending.display()))
        .remedy(remedy)
        .into())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn the_name_or_the_ending_chooses_the_format() {
        for (name, path, format) in [
            (None, "net.safetensors", "twist"),
            (None, "model.SafeTensors", "twist"),
            (None, "model", "twist"),
            (None, "model.pth", "pth"),
            (None, "model.onnx", "onnx"),
            (Some("timm"), "net.safetensors", "timm"),
            (Some("torchvision"), "model.pth", "torchvision"),
            (None, "model.pkl", "detectron2"),
            (Some("hf"), "vit-0.1", "hf"),
        ] {
            assert_eq!(exporter(name, Path::new(path)).unwrap().name, format, "{path}");
        }
        let refused =
            [(None, "a/model.npy", "use a/model.safetensors"), (Some("onnx"), "m.pth", "use m.onnx")];
        for (name, path, remedy) in refused {
            let Err(error) = exporter(name, Path::new(path)) else { panic!("{path} is of no such format") };
            assert!(error.to_string().contains(remedy), "{error}");
        }
        assert!(
            export(&model("resnet18_cifar", 32), Path::new("m.onnx")).is_err(),
            "no command would open it"
        );
    }

    /// A model with everything that a format can hold.
    pub(crate) fn model(arch: &str, side: u32) -> Model {
        let arch: twist_nn::Arch = arch.parse().unwrap();
        let width = if arch.kind().width_tensor().is_some() { 8 } else { 64 };
        let feature_dim = arch.kind().feature_dim(width);
        let card = serde_json::json!({
            "backbone": { "arch": arch, "width": width }, "feature_dim": feature_dim,
            "head": { "hidden_dim": 16, "dim": 5, "activation": "gelu", "norm": true },
            "classifier": null, "mean": [0.5, 0.4, 0.3], "std": [0.25, 0.2, 0.3],
            "transform": { "resize": side, "crop": side }, "precision": "fp32",
            "feature_scaling": "unit_length", "origin": "a test",
        });
        Model::new(serde_json::from_value(card).unwrap(), tch::Device::Cpu, 0).unwrap()
    }
}
