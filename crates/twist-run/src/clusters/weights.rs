//! Which weights the named classes are those of.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Metrics;

/// The weights whose classes people named: training that goes on changes the classes behind the numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedWeights {
    /// Those of a run after so many steps.
    Step(u64),
    /// Those in a file with this hash.
    Sha256(String),
}

impl NamedWeights {
    /// The weights that the run in `folder` was evaluated with, whose classes its report shows; `None` where the figures are
    /// missing or damaged, or where an older version did not say it.
    pub fn evaluated(folder: &Path) -> Option<Self> {
        Metrics::read(folder).ok().flatten()?.steps().map(Self::Step)
    }
}

impl fmt::Display for NamedWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step(step) => write!(f, "step {step}"),
            Self::Sha256(hash) => write!(f, "the weights {}", hash.get(..8).unwrap_or(hash)),
        }
    }
}
