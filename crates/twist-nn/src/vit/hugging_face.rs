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

/// What the name of a network says.
pub(super) struct Named {
    pub(super) facts: &'static Facts,
    pub(super) size: VitSize,
    pub(super) patch: i64,
    pub(super) registers: i64,
    /// Side of the images that its table of positions is made for.
    pub(super) table_side: i64,
}

/// The network as `class`, whose files have this layout, for images of this side. A table of positions that the class would
/// stretch in another way is written as Twist stretches it to this side.
pub(super) fn network(
    named: &Named,
    class: Class,
    layout: &Layout,
    side: i64,
    state: &StateDict,
) -> Result<HuggingFace, NnError> {
    let Named { facts, patch, registers, .. } = *named;
    let VitSize { dim, depth, heads, .. } = named.size;
    let mut state = state.clone();
    let (mut image_side, mut note) = (named.table_side, None);
    match facts.resample {
        Some(resample) if image_side != side && !class.stretches_alike => {
            let (prefix, grid) = (i64::from(facts.class_token), side / patch);
            for (_, table) in state.0.iter_mut().filter(|(name, _)| name == TABLE) {
                let own = tensor_from_host(table, Device::Cpu)?;
                *table = tensor_to_host(&stretched(&own, prefix, grid, grid, resample(registers))?)?;
            }
            (image_side, note) = (side, Some(other_table(image_side, side)));
        }
        Some(_) => {}
        // Rotations are made for images of any side.
        None => image_side = side,
    }
    let mut written = layout.export(&state, class.prefix)?;
    if facts.masked_keys {
        // What the mask makes zero has no place there.
        written.0.retain(|(name, _)| !name.ends_with(".k_proj.bias"));
    }
    let beside = class.beside.into_iter().map(|(name, tensor)| (format!("{}{name}", class.prefix), tensor));
    written.0.extend(beside);
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
    Ok(HuggingFace { class: class.name, output: class.output, config, state: written, note })
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
