//! One view of an image from its draw.

use super::blur::{Scratch, gaussian_blur};
use super::color::{brightness, contrast, grayscale, saturation, solarize};
use super::draw::{ColorOp, Jitter, ViewDraw};
use super::hue::rotate_hue;
use super::operation;
use super::planes::Planes;
use super::policy::ViewPolicy;
use super::resize::{Resizer, Target};
use crate::image::Rgb8;

/// Makes views; keeps its buffers, so that it allocates nothing once it has seen the largest crop.
#[derive(Debug, Default)]
pub struct Augmenter {
    resizer: Resizer,
    planes: Planes,
    scratch: Scratch,
    operations: operation::Scratch,
}

impl Augmenter {
    /// An augmenter without buffers; the first views allocate them.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes the view that `draw` describes: `out` is `[size, size, 3]` with the policy's size.
    ///
    /// # Panics
    /// When `out` has another length, or the crop does not lie inside the source.
    pub fn apply(&mut self, source: &Rgb8, policy: &ViewPolicy, draw: &ViewDraw, out: &mut [u8]) {
        let size = policy.size;
        assert_eq!(out.len(), 3 * (size as usize).pow(2), "a view of {size} x {size} pixels");
        let target = Target {
            interpolation: policy.interpolation,
            resized: (size, size),
            from: (0, 0),
            size: (size, size),
            flip: draw.flip,
        };
        self.resizer.resize(source, draw.crop, &target, &mut self.planes);
        self.change(draw);
        self.planes.write_interleaved(out);
    }

    /// Applies everything of `draw` but crop and flip to a whole image, whatever its size.
    pub fn adjust(&mut self, image: &mut Rgb8, draw: &ViewDraw) {
        self.planes.reshape(image.width as usize, image.height as usize);
        self.planes.read_interleaved(&image.pixels);
        self.change(draw);
        self.planes.write_interleaved(&mut image.pixels);
    }

    /// RandAugment; jitter, grayscale, blur and solarisation, in the paper's order; erasing.
    fn change(&mut self, draw: &ViewDraw) {
        for operation in draw.operations.list.into_iter().flatten() {
            operation.apply(&mut self.planes, draw.operations.fill, &mut self.operations);
        }
        if let Some(jitter) = &draw.jitter {
            apply_jitter(&mut self.planes, jitter);
        }
        if draw.gray {
            grayscale(&mut self.planes);
        }
        if let Some(radius) = draw.blur {
            gaussian_blur(&mut self.planes, radius, &mut self.scratch);
        }
        if let Some(threshold) = draw.solarize {
            solarize(&mut self.planes, threshold);
        }
        if let Some(erase) = &draw.erase {
            erase.apply(&mut self.planes);
        }
    }
}

/// The four changes in their order. A factor of exactly 1 changes nothing.
fn apply_jitter(planes: &mut Planes, jitter: &Jitter) {
    for op in jitter.order {
        match op {
            ColorOp::Brightness if jitter.brightness != 1.0 => brightness(planes, jitter.brightness),
            ColorOp::Contrast if jitter.contrast != 1.0 => contrast(planes, jitter.contrast),
            ColorOp::Saturation if jitter.saturation != 1.0 => saturation(planes, jitter.saturation),
            ColorOp::Hue => {
                if let Some(turn) = jitter.hue {
                    rotate_hue(planes, turn);
                }
            }
            _ => {}
        }
    }
}
