//! A network as a recipe writes it.

use serde::{Deserialize, Serialize};
use twist_io::Refused;

use crate::{Activation, Arch, BackboneConfig, BackboneOptions, HeadConfig, NetConfig, NnError};

/// `[model]`: backbone and projection head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Backbone, for example `resnet18_cifar` or `resnet50`.
    pub arch: String,
    /// Channels of the stem, or of the last stage of a ResNet for CIFAR; the backbone's other widths follow from it.
    #[serde(default = "defaults::width")]
    pub width: i64,
    /// Width of the head's two hidden layers (released: `hid_dim`).
    #[serde(default = "defaults::hidden_dim")]
    pub hidden_dim: i64,
    /// Number of clusters K (released: `dim`).
    #[serde(default = "defaults::dim")]
    pub dim: i64,
    /// Activation of the head: `relu` or `gelu`.
    #[serde(default = "defaults::activation")]
    pub activation: String,
    /// Start of the head's linear maps: `default` (PyTorch's) or `small_normal` (a transformer's; released:
    /// `proj_trunc_init`).
    #[serde(default = "defaults::head_init")]
    pub head_init: String,
    /// Whether the head ends in its norm before softmax; without it training collapses.
    #[serde(default = "defaults::norm")]
    pub norm: bool,
    /// A transformer's stochastic depth: the chance that the last block is left out for an image.
    #[serde(default)]
    pub drop_path: f64,
    /// Whether a transformer's projection of patches stays at its random start.
    #[serde(default)]
    pub freeze_embedding: bool,
    /// Images that share the statistics of the norm before softmax; silent, or more than a batch: the whole batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bunch: Option<usize>,
}

impl ModelConfig {
    /// The network that this describes, with the images that share the statistics of its last norm.
    ///
    /// # Errors
    /// An unknown name; a width that contradicts the architecture's name.
    pub fn net(&self, bunch: Option<i64>) -> Result<NetConfig, NnError> {
        let (arch, width) = self.backbone()?;
        let Self { drop_path, freeze_embedding, .. } = *self;
        let options = BackboneOptions { width, drop_path, freeze_embedding };
        let one_of = |key: &str, given: &str, names: [&str; 2]| match names
            .iter()
            .position(|name| *name == given)
        {
            Some(index) => Ok(index == 1),
            None => Err(refused(key, format!("{given:?}"), format!("must be {} or {}", names[0], names[1]))),
        };
        let gelu = one_of("activation", &self.activation, ["relu", "gelu"])?;
        Ok(NetConfig {
            backbone: BackboneConfig { arch, options },
            head: HeadConfig {
                hidden_dim: self.hidden_dim,
                dim: self.dim,
                activation: if gelu { Activation::Gelu } else { Activation::Relu },
                norm: self.norm,
                bunch,
                small_normal: one_of("head_init", &self.head_init, ["default", "small_normal"])?,
            },
        })
    }

    /// The architecture and the channels of its stem; a ResNet's name may say them as published, `resnet50w2`.
    fn backbone(&self) -> Result<(Arch, i64), NnError> {
        let widths = [("w2", 128), ("w4", 256), ("w5", 320)];
        let named = widths.into_iter().find_map(|(mark, width)| match self.arch.split_once(mark) {
            Some((depth, stem @ ("" | "_cifar"))) if depth.starts_with("resnet") => {
                Some((format!("{depth}{stem}"), width))
            }
            _ => None,
        });
        let parse = |name: &str| {
            let unknown = |error: NnError| refused("arch", format!("{name:?}"), error.to_string());
            name.parse::<Arch>().map_err(unknown)
        };
        match named {
            None => Ok((parse(&self.arch)?, self.width)),
            Some((name, width)) if self.width == defaults::width() => Ok((parse(&name)?, width)),
            Some(_) => Err(refused(
                "width",
                self.width,
                format!("the name says the width ({}); leave the key out", self.arch),
            )),
        }
    }
}

/// The error for a key of the section.
fn refused(key: &str, value: impl std::fmt::Display, rule: String) -> NnError {
    Refused::new(format!("model.{key} = {value}")).because(rule).into()
}

/// Defaults of single fields, named after them.
mod defaults {
    twist_io::defaults! {
        width: i64 = 64;
        hidden_dim: i64 = 4096;
        dim: i64 = 4096;
        head_init: String = "default".into();
        activation: String = "relu".into();
        norm: bool = true;
    }
}
