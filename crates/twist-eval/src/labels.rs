//! Which images take part in an evaluation, and their labels.

use tch::Tensor;
use twist_data::Dataset;
use twist_io::{GOLDEN, splitmix};

use crate::EvalError;

/// `0..len`, or `most` of them chosen by chance, ascending: the same ones every time.
///
/// By chance and not at equal distances, because data sets often repeat their classes in a fixed rhythm.
pub(crate) fn spread(len: usize, most: usize) -> Vec<u32> {
    let mut all: Vec<u32> = (0..len as u32).collect();
    if len > most {
        all.sort_by_key(|&index| splitmix(u64::from(index).wrapping_mul(GOLDEN)));
        all.truncate(most);
        all.sort_unstable();
    }
    all
}

/// The labelled ones among all indices of `dataset`.
pub(crate) fn labelled(dataset: &dyn Dataset) -> Vec<u32> {
    (0..dataset.len()).filter(|&index| dataset.label(index).is_some()).map(|index| index as u32).collect()
}

/// Whether labels are of two classes at least: with one class, nothing can be measured.
pub(crate) fn tell_apart(mut labels: impl Iterator<Item = u32>) -> bool {
    labels.next().is_some_and(|first| labels.any(|label| label != first))
}

/// The labels of rows that are known to have one, `[N]` int64.
pub(crate) fn label_tensor(dataset: &dyn Dataset, indices: &[u32]) -> Tensor {
    let labels: Vec<i64> = indices.iter().filter_map(|&i| dataset.label(i as usize)).map(i64::from).collect();
    Tensor::from_slice(&labels)
}

/// Labels `[N]` (int64) as the scores of `twist-metrics` take them.
///
/// # Errors
/// Another shape or kind.
pub fn label_numbers(labels: &Tensor) -> Result<Vec<u32>, EvalError> {
    Ok(Vec::<i64>::try_from(labels)?.into_iter().map(|label| label as u32).collect())
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn spread_indices_are_distinct_ascending_and_of_every_class() {
        assert_eq!(spread(5, 10), [0, 1, 2, 3, 4]);
        let some = spread(50_000, 10_000);
        assert_eq!(some.len(), 10_000);
        assert!(some.windows(2).all(|pair| pair[0] < pair[1]) && some[9_999] < 50_000);
        for class in 0..10 {
            let of_class = some.iter().filter(|&&index| index % 10 == class).count();
            assert!((900..1_100).contains(&of_class), "{of_class} of class {class}");
        }
        assert!(spread(0, 5).is_empty());
    }
}
