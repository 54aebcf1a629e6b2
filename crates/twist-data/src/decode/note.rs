//! Notes about images that are odd but were decoded.

/// A remark on a decoded image: all pixels are there, but somebody should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeNote {
    /// A JPEG with bytes between two segments, where there should be none.
    ExtraBytes {
        /// How many.
        bytes: u64,
    },
    /// A JPEG whose header contradicts itself where nothing depends on it.
    Header {
        /// The contradiction.
        what: &'static str,
    },
    /// A file of several pages or moments, of which the first is the image.
    Further {
        /// What they are.
        what: &'static str,
        /// How to have them as images of their own.
        remedy: &'static str,
    },
    /// A file without the mark of its end, whose picture is complete.
    NoEnd {
        /// What it is.
        format: &'static str,
    },
    /// Samples of more than 8 bits of which only the lowest are used: scaled as their type says, the image is almost black.
    FewBits {
        /// Bits that the largest sample has.
        used: u32,
        /// Bits that a sample has room for.
        depth: u32,
    },
}

impl DecodeNote {
    /// Of a file with pages.
    pub(super) const PAGES: Self = Self::Further {
        what: "several pages",
        remedy: "if each is an image of its own, split it, for example with `magick FILE page-%03d.tif`",
    };

    /// Of a file that moves.
    pub(super) const FRAMES: Self = Self::Further {
        what: "the pictures of an animation",
        remedy: "if each is an image of its own, split it, for example with `ffmpeg -i FILE frame-%03d.png`",
    };
}

impl std::fmt::Display for DecodeNote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ExtraBytes { bytes } => write!(
                f,
                "{bytes} extra bytes between two segments of the JPEG were skipped; save the file again if the image looks wrong"
            ),
            Self::Header { what } => {
                write!(f, "the header of the JPEG is wrong, but the image was read: {what}")
            }
            Self::Further { what, remedy } => {
                write!(f, "it holds {what}, and only the first is read: {remedy}")
            }
            Self::NoEnd { format } => {
                write!(
                    f,
                    "the {format} has no mark of its end, but its picture is complete; copy it again if it had several"
                )
            }
            Self::FewBits { used, depth } => write!(
                f,
                "its samples of {depth} bits use only the lowest {used}, so it becomes almost black: scale the values to \
                 all {depth} bits, for example with `magick FILE -auto-level OUT`"
            ),
        }
    }
}
