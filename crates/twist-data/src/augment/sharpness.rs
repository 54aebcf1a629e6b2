//! Pillow's `ImageEnhance.Sharpness`: a blend with the view under `ImageFilter.SMOOTH`.

use super::color::blend;
use super::planes::Planes;
use super::simd::{Kernel, dispatch};

/// From smoothed (0) through unchanged (1) to sharper. As in Pillow, pixels at the border stay as they are.
pub(crate) fn sharpness(planes: &mut Planes, factor: f32, copy: &mut Vec<u8>) {
    let (width, height) = planes.size();
    if width < 3 || height < 3 {
        return;
    }
    for plane in planes.channels_mut() {
        copy.clear();
        copy.extend_from_slice(plane);
        dispatch(Sharpen { from: copy, plane, width, factor });
    }
}

struct Sharpen<'a> {
    from: &'a [u8],
    plane: &'a mut [u8],
    width: usize,
    factor: f32,
}

impl Kernel for Sharpen<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let inner = self.width - 2;
        let rows = self.plane.chunks_exact_mut(self.width).enumerate().skip(1);
        for (row, out) in rows.take(self.from.len() / self.width - 2) {
            let [a, b, c, d, e, f, g, h, i]: [&[u8]; 9] = std::array::from_fn(|tap| {
                let start = (row + tap / 3 - 1) * self.width + tap % 3;
                &self.from[start..start + inner]
            });
            for (x, out) in out[1..=inner].iter_mut().enumerate() {
                let around = [a[x], b[x], c[x], d[x], f[x], g[x], h[x], i[x]];
                let sum = around.iter().map(|&v| u16::from(v)).sum::<u16>() + 5 * u16::from(e[x]);
                // A thirteenth of the sum, rounded. It is never halfway, so Pillow's `float` finds the same.
                let smooth = ((2 * sum + 13) / 26) as u8;
                *out = blend(smooth, e[x], self.factor);
            }
        }
    }
}
