//! Some images of a data set, with labels of their own.

use std::sync::Arc;

use twist_io::Refused;

use super::classes::{Labels, labelled};
use super::identity::Identity;
use super::left_out::LeftOut;
use super::{Dataset, Decoded, Stamp, Stored};
use crate::decode::Decoder;
use crate::{DataError, DecodeNote};

/// See [`subset`].
struct Subset {
    images: Arc<dyn Dataset>,
    /// Index of each image in `images`.
    members: Vec<u32>,
    labels: Labels,
}

/// The images of `members`, in that order, each with its label among `classes`: a data set like any other.
///
/// ```
/// let all = twist_data::open("shapes:test", &twist_data::OpenOptions::default())?;
/// let two = twist_data::subset(all, &[(7, Some(1)), (3, None)], vec!["a".into(), "b".into()])?;
/// assert_eq!((two.len(), two.label(0), two.label(1)), (2, Some(1), None));
/// # Ok::<(), twist_data::DataError>(())
/// ```
///
/// # Errors
/// An index or a class does not exist, or the subset is empty.
pub fn subset(
    images: Arc<dyn Dataset>,
    members: &[(u32, Option<u32>)],
    classes: Vec<String>,
) -> Result<Arc<dyn Dataset>, DataError> {
    let wrong = |why: String| Err(Refused::new("this is not a part of the data set").because(why).into());
    if members.is_empty() {
        return wrong("it has no image".into());
    }
    if let Some((index, _)) = members.iter().find(|(index, _)| *index as usize >= images.len()) {
        return wrong(format!("it needs image {index} of {}", images.len()));
    }
    let count = classes.len();
    let labels = match Labels::from_indices(members.iter().map(|(_, label)| *label), classes) {
        Ok(labels) => labels,
        Err(label) => return wrong(format!("it needs class {label} of {count}")),
    };
    let members = members.iter().map(|(index, _)| *index).collect();
    Ok(Arc::new(Subset { images, members, labels }))
}

impl Subset {
    fn member(&self, index: usize) -> Result<usize, DataError> {
        let member = self.members.get(index).ok_or(DataError::OutOfRange { index, len: self.len() })?;
        Ok(*member as usize)
    }
}

impl Dataset for Subset {
    fn len(&self) -> usize {
        self.members.len()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        self.images.read(self.member(index)?)
    }

    fn decoded(&self, index: usize, stored: &Stored, decoder: &mut Decoder) -> Decoded {
        self.images.decoded(self.member(index).unwrap_or(index), stored, decoder)
    }

    fn path(&self, index: usize) -> String {
        self.member(index).map_or_else(|_| String::new(), |member| self.images.path(member))
    }

    fn stamp(&self, index: usize) -> Option<Stamp> {
        self.images.stamp(self.member(index).ok()?)
    }

    labelled!();

    fn fingerprint(&self) -> String {
        let mut identity = Identity::new("subset");
        identity.name(self.images.fingerprint().as_bytes());
        for (index, &member) in self.members.iter().enumerate() {
            identity.number(u64::from(member));
            identity.label(self.label(index));
        }
        identity.finish()
    }

    fn left_out(&self) -> &[LeftOut] {
        self.images.left_out()
    }
    fn note(&self, index: usize, note: DecodeNote) {
        if let Ok(member) = self.member(index) {
            self.images.note(member, note);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{OpenOptions, open};

    #[test]
    fn members_keep_their_pixels_and_take_their_labels() {
        let all = open("shapes:test", &OpenOptions::default()).unwrap();
        let names = vec!["x".to_string(), "y".to_string()];
        let some = subset(all.clone(), &[(9, Some(1)), (2, Some(0))], names.clone()).unwrap();
        assert_eq!((some.path(0), some.path(1)), (all.path(9), all.path(2)));
        assert_eq!((some.classes(), some.label(0)), (&names[..], Some(1)));
        let pixels = |data: &dyn Dataset, index| match data.read(index).unwrap() {
            Stored::Pixels(image) => image.pixels.clone(),
            Stored::Encoded(bytes) => bytes,
        };
        assert_eq!(pixels(&*some, 1), pixels(&*all, 2));
        assert!(some.read(2).is_err());
        let other = subset(all.clone(), &[(9, Some(0)), (2, Some(0))], names.clone()).unwrap();
        assert_ne!(other.fingerprint(), some.fingerprint());
        for (members, words) in [
            (&[][..], "no image"),
            (&[(1_000, None)], "image 1000 of 1000"),
            (&[(0, Some(2))], "class 2 of 2"),
        ] {
            let Err(error) = subset(all.clone(), members, names.clone()) else { panic!("{words}") };
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
