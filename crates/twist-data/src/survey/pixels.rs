//! Sums over pixels, for the mean and deviation of channels.

use crate::image::Rgb8;

/// Mean of the values and of their squares for each channel of one image, values in `[0, 1]`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    first: [f64; 3],
    second: [f64; 3],
}

impl Moments {
    /// Of all pixels of an image. Sums are whole numbers, so the order of the pixels does not matter.
    pub(super) fn of(image: &Rgb8) -> Self {
        let (mut sums, mut squares) = ([0u64; 3], [0u64; 3]);
        for pixel in image.pixels.chunks_exact(3) {
            for channel in 0..3 {
                let value = u64::from(pixel[channel]);
                sums[channel] += value;
                squares[channel] += value * value;
            }
        }
        let pixels = (image.pixels.len() / 3).max(1) as f64;
        Self {
            first: sums.map(|sum| sum as f64 / (pixels * 255.0)),
            second: squares.map(|sum| sum as f64 / (pixels * 255.0 * 255.0)),
        }
    }

    /// Mean of all values of the image.
    pub(super) fn brightness(&self) -> f64 {
        self.first.iter().sum::<f64>() / 3.0
    }

    /// Mean and standard deviation over images, each of which counts the same whatever its size; `None` without any.
    pub(super) fn summary(all: &[Self]) -> Option<([f64; 3], [f64; 3])> {
        if all.is_empty() {
            return None;
        }
        let images = all.len() as f64;
        let average = |of: fn(&Self) -> &[f64; 3]| {
            let sums = all.iter().fold([0.0; 3], |sum, m| std::array::from_fn(|c| sum[c] + of(m)[c]));
            sums.map(|sum: f64| sum / images)
        };
        let (mean, square) = (average(|m| &m.first), average(|m| &m.second));
        let deviation = std::array::from_fn(|c| (square[c] - mean[c] * mean[c]).max(0.0).sqrt());
        Some((mean, deviation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_images_of_different_size() {
        let black = Rgb8::new(1, 1, vec![0; 3]).unwrap();
        let white = Rgb8::new(8, 8, vec![255; 192]).unwrap();
        let (mean, std) = Moments::summary(&[Moments::of(&black), Moments::of(&white)]).unwrap();
        assert_eq!((mean, std), ([0.5; 3], [0.5; 3]));
        assert!(Moments::summary(&[]).is_none());
    }
}
