//! What the scores of images should say.

use tch::{Device, Kind, Reduction, Tensor};
use twist_data::{Dataset, Tag, Tags};
use twist_io::Refused;

use crate::TrainError;

/// What the scores of each image should say.
#[derive(Debug)]
pub enum Targets {
    /// Each image is of one class.
    Classes {
        /// `[N]` int64, in `0..classes`.
        labels: Tensor,
        /// How many there are.
        classes: i64,
    },
    /// Each image shows any number of classes.
    Tags {
        /// `[N, C]`: 1 where it shows the class, else 0; of the kind of the rows.
        present: Tensor,
        /// `[N, C]`: 1 where the image counts for the class, else 0.
        counted: Tensor,
    },
}

impl Targets {
    /// Those of the images `indices`: their tags where there are any, else their labels.
    ///
    /// # Errors
    /// An image has no label; libtorch fails.
    pub fn of(
        images: &dyn Dataset,
        tags: Option<&Tags>,
        indices: &[u32],
        device: Device,
    ) -> Result<Self, TrainError> {
        if let Some(tags) = tags {
            let tags: Vec<&[Tag]> = indices.iter().map(|&index| tags.of(index as usize)).collect();
            return Self::tagged(&tags, Kind::Float, device);
        }
        let label = |&index: &u32| {
            let label = images.label(index as usize);
            label.ok_or_else(|| {
                Refused::new(format!(
                    "{} has no label, and labels are learned from",
                    images.path(index as usize)
                ))
            })
        };
        let labels = indices.iter().map(label).collect::<Result<Vec<_>, _>>()?;
        Self::labelled(&labels, images.classes().len(), device)
    }

    /// Images of the classes `labels`, of which there are `classes`.
    ///
    /// # Errors
    /// libtorch fails.
    pub fn labelled(labels: &[u32], classes: usize, device: Device) -> Result<Self, TrainError> {
        let labels: Vec<i64> = labels.iter().map(|&label| i64::from(label)).collect();
        let labels = Tensor::f_from_slice(&labels)?.f_to_device(device)?;
        Ok(Self::Classes { labels, classes: classes as i64 })
    }

    /// Images with these tags, in tensors of `kind`.
    ///
    /// # Errors
    /// libtorch fails.
    pub fn tagged<T: AsRef<[Tag]>>(tags: &[T], kind: Kind, device: Device) -> Result<Self, TrainError> {
        let table = |is: fn(&Tag) -> bool| -> Result<Tensor, TrainError> {
            let all = tags.iter().flat_map(|tags| tags.as_ref());
            let flat: Vec<f32> = all.map(|tag| f32::from(u8::from(is(tag)))).collect();
            let width = tags.first().map_or(0, |tags| tags.as_ref().len()) as i64;
            let table = Tensor::f_from_slice(&flat)?.f_view([tags.len() as i64, width])?;
            Ok(table.f_to_kind(kind)?.f_to_device(device)?)
        };
        Ok(Self::Tags {
            present: table(|tag| *tag == Tag::Present)?,
            counted: table(|tag| *tag != Tag::Difficult)?,
        })
    }

    /// Number of classes.
    ///
    /// # Errors
    /// Tags that are not a table.
    pub fn classes(&self) -> Result<i64, TrainError> {
        match self {
            Self::Classes { classes, .. } => Ok(*classes),
            Self::Tags { present, .. } => Ok(present.size2()?.1),
        }
    }

    /// Those of the given rows (int64).
    ///
    /// # Errors
    /// libtorch fails.
    pub fn select(&self, rows: &Tensor) -> Result<Self, TrainError> {
        Ok(match self {
            Self::Classes { labels, classes } => {
                Self::Classes { labels: labels.f_index_select(0, rows)?, classes: *classes }
            }
            Self::Tags { present, counted } => Self::Tags {
                present: present.f_index_select(0, rows)?,
                counted: counted.f_index_select(0, rows)?,
            },
        })
    }

    /// The mean over images of the loss of scores `[N, C]`, 0-d, for autograd to follow: cross entropy, or the logistic
    /// losses of all classes for which an image counts, summed.
    ///
    /// # Errors
    /// Scores of other images or classes.
    pub fn mean_loss(&self, scores: &Tensor) -> Result<Tensor, TrainError> {
        Ok(match self {
            Self::Classes { labels, .. } => {
                scores.f_cross_entropy_loss(labels, None::<&Tensor>, Reduction::Mean, -100, 0.0)?
            }
            Self::Tags { present, counted } => {
                let none = None::<&Tensor>;
                let sum = scores.f_binary_cross_entropy_with_logits(
                    present,
                    Some(counted),
                    none,
                    Reduction::Sum,
                )?;
                sum.f_div_scalar(scores.size2()?.0.max(1))?
            }
        })
    }

    /// How many images have the class of their highest score, 0-d int64.
    ///
    /// # Errors
    /// Scores of other images or classes.
    pub fn hits(&self, scores: &Tensor) -> Result<Tensor, TrainError> {
        let best = scores.f_argmax(1, true)?;
        let hits = match self {
            Self::Classes { labels, .. } => best.f_eq_tensor(&labels.f_unsqueeze(1)?)?,
            Self::Tags { present, .. } => present.f_gather(1, &best, false)?,
        };
        Ok(hits.f_sum(Kind::Int64)?)
    }
}
