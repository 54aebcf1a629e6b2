//! Accuracy of predicted classes, where classes have names and nothing has to be matched.

use std::collections::BTreeMap;

use crate::contingency::MetricsError;

/// The mean over the classes that occur in `labels` of the share of their images that are right: what transfer tables
/// report for Aircraft, Caltech-101, Flowers and Pets, and scikit-learn's `balanced_accuracy_score`. A class counts as much
/// as any other, whatever its size. 0 without images.
///
/// # Errors
/// [`MetricsError::Lengths`] when the two lists are of different length.
pub fn mean_per_class_accuracy(labels: &[u32], predictions: &[u32]) -> Result<f64, MetricsError> {
    if labels.len() != predictions.len() {
        return Err(MetricsError::Lengths { labels: labels.len(), predictions: predictions.len() });
    }
    let mut classes: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    for (label, prediction) in labels.iter().zip(predictions) {
        let (right, all) = classes.entry(*label).or_default();
        *right += u64::from(label == prediction);
        *all += 1;
    }
    let sum: f64 = classes.values().map(|&(right, all)| share(right, all)).sum();
    Ok(if classes.is_empty() { 0.0 } else { sum / classes.len() as f64 })
}

/// Each label with its row of `ranked`, once both are known to fit.
pub(crate) fn per_image<'a>(
    labels: &'a [u32],
    ranked: &'a [u32],
    k: usize,
) -> Result<impl Iterator<Item = (&'a u32, &'a [u32])>, MetricsError> {
    if k == 0 || labels.len().checked_mul(k) != Some(ranked.len()) {
        return Err(MetricsError::Ranked { labels: labels.len(), ranked: ranked.len(), k });
    }
    Ok(labels.iter().zip(ranked.chunks_exact(k)))
}

/// Nothing of nothing is nothing.
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_class_weighs_as_much_as_a_large_one() {
        // 9 of 10 images are right, but half of the classes.
        let labels = [0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
        assert_eq!(mean_per_class_accuracy(&labels, &[0; 10]), Ok(0.5));
        // A class that occurs only in the predictions is not a class of the labels.
        assert_eq!(mean_per_class_accuracy(&[1, 1, 2], &[1, 9, 2]), Ok(0.75));
        assert_eq!(mean_per_class_accuracy(&[], &[]), Ok(0.0));
        assert!(mean_per_class_accuracy(&[1], &[]).is_err());
    }
}
