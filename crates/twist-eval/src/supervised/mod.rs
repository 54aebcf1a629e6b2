//! Training from labels: what fine-tuning and the linear evaluations with augmentation share.
//!
//! [`LabelledImages`] says which labels may be seen; `FromLabels` hands a model's backbone and these images to the loop of
//! `twist-train`, and tests the student at the end of epochs. The training itself is `twist_train::labels`.

mod training;

mod images;

mod balanced;

mod kept;
mod test;

pub use images::{LabelBudget, LabelledImages};
pub use test::Accuracy;
pub use training::Surroundings;

pub(crate) use balanced::hold_out;
pub(crate) use kept::Kept;
pub(crate) use test::{ClassMap, of_ranking, scores};
pub(crate) use training::{FromLabels, StepsDone, in_memory, model_of};
