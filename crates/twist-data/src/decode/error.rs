//! Why bytes are not an image.

/// Why an image could not be decoded. Paths are added by whoever knows them.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Nothing to decode.
    #[error("the file is empty (0 bytes): remove it or copy it again")]
    Empty,
    /// The first bytes belong to no supported format.
    #[error("not an image of a supported format (JPEG, PNG, WebP, BMP, TIFF): it starts with {start}")]
    UnknownFormat {
        /// The first bytes, printable.
        start: String,
    },
    /// Larger than the limits allow, seen in the header, before any pixel memory is allocated.
    #[error(
        "{width} x {height} = {} pixels are more than the limit of {max_pixels}: if the image is genuine, make a \
         smaller copy of it or cut it into tiles",
        u64::from(*width) * u64::from(*height)
    )]
    TooLarge {
        /// Pixels per row.
        width: u32,
        /// Number of rows.
        height: u32,
        /// [`DecodeLimits::max_pixels`](super::DecodeLimits::max_pixels).
        max_pixels: u64,
    },
    /// A width or height of zero.
    #[error("an image of {width} x {height} pixels has none to show")]
    NoPixels {
        /// Pixels per row.
        width: u32,
        /// Number of rows.
        height: u32,
    },
    /// Cut off or damaged: what is missing would be shown as gray, so nothing is shown.
    #[error("damaged or cut-off {format}: {reason}; copy the file again or remove it")]
    Damaged {
        /// Name of the format.
        format: &'static str,
        /// What the format's decoder says.
        reason: String,
    },
    /// A valid file that uses what is not supported.
    #[error("{format} with {what} is not supported: convert the file, for example to PNG")]
    Unsupported {
        /// Name of the format.
        format: &'static str,
        /// The unsupported feature.
        what: String,
    },
}
