//! Pillow's `GaussianBlur`: three extended box blurs along rows, then three along columns, each rounded to 8 bits
//! (Gwosdek, Grewenig, Bruhn, Weickert: Theoretical Foundations of Gaussian Convolution by Extended Box Filtering, 2011).

use super::planes::Planes;
use super::simd::{Kernel, dispatch};

/// Box blurs in a row: Pillow's choice for a Gaussian.
const PASSES: u32 = 3;

/// Blurs by a Gaussian of standard deviation `radius`, in pixels.
pub(crate) fn gaussian_blur(planes: &mut Planes, radius: f32, scratch: &mut Scratch) {
    let window = Window::of_gaussian(radius);
    let (width, height) = planes.size();
    if window.edge_weight == 0 && window.reach == 0 {
        return;
    }
    scratch.rows.resize(2 * (width + 2 * window.margin()), 0);
    scratch.planes.resize(2 * width * (height + 2 * window.margin()), 0);
    dispatch(Blur { planes, window, scratch });
}

/// Buffers of the blur, kept from view to view.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    rows: Vec<u16>,
    planes: Vec<u16>,
}

/// A box of `2 reach + 1` samples of equal weight between two samples of a smaller one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Window {
    reach: usize,
    /// Weight of the box's samples in 2^-24.
    weight: u32,
    /// Weight of the two samples beside the box in 2^-24.
    edge_weight: u32,
}

impl Window {
    /// The box whose threefold application has the standard deviation `radius`: Pillow's `_gaussian_blur_radius` and
    /// `ImagingHorizontalBoxBlur`, in the same precision.
    fn of_gaussian(radius: f32) -> Self {
        let variance = radius * radius / PASSES as f32;
        let length = (12.0 * f64::from(variance) + 1.0).sqrt() as f32;
        let whole = ((f64::from(length) - 1.0) / 2.0).floor() as f32;
        let part = (2.0 * whole + 1.0) * (whole * (whole + 1.0) - 3.0 * variance);
        let part = part / (6.0 * (variance - (whole + 1.0) * (whole + 1.0)));
        let box_radius = whole + part;
        let reach = box_radius as u32;
        // In `f32`, as Pillow: the last bit of the weight decides ties, and there are many at a radius of 1.
        let weight = ((1 << 24) as f32 / (box_radius * 2.0 + 1.0)) as u32;
        let edge_weight = (1u32 << 24).saturating_sub((2 * reach + 1) * weight) / 2;
        Self { reach: reach as usize, weight, edge_weight }
    }

    /// Samples that it reaches over on each side.
    #[inline(always)]
    fn margin(self) -> usize {
        self.reach + 1
    }
}

struct Blur<'a> {
    planes: &'a mut Planes,
    window: Window,
    scratch: &'a mut Scratch,
}

impl Kernel for Blur<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let (width, height) = self.planes.size();
        for plane in self.planes.channels_mut() {
            match self.window.reach {
                0 => blur_plane::<0>(plane, width, height, self.window, self.scratch),
                1 => blur_plane::<1>(plane, width, height, self.window, self.scratch),
                _ => blur_plane::<WIDE>(plane, width, height, self.window, self.scratch),
            }
        }
    }
}

/// Stands for any reach that has no kernel of its own.
const WIDE: usize = usize::MAX;

/// Both directions of one plane.
#[inline(always)]
fn blur_plane<const REACH: usize>(
    plane: &mut [u8],
    width: usize,
    height: usize,
    window: Window,
    scratch: &mut Scratch,
) {
    let margin = window.margin();
    let (even, odd) = scratch.planes.split_at_mut(width * (height + 2 * margin));
    let (from, to) = scratch.rows.split_at_mut(width + 2 * margin);
    // Along rows: a line between margins that repeat its ends.
    for (row, out) in plane.chunks_exact(width).zip(even[width * margin..].chunks_exact_mut(width)) {
        for (sample, &byte) in from[margin..].iter_mut().zip(row) {
            *sample = u16::from(byte);
        }
        for pass in 0..PASSES {
            let (from, to) = if pass % 2 == 0 { (&mut *from, &mut *to) } else { (&mut *to, &mut *from) };
            let (first, last) = (from[margin], from[margin + width - 1]);
            from[..margin].fill(first);
            from[margin + width..].fill(last);
            let out = if pass + 1 == PASSES { &mut *out } else { &mut to[margin..margin + width] };
            filter::<REACH>(from, 1, window, out);
        }
    }
    // Along columns: the plane between margins that repeat its first and last row. The first pass reads `even`, and the
    // last one writes `odd`.
    for pass in 0..PASSES {
        let (from, to) = if pass % 2 == 0 { (&mut *even, &mut *odd) } else { (&mut *odd, &mut *even) };
        for row in 0..margin {
            from.copy_within(width * margin..width * (margin + 1), width * row);
            from.copy_within(
                width * (margin + height - 1)..width * (margin + height),
                width * (margin + height + row),
            );
        }
        for row in 0..height {
            let lines = &from[width * row..width * (row + 2 * margin + 1)];
            filter::<REACH>(lines, width, window, &mut to[width * (margin + row)..][..width]);
        }
    }
    for (byte, &sample) in plane.iter_mut().zip(&odd[width * margin..]) {
        *byte = sample as u8;
    }
}

/// One pass: `out[i]` from the `2 margin + 1` samples at `from[i]`, `from[i + step]`, ….
#[inline(always)]
fn filter<const REACH: usize>(from: &[u16], step: usize, window: Window, out: &mut [u16]) {
    let count = out.len();
    let tap = |index: usize| &from[index * step..][..count];
    let mix = |inner: u32, edges: u32| {
        ((inner * window.weight + edges * window.edge_weight + (1 << 23)) >> 24) as u16
    };
    if REACH == 0 {
        let (a, b, c) = (tap(0), tap(1), tap(2));
        for i in 0..count {
            out[i] = mix(u32::from(b[i]), u32::from(a[i] + c[i]));
        }
    } else if REACH == 1 {
        let (a, b, c, d, e) = (tap(0), tap(1), tap(2), tap(3), tap(4));
        for i in 0..count {
            out[i] = mix(u32::from(b[i] + c[i] + d[i]), u32::from(a[i] + e[i]));
        }
    } else {
        let (first, last) = (tap(0), tap(2 * window.margin()));
        for i in 0..count {
            let inner = (1..2 * window.margin()).map(|index| u32::from(tap(index)[i])).sum();
            out[i] = mix(inner, u32::from(first[i] + last[i]));
        }
    }
}
