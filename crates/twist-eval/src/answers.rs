//! What is right for the images of a set: one class, or tags; and how right some scores are.

use tch::{Device, Kind, Tensor};
use twist_data::{Dataset, Tag, Tags, TransferMetric};
use twist_io::Refused;
use twist_metrics::{average_precision_11_point, mean_per_class_accuracy};
use twist_train::labels::Targets;

use crate::EvalError;
use crate::labels::label_numbers;

/// The answers for some images, in their order.
#[derive(Debug)]
pub(crate) enum Answers {
    /// The class of each, and how many classes there are.
    Classes(Vec<u32>, usize),
    Tags(Vec<Vec<Tag>>),
}

impl Answers {
    /// Those of the images `indices` of a part of the set.
    pub(crate) fn of(dataset: &dyn Dataset, tags: Option<&Tags>, indices: &[u32]) -> Result<Self, EvalError> {
        match tags {
            Some(tags) => {
                Ok(Self::Tags(indices.iter().map(|&index| tags.of(index as usize).to_vec()).collect()))
            }
            None => {
                let label = |&index: &u32| {
                    let index = index as usize;
                    dataset.label(index).ok_or_else(|| {
                        Refused::new(format!(
                            "{} has no label, and every image of this set needs one",
                            dataset.path(index)
                        ))
                    })
                };
                let labels = indices.iter().map(label).collect::<Result<_, _>>()?;
                Ok(Self::Classes(labels, dataset.classes().len()))
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Classes(labels, _) => labels.len(),
            Self::Tags(tags) => tags.len(),
        }
    }

    /// Those of the images at `rows` of this order.
    pub(crate) fn select(&self, rows: &[i64]) -> Self {
        match self {
            Self::Classes(labels, classes) => {
                Self::Classes(rows.iter().map(|&row| labels[row as usize]).collect(), *classes)
            }
            Self::Tags(tags) => Self::Tags(rows.iter().map(|&row| tags[row as usize].clone()).collect()),
        }
    }

    /// As tensors on `device`; those of tags are of `kind`.
    pub(crate) fn targets(&self, kind: Kind, device: Device) -> Result<Targets, EvalError> {
        Ok(match self {
            Self::Classes(labels, classes) => Targets::labelled(labels, *classes, device)?,
            Self::Tags(tags) => Targets::tagged(tags, kind, device)?,
        })
    }

    /// Accuracy of scores `[N, C]`; `None` where an image shows several classes.
    pub(crate) fn top1(&self, scores: &Tensor) -> Result<Option<f64>, EvalError> {
        match self {
            Self::Classes(..) => self.score(scores, TransferMetric::Top1).map(Some),
            Self::Tags(_) => Ok(None),
        }
    }

    /// The figure `metric` of scores `[N, C]`.
    ///
    /// Classes that no image shows have no average precision and are left out of its mean.
    pub(crate) fn score(&self, scores: &Tensor, metric: TransferMetric) -> Result<f64, EvalError> {
        match self {
            Self::Classes(labels, _) => {
                let predictions = label_numbers(&scores.f_argmax(1, false)?)?;
                if metric == TransferMetric::MeanPerClass {
                    return Ok(mean_per_class_accuracy(labels, &predictions)?);
                }
                let right = labels.iter().zip(&predictions).filter(|(label, found)| label == found).count();
                Ok(right as f64 / labels.len() as f64)
            }
            Self::Tags(tags) => {
                let width = tags.first().map_or(0, Vec::len);
                let mut sum = (0.0, 0);
                for class in 0..width {
                    let column = scores.f_select(1, class as i64)?.f_to_kind(Kind::Float)?.f_contiguous()?;
                    let column = Vec::<f32>::try_from(column)?;
                    let counted = tags.iter().map(|tags| tags[class]).zip(column);
                    let (tags, scores): (Vec<Tag>, Vec<f32>) =
                        counted.filter(|(tag, _)| *tag != Tag::Difficult).unzip();
                    let relevant: Vec<bool> = tags.iter().map(|tag| *tag == Tag::Present).collect();
                    if relevant.contains(&true) {
                        sum = (sum.0 + average_precision_11_point(&scores, &relevant), sum.1 + 1);
                    }
                }
                Ok(sum.0 / f64::from(sum.1.max(1)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn difficult_images_count_neither_for_nor_against() {
        use Tag::{Absent, Difficult, Present};
        // Class 0: the difficult image ranks first and changes nothing; class 1 is shown by none.
        let answers = Answers::Tags(vec![
            vec![Difficult, Absent],
            vec![Present, Absent],
            vec![Absent, Difficult],
            vec![Present, Absent],
        ]);
        let scores = Tensor::from_slice(&[9.0f32, 0.0, 5.0, 0.0, 1.0, 0.0, 3.0, 0.0]).view([4, 2]);
        assert_eq!(answers.score(&scores, TransferMetric::Voc11PointMap).unwrap(), 1.0);
        let Targets::Tags { present, counted } = answers.targets(Kind::Float, Device::Cpu).unwrap() else {
            panic!("tags")
        };
        assert_eq!(Vec::<f32>::try_from(present.select(1, 0)).unwrap(), [0.0, 1.0, 0.0, 1.0]);
        assert_eq!(Vec::<f32>::try_from(counted.select(1, 0)).unwrap(), [0.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn an_image_without_a_label_is_named() {
        let shapes = twist_data::open("shapes:test", &twist_data::OpenOptions::default()).unwrap();
        let part = twist_data::subset(shapes, &[(3, Some(0)), (4, None)], vec!["a".into()]).unwrap();
        let error = Answers::of(&*part, None, &[0, 1]).unwrap_err().to_string();
        assert!(error.starts_with(&part.path(1)) && error.contains("has no label"), "{error}");
    }

    #[test]
    fn classes_of_few_images_weigh_as_much_as_others() {
        // Three of class 0, found; one of class 1, missed.
        let answers = Answers::Classes(vec![0, 0, 0, 1], 2);
        let scores = Tensor::from_slice(&[1.0f32, 0.0].repeat(4)).view([4, 2]);
        assert_eq!(answers.score(&scores, TransferMetric::Top1).unwrap(), 0.75);
        assert_eq!(answers.score(&scores, TransferMetric::MeanPerClass).unwrap(), 0.5);
        assert_eq!((answers.len(), answers.select(&[3, 0]).len()), (4, 2));
    }
}
