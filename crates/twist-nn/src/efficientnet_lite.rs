//! EfficientNet-Lite (`efficientnet/lite` in github.com/tensorflow/tpu; Tan and Le, arXiv:1905.11946), read top-down:
//! network, blocks, padding.
//!
//! EfficientNets for phones: without squeeze-and-excitation, with ReLU6, and with a stem and a head that do not grow with
//! the network. Convolutions pad as TensorFlow's `SAME` does: with a stride of 2, an even side gets one pixel more below
//! and on the right. The feature is what the authors' classifier reads: the mean over positions. Names are timm's.

use std::fmt;
use std::sync::LazyLock;

use tch::Tensor;

use crate::chain::{Chain, MeanOfPositions, Part};
use crate::layers::{BatchNorm, Conv, thinned};
use crate::tensor_names::{Unrecognised, length};
use crate::{
    Architecture, Backbone, BackboneOptions, Builder, Filter, Graph, Layout, Mode, NnError, Normalisation,
    Rest, Rule, TensorNames, Usual, Value,
};

/// Added to variances.
const EPS: f64 = 1e-3;

/// Channels of the stem, and of the features.
const STEM: i64 = 32;
const FEATURES: i64 = 1280;

/// Smallest part of a width that rounding may leave, in percent.
const LEAST_PERCENT: i64 = 90;

/// The stages of Lite0: blocks, kernel, stride of the first block, expansion of channels, channels.
const STAGES: [(i64, i64, i64, i64, i64); 7] = [
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
];

/// Of Lite0 to Lite4: tenths of the channels and of the blocks, and the side of images in pixels.
const SIZES: [(i64, i64, u32); 5] =
    [(10, 10, 224), (10, 11, 240), (11, 12, 260), (12, 14, 280), (14, 18, 300)];

/// Which EfficientNet-Lite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EfficientNetLiteArch {
    /// 0 to 4.
    number: u8,
}

impl EfficientNetLiteArch {
    pub(crate) fn published() -> impl Iterator<Item = Self> {
        (0..SIZES.len() as u8).map(|number| Self { number })
    }

    /// `efficientnet_lite0`.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::published().find(|arch| arch.to_string() == name)
    }

    fn size(self) -> (i64, i64, u32) {
        SIZES[usize::from(self.number)]
    }

    /// Blocks of a stage; the first and the last do not get deeper.
    fn blocks(self, stage: usize) -> i64 {
        let (published, tenths) = (STAGES[stage].0, self.size().1);
        if stage == 0 || stage + 1 == STAGES.len() { published } else { (published * tenths + 9) / 10 }
    }

    /// Channels that leave a stage: the nearest multiple of 8, or the next one where that is too little.
    fn channels(self, stage: usize) -> i64 {
        let wanted = STAGES[stage].4 * self.size().0; // in tenths
        let nearest = ((wanted + 40) / 80 * 8).max(8);
        if nearest * 1000 < wanted * LEAST_PERCENT { nearest + 8 } else { nearest }
    }

    /// Seven stages behind a stem of 3×3.
    pub(crate) fn recognise(names: &dyn TensorNames) -> Option<Result<Self, Unrecognised>> {
        let &[_, 3, 3, _] = names.shape("backbone.conv_stem.weight")? else { return None };
        let blocks: Vec<i64> = (0..=STAGES.len())
            .map(|stage| length(names.count(&format!("backbone.blocks.{stage}.*.conv_dw.weight"))))
            .take_while(|&blocks| blocks > 0)
            .collect();
        let channels: Vec<i64> = (0..blocks.len())
            .map(|stage| {
                let last = if stage == 0 { "conv_pw" } else { "conv_pwl" };
                let shape = names.shape(&format!("backbone.blocks.{stage}.0.{last}.weight"));
                shape.and_then(|shape| shape.first()).map_or(0, |&channels| length(channels))
            })
            .collect();
        let stages = 0..STAGES.len();
        let found = Self::published().find(|arch| {
            blocks.iter().copied().eq(stages.clone().map(|stage| arch.blocks(stage)))
                && channels.iter().copied().eq(stages.clone().map(|stage| arch.channels(stage)))
        });
        let attention = ["conv_reduce", "fc1"];
        let excites =
            attention.iter().any(|part| names.has(&format!("backbone.blocks.0.0.se.{part}.weight")));
        let seen = format!("blocks {blocks:?} with {channels:?} channels as EfficientNets have them");
        Some(match found {
            _ if excites => Err(Unrecognised::seen(format!("{seen}, with squeeze-and-excitation"))),
            found => found.ok_or_else(|| Unrecognised::seen(seen)),
        })
    }
}

