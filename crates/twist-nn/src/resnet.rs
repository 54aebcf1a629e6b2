//! Residual networks (He et al., arXiv:1512.03385), read top-down: network, stem, stage, blocks.
//!
//! As in torchvision and the released code: the stride of a bottleneck sits in its 3×3 convolution, batch norms start
//! with scale 1, and the classifier is left out. `width` scales every layer, so 128 is the published `w2`.

use std::fmt;

use serde_json::json;
use tch::Tensor;
use twist_io::StateDict;

use crate::chain::{Chain, MeanOfPositions, Part};
use crate::graph::Attribute;
use crate::hugging_face::{fields, layout};
use crate::layers::{BatchNorm, Conv};
use crate::tensor_names::Unrecognised;
use crate::{
    Architecture, Backbone, BackboneOptions, BlockKind, Builder, Depth, Graph, HuggingFace, Layout, Mode,
    NnError, Rest, Rule, Stem, TensorNames, Usual, Value,
};

/// Which ResNet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResNetArch {
    /// How many layers it has.
    pub depth: Depth,
    /// How it begins.
    pub stem: Stem,
}

impl ResNetArch {
    /// Every depth with the stem for photographs, then with that for small images.
    pub(crate) fn published() -> impl Iterator<Item = Self> {
        let all = |stem| Depth::published().map(move |depth| Self { depth, stem });
        all(Stem::ImageNet).chain(all(Stem::Cifar))
    }

    /// `resnet50`, `resnet_bottleneck_1_1_1_1`, with the suffix of the stem.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let rest = name.strip_prefix("resnet")?;
        let (depth, stem) = match rest.strip_suffix("_cifar") {
            Some(depth) => (depth, Stem::Cifar),
            None => (rest, Stem::ImageNet),
        };
        Some(Self { depth: Depth::parse(depth)?, stem })
    }

    /// Four stages behind a stem of 7×7 or 3×3.
    pub(crate) fn recognise(names: &dyn TensorNames) -> Option<Result<Self, Unrecognised>> {
        if names.has("backbone.patch_embed.proj.weight") {
            return None;
        }
        let &[_, 3, kernel, _] = names.shape("backbone.conv1.weight")? else { return None };
        let stages: Vec<usize> = (1..=5)
            .map(|stage| names.count(&format!("backbone.layer{stage}.*.conv1.weight")))
            .take_while(|&blocks| blocks > 0)
            .collect();
        let block = match names.has("backbone.layer1.0.conv3.weight") {
            true => BlockKind::Bottleneck,
            false => BlockKind::Basic,
        };
        let known = || -> Option<Self> {
            let counts: Option<Vec<u8>> = stages.iter().map(|&count| u8::try_from(count).ok()).collect();
            let blocks: [u8; 4] = counts?.try_into().ok()?;
            let stem = match kernel {
                7 => Stem::ImageNet,
                3 => Stem::Cifar,
                _ => return None,
            };
            Some(Self { depth: Depth::of(block, base_of(names, block)?, blocks), stem })
        };
        let seen =
            || Unrecognised::seen(format!("a stem of {kernel}×{kernel} and {block} blocks {stages:?}"));
        Some(known().ok_or_else(seen))
    }
}

/// Channels of a bottleneck's 3×3 convolution for 64 of its stage; `None` where they are not such a share.
fn base_of(names: &dyn TensorNames, block: BlockKind) -> Option<u16> {
    if block == BlockKind::Basic {
        return Some(64);
    }
    let channels = |name: &str| names.shape(name)?.first().copied();
    let inner = channels("backbone.layer1.0.conv1.weight")?.checked_mul(64)?;
    let width = channels("backbone.conv1.weight").filter(|&width| width > 0)?;
    (inner % width == 0).then(|| u16::try_from(inner / width).ok())?
}

impl fmt::Display for ResNetArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = if self.stem == Stem::Cifar { "_cifar" } else { "" };
        write!(f, "resnet{}{suffix}", self.depth)
    }
}

impl Architecture for ResNetArch {
    fn build(&self, b: &mut Builder<'_>, options: &BackboneOptions) -> Result<Box<dyn Backbone>, NnError> {
        Ok(Box::new(self.network(b, options.width)?))
    }

    fn feature_dim(&self, width: i64) -> i64 {
        8 * width * self.depth.blocks().0.expansion()
    }

    fn check(&self, options: &BackboneOptions) -> Result<(), NnError> {
        options.refuse_drop_path(self)?;
        options.refuse_freezing(self)
    }

    fn usual(&self) -> Usual {
        let (side, resize) = if self.stem == Stem::Cifar { (32, 32) } else { (224, 256) };
        Usual::bilinear(side, resize)
    }

