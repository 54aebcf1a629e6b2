//! The layers that networks are made of, with PyTorch's defaults and names.

mod batch_norm;
mod conv;
mod layer_norm;
mod linear;
mod pooled;
mod thinned;

pub use batch_norm::BatchNorm;
pub use conv::Conv;
pub use layer_norm::LayerNorm;
pub use linear::Linear;
pub(crate) use linear::recorded;
pub(crate) use thinned::thinned;