impl fmt::Display for EfficientNetLiteArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "efficientnet_lite{}", self.number)
    }
}

impl Architecture for EfficientNetLiteArch {
    fn build(&self, b: &mut Builder<'_>, options: &BackboneOptions) -> Result<Box<dyn Backbone>, NnError> {
        Ok(Box::new(self.network(b, options.drop_path)?))
    }

    fn feature_dim(&self, _width: i64) -> i64 {
        FEATURES
    }

    fn check(&self, options: &BackboneOptions) -> Result<(), NnError> {
        options.refuse_width(self)?;
        options.refuse_freezing(self)
    }

    fn usual(&self) -> Usual {
        let side = self.size().2;
        Usual {
            filter: Filter::Bicubic,
            normalisation: Normalisation { mean: [127.0 / 255.0; 3], std: [128.0 / 255.0; 3] },
            ..Usual::bilinear(side, side + 32)
        }
    }

    fn classifier_in(&self, library: &str) -> Option<&'static str> {
        (library == "timm").then_some("classifier.")
    }

    /// Those with TensorFlow's padding and epsilon.
    fn is_called_in_timm(&self, name: &str) -> bool {
        name.starts_with("tf_efficientnet_lite")
    }

    fn layouts(&self) -> Vec<&'static Layout> {
        let own = PACKAGE.iter().filter(|(depth, _)| *depth == self.depth());
        std::iter::once(&TIMM).chain(own.map(|(_, layout)| layout)).collect()
    }

    fn assumption(&self) -> Option<&'static str> {
        Some(
            "padding as TensorFlow's and an epsilon of 0.001 are assumed, as the authors published it (timm's \
             tf_efficientnet_lite…): the tensors do not say",
        )
    }
}

/// timm, whose names are Twist's.
static TIMM: Layout = Layout { name: "timm", ..Layout::OURS };

/// What the package `efficientnet_lite_pytorch` calls the parts of a block: without expansion, and with it.
const NARROW: &[(&str, &str)] =
    &[("conv_dw", "_depthwise_conv"), ("bn1", "_bn1"), ("conv_pw", "_project_conv"), ("bn2", "_bn2")];
const WIDE: &[(&str, &str)] = &[
    ("conv_pw", "_expand_conv"),
    ("bn1", "_bn0"),
    ("conv_dw", "_depthwise_conv"),
    ("bn2", "_bn1"),
    ("conv_pwl", "_project_conv"),
    ("bn3", "_bn2"),
];

/// The layouts of that package. It counts blocks through all stages, so there is one for each depth, the deepest first: a file of
/// a deeper network has the marks of a shallower one as well.
static PACKAGE: LazyLock<Vec<(i64, Layout)>> = LazyLock::new(|| {
    let mut by_depth: Vec<(i64, Layout)> =
        EfficientNetLiteArch::published().map(|arch| (arch.depth(), arch.package())).collect();
    by_depth.sort_by_key(|(depth, _)| -depth);
    by_depth.dedup_by_key(|(depth, _)| *depth);
    by_depth
});

pub(crate) fn layouts() -> impl Iterator<Item = &'static Layout> {
    std::iter::once(&TIMM).chain(PACKAGE.iter().map(|(_, layout)| layout))
}

impl EfficientNetLiteArch {
    fn depth(self) -> i64 {
        (0..STAGES.len()).map(|stage| self.blocks(stage)).sum()
    }

    /// The package's layout of this depth. Its table is made once and kept until the program ends.
    fn package(self) -> Layout {
        let same = |ours: String, theirs: String| -> Rule {
            Rule::same(ours.leak(), Box::leak(Box::new([&*theirs.leak()])))
        };
        let around =
            [("conv_stem", "_conv_stem"), ("bn1", "_bn0"), ("conv_head", "_conv_head"), ("bn2", "_bn1")];
        let mut rules: Vec<Rule> =
            around.into_iter().map(|(ours, theirs)| same(format!("{ours}."), format!("{theirs}."))).collect();
        let blocks =
            (0..STAGES.len()).flat_map(|stage| (0..self.blocks(stage)).map(move |block| (stage, block)));
        for (number, (stage, block)) in blocks.enumerate() {
            for (ours, theirs) in if STAGES[stage].3 == 1 { NARROW } else { WIDE } {
                rules.push(same(
                    format!("blocks.{stage}.{block}.{ours}."),
                    format!("_blocks.{number}.{theirs}."),
                ));
            }
        }
        let last = format!("_blocks.{}._project_conv.weight", self.depth() - 1);
        Layout {
            name: "efficientnet_lite_pytorch",
            marks: vec!["_conv_stem.weight", last.leak()].leak(),
            rules: vec![&*rules.leak()].leak(),
            absent: &[],
            rest: Rest::Theirs(&["_fc."]),
        }
    }
}

