//! Which input samples make up an output sample, and with which weights: Pillow's `precompute_coeffs`.

use std::ops::Range;

use super::interpolation::Interpolation;

/// One direction of a resize.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    /// Samples there are.
    pub(crate) input: u32,
    /// Samples that the whole input becomes.
    pub(crate) output: u32,
    /// First output sample that is wanted.
    pub(crate) from: u32,
    /// Number of output samples that are wanted.
    pub(crate) count: u32,
    /// Whether the wanted samples come out in reverse order.
    pub(crate) mirrored: bool,
}

/// Start and weights for every wanted output sample. All have the same number of weights; what a sample does not need is
/// zero, and no start plus number of weights passes the end of the input.
#[derive(Debug, Default)]
pub(crate) struct Taps {
    starts: Vec<u32>,
    weights: Vec<f32>,
    width: usize,
    /// Number of input samples.
    pub(crate) input: usize,
}

impl Taps {
    /// Number of output samples.
    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// First input sample and weights of an output sample.
    #[inline(always)]
    pub(crate) fn at(&self, position: usize) -> (usize, &[f32]) {
        (self.starts[position] as usize, &self.weights[position * self.width..][..self.width])
    }

    /// The input samples that any output sample looks at. Not for mirrored taps.
    pub(crate) fn inputs(&self) -> Range<usize> {
        match (self.starts.first(), self.starts.last()) {
            (Some(&first), Some(&last)) => first as usize..last as usize + self.width,
            _ => 0..0,
        }
    }

    /// Computes the weights of an axis, reusing memory.
    pub(crate) fn prepare(&mut self, axis: Axis, interpolation: Interpolation) {
        let scale = f64::from(axis.input) / f64::from(axis.output);
        let stretch = scale.max(1.0);
        let support = stretch * interpolation.support();
        self.width = (support.ceil() as usize * 2 + 1).min(axis.input as usize);
        self.input = axis.input as usize;
        self.starts.clear();
        self.weights.clear();
        self.weights.resize(axis.count as usize * self.width, 0.0);
        let last_start = axis.input as usize - self.width;
        for (i, weights) in self.weights.chunks_exact_mut(self.width).enumerate() {
            let i = if axis.mirrored { axis.count - 1 - i as u32 } else { i as u32 };
            let center = (f64::from(axis.from + i) + 0.5) * scale;
            let low = ((center - support + 0.5) as usize).min(axis.input as usize);
            let high = ((center + support + 0.5) as usize).min(axis.input as usize);
            let start = low.min(last_start);
            // Positions relative to the centre are small, so that single precision is enough from here on.
            let first = ((start as f64 - center + 0.5) / stretch) as f32;
            let step = (1.0 / stretch) as f32;
            for (k, weight) in weights.iter_mut().enumerate() {
                let inside = (low..high).contains(&(start + k));
                *weight = if inside { interpolation.weight(first + k as f32 * step) } else { 0.0 };
            }
            let sum: f32 = weights.iter().sum();
            if sum != 0.0 {
                weights.iter_mut().for_each(|weight| *weight /= sum);
            }
            self.starts.push(start as u32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taps(input: u32, output: u32, mirrored: bool, interpolation: Interpolation) -> Taps {
        let mut taps = Taps::default();
        taps.prepare(Axis { input, output, from: 0, count: output, mirrored }, interpolation);
        taps
    }

    #[test]
    fn equal_sizes_are_the_identity() {
        for interpolation in [Interpolation::Bicubic, Interpolation::Bilinear] {
            let taps = taps(32, 32, false, interpolation);
            for position in 0..32 {
                let (start, weights) = taps.at(position);
                for (k, &weight) in weights.iter().enumerate() {
                    assert_eq!(
                        weight,
                        if start + k == position { 1.0 } else { 0.0 },
                        "{interpolation:?} {position}"
                    );
                }
            }
        }
    }

    #[test]
    fn weights_sum_to_one_and_stay_inside() {
        for (input, output) in
            [(1, 1), (1, 224), (2, 7), (3, 224), (500, 224), (501, 96), (4000, 32), (224, 225)]
        {
            for interpolation in [Interpolation::Bicubic, Interpolation::Bilinear] {
                let taps = taps(input, output, false, interpolation);
                for position in 0..output as usize {
                    let (start, weights) = taps.at(position);
                    assert!(start + weights.len() <= input as usize);
                    assert!(
                        (weights.iter().sum::<f32>() - 1.0).abs() < 1e-5,
                        "{input} to {output} at {position}"
                    );
                }
                assert_eq!(taps.inputs(), 0..input as usize);
            }
        }
    }

    #[test]
    fn mirrored_is_reversed() {
        let (plain, mirrored) =
            (taps(50, 20, false, Interpolation::Bicubic), taps(50, 20, true, Interpolation::Bicubic));
        assert!((0..20).all(|i| plain.at(i) == mirrored.at(19 - i)));
    }
}
