//! TIFF and BigTIFF, strip by strip or tile by tile, so that only 8-bit RGB is in memory as a whole.

mod chunk;
mod error;
mod palette;
mod parts;
mod reader;

use std::borrow::Cow;
use std::io::Cursor;

use image::metadata::Orientation;
use tiff::decoder::{Decoder, Limits};
use tiff::tags::{CompressionMethod, PlanarConfiguration, Tag};
use tiff::{ColorType, TiffResult};

use self::chunk::Pixels;
use self::error::{damaged, explain, unsupported};
use self::palette::Palette;
use self::parts::Parts;
use self::reader::Reader;
use super::decoded::Decoded;
use super::samples::Narrow;
use super::{DecodeError, DecodeLimits};
use crate::image::Rgb8;

/// The extra sample is alpha that the colours were multiplied by (TIFF 6.0, section 18).
const ASSOCIATED: u16 = 1;

/// Bytes that one entry of the directory may have: the places of a million strips.
const ENTRY: usize = 8 << 20;

/// The first image as stored and how to turn it.
pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Decoded, DecodeError> {
    let mut reader = open(bytes, limits)?;
    let (width, height) = reader.dimensions().map_err(explain)?;
    limits.check_size(width, height)?;
    let orientation = orientation(&mut reader);
    let further = open(bytes, limits)?;
    let mut file = Cow::Borrowed(bytes);
    if let Some(usual) = parts::in_usual_order(bytes, &mut reader)? {
        file = Cow::Owned(usual);
    }
    let palette = Palette::of(&mut reader)?;
    if palette.is_some() {
        // The indices are read as if they were gray: the library knows no palettes.
        file = Cow::Owned(palette::as_gray(&file, &mut reader)?);
    }
    let copies = if matches!(file, Cow::Owned(_)) { 2 } else { 1 };
    let (image, note) = pixels(&file, copies, palette, limits)?;
    // That the image is nearly black is the graver remark.
    let note = note.or_else(|| has_pages(further).then_some(super::DecodeNote::PAGES));
    Ok(Decoded { image, orientation, note })
}

/// Directories that are looked at in search of a page.
const LOOKS: usize = 64;

/// Whether there is another page: a directory that is not a smaller copy, or a mask, of a page before.
fn has_pages(mut reader: Reader<'_>) -> bool {
    (0..LOOKS).any(|_| {
        let is_there = reader.more_images() && reader.next_image().is_ok();
        let kind: TiffResult<Option<u32>> = reader.find_tag_unsigned(Tag::NewSubfileType);
        is_there && kind.ok().flatten().unwrap_or(0) & 0b101 == 0
    })
}

/// The size as stored and how to turn it.
pub(super) fn dimensions(
    bytes: &[u8],
    limits: &DecodeLimits,
) -> Result<((u32, u32), Orientation), DecodeError> {
    let mut reader = open(bytes, limits)?;
    let size = reader.dimensions().map_err(explain)?;
    Ok((size, orientation(&mut reader)))
}

/// Reads the first directory.
fn open<'a>(bytes: &'a [u8], limits: &DecodeLimits) -> Result<Reader<'a>, DecodeError> {
    let most = usize::try_from(limits.max_bytes).unwrap_or(usize::MAX);
    let mut memory = Limits::default();
    memory.decoding_buffer_size = most;
    memory.intermediate_buffer_size = most;
    memory.ifd_value_size = ENTRY;
    Ok(Decoder::new(Cursor::new(bytes)).map_err(explain)?.with_limits(memory))
}

fn orientation(reader: &mut Reader<'_>) -> Orientation {
    let tag: TiffResult<Option<u8>> = reader.find_tag_unsigned(Tag::Orientation);
    tag.ok().flatten().and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms)
}

/// All pixels, with what is odd about them, of a file of which there are so many copies.
fn pixels(
    bytes: &[u8],
    copies: u64,
    palette: Option<Palette>,
    limits: &DecodeLimits,
) -> Result<(Rgb8, Option<super::DecodeNote>), DecodeError> {
    let mut reader = open(bytes, limits)?;
    let color = reader.colortype().map_err(explain)?;
    let (width, height) = reader.dimensions().map_err(explain)?;
    let (chunk_width, chunk_height) = reader.chunk_dimensions();
    let compression: Option<u16> = reader.find_tag_unsigned(Tag::Compression).map_err(explain)?;
    let is_jpeg = compression == Some(CompressionMethod::ModernJPEG.to_u16());
    if matches!(color, ColorType::YCbCr(_)) && !is_jpeg {
        return Err(unsupported("YCbCr colours without JPEG compression"));
    }
    let planar: Option<u16> = reader.find_tag_unsigned(Tag::PlanarConfiguration).map_err(explain)?;
    let is_planar = planar == Some(PlanarConfiguration::Planar.to_u16()) && color.num_samples() > 1;
    if is_planar && !matches!(color, ColorType::RGB(_) | ColorType::RGBA(_) | ColorType::Multiband { .. }) {
        return Err(unsupported("CMYK or YCbCr colours in separate planes"));
    }
    let extra: Option<Vec<u16>> = reader.find_tag_unsigned_vec(Tag::ExtraSamples).map_err(explain)?;
    let is_associated = extra.is_some_and(|extra| extra.first() == Some(&ASSOCIATED));
    if is_planar && is_associated {
        return Err(unsupported("colours that were multiplied by alpha, in separate planes"));
    }

    // What a strip or tile takes beside the file and the result.
    if chunk_width > limits.max_side.next_multiple_of(256) {
        return Err(damaged("its tiles are wider than an image may be"));
    }
    let samples = if is_planar { 1 } else { u64::from(color.num_samples()) };
    let stored = u64::from(color.bit_depth()).div_ceil(8);
    // Deeper samples exist as they are stored and as bytes.
    let each = samples * if stored > 1 { stored + 1 } else { 1 };
    let rest = |(width, height): (u32, u32)| {
        (u64::from(width) * u64::from(height))
            .saturating_mul(each)
            .saturating_add(copies * bytes.len() as u64)
    };
    limits.check_bytes((width, height), 3, rest((chunk_width, chunk_height.min(height))))?;

    let jpegs = is_jpeg.then(|| Parts::of(bytes, &mut reader)).transpose()?;
    let mut out = Pixels::new(width, height, color, is_associated, palette)?;
    let mut narrow = Narrow::new("TIFF");
    let across = width.div_ceil(chunk_width);
    let in_plane = u64::from(across) * u64::from(height.div_ceil(chunk_height));
    let planes = if is_planar { out.channels() } else { 1 };
    for number in 0..in_plane * planes {
        let index = u32::try_from(number).map_err(|_| damaged("it has too many strips"))?;
        if let Some(parts) = &jpegs {
            let size = parts.check(index as usize, (chunk_width, chunk_height))?;
            limits.check_bytes((width, height), 3, rest(size))?;
        }
        let (plane, place) = (number / in_plane, number % in_plane);
        let corner = (
            (place % u64::from(across)) as u32 * chunk_width,
            (place / u64::from(across)) as u32 * chunk_height,
        );
        let size = reader.chunk_data_dimensions(index);
        let found = reader.read_chunk(index).map_err(explain)?;
        let samples = chunk::to_bytes(found, &mut narrow)?;
        out.put(&samples, corner, size, is_planar.then_some(plane as usize))?;
    }
    Ok((out.image, narrow.note()))
}
