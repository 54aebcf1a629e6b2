//! The evaluator that the trainer asks while it trains.

use twist_nn::TwistNet;
use twist_train::{EvalContext, Evaluator};

use crate::KnnProtocol;
use crate::scores;
use crate::split::EvalData;

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
}

impl Evaluator for OnlineEvaluator {
    fn measures_knn(&self) -> bool {
        self.data.split(BANK, QUERIES).has_knn()
    }

    fn evaluate(
        &mut self,
        net: &TwistNet,
        context: &EvalContext<'_>,
    ) -> Result<Vec<(String, f64)>, twist_train::EvalError> {
        let input = self.data.input(context.plan)?;
        let split = self.data.split(BANK, QUERIES);
        let knn = KnnProtocol::of_plan(context.plan);
        let (scores, _) = scores::measure(net, &input, &self.data, &split, knn)?;
        let mut pairs = scores.pairs();
        if split.has_knn() {
            // The number depends on them, so they stand beside the number.
            pairs.push(("knn_bank".into(), split.bank.len() as f64));
            pairs.push(("knn_queries".into(), split.queries.len() as f64));
        }
        Ok(pairs)
    }
}
