//! The reference folder: its tensors, its parameters, and the rule that generates what is too large to store.

use std::path::{Path, PathBuf};

use tch::{Kind, Tensor};
use twist_io::{StateDict, load_safetensors};
use twist_nn::{Store, tensor_from_host};

/// `TWIST_REFERENCE`, else `tests/reference` of the workspace.
pub(crate) fn folder() -> PathBuf {
    std::env::var_os("TWIST_REFERENCE").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference"),
        PathBuf::from,
    )
}

/// The number in the names of generated inputs: the file `seed`, 0 without it.
fn seed_of(folder: &Path) -> u64 {
    match fs_err::read_to_string(folder.join("seed")) {
        Ok(text) => text.trim().parse().expect("the file `seed` holds a number"),
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "the file `seed` is there or is not");
            0
        }
    }
}

pub(crate) fn seed() -> u64 {
    seed_of(&folder())
}

pub(crate) fn json(name: &str) -> serde_json::Map<String, serde_json::Value> {
    json_in(&folder(), name)
}

pub(crate) fn json_in(folder: &Path, name: &str) -> serde_json::Map<String, serde_json::Value> {
    let text = fs_err::read_to_string(folder.join(name)).expect("a reference file");
    serde_json::from_str(&text).expect("a JSON object")
}

/// Tensors of one file.
pub(crate) struct Values(StateDict);

impl Values {
    pub(crate) fn load(name: &str) -> Self {
        Self::in_folder(&folder(), name)
    }

    pub(crate) fn in_folder(folder: &Path, name: &str) -> Self {
        Self(load_safetensors(folder.join(name)).expect("a reference file").0)
    }

    pub(crate) fn get(&self, name: &str) -> Tensor {
        let host = self.0.get(name).unwrap_or_else(|| panic!("no reference value `{name}`"));
        tensor_from_host(host, tch::Device::Cpu).expect("a plain tensor")
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name)
    }

    /// The same values with one element of `name` moved by `relative` of the largest.
    pub(crate) fn perturbed(&self, name: &str, relative: f64) -> Tensor {
        let tensor = self.get(name);
        let largest = tensor.abs().max().double_value(&[]);
        let _ =
            tensor.flatten(0, -1).get(0).fill_(tensor.flatten(0, -1).double_value(&[0]) + relative * largest);
        tensor
    }
}

/// `max|a - b| / max|b|` in float64.
pub(crate) fn distance(got: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(got.size(), expected.size(), "shapes");
    let (got, expected) = (got.detach().to_kind(Kind::Double), expected.to_kind(Kind::Double));
    let scale = expected.abs().max().double_value(&[]);
    (got - expected).abs().max().double_value(&[]) / scale
}

#[track_caller]
pub(crate) fn close(got: &Tensor, expected: &Tensor, tolerance: f64, what: &str) {
    let distance = distance(got, expected);
    assert!(distance <= tolerance, "{what}: relative distance {distance:.3e} exceeds {tolerance:.0e}");
}

/// `u_i` of the rule for `name`, `count` of them.
pub(crate) fn rule(name: &str, count: usize) -> Vec<f64> {
    let mut h = 0xcbf2_9ce4_8422_2325u64;
    for byte in name.bytes() {
        h = (h ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    }
    (0..count as u64)
        .map(|i| {
            let z = twist_io::splitmix(h.wrapping_add(i.wrapping_mul(twist_io::GOLDEN)));
            (z >> 40) as f64 / f64::from(1u32 << 24) * 2.0 - 1.0
        })
        .collect()
}

/// A float32 tensor of the rule.
pub(crate) fn ruled(name: &str, shape: &[i64]) -> Tensor {
    let values: Vec<f32> =
        rule(name, shape.iter().product::<i64>() as usize).iter().map(|&u| u as f32).collect();
    Tensor::from_slice(&values).view(shape)
}

/// Normal numbers of a name (Box and Muller). Tests that draw from libtorch's generator would disturb the one that seeds it.
pub(crate) fn normal(name: &str, shape: &[i64]) -> Tensor {
    let unit = |part: &str| (ruled(&format!("{name}.{part}"), shape) + 1.0) / 2.0;
    let radius = (unit("radius").clamp(1e-7, 1.0).log() * -2.0).sqrt();
    radius * (unit("angle") * std::f64::consts::TAU).cos()
}

/// Images `[batch, 3, size, size]` of the rule.
pub(crate) fn images(batch: i64, size: i64) -> Tensor {
    images_of(&folder(), batch, size)
}

pub(crate) fn images_of(folder: &Path, batch: i64, size: i64) -> Tensor {
    ruled(&format!("image.{}.{size}", seed_of(folder)), &[batch, 3, size, size]) * 2.0
}

/// The weight of this name, float32 as all that it is made of.
pub(crate) fn ruled_weight(key: &str, shape: &[i64]) -> Tensor {
    let u = ruled(key, shape);
    if key.ends_with("running_mean") {
        u * 0.1
    } else if key.ends_with("running_var") {
        u.abs() * 0.5 + 1.0
    } else if shape.len() <= 1 && key.ends_with("weight") {
        u * 0.1 + 1.0
    } else if shape.len() <= 1 {
        u * 0.1
    } else if key.contains("pos_embed") || key.contains("cls_token") {
        u * 0.05
    } else {
        u * (3.0 / shape[1..].iter().product::<i64>() as f64).sqrt()
    }
}

/// Gives every floating-point tensor of a store its value by the rule, under its name without `prefix`.
pub(crate) fn apply_rule(store: &Store, prefix: &str) {
    tch::no_grad(|| {
        for entry in store.entries() {
            if !matches!(entry.tensor.kind(), Kind::Float | Kind::Double) {
                continue;
            }
            let key = entry.name.strip_prefix(prefix).expect("every name has the prefix");
            let value = ruled_weight(key, &entry.tensor.size());
            entry.tensor.shallow_clone().copy_(&value);
        }
    });
}

/// The tensor of a store by its name.
pub(crate) fn tensor(store: &Store, name: &str) -> Tensor {
    let entry = store.entries().iter().find(|entry| entry.name == name);
    entry.unwrap_or_else(|| panic!("no tensor `{name}`")).tensor.shallow_clone()
}

/// The case numbers `n` of names `prefix.n`, in order.
pub(crate) fn cases(names: &serde_json::Map<String, serde_json::Value>, prefix: &str) -> Vec<String> {
    names.keys().filter(|name| name.starts_with(prefix)).cloned().collect()
}
