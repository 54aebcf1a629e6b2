//! Values far outside of those that are usual.

use super::check::FAR_OUT;

/// The range of usual values: three interquartile ranges beyond the quartiles (the outer fences of Tukey 1977). `None` without
/// values.
pub fn fences(mut values: Vec<f64>) -> Option<(f64, f64)> {
    values.sort_unstable_by(f64::total_cmp);
    let quartile = |part: f64| {
        let place = part * values.len().checked_sub(1)? as f64;
        let (below, above) = (values[place as usize], values[place.ceil() as usize]);
        Some(below + (above - below) * place.fract())
    };
    let (low, high) = (quartile(0.25)?, quartile(0.75)?);
    let reach = FAR_OUT * (high - low);
    Some((low - reach, high + reach))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outer_fences() {
        // numpy.percentile([1, 2, 3, 4, 10], [25, 75]) is [2, 4].
        assert_eq!(fences(vec![10.0, 3.0, 1.0, 4.0, 2.0]), Some((-4.0, 10.0)));
        assert_eq!(fences(vec![1.0, 2.0]), Some((1.25 - 1.5, 1.75 + 1.5)));
        assert_eq!(fences(vec![7.0]), Some((7.0, 7.0)));
        assert_eq!(fences(Vec::new()), None);
    }
}
