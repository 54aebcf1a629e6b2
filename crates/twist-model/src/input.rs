//! Loads and preprocesses images for evaluation.

use std::rc::Rc;
use std::sync::Arc;

use tch::{Device, Kind, Tensor};
use torch_ext::{Autocast, Machine, Precision};
use twist_data::{BatchRequest, Dataset, EvalTransform, Loader, LoaderOptions, Pipeline, Skipped};
use twist_nn::{DeviceNormalize, Mode, TwistNet};

use crate::{ModelCard, ModelError, Watch, in_blocks};

/// Most images in one forward pass of an evaluation.
const BATCH: u64 = 256;

/// Most pixels of them, in images of the usual size: activations grow with pixels, and larger images take no more memory for it.
/// A GPU needs many to be busy. On a CPU few are faster, because their activations stay in its caches.
fn most_pixels(device: Device) -> u64 {
    let images = if device.is_cuda() { 128 } else { 16 };
    images * 224 * 224
}

/// Images of this side in one forward pass.
fn batch_of(side: u32, device: Device) -> usize {
    (most_pixels(device) / u64::from(side).pow(2).max(1)).clamp(1, BATCH) as usize
}

/// A loader of batches of so many images: of those that fill a batch alone, none is read ahead.
fn loader_of(batch: usize, threads: usize) -> LoaderOptions {
    let usual = LoaderOptions::default();
    let prefetch = if batch == 1 { 1 } else { usual.prefetch };
    LoaderOptions { threads, prefetch, ..usual }
}

/// Crops that are kept, for evaluations that read their images several times.
pub trait KeptCrops: std::fmt::Debug {
    /// The images of `dataset` as `transform` crops them, and the transform that is left to do; `None` for a data set or
    /// transform that nothing is kept for.
    fn view(
        &self,
        dataset: &Arc<dyn Dataset>,
        transform: &EvalTransform,
    ) -> Option<(Arc<dyn Dataset>, EvalTransform)>;
}

/// Transform, normalisation, device and precision: they define a number as much as the weights do.
#[derive(Clone, Debug)]
pub struct EvalInput {
    /// Resizing and centre crop.
    pub transform: EvalTransform,
    /// Bytes to numbers, on the device of the network.
    pub normalize: Rc<DeviceNormalize>,
    /// Where the network lives.
    pub device: Device,
    /// The reduced precision of the run, if it used one.
    pub autocast: Option<Kind>,
    /// Images in one forward pass; changes memory and speed, not the result beyond rounding.
    pub batch_size: usize,
    /// Threads and limits of the loader.
    pub loader: LoaderOptions,
    /// Who hears how many images of a pass are done.
    pub watch: Watch,
    /// Where the crops of an evaluation that reads its images several times are kept.
    pub crops: Option<Arc<dyn KeptCrops>>,
}

/// A batch of images as they were read.
#[derive(Debug)]
pub struct ReadBatch<'a> {
    /// The readable ones, in order.
    pub indices: &'a [u32],
    /// The readable ones transformed, bytes `[B, S, S, 3]` on the CPU; `None` if none is readable.
    pub bytes: Option<&'a Tensor>,
    /// The others.
    pub skipped: &'a [Skipped],
}

impl EvalInput {
    /// Images that `transform` crops, for a network on this machine that computes with `precision`.
    pub fn new(
        transform: EvalTransform,
        normalize: DeviceNormalize,
        precision: Precision,
        machine: &Machine,
    ) -> Self {
        let batch_size = batch_of(transform.crop, machine.device);
        Self {
            normalize: Rc::new(normalize),
            device: machine.device,
            autocast: (precision != Precision::Fp32).then(|| precision.kind()),
            batch_size,
            loader: loader_of(batch_size, machine.loader_threads),
            watch: Watch::default(),
            crops: None,
            transform,
        }
    }

    /// The evaluation that a model's card describes; `precision` overrides the card's.
    ///
    /// # Errors
    /// libtorch fails.
    pub fn of_card(
        card: &ModelCard,
        precision: Option<Precision>,
        machine: &Machine,
    ) -> Result<Self, ModelError> {
        let precision = precision.unwrap_or(card.precision);
        let reduced = precision != Precision::Fp32;
        let normalize = DeviceNormalize::new(card.mean, card.std, reduced, machine.device)?;
        Ok(Self::new(card.transform.clone(), normalize, precision, machine))
    }

