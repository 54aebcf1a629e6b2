//! The parameters and buffers of a network, in the order and under the names of a PyTorch `state_dict`.

use std::collections::HashMap;

use tch::{Device, Kind, Tensor};
use twist_io::{HostTensor, LoadReport, StateDict, match_names};

use crate::{Init, NnError, fill, tensor_from_host, tensor_to_host};

/// What a tensor is to training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Changed by the optimizer.
    Parameter,
    /// A parameter that stays as it was made.
    Frozen,
    /// Changed by forward passes: running statistics and their counters.
    Buffer,
}

/// One named tensor.
#[derive(Debug)]
pub struct Entry {
    /// The `state_dict` key.
    pub name: String,
    /// The tensor; layers hold the same one.
    pub tensor: Tensor,
    /// What it is to training.
    pub role: Role,
}

/// Most numbers that a network may have, 8 GiB of them: the largest published ResNets and transformers have half of it.
const MOST_NUMBERS: i64 = 1 << 31;

/// What tensors hold at first.
#[derive(Debug, Clone, Copy)]
enum Start {
    /// Initial values that derive from a seed.
    Seed(u64),
    /// Zeros.
    Zeros,
    /// Nothing: they have shapes only.
    Outline,
}

/// Every tensor of a network. Layers share them, so a change here is a change there.
#[derive(Debug)]
pub struct Store {
    entries: Vec<Entry>,
    device: Device,
    start: Start,
    /// Numbers of all tensors.
    numbers: i64,
}

impl Store {
    /// An empty store for tensors on `device`, whose initial values derive from `seed`.
    pub fn new(device: Device, seed: u64) -> Self {
        Self::starting(device, Start::Seed(seed))
    }

    /// An empty store for tensors on `device` that [`Store::load`] will fill. To draw initial values for a large transformer
    /// takes many times as long as to load it.
    pub fn to_load(device: Device) -> Self {
        Self::starting(device, Start::Zeros)
    }

    /// An empty store for tensors with names and shapes and without memory: to compare a network that someone describes
    /// with what is there, before anything is allocated for it.
    pub fn outline() -> Self {
        Self::starting(Device::Cpu, Start::Outline)
    }

    fn starting(device: Device, start: Start) -> Self {
        Self { entries: Vec::new(), device, start, numbers: 0 }
    }

    /// Where the tensors are.
    pub fn device(&self) -> Device {
        self.device
    }

    /// All tensors, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The parameters, in order; they share memory with the network's.
    pub fn parameters(&self) -> Vec<Tensor> {
        self.named_parameters().map(|(_, tensor)| tensor.shallow_clone()).collect()
    }

    /// The parameters with their names, in order.
    pub fn named_parameters(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        let parameters = self.entries.iter().filter(|entry| entry.role == Role::Parameter);
        parameters.map(|entry| (entry.name.as_str(), &entry.tensor))
    }

    /// Names and shapes, in order.
    pub fn shapes(&self) -> Vec<(String, Vec<usize>)> {
        let shape = |tensor: &Tensor| tensor.size().iter().map(|&d| d as usize).collect();
        self.entries.iter().map(|entry| (entry.name.clone(), shape(&entry.tensor))).collect()
    }

    /// Starts adding tensors under names that begin with `prefix` and a dot (no dot for the empty prefix).
    pub fn builder(&mut self, prefix: &str) -> Builder<'_> {
        Builder { prefix: prefix.to_owned(), store: self }
    }

    /// A copy of every tensor.
    ///
    /// # Errors
    /// Copying from the device fails.
    pub fn state_dict(&self) -> Result<StateDict, NnError> {
        let mut state = StateDict::default();
        for entry in &self.entries {
            state.push(entry.name.clone(), tensor_to_host(&entry.tensor)?);
        }
        Ok(state)
    }

    /// Copies a state into the tensors. Names in the state that the network does not have are reported as unused.
    ///
    /// # Errors
    /// [`NnError::Mismatch`] when a tensor is missing or has another shape; then nothing was changed.
    pub fn load(&self, state: &StateDict) -> Result<LoadReport, NnError> {
        let report = match_names(&self.shapes(), &state.shapes());
        if !report.is_complete() {
            return Err(NnError::Mismatch(Box::new(report)));
        }
        // Converted first, copied after: a damaged tensor must not leave half a network behind.
        let hosts: HashMap<&str, &HostTensor> = state.iter().collect();
        let mut values = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            if let Some(host) = hosts.get(entry.name.as_str()) {
                values.push((&entry.tensor, tensor_from_host(host, self.device)?));
            }
        }
        tch::no_grad(|| {
            for (tensor, value) in values {
                tensor.shallow_clone().f_copy_(&value)?;
            }
            Ok(report)
        })
    }

    /// Converts every floating-point tensor, for tests that need float64.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn set_kind(&mut self, kind: Kind) -> Result<(), NnError> {
        self.replace(|tensor| {
            let floating =
                matches!(tensor.f_kind()?, Kind::Float | Kind::Double | Kind::Half | Kind::BFloat16);
            Ok(if floating { Some(tensor.f_to_kind(kind)?) } else { None })
        })
    }

    /// Puts the channels of every 4-D tensor innermost in memory, which bf16 convolutions want.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn to_channels_last(&mut self) -> Result<(), NnError> {
        self.replace(|tensor| {
            Ok(if tensor.dim() == 4 { Some(torch_ext::layout::channels_last(tensor)?) } else { None })
        })
    }

    /// Exchanges the memory behind tensors; layers that share them see the new one.
    fn replace(&mut self, new: impl Fn(&Tensor) -> Result<Option<Tensor>, NnError>) -> Result<(), NnError> {
        tch::no_grad(|| {
            for entry in &mut self.entries {
                if let Some(tensor) = new(&entry.tensor.f_detach()?)? {
                    entry.tensor.f_set_data(&tensor)?;
                }
            }
            Ok(())
        })
    }
}

