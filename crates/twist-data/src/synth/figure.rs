//! The ten figures, in coordinates where each lies about in the unit disc.

/// A class of the embedded data set. Figures differ in outline and in texture, and none turns into another by
/// rotation or reflection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    Disc,
    Rings,
    Checkers,
    Stripes,
    Star,
    Cross,
    Moon,
    Dots,
    Pinwheel,
    Triangle,
}

/// What a figure has at a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    /// Nothing: the background shows.
    Outside,
    First,
    Second,
}

/// Cosine and sine of the five directions of a regular pentagon.
const PENTAGON: [[f32; 2]; 5] = [
    [1.0, 0.0],
    [0.309_017, 0.951_056_5],
    [-0.809_017, 0.587_785_25],
    [-0.809_017, -0.587_785_25],
    [0.309_017, -0.951_056_5],
];

/// Cosine and sine of the three directions of a regular triangle.
const TRIANGLE: [[f32; 2]; 3] = [[1.0, 0.0], [-0.5, 0.866_025_4], [-0.5, -0.866_025_4]];

impl Figure {
    /// All of them with their names, in the order of the classes.
    pub(super) const ALL: [(Figure, &str); 10] = [
        (Figure::Disc, "disc"),
        (Figure::Rings, "rings"),
        (Figure::Checkers, "checkers"),
        (Figure::Stripes, "stripes"),
        (Figure::Star, "star"),
        (Figure::Cross, "cross"),
        (Figure::Moon, "moon"),
        (Figure::Dots, "dots"),
        (Figure::Pinwheel, "pinwheel"),
        (Figure::Triangle, "triangle"),
    ];

    /// What is at `(x, y)`.
    pub(super) fn at(self, x: f32, y: f32) -> Tone {
        let square = x * x + y * y;
        let side = x.abs().max(y.abs());
        match self {
            Figure::Disc => solid(square < 0.9),
            Figure::Rings => bands(square < 1.0, square.sqrt() * 3.0),
            Figure::Checkers => bands(side < 0.8, (x * 2.5).floor() + (y * 2.5).floor()),
            Figure::Stripes => bands(side < 0.85, x * 4.1 + 0.5),
            Figure::Star => {
                let behind = PENTAGON.iter().filter(|edge| edge[0] * x + edge[1] * y < 0.36).count();
                solid(behind >= 4 && square < 1.1)
            }
            Figure::Cross => bands(side < 0.8, if x.abs().min(y.abs()) < 0.25 { 0.0 } else { 1.0 }),
            Figure::Moon => {
                let shadow = (x - 0.5) * (x - 0.5) + y * y < 0.6;
                bands(square < 0.9, if shadow { 1.0 } else { 0.0 })
            }
            Figure::Dots => {
                let (dx, dy) = (to_multiple(x, 0.5), to_multiple(y, 0.5));
                solid(square < 1.1 && dx * dx + dy * dy < 0.028)
            }
            Figure::Pinwheel => {
                let sectors = x * y * (x - y) * (x + y);
                bands(square < 1.0, if sectors > 0.0 { 1.0 } else { 0.0 })
            }
            Figure::Triangle => {
                let edge = TRIANGLE.iter().map(|edge| edge[0] * x + edge[1] * y).fold(f32::MIN, f32::max);
                solid(edge < 0.6 && edge > 0.33)
            }
        }
    }
}

fn solid(inside: bool) -> Tone {
    if inside { Tone::First } else { Tone::Outside }
}

/// A figure of two tones that change whenever `position` passes a whole number.
fn bands(inside: bool, position: f32) -> Tone {
    match (inside, (position.floor() as i32).rem_euclid(2)) {
        (false, _) => Tone::Outside,
        (true, 0) => Tone::First,
        (true, _) => Tone::Second,
    }
}

/// Distance to the nearest multiple of `step`.
fn to_multiple(t: f32, step: f32) -> f32 {
    (t - (t / step).round() * step).abs()
}
