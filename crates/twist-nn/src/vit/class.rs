//! What a family's file says of its class at Hugging Face.

use serde_json::{Value, json};
use twist_io::{Dtype, HostTensor};

/// A class, with what it has beside what all have.
#[derive(Debug)]
pub(super) struct Class {
    pub(super) name: &'static str,
    /// Which of its outputs is the feature.
    pub(super) output: &'static str,
    /// What stands in front of its tensors.
    pub(super) prefix: &'static str,
    /// Fields of `config.json`, which come before those of all classes.
    pub(super) config: Value,
    /// Tensors that it has and ours do not, which change no feature.
    pub(super) beside: Vec<(&'static str, HostTensor)>,
    /// Whether it stretches a table of positions as Twist does.
    pub(super) stretches_alike: bool,
}

impl Default for Class {
    fn default() -> Self {
        Self {
            name: "",
            output: "pooler_output",
            prefix: "",
            config: json!({}),
            beside: Vec::new(),
            stretches_alike: false,
        }
    }
}

pub(super) fn zeros(shape: &[i64]) -> HostTensor {
    let shape: Vec<usize> = shape.iter().map(|&axis| axis as usize).collect();
    HostTensor {
        dtype: Dtype::F32,
        data: vec![0; Dtype::F32.size() * shape.iter().product::<usize>()],
        shape,
    }
}

/// The matrix that changes nothing.
pub(super) fn identity(dim: i64) -> HostTensor {
    let mut matrix = zeros(&[dim, dim]);
    let one = 1f32.to_le_bytes();
    for (at, row) in matrix.data.chunks_exact_mut(one.len() * dim as usize).enumerate() {
        row[at * one.len()..][..one.len()].copy_from_slice(&one);
    }
    matrix
}
