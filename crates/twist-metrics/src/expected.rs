//! The mutual information that chance alone gives.

use std::collections::BTreeMap;

/// Expected mutual information, in nats, of two random partitions with these cluster sizes (Vinh, Epps and Bailey,
/// JMLR 2010, equation 24a): the number of images that a class of `a` and a cluster of `b` share is hypergeometric.
///
/// Two things differ from the usual implementation. Equal sizes are taken together: n images have at most √(2n)
/// different ones, so the cost is O(n^1.5) at most instead of classes × clusters × size. And the distribution is
/// normalised by its own sum instead of by log-factorials, whose rounding grows with n.
pub(crate) fn expected_mutual_information(class_sizes: &[u64], cluster_sizes: &[u64]) -> f64 {
    let images: u64 = class_sizes.iter().sum();
    let (classes, clusters) = (multiplicities(class_sizes), multiplicities(cluster_sizes));
    let mut expected = 0.0;
    for (&a, &classes) in &classes {
        for (&b, &clusters) in &clusters {
            expected += (classes * clusters) as f64 * expected_term(a, b, images);
        }
    }
    expected
}

fn multiplicities(sizes: &[u64]) -> BTreeMap<u64, u64> {
    let mut counts = BTreeMap::new();
    for &size in sizes {
        *counts.entry(size).or_insert(0) += 1;
    }
    counts
}

/// Weights this small relative to the largest cannot change a sum of doubles.
const NEGLIGIBLE: f64 = 1e-30;

/// Expected contribution `m/n · ln(n m / (a b))` of a class of `a` and a cluster of `b` of `n` images, where `m`
/// is the number of images they share.
fn expected_term(a: u64, b: u64, n: u64) -> f64 {
    let (first, last) = ((a + b).saturating_sub(n), a.min(b));
    let mode = (((a + 1) as f64 * (b + 1) as f64 / (n + 2) as f64) as u64).clamp(first, last);
    let (af, bf, nf) = (a as f64, b as f64, n as f64);
    let value = |m: u64| if m == 0 { 0.0 } else { m as f64 / nf * (nf * m as f64 / (af * bf)).ln() };

    // The ratio of neighbouring probabilities is rational: walk from the mode to both ends.
    let up = |m: u64| (a - m) as f64 * (b - m) as f64 / ((m + 1) as f64 * (n + m + 1 - a - b) as f64);
    let (mut total, mut sum) = (1.0, value(mode));
    let mut weight = 1.0;
    for m in mode..last {
        weight *= up(m);
        if weight < NEGLIGIBLE {
            break;
        }
        total += weight;
        sum += weight * value(m + 1);
    }
    weight = 1.0;
    for m in (first..mode).rev() {
        weight /= up(m);
        if weight < NEGLIGIBLE {
            break;
        }
        total += weight;
        sum += weight * value(m);
    }
    sum / total
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean over every way to place the clusters, for sizes small enough to list them all.
    fn by_enumeration(classes: &[u64], clusters: &[u64]) -> f64 {
        let label = |sizes: &[u64]| -> Vec<usize> {
            sizes.iter().enumerate().flat_map(|(i, &size)| std::iter::repeat_n(i, size as usize)).collect()
        };
        let (labels, mut order) = (label(classes), label(clusters));
        let (mut total, mut count) = (0.0, 0);
        permute(&mut order, 0, &mut |placed| {
            let n = labels.len() as f64;
            let mut cells = BTreeMap::new();
            for pair in labels.iter().zip(placed) {
                *cells.entry(pair).or_insert(0.0) += 1.0;
            }
            for ((&i, &j), count) in cells {
                total += count / n * (n * count / (classes[i] as f64 * clusters[j] as f64)).ln();
            }
            count += 1;
        });
        total / f64::from(count)
    }

    fn permute(list: &mut [usize], at: usize, visit: &mut impl FnMut(&[usize])) {
        if at == list.len() {
            return visit(list);
        }
        for other in at..list.len() {
            list.swap(at, other);
            permute(list, at + 1, visit);
            list.swap(at, other);
        }
    }

    #[test]
    fn equals_the_mean_over_all_permutations() {
        let cases: [(&[u64], &[u64]); 5] = [
            (&[3, 4], &[2, 5]),
            (&[1, 1, 5], &[3, 3, 1]),
            (&[1, 1, 1, 1], &[2, 2]),
            (&[6, 1], &[6, 1]),
            (&[7], &[3, 4]),
        ];
        for (classes, clusters) in cases {
            let (got, want) =
                (expected_mutual_information(classes, clusters), by_enumeration(classes, clusters));
            assert!((got - want).abs() < 1e-11, "{classes:?} {clusters:?}: {got} {want}");
        }
    }

    #[test]
    fn large_sizes_neither_overflow_nor_lose_the_tail() {
        // Two halves of n images share about 1/(2n) nats by chance: the chi-squared approximation with one degree of freedom.
        let half = 10_000_000;
        let got = expected_mutual_information(&[half, half], &[half, half]);
        let approximate = 1.0 / (4.0 * half as f64);
        assert!((got / approximate - 1.0).abs() < 1e-3, "{got} {approximate}");
    }
}
