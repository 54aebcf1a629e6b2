//! ConvNeXt (Liu et al., arXiv:2201.03545), read top-down: network, stages, blocks.
//!
//! A convolutional network with the outline of a transformer: patches of 4×4 pixels, four stages of blocks with a depthwise
//! 7×7 convolution and an MLP for each position, and layer norms. The feature is what the authors' classifier reads, and
//! what DINOv3 calls the class token of its ConvNeXts: the mean over positions, normalised. Names are timm's.

use std::fmt;

use serde_json::json;
use tch::Tensor;
use twist_io::StateDict;

use crate::chain::{Chain, MeanOfPositions, Part};
use crate::hugging_face::{fields, layout};
use crate::layers::{Conv, LayerNorm, Linear, thinned};
use crate::tensor_names::{Unrecognised, length};
use crate::{
    Activation, Architecture, Backbone, BackboneOptions, Builder, Filter, Form, Graph, HuggingFace, Init,
    Layout, MOST_CHANNELS, Mode, NnError, Rest, Rule, TensorNames, Usual, Value,
};

/// Added to variances.
const EPS: f64 = 1e-6;

/// What scales the branches of a new network.
const FIRST_SCALE: f64 = 1e-6;

const STAGES: usize = 4;

/// Which ConvNeXt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConvNextArch {
    /// Channels of the first stage; each of the others has twice those of the one before.
    pub channels: u16,
    /// Blocks of each stage.
    pub blocks: [u8; STAGES],
}

/// The published sizes and their letters.
const NAMED: [(&str, ConvNextArch); 4] = [
    ("t", ConvNextArch { channels: 96, blocks: [3, 3, 9, 3] }),
    ("s", ConvNextArch { channels: 96, blocks: [3, 3, 27, 3] }),
    ("b", ConvNextArch { channels: 128, blocks: [3, 3, 27, 3] }),
    ("l", ConvNextArch { channels: 192, blocks: [3, 3, 27, 3] }),
];

impl ConvNextArch {
    pub(crate) fn published() -> impl Iterator<Item = Self> {
        NAMED.into_iter().map(|(_, arch)| arch)
    }

    /// `convnext_t`; `convnext_8_1_1_2_1`, the channels of the first stage and the blocks of each.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let size = name.strip_prefix("convnext_")?;
        if let Some((_, named)) = NAMED.into_iter().find(|(letter, _)| *letter == size) {
            return Some(named);
        }
        let (channels, blocks) = size.split_once('_')?;
        let blocks: Vec<u8> = blocks.split('_').map(|count| count.parse().ok()).collect::<Option<_>>()?;
        Self::of(channels.parse().ok()?, blocks.try_into().ok()?)
    }

    fn of(channels: i64, blocks: [u8; STAGES]) -> Option<Self> {
        let possible = (1..=MOST_CHANNELS >> (STAGES - 1)).contains(&channels) && !blocks.contains(&0);
        possible.then_some(Self { channels: channels as u16, blocks })
    }

    /// Four stages behind patches of 4×4.
    pub(crate) fn recognise(names: &dyn TensorNames) -> Option<Result<Self, Unrecognised>> {
        let &[channels, 3, side, _] = names.shape("backbone.stem.0.weight")? else { return None };
        let blocks: Vec<usize> = (0..=STAGES)
            .map(|stage| names.count(&format!("backbone.stages.{stage}.blocks.*.conv_dw.weight")))
            .take_while(|&blocks| blocks > 0)
            .collect();
        let known = || -> Option<Self> {
            let counts: Option<Vec<u8>> = blocks.iter().map(|&count| u8::try_from(count).ok()).collect();
            Self::of(length(channels), counts?.try_into().ok()?).filter(|_| side == 4)
        };
        let seen = || {
            format!("a ConvNeXt of {channels} channels with patches of {side}×{side} and blocks {blocks:?}")
        };
        Some(known().ok_or_else(|| Unrecognised::seen(seen())))
    }

    fn width(self, stage: usize) -> i64 {
        i64::from(self.channels) << stage
    }
}

impl fmt::Display for ConvNextArch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((letter, _)) = NAMED.into_iter().find(|(_, arch)| arch == self) {
            return write!(f, "convnext_{letter}");
        }
        let [a, b, c, d] = self.blocks;
        write!(f, "convnext_{}_{a}_{b}_{c}_{d}", self.channels)
    }
}

