//! Class labels, from whatever a source writes: names or numbers.

use std::collections::{BTreeMap, BTreeSet};

/// Most classes that numbers may stand for; larger numbers are identifiers of something else.
const MOST_CLASSES: u32 = 1 << 16;

/// One optional label for each image, and the names of the classes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels {
    /// Label of each image, `UNLABELLED` for none. Empty when no image has one.
    labels: Vec<u32>,
    /// Name of each class.
    names: Vec<String>,
}

/// Stands for "no label" in the compact form.
const UNLABELLED: u32 = u32::MAX;

impl Labels {
    /// Labels that are already indices into `names`.
    ///
    /// Returns the first label beyond the names as an error.
    pub(crate) fn from_indices(
        labels: impl IntoIterator<Item = Option<u32>>,
        names: Vec<String>,
    ) -> Result<Self, u32> {
        let labels: Vec<u32> = labels.into_iter().map(|l| l.unwrap_or(UNLABELLED)).collect();
        if let Some(&beyond) = labels.iter().find(|&&l| l != UNLABELLED && l as usize >= names.len()) {
            return Err(beyond);
        }
        if labels.iter().all(|&l| l == UNLABELLED) {
            return Ok(Self::default());
        }
        Ok(Self { labels, names })
    }

    /// Labels from what is written beside each image.
    ///
    /// When every label is a small whole number, the number is the class, as in the field's lists, and its decimal is
    /// the name. Otherwise labels are names, and classes are their sorted set.
    pub(crate) fn from_text<'a>(texts: impl Iterator<Item = Option<&'a str>> + Clone) -> Self {
        let numbers: Option<Vec<Option<u32>>> =
            texts.clone().map(|t| t.map(small_number).transpose().ok()).collect();
        if let Some(numbers) = numbers {
            let classes = numbers.iter().flatten().max().map_or(0, |&m| m + 1);
            let names = (0..classes).map(|c| c.to_string()).collect();
            return Self::from_indices(numbers, names).unwrap_or_default();
        }
        Self::from_names(texts)
    }

    /// Labels from class names: classes are their sorted set, as in the field's folders of classes, where `10` comes
    /// before `2`.
    pub(crate) fn from_names<'a>(texts: impl Iterator<Item = Option<&'a str>> + Clone) -> Self {
        let names: BTreeSet<&str> = texts.clone().flatten().collect();
        if names.is_empty() {
            return Self::default();
        }
        let index: BTreeMap<&str, u32> = names.iter().zip(0..).map(|(&name, i)| (name, i)).collect();
        let labels = texts.map(|t| t.map_or(UNLABELLED, |t| index[t])).collect();
        Self { labels, names: names.into_iter().map(str::to_owned).collect() }
    }

    /// Gives classes that are called by their number the names known for them.
    pub(crate) fn rename(&mut self, names: &BTreeMap<u32, &str>) {
        for (class, name) in (0..).zip(&mut self.names) {
            match names.get(&class) {
                Some(&known) if *name == class.to_string() => *name = known.to_owned(),
                _ => {}
            }
        }
    }

    /// Label of image `index`.
    pub(crate) fn get(&self, index: usize) -> Option<u32> {
        self.labels.get(index).copied().filter(|&l| l != UNLABELLED)
    }

    /// Names of the classes.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }
}

/// A label written as a class number.
fn small_number(text: &str) -> Result<u32, ()> {
    text.parse().ok().filter(|&n| n < MOST_CLASSES).ok_or(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_numbers() {
        let labels = Labels::from_text([Some("3"), None, Some("1")].into_iter());
        assert_eq!((labels.get(0), labels.get(1), labels.get(2)), (Some(3), None, Some(1)));
        assert_eq!(labels.names(), ["0", "1", "2", "3"]);
    }

    #[test]
    fn names_are_sorted() {
        let labels = Labels::from_text([Some("dog"), Some("cat"), Some("7"), Some("dog")].into_iter());
        assert_eq!(labels.names(), ["7", "cat", "dog"]);
        assert_eq!([0, 1, 2, 3].map(|i| labels.get(i)), [Some(2), Some(1), Some(0), Some(2)]);
    }

    #[test]
    fn no_labels_no_classes() {
        assert_eq!(Labels::from_text([None, None].into_iter()), Labels::default());
        assert_eq!(Labels::from_indices([None], vec!["a".into()]), Ok(Labels::default()));
        assert_eq!(Labels::from_indices([Some(1)], vec!["a".into()]), Err(1));
    }

    #[test]
    fn large_numbers_are_names() {
        let labels = Labels::from_text([Some("99999"), Some("4")].into_iter());
        assert_eq!(labels.names(), ["4", "99999"]);
    }
}
