//! The layers that networks are made of, with PyTorch's defaults and names.

mod batch_norm;
mod conv;
mod linear;

pub use batch_norm::BatchNorm;
pub use conv::Conv;
pub use linear::Linear;
