//! Writes what a model sees of images: their normalised pixels, to compare them with another program's.
//!
//! ```text
//! cargo run -p twist-model --example preprocess -- MODEL DATA OUT.safetensors
//! ```
//! `OUT` has one tensor, `pixels` `[N, 3, S, S]` (float32), in the order of the data. `tools/reference/foundation_full.py`
//! reads it.

use std::path::Path;

use tch::Tensor;
use torch_ext::{DeviceRequest, Machine};
use twist_io::{StateDict, save_safetensors};
use twist_model::{EvalInput, Model, ModelError};
use twist_nn::tensor_to_host;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [model, data, out] = arguments.as_slice() else { return Err("MODEL DATA OUT.safetensors".into()) };
    let machine = Machine::detect(DeviceRequest::Cpu, None)?;
    let model = Model::load(Path::new(model), machine.device)?;
    let input = EvalInput::of_card(&model.card, None, &machine)?;
    let dataset = twist_data::open(data, &twist_data::OpenOptions::default())?;
    let all: Vec<u32> = (0..dataset.len() as u32).collect();
    let mut pixels = Vec::new();
    input.for_each_batch::<ModelError>(&dataset, &all, |bytes| {
        pixels.push(input.normalised(bytes)?.f_to_kind(tch::Kind::Float)?);
        Ok(())
    })?;
    let mut state = StateDict::default();
    state.push("pixels", tensor_to_host(&Tensor::f_cat(&pixels, 0)?.f_contiguous()?)?);
    save_safetensors(out, &state, None)?;
    Ok(())
}
