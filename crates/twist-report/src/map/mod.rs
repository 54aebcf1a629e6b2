//! Two-dimensional maps and nearest neighbours of embeddings.
//!
//! The map is Barnes–Hut t-SNE by `bhtsne`, started from the first two principal components. Of the two maintained
//! candidates, `umap-rs` updates its points from several threads without order and draws from the system's randomness,
//! so no two maps of it are alike; `bhtsne` with given neighbours and a given start, on one thread, is deterministic.

mod closest;
mod neighbours;
mod principal;
mod tsne;

pub(crate) use self::closest::{Closest, NEAREST, closest};
pub(crate) use self::neighbours::{Neighbour, nearest, nearest_to, similarity};
pub(crate) use self::tsne::layout;
