//! GIF: the first picture, on the screen that the file describes, as Pillow shows it.
//!
//! What the first picture leaves free of the screen has the transparent colour, or else the first of the palette. The colour of transparent
//! pixels is kept, as alpha is dropped everywhere. The blocks behind the first picture are only passed over, to find out whether it is one
//! of several and whether the file is complete.

use image::metadata::Orientation;

use super::decoded::Decoded;
use super::{DecodeError, DecodeLimits, DecodeNote, Format};
use crate::image::Rgb8;

/// Bytes for each pixel of the screen: the indices of a picture, its result, and rows that come in another order.
const EACH: u64 = 1 + 3;

/// The first picture.
pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Decoded, DecodeError> {
    let blocks = Blocks::of(bytes)?;
    let mut decoder = open(bytes, limits)?;
    let First { size, place: (left, top), width: across, transparent } = First::of(&mut decoder)?;
    limits.check_size(size.0, size.1)?;
    limits.check_bytes(size, EACH, bytes.len() as u64)?;
    let mut indices = vec![0; decoder.buffer_size()];
    decoder.read_into_buffer(&mut indices).map_err(explain)?;
    let palette = decoder.palette().map_err(explain)?;
    let colour = |index: u8| -> Result<[u8; 3], DecodeError> {
        let colour = palette.get(3 * usize::from(index)..).and_then(|rest| rest.first_chunk());
        colour.copied().ok_or_else(|| damaged("a pixel has a colour that the palette does not have"))
    };
    let (width, height) = (size.0 as usize, size.1 as usize);
    let free = colour(transparent.unwrap_or(0)).unwrap_or_default();
    let mut pixels = free.repeat(width * height);
    for (row, line) in indices.chunks_exact(across).enumerate() {
        let at = 3 * ((top + row) * width + left);
        for (out, &index) in pixels[at..].chunks_exact_mut(3).zip(line) {
            out.copy_from_slice(&colour(index)?);
        }
    }
    let note = match (blocks.pictures, blocks.has_end) {
        (2.., _) => Some(DecodeNote::FRAMES),
        (_, false) => Some(DecodeNote::NoEnd { format: Format::Gif.name() }),
        _ => None,
    };
    let image = Rgb8 { width: size.0, height: size.1, pixels };
    Ok(Decoded { image, orientation: Orientation::NoTransforms, note })
}

/// Width and height of the screen, with the first picture on it.
pub(super) fn dimensions(
    bytes: &[u8],
    limits: &DecodeLimits,
) -> Result<((u32, u32), Orientation), DecodeError> {
    Ok((First::of(&mut open(bytes, limits)?)?.size, Orientation::NoTransforms))
}

fn open<'a>(bytes: &'a [u8], limits: &DecodeLimits) -> Result<gif::Decoder<&'a [u8]>, DecodeError> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::Indexed);
    if let Ok(most) = limits.max_bytes.try_into() {
        options.set_memory_limit(gif::MemoryLimit::Bytes(most));
    }
    options.read_info(bytes).map_err(explain)
}

/// The first picture, by its header.
struct First {
    /// Width and height of the screen; a picture that goes beyond it enlarges it.
    size: (u32, u32),
    /// Column and row of its first pixel on the screen.
    place: (usize, usize),
    width: usize,
    /// The index that is transparent.
    transparent: Option<u8>,
}

impl First {
    /// Reads up to the first picture.
    fn of(decoder: &mut gif::Decoder<&[u8]>) -> Result<Self, DecodeError> {
        let screen = (u32::from(decoder.width()), u32::from(decoder.height()));
        let Some(frame) = decoder.next_frame_info().map_err(explain)? else {
            return Err(damaged("it has no picture"));
        };
        if frame.width == 0 || frame.height == 0 {
            return Err(damaged("its first picture is empty"));
        }
        let end = |start: u16, length: u16| u32::from(start) + u32::from(length);
        let size = (end(frame.left, frame.width), end(frame.top, frame.height));
        Ok(Self {
            size: (screen.0.max(size.0), screen.1.max(size.1)),
            place: (usize::from(frame.left), usize::from(frame.top)),
            width: usize::from(frame.width),
            transparent: frame.transparent,
        })
    }
}

/// What a walk over all blocks finds, without a look at their contents (GIF89a, 12 to 27).
struct Blocks {
    pictures: usize,
    /// Whether the mark of the end is there.
    has_end: bool,
}

impl Blocks {
    /// # Errors
    /// The file ends within a block.
    fn of(bytes: &[u8]) -> Result<Self, DecodeError> {
        let cut = || damaged("its data ends early");
        let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
        let mut at = 13 + table(*bytes.get(10).ok_or_else(cut)?);
        let mut blocks = Self { pictures: 0, has_end: false };
        loop {
            match bytes.get(at) {
                Some(b'!') => at += 2,
                Some(b',') => {
                    blocks.pictures += 1;
                    at += 11 + table(*bytes.get(at + 9).ok_or_else(cut)?);
                }
                Some(b';') => return Ok(Self { has_end: true, ..blocks }),
                // Something else than a block, or nothing: all pictures are there.
                _ if at <= bytes.len() && blocks.pictures > 0 => return Ok(blocks),
                _ => return Err(cut()),
            }
            // The parts of a block, each behind its length; the last has none.
            loop {
                let length = usize::from(*bytes.get(at).ok_or_else(cut)?);
                at += 1 + length;
                if length == 0 {
                    break;
                }
            }
        }
    }
}

fn damaged(reason: &str) -> DecodeError {
    DecodeError::Damaged { format: Format::Gif.name(), reason: reason.to_owned() }
}

fn explain(error: gif::DecodingError) -> DecodeError {
    damaged(error.to_string().trim())
}
