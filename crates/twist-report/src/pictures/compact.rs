//! A picture as a compact data URI.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;

use super::data_uri;

/// Quality of pictures that are stored anew, of 100.
const QUALITY: u8 = 85;

/// The picture in `bytes` as a `data:` address: as it is up to `plenty` bytes; above that as JPEG, if that is smaller.
pub(crate) fn compact(mime: &str, bytes: &[u8], plenty: usize) -> String {
    match smaller(bytes, plenty) {
        Some(jpeg) => data_uri("image/jpeg", &jpeg),
        None => data_uri(mime, bytes),
    }
}

fn smaller(bytes: &[u8], plenty: usize) -> Option<Vec<u8>> {
    if bytes.len() <= plenty {
        return None;
    }
    let pixels = image::load_from_memory(bytes).ok()?.into_rgb8();
    let mut jpeg = Vec::new();
    pixels.write_with_encoder(JpegEncoder::new_with_quality(Cursor::new(&mut jpeg), QUALITY)).ok()?;
    (jpeg.len() < bytes.len()).then_some(jpeg)
}
