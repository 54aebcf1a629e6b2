//! Large images made smaller once, before views are cut from them.

use std::cell::RefCell;
use std::sync::Arc;

use super::left_out::LeftOut;
use super::{Dataset, Stored};
use crate::augment::Reducer;
use crate::decode::{DecodeNote, Decoder};
use crate::{DataError, Rgb8};

/// The same images, each reduced (bicubic, antialiased) to `shorter` pixels on its shorter side when that is longer; the
/// others as they are. They come decoded.
///
/// A camera's picture of twelve million pixels costs a hundred times what a view of it needs. With four times the side of
/// the view, the smallest usual crop still has more pixels than the view.
pub fn reduced(dataset: Arc<dyn Dataset>, shorter: u32) -> Arc<dyn Dataset> {
    Arc::new(Reduced { dataset, shorter })
}

/// See [`reduced`].
struct Reduced {
    dataset: Arc<dyn Dataset>,
    shorter: u32,
}

impl Dataset for Reduced {
    fn len(&self) -> usize {
        self.dataset.len()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        thread_local! { static TOOLS: RefCell<(Decoder, Reducer)> = RefCell::default(); }
        let stored = self.dataset.read(index)?;
        TOOLS.with_borrow_mut(|(decoder, reducer)| {
            let image: Arc<Rgb8> = match stored {
                Stored::Pixels(image) => image,
                Stored::Encoded(bytes) => match decoder.decode_noted(&bytes) {
                    Ok((image, note)) => {
                        note.into_iter().for_each(|note| self.note(index, note));
                        Arc::new(image)
                    }
                    Err(source) => return Err(DataError::Decode { path: self.path(index), source }),
                },
            };
            Ok(Stored::Pixels(match reducer.reduce(&image, self.shorter) {
                Some(smaller) => Arc::new(smaller),
                None => image,
            }))
        })
    }

    fn path(&self, index: usize) -> String {
        self.dataset.path(index)
    }

    fn label(&self, index: usize) -> Option<u32> {
        self.dataset.label(index)
    }

    fn classes(&self) -> &[String] {
        self.dataset.classes()
    }

    fn fingerprint(&self) -> String {
        self.dataset.fingerprint()
    }

    fn left_out(&self) -> &[LeftOut] {
        self.dataset.left_out()
    }
    fn note(&self, index: usize, note: DecodeNote) {
        self.dataset.note(index, note);
    }
}
