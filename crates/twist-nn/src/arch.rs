//! Which network: names, sizes, and the few choices that a recipe makes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{CifarDepth, Depth, NnError, Stem, VitOptions, VitSize, cifar_resnet};

/// Most channels of a transformer, and of the stage of a ResNet that its width counts.
pub const MOST_CHANNELS: i64 = 1 << 16;

/// Most units of a layer of the head, and most classes: beyond, no machine has the memory.
pub const MOST_OUTPUTS: i64 = 1 << 20;

/// Most blocks of a transformer; the deepest published one has 48.
const MOST_BLOCKS: i64 = 1 << 10;

/// A backbone's architecture, written `resnet18`, `resnet50_cifar`, `resnet20`, `vit_s`, `vit_b8`, …
///
/// Networks that were never published have names as well, made of what decides their shapes: `resnet_basic_1_1_1_1` says
/// the blocks of each stage, `vit_48x2x3` a transformer's channels, blocks and heads.
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
    /// A residual network for CIFAR with shortcuts without parameters (He et al., section 4.2).
    CifarResNet {
        /// Which of them.
        depth: CifarDepth,
    },
    /// A vision transformer (Dosovitskiy et al., arXiv:2010.11929).
    Vit {
        /// Which of them.
        size: VitSize,
        /// Side of a patch in pixels: 16, or 8 with the suffix `8` (`p8` behind a size that is not a published one).
        patch: i64,
    },
}

impl Arch {
    /// Every published architecture, in the order in which they are listed to people.
    pub fn all() -> impl Iterator<Item = Arch> {
        let resnets = |stem| Depth::NAMED.into_iter().map(move |depth| Arch::ResNet { depth, stem });
        let cifar = CifarDepth::ALL.into_iter().map(|depth| Arch::CifarResNet { depth });
        let vits = |patch| {
            [VitSize::Tiny, VitSize::Small, VitSize::Base]
                .into_iter()
                .map(move |size| Arch::Vit { size, patch })
        };
        resnets(Stem::ImageNet).chain(resnets(Stem::Cifar)).chain(cifar).chain(vits(16)).chain(vits(8))
    }

    /// Width D of the features of a network of this [`width`](NetConfig::width).
    pub fn feature_dim(self, width: i64) -> i64 {
        match self {
            Arch::ResNet { depth, .. } => 8 * width * depth.blocks().0.expansion(),
            Arch::CifarResNet { .. } => width,
            Arch::Vit { size, .. } => size.sizes().0,
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Arch::ResNet { depth, stem: Stem::ImageNet } => format!("resnet{depth}"),
            Arch::ResNet { depth, stem: Stem::Cifar } => format!("resnet{depth}_cifar"),
            Arch::CifarResNet { depth } => format!("resnet{}", depth.layers()),
            Arch::Vit { size, patch: 16 } => format!("vit_{size}"),
            Arch::Vit { size: size @ VitSize::Other { .. }, patch } => format!("vit_{size}p{patch}"),
            Arch::Vit { size, patch } => format!("vit_{size}{patch}"),
        };
        f.pad(&name)
    }
}

impl FromStr for Arch {
    type Err = NnError;

    fn from_str(name: &str) -> Result<Self, NnError> {
        // A transformer's usual patch may be said or not.
        let short = name.strip_suffix("16").filter(|name| name.starts_with("vit_")).unwrap_or(name);
        let published = Arch::all().find(|arch| arch.to_string() == short);
        published.or_else(|| unpublished(name)).ok_or_else(|| NnError::UnknownArch {
            name: twist_io::shown(name).into_owned(),
            known: Arch::all().map(|arch| arch.to_string()).collect::<Vec<_>>().join(", "),
        })
    }
}

