//! How many layers a residual network has, and how it begins.

use std::fmt;

/// The base of all published ResNets.
const USUAL_BASE: u16 = 64;

/// How many layers a ResNet has: what its blocks are, and how many each stage has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Depth {
    block: BlockKind,
    /// Channels of a bottleneck's 3×3 convolution for 64 of its stage: 64, or 128 in torchvision's `wide_resnet50_2`.
    base: u16,
    blocks: [u8; 4],
}

/// The two kinds of residual block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockKind {
    /// Two 3×3 convolutions.
    Basic,
    /// A 3×3 convolution between two of 1×1, the last of which has four times the channels.
    Bottleneck,
}

/// The first layers of a ResNet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stem {
    /// 7×7 convolution of stride 2 and a max pool of stride 2, for images around 224 pixels.
    ImageNet,
    /// 3×3 convolution of stride 1 and no pool, for images around 32 pixels. Written as the suffix `_cifar`.
    Cifar,
}

impl Depth {
    /// The published ones, each with its number of weighted layers.
    const PUBLISHED: [(u16, Self); 6] = [
        (18, Self::of(BlockKind::Basic, USUAL_BASE, [2, 2, 2, 2])),
        (34, Self::of(BlockKind::Basic, USUAL_BASE, [3, 4, 6, 3])),
        (50, Self::of(BlockKind::Bottleneck, USUAL_BASE, [3, 4, 6, 3])),
        (101, Self::of(BlockKind::Bottleneck, USUAL_BASE, [3, 4, 23, 3])),
        (152, Self::of(BlockKind::Bottleneck, USUAL_BASE, [3, 8, 36, 3])),
        (200, Self::of(BlockKind::Bottleneck, USUAL_BASE, [3, 24, 36, 3])),
    ];

    pub(crate) fn published() -> impl Iterator<Item = Self> {
        Self::PUBLISHED.into_iter().map(|(_, depth)| depth)
    }

    /// The depth with these blocks. `base` is 64 but for bottlenecks of another width.
    pub const fn of(block: BlockKind, base: u16, blocks: [u8; 4]) -> Self {
        Self { block, base, blocks }
    }

    /// What the blocks are, and how many each stage has.
    pub fn blocks(self) -> (BlockKind, [u8; 4]) {
        (self.block, self.blocks)
    }

    /// Channels of a bottleneck's 3×3 convolution in a stage of so many.
    pub(crate) fn inner(self, planes: i64) -> i64 {
        planes * i64::from(self.base) / i64::from(USUAL_BASE)
    }

    /// What follows `resnet` in a name: `50`, or `_bottleneck_1_1_1_1`, or `_bottleneck128_3_4_6_3`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(named) = Self::published().find(|depth| depth.to_string() == text) {
            return Some(named);
        }
        let (kind, counts) = text.strip_prefix('_')?.split_once('_')?;
        let (block, base) = match kind.strip_prefix("bottleneck") {
            Some("") => (BlockKind::Bottleneck, USUAL_BASE),
            Some(base) => (BlockKind::Bottleneck, base.parse().ok().filter(|&base| base >= 1)?),
            None if kind == "basic" => (BlockKind::Basic, USUAL_BASE),
            None => return None,
        };
        let blocks: Vec<u8> = counts.split('_').map(|count| count.parse().ok()).collect::<Option<_>>()?;
        let blocks: [u8; 4] = blocks.try_into().ok()?;
        (!blocks.contains(&0)).then(|| Self::of(block, base, blocks))
    }
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((layers, _)) = Self::PUBLISHED.iter().find(|(_, depth)| depth == self) {
            return write!(f, "{layers}");
        }
        write!(f, "_{}", self.block)?;
        if self.base != USUAL_BASE {
            write!(f, "{}", self.base)?;
        }
        let [a, b, c, d] = self.blocks;
        write!(f, "_{a}_{b}_{c}_{d}")
    }
}

impl BlockKind {
    /// Channels that leave a block, in units of its 3×3 convolution's.
    pub fn expansion(self) -> i64 {
        match self {
            BlockKind::Basic => 1,
            BlockKind::Bottleneck => 4,
        }
    }
}

impl fmt::Display for BlockKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BlockKind::Basic => "basic",
            BlockKind::Bottleneck => "bottleneck",
        })
    }
}
