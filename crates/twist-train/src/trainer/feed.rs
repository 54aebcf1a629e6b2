//! Batches for the step, until the loader is there.

use std::sync::Arc;

use tch::{Device, Tensor};
use twist_data::{Augmenter, Dataset, DecodeLimits, Decoder, DrawKey, Sampler, Stored, draw};

use crate::{TrainError, TrainPlan};

pub(super) struct FedBatch {
    pub(super) pixels: Tensor,
    pub(super) indices: Vec<u32>,
    pub(super) skipped: Vec<(String, String)>,
}

pub(super) struct Feed {
    dataset: Arc<dyn Dataset>,
    sampler: Sampler,
    plan: TrainPlan,
    augmenter: Augmenter,
}

impl Feed {
    pub(super) fn start(
        plan: &TrainPlan,
        dataset: Arc<dyn Dataset>,
        _step: u64,
        _strict: bool,
    ) -> Result<Self, TrainError> {
        let sampler = Sampler::new(dataset.len(), plan.batch_size(), plan.seed())?;
        Ok(Self { dataset, sampler, plan: plan.clone(), augmenter: Augmenter::default() })
    }

    pub(super) fn next(&mut self, step: u64, device: Device) -> Result<FedBatch, TrainError> {
        let request = self.sampler.batch(step);
        let side = self.plan.config().views[0].size as usize;
        let mut pixels = vec![0u8; 2 * request.indices.len() * side * side * 3];
        for (slot, chunk) in pixels.chunks_mut(side * side * 3).enumerate() {
            let (view, sample) = (slot / request.indices.len(), slot % request.indices.len());
            let index = request.indices[sample];
            let image = match self.dataset.read(index as usize)? {
                Stored::Pixels(image) => image,
                Stored::Encoded(bytes) => {
                    Arc::new(Decoder::new(DecodeLimits::default()).decode(&bytes).unwrap())
                }
            };
            let policy = &self.plan.config().views[view];
            let key = DrawKey {
                seed: self.plan.seed(),
                epoch: request.epoch,
                sample: index.into(),
                view: view as u32,
            };
            let draw = draw(policy, key, image.width, image.height);
            self.augmenter.apply(&image, policy, &draw, chunk);
        }
        let shape = [2, request.indices.len() as i64, side as i64, side as i64, 3];
        let pixels = torch_ext::host::from_bytes(tch::Kind::Uint8, &shape, &pixels)?.f_to_device(device)?;
        Ok(FedBatch { pixels, indices: request.indices, skipped: Vec::new() })
    }
}