impl EfficientNetLiteArch {
    /// The network without its classifier: the stem, each block, and the mean of the head over positions. Branches are left out
    /// with a chance that rises from 0 to `drop_path` at the last block.
    fn network(self, b: &mut Builder<'_>, drop_path: f64) -> Result<Chain, NnError> {
        let stem = Layer::new(b, ("conv_stem", "bn1"), 3, STEM, Kernel { side: 3, stride: 2 })?;
        let mut parts: Vec<Box<dyn Part>> = vec![Box::new(Stem(stem))];
        let count: i64 = (0..STAGES.len()).map(|stage| self.blocks(stage)).sum();
        let (mut index, mut channels) = (0, STEM);
        for (stage, (_, side, first_stride, expansion, _)) in STAGES.into_iter().enumerate() {
            for block in 0..self.blocks(stage) {
                let kernel = Kernel { side, stride: if block == 0 { first_stride } else { 1 } };
                let drop = drop_path * f64::from(index) / (count - 1) as f64;
                let mut b = b.sub(format_args!("blocks.{stage}.{block}"));
                let outputs = self.channels(stage);
                parts.push(Box::new(Block::new(&mut b, (channels, outputs), expansion, kernel, drop)?));
                channels = outputs;
                index += 1;
            }
        }
        let head = Layer::new(b, ("conv_head", "bn2"), channels, FEATURES, POINT)?;
        parts.push(Box::new(Head(head)));
        Ok(Chain { parts, feature_dim: FEATURES })
    }
}

#[derive(Debug)]
struct Stem(Layer);

impl Part for Stem {
    fn forward(&self, images: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        self.0.forward_relu6(images, mode)
    }

    fn record(&self, graph: &mut Graph, images: &Value) -> Result<Value, NnError> {
        self.0.record_relu6(graph, images)
    }
}

/// The last layer and its mean over positions.
#[derive(Debug)]
struct Head(Layer);

impl Part for Head {
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        MeanOfPositions.forward(&self.0.forward_relu6(x, mode)?, mode)
    }

    fn record(&self, graph: &mut Graph, x: &Value) -> Result<Value, NnError> {
        let x = self.0.record_relu6(graph, x)?;
        Ok(graph.mean_of_positions(&x))
    }
}

/// More channels (but in the first stage), a convolution of each channel, fewer channels; added to the input where it has
/// the same shape.
#[derive(Debug)]
struct Block {
    /// Each with ReLU6.
    body: Vec<Layer>,
    last: Layer,
    shortcut: bool,
    drop: f64,
}

impl Block {
    fn new(
        b: &mut Builder<'_>,
        (inputs, outputs): (i64, i64),
        expansion: i64,
        kernel: Kernel,
        drop: f64,
    ) -> Result<Self, NnError> {
        let inner = inputs * expansion;
        let (body, last) = if expansion == 1 {
            let depthwise = Layer::depthwise(b, ("conv_dw", "bn1"), inner, kernel)?;
            (vec![depthwise], ("conv_pw", "bn2"))
        } else {
            let wider = Layer::new(b, ("conv_pw", "bn1"), inputs, inner, POINT)?;
            let depthwise = Layer::depthwise(b, ("conv_dw", "bn2"), inner, kernel)?;
            (vec![wider, depthwise], ("conv_pwl", "bn3"))
        };
        let last = Layer::new(b, last, inner, outputs, POINT)?;
        Ok(Self { body, last, shortcut: kernel.stride == 1 && inputs == outputs, drop })
    }
}

