//! The figures of a frozen network on labelled and unlabelled images.

use std::collections::BTreeSet;

use twist_data::Dataset;
use twist_metrics::{ClusterScores, cluster_scores};
use twist_nn::TwistNet;
use twist_run::{Figures, figure};

use crate::labels::{label_tensor, tell_apart};
use crate::split::{EvalData, Split};
use crate::{EvalError, KnnProtocol, knn_top1};
use twist_model::{EvalInput, NetworkOutputs};

/// What is measured: a network, on which images, and by which vote.
pub(crate) struct Measuring<'a> {
    pub(crate) net: &'a TwistNet,
    pub(crate) input: &'a EvalInput,
    pub(crate) data: &'a EvalData,
    pub(crate) knn: KnnProtocol,
}

impl Measuring<'_> {
    /// The figures: k-NN with the bank of `split`, and clusters of the scored images. Returns their features as well.
    pub(crate) fn figures(&self, split: &Split) -> Result<(Figures, NetworkOutputs), EvalError> {
        let evaluated = self.data.evaluated();
        let features = NetworkOutputs::of(self.net, self.input, evaluated, &split.scored)?;
        let mut figures = Figures::default();
        if split.has_knn() {
            figures.set(figure::KNN_TOP1, self.knn_top1(split, &features)?);
        }
        figures.extend(&cluster_figures(&features, &**evaluated)?);
        Ok((figures, features))
    }

    /// Weighted k-NN; queries that were scored already are not computed again.
    fn knn_top1(&self, split: &Split, scored: &NetworkOutputs) -> Result<f64, EvalError> {
        let (train, evaluated) = (&self.data.train, self.data.evaluated());
        let bank = NetworkOutputs::of(self.net, self.input, train, &split.bank)?;
        let place = |index: &u32| scored.indices.binary_search(index).ok().map(|row| row as i64);
        let known: Option<Vec<i64>> = split.queries.iter().map(place).collect();
        let (queries, rows) = match known {
            Some(rows) => {
                let rows = scored.embeddings.f_index_select(0, &tch::Tensor::f_from_slice(&rows)?)?;
                (split.queries.clone(), rows)
            }
            None => {
                let asked = NetworkOutputs::of(self.net, self.input, evaluated, &split.queries)?;
                (asked.indices, asked.embeddings)
            }
        };
        knn_top1(
            (&bank.embeddings, &label_tensor(&**train, &bank.indices)),
            (&rows, &label_tensor(&**evaluated, &queries)),
            train.classes().len() as i64,
            self.knn,
        )
    }
}

/// Discovered classes against labels, or where there are none how many are in use, and the mean probability of the winning
/// ones.
pub(crate) fn cluster_figures(
    features: &NetworkOutputs,
    dataset: &dyn Dataset,
) -> Result<Figures, EvalError> {
    let mut figures = match clusters_against_labels(features, dataset)? {
        Some(scores) => Figures::of(&scores),
        None => {
            let in_use = features.predictions()?.into_iter().collect::<BTreeSet<_>>().len();
            [(figure::CLASSES_IN_USE, in_use as f64)].into_iter().collect()
        }
    };
    figures.set(figure::MEAN_CONFIDENCE, features.mean_confidence()?);
    figures.retain(f64::is_finite);
    Ok(figures)
}

/// NMI, AMI, ARI and accuracies of the most probable clusters, over the images that have a label; `None` without labels of
/// two classes.
///
/// # Errors
/// libtorch fails.
pub fn clusters_against_labels(
    features: &NetworkOutputs,
    dataset: &dyn Dataset,
) -> Result<Option<ClusterScores>, EvalError> {
    let predictions = features.predictions()?;
    let (labels, predictions): (Vec<u32>, Vec<u32>) = features
        .indices
        .iter()
        .zip(predictions)
        .filter_map(|(&index, cluster)| Some((dataset.label(index as usize)?, cluster)))
        .unzip();
    if !tell_apart(labels.iter().copied()) {
        return Ok(None);
    }
    Ok(Some(cluster_scores(&labels, &predictions)?))
}
