//! Class labels, from whatever a source writes: names or numbers.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use twist_io::{composed, is_no_label, whole_number};

/// Most classes that numbers may stand for; larger numbers are identifiers of something else.
const MOST_CLASSES: u32 = 1 << 16;

/// Numbers up to this many are classes whichever of them occur: an excerpt of a data set keeps its numbers.
const FEW_CLASSES: u32 = 1 << 10;

/// Larger numbers are names where they are so many times as many as occur: most classes would be empty.
const MOST_GAPS: usize = 16;

/// The methods of a data set that its field `labels` answers, and its field `left_out` where that is named.
macro_rules! labelled {
    () => {
        fn label(&self, index: usize) -> Option<u32> {
            self.labels.get(index)
        }

        fn classes(&self) -> &[String] {
            self.labels.names()
        }
    };
    (left_out) => {
        labelled!();

        fn left_out(&self) -> &[$crate::dataset::LeftOut] {
            &self.left_out
        }
    };
}
pub(crate) use labelled;

/// One optional label for each image, and the names of the classes.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels {
    /// Label of each image, `UNLABELLED` for none. Empty when no image has one.
    labels: Vec<u32>,
    names: Vec<String>,
    /// Whether the labels were numbers, and the names are those numbers.
    numbered: bool,
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
        Ok(Self { labels, names, numbered: false })
    }

    /// Labels from what is written beside each image. `known` are the classes that the images have already, if any.
    ///
    /// `-1` means "no label". Labels that are all names of known classes are those classes, also when they look
    /// like numbers: the label `10` is the class that is called `10`. Otherwise, when every label is a small whole number,
    /// the number is the class, as in the field's lists, and its decimal is the name, unless numbers beyond 1,024 are so far apart that
    /// fewer than one in 16 occurs.
    /// Otherwise labels are names, and classes are their sorted set. A `3.0` that is not the name of a class is `3` in all of this.
    ///
    /// # Errors
    /// The labels are numbers, some of them names of known classes and some not, so that nobody can tell what they mean.
    pub(crate) fn from_text<'a>(
        texts: impl Iterator<Item = Option<&'a str>>,
        known: &[String],
    ) -> Result<Self, String> {
        let texts: Vec<Option<Cow<'_, str>>> =
            texts.map(|text| text.filter(|text| !is_no_label(text)).map(composed)).collect();
        let place: HashMap<&str, u32> = known.iter().map(String::as_str).zip(0..).collect();
        let one_form = |text| if place.contains_key(text) { text } else { whole_number(text) };
        let written = || texts.iter().map(|text| text.as_deref().map(one_form));
        let distinct: BTreeSet<&str> = written().flatten().collect();
        if distinct.iter().all(|text| place.contains_key(text)) {
            let present: Vec<&str> =
                known.iter().map(String::as_str).filter(|name| distinct.contains(name)).collect();
            if present.len() > distinct.len() {
                return Err("two classes of the data set have the same name: use the class numbers".into());
            }
            return Ok(Self::of_names(written(), present));
        }
        let numbers: Option<BTreeMap<&str, u32>> =
            distinct.iter().map(|text| Some((*text, small_number(text)?))).collect();
        let Some(numbers) = numbers else {
            return Ok(Self::of_names(written(), distinct.into_iter().collect()));
        };
        let clash = numbers.iter().find(|(text, number)| place.get(*text).is_some_and(|at| at != *number));
        if let Some((name, _)) = clash {
            let other = numbers.keys().find(|text| !place.contains_key(*text)).copied().unwrap_or_default();
            return Err(format!(
                "its labels are numbers, and \"{name}\" is the name of a class, but \"{other}\" is not: use \
                 the class names ({})",
                known.iter().take(5).cloned().collect::<Vec<_>>().join(", ")
            ));
        }
        let classes = numbers.values().max().map_or(0, |&most| most + 1);
        if classes > FEW_CLASSES && classes as usize > MOST_GAPS * numbers.len() {
            let mut by_number: Vec<&str> = numbers.keys().copied().collect();
            by_number.sort_by_key(|text| numbers[text]);
            return Ok(Self::of_names(written(), by_number));
        }
        let names = (0..classes).map(|class| class.to_string()).collect();
        let labels = Self::from_indices(written().map(|text| Some(numbers[text?])), names);
        Ok(Self { numbered: true, ..labels.unwrap_or_default() })
    }

    /// Labels that are all among `names`, the names of the classes in their order.
    fn of_names<'a>(texts: impl Iterator<Item = Option<&'a str>>, names: Vec<&str>) -> Self {
        if names.is_empty() {
            return Self::default();
        }
        let index: HashMap<&str, u32> = names.iter().zip(0..).map(|(&name, i)| (name, i)).collect();
        let labels = texts.map(|text| text.map_or(UNLABELLED, |text| index[text])).collect();
        Self { labels, names: names.into_iter().map(str::to_owned).collect(), numbered: false }
    }

    /// Gives classes that are called by their number the names known for them.
    pub(crate) fn rename(&mut self, names: &BTreeMap<u32, &str>) {
        for (class, name) in (0..).zip(&mut self.names) {
            match names.get(&class) {
                Some(&known) if *name == class.to_string() => *name = composed(known).into_owned(),
                _ => {}
            }
        }
    }

    pub(crate) fn get(&self, index: usize) -> Option<u32> {
        self.labels.get(index).copied().filter(|&l| l != UNLABELLED)
    }

    /// Whether the labels were numbers, so that the names say nothing more.
    pub(crate) fn are_numbers(&self) -> bool {
        self.numbered
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }
}

