//! Everything about an image that is not its class.

use super::random::Random;
use super::split::Split;

/// Width and height of each image in pixels.
pub const SHAPES_SIZE: u32 = 32;

/// An sRGB colour, 0 to 255.
pub(super) type Color = [f32; 3];

// === How hard it is ===
/// Greatest rotation of the figure either way, as its sine.
const TILT: f32 = 0.5;
/// Radius of the figure, in pixels.
const RADIUS: [f32; 2] = [11.0, 15.0];
/// Greatest distance of the figure's centre from that of the image, along each axis, in pixels.
const OFFSET: f32 = 2.5;
/// Least difference in brightness between the figure's two tones and between figure and background.
const CONTRAST: f32 = 70.0;
/// Greatest change of each background channel across the image.
const GRADIENT: f32 = 50.0;
/// Number of distractors behind the figure.
const CLUTTER: [u64; 2] = [2, 5];
/// Half-width of a distractor in pixels.
const CLUTTER_RADIUS: [f32; 2] = [0.6, 1.8];
/// Greatest length of a distractor in pixels.
const CLUTTER_LENGTH: f32 = 9.0;
/// Greatest noise, uniform, on each channel of each pixel.
const NOISE: f32 = 12.0;

/// What is drawn independently of the class. Lengths are pixels; the origin is the upper left corner.
pub(super) struct Scene {
    /// Background colour in the middle.
    pub(super) background: Color,
    /// Change of the background colour from the middle to the border in direction `slope_direction`.
    pub(super) slope: Color,
    pub(super) slope_direction: [f32; 2],
    pub(super) clutter: Vec<Distractor>,
    pub(super) tones: [Color; 2],
    pub(super) center: [f32; 2],
    pub(super) radius: f32,
    /// Cosine and sine of the figure's rotation.
    pub(super) rotation: [f32; 2],
    /// Whether the figure is drawn as its mirror image.
    pub(super) mirrored: bool,
    pub(super) noise: f32,
    pub(super) noise_seed: u64,
}

/// A thick line or a blob: all points nearer than `radius` to a segment.
pub(super) struct Distractor {
    pub(super) from: [f32; 2],
    pub(super) along: [f32; 2],
    pub(super) radius: f32,
    pub(super) color: Color,
}

impl Scene {
    pub(super) fn draw(split: Split, index: u64) -> Self {
        let random = &mut Random::new(split, index);
        let size = SHAPES_SIZE as f32;
        let (background, first, second) = tones(random);
        let count = CLUTTER[0] + random.below(CLUTTER[1] - CLUTTER[0] + 1);
        Scene {
            background,
            slope: [(); 3].map(|()| random.range(-GRADIENT, GRADIENT) / 2.0),
            slope_direction: random.direction(),
            clutter: (0..count).map(|_| Distractor::draw(random)).collect(),
            tones: [first, second],
            center: [(); 2].map(|()| size / 2.0 + random.range(-OFFSET, OFFSET)),
            radius: random.range(RADIUS[0], RADIUS[1]),
            rotation: tilt(random),
            mirrored: random.below(2) == 1,
            noise: NOISE,
            noise_seed: random.bits(),
        }
    }
}

impl Distractor {
    fn draw(random: &mut Random) -> Self {
        let size = SHAPES_SIZE as f32;
        let direction = random.direction();
        let length = random.range(0.0, CLUTTER_LENGTH);
        Distractor {
            from: [(); 2].map(|()| random.range(0.0, size)),
            along: direction.map(|part| part * length),
            radius: random.range(CLUTTER_RADIUS[0], CLUTTER_RADIUS[1]),
            color: color(random),
        }
    }
}

fn color(random: &mut Random) -> Color {
    [(); 3].map(|()| random.range(10.0, 245.0))
}

/// Cosine and sine of a small rotation.
fn tilt(random: &mut Random) -> [f32; 2] {
    let sin = random.range(-TILT, TILT);
    [(1.0 - sin * sin).sqrt(), sin]
}

/// Colours of background, first and second tone. Any colours, but in gray the first is the brightest and the second the darkest: were it by
/// chance, the clearest division of the images would be into light on dark and dark on light.
fn tones(random: &mut Random) -> (Color, Color, Color) {
    loop {
        let (background, first, second) = (color(random), color(random), color(random));
        let rise = luma(&first) - luma(&background);
        let fall = luma(&background) - luma(&second);
        if rise >= CONTRAST && fall >= CONTRAST / 2.0 {
            return (background, first, second);
        }
    }
}

/// Brightness after ITU-R BT.601, as image libraries convert to gray.
fn luma(color: &Color) -> f32 {
    0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]
}
