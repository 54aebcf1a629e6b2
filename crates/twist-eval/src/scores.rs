//! The figures of a frozen network on labelled and unlabelled images.

use std::collections::BTreeSet;

use serde::Serialize;
use twist_data::Dataset;
use twist_metrics::{ClusterScores, cluster_scores};
use twist_nn::TwistNet;

use crate::labels::{label_tensor, tell_apart};
use crate::split::{EvalData, Split};
use crate::{EvalError, KnnProtocol, knn_top1};
use twist_model::{EvalInput, NetworkOutputs};

/// What one evaluation found; field names are the keys of `metrics.json`, and what cannot be measured without labels
/// is absent.
#[derive(Clone, Debug, Serialize)]
pub struct Scores {
    /// Accuracy of weighted k-NN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub knn_top1: Option<f64>,
    /// Discovered classes against labels.
    #[serde(flatten)]
    pub clusters: Option<ClusterScores>,
    /// Clusters that win at least one image (also part of `clusters`, where that is present).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub classes_in_use: Option<usize>,
    /// Mean probability of the winning cluster.
    pub mean_confidence: f64,
}

/// Measures `net`: k-NN with the bank of `split`, and clusters of the scored images. Returns their features as well.
pub(crate) fn measure(
    net: &TwistNet,
    input: &EvalInput,
    data: &EvalData,
    split: &Split,
    protocol: KnnProtocol,
) -> Result<(Scores, NetworkOutputs), EvalError> {
    let evaluated = data.evaluated();
    let features = NetworkOutputs::of(net, input, evaluated, &split.scored)?;
    let knn = match split.has_knn() {
        true => Some(knn_of(net, input, data, split, protocol, &features)?),
        false => None,
    };
    let clusters = clusters_against_labels(&features, &**evaluated)?;
    let in_use = features.predictions()?.into_iter().collect::<BTreeSet<_>>().len();
    let scores = Scores {
        knn_top1: knn,
        classes_in_use: clusters.is_none().then_some(in_use),
        clusters,
        mean_confidence: features.mean_confidence()?,
    };
    Ok((scores, features))
}

/// Weighted k-NN; queries that were scored already are not computed again.
fn knn_of(
    net: &TwistNet,
    input: &EvalInput,
    data: &EvalData,
    split: &Split,
    protocol: KnnProtocol,
    scored: &NetworkOutputs,
) -> Result<f64, EvalError> {
    let bank = NetworkOutputs::of(net, input, &data.train, &split.bank)?;
    let place = |index: &u32| scored.indices.binary_search(index).ok().map(|row| row as i64);
    let known: Option<Vec<i64>> = split.queries.iter().map(place).collect();
    let (queries, rows) = match known {
        Some(rows) => {
            (split.queries.clone(), scored.embeddings.f_index_select(0, &tch::Tensor::f_from_slice(&rows)?)?)
        }
        None => {
            let asked = NetworkOutputs::of(net, input, data.evaluated(), &split.queries)?;
            (asked.indices, asked.embeddings)
        }
    };
    knn_top1(
        (&bank.embeddings, &label_tensor(&*data.train, &bank.indices)),
        (&rows, &label_tensor(&**data.evaluated(), &queries)),
        data.train.classes().len() as i64,
        protocol,
    )
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
