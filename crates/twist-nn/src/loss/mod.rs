//! The losses: TWIST over any number of views, its form with a momentum teacher, and self-labelling.
//!
//! Each gives its value *and* its gradient with respect to the logits in closed form, in float32 whatever the kind of
//! the logits: several times fewer passes over memory than autograd makes, and no graph. Backward continues from there
//! with [`torch_ext::grad::backward`]. The batch is always the *global* batch: diversity is not a sum over parts.

mod arithmetic;
mod classes;
mod pairs;
mod self_label;
mod teacher;
mod twist;

pub use classes::classes_in_use;
pub use self_label::{SelfLabelLoss, SelfLabelTerms};
pub use teacher::TeacherLoss;
pub use twist::{LossTerms, TwistLoss};
