//! Two-dimensional maps and nearest neighbours of embeddings.
//!
//! The map is t-SNE by `bhtsne` in its variant FIt-SNE (Linderman et al., 2019), which computes the repulsion on a grid by FFT: its
//! time grows with the number of points, not with its square. `principal` reduces the features to 50 numbers, `all_neighbours`
//! finds the neighbours of every point among them, `tsne` places the points, beginning at the first two principal components, and
//! `kept` stores the result in the run folder, because a large map takes minutes.
//!
//! Fewer than 5,000 points are placed by Barnes–Hut t-SNE.
//!
//! 100,000 points take one to two minutes on two cores. Barnes–Hut t-SNE of the same crate takes five times as long for the same
//! number of iterations. Of the maintained crates for UMAP, `umap-rs` updates its points from several threads without order and
//! draws from the system's randomness, so no two maps of it are alike. FIt-SNE with given neighbours and a given start, on one
//! thread, is deterministic.

mod all_neighbours;
mod closest;
mod kept;
mod layout;
mod neighbours;
mod principal;
mod tsne;

pub(crate) use self::closest::{Closest, NEAREST, closest};
pub(crate) use self::kept::layout_of;
pub(crate) use self::layout::{Done, Layout, MOST_POINTS, scatter};
pub(crate) use self::neighbours::{Neighbour, nearest, nearest_to, similarity};
