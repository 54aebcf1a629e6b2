//! The names of the files in a run folder.

/// The recipe as written.
pub const CONFIG: &str = "config.toml";
/// Every number that follows from recipe, data and machine.
pub const PLAN: &str = "plan.json";
/// Where the images come from.
pub const DATA: &str = "data.json";
/// The paths that came on standard input.
pub const PATHS: &str = "paths.txt";
/// What happened, one event a line.
pub const LOG: &str = "log.jsonl";
/// How the names of TensorBoard's files begin.
pub const TENSORBOARD: &str = "events.out.tfevents.";
/// The lock, with the id of the process that works on the run.
pub const LOCK: &str = "twist.lock";
/// The finished model of a fine-tuning or of a head.
pub const MODEL: &str = "model.safetensors";
/// The final figures.
pub const METRICS: &str = "metrics.json";
/// What was measured later, one evaluation a line.
pub const EVALUATIONS: &str = "evaluations.jsonl";
/// What the network said of every evaluated image, with its features.
pub const EMBEDDINGS: &str = "embeddings.parquet";
/// The same without features, for people.
pub const IMAGES: &str = "images.csv";
/// Small pictures of evaluated images.
pub const THUMBNAILS: &str = "thumbnails.tar";
/// Where each evaluated image lies on the map, of a run with many.
pub const MAP: &str = "map.safetensors";
/// Training images and the views that were made of them.
pub const AUGMENTATION: &str = "augmentation.png";
/// The report.
pub const REPORT: &str = "report.html";
/// Names and merges of classes.
pub const CLUSTERS: &str = "clusters.json";
/// Which classes become one first, when fewer are wanted.
pub const TREE: &str = "tree.json";
/// Labels that people gave.
pub const LABELS: &str = "labels.csv";
/// The images whose labels would help most, beside the report.
pub const LABEL_NEXT: &str = "label_next.csv";
/// Near copies, beside the report.
pub const DUPLICATES: &str = "duplicates.csv";
/// Images that are like no other, beside the report.
pub const OUTLIERS: &str = "outliers.csv";

/// The folder in which another model of a finished run is written, before it has its place.
pub const REPLACEMENT: &str = "replacement.twist-tmp";

/// The folder of the checkpoints.
pub const CHECKPOINTS: &str = "checkpoints";
/// In it, the best checkpoint: the same file as one of the last checkpoints, or as one that was among them.
pub const BEST: &str = "best.safetensors";
/// In it, the model at the end of the first stage, from which self-labelling continues.
pub const BEFORE_SELF_LABEL: &str = "before_self_label.safetensors";
/// In it, the state of an unfinished fine-tuning of an older version; it cannot be resumed.
pub const FINETUNE_STATE: &str = "finetune.safetensors";

/// The folder with the step that showed a collapse.
pub const COLLAPSE: &str = "collapse";
/// In it, the figures of that step.
pub const COLLAPSE_STEP: &str = "step.json";
/// In it, the weights before that step.
pub const COLLAPSE_WEIGHTS: &str = "weights.safetensors";

/// The name of the checkpoint after `step` steps.
pub fn checkpoint(step: u64) -> String {
    format!("step-{step:08}.safetensors")
}

/// The step in a checkpoint's name; `None` for every other name.
pub fn checkpoint_step(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("step-")?.strip_suffix(".safetensors")?;
    (digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// The files of a run that a new run in its folder replaces. `label_next.csv` and `labels.csv` are not among them: people fill
/// them in, and an image has its label whatever network is trained. `clusters.json` is set aside.
const REPLACED: &[&str] = &[
    CONFIG,
    DATA,
    PATHS,
    PLAN,
    MODEL,
    LOG,
    METRICS,
    EVALUATIONS,
    EMBEDDINGS,
    IMAGES,
    THUMBNAILS,
    TREE,
    MAP,
    AUGMENTATION,
    REPORT,
];

/// The other files of a run.
const KEPT: &[&str] = &[LOCK, CLUSTERS, LABELS, LABEL_NEXT, DUPLICATES, OUTLIERS];

/// Whether Twist writes a file `name` in a run folder.
pub(crate) fn is_written(name: &str) -> bool {
    is_replaced(name) || KEPT.contains(&name)
}

/// Whether a new run replaces the file `name` of the run folder.
pub(crate) fn is_replaced(name: &str) -> bool {
    REPLACED.contains(&name) || name.starts_with(TENSORBOARD)
}

/// Whether a new run replaces the file `name` in the folder of checkpoints.
pub(crate) fn is_replaced_checkpoint(name: &str) -> bool {
    // An older version wrote `best.json` beside the best checkpoint.
    checkpoint_step(name).is_some() || [BEST, "best.json", BEFORE_SELF_LABEL, FINETUNE_STATE].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_checkpoints_have_a_step() {
        assert_eq!(checkpoint_step(&checkpoint(12)), Some(12));
        assert_eq!(checkpoint_step(&checkpoint(1_234_567_890)), Some(1_234_567_890));
        for name in [BEST, "step-12.safetensors", "step-0000001x.safetensors", "step-00000012.tmp"] {
            assert_eq!(checkpoint_step(name), None, "{name}");
        }
    }
}
