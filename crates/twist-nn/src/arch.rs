//! The kinds of backbones: their names and their descriptions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::cifar_resnet::CifarDepth;
use crate::convnext::ConvNextArch;
use crate::efficientnet_lite::EfficientNetLiteArch;
use crate::options::PUBLISHED_WIDTH;
use crate::resnet::ResNetArch;
use crate::tensor_names::length;
use crate::vit::VitArch;
use crate::{Architecture, Layout, NnError, TensorNames, Unrecognised};

/// A backbone's architecture, written `resnet18`, `resnet50_cifar`, `resnet20`, `vit_s`, `vit_b8`, …
///
/// Networks that were never published have names as well, made of what decides their shapes: `resnet_basic_1_1_1_1` says
/// the blocks of each stage, `vit_48x2x3` a transformer's channels, blocks and heads.
///
/// A new architecture is a file with its network and its [`Architecture`], and a line in each function of this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Arch {
    /// A residual network.
    ResNet(ResNetArch),
    /// A residual network for CIFAR, with shortcuts without parameters.
    CifarResNet(CifarDepth),
    /// A convolutional network with the outline of a transformer.
    ConvNext(ConvNextArch),
    /// An EfficientNet for phones.
    EfficientNetLite(EfficientNetLiteArch),
    /// A vision transformer.
    Vit(VitArch),
}

impl Arch {
    /// Every published architecture, in the order in which they are listed to people.
    pub fn all() -> impl Iterator<Item = Arch> {
        let resnets = ResNetArch::published().map(Arch::ResNet);
        let cifar = CifarDepth::ALL.into_iter().map(Arch::CifarResNet);
        let convnexts = ConvNextArch::published().map(Arch::ConvNext);
        let lites = EfficientNetLiteArch::published().map(Arch::EfficientNetLite);
        resnets.chain(cifar).chain(convnexts).chain(lites).chain(VitArch::published().map(Arch::Vit))
    }

    /// What it says of itself.
    pub fn kind(&self) -> &dyn Architecture {
        match self {
            Arch::ResNet(kind) => kind,
            Arch::CifarResNet(kind) => kind,
            Arch::ConvNext(kind) => kind,
            Arch::EfficientNetLite(kind) => kind,
            Arch::Vit(kind) => kind,
        }
    }

    /// Recognises the network that a file's tensors belong to, by their names and shapes alone, with its width.
    ///
    /// # Errors
    /// What was seen, where it is not one of these.
    pub fn recognise(names: &dyn TensorNames) -> Result<(Arch, i64), Unrecognised> {
        let arch = None
            .or_else(|| CifarDepth::recognise(names).map(|found| found.map(Arch::CifarResNet)))
            .or_else(|| ResNetArch::recognise(names).map(|found| found.map(Arch::ResNet)))
            .or_else(|| ConvNextArch::recognise(names).map(|found| found.map(Arch::ConvNext)))
            .or_else(|| EfficientNetLiteArch::recognise(names).map(|found| found.map(Arch::EfficientNetLite)))
            .or_else(|| VitArch::recognise(names).map(|found| found.map(Arch::Vit)));
        let arch = arch.unwrap_or_else(|| {
            Err(Unrecognised::seen(format!(
                "Twist found no first layer of a known network for colour images, but {}",
                names.summary()
            )))
        })?;
        Ok((arch, arch.width_in(names)))
    }