    /// Reads the images `indices` of `dataset` and hands each batch to `take`, in order, with what could not be read of it.
    ///
    /// # Errors
    /// The loader cannot start, or `take` fails. Images that cannot be read are not an error.
    pub fn for_each_read<E: From<ModelError>>(
        &self,
        dataset: &Arc<dyn Dataset>,
        indices: &[u32],
        mut take: impl FnMut(ReadBatch<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let requests: Vec<BatchRequest> = indices
            .chunks(self.batch_size.max(1))
            .map(|chunk| BatchRequest { epoch: 0, indices: chunk.to_vec() })
            .collect();
        let kept = self.crops.as_ref().and_then(|crops| crops.view(dataset, &self.transform));
        let (images, transform) = kept.unwrap_or_else(|| (Arc::clone(dataset), self.transform.clone()));
        let mut loader =
            Loader::new(images, Pipeline::Eval(transform), requests.into_iter(), self.loader.clone())
                .map_err(ModelError::from)?;
        let _no_grad = tch::no_grad_guard();
        let mut done = 0;
        while let Some(batch) = loader.next() {
            let batch = batch.map_err(ModelError::from)?;
            let bytes = match batch.groups.first() {
                Some(group) if !batch.indices.is_empty() => {
                    let (count, size) = (batch.indices.len(), i64::from(group.size));
                    let bytes = &group.pixels[..count * (size * size * 3) as usize];
                    Some(pixels_of(bytes, count as i64, size)?)
                }
                _ => None,
            };
            take(ReadBatch { indices: &batch.indices, bytes: bytes.as_ref(), skipped: &batch.skipped })?;
            done += batch.indices.len() + batch.skipped.len();
            self.watch.at(done, indices.len());
            loader.recycle(batch);
        }
        Ok(())
    }

    /// Hands the transformed images as bytes `[B, S, S, 3]` (CPU) to `use_batch`, in the order of `indices`; returns
    /// the indices seen and what could not be read.
    ///
    /// # Errors
    /// No image can be read, or `use_batch` fails.
    pub fn for_each_batch<E: From<ModelError>>(
        &self,
        dataset: &Arc<dyn Dataset>,
        indices: &[u32],
        mut use_batch: impl FnMut(&Tensor) -> Result<(), E>,
    ) -> Result<(Vec<u32>, Vec<Skipped>), E> {
        let (mut seen, mut skipped) = (Vec::with_capacity(indices.len()), Vec::new());
        self.for_each_read(dataset, indices, |read| {
            skipped.extend_from_slice(read.skipped);
            seen.extend_from_slice(read.indices);
            read.bytes.map_or(Ok(()), &mut use_batch)
        })?;
        if seen.is_empty() { Err(ModelError::NoFeatures.into()) } else { Ok((seen, skipped)) }
    }

    /// Bytes `[B, S, S, 3]` → normalised floats `[B, 3, S, S]` on the device.
    ///
    /// # Errors
    /// libtorch fails.
    pub fn normalised(&self, bytes: &Tensor) -> Result<Tensor, ModelError> {
        Ok(self.normalize.apply(&torch_ext::host::upload(bytes, self.device)?)?)
    }

    /// Images `[B, 3, S, S]`, which have these indices in their data set → features `[B, D]` and cluster probabilities `[B, K]`, both
    /// fp32. The head sees what it sees of a [`Predictor`](crate::Predictor): features in fp32, in blocks.
    ///
    /// # Errors
    /// libtorch fails, for images of another size.
    pub fn forward(
        &self,
        net: &TwistNet,
        images: &Tensor,
        indices: &[u32],
    ) -> Result<(Tensor, Tensor), ModelError> {
        let features = {
            let _autocast = self.autocast.map(|kind| Autocast::scope(self.device, kind)).transpose()?;
            net.backbone.forward(images, Mode::Eval)?
        };
        let features = features.f_to_kind(Kind::Float)?;
        let probabilities = in_blocks(&features, indices, |block| -> Result<Tensor, ModelError> {
            Ok(net.head.forward(block, 1, Mode::Eval)?.f_softmax(-1, Kind::Float)?)
        })?;
        Ok((features, probabilities))
    }
}

/// Bytes as a tensor `[B, S, S, 3]`.
fn pixels_of(bytes: &[u8], count: i64, side: i64) -> Result<Tensor, ModelError> {
    Ok(Tensor::f_from_slice(bytes)?.f_view([count, side, side, 3])?)
}

#[cfg(test)]
mod tests {
    use super::{Device, batch_of};

    #[test]
    fn larger_images_come_in_smaller_batches() {
        let sizes = [32, 224, 225, 384, 448, 2048, u32::MAX];
        assert_eq!(sizes.map(|side| batch_of(side, Device::Cuda(0))), [256, 128, 126, 43, 32, 1, 1]);
        assert_eq!(sizes.map(|side| batch_of(side, Device::Cpu)), [256, 16, 15, 5, 4, 1, 1]);
    }
}
