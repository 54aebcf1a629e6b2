//! Which network: names, sizes, and the few choices that a recipe makes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::NnError;

/// A backbone's architecture, written `resnet18`, `resnet50_cifar`, …
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
    /// Every architecture.
    pub const ALL: [Arch; 6] = [
        Arch::ResNet { depth: Depth::D18, stem: Stem::ImageNet },
        Arch::ResNet { depth: Depth::D34, stem: Stem::ImageNet },
        Arch::ResNet { depth: Depth::D50, stem: Stem::ImageNet },
        Arch::ResNet { depth: Depth::D18, stem: Stem::Cifar },
        Arch::ResNet { depth: Depth::D34, stem: Stem::Cifar },
        Arch::ResNet { depth: Depth::D50, stem: Stem::Cifar },
    ];
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Arch::ResNet { depth, stem } = self;
        let layers = match depth {
            Depth::D18 => 18,
            Depth::D34 => 34,
            Depth::D50 => 50,
        };
        let suffix = match stem {
            Stem::ImageNet => "",
            Stem::Cifar => "_cifar",
        };
        f.pad(&format!("resnet{layers}{suffix}"))
    }
}

impl FromStr for Arch {
    type Err = NnError;

    fn from_str(name: &str) -> Result<Self, NnError> {
        Arch::ALL.into_iter().find(|arch| arch.to_string() == name).ok_or_else(|| NnError::UnknownArch {
            name: name.to_owned(),
            known: Arch::ALL.map(|arch| arch.to_string()).join(", "),
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetConfig {
    /// The backbone.
    pub arch: Arch,
    /// Channels of a ResNet's first stage: 64 as published, 128 for `w2`, fewer for small machines.
    pub width: i64,
    /// Units of the head's two hidden layers (`hid_dim` in the released code).
    pub hidden_dim: i64,
    /// Number of classes `K` (`dim` in the released code).
    pub dim: i64,
    /// The head's non-linearity.
    pub activation: Activation,
    /// Images whose statistics the norm before the softmax takes together; `None`: the whole batch.
    pub bunch: Option<i64>,
}

impl NetConfig {
    /// The published sizes: width 64, hidden 4096, 4096 classes, bunches of 256 images.
    pub fn new(arch: Arch) -> Self {
        Self { arch, width: 64, hidden_dim: 4096, dim: 4096, activation: Activation::Relu, bunch: Some(256) }
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
        for arch in Arch::ALL {
            assert_eq!(arch.to_string().parse::<Arch>().unwrap(), arch);
        }
        let error = "resnet17".parse::<Arch>().unwrap_err().to_string();
        assert!(error.contains("resnet17") && error.contains("resnet50_cifar"), "{error}");
    }

    #[test]
    fn a_size_of_zero_is_named() {
        let config = NetConfig { hidden_dim: 0, ..NetConfig::new(Arch::ALL[0]) };
        assert!(matches!(config.check(), Err(NnError::NotPositive { field: "hidden_dim", got: 0 })));
    }
}
