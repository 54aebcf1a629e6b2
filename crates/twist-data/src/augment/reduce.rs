//! Reduces a whole image.

use super::draw::Crop;
use super::eval::resized_size;
use super::interpolation::Interpolation;
use super::planes::Planes;
use super::resize::{Resizer, Target};
use crate::image::Rgb8;

/// Reduces images, one after another.
#[derive(Debug, Default)]
pub(crate) struct Reducer {
    resizer: Resizer,
    planes: Planes,
}

impl Reducer {
    /// The image with `shorter` pixels on its shorter side (bicubic, antialiased); `None` when it has no more.
    pub(crate) fn reduce(&mut self, image: &Rgb8, shorter: u32) -> Option<Rgb8> {
        let &Rgb8 { width, height, .. } = image;
        if width.min(height) <= shorter {
            return None;
        }
        let size = resized_size(width, height, shorter);
        let target =
            Target { interpolation: Interpolation::Bicubic, resized: size, from: (0, 0), size, flip: false };
        let whole = Crop { top: 0, left: 0, height, width };
        self.resizer.resize(image, whole, &target, &mut self.planes);
        let mut pixels = vec![0; 3 * size.0 as usize * size.1 as usize];
        self.planes.write_interleaved(&mut pixels);
        Some(Rgb8 { width: size.0, height: size.1, pixels })
    }
}