/// The class of each row, and the names of the classes, from labels that stand in some table: names, or numbers from 0 on.
/// `-1` is none; numbers of 65,536 and more are taken for names, and so are smaller ones from 1,024 on that are far apart.
pub fn text_labels<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> (Vec<Option<u32>>, Vec<String>) {
    // Nothing is ambiguous where no classes are known.
    let labels = Labels::from_text(texts, &[]).unwrap_or_default();
    let each = labels.labels.iter().map(|&label| (label != UNLABELLED).then_some(label)).collect();
    (each, labels.names)
}

/// A label written as a class number, perhaps as tables with gaps write whole numbers. `007` is a name: the zeros are there
/// for a reason.
pub(crate) fn small_number(text: &str) -> Option<u32> {
    let digits = whole_number(text);
    digits.parse().ok().filter(|number: &u32| *number < MOST_CLASSES && number.to_string() == digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[Option<&str>], known: &[&str]) -> Result<Labels, String> {
        let known: Vec<String> = known.iter().map(|name| name.to_string()).collect();
        Labels::from_text(texts.iter().copied(), &known)
    }

    fn each(labels: &Labels, len: usize) -> Vec<Option<u32>> {
        (0..len).map(|index| labels.get(index)).collect()
    }

    #[test]
    fn numbers_that_are_far_apart_are_names() {
        let far = of(&[Some("65535"), Some("0"), None, Some("7")], &[]).unwrap();
        assert_eq!(far.names(), ["0", "7", "65535"]);
        assert_eq!(each(&far, 4), [Some(2), Some(0), None, Some(1)]);
        assert!(!far.are_numbers());
        let excerpt = of(&[Some("999"), Some("3")], &[]).unwrap();
        assert_eq!((excerpt.names().len(), excerpt.get(0)), (1000, Some(999)), "of ImageNet");
        let many: Vec<String> = (0..200).map(|number| (number * 15).to_string()).collect();
        let many: Vec<Option<&str>> = many.iter().map(|text| Some(text.as_str())).collect();
        assert_eq!(of(&many, &[]).unwrap().names().len(), 199 * 15 + 1, "close enough");
    }

    #[test]
    fn numbers_stay_numbers() {
        for texts in [[Some("3"), None, Some("1")], [Some("3.0"), None, Some("1.0")]] {
            let labels = of(&texts, &[]).unwrap();
            assert_eq!(each(&labels, 3), [Some(3), None, Some(1)]);
            assert_eq!(labels.names(), ["0", "1", "2", "3"]);
            assert!(labels.are_numbers());
        }
    }

    #[test]
    fn zeros_in_front_make_a_name() {
        let labels = of(&[Some("007"), Some("7"), Some("010")], &[]).unwrap();
        assert_eq!(
            (labels.names(), labels.are_numbers()),
            (&["007", "010", "7"].map(String::from)[..], false)
        );
        assert_eq!(each(&labels, 3), [Some(0), Some(2), Some(1)]);
    }

    #[test]
    fn names_are_sorted() {
        let labels = of(&[Some("dog"), Some("cat"), Some("7"), Some("dog"), Some("7.0")], &[]).unwrap();
        assert_eq!(labels.names(), ["7", "cat", "dog"]);
        assert_eq!(each(&labels, 5), [Some(2), Some(1), Some(0), Some(2), Some(0)]);
    }

    #[test]
    fn the_name_of_a_class_is_that_class_also_when_it_is_a_number() {
        let folders = ["0", "1", "10", "11", "2"];
        let labels = of(&[Some("10"), Some("2"), Some("0")], &folders).unwrap();
        assert_eq!(labels.names(), ["0", "10", "2"]);
        assert_eq!(each(&labels, 3), [Some(1), Some(2), Some(0)]);
        assert!(!labels.are_numbers());
        // Some names, some not: nobody can tell.
        let reason = of(&[Some("10"), Some("7")], &folders).unwrap_err();
        assert!(
            reason.contains("\"10\"") && reason.contains("\"7\"") && reason.contains("use the class names"),
            "{reason}"
        );
        // A table with gaps means the same classes.
        let labels = of(&[Some("10.0"), None, Some("2.0")], &folders).unwrap();
        assert_eq!((labels.names(), labels.are_numbers()), (&["10", "2"].map(String::from)[..], false));
        assert_eq!(of(&[Some("1.0")], &["1.0", "1"]).unwrap().names(), ["1.0"]);
        // Classes that are called by their number are the same either way.
        assert_eq!(each(&of(&[Some("1"), Some("2")], &["0", "1"]).unwrap(), 2), [Some(1), Some(2)]);
        // Numbers of other classes are numbers.
        assert!(of(&[Some("0"), Some("1")], &["cat", "dog"]).unwrap().are_numbers());
    }

    #[test]
    fn minus_one_is_no_label() {
        for text in ["-1", "-1.0"] {
            assert_eq!(each(&of(&[Some(text), Some("1")], &[]).unwrap(), 2), [None, Some(1)]);
            assert_eq!(each(&of(&[Some(text), Some("cat")], &[]).unwrap(), 2), [None, Some(0)]);
        }
    }

    #[test]
    fn two_forms_of_one_name_are_one_class() {
        let labels = of(&[Some("caf\u{e9}"), Some("cafe\u{301}")], &[]).unwrap();
        assert_eq!(labels.names(), ["caf\u{e9}"]);
        assert_eq!(each(&labels, 2), [Some(0), Some(0)]);
    }

    #[test]
    fn no_labels_no_classes() {
        assert_eq!(of(&[None, None], &["a"]).unwrap(), Labels::default());
        assert_eq!(Labels::from_indices([None], vec!["a".into()]), Ok(Labels::default()));
        assert_eq!(Labels::from_indices([Some(1)], vec!["a".into()]), Err(1));
    }

    #[test]
    fn large_numbers_are_names() {
        assert_eq!(of(&[Some("99999"), Some("4")], &[]).unwrap().names(), ["4", "99999"]);
    }
}
