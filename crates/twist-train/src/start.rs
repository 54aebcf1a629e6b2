//! What identifies a run, for its log.

use torch_ext::device_name;
use twist_run::StartFigures;

use crate::run::RunPlan;

/// What a task says of itself when its run begins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaskFigures {
    /// Name of the recipe.
    pub recipe_name: String,
    /// `fp32` or `bf16`.
    pub precision: &'static str,
    /// Whether the backbone runs channels-last.
    pub channels_last: bool,
    /// Threads that load images; 0 where none are loaded.
    pub loader_threads: usize,
    /// Number of training samples.
    pub images: usize,
    /// Number of classes that the labels know, 0 without labels.
    pub classes: usize,
    /// Number of trainable values.
    pub parameters: u64,
    /// Number of classes that the network tells apart.
    pub clusters: i64,
    /// Whether labels say the classes.
    pub from_labels: bool,
}

/// The figures of a plan and of the task that is trained by it.
pub(crate) fn start_figures(plan: &RunPlan, task: TaskFigures) -> StartFigures {
    StartFigures {
        version: env!("CARGO_PKG_VERSION").into(),
        libtorch: torch_ext::version(),
        recipe_name: task.recipe_name,
        device: device_name(plan.machine.device),
        precision: task.precision.into(),
        channels_last: task.channels_last,
        threads: plan.machine.threads,
        loader_threads: task.loader_threads,
        images: task.images,
        classes: task.classes,
        seed: plan.seed,
        batch_size: plan.batch_size,
        total_steps: plan.total_steps,
        steps_per_epoch: plan.steps_per_epoch,
        parameters: task.parameters,
        clusters: task.clusters,
        from_labels: task.from_labels,
    }
}
