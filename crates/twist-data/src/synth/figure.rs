//! The ten figures, in coordinates where each lies about in the unit disc.

/// A class of the embedded data set. Figures differ in outline and in texture, and none turns into another by rotation or reflection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Figure {
    Disc,
    Rings,
    Checkers,
    Stripes,
    Star,
    Cross,
    Crescent,
    Dots,
    Pinwheel,
    Triangle,
}

/// What a figure has at a point.
#[derive(Clone, Copy, PartialEq, Eq)]
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
    pub(super) const ALL: [Figure; 10] = [
        Figure::Disc,
        Figure::Rings,
        Figure::Checkers,
        Figure::Stripes,
        Figure::Star,
        Figure::Cross,
        Figure::Crescent,
        Figure::Dots,
        Figure::Pinwheel,
        Figure::Triangle,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Figure::Disc => "disc",
            Figure::Rings => "rings",
            Figure::Checkers => "checkers",
            Figure::Stripes => "stripes",
            Figure::Star => "star",
            Figure::Cross => "cross",
            Figure::Crescent => "crescent",
            Figure::Dots => "dots",
            Figure::Pinwheel => "pinwheel",
            Figure::Triangle => "triangle",
        }
    }

    /// What is at `(x, y)`.
    pub(super) fn at(self, x: f32, y: f32) -> Tone {
        let square = x * x + y * y;
        match self {
            Figure::Disc => solid(square < 0.9),
            Figure::Rings => within(square < 1.0, (square.sqrt() * 4.0) as i32),
            Figure::Checkers => {
                within(x.abs().max(y.abs()) < 0.8, (x * 2.5).floor() as i32 + (y * 2.5).floor() as i32)
            }
            Figure::Stripes => within(x.abs().max(y.abs()) < 0.85, (x * 3.5 + 0.5).floor() as i32),
            Figure::Star => {
                let inside = PENTAGON.iter().filter(|side| side[0] * x + side[1] * y < 0.36).count();
                solid(inside >= 4 && square < 1.1)
            }
            Figure::Cross => solid(x.abs().min(y.abs()) < 0.26 && x.abs().max(y.abs()) < 0.95),
            Figure::Crescent => {
                let bite = (x - 0.5) * (x - 0.5) + y * y;
                solid(square < 1.0 && bite > 0.55)
            }
            Figure::Dots => {
                let center = |t: f32| t - (t / 0.5).round() * 0.5;
                solid(square < 1.1 && center(x) * center(x) + center(y) * center(y) < 0.028)
            }
            Figure::Pinwheel => {
                let sectors = x * y * (x - y) * (x + y);
                within(square < 1.0, i32::from(sectors > 0.0))
            }
            Figure::Triangle => {
                let side = TRIANGLE.iter().map(|side| side[0] * x + side[1] * y).fold(f32::MIN, f32::max);
                solid(side < 0.6 && side > 0.33)
            }
        }
    }
}

/// A figure of one tone.
fn solid(inside: bool) -> Tone {
    if inside { Tone::First } else { Tone::Outside }
}

/// A figure of two tones that take turns with the number of the band.
fn within(inside: bool, band: i32) -> Tone {
    match (inside, band.rem_euclid(2)) {
        (false, _) => Tone::Outside,
        (true, 0) => Tone::First,
        (true, _) => Tone::Second,
    }
}
