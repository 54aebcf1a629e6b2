//! What identifies a run of a plan.

use twist_run::StartFigures;

use crate::TrainPlan;
use crate::machine::device_name;
use crate::step::TrainState;

/// The figures of a plan and the network that was made by it.
pub(crate) fn start_figures(plan: &TrainPlan, recipe_name: &str, state: &TrainState) -> StartFigures {
    let machine = plan.machine();
    StartFigures {
        version: env!("CARGO_PKG_VERSION").into(),
        libtorch: torch_ext::version(),
        recipe_name: recipe_name.into(),
        device: device_name(machine.device),
        precision: plan.precision().name().into(),
        channels_last: plan.channels_last(),
        threads: machine.threads,
        loader_threads: machine.loader_threads,
        images: plan.images(),
        classes: plan.classes().len(),
        seed: plan.seed(),
        batch_size: plan.batch_size(),
        total_steps: plan.total_steps(),
        steps_per_epoch: plan.steps_per_epoch(),
        parameters: state.net.store.parameters().iter().map(|tensor| tensor.numel() as u64).sum(),
        clusters: plan.net().head.dim,
    }
}
