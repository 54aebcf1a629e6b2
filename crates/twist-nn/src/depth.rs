//! How many layers a residual network has, and how it begins.

use std::fmt;

/// [`Depth::Other`]'s base of all published ResNets.
const USUAL_BASE: u16 = 64;

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
    /// No published one. [`Depth::of`] makes it, so that each network has one name.
    Other {
        /// What its blocks are.
        block: BlockKind,
        /// Channels of a bottleneck's 3×3 convolution for 64 of its stage: 64, or 128 in torchvision's `wide_resnet50_2`.
        base: u16,
        /// How many each stage has.
        blocks: [u8; 4],
    },
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
    /// The published ones, by depth.
    pub(crate) const NAMED: [Self; 6] = [Self::D18, Self::D34, Self::D50, Self::D101, Self::D152, Self::D200];

    /// The depth with these blocks: the published one where there is one. `base` is 64 but for bottlenecks of another width.
    pub fn of(block: BlockKind, base: u16, blocks: [u8; 4]) -> Self {
        let named = Self::NAMED.into_iter().find(|depth| depth.blocks() == (block, blocks));
        named.filter(|_| base == USUAL_BASE).unwrap_or(Self::Other { block, base, blocks })
    }

    /// What the blocks are, and how many each stage has.
    pub fn blocks(self) -> (BlockKind, [u8; 4]) {
        match self {
            Self::D18 => (BlockKind::Basic, [2, 2, 2, 2]),
            Self::D34 => (BlockKind::Basic, [3, 4, 6, 3]),
            Self::D50 => (BlockKind::Bottleneck, [3, 4, 6, 3]),
            Self::D101 => (BlockKind::Bottleneck, [3, 4, 23, 3]),
            Self::D152 => (BlockKind::Bottleneck, [3, 8, 36, 3]),
            Self::D200 => (BlockKind::Bottleneck, [3, 24, 36, 3]),
            Self::Other { block, blocks, .. } => (block, blocks),
        }
    }

    /// Channels of a bottleneck's 3×3 convolution in a stage of so many.
    pub(crate) fn inner(self, planes: i64) -> i64 {
        match self {
            Self::Other { base, .. } => planes * i64::from(base) / i64::from(USUAL_BASE),
            _ => planes,
        }
    }

    /// What follows `resnet` in a name: `50`, or `_bottleneck_1_1_1_1`, or `_bottleneck128_3_4_6_3`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(named) = Self::NAMED.into_iter().find(|depth| depth.to_string() == text) {
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
        let layers = match self {
            Self::D18 => 18,
            Self::D34 => 34,
            Self::D50 => 50,
            Self::D101 => 101,
            Self::D152 => 152,
            Self::D200 => 200,
            Self::Other { block, base, blocks: [a, b, c, d] } => {
                write!(f, "_{block}")?;
                if *base != USUAL_BASE {
                    write!(f, "{base}")?;
                }
                return write!(f, "_{a}_{b}_{c}_{d}");
            }
        };
        write!(f, "{layers}")
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
