//! What training a head on frozen features needs from here: neighbours and guides before, a [`Model`](crate::Model) and its figures
//! after.
//!
//! The training itself is `twist_train::frozen`.

mod guides;
mod mixture;
mod neighbours;

mod evaluation;
mod model;
mod outputs;

pub use evaluation::{ChosenHead, head_evaluation};
pub use guides::guides;
pub use model::with_head;
pub use neighbours::neighbourhood;
pub use outputs::head_scores;
