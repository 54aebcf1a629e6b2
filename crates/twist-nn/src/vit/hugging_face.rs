//! Vision transformers as classes of `transformers`.

use serde_json::json;
use tch::Device;
use twist_io::StateDict;

use super::VitSize;
use super::class::Class;
use super::facts::Facts;
use super::mlp::Gelu;
use super::positions::stretched;
use crate::hugging_face::{HuggingFace, fields};
use crate::{Layout, NnError, tensor_from_host, tensor_to_host};

/// Our name of the table of positions.
const TABLE: &str = "pos_embed";

/// A network as a class, and what its name says.
pub(super) struct Named {
    pub(super) facts: &'static Facts,
    pub(super) class: Class,
    pub(super) size: VitSize,
    pub(super) patch: i64,
    pub(super) registers: i64,
    /// Side of the images that its table of positions is made for.
    pub(super) table_side: i64,
}

impl Named {
    /// Whether the class would stretch the table of positions for images of this side in another way. Then it is written as Twist
    /// stretches it.
    fn stretches(&self, side: i64) -> bool {
        self.facts.resample.is_some() && self.table_side != side && !self.class.stretches_alike
    }

    /// The class for images of this side.
    pub(super) fn described(self, side: i64) -> HuggingFace {
        let note = self.stretches(side).then(|| other_table(self.table_side, side));
        // Rotations are made for images of any side.
        let image_side = if note.is_some() || self.facts.resample.is_none() { side } else { self.table_side };
        let Self { facts, class, size: VitSize { dim, depth, heads, .. }, patch, .. } = self;
        let mut config = fields(class.config);
        let shared = fields(json!({
            "hidden_size": dim,
            "num_hidden_layers": depth,
            "num_attention_heads": heads,
            "hidden_act": activation(facts.gelu),
            "layer_norm_eps": facts.eps,
            "num_channels": 3,
            "patch_size": patch,
            "image_size": image_side,
        }));
        for (field, value) in shared {
            config.entry(field).or_insert(value);
        }
        HuggingFace { class: class.name, output: class.output, config, note }
    }

    pub(super) fn state(self, layout: &Layout, side: i64, state: &StateDict) -> Result<StateDict, NnError> {
        let mut state = state.clone();
        if let Some(resample) = self.facts.resample.filter(|_| self.stretches(side)) {
            let (prefix, grid) = (i64::from(self.facts.class_token), side / self.patch);
            for (_, table) in state.0.iter_mut().filter(|(name, _)| name == TABLE) {
                let own = tensor_from_host(table, Device::Cpu)?;
                *table = tensor_to_host(&stretched(&own, prefix, grid, grid, resample(self.registers))?)?;
            }
        }
        let Class { prefix, beside, .. } = self.class;
        let mut written = layout.export(&state, prefix)?;
        if self.facts.masked_keys {
            // What the mask makes zero has no place there.
            written.0.retain(|(name, _)| !name.ends_with(".k_proj.bias"));
        }
        let beside = beside.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor));
        written.0.extend(beside);
        Ok(written)
    }
}

fn other_table(own: i64, side: i64) -> String {
    format!(
        "The table of positions is that of images of {side} pixels. The network was made with one for {own} pixels, which \
         `transformers` would interpolate in another way than Twist."
    )
}

/// What the non-linearity of the blocks is called.
fn activation(gelu: Gelu) -> &'static str {
    match gelu {
        Gelu::Exact => "gelu",
        Gelu::Tanh => "gelu_pytorch_tanh",
        Gelu::Quick => "quick_gelu",
    }
}
