//! Batches for the step: the loader, started at the right place, and the way to the device.

use std::collections::HashSet;
use std::sync::Arc;

use tch::{Device, Tensor};
use twist_data::{Dataset, Loader, ViewGroup};

use super::images::ReadyImages;
use super::views::load_views;
use crate::{TrainError, TrainPlan};

/// One batch on the device.
pub(super) struct FedBatch {
    /// `[V_r, B, S_r, S_r, 3]` of each resolution, u8.
    pub(super) pixels: Vec<Tensor>,
    /// The images' indices in the data set.
    pub(super) indices: Vec<u32>,
    /// Images met for the first time that could not be read, with the reason.
    pub(super) skipped: Vec<(String, String)>,
    /// Images met for the first time that are odd and were read all the same, with what is odd.
    pub(super) odd: Vec<(String, String)>,
}

/// The training images in the sampler's order, from some step to the end of its stage.
pub(super) struct Feed {
    images: ReadyImages,
    loader: Loader,
    end: u64,
    strict: bool,
    reported: HashSet<String>,
    /// Notes on images that were told.
    noted: usize,
}

impl Feed {
    pub(super) fn start(
        plan: &TrainPlan,
        images: ReadyImages,
        step: u64,
        strict: bool,
    ) -> Result<Self, TrainError> {
        let loader = loader(plan, &images.dataset, step, strict)?;
        Ok(Self { images, loader, end: plan.stage_end(step), strict, reported: HashSet::new(), noted: 0 })
    }

    /// Loads from `step` on, with the views of its stage.
    pub(super) fn restart(&mut self, plan: &TrainPlan, step: u64) -> Result<(), TrainError> {
        self.loader = loader(plan, &self.images.dataset, step, self.strict)?;
        self.end = plan.stage_end(step);
        Ok(())
    }

    /// Whether `step` belongs to another stage.
    pub(super) fn is_over(&self, step: u64) -> bool {
        step >= self.end
    }

    /// The batch of `step`, which must be the one after the last.
    pub(super) fn next(&mut self, step: u64, device: Device) -> Result<FedBatch, TrainError> {
        let mut batch = self.loader.next().ok_or_else(|| TrainError::no_batch(step))??;
        let on_device = |group: &ViewGroup| -> Result<Tensor, TrainError> {
            let side = i64::from(group.size);
            let shape = [i64::from(group.views), i64::from(group.batch), side, side, 3];
            let bytes = torch_ext::host::from_bytes(tch::Kind::Uint8, &shape, &group.pixels)?;
            Ok(torch_ext::host::upload(&bytes, device)?)
        };
        let pixels = batch.groups.iter().map(on_device).collect::<Result<_, _>>()?;
        let indices = std::mem::take(&mut batch.indices);
        let skipped = batch.skipped.drain(..).map(|skipped| (skipped.path, skipped.reason));
        let skipped = skipped.filter(|(path, _)| self.reported.insert(path.clone())).collect();
        let mut notes = self.images.notes.after(self.noted);
        self.noted += notes.len();
        notes.sort_by_key(|(index, _)| *index);
        let odd = notes.into_iter().map(|(index, note)| (self.images.dataset.path(index), note.to_string()));
        let odd = odd.collect();
        self.loader.recycle(batch);
        Ok(FedBatch { pixels, indices, skipped, odd })
    }
}

/// Loads from `step` to the end of its stage.
fn loader(
    plan: &TrainPlan,
    dataset: &Arc<dyn Dataset>,
    step: u64,
    strict: bool,
) -> Result<Loader, TrainError> {
    load_views(plan, dataset, step..plan.stage_end(step), plan.run.machine.loader_threads, strict)
}
