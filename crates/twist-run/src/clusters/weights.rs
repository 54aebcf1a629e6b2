//! Which weights the named classes are those of.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Metrics;

/// The weights whose classes people named: training that goes on changes the classes behind the numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub enum NamedWeights {
    /// Those of a run.
    Step {
        /// After so many steps.
        step: u64,
        /// A hash of them: other runs have as many steps. Older versions did not write it.
        hash: Option<String>,
    },
    /// Those in a file with this hash.
    Sha256(String),
}

/// As it stands in files: `{"step": 60, "hash": "9f…"}` or `{"sha256": "9f…"}`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
}

impl TryFrom<Written> for NamedWeights {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        match written {
            Written { step: Some(step), hash, sha256: None } => Ok(Self::Step { step, hash }),
            Written { step: None, hash: None, sha256: Some(hash) } => Ok(Self::Sha256(hash)),
            _ => Err("weights are a `step` with its `hash`, or a `sha256`"),
        }
    }
}

impl From<NamedWeights> for Written {
    fn from(weights: NamedWeights) -> Self {
        match weights {
            NamedWeights::Step { step, hash } => Self { step: Some(step), hash, sha256: None },
            NamedWeights::Sha256(hash) => Self { step: None, hash: None, sha256: Some(hash) },
        }
    }
}

impl NamedWeights {
    /// The weights that the run in `folder` was evaluated with, whose classes its report shows; `None` where the figures are
    /// missing or damaged, or where an older version did not say it.
    pub fn evaluated(folder: &Path) -> Option<Self> {
        Metrics::read(folder).ok().flatten()?.weights()
    }

    /// Whether these are the `others`. Where one of two does not say its hash, as older versions wrote it, the step decides.
    pub fn are(&self, others: &Self) -> bool {
        match (self, others) {
            (Self::Step { step, hash }, Self::Step { step: other, hash: others }) => {
                let is_known = hash.is_some() && others.is_some();
                step == other && (!is_known || hash == others)
            }
            _ => self == others,
        }
    }

    /// What to call these where `now` is what a model has: another run may have as many steps.
    pub fn beside(&self, now: &Self) -> String {
        match (self, now) {
            (Self::Step { step, .. }, Self::Step { step: other, .. }) if step == other && !self.are(now) => {
                format!("step {step} of another run")
            }
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for NamedWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Step { step, .. } => write!(f, "step {step}"),
            Self::Sha256(hash) => write!(f, "the weights {}", hash.get(..8).unwrap_or(hash)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(step: u64, hash: Option<&str>) -> NamedWeights {
        NamedWeights::Step { step, hash: hash.map(str::to_owned) }
    }

    #[test]
    fn weights_of_runs_with_as_many_steps_are_told_apart() {
        let (own, other, old) = (step(60, Some("ab")), step(60, Some("cd")), step(60, None));
        assert!(own.are(&own) && own.are(&old) && old.are(&other));
        assert!(!own.are(&other) && !own.are(&step(61, Some("ab"))) && !old.are(&step(61, None)));
        assert!(!own.are(&NamedWeights::Sha256("ab".into())));
        assert_eq!(other.beside(&own), "step 60 of another run");
        assert_eq!((old.beside(&own), step(9, None).beside(&own)), ("step 60".into(), "step 9".into()));
    }

    #[test]
    fn files_of_older_versions_are_read() {
        for (text, weights) in [
            (r#"{"step":60}"#, step(60, None)),
            (r#"{"step":60,"hash":"ab"}"#, step(60, Some("ab"))),
            (r#"{"sha256":"cd"}"#, NamedWeights::Sha256("cd".into())),
        ] {
            assert_eq!(serde_json::from_str::<NamedWeights>(text).unwrap(), weights);
            assert_eq!(serde_json::to_string(&weights).unwrap(), text);
        }
        for wrong in ["{}", r#"{"step":6,"sha256":"cd"}"#, r#"{"hash":"ab"}"#, r#"{"steps":6}"#] {
            assert!(serde_json::from_str::<NamedWeights>(wrong).is_err(), "{wrong}");
        }
    }
}
