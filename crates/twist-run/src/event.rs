//! What happens during a run, as data: recorders write it, the progress bar shows it, the report draws it.

use serde::{Deserialize, Serialize};

use crate::Figures;

/// One thing that happened, without clock time: a recorder that needs the time of day adds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Number of finished steps when it happened.
    #[serde(default)]
    pub step: u64,
    /// The same in epochs.
    #[serde(default)]
    pub epoch: f64,
    /// What happened, tagged as `event` in JSON.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// The kinds of events and their fields, as they stand in `log.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EventKind {
    /// The run begins (also written after a resume, followed by [`EventKind::Resumed`]).
    Start(Box<StartFigures>),
    /// One of every `log_every` steps.
    Step(Figures),
    /// An evaluation, in the evaluator's order.
    Eval(Figures),
    /// A checkpoint is safely on disk.
    Checkpoint {
        /// Path relative to the run folder.
        #[serde(default)]
        path: String,
    },
    /// The run continues from a checkpoint of this step.
    Resumed {
        /// Path of the checkpoint, relative to the run folder.
        #[serde(default)]
        path: String,
    },
    /// An unreadable image was replaced by the next readable one.
    SkippedImage {
        /// The image's path in its data set.
        #[serde(default)]
        path: String,
        /// Why it could not be read.
        #[serde(default)]
        reason: String,
    },
    /// Something the user should know that does not stop the run.
    Warning {
        /// The whole sentence.
        #[serde(default)]
        message: String,
    },
    /// The guard stopped the run.
    Collapse {
        /// The kind's name, such as `one_hot`.
        #[serde(default)]
        kind: String,
        /// What to change.
        #[serde(default)]
        advice: String,
        /// The folder with the offending step, relative to the run folder.
        #[serde(default)]
        saved: String,
    },
    /// The run ended early and can be resumed.
    Stopped {
        /// `SIGINT`, `SIGTERM` or `max_time`.
        #[serde(default)]
        reason: String,
    },
    /// All epochs are done.
    Done {
        /// Seconds of this process, from start to end; not a number where an old log does not say them.
        #[serde(default = "unknown")]
        seconds: f64,
    },
}

/// What identifies a run and the machine that it runs on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
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

/// The seconds of an event that does not say them.
fn unknown() -> f64 {
    f64::NAN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure;

    #[test]
    fn an_event_is_one_flat_object_and_is_read_as_it_was_written() {
        let figures = |figure, value| [(figure, value)].into_iter().collect::<Figures>();
        let event = |what| Event { step: 3, epoch: 0.5, kind: what };
        let cases = [
            (
                EventKind::Step(figures(figure::LOSS, 1.5)),
                r#"{"step":3,"epoch":0.5,"event":"step","loss":1.5}"#,
            ),
            (
                EventKind::Eval(figures(figure::KNN_TOP1, 0.5)),
                r#"{"step":3,"epoch":0.5,"event":"eval","knn_top1":0.5}"#,
            ),
            (
                EventKind::Resumed { path: "checkpoints/x".into() },
                r#"{"step":3,"epoch":0.5,"event":"resumed","path":"checkpoints/x"}"#,
            ),
        ];
        for (what, text) in cases {
            assert_eq!(serde_json::to_string(&event(what.clone())).unwrap(), text);
            assert_eq!(serde_json::from_str::<Event>(text).unwrap(), event(what));
        }
        let start =
            event(EventKind::Start(Box::new(StartFigures { clusters: 10, ..StartFigures::default() })));
        let text = serde_json::to_string(&start).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), start);
    }
}