    /// Every layout in which publishers store one of these, in the order in which a file is compared with them.
    pub fn layouts() -> impl Iterator<Item = &'static Layout> {
        crate::vit::layouts()
            .chain([&crate::resnet::HUGGING_FACE])
            .chain(&crate::convnext::LAYOUTS)
            .chain(crate::efficientnet_lite::layouts())
    }

    /// The width of this architecture in a file; the published one where no tensor tells.
    pub fn width_in(&self, names: &dyn TensorNames) -> i64 {
        let channels = |name: &str| names.shape(name)?.first().copied();
        let found = self.kind().width_tensor().and_then(channels);
        found.map_or(PUBLISHED_WIDTH, length)
    }

    fn parse(name: &str) -> Option<Self> {
        None.or_else(|| CifarDepth::parse(name).map(Arch::CifarResNet))
            .or_else(|| ResNetArch::parse(name).map(Arch::ResNet))
            .or_else(|| ConvNextArch::parse(name).map(Arch::ConvNext))
            .or_else(|| EfficientNetLiteArch::parse(name).map(Arch::EfficientNetLite))
            .or_else(|| VitArch::parse(name).map(Arch::Vit))
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.kind().to_string())
    }
}

impl FromStr for Arch {
    type Err = NnError;

    fn from_str(name: &str) -> Result<Self, NnError> {
        Self::parse(name).ok_or_else(|| NnError::UnknownArch {
            name: twist_io::shown(name).into_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_to_its_architecture() {
        assert!(Arch::all().count() > 70);
        for arch in Arch::all() {
            assert_eq!(arch.to_string().parse::<Arch>().unwrap(), arch);
        }
        assert_eq!("vit_s16".parse::<Arch>().unwrap(), "vit_s".parse().unwrap());
        let unpublished = [
            "resnet_bottleneck_1_1_1_1",
            "resnet_bottleneck128_3_4_6_3",
            "resnet_basic_1_2_3_4_cifar",
            "convnext_8_1_1_2_1",
            "vit_48x2x3",
            "vit_64x4x2p8",
            "vit_48x2x3m100p8_64_avg",
            "vit_b_384",
            "dinov2_48x2x3p14_reg4_56",
            "dinov2_48x2x3m128gp14_56",
            "dinov3_48x2x3gp16_reg2",
            "clip_48x2x3p16_64",
            "openclip_l14_336_class",
            "siglip2_48x2x3m100p16_64",
        ];
        for name in unpublished {
            assert_eq!(name.parse::<Arch>().unwrap().to_string(), name);
        }
        let synonyms = [
            ("resnet_bottleneck64_3_4_6_3", "resnet50"),
            ("resnet_basic_2_2_2_2_cifar", "resnet18_cifar"),
            ("convnext_96_3_3_9_3", "convnext_t"),
            ("vit_384x12x6", "vit_s"),
            ("vit_384x12x6p8", "vit_s8"),
            ("vit_l16_224", "vit_l"),
            ("dinov2_1536x40x24m4096gp14_518", "dinov2_g14"),
            ("clip_b32_projected", "clip_b32"),
        ];
        for (long, short) in synonyms {
            assert_eq!(long.parse::<Arch>().unwrap(), short.parse().unwrap());
        }
        for name in [
            "resnet_basic_1_1_1",
            "resnet_basic64_1_1_1_1",
            "resnet_bottleneck0_1_1_1_1",
            "resnet_basic_1_0_1_1",
            "convnext_0_1_1_1_1",
            "convnext_8_1_0_1_1",
            "convnext_8193_1_1_1_1",
            "convnext_8_1_1_1",
            "efficientnet_lite5",
            "vit_50x2x3",
            "vit_48x2",
            "vit_48x2x3p0",
            "vit_8x1000000000000x2",
            "vit_9223372036854775807x1x1",
            "vit_48x2x96",
            "vit_s_reg4",
            "vit_s_projected",
            "dinov2_s",
            "dinov2_s14_520",
            "dinov2_s14_reg0",
            "dinov2_s14_reg9999",
            "dinov3_s16_224",
            "dinov3_48x2x8p16",
            "clip_b32_0",
            "siglip2_b16_reg4",
            "",
        ] {
            assert!(name.parse::<Arch>().is_err(), "{name}");
        }
        let error = "resnet17".parse::<Arch>().unwrap_err().to_string();
        assert!(error.contains("resnet17") && error.contains("resnet50_cifar"), "{error}");
    }
}
