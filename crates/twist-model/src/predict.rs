//! Which class an image is in, with probabilities: the classes that training discovered, as people named and merged
//! them, or the classes that labels taught.

use std::fmt;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float32Array, Int32Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use tch::Tensor;
use twist_data::Dataset;
use twist_run::{ClusterNames, Group, Groups};

use crate::in_blocks;
use crate::stream::FeatureBatch;
use crate::{Model, ModelError};

/// Which of a model's classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassSource {
    /// Those that training discovered: the projection head.
    Discovered,
    /// Those that labels taught: the classifier.
    Labels,
}

impl ClassSource {
    /// What a model is asked for when nobody says: its classifier where it has one, because somebody trained that on
    /// purpose; else its head. `None` for a model with neither.
    pub fn of(model: &Model) -> Option<Self> {
        match (&model.card.classifier, &model.card.head) {
            (Some(_), _) => Some(Self::Labels),
            (None, Some(_)) => Some(Self::Discovered),
            (None, None) => None,
        }
    }

    /// Whose classes the names beside a model name, and how many those are: the clusters of its head, or without one the
    /// classes of its classifier. `None` for a model with neither.
    pub fn named(model: &Model) -> Option<(Self, i64)> {
        match (&model.card.head, &model.card.classifier) {
            (Some(head), _) => Some((Self::Discovered, head.classes())),
            (None, Some(classifier)) => Some((Self::Labels, classifier.classes)),
            (None, None) => None,
        }
    }
}

impl fmt::Display for ClassSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Discovered => "discovered classes",
            Self::Labels => "classes of the model's classifier",
        })
    }
}

/// Turns features into classes.
#[derive(Debug)]
pub struct Predictor {
    source: ClassSource,
    /// Number and name of each class, in the order of the probabilities.
    classes: Vec<(i32, String)>,
    /// How outputs become classes; `None` where each is one.
    merged: Option<Groups>,
    top: usize,
    unsure: Option<f64>,
}

/// The most probable classes of some images.
#[derive(Debug)]
pub struct Predictions {
    /// `[B × T]` positions in [`Predictor::class`], best first.
    pub classes: Vec<usize>,
    /// Their probabilities.
    pub probabilities: Vec<f32>,
    /// T, the classes of each image.
    pub top: usize,
}

impl Predictor {
    /// Asks `model` for its `top` most probable classes (at most as many as there are). `names` say what the classes of
    /// [`ClassSource::named`] are called, which ones are one, and which images are unsure; labels that nobody named again are
    /// called as they were when the classifier learned them.
    ///
    /// # Errors
    /// The model does not have what `source` asks for.
    pub fn new(
        model: &Model,
        source: ClassSource,
        names: &ClusterNames,
        top: usize,
    ) -> Result<Self, ModelError> {
        let card = model.card.classifier.as_ref();
        let names = match source {
            ClassSource::Discovered => {
                model.head()?;
                names.clone()
            }
            ClassSource::Labels => {
                model.classifier()?;
                let count = card.map_or(0, |card| card.classes as u32);
                let is_theirs = ClassSource::named(model).map(|(source, _)| source) == Some(source);
                if is_theirs && names.clusters() == count { names.clone() } else { ClusterNames::new(count) }
            }
        };
        let groups = names.groups();
        let learned = card.filter(|_| source == ClassSource::Labels).map_or(&[][..], |card| &card.names[..]);
        let name = |group: &Group| match learned.get(group.class as usize) {
            Some(learned) if !group.named && group.members.len() == 1 => learned.clone(),
            _ => group.name.clone(),
        };
        let classes: Vec<(i32, String)> =
            groups.iter().map(|group| (group.class as i32, name(group))).collect();
        let top = top.clamp(1, classes.len().max(1));
        let merged = (!groups.is_plain()).then_some(groups);
        Ok(Self { source, classes, merged, top, unsure: names.unsure() })
    }

    /// The same with another threshold below which an image is unsure.
    pub fn with_unsure(self, threshold: Option<f64>) -> Self {
        Self { unsure: threshold, ..self }
    }

    /// Which classes these are.
    pub fn source(&self) -> ClassSource {
        self.source
    }

    /// How many classes there are, merged ones counted once.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// How many classes of each image are asked for.
    pub fn top(&self) -> usize {
        self.top
    }

    /// Whether the model has no classes.
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// Number and name of the class at a position.
    pub fn class(&self, position: usize) -> (i32, &str) {
        self.classes.get(position).map_or((-1, ""), |(number, name)| (*number, name))
    }

    /// Whether an image whose best class has this probability is unsure.
    pub fn is_unsure(&self, probability: f32) -> bool {
        self.unsure.is_some_and(|threshold| f64::from(probability) < threshold)
    }

