//! Residual networks (He et al., arXiv:1512.03385), read top-down: network, stem, stage, blocks.
//!
//! As in torchvision and the released code: the stride of a bottleneck sits in its 3×3 convolution, batch norms start
//! with scale 1, and there is no classifier. `width` scales every layer, so 128 is the published `w2`.

use tch::Tensor;

use crate::layers::{BatchNorm, Conv};
use crate::{Backbone, BlockKind, Builder, Depth, Mode, NnError, Stem};

/// A ResNet without its classifier.
#[derive(Debug)]
pub struct ResNet {
    stem: StemLayers,
    blocks: Vec<Block>,
    feature_dim: i64,
}

impl ResNet {
    /// Adds the network's tensors under the builder's prefix.
    ///
    /// # Errors
    /// The device has no room.
    pub fn new(b: &mut Builder<'_>, depth: Depth, stem: Stem, width: i64) -> Result<Self, NnError> {
        let (kind, blocks) = depth.blocks();
        let stem = StemLayers::new(b, stem, width)?;
        let mut built = Vec::new();
        let mut channels = width;
        for (index, count) in blocks.into_iter().enumerate() {
            for block in 0..count {
                let planes = width << index;
                let shape = Shape {
                    inputs: channels,
                    planes,
                    inner: depth.inner(planes),
                    stride: if index > 0 && block == 0 { 2 } else { 1 },
                };
                let mut b = b.sub(format_args!("layer{}.{block}", index + 1));
                built.push(Block::new(&mut b, kind, shape)?);
                channels = shape.planes * kind.expansion();
            }
        }
        Ok(Self { stem, blocks: built, feature_dim: channels })
    }
}

impl Backbone for ResNet {
    /// The stem, each block, and the average over positions.
    fn segments(&self) -> usize {
        2 + self.blocks.len()
    }

    fn segment(&self, index: usize, x: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        if index == 0 {
            return self.stem.forward(x, mode);
        }
        match self.blocks.get(index - 1) {
            Some(block) => block.forward(x, mode),
            None if index + 1 == self.segments() => Ok(x.f_mean_dim([2i64, 3].as_slice(), false, None)?),
            None => Err(NnError::Segment { index, segments: self.segments() }),
        }
    }

    fn feature_dim(&self) -> i64 {
        self.feature_dim
    }
}

/// Images to `width` channels.
#[derive(Debug)]
struct StemLayers {
    conv1: Conv,
    bn1: BatchNorm,
    pool: bool,
}

impl StemLayers {
    fn new(b: &mut Builder<'_>, stem: Stem, width: i64) -> Result<Self, NnError> {
        let (kernel, stride, padding, pool) = match stem {
            Stem::ImageNet => (7, 2, 3, true),
            Stem::Cifar => (3, 1, 1, false),
        };
        Ok(Self {
            conv1: Conv::new(&mut b.sub("conv1"), 3, width, kernel, stride, padding)?,
            bn1: BatchNorm::new(&mut b.sub("bn1"), width)?,
            pool,
        })
    }

    fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        let x = self.bn1.forward_relu(&self.conv1.forward(images)?, mode)?;
        Ok(if self.pool { x.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)? } else { x })
    }
}

/// Sizes of one block.
#[derive(Debug, Clone, Copy)]
struct Shape {
    /// Channels that enter.
    inputs: i64,
    /// Channels of its stage: of both convolutions, or a quarter of those that leave a bottleneck.
    planes: i64,
    /// Channels of a bottleneck's 3×3 convolution.
    inner: i64,
    stride: i64,
}

/// `relu(last(body(x)) + shortcut(x))`: convolutions with norms, in the body with a relu each.
#[derive(Debug)]
struct Block {
    body: Vec<(Conv, BatchNorm)>,
    last: (Conv, BatchNorm),
    shortcut: Option<(Conv, BatchNorm)>,
}

impl Block {
    fn new(b: &mut Builder<'_>, kind: BlockKind, shape: Shape) -> Result<Self, NnError> {
        let Shape { inputs, planes, inner, stride } = shape;
        let outputs = planes * kind.expansion();
        let mut layer = |number: i64, inputs: i64, outputs: i64, kernel: i64, stride: i64| {
            let conv = Conv::new(
                &mut b.sub(format_args!("conv{number}")),
                inputs,
                outputs,
                kernel,
                stride,
                kernel / 2,
            )?;
            Ok::<_, NnError>((conv, BatchNorm::new(&mut b.sub(format_args!("bn{number}")), outputs)?))
        };
        let (body, last) = match kind {
            BlockKind::Basic => {
                (vec![layer(1, inputs, planes, 3, stride)?], layer(2, planes, outputs, 3, 1)?)
            }
            BlockKind::Bottleneck => (
                vec![layer(1, inputs, inner, 1, 1)?, layer(2, inner, inner, 3, stride)?],
                layer(3, inner, outputs, 1, 1)?,
            ),
        };
        let shortcut = if stride != 1 || inputs != outputs {
            let conv = Conv::new(&mut b.sub("downsample.0"), inputs, outputs, 1, stride, 0)?;
            Some((conv, BatchNorm::new(&mut b.sub("downsample.1"), outputs)?))
        } else {
            None
        };
        Ok(Self { body, last, shortcut })
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        let mut y = x.shallow_clone();
        for (conv, norm) in &self.body {
            y = norm.forward_relu(&conv.forward(&y)?, mode)?;
        }
        let (conv, norm) = &self.last;
        let y = conv.forward(&y)?;
        let identity = match &self.shortcut {
            Some((conv, norm)) => norm.forward(&conv.forward(x)?, mode)?,
            None => x.shallow_clone(),
        };
        norm.forward_add_relu(&y, &identity, mode)
    }
}
