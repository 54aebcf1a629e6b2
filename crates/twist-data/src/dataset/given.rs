//! Images that a program has at hand, one by one.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Dataset, Stamp, Stored, read_image};
use crate::{DataError, Rgb8};

/// One image of [`given_images`].
#[derive(Clone, Debug)]
pub enum GivenImage {
    /// An image file.
    File(PathBuf),
    /// The bytes of an image file.
    Encoded(Vec<u8>),
    /// Pixels.
    Pixels(Arc<Rgb8>),
}

/// Images in the order given, without labels. One that is not a file is called `image N`, where N counts from 0.
pub fn given_images(images: Vec<GivenImage>) -> Arc<dyn Dataset> {
    Arc::new(Given(images))
}

struct Given(Vec<GivenImage>);

impl Dataset for Given {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        match self.0.get(index).ok_or(DataError::OutOfRange { index, len: self.0.len() })? {
            GivenImage::File(path) => read_image(path).map(Stored::Encoded),
            GivenImage::Encoded(bytes) => Ok(Stored::Encoded(bytes.clone())),
            GivenImage::Pixels(image) => Ok(Stored::Pixels(Arc::clone(image))),
        }
    }

    fn path(&self, index: usize) -> String {
        match self.0.get(index) {
            Some(GivenImage::File(path)) => path.display().to_string(),
            _ => format!("image {index}"),
        }
    }

    fn file(&self, index: usize) -> Option<PathBuf> {
        match self.0.get(index) {
            Some(GivenImage::File(path)) => Some(path.clone()),
            _ => None,
        }
    }

    fn stamp(&self, index: usize) -> Option<Stamp> {
        let file = self.file(index)?;
        Stamp::of_file(file.as_os_str().as_encoded_bytes(), &file)
    }

    fn label(&self, _index: usize) -> Option<u32> {
        None
    }

    fn classes(&self) -> &[String] {
        &[]
    }

    fn fingerprint(&self) -> String {
        // Nothing is resumed or kept by it.
        format!("{} images at hand", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_come_in_the_order_given_and_each_has_a_name() {
        let pixels = Arc::new(Rgb8::new(1, 1, vec![1, 2, 3]).unwrap());
        let images = given_images(vec![
            GivenImage::Pixels(Arc::clone(&pixels)),
            GivenImage::File("no/such.png".into()),
            GivenImage::Encoded(vec![7]),
        ]);
        assert!(matches!(images.read(0), Ok(Stored::Pixels(image)) if image == pixels));
        assert!(images.read(1).unwrap_err().to_string().contains("no/such.png"));
        assert!(matches!(images.read(2), Ok(Stored::Encoded(bytes)) if bytes == [7]));
        assert_eq!([0, 1, 2].map(|index| images.path(index)), ["image 0", "no/such.png", "image 2"]);
        assert_eq!([1, 2].map(|index| images.file(index)), [Some(PathBuf::from("no/such.png")), None]);
        assert!(matches!(images.read(3), Err(DataError::OutOfRange { index: 3, len: 3 })));
    }
}
