//! Large images made smaller once, before views are cut from them.

use std::cell::RefCell;
use std::sync::Arc;

use super::wrapper::Wrapper;
use super::{Dataset, Stored, pixels};
use crate::DataError;
use crate::augment::Reducer;
use crate::decode::Decoder;

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

impl Wrapper for Reduced {
    fn within(&self) -> &dyn Dataset {
        &*self.dataset
    }

    fn fetch(&self, index: usize) -> Result<Stored, DataError> {
        thread_local! { static TOOLS: RefCell<(Decoder, Reducer)> = RefCell::default(); }
        TOOLS.with_borrow_mut(|(decoder, reducer)| {
            let image = pixels(&*self.dataset, index, decoder)?;
            Ok(Stored::Pixels(match reducer.reduce(&image, self.shorter) {
                Some(smaller) => Arc::new(smaller),
                None => image,
            }))
        })
    }
}
