//! Whether one image shows what another shows, or a part of it: the comparison that decides.

use super::thumbnail::{SIDE, Thumbnail};
use super::windows::{Span, Window};

/// Cells across and down at which two images are compared: finer ones do not survive a copy of half the size of a small image.
const FINE: usize = 16;
/// Sum of the two correlations below which a place is not improved. True copies have at least 1.2, and most others less.
const ROUGHLY: f32 = 1.1;
/// Sum below which it is not improved further, after the first step.
const NEARLY: f32 = 1.5;
/// Steps by which the place of a window is improved, as parts of the side of the image.
const STEPS: [f32; 3] = [0.02, 0.01, 0.005];

/// Gray values at 16 × 16.
type Fine = [[f32; FINE]; FINE];

/// How alike two images are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Likeness {
    /// Correlation of the gray values, −1 to 1.
    pub(super) values: f32,
    /// Correlation of their differences to the right and below: of edges and details, not of light and dark areas.
    pub(super) edges: f32,
}

impl Likeness {
    const NONE: Self = Self { values: -1.0, edges: -1.0 };

    fn sum(&self) -> f32 {
        self.values + self.edges
    }
}

/// An image as it is compared with windows of others.
pub(super) struct Sample(Fine);

impl Sample {
    /// The whole image.
    pub(super) fn of(thumbnail: &Thumbnail) -> Self {
        Self(sample(thumbnail, Window { x: Span::WHOLE, y: Span::WHOLE }, false))
    }
}

/// How alike `copy` is to `window` of `of`, mirrored or not, at the best place near by.
pub(super) fn compare(of: &Thumbnail, window: Window, is_mirrored: bool, copy: &Sample) -> Likeness {
    let at = |window: Window| likeness(&sample(of, window, is_mirrored), &copy.0);
    let (mut window, mut best) = (window, at(window));
    if best.sum() < ROUGHLY {
        return best;
    }
    for step in STEPS {
        let mut improves = true;
        while improves {
            improves = false;
            for moved in moves(window, step) {
                let found = at(moved);
                if found.sum() > best.sum() {
                    (window, best, improves) = (moved, found, true);
                }
            }
        }
        if best.sum() < NEARLY {
            break;
        }
    }
    best
}

/// The window moved, and made larger or smaller, within the image.
fn moves(window: Window, step: f32) -> impl Iterator<Item = Window> {
    let Window { x, y } = window;
    let of = move |span: Span| {
        let begin = |by: f32| Span { from: span.from + by, length: span.length - by };
        let end = |by: f32| Span { length: span.length + by, ..span };
        let both = |by: f32| Span { from: span.from + by, ..span };
        [begin(step), begin(-step), end(step), end(-step), both(step), both(-step)]
    };
    let spans = of(x).map(|x| Window { x, y }).into_iter().chain(of(y).map(|y| Window { x, y }));
    let fits = |span: Span| span.from >= 0.0 && span.length > 0.4 && span.from + span.length <= 1.0 + 1e-4;
    spans.filter(move |window| fits(window.x) && fits(window.y))
}

