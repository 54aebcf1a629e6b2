//! What people say of classes: names, merges, and the probability below which an image is unsure.
//!
//! Training numbers its classes; [`ClusterNames`] keeps what a person made of them in a small file beside the model:
//! `clusters.json` in a run folder, `FILE.clusters.json` beside a weight file ([`clusters_file`]).
//!
//! ```json
//! {
//!   "version": 1,
//!   "clusters": 10,
//!   "names": { "3": "red circles", "7": "blue circles" },
//!   "merges": [{ "of": [3, 7], "name": "circles" }],
//!   "unsure": 0.6,
//!   "weights": { "step": 1200, "hash": "5d41402abc4b2a76b9719d911017c592" }
//! }
//! ```
//!
//! Names belong to the `weights` that they were given for ([`NamedWeights`]): training that goes on changes which images have
//! number 3, and so does another run. For other weights they are not used ([`ClusterNames::load_for`]). When a run is evaluated again, they go on to
//! the classes that hold the same images ([`carry_names`]).
//!
//! [`ClassTree`] says which classes become one first when fewer are wanted. [`ClusterNames::cut`] merges along it, and names
//! and merges that people made stay where they can.
//!
//! The network's outputs are *clusters*, `0..K`. A *group* is what people see: one cluster, or several that were merged.
//! `merges` is a history: each entry unites the groups that its clusters are in, in order, and taking the last one of
//! a group away gives the groups before it, names included. A group is called as its last merge says, else as the first
//! of its named parts (not where the merge says `"unnamed": true`), else "class N" after its smallest cluster. No two groups share a name, also not after a merge is
//! undone.
//!
//! ```
//! use twist_run::ClusterNames;
//!
//! let mut names = ClusterNames::new(10);
//! names.rename(3, "red circles")?;
//! names.merge(&[3, 7], None)?;
//! assert_eq!(names.resolve(7)?.name, "red circles");
//!
//! let groups = names.groups(); // the same for all clusters at once
//! assert_eq!((groups.len(), groups.group_of(7).map(|group| group.class)), (9, Some(3)));
//! let mut probabilities = [0.05; 10];
//! (probabilities[3], probabilities[7]) = (0.2, 0.4);
//! assert!((groups.probabilities(&probabilities)[3] - 0.6).abs() < 1e-6);
//! # Ok::<(), twist_io::Refused>(())
//! ```

mod names;

mod group;

mod file;

mod weights;

mod carry;

mod tree;

mod tree_file;

mod cut;

pub use carry::{Carried, carry_names};
pub use cut::Cut;
pub use file::{ClusterCount, clusters_file};
pub use group::{Group, Groups};
pub use names::ClusterNames;
pub use tree::{ClassEstimate, ClassTree, TreeClass, TreeMerge, TreeParts};
pub use tree_file::tree_file;
pub use weights::NamedWeights;
