//! Which images vote in k-NN, which are asked, and which are scored.

use std::sync::Arc;

use twist_data::Dataset;

use crate::EvalError;
use crate::baselines::KMEANS_IMAGES;
use crate::crops::Crops;
use crate::labels::{labelled, spread};

/// Without held-out data, this share of the labelled training images is asked instead of voting.
const ASKED_SHARE: usize = 10;

/// The images of an evaluation.
#[derive(Clone)]
pub struct EvalData {
    /// What the network is trained on (labels, if any, are used for evaluation alone).
    pub train: Arc<dyn Dataset>,
    /// Images that training never sees.
    pub held_out: Option<Arc<dyn Dataset>>,
    /// What evaluations keep of them, so that each image is decoded once.
    pub(crate) crops: Arc<Crops>,
}

/// Parts of [`EvalData`], as indices.
#[derive(Debug)]
pub(crate) struct Split {
    /// Labelled training images that vote.
    pub(crate) bank: Vec<u32>,
    /// Labelled images of [`EvalData::evaluated`] that are asked.
    pub(crate) queries: Vec<u32>,
    /// Images of [`EvalData::evaluated`] whose clusters are scored or counted.
    pub(crate) scored: Vec<u32>,
}

impl EvalData {
    /// Checks that both parts mean the same by their labels.
    ///
    /// # Errors
    /// [`EvalError::ClassesDiffer`] when both have labels and their classes differ.
    pub fn new(train: Arc<dyn Dataset>, held_out: Option<Arc<dyn Dataset>>) -> Result<Self, EvalError> {
        if let Some(test) = &held_out
            && let (ours, theirs) = (train.classes(), test.classes())
            && !ours.is_empty()
            && !theirs.is_empty()
            && ours != theirs
        {
            let only =
                |a: &[String], b: &[String]| a.iter().filter(|x| !b.contains(x)).take(3).cloned().collect();
            return Err(EvalError::ClassesDiffer {
                train: ours.len(),
                held_out: theirs.len(),
                only_train: only(ours, theirs),
                only_held_out: only(theirs, ours),
            });
        }
        let crops = Arc::new(Crops::of(std::iter::once(&train).chain(&held_out)));
        Ok(Self { train, held_out, crops })
    }

    /// The images that are scored: the held-out ones, or the training images where there are none.
    pub fn evaluated(&self) -> &Arc<dyn Dataset> {
        self.held_out.as_ref().unwrap_or(&self.train)
    }

    /// In words, for `protocol`.
    pub(crate) fn evaluated_on(&self) -> &'static str {
        if self.held_out.is_some() { "held-out images" } else { "training images" }
    }

    /// Chooses at most `bank` voting and `most` asked and scored images; the same ones every time.
    pub(crate) fn split(&self, bank: usize, most: usize) -> Split {
        let pick = |from: Vec<u32>, most: usize| -> Vec<u32> {
            spread(from.len(), most).into_iter().map(|place| from[place as usize]).collect()
        };
        let scored = spread(self.evaluated().len(), most);
        match &self.held_out {
            Some(held_out) => Split {
                bank: pick(labelled(&*self.train), bank),
                queries: scored.iter().copied().filter(|&i| held_out.label(i as usize).is_some()).collect(),
                scored,
            },
            None => {
                let all = labelled(&*self.train);
                let asked = pick(all.clone(), (all.len() / ASKED_SHARE).min(most));
                let voting = all.into_iter().filter(|index| asked.binary_search(index).is_err()).collect();
                Split { bank: pick(voting, bank), queries: asked, scored }
            }
        }
    }
}

impl Split {
    /// The images that k-means as a baseline is fitted to: voting ones, or without held-out data all that it is asked.
    pub(crate) fn kmeans_fitted(&self, data: &EvalData) -> Vec<u32> {
        match data.held_out {
            Some(_) => self.bank.iter().copied().take(KMEANS_IMAGES).collect(),
            None => self.kmeans_asked(data),
        }
    }

    /// The images that it is asked: those whose clusters are scored and have a label, of very many some.
    pub(crate) fn kmeans_asked(&self, data: &EvalData) -> Vec<u32> {
        if data.held_out.is_some() {
            return self.queries.clone();
        }
        let mut labelled = [self.bank.as_slice(), self.queries.as_slice()].concat();
        labelled.sort_unstable();
        spread(labelled.len(), KMEANS_IMAGES).into_iter().map(|place| labelled[place as usize]).collect()
    }

    /// Whether there are labels enough for k-NN.
    pub(crate) fn has_knn(&self) -> bool {
        !self.bank.is_empty() && !self.queries.is_empty()
    }
}