impl Architecture for ConvNextArch {
    fn build(&self, b: &mut Builder<'_>, options: &BackboneOptions) -> Result<Box<dyn Backbone>, NnError> {
        Ok(Box::new(self.network(b, options.drop_path)?))
    }

    fn feature_dim(&self, _width: i64) -> i64 {
        self.width(STAGES - 1)
    }

    fn check(&self, options: &BackboneOptions) -> Result<(), NnError> {
        options.refuse_width(self)?;
        options.refuse_freezing(self)
    }

    fn usual(&self) -> Usual {
        Usual { activation: Activation::Gelu, filter: Filter::Bicubic, ..Usual::bilinear(224, 256) }
    }

    fn is_called_in_timm(&self, name: &str) -> bool {
        name.contains("convnext")
    }

    fn classifier_in(&self, library: &str) -> Option<&'static str> {
        match library {
            "timm" => Some("head.fc."),
            "torchvision" => Some("classifier.2."),
            _ => None,
        }
    }

    fn layouts(&self) -> Vec<&'static Layout> {
        LAYOUTS.iter().collect()
    }

    fn hugging_face(&self, _width: i64, side: i64) -> Result<HuggingFace, NnError> {
        let sizes: Vec<i64> = (0..STAGES).map(|stage| self.width(stage)).collect();
        Ok(HuggingFace {
            class: "ConvNextModel",
            output: "pooler_output",
            config: fields(json!({
                "model_type": "convnext",
                "num_channels": 3,
                "patch_size": 4,
                "num_stages": STAGES,
                "hidden_sizes": sizes,
                "depths": self.blocks,
                "hidden_act": "gelu",
                "layer_norm_eps": EPS,
                "layer_scale_init_value": FIRST_SCALE,
                "image_size": side,
            })),
            note: None,
        })
    }

    fn hugging_face_state(&self, _side: i64, state: &StateDict) -> Result<StateDict, NnError> {
        layout(self)?.export(state, "")
    }
}

/// What torchvision calls the blocks of one of our stages, which it numbers together with the steps between them.
macro_rules! torchvision_blocks {
    ($stage:literal, $module:literal) => {
        torchvision_blocks!(
            $stage, $module,
            same "conv_dw." => "block.0.",
            same "norm." => "block.2.",
            same "mlp.fc1." => "block.3.",
            same "mlp.fc2." => "block.5.",
        )
    };
    ($stage:literal, $module:literal, $(same $our:literal => $their:literal,)*) => {
        &[
            Rule::form(
                concat!("stages.", $stage, ".blocks.*.gamma"),
                Form::Positions,
                &[concat!("features.", $module, ".*.layer_scale")],
            ),
            $(Rule::same(
                concat!("stages.", $stage, ".blocks.*.", $our),
                &[concat!("features.", $module, ".*.", $their)],
            ),)*
        ]
    };
}

