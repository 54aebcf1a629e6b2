//! Frozen features and class probabilities of a whole data set.

use std::sync::Arc;

use tch::{Device, Tensor};
use twist_data::{Dataset, Skipped};
use twist_nn::TwistNet;

use super::{RowBuffer, unit_rows};
use crate::{EvalInput, ModelError};

/// Clusters of each image that are kept: with so many, the probability of merged ones is the sum of all that matter.
const KEPT: i64 = 32;

/// The 32 most probable clusters of each image (all of them where there are fewer) with their probabilities, best first, as
/// `(clusters, probabilities)` `[N, T]` on the CPU, from the probabilities `[N, K]` of all.
///
/// # Errors
/// libtorch fails.
pub fn most_probable(probabilities: &Tensor) -> Result<(Tensor, Tensor), ModelError> {
    let (_, all) = probabilities.size2()?;
    let (probabilities, clusters) = probabilities.f_topk(KEPT.min(all), 1, true, true)?;
    Ok((clusters.f_to_device(Device::Cpu)?, probabilities.f_to_device(Device::Cpu)?))
}

/// What a frozen network says about the readable images of a data set; all tensors lie on the CPU.
#[derive(Debug)]
pub struct NetworkOutputs {
    /// Index of each row in its data set, ascending.
    pub indices: Vec<u32>,
    /// L2-normalised backbone features `[N, D]`.
    pub embeddings: Tensor,
    /// The T most probable clusters of each image `[N, T]` (int64), the best first: 32, or all where there are fewer.
    pub clusters: Tensor,
    /// Their probabilities `[N, T]`.
    pub confidences: Tensor,
    /// Images that could not be read.
    pub skipped: Vec<Skipped>,
}

impl NetworkOutputs {
    /// How many of the images have a label in `dataset`, whose images they are: accuracies are of these.
    pub fn labelled(&self, dataset: &dyn Dataset) -> usize {
        self.indices.iter().filter(|&&index| dataset.label(index as usize).is_some()).count()
    }

    /// Runs `net` in evaluation mode over the images `indices` of `dataset`. No gradient, no running statistic and no
    /// random number of the training is touched.
    ///
    /// # Errors
    /// No image can be read, or libtorch fails.
    pub fn of(
        net: &TwistNet,
        input: &EvalInput,
        dataset: &Arc<dyn Dataset>,
        indices: &[u32],
    ) -> Result<Self, ModelError> {
        let (mut embeddings, mut clusters, mut confidences) =
            (RowBuffer::default(), RowBuffer::default(), RowBuffer::default());
        let (mut seen, mut skipped) = (Vec::with_capacity(indices.len()), Vec::new());
        input.for_each_read(dataset, indices, |read| -> Result<(), ModelError> {
            skipped.extend_from_slice(read.skipped);
            seen.extend_from_slice(read.indices);
            let Some(bytes) = read.bytes else { return Ok(()) };
            let (features, probabilities) = input.forward(net, &input.normalised(bytes)?, read.indices)?;
            let (cluster, confidence) = most_probable(&probabilities)?;
            embeddings.push(&unit_rows(&features)?, indices.len())?;
            clusters.push(&cluster, indices.len())?;
            confidences.push(&confidence, indices.len())
        })?;
        if seen.is_empty() {
            return Err(ModelError::NoFeatures);
        }
        let rows = seen.len() as i64;
        Ok(Self {
            indices: seen,
            embeddings: embeddings.first(rows)?,
            clusters: clusters.first(rows)?,
            confidences: confidences.first(rows)?,
            skipped,
        })
    }

    /// The most probable cluster of each image.
    ///
    /// # Errors
    /// libtorch fails.
    pub fn predictions(&self) -> Result<Vec<u32>, ModelError> {
        let clusters = Vec::<i64>::try_from(&self.clusters.f_select(1, 0)?.f_contiguous()?)?;
        Ok(clusters.into_iter().map(|cluster| cluster as u32).collect())
    }

    /// The probability of the most probable cluster of each image.
    ///
    /// # Errors
    /// libtorch fails.
    pub fn probabilities(&self) -> Result<Vec<f32>, ModelError> {
        Ok(Vec::<f32>::try_from(&self.confidences.f_select(1, 0)?.f_contiguous()?)?)
    }

    /// The mean probability of the most probable cluster.
    ///
    /// # Errors
    /// libtorch fails.
    pub fn mean_confidence(&self) -> Result<f64, ModelError> {
        Ok(f64::try_from(&self.confidences.f_select(1, 0)?.f_mean(tch::Kind::Double)?)?)
    }
}
