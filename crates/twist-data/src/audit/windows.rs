//! Parts of an image that a copy may show, and their perceptual hashes.
//!
//! The hash of a window is the signs of its lowest cosine coefficients, as in pHash (Zauner 2010), here computed from the
//! thumbnail without cutting the window out of it: a coefficient is a sum of products with integrals of the cosines over the
//! cells. Each of the few spans (columns or rows of a window) needs its integrals once.

use std::f32::consts::PI;
use std::sync::LazyLock;

use super::thumbnail::{SIDE, Thumbnail};

/// Cosines in each direction.
const WAVES: usize = 8;
/// Coefficients with a sign: all but the mean.
pub(super) const BITS: usize = WAVES * WAVES - 1;
/// Sides of the windows, as parts of the side of the image.
const PARTS: [f32; 6] = [1.0, 0.95, 0.9, 0.85, 0.8, 0.75];
/// Sides of the windows that are cut in one direction alone: a photograph of 3 × 2 or 4 × 3 becomes a square.
const CUT_ONCE: [f32; 4] = [0.9, 0.8, 0.75, 2.0 / 3.0];
/// Distance of neighbouring windows of one size, at most, as a part of the side of the image.
const STEP: f32 = 0.05;

/// Columns or rows of a window, as parts of the whole.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub(super) from: f32,
    pub(super) length: f32,
}

impl Span {
    pub(super) const WHOLE: Self = Self { from: 0.0, length: 1.0 };

    /// All spans of a length.
    fn all(length: f32) -> Vec<Self> {
        let gaps = ((1.0 - length) / STEP - 1e-3).ceil().max(0.0) as usize;
        let at = |i: usize| if gaps == 0 { 0.0 } else { (1.0 - length) * i as f32 / gaps as f32 };
        (0..=gaps).map(|i| Self { from: at(i), length }).collect()
    }
}

/// A part of an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) x: Span,
    pub(super) y: Span,
}

impl Window {
    /// Whether it is the image.
    pub(super) fn is_whole(&self) -> bool {
        self.x == Span::WHOLE && self.y == Span::WHOLE
    }
}

/// Integrals of the cosines `[WAVES, SIDE]` over the cells below a span, divided by its length.
type Integrals = [[f32; SIDE]; WAVES];

/// The windows and what their hashes need.
pub(super) struct Windows {
    /// The first is the whole image.
    pub(super) all: Vec<Window>,
    spans: Vec<Integrals>,
    /// For each window the numbers of its spans, x and y.
    of_window: Vec<[usize; 2]>,
}

/// The windows of every image.
pub(super) static WINDOWS: LazyLock<Windows> = LazyLock::new(Windows::new);

/// Cosine coefficients of a window in the order of their bits, the slowest waves first.
pub(super) type Coefficients = [f32; BITS];

impl Windows {
    fn new() -> Self {
        let mut pairs: Vec<Window> = Vec::new();
        for part in PARTS {
            let spans = Span::all(part);
            pairs.extend(spans.iter().flat_map(|&y| spans.iter().map(move |&x| Window { x, y })));
        }
        for part in CUT_ONCE {
            for span in Span::all(part) {
                pairs.push(Window { x: span, y: Span::WHOLE });
                pairs.push(Window { x: Span::WHOLE, y: span });
            }
        }
        let mut known: Vec<Span> = Vec::new();
        let mut number = |span: Span| {
            known.iter().position(|own| *own == span).unwrap_or_else(|| {
                known.push(span);
                known.len() - 1
            })
        };
        let of_window = pairs.iter().map(|window| [number(window.x), number(window.y)]).collect();
        Self { all: pairs, spans: known.into_iter().map(integrals).collect(), of_window }
    }

    /// The coefficients of each window of a thumbnail.
    pub(super) fn coefficients(&self, thumbnail: &Thumbnail) -> Vec<Coefficients> {
        let along: Vec<_> = self.spans.iter().map(|span| along_rows(span, thumbnail)).collect();
        let of = |&[x, y]: &[usize; 2]| in_order(&down(&self.spans[y], &along[x]));
        self.of_window.iter().map(of).collect()
    }

    /// The coefficients of the whole image.
    pub(super) fn whole(&self, thumbnail: &Thumbnail) -> Coefficients {
        let [x, y] = self.of_window[0];
        in_order(&down(&self.spans[y], &along_rows(&self.spans[x], thumbnail)))
    }
}

fn integrals(span: Span) -> Integrals {
    std::array::from_fn(|wave| {
        std::array::from_fn(|cell| {
            let place = |cell: usize| ((cell as f32 / SIDE as f32 - span.from) / span.length).clamp(0.0, 1.0);
            let (from, to) = (place(cell), place(cell + 1));
            match wave {
                0 => to - from,
                k => ((PI * k as f32 * to).sin() - (PI * k as f32 * from).sin()) / (PI * k as f32),
            }
        })
    })
}

