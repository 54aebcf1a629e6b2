//! JPEGs whose components lie in scans of their own or are sampled unusually, through `jpeg-decoder`: `zune-jpeg` decodes
//! them to other colours, without an error.

use image::metadata::Orientation;
use jpeg_decoder::{ColorTransform, Decoder, Error, PixelFormat};

use super::damaged;
use super::header::{Frame, Header};
use crate::decode::DecodeError;
use crate::decode::samples::from_cmyk;

/// A file whose header has been read.
pub(super) struct Scans<'a>(Decoder<&'a [u8]>);

impl<'a> Scans<'a> {
    /// Reads the header.
    pub(super) fn open(bytes: &'a [u8], header: &Header) -> Result<Self, DecodeError> {
        let mut decoder = Decoder::new(bytes);
        if header.frame.as_ref().is_some_and(|frame| frame.sampling.len() == 3) {
            let transform = if header.is_rgb { ColorTransform::RGB } else { ColorTransform::YCbCr };
            decoder.set_color_transform(transform);
        }
        decoder.read_info().map_err(explain)?;
        Ok(Self(decoder))
    }

    /// Whether the samples of every component come out in their places: each is enlarged by all or by nothing.
    pub(super) fn fit(frame: &Frame) -> bool {
        let most = frame.largest();
        let plain = |factor: u8, most: u8| factor == 1 || factor == most;
        frame.sampling.iter().all(|&(across, down)| plain(across, most.0) && plain(down, most.1))
    }

    pub(super) fn orientation(&self) -> Orientation {
        self.0.exif_data().and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)
    }

    /// Red, green, blue of all pixels.
    pub(super) fn pixels(&mut self) -> Result<Vec<u8>, DecodeError> {
        let pixels = self.0.decode().map_err(explain)?;
        match self.0.info().map(|info| info.pixel_format) {
            Some(PixelFormat::RGB24) => Ok(pixels),
            Some(PixelFormat::L8) => Ok(pixels.iter().flat_map(|&gray| [gray; 3]).collect()),
            Some(PixelFormat::CMYK32) => Ok(pixels.chunks_exact(4).flat_map(from_cmyk).collect()),
            _ => Err(DecodeError::Unsupported { format: "JPEG", what: "lossless coding".to_owned() }),
        }
    }
}

fn explain(error: Error) -> DecodeError {
    match error {
        Error::Unsupported(_) => {
            DecodeError::Unsupported { format: "JPEG", what: "a rare kind of coding".to_owned() }
        }
        Error::Format(reason) => damaged(&reason),
        Error::Io(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            damaged("its data ends early")
        }
        other => damaged(&other.to_string()),
    }
}
