//! What a verdict rests on, out of `metrics.json`.

use twist_run::{Figure, Metrics, figure};

use crate::baselines::{KMeans, rival};

/// Figures of one evaluation, as far as they are there.
#[derive(Debug)]
pub(super) struct Facts {
    /// Classes that the network may use.
    pub(super) clusters: Option<u64>,
    /// Classes that won an image.
    pub(super) in_use: Option<u64>,
    pub(super) confidence: Option<f64>,
    /// One-to-one accuracy against labels.
    pub(super) accuracy: Option<f64>,
    /// The best k-means with as many clusters.
    pub(super) rival: Option<KMeans>,
    pub(super) steps: Option<u64>,
    pub(super) trained_on: Option<u64>,
    /// Whether it is a head alone, on features that stay.
    pub(super) is_head: bool,
    images: Option<u64>,
    /// Of these, the ones with a label: accuracies are theirs.
    labelled: Option<u64>,
}

impl Facts {
    pub(super) fn of(metrics: &Metrics) -> Self {
        let number = |figure: &Figure| metrics.figures.get(figure);
        let whole = |place: &str| metrics.count(place).filter(|value| *value > 0);
        let clusters = whole("/clusters");
        Self {
            clusters,
            in_use: number(figure::CLASSES_IN_USE).map(|used| used as u64),
            confidence: number(figure::MEAN_CONFIDENCE),
            accuracy: number(figure::ACC),
            rival: rival(metrics, clusters).filter(|one| clusters.is_some() && one.clusters == clusters),
            steps: whole("/steps"),
            trained_on: whole("/training_images"),
            is_head: whole("/heads").is_some(),
            images: whole("/evaluated_images"),
            labelled: whole("/labelled_images").or(whole("/evaluated_images")),
        }
    }

    /// Whether no figure says anything of classes.
    pub(super) fn are_empty(&self) -> bool {
        self.in_use.is_none() && self.confidence.is_none() && self.accuracy.is_none()
    }

    /// Classes that can be in use: no more than there are images.
    pub(super) fn reachable(&self) -> Option<u64> {
        self.clusters.map(|clusters| self.images.map_or(clusters, |images| clusters.min(images)))
    }

    /// The mean probability of a network that guesses.
    pub(super) fn guess(&self) -> Option<f64> {
        self.clusters.filter(|clusters| *clusters > 1).map(|clusters| 1.0 / clusters as f64)
    }

    /// The mean probability on a scale where 0 is a guess and 1 is certainty.
    pub(super) fn decided(&self) -> Option<f64> {
        let guess = self.guess()?;
        Some((self.confidence? - guess) / (1.0 - guess))
    }

    /// Two standard errors of the difference between two accuracies of about this size, on as many images.
    pub(super) fn noise(&self, accuracy: f64) -> f64 {
        let variance = |images: u64| 2.0 * accuracy * (1.0 - accuracy) / images as f64;
        self.labelled.map_or(0.0, |images| 2.0 * variance(images).max(0.0).sqrt())
    }
}
