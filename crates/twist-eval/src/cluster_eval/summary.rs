//! Mean and deviation of the figures of several seeds or checkpoints.

use twist_metrics::MeanStd;
use twist_run::{Figure, Figures, Metrics};

use super::ClusterFigures;

/// Each figure's mean and sample standard deviation.
#[derive(Clone, Debug)]
pub struct FigureSummary(Vec<(&'static Figure, MeanStd)>);

impl FigureSummary {
    /// Of the runs' figures; a figure that not all runs have is left out.
    pub fn of(runs: &[ClusterFigures]) -> Self {
        let runs: Vec<Figures> = runs.iter().map(Figures::of).collect();
        let summary = |figure: &'static Figure| {
            let values: Option<Vec<f64>> = runs.iter().map(|run| run.get(figure)).collect();
            Some((figure, MeanStd::of(&values?)?))
        };
        let known = runs.first().into_iter().flat_map(Figures::iter);
        Self(known.filter_map(|(key, _)| summary(Figure::of_key(key)?)).collect())
    }

    /// Mean and deviation of one figure.
    pub fn get(&self, figure: &Figure) -> Option<MeanStd> {
        self.0.iter().find(|(known, _)| *known == figure).map(|(_, found)| *found)
    }

    /// The means; those of several runs with `std`, an object with the deviations, and `runs`, their number.
    pub fn metrics(&self) -> Metrics {
        let figures = self.0.iter().map(|(figure, found)| (*figure, found.mean)).collect();
        let mut metrics = Metrics { figures, ..Metrics::default() };
        let deviations: Figures =
            self.0.iter().filter_map(|(figure, found)| Some((*figure, found.std?))).collect();
        if !deviations.is_empty() {
            metrics.more.insert("std".into(), deviations.fields().into());
            metrics.more.insert("runs".into(), self.0[0].1.runs.into());
        }
        metrics
    }
}

#[cfg(test)]
mod tests {
    use twist_run::figure;

    use super::super::Ranking;
    use super::*;

    fn figures(clusters: &[u32], mean_confidence: Option<f64>) -> ClusterFigures {
        let ranking = Ranking { clusters: clusters.to_vec(), per_image: 1, all: 8, mean_confidence };
        ClusterFigures::new(&[0, 0, 1, 1], &ranking).unwrap()
    }

    #[test]
    fn several_runs_have_means_and_deviations() {
        let runs = [figures(&[5, 5, 7, 7], Some(0.5)), figures(&[5, 5, 5, 5], None)];
        let summary = FigureSummary::of(&runs);
        let accuracy = summary.get(figure::ACC).unwrap();
        assert_eq!((accuracy.mean, accuracy.runs), (0.75, 2));
        let Metrics { figures, more, .. } = summary.metrics();
        assert_eq!((&more["runs"], figures.get(figure::CLASSES_IN_USE)), (&2.into(), Some(1.5)));
        assert!((more["std"]["nmi"].as_f64().unwrap() - 0.5f64.sqrt()).abs() < 1e-12);
        // Only one of them knows its confidence.
        assert_eq!(figures.get(figure::MEAN_CONFIDENCE), None);
    }

    #[test]
    fn a_single_run_keeps_its_figures() {
        let metrics = FigureSummary::of(&[figures(&[5, 5, 7, 7], Some(0.5))]).metrics();
        let fields = metrics.fields();
        assert_eq!((&fields["classes_in_use"], &fields["mean_confidence"]), (&2.into(), &0.5.into()));
        assert!(metrics.more.is_empty());
    }
}
