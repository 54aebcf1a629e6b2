//! Average precision as PASCAL VOC 2007 defines it.

/// Average precision of one class over 11 points (Everingham et al., IJCV 2010, section 4.2): the mean over the recalls
/// 0, 0.1, …, 1 of the highest precision that is reached at that recall or a higher one. `scores` ranks the images, the
/// highest first; `relevant` says which ones have the class. Images marked difficult are left out by the caller.
///
/// Images of equal score come at the same time, so the result does not depend on their order. Recalls are compared in
/// integers: 3 of 5 is a recall of 0.6, which `3.0 / 5.0 >= 6.0 * 0.1` denies. Not-a-number ranks last. 0 when nothing
/// is relevant. Where one list is longer, its surplus is not looked at.
pub fn average_precision_11_point(scores: &[f32], relevant: &[bool]) -> f64 {
    let key = |score: f32| if score.is_nan() { f32::NEG_INFINITY } else { score };
    let mut ranked: Vec<(f32, bool)> =
        scores.iter().zip(relevant).map(|(&score, &relevant)| (key(score), relevant)).collect();
    ranked.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));

    // (relevant ones found, images looked at) after each different score.
    let (mut found, mut seen) = (0u64, 0u64);
    let mut curve = Vec::new();
    for run in ranked.chunk_by(|a, b| a.0 == b.0) {
        found += run.iter().filter(|(_, relevant)| *relevant).count() as u64;
        seen += run.len() as u64;
        curve.push((found, seen));
    }
    if found == 0 {
        return 0.0;
    }
    let precision = |tenths: u64| {
        let reached = curve.iter().filter(|&&(so_far, _)| 10 * so_far >= tenths * found);
        reached.map(|&(so_far, seen)| so_far as f64 / seen as f64).fold(0.0, f64::max)
    };
    (0..=10).map(precision).sum::<f64>() / 11.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition with loops: cut the ranking at every place, look at every cut for every recall.
    fn by_definition(scores: &[f32], relevant: &[bool]) -> f64 {
        let all = relevant.iter().filter(|&&r| r).count();
        let mut sum = 0.0;
        for tenths in 0..=10 {
            let mut best: f64 = 0.0;
            for &least in scores {
                let kept: Vec<bool> =
                    scores.iter().zip(relevant).filter(|(s, _)| **s >= least).map(|(_, r)| *r).collect();
                let found = kept.iter().filter(|&&r| r).count();
                if all > 0 && found as f64 / all as f64 + 1e-9 >= f64::from(tenths) / 10.0 {
                    best = best.max(found as f64 / kept.len() as f64);
                }
            }
            sum += best;
        }
        sum / 11.0
    }

    proptest! {
        #[test]
        fn equals_the_definition(
            // Few different scores, so that many are equal.
            images in prop::collection::vec((0u8..12, any::<bool>()), 0..60)
        ) {
            let scores: Vec<f32> = images.iter().map(|image| f32::from(image.0) / 4.0 - 1.0).collect();
            let relevant: Vec<bool> = images.iter().map(|image| image.1).collect();
            let (got, want) = (average_precision_11_point(&scores, &relevant), by_definition(&scores, &relevant));
            prop_assert!((got - want).abs() < 1e-12, "{} {}", got, want);
        }
    }

    #[test]
    fn a_ranking_by_hand() {
        // Precision 1 up to recall 1/2, 2/3 up to recall 1 (the second relevant image is third).
        let got = average_precision_11_point(&[0.9, 0.8, 0.7, 0.1], &[true, false, true, false]);
        assert!((got - (6.0 + 5.0 * 2.0 / 3.0) / 11.0).abs() < 1e-15, "{got}");
        // Relevant images first: 1 everywhere, at 3 of 5 too.
        assert_eq!(average_precision_11_point(&[5.0, 4.0, 3.0], &[true, true, false]), 1.0);
    }

    #[test]
    fn a_recall_of_six_tenths_is_reached_by_three_of_five() {
        let relevant = [true, true, true, false, false, false, true, true];
        let scores: Vec<f32> = (0..8).map(|rank| 8.0 - rank as f32).collect();
        let got = average_precision_11_point(&scores, &relevant);
        assert!((got - (7.0 + 4.0 * 5.0 / 8.0) / 11.0).abs() < 1e-15, "{got}");
    }

    #[test]
    fn degenerate_rankings_are_finite() {
        assert_eq!(average_precision_11_point(&[], &[]), 0.0);
        assert_eq!(average_precision_11_point(&[1.0, 2.0], &[false, false]), 0.0);
        assert_eq!(average_precision_11_point(&[0.5; 4], &[true, false, false, false]), 0.25);
        assert_eq!(
            average_precision_11_point(&[f32::NAN, 0.1, -0.0, 0.0], &[true, false, false, false]),
            0.25
        );
    }
}