/// How publishers store one; the first as Twist does.
pub(crate) static LAYOUTS: [Layout; 5] = [
    Layout { name: "timm", ..Layout::OURS },
    Layout {
        name: "the authors",
        marks: &["downsample_layers.0.0.weight", "stages.0.0.dwconv.weight"],
        rules: &[&[
            Rule::same("stem.0.", &["downsample_layers.0.0."]),
            Rule::same("stem.1.", &["downsample_layers.0.1."]),
            Rule::same("stages.*.downsample.0.", &["downsample_layers.*.0."]),
            Rule::same("stages.*.downsample.1.", &["downsample_layers.*.1."]),
            Rule::same("stages.*.blocks.*.gamma", &["stages.*.*.gamma"]),
            Rule::same("stages.*.blocks.*.conv_dw.", &["stages.*.*.dwconv."]),
            Rule::same("stages.*.blocks.*.norm.", &["stages.*.*.norm."]),
            Rule::same("stages.*.blocks.*.mlp.fc1.", &["stages.*.*.pwconv1."]),
            Rule::same("stages.*.blocks.*.mlp.fc2.", &["stages.*.*.pwconv2."]),
            Rule::same("head.norm.", &["norm."]),
        ]],
        absent: &[],
        // DINOv3 stores its last norm a second time.
        rest: Rest::Theirs(&["head.", "norms."]),
    },
    Layout {
        name: "torchvision",
        marks: &["features.0.0.weight", "features.1.0.layer_scale"],
        rules: &[
            &[
                Rule::same("stem.0.", &["features.0.0."]),
                Rule::same("stem.1.", &["features.0.1."]),
                Rule::same("stages.1.downsample.0.", &["features.2.0."]),
                Rule::same("stages.1.downsample.1.", &["features.2.1."]),
                Rule::same("stages.2.downsample.0.", &["features.4.0."]),
                Rule::same("stages.2.downsample.1.", &["features.4.1."]),
                Rule::same("stages.3.downsample.0.", &["features.6.0."]),
                Rule::same("stages.3.downsample.1.", &["features.6.1."]),
                Rule::same("head.norm.", &["classifier.0."]),
            ],
            torchvision_blocks!(0, 1),
            torchvision_blocks!(1, 3),
            torchvision_blocks!(2, 5),
            torchvision_blocks!(3, 7),
        ],
        absent: &[],
        rest: Rest::Theirs(&["classifier.2."]),
    },
    Layout {
        name: "Hugging Face",
        marks: &["embeddings.patch_embeddings.weight", "encoder.stages.0.layers.0.dwconv.weight"],
        rules: &[&[
            Rule::same("stem.0.", &["embeddings.patch_embeddings."]),
            Rule::same("stem.1.", &["embeddings.layernorm."]),
            Rule::same("stages.*.downsample.0.", &["encoder.stages.*.downsampling_layer.0."]),
            Rule::same("stages.*.downsample.1.", &["encoder.stages.*.downsampling_layer.1."]),
            Rule::same("stages.*.blocks.*.gamma", &["encoder.stages.*.layers.*.layer_scale_parameter"]),
            Rule::same("stages.*.blocks.*.conv_dw.", &["encoder.stages.*.layers.*.dwconv."]),
            Rule::same("stages.*.blocks.*.norm.", &["encoder.stages.*.layers.*.layernorm."]),
            Rule::same("stages.*.blocks.*.mlp.fc1.", &["encoder.stages.*.layers.*.pwconv1."]),
            Rule::same("stages.*.blocks.*.mlp.fc2.", &["encoder.stages.*.layers.*.pwconv2."]),
            Rule::same("head.norm.", &["layernorm."]),
        ]],
        absent: &[],
        rest: Rest::Theirs(&[]),
    },
    Layout {
        name: "Hugging Face, DINOv3",
        marks: &["stages.0.downsample_layers.0.weight", "stages.0.layers.0.depthwise_conv.weight"],
        rules: &[&[
            Rule::same("stem.0.", &["stages.0.downsample_layers.0."]),
            Rule::same("stem.1.", &["stages.0.downsample_layers.1."]),
            Rule::same("stages.*.downsample.0.", &["stages.*.downsample_layers.0."]),
            Rule::same("stages.*.downsample.1.", &["stages.*.downsample_layers.1."]),
            Rule::same("stages.*.blocks.*.gamma", &["stages.*.layers.*.gamma"]),
            Rule::same("stages.*.blocks.*.conv_dw.", &["stages.*.layers.*.depthwise_conv."]),
            Rule::same("stages.*.blocks.*.norm.", &["stages.*.layers.*.layer_norm."]),
            Rule::same("stages.*.blocks.*.mlp.fc1.", &["stages.*.layers.*.pointwise_conv1."]),
            Rule::same("stages.*.blocks.*.mlp.fc2.", &["stages.*.layers.*.pointwise_conv2."]),
            Rule::same("head.norm.", &["^layer_norm."]),
        ]],
        absent: &[],
        rest: Rest::Theirs(&[]),
    },
];

impl ConvNextArch {
    /// The network without its classifier: the stem, each block and each step between stages, and the norm of the mean over
    /// positions. Branches are left out with a chance that rises from 0 to `drop_path` at the last block.
    fn network(self, b: &mut Builder<'_>, drop_path: f64) -> Result<Chain, NnError> {
        let conv = Conv::patches(&mut b.sub("stem.0"), 3, self.width(0), 4)?;
        let stem = Patches { conv, norm: LayerNorm::new(&mut b.sub("stem.1"), self.width(0), EPS)? };
        let mut parts: Vec<Box<dyn Part>> = vec![Box::new(stem)];
        let last = self.blocks.iter().map(|&count| i64::from(count)).sum::<i64>() - 1;
        let mut index = 0;
        for (stage, count) in self.blocks.into_iter().enumerate() {
            let (mut b, width) = (b.sub(format_args!("stages.{stage}")), self.width(stage));
            if stage > 0 {
                let norm = LayerNorm::new(&mut b.sub("downsample.0"), width / 2, EPS)?;
                let conv = Conv::patches(&mut b.sub("downsample.1"), width / 2, width, 2)?;
                parts.push(Box::new(Downsample { norm, conv }));
            }
            for block in 0..count {
                let drop = drop_path * f64::from(index) / last.max(1) as f64;
                let block = Block::new(&mut b.sub(format_args!("blocks.{block}")), width, drop)?;
                parts.push(Box::new(block));
                index += 1;
            }
        }
        let norm = LayerNorm::new(&mut b.sub("head.norm"), self.width(STAGES - 1), EPS)?;
        let feature_dim = norm.features();
        parts.push(Box::new(NormedMean(norm)));
        Ok(Chain { parts, feature_dim })
    }
}

