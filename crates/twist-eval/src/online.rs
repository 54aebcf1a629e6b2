//! The evaluator that the trainer asks while it trains.

use twist_nn::TwistNet;
use twist_run::{Figure, Figures, figure};
use twist_train::{Evaluator, Moment, Pace, Pretraining, TrainPlan};

use crate::probe::pace_of;
use crate::scores::Measuring;
use crate::split::EvalData;
use crate::{EvalError, KnnProtocol};

/// Images that vote and images that are asked while training: enough for two digits, and cheap. The final evaluation
/// takes all of them.
const BANK: usize = 20_000;
const QUERIES: usize = 10_000;

/// Weighted k-NN and cluster scores where there are labels; classes in use and mean confidence without.
///
/// It reads from the network and from nothing else: no gradient, running statistic or random number of the training
/// is touched, so a run with evaluations has the same weights as one without.
pub struct OnlineEvaluator {
    data: EvalData,
}

impl OnlineEvaluator {
    /// Evaluates on these images.
    pub fn new(data: EvalData) -> Self {
        Self { data }
    }

    /// Seconds of an evaluation of `net`, from a part of its images: the first one decodes the others, later ones need not.
    ///
    /// # Errors
    /// As [`OnlineEvaluator::scores`].
    pub fn pace(&self, net: &TwistNet, plan: &TrainPlan) -> Result<Pace, EvalError> {
        let input = self.data.input(plan)?;
        let (Pace { first, later }, part) = pace_of(self.data.split(BANK, QUERIES).read(), |images| {
            let some = self.data.split(images, images);
            Measuring { net, input: &input, data: &self.data, knn: KnnProtocol::of_plan(plan) }
                .figures(&some)?;
            Ok(some.read())
        })?;
        // The crops of what was looked at are kept.
        Ok(Pace { first: part * later + (1.0 - part) * first, later })
    }

    /// The figures of `net`, in the order in which they are to be shown.
    ///
    /// # Errors
    /// No image can be read, or libtorch fails.
    pub fn scores(&self, net: &TwistNet, plan: &TrainPlan) -> Result<Figures, EvalError> {
        let input = self.data.input(plan)?;
        let split = self.data.split(BANK, QUERIES);
        let knn = KnnProtocol::of_plan(plan);
        let (mut figures, _) = Measuring { net, input: &input, data: &self.data, knn }.figures(&split)?;
        if split.has_knn() {
            // The number depends on them, so they stand beside the number.
            figures.set(figure::KNN_BANK, split.bank.len() as f64);
            figures.set(figure::KNN_QUERIES, split.queries.len() as f64);
        }
        Ok(figures)
    }
}

impl Evaluator<Pretraining> for OnlineEvaluator {
    /// Where there are labels, k-NN.
    fn decides(&self) -> Option<&'static Figure> {
        self.data.split(BANK, QUERIES).has_knn().then_some(figure::KNN_TOP1)
    }

    fn evaluate(&mut self, task: &mut Pretraining, _: &Moment) -> Result<Figures, twist_train::EvalError> {
        Ok(self.scores(task.net(), task.plan())?)
    }
}
