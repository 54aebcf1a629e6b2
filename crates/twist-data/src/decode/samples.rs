//! Samples of any number format as 8 bits, by one rule for gray and colour.
//!
//! Whole numbers without sign are scaled so that the largest of their type is white. Floating-point values are scaled so
//! that 1 is white; what lies outside of 0 to 1 is refused, and so are numbers with a sign: only
//! the author of the image knows which of its values are black and white.

use super::{DecodeError, DecodeNote};

/// Turns samples into bytes, and remembers the largest.
#[derive(Debug)]
pub(super) struct Narrow {
    format: &'static str,
    largest: u64,
    depth: u32,
}

/// Samples of more than 8 bits that use this many at most are almost black: 12 of 16 bits reach 16 of 255.
const FEW_BITS_OF_16: u32 = 12;

/// Floating-point values beyond 0 or 1 by less than this are rounding errors: half a step of 8 bits.
const ROUNDING: f64 = 0.5 / 255.0;

impl Narrow {
    /// For the samples of one image in this format.
    pub(super) fn new(format: &'static str) -> Self {
        Self { format, largest: 0, depth: 8 }
    }

    /// A sample of 16 bits.
    #[inline(always)]
    pub(super) fn u16(&mut self, value: u16) -> u8 {
        (self.largest, self.depth) = (self.largest.max(u64::from(value)), 16);
        ((u32::from(value) + 128) / 257) as u8
    }

    /// A sample of 32 bits.
    pub(super) fn u32(&mut self, value: u32) -> u8 {
        (self.largest, self.depth) = (self.largest.max(u64::from(value)), 32);
        (f64::from(value) / f64::from(u32::MAX) * 255.0).round() as u8
    }

    /// A sample of 64 bits.
    pub(super) fn u64(&mut self, value: u64) -> u8 {
        (self.largest, self.depth) = (self.largest.max(value), 64);
        (value as f64 / u64::MAX as f64 * 255.0).round() as u8
    }

    /// A floating-point sample.
    ///
    /// # Errors
    /// It is not a number, or not between 0 and 1.
    pub(super) fn float(&self, value: f64) -> Result<u8, DecodeError> {
        if (-ROUNDING..=1.0 + ROUNDING).contains(&value) {
            return Ok((value * 255.0).round().clamp(0.0, 255.0) as u8);
        }
        let (what, remedy) = if value.is_nan() {
            (
                "floating-point samples that are not numbers (NaN)".to_owned(),
                "replace them, and save the image with 8 bits a channel",
            )
        } else {
            (
                format!("the floating-point sample {value}"),
                "floating-point images hold 0 (black) to 1 (white); scale the values, and save the image with 8 bits a channel",
            )
        };
        Err(DecodeError::Values { format: self.format, what, remedy })
    }

    pub(super) fn signed(&self, bits: u32) -> DecodeError {
        DecodeError::Values {
            format: self.format,
            what: format!("signed samples of {bits} bits"),
            remedy: "the file does not say which values are black and white; choose them, and save the image with 8 bits a channel",
        }
    }

    /// What is odd about the samples that went through.
    pub(super) fn note(&self) -> Option<DecodeNote> {
        let used = u64::BITS - self.largest.leading_zeros();
        let few = self.depth > 8 && used > 0 && used + 16 <= FEW_BITS_OF_16 + self.depth;
        few.then_some(DecodeNote::FewBits { used, depth: self.depth })
    }
}

/// Red, green and blue of four inks, of which 255 covers the paper.
#[inline(always)]
pub(super) fn from_cmyk(inks: &[u8]) -> [u8; 3] {
    let paper = 255 - u32::from(inks[3]);
    [0, 1, 2].map(|ink| (((255 - u32::from(inks[ink])) * paper + 127) / 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_range_of_the_type_becomes_black_to_white() {
        let mut narrow = Narrow::new("TIFF");
        assert_eq!([0, 128, 129, 257, 65_535].map(|v| narrow.u16(v)), [0, 0, 1, 1, 255]);
        assert!((0..=u16::MAX).all(|v| narrow.u16(v) == (f64::from(v) / 257.0).round() as u8));
        assert_eq!([0, u32::MAX / 2, u32::MAX].map(|v| narrow.u32(v)), [0, 127, 255]);
        assert_eq!([0, u64::MAX].map(|v| narrow.u64(v)), [0, 255]);
        assert_eq!(
            [0.0, 0.5, 1.0, -1e-6, 1.000_001].map(|v| narrow.float(v).unwrap()),
            [0, 128, 255, 0, 255]
        );
        for bad in [f64::NAN, f64::INFINITY, -0.01, 1.01, 255.0] {
            assert!(narrow.float(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn few_bits_are_noted() {
        let note = |values: &[u16]| {
            let mut narrow = Narrow::new("PNG");
            for &value in values {
                narrow.u16(value);
            }
            narrow.note()
        };
        assert_eq!(note(&[7, 4_095]), Some(DecodeNote::FewBits { used: 12, depth: 16 }));
        assert_eq!(note(&[200]), Some(DecodeNote::FewBits { used: 8, depth: 16 }));
        assert_eq!(note(&[4_096]), None);
        assert_eq!(note(&[0]), None);
        assert_eq!(Narrow::new("PNG").note(), None);
    }
}
