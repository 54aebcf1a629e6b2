//! How bright, how varied and how sharp an image is.

use super::gray::Gray;
use crate::image::Rgb8;

/// Pixels that brightness and information are measured on, about: of larger images every second, third … row.
const MEASURED: usize = 1 << 14;
/// The longer side at which sharpness is measured, in pixels: what is blurred there has little to learn from.
const SHARPNESS_SIDE: usize = 64;
/// Gray values that deviate less from their mean, of 255, are flat: neither sharp nor blurred.
const FLAT: f64 = 2.0;
/// Levels of brightness that are told apart.
const LEVELS: usize = 1021;

/// Figures of one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Quality {
    /// Perceived brightness that 99 % of the pixels do not exceed, 0 to 1.
    pub(super) brightest: f32,
    /// Perceived brightness that 5 % of the pixels do not exceed, 0 to 1.
    pub(super) darkest: f32,
    /// Entropy of the red, green and blue values, their mean, in bits: at most 8.
    pub(super) entropy: f32,
    /// Standard deviation of the Laplacian at 64 pixels over that of the gray values; `None` for an image without three rows and
    /// columns, and for one that is flat.
    pub(super) sharpness: Option<f32>,
}

impl Quality {
    pub(super) fn of(image: &Rgb8, gray: &Gray) -> Self {
        let mut values = [[0u32; 256]; 3];
        let mut levels = [0u32; LEVELS];
        let step = (gray.values.len() / MEASURED).clamp(1, gray.height);
        for row in image.pixels.chunks_exact(3 * gray.width).step_by(step) {
            for pixel in row.chunks_exact(3) {
                levels[brightness_level(pixel)] += 1;
                values.iter_mut().zip(pixel).for_each(|(own, value)| own[usize::from(*value)] += 1);
            }
        }
        Self {
            brightest: percentile(&levels, 0.99),
            darkest: percentile(&levels, 0.05),
            entropy: values.iter().map(entropy).sum::<f32>() / 3.0,
            sharpness: sharpness(gray),
        }
    }
}

/// Perceived brightness (the HSP model, Finley 2006), from 0 to `LEVELS - 1`.
fn brightness_level(pixel: &[u8]) -> usize {
    let [r, g, b] = [0, 1, 2].map(|channel| f32::from(pixel[channel]));
    let squared = 0.241 * r * r + 0.691 * g * g + 0.068 * b * b;
    ((squared.sqrt() * ((LEVELS - 1) as f32 / 255.0) + 0.5) as usize).min(LEVELS - 1)
}

/// The level that a part of the pixels does not exceed, 0 to 1.
fn percentile(levels: &[u32; LEVELS], part: f64) -> f32 {
    let all: u64 = levels.iter().map(|count| u64::from(*count)).sum();
    let wanted = (part * (all.saturating_sub(1)) as f64) as u64;
    let mut seen = 0;
    let reaches = |count: &u32| {
        seen += u64::from(*count);
        seen > wanted
    };
    levels.iter().position(reaches).unwrap_or(0) as f32 / (LEVELS - 1) as f32
}

/// Shannon's, of how often each value occurs.
fn entropy(counts: &[u32; 256]) -> f32 {
    let all: u64 = counts.iter().map(|count| u64::from(*count)).sum();
    let parts = counts.iter().filter(|count| **count > 0).map(|count| f64::from(*count) / all.max(1) as f64);
    parts.map(|part| -part * part.log2()).sum::<f64>() as f32
}

/// Blur takes away the second derivative first (variance of the Laplacian, Pech-Pacheco et al. 2000). Divided by the deviation of
/// the values, it does not depend on contrast.
fn sharpness(gray: &Gray) -> Option<f32> {
    let longer = gray.width.max(gray.height);
    let small;
    let gray = if longer > SHARPNESS_SIDE {
        let side = |side: usize| (side * SHARPNESS_SIDE / longer).max(1);
        small = gray.reduced(side(gray.width), side(gray.height));
        &small
    } else {
        gray
    };
    let (width, height) = (gray.width, gray.height);
    if width < 3 || height < 3 {
        return None;
    }
    let (mut laplacians, mut values) = (Moments::default(), Moments::default());
    for y in 1..height - 1 {
        let rows: [&[u8]; 3] = [y - 1, y, y + 1].map(|y| &gray.values[y * width..][..width]);
        for x in 1..width - 1 {
            let around: i64 = rows.iter().flat_map(|row| &row[x - 1..x + 2]).map(|v| i64::from(*v)).sum();
            laplacians.add(9 * i64::from(rows[1][x]) - around);
            values.add(i64::from(rows[1][x]));
        }
    }
    let contrast = values.deviation();
    (contrast >= FLAT).then(|| (laplacians.deviation() / contrast) as f32)
}

/// Sums of whole numbers and of their squares.
#[derive(Default)]
struct Moments {
    count: i64,
    sum: i64,
    squares: i64,
}

impl Moments {
    fn add(&mut self, value: i64) {
        self.count += 1;
        self.sum += value;
        self.squares += value * value;
    }

    fn deviation(&self) -> f64 {
        let mean = self.sum as f64 / self.count as f64;
        (self.squares as f64 / self.count as f64 - mean * mean).max(0.0).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quality(width: u32, height: u32, at: impl Fn(u32, u32) -> [u8; 3]) -> Quality {
        let pixels = (0..width * height).flat_map(|i| at(i % width, i / width)).collect();
        let image = Rgb8::new(width, height, pixels).unwrap();
        Quality::of(&image, &Gray::of(&image))
    }

    #[test]
    fn one_colour() {
        let white = quality(40, 30, |_, _| [255; 3]);
        assert_eq!(white, Quality { brightest: 1.0, darkest: 1.0, entropy: 0.0, sharpness: None });
        assert_eq!(quality(9, 2, |_, _| [0; 3]).sharpness, None);
    }

    #[test]
    fn parts_of_the_pixels() {
        // Of 100 rows, 4 are black and 96 gray.
        let most = quality(10, 100, |_, y| if y < 4 { [0; 3] } else { [128; 3] });
        assert!((most.darkest - 0.502).abs() < 2e-3 && (most.brightest - 0.502).abs() < 2e-3, "{most:?}");
        let half = quality(8, 8, |x, _| [if x < 4 { 0 } else { 255 }; 3]);
        assert!((half.entropy - 1.0).abs() < 1e-6 && half.darkest == 0.0, "{half:?}");
        assert_eq!(quality(1, 1, |_, _| [255, 0, 0]).brightest, (0.241f32.sqrt() * 1020.0).round() / 1020.0);
    }

    #[test]
    fn slow_waves_are_less_sharp_than_fast_ones() {
        let waves = |length: f32| {
            let at = move |x: u32, y: u32| [(128.0 + 90.0 * ((x + y) as f32 / length).sin()) as u8; 3];
            quality(300, 200, at).sharpness.unwrap()
        };
        assert!(waves(10.0) > 3.0 * waves(60.0), "{} {}", waves(10.0), waves(60.0));
    }
}