/// The stem: patches and their norm.
#[derive(Debug)]
struct Patches {
    conv: Conv,
    norm: LayerNorm,
}

impl Part for Patches {
    fn forward(&self, images: &Tensor, _: Mode) -> Result<Tensor, NnError> {
        self.norm.forward_channels(&self.conv.forward(images)?)
    }

    fn record(&self, graph: &mut Graph, images: &Value) -> Result<Value, NnError> {
        let x = self.conv.record(graph, images);
        Ok(self.norm.record_channels(graph, &x))
    }
}

/// Between two stages: half the resolution, twice the channels.
#[derive(Debug)]
struct Downsample {
    norm: LayerNorm,
    conv: Conv,
}

impl Part for Downsample {
    fn forward(&self, x: &Tensor, _: Mode) -> Result<Tensor, NnError> {
        self.conv.forward(&self.norm.forward_channels(x)?)
    }

    fn record(&self, graph: &mut Graph, x: &Value) -> Result<Value, NnError> {
        let normed = self.norm.record_channels(graph, x);
        Ok(self.conv.record(graph, &normed))
    }
}

#[derive(Debug)]
struct NormedMean(LayerNorm);

impl Part for NormedMean {
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        self.0.forward(&MeanOfPositions.forward(x, mode)?)
    }

    fn record(&self, graph: &mut Graph, x: &Value) -> Result<Value, NnError> {
        let mean = graph.mean_of_positions(x);
        Ok(self.0.record(graph, &mean))
    }
}

/// `x + gamma * mlp(norm(conv_dw(x)))`, the MLP at each position for itself.
#[derive(Debug)]
struct Block {
    conv: Conv,
    norm: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    /// `[C]`.
    gamma: Tensor,
    drop: f64,
}

impl Block {
    fn new(b: &mut Builder<'_>, width: i64, drop: f64) -> Result<Self, NnError> {
        Ok(Self {
            gamma: b.parameter("gamma", &[width], Init::Const(FIRST_SCALE))?,
            conv: Conv::depthwise_same(&mut b.sub("conv_dw"), width, 7)?,
            norm: LayerNorm::new(&mut b.sub("norm"), width, EPS)?,
            fc1: Linear::small_normal(&mut b.sub("mlp.fc1"), width, 4 * width)?,
            fc2: Linear::small_normal(&mut b.sub("mlp.fc2"), 4 * width, width)?,
            drop,
        })
    }
}

impl Part for Block {
    /// `[B, C, H, W]`, of the same shape.
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        // Channels last: [B, H, W, C].
        let y = self.norm.forward(&self.conv.forward(x)?.f_permute([0, 2, 3, 1])?)?;
        let y = self.fc2.forward(&self.fc1.forward(&y)?.f_gelu("none")?)?.f_mul(&self.gamma)?;
        Ok(x.f_add(&thinned(y.f_permute([0, 3, 1, 2])?, self.drop, mode)?)?)
    }

    fn record(&self, graph: &mut Graph, x: &Value) -> Result<Value, NnError> {
        let y = self.conv.record(graph, x);
        let y = graph.transpose(&y, &[0, 2, 3, 1]);
        let y = self.norm.record(graph, &y);
        let y = self.fc1.record(graph, &y);
        let y = graph.gelu(&y)?;
        let y = self.fc2.record(graph, &y);
        let gamma = graph.constant(&self.gamma);
        let y = graph.with("Mul", &y, &gamma);
        let y = graph.transpose(&y, &[0, 3, 1, 2]);
        Ok(graph.with("Add", x, &y.name))
    }
}
