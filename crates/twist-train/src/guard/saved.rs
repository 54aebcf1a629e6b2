//! `collapse/`: what is needed to look at a collapse afterwards.

use std::io::Write;
use std::path::Path;

use serde::Serialize;
use tch::{Kind, Tensor};
use twist_io::{StateDict, save_safetensors, write_atomic};
use twist_run::files;

use crate::TrainError;
use crate::reading::StepReading;

/// The facts of a collapse; its tensors lie beside in `weights.safetensors`.
#[derive(Debug, Serialize)]
pub(crate) struct SavedStep<'a> {
    pub(crate) kind: &'static str,
    pub(crate) advice: &'a str,
    /// The step that was judged, from 0.
    pub(crate) step: u64,
    /// The step before which the saved weights stood: the last reading at which nothing was wrong.
    pub(crate) weights_before_step: u64,
    /// Key of the augmentation draws, with the epoch and the sample's index.
    pub(crate) seed: u64,
    /// Epoch of the step; with seed, index and view it makes the same draws again.
    pub(crate) epoch: u64,
    /// Indices of the step's images in the training data.
    pub(crate) indices: &'a [u32],
    /// The logits of the last step that was taken.
    pub(crate) logits: LogitStatistics,
    /// The figures of the steps since the last reading, this one last.
    pub(crate) readings: &'a [StepReading],
}

/// Moments and extremes of the logits `[V*B, K]` of one step.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct LogitStatistics {
    /// The step, from 0: the judged one, or a later one of the same reading.
    pub(crate) step: u64,
    pub(crate) mean: f64,
    /// Mean over images of the standard deviation over classes.
    pub(crate) row_std: f64,
    /// Mean over classes of the standard deviation over images; the norm before softmax holds it at 1.
    pub(crate) column_std: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl LogitStatistics {
    /// Of the logits `[V*B, K]` of `step`.
    pub(crate) fn of(step: u64, logits: &Tensor) -> Result<Self, TrainError> {
        let logits = logits.f_to_kind(Kind::Float)?;
        let value = |tensor: Tensor| -> Result<f64, TrainError> { Ok(f64::try_from(tensor)?) };
        Ok(Self {
            step,
            mean: value(logits.f_mean(Kind::Float)?)?,
            row_std: value(logits.f_std_dim(1, false, false)?.f_mean(Kind::Float)?)?,
            column_std: value(logits.f_std_dim(0, false, false)?.f_mean(Kind::Float)?)?,
            min: value(logits.f_min()?)?,
            max: value(logits.f_max()?)?,
        })
    }
}

/// Writes `collapse/step.json` and `collapse/weights.safetensors` below the run folder; replaces an earlier collapse.
pub(crate) fn save(run: &Path, step: &SavedStep<'_>, state: &StateDict) -> Result<(), TrainError> {
    let folder = run.join(files::COLLAPSE);
    fs_err::create_dir_all(&folder)?;
    let text = serde_json::to_string_pretty(step).map_err(std::io::Error::from)?;
    write_atomic(folder.join(files::COLLAPSE_STEP), |file| file.write_all(text.as_bytes()))?;
    let metadata = serde_json::json!({ "step": step.weights_before_step, "kind": step.kind });
    save_safetensors(folder.join(files::COLLAPSE_WEIGHTS), state, Some(&metadata))?;
    Ok(())
}