    fn width_tensor(&self) -> Option<&'static str> {
        Some("backbone.conv1.weight")
    }

    fn classifier_in(&self, library: &str) -> Option<&'static str> {
        (self.stem == Stem::ImageNet && ["torchvision", "timm"].contains(&library)).then_some("fc.")
    }

    /// `resnet50`, `wide_resnet50_2`. Others of these tensors pool or scale in between (`resnetaa50`, `resnetblur50`).
    fn is_called_in_timm(&self, name: &str) -> bool {
        let number = name.strip_prefix("wide_").unwrap_or(name).strip_prefix("resnet");
        number.is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
    }

    /// Only Hugging Face's differs from ours. It has one stem, and bottlenecks of one width.
    fn layouts(&self) -> Vec<&'static Layout> {
        let there = self.stem == Stem::ImageNet && self.depth.inner(64) == 64;
        there.then_some(&HUGGING_FACE).into_iter().collect()
    }

    fn hugging_face(&self, width: i64, _side: i64) -> Result<HuggingFace, NnError> {
        let (kind, depths) = self.depth.blocks();
        let sizes: Vec<i64> = (0..4).map(|stage| (width << stage) * kind.expansion()).collect();
        Ok(HuggingFace {
            class: "ResNetModel",
            output: "pooler_output",
            config: fields(json!({
                "model_type": "resnet",
                "num_channels": 3,
                "embedding_size": width,
                "hidden_sizes": sizes,
                "depths": depths,
                "layer_type": kind.to_string(),
                "hidden_act": "relu",
                "downsample_in_first_stage": false,
                "downsample_in_bottleneck": false,
            })),
            note: None,
        })
    }

    fn hugging_face_state(&self, _side: i64, state: &StateDict) -> Result<StateDict, NnError> {
        layout(self)?.export(state, "")
    }

    fn assumption(&self) -> Option<&'static str> {
        (self.stem == Stem::Cifar)
            .then_some(
                "a 3×3 stem is assumed to have stride 1, padding 1 and no max pool: the tensors do not say (solo-learn's for CIFAR has padding \
                 2, and its features would be others)",
            )
    }
}

/// What Hugging Face calls the blocks of one of our stages.
macro_rules! stage {
    ($ours:literal, $theirs:literal) => {
        stage!(
            $ours, $theirs,
            "conv1." => "layer.0.convolution.",
            "bn1." => "layer.0.normalization.",
            "conv2." => "layer.1.convolution.",
            "bn2." => "layer.1.normalization.",
            "conv3." => "layer.2.convolution.",
            "bn3." => "layer.2.normalization.",
            "downsample.0." => "shortcut.convolution.",
            "downsample.1." => "shortcut.normalization.",
        )
    };
    ($ours:literal, $theirs:literal, $($our:literal => $their:literal,)*) => {
        &[$(Rule::same(
            concat!("layer", $ours, ".*.", $our),
            &[concat!("encoder.stages.", $theirs, ".layers.*.", $their)],
        ),)*]
    };
}

/// `ResNetModel`.
pub(crate) static HUGGING_FACE: Layout = Layout {
    name: "Hugging Face",
    marks: &["embedder.embedder.convolution.weight", "encoder.stages.0.layers.0.layer.0.convolution.weight"],
    rules: &[
        &[
            Rule::same("conv1.", &["embedder.embedder.convolution."]),
            Rule::same("bn1.", &["embedder.embedder.normalization."]),
        ],
        stage!(1, 0),
        stage!(2, 1),
        stage!(3, 2),
        stage!(4, 3),
    ],
    absent: &[],
    rest: Rest::Theirs(&[]),
};

impl ResNetArch {
    /// The network without its classifier: the stem, each block, and the average over positions.
    fn network(self, b: &mut Builder<'_>, width: i64) -> Result<Chain, NnError> {
        let Self { depth, stem } = self;
        let (kind, blocks) = depth.blocks();
        let mut parts: Vec<Box<dyn Part>> = vec![Box::new(StemLayers::new(b, stem, width)?)];
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
                parts.push(Box::new(Block::new(&mut b, kind, shape)?));
                channels = shape.planes * kind.expansion();
            }
        }
        parts.push(Box::new(MeanOfPositions));
        Ok(Chain { parts, feature_dim: channels })
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
}

impl Part for StemLayers {
    fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        let x = self.bn1.forward_relu(&self.conv1.forward(images)?, mode)?;
        Ok(if self.pool { x.f_max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)? } else { x })
    }

    fn record(&self, graph: &mut Graph, images: &Value) -> Result<Value, NnError> {
        let x = self.conv1.record(graph, images);
        let x = self.bn1.record_relu(graph, &x)?;
        if !self.pool {
            return Ok(x);
        }
        let shape = vec![x.shape[0], (x.shape[1] - 1) / 2 + 1, (x.shape[2] - 1) / 2 + 1];
        let (kernel, stride, pads) = (vec![3; 2], vec![2; 2], vec![1; 4]);
        let attributes = [("kernel_shape", kernel), ("strides", stride), ("pads", pads)];
        let attributes = attributes.map(|(name, numbers)| (name, Attribute::Ints(numbers)));
        Ok(graph.node("MaxPool", &[&x.name], &attributes, shape))
    }
}

/// Sizes of one block.
#[derive(Debug, Clone, Copy)]
struct Shape {
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
}

impl Part for Block {
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

    fn record(&self, graph: &mut Graph, x: &Value) -> Result<Value, NnError> {
        let mut y = x.clone();
        for (conv, norm) in &self.body {
            y = conv.record(graph, &y);
            y = norm.record_relu(graph, &y)?;
        }
        let mut layer = |(conv, norm): &(Conv, BatchNorm), x: &Value| {
            let x = conv.record(graph, x);
            norm.record(graph, &x)
        };
        let y = layer(&self.last, &y)?;
        let identity = self.shortcut.as_ref().map_or(Ok(x.clone()), |shortcut| layer(shortcut, x))?;
        let sum = graph.with("Add", &y, &identity.name);
        Ok(graph.each("Relu", &sum))
    }
}
