//! An image as three planes, the form in which it is worked on.

use super::simd::{Kernel, dispatch};

/// Red, green and blue, each `width * height` bytes, row-major.
#[derive(Debug, Default)]
pub(crate) struct Planes {
    width: usize,
    height: usize,
    bytes: Vec<u8>,
}

impl Planes {
    /// Takes a new size; what the pixels were is lost.
    pub(crate) fn reshape(&mut self, width: usize, height: usize) {
        (self.width, self.height) = (width, height);
        self.bytes.resize(3 * width * height, 0);
    }

    /// Width and height.
    pub(crate) fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Red, green, blue.
    #[inline(always)]
    pub(crate) fn channels(&self) -> [&[u8]; 3] {
        let (r, gb) = self.bytes.split_at(self.width * self.height);
        let (g, b) = gb.split_at(self.width * self.height);
        [r, g, b]
    }

    /// Red, green, blue, to be changed.
    #[inline(always)]
    pub(crate) fn channels_mut(&mut self) -> [&mut [u8]; 3] {
        let (r, gb) = self.bytes.split_at_mut(self.width * self.height);
        let (g, b) = gb.split_at_mut(self.width * self.height);
        [r, g, b]
    }

    /// All bytes, for what treats channels alike.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Reads interleaved pixels, `3 * width * height` bytes.
    pub(crate) fn read_interleaved(&mut self, pixels: &[u8]) {
        let [r, g, b] = self.channels_mut();
        for (((pixel, r), g), b) in pixels.chunks_exact(3).zip(r).zip(g).zip(b) {
            (*r, *g, *b) = (pixel[0], pixel[1], pixel[2]);
        }
    }

    /// Writes interleaved pixels, `3 * width * height` bytes.
    pub(crate) fn write_interleaved(&self, pixels: &mut [u8]) {
        dispatch(Interleave { channels: self.channels(), pixels });
    }
}

struct Interleave<'a> {
    channels: [&'a [u8]; 3],
    pixels: &'a mut [u8],
}

impl Kernel for Interleave<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let [r, g, b] = self.channels;
        for (((pixel, r), g), b) in self.pixels.chunks_exact_mut(3).zip(r).zip(g).zip(b) {
            pixel[0] = *r;
            pixel[1] = *g;
            pixel[2] = *b;
        }
    }
}