/// Products of each row with the cosines, `[WAVES, SIDE]`.
fn along_rows(span: &Integrals, thumbnail: &Thumbnail) -> [[f32; SIDE]; WAVES] {
    let mut found = [[0f32; SIDE]; WAVES];
    for y in 0..SIDE {
        let mut row = [0f32; SIDE];
        row.iter_mut().zip(thumbnail.row(y)).for_each(|(value, byte)| *value = f32::from(*byte));
        for (own, wave) in found.iter_mut().zip(span) {
            own[y] = product(&row, wave);
        }
    }
    found
}

/// Coefficients `[vertical, horizontal]`.
fn down(span: &Integrals, along: &[[f32; SIDE]; WAVES]) -> [[f32; WAVES]; WAVES] {
    std::array::from_fn(|v| std::array::from_fn(|h| product(&span[v], &along[h])))
}

/// The sum of products, in eight lanes.
fn product(a: &[f32; SIDE], b: &[f32; SIDE]) -> f32 {
    let mut lanes = [0f32; 8];
    for (a, b) in a.chunks_exact(8).zip(b.chunks_exact(8)) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum()
}

/// Pairs of waves, vertical and horizontal, the slowest first, without the mean.
static ORDER: LazyLock<[(usize, usize); BITS]> = LazyLock::new(|| {
    let mut all: Vec<(usize, usize)> = (0..WAVES).flat_map(|v| (0..WAVES).map(move |h| (v, h))).collect();
    all.sort_by_key(|&(v, h)| (v + h, v));
    std::array::from_fn(|i| all[i + 1])
});

fn in_order(coefficients: &[[f32; WAVES]; WAVES]) -> Coefficients {
    std::array::from_fn(|i| coefficients[ORDER[i].0][ORDER[i].1])
}

/// The signs.
pub(super) fn hash(coefficients: &Coefficients) -> u64 {
    coefficients.iter().enumerate().fold(0, |bits, (i, c)| bits | u64::from(*c > 0.0) << i)
}

/// Bits that change when an image is mirrored left to right: those of waves with an odd number of half periods across.
pub(super) static MIRRORED: LazyLock<u64> =
    LazyLock::new(|| ORDER.iter().enumerate().fold(0, |bits, (i, (_, h))| bits | ((*h as u64) & 1) << i));

#[cfg(test)]
mod tests {
    use super::super::gray::Gray;
    use super::*;

    fn picture(at: impl Fn(f32, f32) -> f32) -> Thumbnail {
        let place = |i: usize| (i as f32 + 0.5) / 64.0;
        let gray: Vec<u8> =
            (0..64 * 64).map(|i| (128.0 + 100.0 * at(place(i % 64), place(i / 64))) as u8).collect();
        Thumbnail::new(&Gray { width: 64, height: 64, values: gray })
    }

    fn scene(x: f32, y: f32) -> f32 {
        ((9.0 * x + 1.0).sin() + (7.0 * y * y + 3.0 * x).cos() + (5.0 * x * y).sin()) / 3.0
    }

    #[test]
    fn a_window_has_the_hash_of_what_is_cut_out() {
        let whole = picture(scene);
        let coefficients = WINDOWS.coefficients(&whole);
        assert_eq!(coefficients.len(), WINDOWS.all.len());
        assert!(WINDOWS.all[0].is_whole());
        assert_eq!(hash(&coefficients[0]), hash(&WINDOWS.whole(&whole)));
        for (window, own) in WINDOWS.all.iter().zip(&coefficients).step_by(7) {
            let (x, y) = (window.x, window.y);
            let cut = picture(|u, v| scene(x.from + u * x.length, y.from + v * y.length));
            let other = WINDOWS.whole(&cut);
            let apart = own.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart < 1.5, "{window:?}: {apart}");
        }
    }

    #[test]
    fn a_mirrored_image_changes_the_bits_of_odd_waves() {
        let (own, other) =
            (WINDOWS.whole(&picture(scene)), WINDOWS.whole(&picture(|x, y| scene(1.0 - x, y))));
        let clear = |i: &usize| own[*i].abs() > 1.0;
        let bit = |hash: u64, i: usize| hash >> i & 1;
        let mirrored = hash(&own) ^ *MIRRORED;
        assert!((0..BITS).filter(clear).count() > 10);
        assert!((0..BITS).filter(clear).all(|i| bit(mirrored, i) == bit(hash(&other), i)));
    }
}
