//! JPEG XL, through `jxl-oxide`: the first picture in the colours of the file.
//!
//! The values are those that the file stores, in its own colour space, as of every format here: a profile is not applied. Lossy
//! files store no such values; they become sRGB, or what the header says. The codestream says how the image is turned, and what
//! EXIF says beside it does not count.

use std::error::Error;

use image::metadata::Orientation;
use jxl_oxide::image::BitDepth;
use jxl_oxide::{
    AllocTracker, EnumColourEncoding, InitializeResult, JxlImage, JxlThreadPool, RenderingIntent,
};

use super::decoded::Decoded;
use super::samples::Narrow;
use super::{DecodeError, DecodeLimits, DecodeNote, Format};
use crate::image::Rgb8;

/// Bytes for each pixel: the planes of the picture as 32-bit numbers, those that filters need beside, and the result.
const EACH: u64 = 2 * 4 * 4 + 3;

/// Bytes that a file may need beside them, for tables and groups.
const REST: u64 = 16 << 20;

/// The image upright, and what is odd about it.
pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Decoded, DecodeError> {
    let (mut image, rest) = open(bytes, limits)?;
    let size = (image.width(), image.height());
    limits.check_size(size.0, size.1)?;
    limits.check_bytes(size, EACH, bytes.len() as u64)?;
    if image.pixel_format().has_black() {
        return Err(DecodeError::Unsupported {
            format: Format::JpegXl.name(),
            what: "CMYK colours".to_owned(),
        });
    }
    let header = &image.image_header().metadata;
    let (depth, is_animation) = (header.bit_depth, header.animation.is_some());
    // Where the file stores no colours but those of perception, a profile would have to make others of them.
    if header.xyb_encoded && image.original_icc().is_some() {
        image.request_color_encoding(EnumColourEncoding::srgb(RenderingIntent::Relative));
    }
    // What a rare kind of coding takes beside is only known when the decoder asks for it.
    let failed = |error: Box<dyn Error + Send + Sync>| match asks_for_memory(&*error) {
        true => {
            let (width, height) = size;
            let max_bytes = limits.max_bytes;
            DecodeError::TooMuchMemory { width, height, bytes: max_bytes.saturating_add(1), max_bytes }
        }
        false => explain(&*error),
    };
    image.feed_bytes(rest).map_err(failed)?;
    if !image.is_loading_done() {
        return Err(damaged("its data ends early"));
    }
    let is_gray = image.pixel_format().is_grayscale();
    let render = image.render_frame(0).map_err(failed)?;
    let mut stream = render.stream_no_alpha();
    let channels = if is_gray { 1 } else { 3 };
    if (stream.width(), stream.height(), stream.channels()) != (size.0, size.1, channels) {
        return Err(damaged("its channels differ from its header"));
    }

    let (samples, across) = (channels as usize, size.0 as usize);
    let mut pixels = Vec::with_capacity(3 * across * size.1 as usize);
    let mut narrow = Narrow::new(Format::JpegXl.name());
    let mut put = |pixel: &[u8]| match *pixel {
        [gray] => pixels.extend([gray; 3]),
        _ => pixels.extend_from_slice(pixel),
    };
    for _ in 0..size.1 {
        match depth {
            BitDepth::IntegerSample { bits_per_sample: ..=8 } => {
                let mut row = vec![0u8; samples * across];
                stream.write_to_buffer(&mut row);
                row.chunks_exact(samples).for_each(&mut put);
            }
            BitDepth::IntegerSample { bits_per_sample } => {
                let mut row = vec![0u16; samples * across];
                stream.write_to_buffer(&mut row);
                // Fewer bits than 16 are said to be fewer, and are scaled by it already.
                let mut as_said = Narrow::new(Format::JpegXl.name());
                let narrow = if bits_per_sample >= 16 { &mut narrow } else { &mut as_said };
                let row: Vec<u8> = row.into_iter().map(|value| narrow.u16(value)).collect();
                row.chunks_exact(samples).for_each(&mut put);
            }
            BitDepth::FloatSample { .. } => {
                let mut row = vec![0f32; samples * across];
                stream.write_to_buffer(&mut row);
                let row: Result<Vec<u8>, DecodeError> =
                    row.into_iter().map(|value| narrow.float(f64::from(value))).collect();
                row?.chunks_exact(samples).for_each(&mut put);
            }
        }
    }
    let note = narrow
        .note()
        .or_else(|| (is_animation && image.num_loaded_keyframes() > 1).then_some(DecodeNote::FRAMES));
    let image = Rgb8 { width: size.0, height: size.1, pixels };
    Ok(Decoded { image, orientation: Orientation::NoTransforms, note })
}

/// Width and height of the upright image.
pub(super) fn dimensions(
    bytes: &[u8],
    limits: &DecodeLimits,
) -> Result<((u32, u32), Orientation), DecodeError> {
    let (image, _) = open(bytes, limits)?;
    Ok(((image.width(), image.height()), Orientation::NoTransforms))
}

/// What the channels are, by the header: `RGB`, `gray` ….
pub(crate) fn channels(bytes: &[u8]) -> Option<(&'static str, u64)> {
    let (image, _) = open(bytes, &DecodeLimits::default()).ok()?;
    let format = image.pixel_format();
    let kind = match (format.is_grayscale(), format.has_black(), format.has_alpha()) {
        (true, _, false) => "gray",
        (true, _, true) => "gray with alpha",
        (false, true, _) => "CMYK",
        (false, false, true) => "RGBA",
        (false, false, false) => "RGB",
    };
    Some((kind, u64::from(image.image_header().metadata.bit_depth.bits_per_sample())))
}

/// Reads the header, in the thread that asks: images are decoded beside each other. Returns the bytes that are left.
fn open<'a>(bytes: &'a [u8], limits: &DecodeLimits) -> Result<(JxlImage, &'a [u8]), DecodeError> {
    let most = limits.max_bytes.min(limits.max_pixels.saturating_mul(EACH).saturating_add(REST));
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let builder =
        JxlImage::builder().pool(JxlThreadPool::none()).alloc_tracker(AllocTracker::with_limit(most));
    let mut unread = builder.build_uninit();
    let mut rest = bytes;
    loop {
        let (next, later) = rest.split_at(rest.len().min(HEADER));
        let consumed = unread.feed_bytes(next).map_err(|error| explain(&*error))?;
        rest = &rest[consumed.min(rest.len())..];
        match unread.try_init().map_err(|error| explain(&*error))? {
            InitializeResult::Initialized(image) => return Ok((image, rest)),
            InitializeResult::NeedMoreData(_) if later.is_empty() || consumed == 0 => {
                return Err(damaged("its data ends early"));
            }
            InitializeResult::NeedMoreData(same) => unread = same,
        }
    }
}

/// Bytes that are read at once until the header is complete.
const HEADER: usize = 4096;

fn damaged(reason: &str) -> DecodeError {
    DecodeError::Damaged { format: Format::JpegXl.name(), reason: reason.to_owned() }
}

/// Whether a decoder was refused memory.
fn asks_for_memory(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.to_string().contains("failed to allocate") {
            return true;
        }
        next = error.source();
    }
    false
}

fn explain(error: &(dyn Error + 'static)) -> DecodeError {
    damaged(error.to_string().trim())
}
