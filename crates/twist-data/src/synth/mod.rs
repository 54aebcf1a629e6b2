//! The embedded data set: pictures that Twist draws itself, so that the demo and the tests need no download.
//!
//! Each image shows one of ten figures, and its outline and texture say which: colours, place, size and tilt, the
//! background, the clutter behind it and the noise on top are drawn independently of the class. Pixels and colour
//! histograms therefore say little about it (k-means on either is right for less than a fifth of the images), while any
//! large part of the figure that a crop leaves shows it.
//!
//! Image `index` of a split is a pure function of both, the same on every machine: integers decide, and the floating-point
//! arithmetic uses only operations that IEEE 754 defines exactly (no sine, no exponential).

mod split;

mod random;

mod scene;

mod figure;

mod render;

use std::sync::Arc;

#[cfg(test)]
mod tests;

use self::figure::Figure;
use self::render::render;
pub use self::scene::SHAPES_SIZE;
use self::scene::Scene;
pub use self::split::Split;
use crate::dataset::{Dataset, Stored};
use crate::error::DataError;

/// Version of the drawings. Images of different versions differ, and so do fingerprints.
const VERSION: u32 = 1;

/// The embedded data set of procedurally drawn shapes, drawn again at every read (about 0.2 ms).
#[derive(Clone, Debug)]
pub struct Shapes {
    split: Split,
    count: usize,
    classes: Vec<String>,
}

impl Shapes {
    /// The first `count` images of a split; there are as many as one asks for. Classes take turns, so every prefix is balanced.
    pub fn new(split: Split, count: usize) -> Self {
        let classes = Figure::ALL.iter().map(|(_, name)| (*name).to_owned()).collect();
        Shapes { split, count, classes }
    }

    fn figure(&self, index: usize) -> (Figure, &'static str) {
        Figure::ALL[index % Figure::ALL.len()]
    }
}

impl Dataset for Shapes {
    fn len(&self) -> usize {
        self.count
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        if index >= self.count {
            return Err(DataError::OutOfRange { index, len: self.count });
        }
        let scene = Scene::draw(self.split, index as u64);
        Ok(Stored::Pixels(Arc::new(render(self.figure(index).0, &scene))))
    }

    fn path(&self, index: usize) -> String {
        format!("shapes/{}/{index:05}-{}", self.split.name(), self.figure(index).1)
    }

    fn label(&self, index: usize) -> Option<u32> {
        (index < self.count).then(|| (index % Figure::ALL.len()) as u32)
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn fingerprint(&self) -> String {
        format!("shapes v{VERSION} {} {}", self.split.name(), self.count)
    }
}
