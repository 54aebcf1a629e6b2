//! Which training images choose the settings.

use twist_data::OfficialSet;
use twist_io::Refused;

use crate::answers::Answers;
use crate::supervised::hold_out;

/// The share of each class that is held out where the authors of a set name no validation images.
pub(super) const SHARE: f64 = 0.2;

/// Of so few images of a set none can be held out, or none is left.
pub(super) fn nothing_to_validate(set: &OfficialSet, images: usize) -> Refused {
    let why = format!(
        "of {images} training images none can be held out, or none is left: two of each class are needed at least (fine-tuning \
         with one rate and one weight decay needs none)"
    );
    Refused::new(set.kind.title()).because(why)
}

/// Rows that are fitted and rows that validate, both ascending.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HoldOut {
    pub(super) fitted: Vec<i64>,
    pub(super) validating: Vec<i64>,
    /// In words, for `protocol`.
    pub(super) how: String,
}

impl HoldOut {
    /// Rows whose image the authors named (`validation`, ascending), or else a fifth of each class by `seed`: at least
    /// one image where a class has two, and never the only one. `indices` are the images of the rows.
    pub(super) fn new(indices: &[u32], validation: Option<&[u32]>, answers: &Answers, seed: u64) -> Self {
        // The lot is the image's and not the row's, so that an unreadable image changes nothing for the others.
        let image = |row: i64| u64::from(indices[row as usize]);
        let ((fitted, validating), how) = match (validation, answers) {
            (Some(named), _) => (
                (0..indices.len() as i64)
                    .partition(|&row| named.binary_search(&indices[row as usize]).is_err()),
                "the validation images that the authors of the data set name".to_owned(),
            ),
            (None, Answers::Classes(labels, classes)) => {
                let labels: Vec<i64> = labels.iter().map(|&label| i64::from(label)).collect();
                (
                    hold_out(&labels, *classes, SHARE, seed, image),
                    format!("{:.0} % of the training images of each class, by seed {seed}", 100.0 * SHARE),
                )
            }
            (None, Answers::Tags(tags)) => (
                hold_out(&vec![0; tags.len()], 1, SHARE, seed, image),
                format!("{:.0} % of the training images, by seed {seed}", 100.0 * SHARE),
            ),
        };
        Self { fitted, validating, how }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_each_class_and_never_the_only_image() {
        let labels: Vec<u32> = [vec![0; 50], vec![1; 10], vec![2; 2], vec![3; 1]].concat();
        let indices: Vec<u32> = (0..63).collect();
        let answers = Answers::Classes(labels.clone(), 4);
        let of = |seed| HoldOut::new(&indices, None, &answers, seed);
        let held = of(0);
        let count = |label| held.validating.iter().filter(|&&row| labels[row as usize] == label).count();
        assert_eq!([0, 1, 2, 3].map(count), [10, 2, 1, 0]);
        assert_eq!(held.fitted.len() + held.validating.len(), 63);
        assert_eq!(of(0), held);
        assert_ne!(of(1), held);
    }

    #[test]
    fn named_images_are_taken_as_they_are() {
        let answers = Answers::Classes(vec![0, 1, 0, 1], 2);
        // The image 2 could not be read: row 2 is image 3.
        let held = HoldOut::new(&[0, 1, 3, 4], Some(&[2, 3]), &answers, 0);
        assert_eq!((held.fitted, held.validating), (vec![0, 1, 3], vec![2]));
    }
}
