//! Images become features, batch by batch, for commands that write as they go.

use std::sync::Arc;

use tch::{Device, Tensor};
use twist_data::{Dataset, Skipped};
use twist_nn::FeatureKind;

use crate::features::CacheUse;
use crate::{EvalInput, Model, ModelError};

/// Some rows of features on their way.
#[derive(Debug)]
pub struct FeatureBatch<'a> {
    /// Index of each row in its data set, ascending.
    pub indices: &'a [u32],
    /// `[B, D]` float32 on the CPU, as the backbone gives them.
    pub features: &'a Tensor,
}

/// What is heard of a stream while it flows.
#[derive(Clone, Copy, Debug)]
pub enum StreamEvent<'a> {
    /// An image could not be read and is left out.
    Skipped(&'a Skipped),
    /// So many of so many images are done, those that could not be read included.
    Progress(usize, usize),
    /// Something about the cache that people should know: what is damaged, or why nothing is kept.
    Note(&'a str),
    /// How many images the cache knew. Last, and not heard without a cache.
    Cached(CacheUse),
}

/// Hands the features of every readable image of `dataset` to `take`, in order; memory holds a few batches of them,
/// however many there are. Returns the number of rows.
///
/// No cache has a part in it, and the last batch is as small as it is; [`FeatureCache::stream`](crate::FeatureCache::stream) is for
/// data sets.
///
/// # Errors
/// No image can be read, the model has no backbone, libtorch fails, or `take` does.
pub fn stream_features(
    model: &Model,
    input: &EvalInput,
    kind: FeatureKind,
    dataset: &Arc<dyn Dataset>,
    hear: &mut dyn FnMut(StreamEvent<'_>),
    mut take: impl FnMut(FeatureBatch<'_>) -> Result<(), ModelError>,
) -> Result<usize, ModelError> {
    model.backbone()?;
    let all: Vec<u32> = (0..dataset.len() as u32).collect();
    let (mut rows, mut done) = (0, 0);
    input.for_each_read(dataset, &all, |read| {
        read.skipped.iter().for_each(|image| hear(StreamEvent::Skipped(image)));
        if let Some(bytes) = read.bytes {
            let features = input.features(model, bytes, kind)?.f_to_device(Device::Cpu)?;
            take(FeatureBatch { indices: read.indices, features: &features })?;
        }
        rows += read.indices.len();
        done += read.indices.len() + read.skipped.len();
        hear(StreamEvent::Progress(done, all.len()));
        Ok::<(), ModelError>(())
    })?;
    if rows == 0 { Err(ModelError::NoFeatures) } else { Ok(rows) }
}