impl Part for Block {
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        let mut y = x.shallow_clone();
        for layer in &self.body {
            y = layer.forward_relu6(&y, mode)?;
        }
        let y = self.last.forward(&y, mode)?;
        Ok(if self.shortcut { x.f_add(&thinned(y, self.drop, mode)?)? } else { y })
    }

    fn record(&self, graph: &mut Graph, x: &Value) -> Result<Value, NnError> {
        let mut y = x.clone();
        for layer in &self.body {
            y = layer.record_relu6(graph, &y)?;
        }
        let y = self.last.record(graph, &y)?;
        Ok(if self.shortcut { graph.with("Add", x, &y.name) } else { y })
    }
}

/// Side and stride of a convolution in pixels.
#[derive(Debug, Clone, Copy)]
struct Kernel {
    side: i64,
    stride: i64,
}

/// A linear map at each position.
const POINT: Kernel = Kernel { side: 1, stride: 1 };

impl Kernel {
    /// Zeros on both sides by the convolution itself: none where [`Kernel::padded`] adds them.
    fn padding(self) -> i64 {
        if self.stride == 1 { self.side / 2 } else { 0 }
    }

    /// Images with the zeros around them that a stride of more than 1 needs for `ceil(side / stride)` outputs.
    fn padded(self, x: &Tensor) -> Result<Tensor, NnError> {
        if self.stride == 1 {
            return Ok(x.shallow_clone());
        }
        let (_, _, height, width) = x.size4()?;
        let ((top, bottom), (left, right)) = (self.around(height), self.around(width));
        Ok(x.f_constant_pad_nd([left, right, top, bottom])?)
    }

    /// Zeros before and behind an axis of this length.
    fn around(self, length: i64) -> (i64, i64) {
        let outputs = (length + self.stride - 1) / self.stride;
        let all = ((outputs - 1) * self.stride + self.side - length).max(0);
        (all / 2, all - all / 2)
    }

    /// [`Kernel::padded`] in a graph.
    fn record(self, graph: &mut Graph, x: &Value) -> Result<Value, NnError> {
        if self.stride == 1 {
            return Ok(x.clone());
        }
        let (height, width) = (x.shape[1], x.shape[2]);
        let ((top, bottom), (left, right)) = (self.around(height), self.around(width));
        let pads = graph.numbers(&[0, 0, top, left, 0, 0, bottom, right])?;
        let shape = vec![x.shape[0], height + top + bottom, width + left + right];
        Ok(graph.node("Pad", &[&x.name, &pads], &[], shape))
    }
}

/// A convolution and its norm.
#[derive(Debug)]
struct Layer {
    kernel: Kernel,
    conv: Conv,
    norm: BatchNorm,
}

impl Layer {
    fn new(
        b: &mut Builder<'_>,
        (conv, norm): (&str, &str),
        inputs: i64,
        outputs: i64,
        kernel: Kernel,
    ) -> Result<Self, NnError> {
        let (side, stride) = (kernel.side, kernel.stride);
        let conv = Conv::new(&mut b.sub(conv), inputs, outputs, side, stride, kernel.padding())?;
        Ok(Self { kernel, conv, norm: BatchNorm::new(&mut b.sub(norm), outputs)?.with_eps(EPS) })
    }

    fn depthwise(
        b: &mut Builder<'_>,
        (conv, norm): (&str, &str),
        channels: i64,
        kernel: Kernel,
    ) -> Result<Self, NnError> {
        let (side, stride) = (kernel.side, kernel.stride);
        let conv = Conv::depthwise(&mut b.sub(conv), channels, side, stride, kernel.padding())?;
        Ok(Self { kernel, conv, norm: BatchNorm::new(&mut b.sub(norm), channels)?.with_eps(EPS) })
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        self.norm.forward(&self.conv.forward(&self.kernel.padded(x)?)?, mode)
    }

    fn forward_relu6(&self, x: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        Ok(self.forward(x, mode)?.f_relu6()?)
    }

    fn record(&self, graph: &mut Graph, x: &Value) -> Result<Value, NnError> {
        let x = self.kernel.record(graph, x)?;
        let x = self.conv.record(graph, &x);
        self.norm.record(graph, &x)
    }

    fn record_relu6(&self, graph: &mut Graph, x: &Value) -> Result<Value, NnError> {
        let x = self.record(graph, x)?;
        let (low, high) = (graph.number(0.0)?, graph.number(6.0)?);
        Ok(graph.node("Clip", &[&x.name, &low, &high], &[], x.shape.clone()))
    }
}
