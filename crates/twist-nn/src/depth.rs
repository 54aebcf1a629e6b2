//! How many layers a residual network has, and how it begins.

use std::fmt;

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

/// Number of weighted layers of a ResNet for CIFAR: 6n + 2 with n blocks in each of its three stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CifarDepth {
    /// n = 3.
    D20,
    /// n = 5.
    D32,
    /// n = 7.
    D44,
    /// n = 9.
    D56,
}

impl Depth {
    /// The published ones, by depth.
    pub(crate) const NAMED: [Self; 6] = [Self::D18, Self::D34, Self::D50, Self::D101, Self::D152, Self::D200];

    /// The depth with these blocks: the published one where there is one.
    pub fn of(block: BlockKind, blocks: [u8; 4]) -> Self {
        let named = Self::NAMED.into_iter().find(|depth| depth.blocks() == (block, blocks));
        named.unwrap_or(Self::Other { block, blocks })
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
            Self::Other { block, blocks } => (block, blocks),
        }
    }

    /// What follows `resnet` in a name: `50`, or `_bottleneck_1_1_1_1`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(named) = Self::NAMED.into_iter().find(|depth| depth.to_string() == text) {
            return Some(named);
        }
        let (block, rest) = [BlockKind::Basic, BlockKind::Bottleneck]
            .into_iter()
            .find_map(|block| Some((block, text.strip_prefix(&format!("_{block}_"))?)))?;
        let blocks: Vec<u8> = rest.split('_').map(|count| count.parse().ok()).collect::<Option<_>>()?;
        let blocks: [u8; 4] = blocks.try_into().ok()?;
        (!blocks.contains(&0)).then(|| Self::of(block, blocks))
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
            Self::Other { block, blocks: [a, b, c, d] } => return write!(f, "_{block}_{a}_{b}_{c}_{d}"),
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

impl CifarDepth {
    /// All of them, by depth.
    pub const ALL: [Self; 4] = [Self::D20, Self::D32, Self::D44, Self::D56];

    /// n: blocks in each of the three stages.
    pub fn blocks(self) -> usize {
        match self {
            Self::D20 => 3,
            Self::D32 => 5,
            Self::D44 => 7,
            Self::D56 => 9,
        }
    }

    /// 6n + 2.
    pub fn layers(self) -> usize {
        6 * self.blocks() + 2
    }
}
