//! Which network: names, sizes, and the few choices that a recipe makes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{NnError, VitOptions, VitSize};

/// A backbone's architecture, written `resnet18`, `resnet50_cifar`, `vit_s`, `vit_b8`, …
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Arch {
    /// A residual network (He et al., arXiv:1512.03385).
    ResNet {
        /// Which of them.
        depth: Depth,
        /// How it begins.
        stem: Stem,
    },
    /// A vision transformer (Dosovitskiy et al., arXiv:2010.11929).
    Vit {
        /// Which of them.
        size: VitSize,
        /// Side of a patch in pixels: 16, or 8 with the suffix `8`.
        patch: i64,
    },
}

/// Number of weighted layers of a ResNet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Depth {
    /// Basic blocks, 2-2-2-2.
    D18,
    /// Basic blocks, 3-4-6-3.
    D34,
    /// Bottlenecks, 3-4-6-3.
    D50,
    /// Bottlenecks, 3-4-23-3.
    D101,
    /// Bottlenecks, 3-8-36-3.
    D152,
    /// Bottlenecks, 3-24-36-3.
    D200,
}

/// The first layers of a ResNet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stem {
    /// 7×7 convolution of stride 2 and a max pool of stride 2, for images around 224 pixels.
    ImageNet,
    /// 3×3 convolution of stride 1 and no pool, for images around 32 pixels. Written as the suffix `_cifar`.
    Cifar,
}

impl Arch {
    /// Every architecture, in the order in which they are listed to people.
    pub fn all() -> impl Iterator<Item = Arch> {
        const DEPTHS: [Depth; 6] =
            [Depth::D18, Depth::D34, Depth::D50, Depth::D101, Depth::D152, Depth::D200];
        let resnets = |stem| DEPTHS.into_iter().map(move |depth| Arch::ResNet { depth, stem });
        let vits = |patch| {
            [VitSize::Tiny, VitSize::Small, VitSize::Base]
                .into_iter()
                .map(move |size| Arch::Vit { size, patch })
        };
        resnets(Stem::ImageNet).chain(resnets(Stem::Cifar)).chain(vits(16)).chain(vits(8))
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Arch::ResNet { depth, stem } => {
                let layers = match depth {
                    Depth::D18 => 18,
                    Depth::D34 => 34,
                    Depth::D50 => 50,
                    Depth::D101 => 101,
                    Depth::D152 => 152,
                    Depth::D200 => 200,
                };
                let suffix = match stem {
                    Stem::ImageNet => "",
                    Stem::Cifar => "_cifar",
                };
                format!("resnet{layers}{suffix}")
            }
            Arch::Vit { size, patch } => {
                let letter = match size {
                    VitSize::Tiny => 't',
                    VitSize::Small => 's',
                    VitSize::Base => 'b',
                };
                let suffix = if patch == 16 { String::new() } else { patch.to_string() };
                format!("vit_{letter}{suffix}")
            }
        };
        f.pad(&name)
    }
}

impl FromStr for Arch {
    type Err = NnError;

    fn from_str(name: &str) -> Result<Self, NnError> {
        // A transformer's usual patch may be said or not.
        let short = name.strip_suffix("16").filter(|name| name.starts_with("vit_")).unwrap_or(name);
        Arch::all().find(|arch| arch.to_string() == short).ok_or_else(|| NnError::UnknownArch {
            name: name.to_owned(),
            known: Arch::all().map(|arch| arch.to_string()).collect::<Vec<_>>().join(", "),
        })
    }
}

impl TryFrom<String> for Arch {
    type Error = NnError;

    fn try_from(name: String) -> Result<Self, NnError> {
        name.parse()
    }
}

impl From<Arch> for String {
    fn from(arch: Arch) -> String {
        arch.to_string()
    }
}

/// The non-linearity of the projection head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// `max(x, 0)`, for convolutional networks.
    #[default]
    Relu,
    /// `x Φ(x)`, for transformers.
    Gelu,
}

/// Everything that decides the shape of a [`TwistNet`](crate::TwistNet).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetConfig {
    /// The backbone.
    pub arch: Arch,
    /// Channels of a ResNet's first stage: 64 as published, 128 for `w2`, fewer for small machines. Transformers have
    /// the one width of their size.
    pub width: i64,
    /// Units of the head's two hidden layers (`hid_dim` in the released code).
    pub hidden_dim: i64,
    /// Number of classes `K` (`dim` in the released code).
    pub dim: i64,
    /// The head's non-linearity.
    pub activation: Activation,
    /// Whether the head has its norm before the softmax: only an ablation goes without.
    pub norm: bool,
    /// Images whose statistics the norm before the softmax takes together; `None`: the whole batch.
    pub bunch: Option<i64>,
    /// Whether the head's linear maps start as a transformer's instead of with PyTorch's default.
    pub small_normal_head: bool,
    /// How a transformer is regularised; a ResNet has no such thing.
    pub vit: VitOptions,
}

impl NetConfig {
    /// The published sizes: width 64, hidden 4096, 4096 classes, bunches of 256 images.
    pub fn new(arch: Arch) -> Self {
        Self {
            arch,
            width: 64,
            hidden_dim: 4096,
            dim: 4096,
            activation: Activation::Relu,
            norm: true,
            bunch: Some(256),
            small_normal_head: false,
            vit: VitOptions::default(),
        }
    }

    /// # Errors
    /// [`NnError::NotPositive`] names the size that is not.
    pub fn check(&self) -> Result<(), NnError> {
        let sizes = [
            ("width", self.width),
            ("hidden_dim", self.hidden_dim),
            ("dim", self.dim),
            ("bunch", self.bunch.unwrap_or(1)),
        ];
        match sizes.into_iter().find(|(_, size)| *size < 1) {
            Some((field, got)) => Err(NnError::NotPositive { field, got }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_to_its_architecture() {
        assert_eq!(Arch::all().count(), 18);
        for arch in Arch::all() {
            assert_eq!(arch.to_string().parse::<Arch>().unwrap(), arch);
        }
        assert_eq!("vit_s16".parse::<Arch>().unwrap(), "vit_s".parse().unwrap());
        let error = "resnet17".parse::<Arch>().unwrap_err().to_string();
        assert!(error.contains("resnet17") && error.contains("resnet50_cifar"), "{error}");
    }

    #[test]
    fn a_size_of_zero_is_named() {
        let config = NetConfig { hidden_dim: 0, ..NetConfig::new("vit_s".parse().unwrap()) };
        assert!(matches!(config.check(), Err(NnError::NotPositive { field: "hidden_dim", got: 0 })));
    }
}
