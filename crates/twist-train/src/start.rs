//! What identifies a run, for its log.

use torch_ext::device_name;
use twist_run::StartFigures;

use crate::run::RunPlan;

/// The figures of a run: those that its task says of itself, and those of its plan.
pub(crate) fn start_figures(plan: &RunPlan, of_task: StartFigures) -> StartFigures {
    StartFigures {
        version: env!("CARGO_PKG_VERSION").into(),
        libtorch: torch_ext::version(),
        device: device_name(plan.machine.device),
        threads: plan.machine.threads,
        seed: plan.seed,
        batch_size: plan.batch_size,
        total_steps: plan.total_steps,
        steps_per_epoch: plan.steps_per_epoch,
        ..of_task
    }
}
