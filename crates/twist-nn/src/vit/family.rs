//! The families of vision transformers.

use super::facts::Facts;
use super::{clip, dinov2, dinov3, mocov3, plain, siglip2};
use crate::Layout;

/// A family, whose networks differ in size only. Its file has its facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Family {
    /// DeiT, DINO, MAE, timm.
    Plain,
    /// MoCo v3.
    MocoV3,
    /// DINOv2.
    Dinov2,
    /// DINOv3.
    Dinov3,
    Clip,
    OpenClip,
    /// SigLIP 2.
    Siglip2,
}

impl Family {
    /// In the order in which a file is compared with them: the ones with more to see first.
    pub(super) const ALL: [Self; 7] =
        [Self::Siglip2, Self::Clip, Self::OpenClip, Self::Dinov3, Self::Dinov2, Self::MocoV3, Self::Plain];

    pub(super) const fn facts(self) -> &'static Facts {
        match self {
            Self::Plain => &plain::FACTS,
            Self::MocoV3 => &mocov3::FACTS,
            Self::Dinov2 => &dinov2::FACTS,
            Self::Dinov3 => &dinov3::FACTS,
            Self::Clip => &clip::OPENAI,
            Self::OpenClip => &clip::OPEN_CLIP,
            Self::Siglip2 => &siglip2::FACTS,
        }
    }
}

pub(crate) fn layouts() -> impl Iterator<Item = &'static Layout> {
    Family::ALL.into_iter().flat_map(|family| family.facts().layouts).map(|&(_, layout)| layout)
}
