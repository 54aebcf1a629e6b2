//! Measures how well discovered or predicted classes agree with labels: pure functions of lists of numbers.
//!
//! Training finds clusters whose numbers have no meaning. These scores compare the clusters with labels that training never
//! saw, whatever number a cluster has: shared information ([NMI](Contingency::nmi), [AMI](Contingency::ami)), pairs kept
//! together ([ARI](Contingency::ari), [Fowlkes–Mallows](Contingency::fowlkes_mallows)), and the share of correct images
//! after clusters are matched with classes ([one to one](Contingency::accuracy_one_to_one),
//! [many to one](Contingency::accuracy_many_to_one), [any of the first five](cluster_top_k)).
//!
//! Classes that were learned from labels need no matching: [`mean_per_class_accuracy`] and, for images
//! with several classes, [`average_precision_11_point`]. [`MeanStd`] combines the figures of several seeds.
//!
//! The crate deliberately has no tensors, no files, no randomness and no policy: `twist-eval` decides what is predicted and
//! which images count. Definitions are those of scikit-learn, including degenerate cases.
//!
//! Data flow: labels and predictions → [`Contingency`], which counts every pair once and keeps only the pairs that occur →
//! the scores, each a method. So 50,000 images in 1,000 clusters take milliseconds, and with as many clusters as images the
//! table takes no more memory than the images.
//!
//! ```
//! use twist_metrics::{Contingency, cluster_scores};
//!
//! let labels = [0, 0, 0, 1, 1, 1];
//! let predictions = [7, 7, 4, 4, 4, 4];
//! let scores = cluster_scores(&labels, &predictions)?;
//! assert_eq!(scores.accuracy_one_to_one, 5.0 / 6.0);
//! assert_eq!(scores.classes_in_use, 2);
//!
//! let names = Contingency::new(&labels, &predictions)?.one_to_one_assignment();
//! assert_eq!(names[&7], 0);
//! # Ok::<(), twist_metrics::MetricsError>(())
//! ```

mod scores;

mod contingency;

mod information;

mod expected;

mod pairs;

mod accuracy;

mod assignment;

mod confusion;

mod classes;

mod classification;

mod average_precision;

mod margin;

mod mean_std;

pub use crate::accuracy::cluster_top_k;
pub use crate::average_precision::average_precision_11_point;
pub use crate::classes::ClassScore;
pub use crate::classification::mean_per_class_accuracy;
pub use crate::confusion::Confusion;
pub use crate::contingency::{Contingency, MetricsError};
pub use crate::margin::margin;
pub use crate::mean_std::MeanStd;
pub use crate::scores::{ClusterScores, cluster_scores};
