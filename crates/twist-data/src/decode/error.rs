//! Reasons why bytes cannot be decoded as an image.

use super::format::NAMES;

/// Why an image could not be decoded. The caller, which knows the path, adds it.
#[derive(Clone, Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say what the fields are")]
pub enum DecodeError {
    /// Nothing to decode.
    #[error("the file is empty (0 bytes): remove it or copy it again")]
    Empty,
    /// The first bytes belong to a format that is known and not read.
    #[error("its content is {name}, not an image of a supported format ({NAMES}): {remedy}")]
    OtherFormat { name: &'static str, remedy: &'static str },
    /// The first bytes do not belong to any format that is known.
    #[error(
        "not an image of a supported format ({NAMES}): it starts with \"{start}\"; convert it or \
         remove it"
    )]
    UnknownFormat { start: String },
    /// More pixels than the limits allow, seen in the header, before any pixel memory is allocated.
    #[error(
        "{width} x {height} = {} pixels are more than the limit of {max_pixels}: if the image is genuine, make a \
         smaller copy of it or cut it into tiles",
        u64::from(*width) * u64::from(*height)
    )]
    TooLarge { width: u32, height: u32, max_pixels: u64 },
    /// A side that is longer than the limits allow.
    #[error(
        "{width} x {height} pixels: a side may have at most {max_side}; if the image is genuine, make a smaller copy of \
         it or cut it into tiles"
    )]
    TooLong { width: u32, height: u32, max_side: u32 },
    /// More memory than the limits allow, computed from the header.
    #[error(
        "decoding its {width} x {height} pixels takes {} MB of memory, more than the limit of {} MB: make a smaller copy \
         of it, or save it with 8 bits a channel",
        bytes.div_ceil(1_000_000),
        max_bytes / 1_000_000
    )]
    TooMuchMemory { width: u32, height: u32, bytes: u64, max_bytes: u64 },
    /// A width or height of zero.
    #[error("an image of {width} x {height} pixels is empty")]
    NoPixels { width: u32, height: u32 },
    /// Cut off or damaged: what is missing would be shown as gray, so nothing is shown.
    #[error("damaged or cut-off {format}: {reason}; copy the file again or remove it")]
    Damaged { format: &'static str, reason: String },
    /// Samples that have no place between black and white.
    #[error("{format} with {what}: {remedy}")]
    Values { format: &'static str, what: String, remedy: &'static str },
    /// A valid file that uses what is not supported.
    #[error(
        "{format} with {what} is not supported: convert the file, for example with `magick FILE OUT.png`"
    )]
    Unsupported { format: &'static str, what: String },
}
