//! PNG, row by row: whatever its depth, only 8-bit RGB is ever in memory as a whole.

use std::io::Cursor;

use image::metadata::Orientation;
use png::{ColorType, DecodingError, InterlaceInfo, Limits, Reader, Transformations};

use super::decoded::Decoded;
use super::samples::Narrow;
use super::{DecodeError, DecodeLimits, DecodeNote};
use crate::image::Rgb8;

/// What a PNG may need beside its file: rows and tables.
const ROWS: u64 = 8 << 20;

/// The image as stored and how to turn it.
pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Decoded, DecodeError> {
    let mut reader = open(bytes, limits)?;
    let (width, height) = reader.info().size();
    limits.check_bytes((width, height), 3, 2 * bytes.len() as u64 + ROWS)?;
    let orientation = orientation(&reader);
    let (color, depth) = reader.output_color_type();
    let layout = Layout { color, is_deep: depth as u8 == 16 };
    let stride = 3 * width as usize;
    let mut pixels = vec![0; stride * height as usize];
    let (mut narrow, mut line, mut row) = (Narrow::new("PNG"), vec![0; stride], 0);
    while let Some(found) = reader.next_interlaced_row().map_err(explain)? {
        match found.interlace() {
            InterlaceInfo::Null(_) => {
                let Some(out) = pixels.get_mut(row * stride..).filter(|rest| rest.len() >= stride) else {
                    break;
                };
                layout.to_rgb(found.data(), &mut out[..stride], &mut narrow)?;
                row += 1;
            }
            InterlaceInfo::Adam7(pass) => {
                let written = layout.to_rgb(found.data(), &mut line, &mut narrow)?;
                png::expand_interlaced_row(&mut pixels, stride, &line[..written], pass, 24);
            }
        }
    }
    let moves = reader.info().animation_control().is_some_and(|animation| animation.num_frames > 1);
    if moves && is_cut_off(bytes) {
        return Err(damaged("its data ends early".to_owned()));
    }
    let note = narrow.note().or_else(|| moves.then_some(DecodeNote::FRAMES));
    Ok(Decoded { image: Rgb8 { width, height, pixels }, orientation, note })
}

/// Whether the file ends before its last chunk does (`IEND`; PNG specification, 5.3). The decoder stops behind the first picture of an
/// animation and would not notice.
fn is_cut_off(bytes: &[u8]) -> bool {
    /// The signature before the first chunk; length and name before the data of each, and the checksum behind them.
    const SIGNATURE: usize = 8;
    const AROUND: usize = 12;
    let mut rest = bytes.get(SIGNATURE..).unwrap_or_default();
    while let Some((length, name)) = rest.first_chunk::<8>().map(|head| head.split_at(4)) {
        let length = length.iter().fold(0usize, |sum, &byte| sum << 8 | usize::from(byte));
        let Some(next) = rest.get(length.saturating_add(AROUND)..) else { return true };
        if name == b"IEND" {
            return false;
        }
        rest = next;
    }
    true
}

/// The size as stored and how to turn it.
pub(super) fn dimensions(
    bytes: &[u8],
    limits: &DecodeLimits,
) -> Result<((u32, u32), Orientation), DecodeError> {
    let reader = open(bytes, limits)?;
    Ok((reader.info().size(), orientation(&reader)))
}

/// Reads what stands before the pixels. Texts and colour profiles are passed over: they are compressed, and may become
/// large.
fn open<'a>(bytes: &'a [u8], limits: &DecodeLimits) -> Result<Reader<Cursor<&'a [u8]>>, DecodeError> {
    let room = usize::try_from(bytes.len() as u64 + ROWS).unwrap_or(usize::MAX);
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: room });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    let (width, height) = decoder.read_header_info().map_err(explain)?.size();
    limits.check_size(width, height)?;
    decoder.set_transformations(Transformations::EXPAND);
    decoder.read_info().map_err(explain)
}

fn orientation(reader: &Reader<Cursor<&[u8]>>) -> Orientation {
    let exif = reader.info().exif_metadata.as_deref();
    exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)
}

/// What the bytes of a row are, after palettes and depths below 8 bits are expanded.
struct Layout {
    color: ColorType,
    is_deep: bool,
}

impl Layout {
    /// Red, green, blue of a row; returns how many bytes they are. Alpha is dropped.
    fn to_rgb(&self, row: &[u8], out: &mut [u8], narrow: &mut Narrow) -> Result<usize, DecodeError> {
        let (samples, is_gray) = match self.color {
            ColorType::Grayscale => (1, true),
            ColorType::GrayscaleAlpha => (2, true),
            ColorType::Rgb => (3, false),
            ColorType::Rgba => (4, false),
            ColorType::Indexed => return Err(damaged("a palette is missing".to_owned())),
        };
        if self.color == ColorType::Rgb && !self.is_deep {
            out[..row.len()].copy_from_slice(row);
            return Ok(row.len());
        }
        let width = if self.is_deep { 2 } else { 1 };
        let mut sample = |pixel: &[u8], channel: usize| match self.is_deep {
            true => narrow.u16(u16::from_be_bytes([pixel[2 * channel], pixel[2 * channel + 1]])),
            false => pixel[channel],
        };
        let mut written = 0;
        for (pixel, out) in row.chunks_exact(samples * width).zip(out.chunks_exact_mut(3)) {
            let rgb =
                if is_gray { [sample(pixel, 0); 3] } else { [0, 1, 2].map(|channel| sample(pixel, channel)) };
            out.copy_from_slice(&rgb);
            written += 3;
        }
        Ok(written)
    }
}

fn damaged(reason: String) -> DecodeError {
    DecodeError::Damaged { format: "PNG", reason }
}

fn explain(error: DecodingError) -> DecodeError {
    match error {
        DecodingError::LimitsExceeded => {
            damaged("it asks for more memory than its pixels can need".to_owned())
        }
        DecodingError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            damaged("its data ends early".to_owned())
        }
        other => damaged(other.to_string()),
    }
}