/// The means of a window's cells.
fn sample(thumbnail: &Thumbnail, window: Window, is_mirrored: bool) -> Fine {
    let (across, down) = (Taps::of(window.x), Taps::of(window.y));
    let needed = down.0[0].0..(down.0[FINE - 1].0 + TAPS).min(SIDE);
    let mut lines = [[0f32; FINE]; SIDE];
    for y in needed {
        let row = thumbnail.row(y);
        for (value, (first, weights)) in lines[y].iter_mut().zip(&across.0) {
            let cells = &row[*first..first + TAPS];
            *value = (0..TAPS).map(|i| weights[i] * f32::from(cells[i])).sum();
        }
    }
    let mut fine = [[0f32; FINE]; FINE];
    for (own, (first, weights)) in fine.iter_mut().zip(&down.0) {
        for (weight, line) in weights.iter().zip(&lines[*first..]) {
            own.iter_mut().zip(line).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    if is_mirrored {
        fine.iter_mut().for_each(|row| row.reverse());
    }
    fine
}

/// The most cells of a thumbnail that one of 16 in a window can touch.
const TAPS: usize = 4;

/// Of each of 16 parts of a span: the first cell that it touches, and the shares of it and of those that follow.
struct Taps([(usize, [f32; TAPS]); FINE]);

impl Taps {
    fn of(span: Span) -> Self {
        Self(std::array::from_fn(|part| {
            let place = |part: usize| (span.from + span.length * part as f32 / FINE as f32) * SIDE as f32;
            let (begin, end) = (place(part), place(part + 1));
            let first = (begin as usize).min(SIDE - TAPS);
            let share = |i: usize| {
                let cell = (first + i) as f32;
                ((end.min(cell + 1.0) - begin.max(cell)).max(0.0)) / (end - begin)
            };
            (first, std::array::from_fn(share))
        }))
    }
}

fn likeness(a: &Fine, b: &Fine) -> Likeness {
    let mean = |fine: &Fine| fine.as_flattened().iter().sum::<f32>() / (FINE * FINE) as f32;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut values, mut edges) = (Products::default(), Products::default());
    for y in 0..FINE {
        for x in 0..FINE {
            values.add(a[y][x] - mean_a, b[y][x] - mean_b);
            if x + 1 < FINE {
                edges.add(a[y][x + 1] - a[y][x], b[y][x + 1] - b[y][x]);
            }
            if y + 1 < FINE {
                edges.add(a[y + 1][x] - a[y][x], b[y + 1][x] - b[y][x]);
            }
        }
    }
    match (values.correlation(), edges.correlation()) {
        (Some(values), Some(edges)) => Likeness { values, edges },
        _ => Likeness::NONE,
    }
}

/// Sums of products of two rows of numbers.
#[derive(Default)]
struct Products {
    both: f32,
    a: f32,
    b: f32,
}

impl Products {
    fn add(&mut self, a: f32, b: f32) {
        self.both += a * b;
        self.a += a * a;
        self.b += b * b;
    }

    /// `None` where one of them is zero throughout.
    fn correlation(&self) -> Option<f32> {
        let lengths = (self.a * self.b).sqrt();
        (lengths > f32::EPSILON).then(|| self.both / lengths)
    }
}

#[cfg(test)]
mod tests {
    use super::super::gray::Gray;
    use super::*;

    /// A scene at a place of its own size.
    fn picture(from: (f32, f32), part: f32, side: usize) -> Thumbnail {
        let value = |i: usize, from: f32| from + part * (i as f32 + 0.5) / side as f32;
        let scene =
            |x: f32, y: f32| (25.0 * x * y + 3.0).sin() + (19.0 * x - 8.0 * y).cos() + (31.0 * y).sin();
        let at = |i: usize| scene(value(i % side, from.0), value(i / side, from.1));
        let gray: Vec<u8> = (0..side * side).map(|i| (128.0 + 40.0 * at(i)) as u8).collect();
        Thumbnail::new(&Gray { width: side, height: side, values: gray })
    }

    const WHOLE: Window = Window { x: Span::WHOLE, y: Span::WHOLE };

    #[test]
    fn a_copy_is_found_from_a_place_near_by() {
        let (whole, part) = (picture((0.0, 0.0), 1.0, 160), picture((0.13, 0.06), 0.8, 96));
        let span = |from: f32| Span { from, length: 0.8 };
        let near = compare(&whole, Window { x: span(0.15), y: span(0.05) }, false, &Sample::of(&part));
        assert!(near.values > 0.98 && near.edges > 0.97, "{near:?}");
        let far = compare(&whole, WHOLE, false, &Sample::of(&part));
        assert!(far.edges < 0.9, "{far:?}");
        let same = compare(&whole, WHOLE, false, &Sample::of(&whole));
        assert!(same.values > 0.9999 && same.edges > 0.9999, "{same:?}");
        assert!(compare(&whole, WHOLE, true, &Sample::of(&whole)).edges < 0.9);
    }

    #[test]
    fn what_is_flat_is_like_nothing() {
        let flat = Thumbnail::new(&Gray { width: 10, height: 10, values: vec![9; 100] });
        assert_eq!(compare(&flat, WHOLE, false, &Sample::of(&flat)), Likeness::NONE);
    }
}
