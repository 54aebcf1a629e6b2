//! Mean and deviation of the figures of several seeds or checkpoints.

use serde_json::{Map, Value};
use twist_metrics::MeanStd;

use super::ClusterFigures;
use crate::EvalError;

/// Each figure's mean and sample standard deviation, by its key in `--json`.
#[derive(Clone, Debug)]
pub struct FigureSummary {
    figures: Vec<(String, MeanStd)>,
    /// The figures of a single run as they are, whole numbers included.
    single: Option<Map<String, Value>>,
}

impl FigureSummary {
    /// Of the runs' figures; a figure that not all runs have is left out.
    ///
    /// # Errors
    /// None that can happen: figures are numbers.
    pub fn of(runs: &[ClusterFigures]) -> Result<Self, EvalError> {
        let mut fields: Vec<Map<String, Value>> = Vec::new();
        for run in runs {
            if let Value::Object(object) = serde_json::to_value(run)? {
                fields.push(object);
            }
        }
        let mut figures = Vec::new();
        for key in fields.first().map(Map::keys).into_iter().flatten() {
            let values: Vec<f64> = fields.iter().filter_map(|run| run.get(key)?.as_f64()).collect();
            match MeanStd::of(&values) {
                Some(summary) if values.len() == runs.len() => figures.push((key.clone(), summary)),
                _ => {}
            }
        }
        let single = if fields.len() == 1 { fields.pop() } else { None };
        Ok(Self { figures, single })
    }

    /// Mean and deviation of one figure.
    pub fn get(&self, key: &str) -> Option<MeanStd> {
        self.figures.iter().find(|(name, _)| name == key).map(|(_, figure)| *figure)
    }

    /// The means by key; those of several runs followed by `std`, an object with the deviations, and `runs`.
    pub fn fields(&self) -> Map<String, Value> {
        if let Some(single) = &self.single {
            return single.clone();
        }
        let mut fields: Map<String, Value> =
            self.figures.iter().map(|(key, figure)| (key.clone(), figure.mean.into())).collect();
        let std: Map<String, Value> =
            self.figures.iter().map(|(key, figure)| (key.clone(), figure.std.into())).collect();
        let runs = self.figures.first().map_or(0, |(_, figure)| figure.runs);
        fields.insert("std".into(), std.into());
        fields.insert("runs".into(), runs.into());
        fields
    }
}

#[cfg(test)]
mod tests {
    use super::super::Ranking;
    use super::*;

    fn figures(clusters: &[u32], mean_confidence: Option<f64>) -> ClusterFigures {
        let ranking = Ranking { clusters: clusters.to_vec(), per_image: 1, all: 8, mean_confidence };
        ClusterFigures::new(&[0, 0, 1, 1], &ranking).unwrap()
    }

    #[test]
    fn several_runs_have_means_and_deviations() {
        let runs = [figures(&[5, 5, 7, 7], Some(0.5)), figures(&[5, 5, 5, 5], None)];
        let summary = FigureSummary::of(&runs).unwrap();
        let accuracy = summary.get("accuracy_one_to_one").unwrap();
        assert_eq!((accuracy.mean, accuracy.runs), (0.75, 2));
        let fields = summary.fields();
        assert_eq!((&fields["runs"], &fields["classes_in_use"]), (&2.into(), &1.5.into()));
        assert!((fields["std"]["nmi"].as_f64().unwrap() - 0.5f64.sqrt()).abs() < 1e-12);
        // Only one of them knows its confidence.
        assert!(!fields.contains_key("mean_confidence"));
    }

    #[test]
    fn a_single_run_keeps_its_figures() {
        let fields = FigureSummary::of(&[figures(&[5, 5, 7, 7], Some(0.5))]).unwrap().fields();
        assert_eq!((&fields["classes_in_use"], &fields["mean_confidence"]), (&2.into(), &0.5.into()));
        assert!(!fields.contains_key("std") && !fields.contains_key("runs"));
    }
}
