//! Black and white pictures as a data set.

use std::sync::Arc;

use twist_data::{DataError, Dataset, Rgb8, Stored};

/// Pictures number `first..first + len`: even ones are dark, odd ones bright, with a little texture.
pub(crate) struct Pictures {
    first: u32,
    len: usize,
    classes: Vec<String>,
    broken: Vec<usize>,
}

impl Pictures {
    pub(crate) fn of_classes(len: usize, classes: &[&str]) -> Arc<dyn Dataset> {
        let classes = classes.iter().map(|name| name.to_string()).collect();
        Arc::new(Self { first: 0, len, classes, broken: Vec::new() })
    }

    pub(crate) fn broken(len: usize, broken: &[usize]) -> Arc<dyn Dataset> {
        let classes = vec!["black".into(), "white".into()];
        Arc::new(Self { first: 0, len, classes, broken: broken.to_vec() })
    }
}

impl Dataset for Pictures {
    fn len(&self) -> usize {
        self.len
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        if self.broken.contains(&index) {
            return Ok(Stored::Encoded(b"no picture".to_vec()));
        }
        let number = self.first + index as u32;
        let base = if number.is_multiple_of(2) { 10 } else { 220 };
        let pixels = (0..20 * 18 * 3).map(|i| base + (i * (number + 3) % 23) as u8).collect();
        Ok(Stored::Pixels(Arc::new(Rgb8 { width: 20, height: 18, pixels })))
    }

    fn path(&self, index: usize) -> String {
        format!("picture {}", self.first as usize + index)
    }

    fn label(&self, index: usize) -> Option<u32> {
        (!self.classes.is_empty()).then_some((self.first + index as u32) % 2)
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn fingerprint(&self) -> String {
        format!("{} pictures", self.len)
    }
}

pub(crate) fn labelled(len: usize, first: u32) -> Arc<dyn Dataset> {
    Arc::new(Pictures { first, len, classes: vec!["black".into(), "white".into()], broken: Vec::new() })
}

pub(crate) fn unlabelled(len: usize) -> Arc<dyn Dataset> {
    Pictures::of_classes(len, &[])
}
