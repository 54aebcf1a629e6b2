//! TWIST on frozen features: the projection head alone, trained with the same loss.
//!
//! Images have been turned into rows of numbers already, by whatever network. Where training from pixels compares two
//! augmented views of an image, this compares a row with one of its neighbours ([`Neighbourhood`]): near rows should get
//! one class, each with confidence, and all classes together should be used. The loss is [`twist_nn::TwistLoss`] as it
//! stands, over the whole batch; the head is [`twist_nn::ProjectionHead`].
//!
//! A small head ends in one of several minima, some of which put two groups of images into one class. So several heads
//! with starts of their own learn from the same batches, and the one whose loss over the whole data is least is kept
//! ([`Heads::losses`]). Labels have no part in that. Some heads may be guided: they learn the clusters of k-means or
//! of a mixture at first ([`GuideConfig`]), while the loss takes over.
//!
//! ```text
//! head recipe ─ HeadConfig ─ HeadPlan ─ Run ─ Heads ─ Pairs ─ head_step ─ Optimizer
//! ```
//!
//! As in the rest of the crate nothing remembers time: order and neighbours are functions of seed and step, so a resumed
//! run equals an uninterrupted one. Neighbours and guides are found elsewhere (`twist-eval`), and scores are taken elsewhere.

mod config;

mod plan;

mod check;

mod run;

mod task;

mod step;

mod pairs;

mod facts;

pub use config::{
    FeatureConfig, GuideBy, GuideConfig, HeadConfig, HeadEvalConfig, HeadModelConfig, HeadRunConfig,
    PairConfig,
};
pub use facts::HeadFacts;
pub use pairs::{Neighbourhood, Pairs};
pub use plan::{FeatureFacts, HeadPlan};
pub use task::Heads;

use crate::config::RecipeOf;

/// The recipe of a head.
pub type HeadRecipe = RecipeOf<HeadConfig>;