/// Adds tensors to a [`Store`] under a prefix.
#[derive(Debug)]
pub struct Builder<'a> {
    prefix: String,
    store: &'a mut Store,
}

impl Builder<'_> {
    /// A builder one level down, as `layer1` → `layer1.0`.
    pub fn sub(&mut self, name: impl std::fmt::Display) -> Builder<'_> {
        Builder { prefix: self.full(name), store: self.store }
    }

    /// A float32 parameter of this shape.
    ///
    /// # Errors
    /// The device has no room.
    pub fn parameter(&mut self, name: &str, shape: &[i64], init: Init) -> Result<Tensor, NnError> {
        let (name, tensor) = self.filled(name, shape, init)?;
        Ok(self.push(name, tensor.f_set_requires_grad(true)?, Role::Parameter))
    }

    /// As [`Builder::parameter`], for one that no optimizer changes.
    ///
    /// # Errors
    /// The device has no room.
    pub fn frozen(&mut self, name: &str, shape: &[i64], init: Init) -> Result<Tensor, NnError> {
        let (name, tensor) = self.filled(name, shape, init)?;
        Ok(self.push(name, tensor, Role::Frozen))
    }

    fn filled(&mut self, name: &str, shape: &[i64], init: Init) -> Result<(String, Tensor), NnError> {
        let name = self.full(name);
        let count = self.count(shape)?;
        let device = self.store.device;
        let tensor = match self.store.start {
            Start::Seed(seed) => {
                Tensor::f_from_slice(&fill(init, seed, &name, count))?.f_view(shape)?.f_to_device(device)?
            }
            Start::Zeros => Tensor::f_zeros(shape, (Kind::Float, device))?,
            Start::Outline => outline(shape, Kind::Float)?,
        };
        Ok((name, tensor))
    }

    /// A buffer of this shape and kind, filled with one value.
    ///
    /// # Errors
    /// The device has no room.
    pub fn buffer(&mut self, name: &str, shape: &[i64], value: f64, kind: Kind) -> Result<Tensor, NnError> {
        let name = self.full(name);
        self.count(shape)?;
        let tensor = match self.store.start {
            Start::Outline => outline(shape, kind)?,
            Start::Seed(_) | Start::Zeros => Tensor::f_full(shape, value, (kind, self.store.device))?,
        };
        Ok(self.push(name, tensor, Role::Buffer))
    }

    /// A buffer of known values `[N]`.
    ///
    /// # Errors
    /// The device has no room.
    pub fn constant(&mut self, name: &str, values: &[f32]) -> Result<Tensor, NnError> {
        let buffer = self.buffer(name, &[values.len() as i64], 0.0, Kind::Float)?;
        if !matches!(self.store.start, Start::Outline) {
            buffer.shallow_clone().f_copy_(&Tensor::f_from_slice(values)?)?;
        }
        Ok(buffer)
    }

    /// Numbers of a tensor, added to those of the network.
    fn count(&mut self, shape: &[i64]) -> Result<usize, NnError> {
        let count = shape.iter().try_fold(1i64, |count, &axis| count.checked_mul(axis));
        let count = count.filter(|count| (0..=MOST_NUMBERS).contains(count));
        let sum = count.and_then(|count| self.store.numbers.checked_add(count));
        match (count, sum.filter(|&sum| sum <= MOST_NUMBERS)) {
            (Some(count), Some(sum)) => {
                self.store.numbers = sum;
                Ok(count as usize)
            }
            _ => Err(NnError::TooManyNumbers { most: MOST_NUMBERS }),
        }
    }

    fn push(&mut self, name: String, tensor: Tensor, role: Role) -> Tensor {
        let shared = tensor.shallow_clone();
        self.store.entries.push(Entry { name, tensor, role });
        shared
    }

    fn full(&self, name: impl std::fmt::Display) -> String {
        if self.prefix.is_empty() { name.to_string() } else { format!("{}.{name}", self.prefix) }
    }
}

/// A tensor of this shape that is one number in memory.
fn outline(shape: &[i64], kind: Kind) -> Result<Tensor, NnError> {
    Ok(Tensor::f_zeros([0i64; 0], (kind, Device::Cpu))?.f_expand(shape, false)?)
}
