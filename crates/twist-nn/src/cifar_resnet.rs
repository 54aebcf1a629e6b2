//! The residual networks for CIFAR (He et al., arXiv:1512.03385, section 4.2), read top-down: network, blocks.
//!
//! A 3×3 stem, three stages of n basic blocks at full, half and quarter resolution, and the average over positions. The
//! shortcut of a block that halves the resolution has no parameters (option A there): it takes every second row and
//! column, and channels of zeros fill up on both sides. Names are those of the implementations that published weights
//! (akamaster/pytorch_resnet_cifar10): `conv1`, `bn1`, `layer1.0.conv1`, …

use tch::Tensor;

use crate::layers::{BatchNorm, Conv};
use crate::{Backbone, Builder, CifarDepth, Mode, NnError};

/// Stages of every depth.
const STAGES: usize = 3;

/// A ResNet for CIFAR without its classifier.
#[derive(Debug)]
pub struct CifarResNet {
    stem: (Conv, BatchNorm),
    blocks: Vec<Block>,
    width: i64,
}

impl CifarResNet {
    /// Adds the network's tensors under the builder's prefix. `width` is that of the last stage and of the features, 64 as
    /// published; the stages before have half and a quarter of it.
    ///
    /// # Errors
    /// [`NnError::Width`] where the channels cannot be halved; the device has no room.
    pub fn new(b: &mut Builder<'_>, depth: CifarDepth, width: i64) -> Result<Self, NnError> {
        check_width(width)?;
        let mut channels = width >> (STAGES - 1);
        let conv = Conv::new(&mut b.sub("conv1"), 3, channels, 3, 1, 1)?;
        let stem = (conv, BatchNorm::new(&mut b.sub("bn1"), channels)?);
        let mut blocks = Vec::new();
        for stage in 0..STAGES {
            let planes = width >> (STAGES - 1 - stage);
            for block in 0..depth.blocks() {
                let mut b = b.sub(format_args!("layer{}.{block}", stage + 1));
                blocks.push(Block::new(&mut b, channels, planes)?);
                channels = planes;
            }
        }
        Ok(Self { stem, blocks, width })
    }
}

/// That two halvings leave an even number of channels, whose shortcut can be filled up equally on both sides.
///
/// # Errors
/// [`NnError::Width`].
pub(crate) fn check_width(width: i64) -> Result<(), NnError> {
    match width {
        8.. if width % 8 == 0 => Ok(()),
        _ => Err(NnError::Width { got: width }),
    }
}

impl Backbone for CifarResNet {
    /// The stem, each block, and the average over positions.
    fn segments(&self) -> usize {
        2 + self.blocks.len()
    }

    fn segment(&self, index: usize, x: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        if index == 0 {
            let (conv, norm) = &self.stem;
            return norm.forward_relu(&conv.forward(x)?, mode);
        }
        match self.blocks.get(index - 1) {
            Some(block) => block.forward(x, mode),
            None if index + 1 == self.segments() => Ok(x.f_mean_dim([2i64, 3].as_slice(), false, None)?),
            None => Err(NnError::Segment { index, segments: self.segments() }),
        }
    }

    fn feature_dim(&self) -> i64 {
        self.width
    }
}

/// `relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut(x))`.
#[derive(Debug)]
struct Block {
    first: (Conv, BatchNorm),
    second: (Conv, BatchNorm),
    /// Channels of zeros on either side of the shortcut's; `None` where input and output are alike.
    fill: Option<i64>,
}

impl Block {
    fn new(b: &mut Builder<'_>, inputs: i64, planes: i64) -> Result<Self, NnError> {
        let halves = inputs != planes;
        let mut layer = |number: i64, inputs: i64, stride: i64| -> Result<(Conv, BatchNorm), NnError> {
            let conv = Conv::new(&mut b.sub(format_args!("conv{number}")), inputs, planes, 3, stride, 1)?;
            Ok((conv, BatchNorm::new(&mut b.sub(format_args!("bn{number}")), planes)?))
        };
        let first = layer(1, inputs, if halves { 2 } else { 1 })?;
        let second = layer(2, planes, 1)?;
        Ok(Self { first, second, fill: halves.then_some((planes - inputs) / 2) })
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        let (conv, norm) = &self.first;
        let y = norm.forward_relu(&conv.forward(x)?, mode)?;
        let (conv, norm) = &self.second;
        let y = conv.forward(&y)?;
        let shortcut = match self.fill {
            None => x.shallow_clone(),
            Some(fill) => {
                let every_second = x.f_slice(2, None, None, 2)?.f_slice(3, None, None, 2)?;
                every_second.f_constant_pad_nd([0, 0, 0, 0, fill, fill])?
            }
        };
        norm.forward_add_relu(&y, &shortcut, mode)
    }
}
