//! Networks and losses against PyTorch's values, and against their own promises.

mod reference;

mod backbone;
mod graph;
mod head;
mod keys;
mod literal;
mod loss;
mod network;
