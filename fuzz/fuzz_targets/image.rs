//! Any bytes as an image: sizes from the header and the decoded image agree, and the limit holds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twist_data::{DecodeLimits, Decoder};

const MAX_PIXELS: u64 = 1 << 20;
/// What a decoder says that it keeps to; the process has a limit of its own (`-rss_limit_mb`).
const MAX_BYTES: u64 = 64 << 20;

/// Libraries may panic; the decoder makes errors of that.
fn prepare() {
    twist_fuzz::let_libraries_panic();
    twist_fuzz::sow(twist_fuzz::image);
}

fuzz_target!(init: prepare(), |bytes: &[u8]| {
    let limits = DecodeLimits { max_pixels: MAX_PIXELS, max_bytes: MAX_BYTES, ..DecodeLimits::default() };
    let mut decoder = Decoder::new(limits);
    let dimensions = decoder.dimensions(bytes);
    if let Ok(image) = decoder.decode(bytes) {
        let (width, height) = dimensions.expect("an image that decodes has a size");
        assert_eq!((image.width, image.height), (width, height));
        assert!(u64::from(width) * u64::from(height) <= MAX_PIXELS);
        assert_eq!(image.pixels.len(), 3 * width as usize * height as usize);
    }
});
