//! The step of heads: everything that happens to one batch of pairs.

use tch::{Device, Tensor};
use twist_io::splitmix;
use twist_nn::{Mode, ProjectionHead, Store};

use super::HeadPlan;
use super::pairs::{PairBatch, Pairs};
use crate::TrainError;
use crate::metrics::StepMetrics;
use crate::objective::Objective;
use crate::optim::{self, Optimizer, Parameters, Rates};

/// One head with its optimizer.
pub(super) struct HeadState {
    pub(super) head: ProjectionHead,
    pub(super) store: Store,
    pub(super) optimizer: Box<dyn Optimizer>,
    parameters: Parameters,
    /// The clusters of all rows that this head learns at first, `[N]` int64 on the device.
    guide: Option<Tensor>,
}

impl HeadState {
    /// Head number `number` of a plan, as it starts: every one has a start of its own, and a guide where it is led.
    pub(super) fn new(plan: &HeadPlan, number: usize, guide: Option<&[u32]>) -> Result<Self, TrainError> {
        let seed = if number == 0 { plan.run.seed } else { splitmix(plan.run.seed) ^ number as u64 };
        let mut store = Store::new(plan.run.machine.device, seed);
        let mut builder = store.builder("projection_heads");
        let head = ProjectionHead::new(&mut builder, plan.features.width, &plan.net)?;
        let parameters = Parameters::of(&store);
        let optimizer = optim::build(&plan.config.optim, Parameters::of(&store))?;
        let guide = guide.map(|clusters| {
            let clusters: Vec<i64> = clusters.iter().map(|&cluster| i64::from(cluster)).collect();
            Tensor::f_from_slice(&clusters)?.f_to_device(plan.run.machine.device)
        });
        Ok(Self { head, store, optimizer, parameters, guide: guide.transpose()? })
    }
}

/// One update of every head from the batch of pairs of `step`. Returns the figures of each head and the rows of the batch.
///
/// # Errors
/// libtorch's, out of memory among them.
pub(super) fn head_step(
    heads: &mut [HeadState],
    plan: &HeadPlan,
    pairs: &mut Pairs,
    step: u64,
) -> Result<(Vec<StepMetrics>, Vec<u32>), TrainError> {
    // Schedules: pure functions of the step.
    let rates = plan.rates_at(step);

    // Two views of each sample: its own features and those of a neighbour, [2B, D].
    let batch = pairs.dropped(step, plan.config.pairs.dropout)?;

    // Heads are independent of each other; they see the same pairs, so their losses can be compared.
    let figures = heads.iter_mut().map(|head| update(head, plan, &batch, rates, step));
    Ok((figures.collect::<Result<_, _>>()?, batch.indices))
}

fn update(
    state: &mut HeadState,
    plan: &HeadPlan,
    batch: &PairBatch,
    rates: Rates,
    step: u64,
) -> Result<StepMetrics, TrainError> {
    // Head once over both views: logits [2B, K].
    let logits = state.head.forward(&batch.views, 2, Mode::Train)?;

    // Loss of the whole batch, with its gradient [2B, K] in closed form.
    let (value, gradient) = Objective::Twist(plan.loss()).with_gradient(&logits, None, 2)?;
    let gradient = match &state.guide {
        Some(guide) => {
            led(&logits, &gradient, &guide.f_index_select(0, &batch.places)?, plan.guidance_at(step))?
        }
        None => gradient,
    };

    // Backward, clip by the norm of all gradients of this head together, update.
    torch_ext::grad::backward(&logits, &gradient)?;
    let gradients = state.parameters.gradients()?;
    let grad_norm = gradients.clip(plan.config.optim.clip_norm)?;
    state.optimizer.update(&gradients, rates)?;
    drop(gradients);
    state.parameters.clear_gradients()?;

    // Figures: tensors still.
    StepMetrics::new(step, rates, &value, &grad_norm, &logits)
}

/// The gradient `[2B, K]` of `share` times the cross-entropy of `clusters` `[2B]`, and of the loss for the rest.
fn led(logits: &Tensor, of_loss: &Tensor, clusters: &Tensor, share: f64) -> Result<Tensor, tch::TchError> {
    tch::no_grad(|| {
        let (rows, dim) = logits.size2()?;
        let wanted = clusters.f_one_hot(dim)?.f_to_kind(logits.kind())?;
        let of_clusters =
            logits.f_softmax(-1, logits.kind())?.f_sub(&wanted)?.f_mul_scalar(share / rows as f64)?;
        of_loss.f_mul_scalar(1.0 - share)?.f_add(&of_clusters)
    })
}

/// The mean loss of a head in evaluation mode over the pairs of `steps`.
pub(super) fn mean_loss(
    state: &HeadState,
    plan: &HeadPlan,
    pairs: &mut Pairs,
    steps: std::ops::Range<u64>,
) -> Result<f64, TrainError> {
    let (mut sum, count) = (0.0, steps.end - steps.start);
    for step in steps {
        let batch = pairs.batch(step)?;
        let logits = tch::no_grad(|| state.head.forward(&batch.views, 2, Mode::Eval))?;
        let (terms, _) = plan.loss().with_gradient(&logits, 2)?;
        sum += f64::try_from(&terms.total.f_to_device(Device::Cpu)?)?;
    }
    Ok(sum / count as f64)
}
