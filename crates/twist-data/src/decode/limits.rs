//! Limits for decoding one image, checked against its header before memory is allocated.

use super::DecodeError;

/// What a decoder may spend on one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Most pixels of one image.
    pub max_pixels: u64,
    /// Most pixels of one side. Filters keep some values for each pixel of a row, so a row has a limit of its own.
    pub max_side: u32,
    /// Most bytes in memory at once while an image is decoded: its file, its pixels, and what the format needs beside.
    pub max_bytes: u64,
}

/// Largest image file that is read: larger ones could not be decoded within [`DecodeLimits::default`], and some formats are
/// copied once.
pub(crate) const MAX_FILE_BYTES: u64 = 384 << 20;

impl Default for DecodeLimits {
    /// 2^27 ≈ 134 million pixels (a square of 11,585), sides of 65,535, and 768 MiB: any camera's image, and below 1 GiB
    /// with the rest of the process.
    fn default() -> Self {
        Self { max_pixels: 1 << 27, max_side: 65_535, max_bytes: 768 << 20 }
    }
}

impl DecodeLimits {
    /// Refuses an image of this size if it is too large or has no pixels.
    pub(super) fn check_size(&self, width: u32, height: u32) -> Result<(), DecodeError> {
        if width == 0 || height == 0 {
            return Err(DecodeError::NoPixels { width, height });
        }
        if width.max(height) > self.max_side {
            return Err(DecodeError::TooLong { width, height, max_side: self.max_side });
        }
        if u64::from(width) * u64::from(height) > self.max_pixels {
            return Err(DecodeError::TooLarge { width, height, max_pixels: self.max_pixels });
        }
        Ok(())
    }

    /// Refuses an image that needs this many bytes for each pixel and `rest` bytes beside.
    pub(super) fn check_bytes(
        &self,
        (width, height): (u32, u32),
        each: u64,
        rest: u64,
    ) -> Result<(), DecodeError> {
        let pixels = u64::from(width) * u64::from(height);
        let bytes = pixels.saturating_mul(each).saturating_add(rest);
        if bytes > self.max_bytes {
            return Err(DecodeError::TooMuchMemory { width, height, bytes, max_bytes: self.max_bytes });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_product_overflows() {
        let limits = DecodeLimits { max_pixels: u64::MAX, max_side: u32::MAX, max_bytes: u64::MAX - 1 };
        limits.check_size(u32::MAX, u32::MAX).unwrap();
        let error = limits.check_bytes((u32::MAX, u32::MAX), 8, 0).unwrap_err();
        assert!(matches!(error, DecodeError::TooMuchMemory { bytes: u64::MAX, .. }), "{error:?}");
        let error = limits.check_bytes((1, 1), 3, u64::MAX).unwrap_err();
        assert!(matches!(error, DecodeError::TooMuchMemory { bytes: u64::MAX, .. }), "{error:?}");
    }
}