    /// The most probable classes of some images. They are the same, bit for bit, whichever other images are in the batch:
    /// equal features of an image of one index give equal probabilities.
    ///
    /// # Errors
    /// libtorch fails.
    pub fn classify(&self, model: &Model, batch: &FeatureBatch<'_>) -> Result<Predictions, ModelError> {
        let features = batch.features.f_to_device(model.store.device())?;
        let probabilities = in_blocks(&features, batch.indices, |block| match self.source {
            ClassSource::Discovered => model.head_probabilities(block),
            ClassSource::Labels => model.classifier_probabilities(block),
        })?;
        let probabilities = self.merge(&probabilities.f_to_device(tch::Device::Cpu)?)?;
        let (best, place) = probabilities.f_topk(self.top as i64, 1, true, true)?;
        let place = Vec::<i64>::try_from(&place.f_contiguous()?.f_flatten(0, -1)?)?;
        Ok(Predictions {
            classes: place.into_iter().map(|place| place as usize).collect(),
            probabilities: floats(&best)?,
            top: self.top,
        })
    }

    /// Probabilities `[B, K]` of clusters → `[B, G]` of classes: those of merged ones add up.
    fn merge(&self, probabilities: &Tensor) -> Result<Tensor, ModelError> {
        let Some(groups) = &self.merged else { return Ok(probabilities.shallow_clone()) };
        let (rows, width) = probabilities.size2()?;
        let values = floats(probabilities)?;
        let sums: Vec<f32> =
            values.chunks(width.max(1) as usize).flat_map(|row| groups.probabilities(row)).collect();
        Ok(Tensor::f_from_slice(&sums)?.f_view([rows, groups.len() as i64])?)
    }

    /// The columns of a table of predictions: `path`, `cluster` (the class's number), `name`, `label` (the name of the class
    /// that the data set gives the image, null where it gives none), `probability`, `unsure`, then `cluster_2`, `name_2`,
    /// `probability_2` and so on.
    pub fn schema(&self) -> Arc<Schema> {
        let mut fields = vec![Field::new("path", DataType::Utf8, false)];
        for rank in 1..=self.top {
            let name = |what: &str| if rank == 1 { what.to_owned() } else { format!("{what}_{rank}") };
            fields.push(Field::new(name("cluster"), DataType::Int32, false));
            fields.push(Field::new(name("name"), DataType::Utf8, false));
            if rank == 1 {
                fields.push(Field::new("label", DataType::Utf8, true));
            }
            fields.push(Field::new(name("probability"), DataType::Float32, false));
            if rank == 1 {
                fields.push(Field::new("unsure", DataType::Boolean, false));
            }
        }
        Arc::new(Schema::new(fields))
    }

    /// What was found of the images `indices` of `dataset` as rows of [`Predictor::schema`].
    ///
    /// # Errors
    /// There are not as many predictions as images.
    pub fn rows(
        &self,
        schema: &Arc<Schema>,
        found: &Predictions,
        indices: &[u32],
        dataset: &dyn Dataset,
    ) -> Result<RecordBatch, ModelError> {
        let paths = indices.iter().map(|&index| dataset.path(index as usize));
        let mut columns: Vec<ArrayRef> = vec![Arc::new(StringArray::from_iter_values(paths))];
        for rank in 0..self.top {
            let class = || found.classes.iter().skip(rank).step_by(self.top).map(|&place| self.class(place));
            let probability = || found.probabilities.iter().skip(rank).step_by(self.top).copied();
            columns.push(Arc::new(Int32Array::from_iter_values(class().map(|(number, _)| number))));
            columns.push(Arc::new(StringArray::from_iter_values(class().map(|(_, name)| name))));
            if rank == 0 {
                columns.push(Arc::new(given_labels(dataset, indices)));
            }
            columns.push(Arc::new(Float32Array::from_iter_values(probability())));
            if rank == 0 {
                let unsure: Vec<bool> = probability().map(|p| self.is_unsure(p)).collect();
                columns.push(Arc::new(BooleanArray::from(unsure)));
            }
        }
        Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
    }
}

/// The name of the class that the data set gives each image, as a column.
pub fn given_labels(dataset: &dyn Dataset, indices: &[u32]) -> StringArray {
    indices.iter().map(|&index| twist_data::class_name(dataset, index as usize)).collect()
}

fn floats(tensor: &Tensor) -> Result<Vec<f32>, ModelError> {
    Ok(Vec::<f32>::try_from(&tensor.f_contiguous()?.f_flatten(0, -1)?)?)
}
