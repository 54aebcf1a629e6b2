//! Learning from labels: what fine-tuning and the linear evaluations with augmentation share.
//!
//! A [`SupervisedPlan`] holds every number, a [`Student`] is a backbone (frozen or not) under a fresh linear classifier,
//! [`supervised_step`] makes one update, and [`Supervised`] is the task of the [loop](crate::run). Which weights the backbone has,
//! which labels may be seen and how the network is tested is decided elsewhere (`twist-eval`).
//!
//! As in training without labels nothing remembers time: rates are functions of the epoch, the order of images and
//! their crops are functions of seed and step, and a resumed run equals an uninterrupted one.

mod plan;

mod task;

mod step;
mod student;

mod targets;

mod order;

pub use order::Order;
pub use plan::{SupervisedConfig, SupervisedPlan, crop_and_flip};
pub use step::supervised_step;
pub use student::Student;
pub use targets::Targets;
pub use task::{EpochFigures, LabelledData, Supervised, SupervisedFacts, refuse_older};
