//! Images that show several classes at once.

/// Whether an image shows a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// It does not.
    Absent,
    /// It does, but so that people may miss it: such an image counts neither for nor against this class.
    Difficult,
    /// It does.
    Present,
}

/// Which of several classes each image of a [`Dataset`](crate::Dataset) shows. Such a data set has no labels, because a
/// label says that an image is of one class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags {
    classes: Vec<String>,
    /// All classes of the first image, then of the second, and so on.
    tags: Vec<Tag>,
}

impl Tags {
    /// Tags of `images` images, all absent.
    pub(super) fn absent(images: usize, classes: Vec<String>) -> Self {
        Self { tags: vec![Tag::Absent; images * classes.len()], classes }
    }

    pub(super) fn set(&mut self, image: usize, class: usize, tag: Tag) {
        let place = image * self.classes.len() + class;
        self.tags[place] = tag;
    }

    /// Names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.tags.len() / self.classes.len().max(1)
    }

    /// Whether it has no images.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }

    /// Those of some of the images, in that order.
    pub fn select(&self, images: &[u32]) -> Self {
        let tags = images.iter().flat_map(|&image| self.of(image as usize)).copied().collect();
        Self { classes: self.classes.clone(), tags }
    }

    /// The tag of each class for image `image`; empty beyond the end.
    pub fn of(&self, image: usize) -> &[Tag] {
        let width = self.classes.len();
        self.tags.get(image * width..(image + 1) * width).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selected_images_keep_their_tags() {
        let mut tags = Tags::absent(3, vec!["a".into(), "b".into()]);
        tags.set(2, 0, Tag::Present);
        tags.set(1, 1, Tag::Difficult);
        let some = tags.select(&[2, 1]);
        assert_eq!((some.len(), some.classes()), (2, tags.classes()));
        assert_eq!(some.of(0), [Tag::Present, Tag::Absent]);
        assert_eq!(some.of(1), [Tag::Absent, Tag::Difficult]);
    }
}
