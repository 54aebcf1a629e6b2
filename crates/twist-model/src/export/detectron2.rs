//! A backbone for Detectron2, as the converter of the released code writes it (`detection/convert-pretrain-to-detectron2.py`).

use std::path::{Path, PathBuf};

use twist_io::{Pickled, Refused, save_arrays};
use twist_nn::{Arch, Stem};

use super::exporter::{BACKBONE, ExportOptions};
use crate::{Model, ModelError};

pub(super) fn write(model: &Model, _: &ExportOptions, path: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let arch = model.card.backbone.as_ref().map(|card| card.arch);
    if !matches!(arch, Some(Arch::ResNet(arch)) if arch.stem == Stem::ImageNet) {
        let what = arch.map_or_else(|| "a model without a backbone".to_owned(), |arch| arch.to_string());
        let why = format!("the layout is that of ResNets with the stem for ImageNet, and this is {what}");
        return Err(Refused::writing(path, why).remedy("use --to onnx or --to pth").into());
    }
    let mut arrays = model.store.state_dict()?.split_prefix(BACKBONE);
    arrays.0.iter_mut().for_each(|(name, _)| *name = renamed(name));
    let entries = [
        ("model", Pickled::Arrays(&arrays)),
        // Detectron2 prints it.
        ("__author__", Pickled::Text("TWIST")),
        ("matching_heuristics", Pickled::True),
    ];
    save_arrays(path, &entries)?;
    Ok(vec![path.to_owned()])
}

/// What Detectron2 calls a tensor.
fn renamed(name: &str) -> String {
    let mut name = if name.contains("layer") { name.to_owned() } else { format!("stem.{name}") };
    for stage in 1..=4 {
        name = name.replace(&format!("layer{stage}"), &format!("res{}", stage + 1));
    }
    for layer in 1..=3 {
        name = name.replace(&format!("bn{layer}"), &format!("conv{layer}.norm"));
    }
    name.replace("downsample.0", "shortcut").replace("downsample.1", "shortcut.norm")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::tests::model;

    #[test]
    fn tensors_have_the_names_of_the_released_converter() {
        for (ours, theirs) in [
            ("conv1.weight", "stem.conv1.weight"),
            ("bn1.running_var", "stem.conv1.norm.running_var"),
            ("layer1.0.conv3.weight", "res2.0.conv3.weight"),
            ("layer4.2.bn3.num_batches_tracked", "res5.2.conv3.norm.num_batches_tracked"),
            ("layer2.0.downsample.0.weight", "res3.0.shortcut.weight"),
            ("layer2.0.downsample.1.bias", "res3.0.shortcut.norm.bias"),
        ] {
            assert_eq!(renamed(ours), theirs);
        }
    }

    #[test]
    fn only_resnets_for_photographs_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.pkl");
        for (arch, side) in [("resnet18_cifar", 32), ("resnet20", 32), ("convnext_8_1_1_1_1", 32)] {
            let refused = write(&model(arch, side), &ExportOptions::default(), &path);
            let error = refused.unwrap_err().to_string();
            assert!(error.contains(arch) && error.contains("--to onnx"), "{error}");
        }
        assert!(!path.exists());
        write(&model("resnet18", 64), &ExportOptions::default(), &path).unwrap();
        assert!(fs_err::metadata(&path).unwrap().len() > 10_000);
    }
}
