//! What is kept of one image: about a kilobyte and a half, whatever its size.

use super::check::{ASPECT_RATIO, BRIGHT, Check, DARK, ENTROPY, SHARPNESS};
use super::gray::Gray;
use super::quality::Quality;
use super::thumbnail::Thumbnail;
use crate::dataset::Stored;
use crate::decode::DecodeNote;
use crate::image::Rgb8;
use crate::survey::{content_hash, extension_of, extension_of_name, probe};

/// An image that could be read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Look {
    /// Its number in its data set.
    pub(super) index: usize,
    /// Width and height in pixels, upright.
    pub(super) size: (u32, u32),
    /// Bytes as stored.
    pub(super) bytes: u64,
    /// Of the bytes as stored.
    pub(super) stored_hash: [u8; 16],
    /// Of the pixels.
    pub(super) pixel_hash: [u8; 16],
    /// The image as it is compared; `None` for one that is flat.
    pub(super) thumbnail: Option<Thumbnail>,
    /// The colour type of its file.
    pub(super) color_type: Option<String>,
    /// The extension that files of its content have; `None` where the source has no encoding.
    pub(super) extension: Option<String>,
    /// What it shows by itself, whatever its name.
    pub(super) oddities: Vec<Oddity>,
}

/// Something that one image shows by itself.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Oddity {
    pub(super) check: Check,
    /// The value that counts, if there is one.
    pub(super) value: Option<f64>,
    /// What it means, with the remedy.
    pub(super) why: String,
}

/// Colour types of which reading loses nothing.
pub(super) const WHOLE: [&str; 3] = ["RGB", "gray", "palette"];

impl Look {
    /// Whether all that its file shows was read: no transparency, no more than 8 bits, no further pages.
    pub(super) fn is_read_whole(&self) -> bool {
        let is_single = self.oddities.iter().all(|oddity| oddity.check != Check::Animated);
        is_single && self.color_type.as_deref().is_none_or(|color| WHOLE.contains(&color))
    }

    /// Of image `index`. Everything else depends on its content alone.
    pub(super) fn of(index: usize, stored: &Stored, image: &Rgb8, note: Option<DecodeNote>) -> Self {
        let pixel_hash = content_hash(&image.pixels);
        let (bytes, stored_hash, color_type, extension) = match stored {
            Stored::Encoded(bytes) => {
                let color_type = probe(bytes).map(|(_, channels)| channels);
                (bytes, content_hash(bytes), color_type, extension_of(bytes).map(str::to_owned))
            }
            Stored::Pixels(image) => (&image.pixels, pixel_hash, None, None),
        };
        let gray = Gray::of(image);
        let mut oddities: Vec<Oddity> = note.map(of_note).into_iter().collect();
        oddities.extend(of_pixels(image, &Quality::of(image, &gray)));
        let thumbnail = Some(Thumbnail::new(&gray)).filter(|thumbnail| !thumbnail.is_flat());
        let (size, bytes) = ((image.width, image.height), bytes.len() as u64);
        Self { index, size, bytes, stored_hash, pixel_hash, thumbnail, color_type, extension, oddities }
    }

    /// The same for an image of this name, which may be that of another type.
    pub(super) fn called(mut self, name: &str) -> Self {
        if let (Some(own), Some(named)) = (&self.extension, extension_of_name(name))
            && own != named
        {
            let why = format!(
                "its content is that of a .{own} file; Twist reads it as such, other programs may not: rename it"
            );
            self.oddities.insert(0, Oddity { check: Check::WrongName, value: None, why });
        }
        self
    }

    /// Number of pixels.
    pub(super) fn pixels(&self) -> u64 {
        u64::from(self.size.0) * u64::from(self.size.1)
    }

    /// Equal for images of equal pixels.
    pub(super) fn content(&self) -> (u32, u32, [u8; 16]) {
        (self.size.0, self.size.1, self.pixel_hash)
    }
}

/// What is odd about the file.
fn of_note(note: DecodeNote) -> Oddity {
    let check = match note {
        DecodeNote::Further { .. } => Check::Animated,
        _ => Check::OddFile,
    };
    Oddity { check, value: None, why: note.to_string() }
}

/// What is odd about the pixels.
fn of_pixels(image: &Rgb8, quality: &Quality) -> Vec<Oddity> {
    let mut oddities = Vec::new();
    let mut add = |check: Check, value: f32, why: String| {
        oddities.push(Oddity { check, value: Some(f64::from(value)), why });
    };
    let (shorter, longer) = (image.width.min(image.height), image.width.max(image.height));
    let ratio = shorter as f32 / longer as f32;
    if shorter == 1 {
        let why = format!("it has {} x {} pixels; remove it unless that is meant", image.width, image.height);
        add(Check::OnePixel, 1.0, why);
    }
    if quality.brightest < DARK {
        let why = format!("99 % of its pixels are darker than {:.2} of white", quality.brightest);
        add(Check::Dark, quality.brightest, why);
    }
    if quality.darkest > BRIGHT {
        let why = format!("95 % of its pixels are brighter than {:.2} of white", quality.darkest);
        add(Check::Bright, quality.darkest, why);
    }
    if quality.entropy < ENTROPY {
        let why =
            format!("its values have {:.1} bits of information, a photograph has about 7", quality.entropy);
        add(Check::LowInformation, quality.entropy, why);
    }
    if let Some(sharpness) = quality.sharpness.filter(|sharpness| *sharpness < SHARPNESS) {
        let why =
            format!("at 64 pixels its details have {sharpness:.2} of its contrast, less than {SHARPNESS}");
        add(Check::Blurry, sharpness, why);
    }
    if ratio < ASPECT_RATIO {
        let why = format!(
            "{} x {} pixels: a square crop shows {:.0} % of it at most",
            image.width,
            image.height,
            100.0 * ratio
        );
        add(Check::AspectRatio, ratio, why);
    }
    oddities
}
