//! Which images vote in k-NN, which are asked, and which are scored.

use std::collections::HashMap;
use std::sync::Arc;

use twist_data::{Dataset, large_once, subset};
use twist_io::Refused;
use twist_model::EvalInput;
use twist_nn::DeviceNormalize;
use twist_train::TrainPlan;

use crate::EvalError;
use crate::crops::Crops;
use crate::labels::{labelled, spread, tell_apart};

/// k-means sees at most this many training images.
pub(crate) const KMEANS_IMAGES: usize = 10_000;

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
    /// Whether those that vote are of several classes.
    several: bool,
}

impl EvalData {
    /// Sees to it that both parts mean the same by their labels: those of the held-out images count the classes of the training
    /// images, found by their names.
    ///
    /// # Errors
    /// Held-out images have a class that the training images do not know.
    pub fn new(train: Arc<dyn Dataset>, held_out: Option<Arc<dyn Dataset>>) -> Result<Self, EvalError> {
        let held_out = match held_out {
            Some(test) => Some(in_order_of(train.classes(), large_once(test))?),
            None => None,
        };
        let train = large_once(train);
        let crops = Arc::new(Crops::of(std::iter::once(&train).chain(&held_out)));
        Ok(Self { train, held_out, crops })
    }

    /// The images that are scored: the held-out ones, or the training images without any.
    pub fn evaluated(&self) -> &Arc<dyn Dataset> {
        self.held_out.as_ref().unwrap_or(&self.train)
    }

    /// How the images of a run reach its network, as its plan says; the crops of these images are kept.
    ///
    /// # Errors
    /// libtorch fails.
    pub fn input(&self, plan: &TrainPlan) -> Result<EvalInput, EvalError> {
        let (machine, data) = (&plan.run.machine, &plan.config.data);
        let normalize = DeviceNormalize::new(data.mean, data.std, plan.channels_last, machine.device)?;
        let transform = plan.eval.transform.clone();
        let input = EvalInput::new(transform, normalize, plan.precision, machine);
        Ok(EvalInput { crops: Some(Arc::clone(&self.crops) as _), ..input })
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
        let (bank, queries) = match &self.held_out {
            Some(held_out) => (
                pick(labelled(&*self.train), bank),
                scored.iter().copied().filter(|&i| held_out.label(i as usize).is_some()).collect(),
            ),
            None => {
                let all = labelled(&*self.train);
                let asked = pick(all.clone(), (all.len() / ASKED_SHARE).min(most));
                let voting = all.into_iter().filter(|index| asked.binary_search(index).is_err()).collect();
                (pick(voting, bank), asked)
            }
        };
        let several = tell_apart(bank.iter().filter_map(|&index| self.train.label(index as usize)));
        Split { bank, queries, scored, several }
    }
}

/// The images of `test` with their labels as numbers of the classes `ours`, by name; unchanged if names are missing
/// or equal.
fn in_order_of(ours: &[String], test: Arc<dyn Dataset>) -> Result<Arc<dyn Dataset>, EvalError> {
    let theirs = test.classes();
    if ours.is_empty() || theirs.is_empty() || ours == theirs {
        return Ok(test);
    }
    let place: HashMap<&str, u32> = ours.iter().map(String::as_str).zip(0..).collect();
    let label = |index: usize| -> Option<Option<u32>> {
        let name = match test.label(index) {
            Some(label) => theirs.get(label as usize)?,
            None => return Some(None),
        };
        Some(Some(*place.get(name.as_str())?))
    };
    let members: Option<Vec<(u32, Option<u32>)>> =
        (0..test.len()).map(|index| Some((index as u32, label(index)?))).collect();
    // Of two classes with one name nobody can tell which is meant.
    match members.filter(|_| place.len() == ours.len()) {
        Some(members) => Ok(subset(Arc::clone(&test), &members, ours.to_vec())?),
        None => {
            let only = |which: &str, a: &[String], b: &[String]| {
                let names: Vec<&str> =
                    a.iter().filter(|x| !b.contains(x)).take(3).map(String::as_str).collect();
                if names.is_empty() {
                    String::new()
                } else {
                    format!(", only in the {which} data: {}", names.join(", "))
                }
            };
            let what = format!(
                "the training data has {} classes and the evaluation data {}, and they are not the same{}{}; give both the \
                 same class names, or use --labels none",
                ours.len(),
                theirs.len(),
                only("training", ours, theirs),
                only("evaluation", theirs, ours)
            );
            Err(Refused::new(what).into())
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

    /// Images that an evaluation of this part reads.
    pub(crate) fn read(&self) -> usize {
        self.scored.len() + if self.has_knn() { self.bank.len() } else { 0 }
    }

    /// Whether there are labels enough for k-NN: one class is right whatever is answered.
    pub(crate) fn has_knn(&self) -> bool {
        self.several && !self.queries.is_empty()
    }
}
