//! The one image type that passes between reading, decoding and augmenting.

/// An 8-bit sRGB image, row-major, channels interleaved: pixel `(x, y)` is `pixels[3 * (y * width + x)..][..3]`.
///
/// The fields are public because readers fill them in place and buffers are recycled; [`Rgb8::new`] checks that they
/// agree, and every consumer in this crate relies on `pixels.len() == 3 * width * height`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rgb8 {
    /// Pixels per row.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
    /// `3 * width * height` bytes, R G B R G B ….
    pub pixels: Vec<u8>,
}

impl Rgb8 {
    /// An image from its pixels, or `None` when their number is not `3 * width * height` or a side is zero.
    pub fn new(width: u32, height: u32, pixels: Vec<u8>) -> Option<Self> {
        let expected = (width as usize).checked_mul(height as usize)?.checked_mul(3)?;
        (expected > 0 && pixels.len() == expected).then_some(Self { width, height, pixels })
    }

    /// The three bytes of pixel `(x, y)`.
    ///
    /// # Panics
    /// When the pixel lies outside the image, as indexing a slice does.
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        assert!(x < self.width, "column {x} of an image {} wide", self.width);
        let at = 3 * (y as usize * self.width as usize + x as usize);
        [self.pixels[at], self.pixels[at + 1], self.pixels[at + 2]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_must_agree() {
        assert!(Rgb8::new(2, 2, vec![0; 12]).is_some());
        assert!(Rgb8::new(2, 2, vec![0; 11]).is_none());
        assert!(Rgb8::new(0, 2, vec![]).is_none());
        let image = Rgb8::new(2, 1, vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(image.pixel(1, 0), [4, 5, 6]);
    }
}
