//! Translates the errors of the `tiff` library.

use tiff::tags::CompressionMethod;
use tiff::{ColorType, TiffError, TiffUnsupportedError};

use super::DecodeError;

pub(super) fn damaged(reason: &str) -> DecodeError {
    DecodeError::Damaged { format: "TIFF", reason: reason.trim().to_owned() }
}

pub(super) fn unsupported(what: &str) -> DecodeError {
    DecodeError::Unsupported { format: "TIFF", what: what.to_owned() }
}

/// Our error for the library's.
pub(super) fn explain(error: TiffError) -> DecodeError {
    match error {
        TiffError::UnsupportedError(what) => unsupported(&feature(&what)),
        TiffError::IoError(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            damaged("its data ends early")
        }
        TiffError::LimitsExceeded | TiffError::IntSizeError => {
            damaged("it asks for more memory than its pixels can need")
        }
        other => damaged(&other.to_string()),
    }
}

/// A feature as a noun.
fn feature(what: &TiffUnsupportedError) -> String {
    use TiffUnsupportedError as Is;
    match what {
        Is::UnsupportedCompressionMethod(method) => compression(*method),
        Is::UnsupportedColorType(color) => describe(*color),
        Is::FloatingPointPredictor(color) | Is::HorizontalPredictor(color) => {
            format!("a predictor for {}", describe(*color))
        }
        Is::InterpretationWithBits(model, _) | Is::UnsupportedInterpretation(model) => {
            format!("the colour model {model:?}")
        }
        Is::InconsistentBitsPerSample(_) => "channels of different depths".to_owned(),
        Is::UnsupportedSampleFormat(_) => "channels of different number formats".to_owned(),
        Is::UnsupportedSampleDepth(bits) | Is::UnsupportedBitsPerChannel(bits) => {
            format!("{bits} bits a channel")
        }
        Is::ChromaSubsampling => "YCbCr colours without JPEG compression".to_owned(),
        Is::MisalignedTileBoundaries => "tiles that do not begin at whole bytes".to_owned(),
        Is::UnknownInterpretation => "an unknown colour model".to_owned(),
        _ => "a rare feature".to_owned(),
    }
}

/// A way of compressing, by the name that people know.
fn compression(method: CompressionMethod) -> String {
    match method {
        CompressionMethod::Huffman | CompressionMethod::Fax3 => "CCITT Group 3 fax compression".to_owned(),
        CompressionMethod::Fax4 => "CCITT Group 4 fax compression".to_owned(),
        CompressionMethod::JPEG => "old-style JPEG compression".to_owned(),
        CompressionMethod::ZSTD => "Zstandard compression".to_owned(),
        CompressionMethod::WebP => "WebP compression".to_owned(),
        other => format!("compression of kind {}", other.to_u16()),
    }
}

/// Colours and depth.
pub(super) fn describe(color: ColorType) -> String {
    let kind = match color {
        ColorType::Gray(_) => "gray",
        ColorType::GrayA(_) => "gray with alpha",
        ColorType::RGB(_) => "RGB",
        ColorType::RGBA(_) => "RGBA",
        ColorType::CMYK(_) | ColorType::CMYKA(_) => "CMYK",
        ColorType::YCbCr(_) => "YCbCr",
        ColorType::Lab(_) => "Lab",
        ColorType::Palette(_) => "palette",
        _ => return format!("{} channels of {} bits", color.num_samples(), color.bit_depth()),
    };
    format!("{kind} colours of {} bits a channel", color.bit_depth())
}
