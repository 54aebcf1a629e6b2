//! The margin of error of a measured share.

/// Standard errors on each side of a share: 95 % of all samples.
const SIDES: f64 = 1.96;

/// Half the width of the interval that holds the true share in 95 of 100 cases, when `share` (0 to 1) was measured on `images`
/// images drawn by chance: Wilson's interval (1927), which holds for shares near 0 and 1 too. 0 images leave all open: 0.5.
pub fn margin(share: f64, images: u64) -> f64 {
    if images == 0 {
        return 0.5;
    }
    let (n, z2) = (images as f64, SIDES * SIDES);
    SIDES * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt() / (1.0 + z2 / n)
}

#[cfg(test)]
mod tests {
    use super::margin;

    #[test]
    fn few_images_leave_much_open_and_all_right_is_not_certain() {
        // By hand: 1.96 * sqrt(p (1 - p) / n + 1.96² / 4n²) / (1 + 1.96² / n).
        assert!((margin(0.25, 60) - 0.107280).abs() < 1e-6, "{}", margin(0.25, 60));
        assert!((margin(1.0, 60) - 0.030087).abs() < 1e-6, "{}", margin(1.0, 60));
        assert!(margin(0.58, 10_000) < 0.01);
        assert_eq!(margin(0.5, 0), 0.5);
    }
}
