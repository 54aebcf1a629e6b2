//! JPEG: the choice of the decoder, and its limits.

mod header;
mod scans;
mod whole;

use std::borrow::Cow;

use image::metadata::Orientation;

use self::header::{Frame, Header};
use self::scans::Scans;
use self::whole::Whole;
use super::decoded::Decoded;
use super::{DecodeError, DecodeLimits};
use crate::image::Rgb8;

/// The image as stored, how to turn it, and what is odd about it.
pub(super) fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<Decoded, DecodeError> {
    let (header, bytes) = read(bytes)?;
    let size = header.frame.as_ref().map_or((0, 0), |frame| frame.size);
    let check = |size: (u32, u32)| {
        limits.check_size(size.0, size.1)?;
        let copies = if matches!(bytes, Cow::Owned(_)) { 2 } else { 1 };
        limits.check_bytes(size, bytes_for_each(&header), copies * bytes.len() as u64)
    };
    let (size, orientation, pixels) = if is_plain(&header) {
        let whole = Whole::open(&bytes)?;
        let size = whole.size()?;
        check(size)?;
        (size, whole.orientation(), whole.pixels()?)
    } else {
        check(size)?;
        let mut scans = Scans::open(&bytes, &header)?;
        match &header.frame {
            Some(frame) if !Scans::fit(frame) => return Err(unusual(frame)),
            _ => (size, scans.orientation(), scans.pixels()?),
        }
    };
    let image = Rgb8::new(size.0, size.1, pixels).ok_or_else(|| damaged("its size differs from its data"))?;
    Ok(Decoded { image, orientation, note: header.note })
}

/// The size as stored and how to turn it.
pub(super) fn dimensions(bytes: &[u8]) -> Result<((u32, u32), Orientation), DecodeError> {
    let (header, bytes) = read(bytes)?;
    match &header.frame {
        Some(frame) if !is_plain(&header) => Ok((frame.size, Scans::open(&bytes, &header)?.orientation())),
        _ => {
            let whole = Whole::open(&bytes)?;
            Ok((whole.size()?, whole.orientation()))
        }
    }
}

/// Reads the header, unless it says that nobody here can read what follows.
fn read(bytes: &[u8]) -> Result<(Header, Cow<'_, [u8]>), DecodeError> {
    let (header, bytes) = header::read(bytes);
    match header.frame.as_ref().is_some_and(|frame| frame.arithmetic) {
        true => Err(DecodeError::Values {
            format: "JPEG",
            what: "arithmetic coding".to_owned(),
            remedy: "Twist does not read this coding; convert it without loss, for example with `jpegtran \
                     -copy all -outfile OUT.jpg FILE`",
        }),
        false => Ok((header, bytes)),
    }
}

/// Width and height that the frame header promises.
pub(super) fn frame_size(bytes: &[u8]) -> Option<(u32, u32)> {
    header::read(bytes).0.frame.map(|frame| frame.size)
}

/// Whether `zune-jpeg` decodes the image to what libjpeg does: all components in the first scan or in progressive ones,
/// the first of them sampled most densely, no factor of three, and none that are called red, green and blue and are not.
fn is_plain(header: &Header) -> bool {
    let Some(frame) = &header.frame else { return true };
    let complete = frame.progressive || header.scan_components == frame.sampling.len();
    let most = frame.largest();
    let is_misnamed = frame.is_named_rgb() && !header.is_rgb;
    !is_misnamed && complete && frame.sampling.first() == Some(&most) && most.0 != 3 && most.1 != 3
}

/// Bytes for each pixel: the result; planes and coefficients of each component where they are kept until the end.
fn bytes_for_each(header: &Header) -> u64 {
    const RESULT: u64 = 3;
    let Some(frame) = &header.frame else { return RESULT };
    let (components, is_plain) = (frame.sampling.len() as u64, is_plain(header));
    let coefficients = if frame.progressive || !is_plain { 2 * sampled(frame, components) } else { 0 };
    let planes = if is_plain { 0 } else { 2 * components };
    RESULT + coefficients + planes
}

/// Samples for each pixel, at most one of each component, rounded up.
fn sampled(frame: &Frame, components: u64) -> u64 {
    let (across, down) = frame.largest();
    let most = (u64::from(across) * u64::from(down)).max(1);
    let all: u64 = frame.sampling.iter().map(|&(across, down)| u64::from(across) * u64::from(down)).sum();
    all.div_ceil(most).min(components)
}

fn unusual(frame: &Frame) -> DecodeError {
    let factors: Vec<String> =
        frame.sampling.iter().map(|(across, down)| format!("{across}x{down}")).collect();
    DecodeError::Values {
        format: "JPEG",
        what: format!("its components sampled {} in an unusual order", factors.join(", ")),
        remedy: "its colours would be wrong, so it is not read; save it again, for example with `djpeg FILE | \
                 cjpeg -quality 95 > OUT.jpg`",
    }
}

fn damaged(reason: &str) -> DecodeError {
    DecodeError::Damaged { format: "JPEG", reason: reason.trim().to_owned() }
}
