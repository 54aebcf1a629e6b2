//! What a head, or the model that it became, says of rows of features.

use tch::{Device, Kind, Tensor};
use twist_nn::{Mode, ProjectionHead};
use twist_run::Figures;

use crate::EvalError;
use crate::labels::spread;
use crate::scores::cluster_figures;
use twist_model::{FeatureTable, Model, NetworkOutputs, in_blocks, most_probable, unit_rows};

/// Rows that are on the device at once.
const BLOCK: i64 = 8_192;
/// Rows that are scored while training.
const ONLINE: usize = 10_000;

/// The scores of a head on at most 10,000 rows of `table`: clusters against labels where there are any, else classes in
/// use and mean confidence. It lies on `device`; with `unit_length` each row is divided by its norm first.
///
/// # Errors
/// Features of another width; libtorch's own.
pub fn head_scores(
    head: &ProjectionHead,
    table: &FeatureTable,
    unit_length: bool,
    device: Device,
) -> Result<Figures, EvalError> {
    let some = spread(table.len(), ONLINE);
    let probabilities = |block: &Tensor| -> Result<Tensor, EvalError> {
        let block = if unit_length { unit_rows(block)? } else { block.shallow_clone() };
        let logits = tch::no_grad(|| head.forward(&block, 1, Mode::Eval))?;
        Ok(logits.f_softmax(-1, Kind::Float)?)
    };
    let features = outputs(probabilities, table, &some, device)?;
    cluster_figures(&features, &*table.dataset)
}

/// The same of the classes of `model`, for the rows number `wanted` (ascending).
pub(super) fn outputs_of_model(
    model: &Model,
    table: &FeatureTable,
    wanted: &[u32],
) -> Result<NetworkOutputs, EvalError> {
    outputs(|block| Ok(model.head_probabilities(block)?), table, wanted, model.store.device())
}

/// The most probable clusters of the rows number `wanted` (ascending), with their features divided by their norm.
/// `probabilities` are those of a block `[B, D]` of features on `device`.
fn outputs(
    probabilities: impl Fn(&Tensor) -> Result<Tensor, EvalError>,
    table: &FeatureTable,
    wanted: &[u32],
    device: Device,
) -> Result<NetworkOutputs, EvalError> {
    let set = &table.features;
    let rows = match wanted.len() == table.len() {
        true => set.rows.shallow_clone(),
        false => {
            let places: Vec<i64> = wanted.iter().map(|&row| i64::from(row)).collect();
            set.rows.f_index_select(0, &Tensor::f_from_slice(&places)?)?
        }
    };
    let indices: Vec<u32> = wanted.iter().map(|&row| set.indices[row as usize]).collect();
    let (mut clusters, mut confidences) = (Vec::new(), Vec::new());
    for start in (0..wanted.len() as i64).step_by(BLOCK as usize) {
        let len = BLOCK.min(wanted.len() as i64 - start);
        let some = rows.f_narrow(0, start, len)?.f_to_device(device)?;
        let of_some = &indices[start as usize..(start + len) as usize];
        let (cluster, confidence) = most_probable(&in_blocks(&some, of_some, &probabilities)?)?;
        clusters.push(cluster);
        confidences.push(confidence);
    }
    Ok(NetworkOutputs {
        indices,
        embeddings: unit_rows(&rows)?,
        clusters: Tensor::f_cat(&clusters, 0)?,
        confidences: Tensor::f_cat(&confidences, 0)?,
        skipped: set.skipped.clone(),
    })
}
