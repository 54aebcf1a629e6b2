//! A scene and a figure to pixels.

use super::figure::{Figure, Tone};
use super::scene::{Color, Distractor, SHAPES_SIZE, Scene};
use crate::image::Rgb8;

/// Samples per pixel along each axis, to smooth edges.
const SAMPLES: u32 = 3;

/// Squared distance from the middle, in units of the radius, beyond which no figure reaches.
pub(super) const REACH: f32 = 1.5;

/// Draws the background, the clutter, the figure and the noise, in this order.
pub(super) fn render(figure: Figure, scene: &Scene) -> Rgb8 {
    let mut pixels = Vec::with_capacity((SHAPES_SIZE * SHAPES_SIZE * 3) as usize);
    let mut noise = Noise(scene.noise_seed | 1);
    for row in 0..SHAPES_SIZE {
        for column in 0..SHAPES_SIZE {
            let color = pixel(figure, scene, column, row);
            pixels.extend(color.map(|channel| quantise(channel + scene.noise * noise.next())));
        }
    }
    Rgb8 { width: SHAPES_SIZE, height: SHAPES_SIZE, pixels }
}

/// Mean colour over the samples of a pixel.
fn pixel(figure: Figure, scene: &Scene, column: u32, row: u32) -> Color {
    let mut sum = [0.0; 3];
    for sample in 0..SAMPLES * SAMPLES {
        let x = column as f32 + ((sample % SAMPLES) as f32 + 0.5) / SAMPLES as f32;
        let y = row as f32 + ((sample / SAMPLES) as f32 + 0.5) / SAMPLES as f32;
        let color = match figure_at(figure, scene, x, y) {
            Tone::First => scene.tones[0],
            Tone::Second => scene.tones[1],
            Tone::Outside => behind(scene, x, y),
        };
        for (sum, channel) in sum.iter_mut().zip(color) {
            *sum += channel;
        }
    }
    sum.map(|channel| channel / (SAMPLES * SAMPLES) as f32)
}

/// The figure at a point of the image: shifted, rotated, scaled and perhaps mirrored.
fn figure_at(figure: Figure, scene: &Scene, x: f32, y: f32) -> Tone {
    let (x, y) = ((x - scene.center[0]) / scene.radius, (y - scene.center[1]) / scene.radius);
    if x * x + y * y > REACH {
        return Tone::Outside;
    }
    let [cos, sin] = scene.rotation;
    let (u, v) = (cos * x + sin * y, cos * y - sin * x);
    figure.at(u, if scene.mirrored { -v } else { v })
}

/// Background and clutter at a point of the image; the last distractor is on top.
fn behind(scene: &Scene, x: f32, y: f32) -> Color {
    if let Some(top) = scene.clutter.iter().rev().find(|distractor| distractor.covers(x, y)) {
        return top.color;
    }
    let half = SHAPES_SIZE as f32 / 2.0;
    let along = ((x - half) * scene.slope_direction[0] + (y - half) * scene.slope_direction[1]) / half;
    let mut color = scene.background;
    for (channel, slope) in color.iter_mut().zip(scene.slope) {
        *channel += along * slope;
    }
    color
}

impl Distractor {
    fn covers(&self, x: f32, y: f32) -> bool {
        let (dx, dy) = (x - self.from[0], y - self.from[1]);
        let [ax, ay] = self.along;
        let length = ax * ax + ay * ay;
        let t = if length > 0.0 { ((dx * ax + dy * ay) / length).clamp(0.0, 1.0) } else { 0.0 };
        let (ex, ey) = (dx - t * ax, dy - t * ay);
        ex * ex + ey * ey < self.radius * self.radius
    }
}

fn quantise(channel: f32) -> u8 {
    (channel + 0.5).clamp(0.0, 255.0) as u8
}

/// xorshift64 (Marsaglia 2003): three operations per number are enough for noise.
struct Noise(u64);

impl Noise {
    /// Uniform in [-1, 1).
    fn next(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}
