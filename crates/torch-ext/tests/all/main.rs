//! What the shim computes against what libtorch computes, and what it promises.

mod norm_act;
mod operations;
mod process;
