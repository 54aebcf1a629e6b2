//! The residual networks for CIFAR (He et al., arXiv:1512.03385, section 4.2), read top-down: network, blocks.
//!
//! A 3×3 stem, three stages of n basic blocks at full, half and quarter resolution, and the average over positions. The
//! shortcut of a block that halves the resolution has no parameters (option A there): it takes every second row and
//! column, and channels of zeros fill up on both sides. Names are those of the implementations that published weights
//! (akamaster/pytorch_resnet_cifar10): `conv1`, `bn1`, `layer1.0.conv1`, …

use std::fmt;

use tch::Tensor;

use crate::chain::{Chain, MeanOfPositions, Part};
use crate::layers::{BatchNorm, Conv};
use crate::tensor_names::Unrecognised;
use crate::{
    Architecture, Backbone, BackboneOptions, Builder, Graph, Mode, NnError, TensorNames, Usual, Value,
};

const STAGES: usize = 3;

/// Number of weighted layers of a ResNet for CIFAR: 6n + 2 with n blocks in each of its three stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CifarDepth(usize);

impl CifarDepth {
    /// All of them, by depth: n is 3, 5, 7 and 9.
    pub const ALL: [Self; 4] = [Self(3), Self(5), Self(7), Self(9)];

    /// n: blocks in each of the three stages.
    pub fn blocks(self) -> usize {
        self.0
    }

    /// 6n + 2.
    pub fn layers(self) -> usize {
        6 * self.blocks() + 2
    }

    /// Two halvings have to leave an even number of channels, whose shortcut can be filled up equally on both sides.
    fn check_width(self, width: i64) -> Result<(), NnError> {
        match width {
            8.. if width % 8 == 0 => Ok(()),
            _ => Err(NnError::Misfit {
                field: "width",
                value: width.to_string(),
                rule: format!(
                    "the channels of {self} are halved twice; choose a multiple of 8, 64 is the published one"
                ),
            }),
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|depth| depth.to_string() == name)
    }

    /// Three stages behind a 3×3 stem.
    pub(crate) fn recognise(names: &dyn TensorNames) -> Option<Result<Self, Unrecognised>> {
        let &[_, 3, 3, _] = names.shape("backbone.conv1.weight")? else { return None };
        let stages: Vec<usize> =
            (1..=4).map(|stage| names.count(&format!("backbone.layer{stage}.*.conv1.weight"))).collect();
        let &[a, b, c, 0] = stages.as_slice() else { return None };
        if a == 0 || b != a || c != a || names.has("backbone.layer1.0.conv3.weight") {
            return None;
        }
        let seen = format!("a stem of 3×3 and basic blocks {:?}", &stages[..STAGES]);
        if names.has("backbone.layer2.0.downsample.0.weight") {
            let reason = format!("{seen}, with shortcuts that have parameters (option B)");
            return Some(Err(Unrecognised::seen(reason)));
        }
        let depth = Self::ALL.into_iter().find(|depth| depth.blocks() == a);
        Some(depth.ok_or_else(|| Unrecognised::seen(seen)))
    }
}

impl fmt::Display for CifarDepth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "resnet{}", self.layers())
    }
}

impl Architecture for CifarDepth {
    fn build(&self, b: &mut Builder<'_>, options: &BackboneOptions) -> Result<Box<dyn Backbone>, NnError> {
        Ok(Box::new(self.network(b, options.width)?))
    }

    fn feature_dim(&self, width: i64) -> i64 {
        width
    }

    fn check(&self, options: &BackboneOptions) -> Result<(), NnError> {
        self.check_width(options.width)?;
        options.refuse_drop_path(self)?;
        options.refuse_freezing(self)
    }

    fn usual(&self) -> Usual {
        Usual::bilinear(32, 32)
    }

    fn width_tensor(&self) -> Option<&'static str> {
        Some("backbone.layer3.0.conv1.weight")
    }
}

impl CifarDepth {
    /// The network without its classifier: the stem, each block, and the average over positions. `width` is that of the last
    /// stage and of the features, 64 as published; the stages before have half and a quarter of it.
    fn network(self, b: &mut Builder<'_>, width: i64) -> Result<Chain, NnError> {
        self.check_width(width)?;
        let mut channels = width >> (STAGES - 1);
        let conv = Conv::new(&mut b.sub("conv1"), 3, channels, 3, 1, 1)?;
        let stem = StemLayers { conv, norm: BatchNorm::new(&mut b.sub("bn1"), channels)? };
        let mut parts: Vec<Box<dyn Part>> = vec![Box::new(stem)];
        for stage in 0..STAGES {
            let planes = width >> (STAGES - 1 - stage);
            for block in 0..self.blocks() {
                let mut b = b.sub(format_args!("layer{}.{block}", stage + 1));
                parts.push(Box::new(Block::new(&mut b, channels, planes)?));
                channels = planes;
            }
        }
        parts.push(Box::new(MeanOfPositions));
        Ok(Chain { parts, feature_dim: width })
    }
}

/// `relu(bn1(conv1(images)))`.
#[derive(Debug)]
struct StemLayers {
    conv: Conv,
    norm: BatchNorm,
}

impl Part for StemLayers {
    fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        self.norm.forward_relu(&self.conv.forward(images)?, mode)
    }

    fn record(&self, graph: &mut Graph, images: &Value) -> Result<Value, NnError> {
        let x = self.conv.record(graph, images);
        self.norm.record_relu(graph, &x)
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
}

impl Part for Block {
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

    fn record(&self, graph: &mut Graph, x: &Value) -> Result<Value, NnError> {
        let (conv, norm) = &self.first;
        let y = conv.record(graph, x);
        let y = norm.record_relu(graph, &y)?;
        let (conv, norm) = &self.second;
        let y = conv.record(graph, &y);
        let y = norm.record(graph, &y)?;
        let shortcut = match self.fill {
            None => x.clone(),
            Some(fill) => {
                let halved = (x.shape[1] + 1) / 2;
                let rows = graph.slice(x, 2, 0, halved, 2)?;
                let every_second = graph.slice(&rows, 3, 0, (x.shape[2] + 1) / 2, 2)?;
                let pads = graph.numbers(&[0, fill, 0, 0, 0, fill, 0, 0])?;
                graph.node("Pad", &[&every_second.name, &pads], &[], y.shape.clone())
            }
        };
        let sum = graph.with("Add", &y, &shortcut.name);
        Ok(graph.each("Relu", &sum))
    }
}