/// `resnet_bottleneck_1_1_1_1`, with the suffix of its stem; `vit_48x2x3`, with its patch.
fn unpublished(name: &str) -> Option<Arch> {
    if let Some(rest) = name.strip_prefix("resnet") {
        let (depth, stem) = match rest.strip_suffix("_cifar") {
            Some(depth) => (depth, Stem::Cifar),
            None => (rest, Stem::ImageNet),
        };
        return Some(Arch::ResNet { depth: Depth::parse(depth)?, stem });
    }
    let rest = name.strip_prefix("vit_")?;
    let (size, patch) = match rest.split_once('p') {
        Some((size, patch)) => (size, patch.parse().ok()?),
        None => (rest, 16),
    };
    let numbers: Vec<i64> = size.split('x').map(|number| number.parse().ok()).collect::<Option<_>>()?;
    let [dim, depth, heads] = numbers.try_into().ok()?;
    let possible = (1..=MOST_CHANNELS).contains(&dim) && (1..=MOST_BLOCKS).contains(&depth);
    let fits = possible && (1..=dim).contains(&heads) && dim % heads == 0 && (1..=224).contains(&patch);
    fits.then(|| Arch::Vit { size: VitSize::of(dim, depth, heads), patch })
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
    /// Channels of a ResNet's first stage, or of the last one of a ResNet for CIFAR: 64 as published, 128 for `w2`,
    /// fewer for small machines. Transformers have the one width of their size.
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

    /// Checks every size for itself; what they make together is counted where tensors are made.
    ///
    /// # Errors
    /// [`NnError::NotPositive`] and [`NnError::TooLarge`] name the size that is out of range; [`NnError::Width`] for one
    /// that cannot be halved twice.
    pub fn check(&self) -> Result<(), NnError> {
        let sizes = [
            ("width", self.width, MOST_CHANNELS),
            ("hidden_dim", self.hidden_dim, MOST_OUTPUTS),
            ("dim", self.dim, MOST_OUTPUTS),
            ("bunch", self.bunch.unwrap_or(1), i64::MAX),
        ];
        for (field, got, most) in sizes {
            if got < 1 {
                return Err(NnError::NotPositive { field, got });
            }
            if got > most {
                return Err(NnError::TooLarge { field, got, most });
            }
        }
        match self.arch {
            Arch::CifarResNet { .. } => cifar_resnet::check_width(self.width),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_to_its_architecture() {
        assert_eq!(Arch::all().count(), 22);
        for arch in Arch::all() {
            assert_eq!(arch.to_string().parse::<Arch>().unwrap(), arch);
        }
        assert_eq!("vit_s16".parse::<Arch>().unwrap(), "vit_s".parse().unwrap());
        let unpublished = [
            "resnet_bottleneck_1_1_1_1",
            "resnet_bottleneck128_3_4_6_3",
            "resnet_basic_1_2_3_4_cifar",
            "vit_48x2x3",
            "vit_64x4x2p8",
        ];
        for name in unpublished {
            assert_eq!(name.parse::<Arch>().unwrap().to_string(), name);
        }
        let synonyms = [
            ("resnet_bottleneck64_3_4_6_3", "resnet50"),
            ("resnet_basic_2_2_2_2_cifar", "resnet18_cifar"),
            ("vit_384x12x6", "vit_s"),
            ("vit_384x12x6p8", "vit_s8"),
        ];
        for (long, short) in synonyms {
            assert_eq!(long.parse::<Arch>().unwrap(), short.parse().unwrap());
        }
        for name in [
            "resnet_basic_1_1_1",
            "resnet_basic64_1_1_1_1",
            "resnet_bottleneck0_1_1_1_1",
            "resnet_basic_1_0_1_1",
            "vit_50x2x3",
            "vit_48x2",
            "vit_48x2x3p0",
            "vit_8x1000000000000x2",
            "vit_9223372036854775807x1x1",
            "vit_48x2x96",
            "",
        ] {
            assert!(name.parse::<Arch>().is_err(), "{name}");
        }
        let error = "resnet17".parse::<Arch>().unwrap_err().to_string();
        assert!(error.contains("resnet17") && error.contains("resnet50_cifar"), "{error}");
    }

    #[test]
    fn a_size_of_zero_is_named() {
        let config = NetConfig { hidden_dim: 0, ..NetConfig::new("vit_s".parse().unwrap()) };
        assert!(matches!(config.check(), Err(NnError::NotPositive { field: "hidden_dim", got: 0 })));
    }

    #[test]
    fn a_size_that_no_network_has_is_named() {
        let usual = NetConfig::new("resnet18".parse().unwrap());
        let cases = [
            ("width", NetConfig { width: 1 << 54, ..usual.clone() }),
            ("hidden_dim", NetConfig { hidden_dim: i64::MAX, ..usual.clone() }),
            ("dim", NetConfig { dim: 1 << 62, ..usual.clone() }),
        ];
        for (name, config) in cases {
            assert!(
                matches!(config.check(), Err(NnError::TooLarge { field, .. }) if field == name),
                "{name}"
            );
        }
    }
}
