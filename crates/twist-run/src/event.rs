//! What happens during a run, as data: recorders write it, the progress bar shows it, the report draws it.

use serde::Serialize;

/// One thing that happened, without clock time: a recorder that needs the time of day adds it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Event {
    /// Number of finished steps when it happened.
    pub step: u64,
    /// The same in epochs.
    pub epoch: f64,
    /// What happened, tagged as `event` in JSON.
    #[serde(flatten)]
    pub what: What,
}

/// The kinds of events and their fields, as they stand in `log.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// The run begins (also written after a resume, followed by [`What::Resumed`]).
    Start(Box<StartFigures>),
    /// One of every `log_every` steps.
    Step(StepFigures),
    /// An evaluation: `knn_top1`, `nmi`, … as fractions, in the evaluator's order.
    Eval(serde_json::Map<String, serde_json::Value>),
    /// A checkpoint is safely on disk.
    Checkpoint {
        /// Path relative to the run folder.
        path: String,
    },
    /// The run continues from a checkpoint of this step.
    Resumed {
        /// Path of the checkpoint, relative to the run folder.
        path: String,
    },
    /// An unreadable image was replaced by the next readable one.
    SkippedImage {
        /// The image's path in its data set.
        path: String,
        /// Why it could not be read.
        reason: String,
    },
    /// Something the user should know that does not stop the run.
    Warning {
        /// The whole sentence.
        message: String,
    },
    /// The guard stopped the run.
    Collapse {
        /// The kind's name, such as `one_hot`.
        kind: String,
        /// What to change.
        advice: String,
        /// The folder with the offending step, relative to the run folder.
        saved: String,
    },
    /// The run ended early and can be resumed.
    Stopped {
        /// `SIGINT`, `SIGTERM` or `max_time`.
        reason: String,
    },
    /// All epochs are done.
    Done {
        /// Seconds of this process, from start to end.
        seconds: f64,
    },
}

/// What identifies a run and the machine that it runs on.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct StartFigures {
    /// Twist's version.
    pub version: String,
    /// libtorch's version.
    pub libtorch: String,
    /// Name of the recipe.
    pub recipe_name: String,
    /// `cpu` or `cuda:0`.
    pub device: String,
    /// `fp32` or `bf16`.
    pub precision: String,
    /// Whether the backbone runs channels-last.
    pub channels_last: bool,
    /// Threads that compute.
    pub threads: usize,
    /// Threads that load images.
    pub loader_threads: usize,
    /// Number of training images.
    pub images: usize,
    /// Number of classes that the labels know, 0 without labels.
    pub classes: usize,
    /// Seed of the whole run.
    pub seed: u64,
    /// Images per step.
    pub batch_size: usize,
    /// Steps of the whole run.
    pub total_steps: u64,
    /// Steps of one epoch.
    pub steps_per_epoch: u64,
    /// Number of trainable values.
    pub parameters: u64,
    /// Number of clusters, K; of classes where labels say them.
    pub clusters: i64,
    /// Whether labels say the classes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub from_labels: bool,
}

/// The figures of one logged step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct StepFigures {
    /// The loss in nats.
    pub loss: f64,
    /// How the classes that are discovered are used; nothing where labels say the classes.
    #[serde(flatten)]
    pub classes: Option<ClassFigures>,
    /// Part of the images that were classified correctly, where labels say the classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top1: Option<f64>,
    /// The learning rate of weights; where labels teach, that of the classifier.
    pub learning_rate: f64,
    /// The weight decay of weights.
    pub weight_decay: f64,
    /// L2 norm of all gradients before clipping, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grad_norm: Option<f64>,
    /// Source images (not views) per second since the last logged step.
    pub images_per_second: f64,
}

/// How a network that discovers classes uses them in one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ClassFigures {
    /// Disagreement of the views: the KL term, in nats.
    pub kl: f64,
    /// Mean entropy of an image's distribution (EH), in nats: falls while predictions sharpen.
    pub sharpness: f64,
    /// Entropy of the mean distribution (HE), in nats: `ln K` when all classes are used equally.
    pub diversity: f64,
    /// Number of classes that win at least one view of the batch.
    pub classes_in_use: u64,
    /// Share of the images that are confident, while self-labelling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confident: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_flat_object() {
        let step =
            Event { step: 3, epoch: 0.5, what: What::Step(StepFigures { loss: 1.5, ..Default::default() }) };
        let json = serde_json::to_value(&step).unwrap();
        assert_eq!(json["event"], "step");
        assert_eq!(json["step"], 3);
        assert_eq!(json["loss"], 1.5);
        let mut scores = serde_json::Map::new();
        scores.insert("knn_top1".into(), 0.5.into());
        let eval = Event { step: 3, epoch: 0.5, what: What::Eval(scores) };
        assert_eq!(
            serde_json::to_string(&eval).unwrap(),
            r#"{"step":3,"epoch":0.5,"event":"eval","knn_top1":0.5}"#
        );
        let resumed = Event { step: 9, epoch: 1.5, what: What::Resumed { path: "checkpoints/x".into() } };
        assert_eq!(serde_json::to_value(&resumed).unwrap()["event"], "resumed");
    }
}
