//! `metrics.json`: the final figures with the protocol that defines them; without it, the last evaluation of the log.

use std::path::Path;

use twist_run::{Metrics, files};

use super::log::History;
use super::notes::Notes;
use super::optional::read_optional_text;
use crate::error::ReportError;

/// Where the figures come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Origin {
    /// `metrics.json`, written at the end of the run.
    Final,
    /// The last `eval` line of the log, at this epoch.
    Online(f64),
}

/// What was measured of a run.
pub(crate) struct Measured {
    /// Final or while training.
    pub(crate) origin: Origin,
    /// The figures, with baselines and protocol where they are final.
    pub(crate) metrics: Metrics,
}

/// Reads `metrics.json`; without it, takes the last evaluation from `log`.
pub(super) fn read(path: &Path, log: &History, notes: &mut Notes) -> Result<Option<Measured>, ReportError> {
    match read_optional_text(path)? {
        Some(text) => {
            let so = "it was left out; the command of the run with `--resume` measures the figures again.";
            if let Some(metrics) = notes.parse(files::METRICS, &text, so) {
                return Ok(Some(Measured { origin: Origin::Final, metrics }));
            }
        }
        None => notes.missing(
            "The run has no final figures (metrics.json) yet: they are written when training ends.".into(),
        ),
    }
    let Some((_, last)) = log.evals.iter().next_back() else {
        notes.missing("No evaluation was logged while training.".into());
        return Ok(None);
    };
    notes.missing("The figures shown are those of the last evaluation while training.".into());
    let metrics = Metrics { figures: last.figures.clone(), ..Metrics::default() };
    Ok(Some(Measured { origin: Origin::Online(last.epoch), metrics }))
}
