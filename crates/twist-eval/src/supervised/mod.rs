//! Training from labels: what fine-tuning and the linear evaluations with augmentation share.
//!
//! [`LabelledImages`] says which labels may be seen, a [`SupervisedPlan`] holds every number, a `Student` is a backbone
//! (frozen or not) under a fresh linear classifier, [`supervised_step`] makes one update, and `teach` is the loop around
//! it, which tests, saves and resumes.
//!
//! As in training without labels nothing remembers time: rates are functions of the epoch, the order of images and
//! their crops are functions of seed and step, and a resumed course equals an uninterrupted one.

mod course;
mod step;
mod student;

mod plan;
mod session;

mod images;
mod order;

mod balanced;

mod kept;
mod state;
mod test;

pub use course::EpochFigures;
pub use images::{LabelBudget, LabelledImages};
pub use plan::SupervisedPlan;
pub use session::Session;
pub use step::supervised_step;
pub use student::Student;
pub use test::Accuracy;

pub(crate) use balanced::hold_out;
pub(crate) use course::{Lesson, teach};
pub(crate) use kept::KeptCourse;
pub(crate) use order::Order;
pub(crate) use plan::{MOST_EPOCHS, crop_and_flip};
pub(crate) use state::{check_state, identity};
pub(crate) use test::{ClassMap, of_ranking, scores};
