//! The thumbnails that a page shows, each once.
//!
//! A page shows an image in the gallery and again among the neighbours of another, and two runs on one data set show the
//! same images. So the bytes go into an SVG symbol once, and each place refers to it by `<use>`: this needs no script,
//! prints, and scales.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use serde::Serialize;

use super::compact;
use crate::run::Thumbnail;

/// Thumbnails above this many bytes are stored as JPEG when that is smaller.
const PLENTY: usize = 4096;

/// A reference to a stored picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Shown {
    /// Number of the symbol.
    pub(crate) id: usize,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// Collects pictures while the sections are made.
#[derive(Default)]
pub(crate) struct Book {
    known: HashMap<Arc<[u8]>, Shown>,
    /// All pictures as SVG symbols.
    pub(crate) symbols: String,
}

impl Book {
    /// Stores `picture` unless an equal one is there, and says how to refer to it.
    pub(crate) fn show(&mut self, picture: &Thumbnail) -> Shown {
        if let Some(shown) = self.known.get(&picture.bytes) {
            return *shown;
        }
        let shown = Shown { id: self.known.len(), width: picture.width, height: picture.height };
        let uri = compact(picture.mime, &picture.bytes, PLENTY);
        let Shown { id, width, height } = shown;
        // Writing to a string cannot fail.
        let _ = writeln!(
            self.symbols,
            r#"<symbol id="t{id}" viewBox="0 0 {width} {height}"><image width="{width}" height="{height}" href="{uri}"/></symbol>"#
        );
        self.known.insert(Arc::clone(&picture.bytes), shown);
        shown
    }

    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn picture(side: u32, noise: u32) -> Thumbnail {
        let pixels = image::RgbImage::from_fn(side, side, |x, y| {
            let value = (x * 7 + y * 13 + noise * (x * y * 31 % 97)) as u8;
            image::Rgb([value, value.wrapping_mul(3), 90])
        });
        let mut bytes = Vec::new();
        pixels.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
        Thumbnail { bytes: bytes.into(), mime: "image/png", width: side, height: side }
    }

    #[test]
    fn equal_pictures_are_stored_once() {
        let mut book = Book::default();
        let first = book.show(&picture(8, 0));
        assert_eq!(book.show(&picture(8, 0)), first);
        assert_ne!(book.show(&picture(9, 0)).id, first.id);
        assert_eq!((book.len(), book.symbols.matches("<symbol").count()), (2, 2));
    }

    #[test]
    fn large_pictures_shrink() {
        let large = picture(96, 1);
        assert!(large.bytes.len() > PLENTY);
        let mut book = Book::default();
        book.show(&large);
        assert!(book.symbols.contains("data:image/jpeg"));
        assert!(book.symbols.len() < large.bytes.len() * 4 / 3);
    }
}
