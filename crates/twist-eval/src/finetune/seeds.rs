//! Fine-tuning several times, with other draws: few labels make results that differ from draw to draw.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use torch_ext::Machine;
use twist_data::Dataset;
use twist_metrics::MeanStd;
use twist_model::Model;
use twist_run::{Figures, Metrics, figure};
use twist_train::{Costs, Work};

use super::{FinetuneOptions, Finetuned, finetune, training};
use crate::supervised::{Kept, StepsDone, Surroundings};
use crate::{EvalError, LabelBudget, LabelledImages};

/// Hears what a training takes before its first step.
type Foretell<'a> = &'a mut dyn FnMut(Costs, Work);

/// Fine-tunes once for each of `seeds` seeds, from `options.seed` on: the seed draws the labels, the classifier's first
/// weights, the order and the crops. The mean stands under `finetune_top1` (and `finetune_top5`), the sample standard
/// deviation under `finetune_top1_std`, every run under `runs`.
///
/// `kept` is a folder for what is done: the same call goes on from there after a crash. `progress` hears of a seed's place
/// among them and of finished steps, `foretell` before the first step what one of the trainings takes.
///
/// # Errors
/// As [`finetune()`]; `kept` holds another evaluation's work.
pub fn finetune_seeds(
    source: &Model,
    (train, test): (&Arc<dyn Dataset>, &Arc<dyn Dataset>),
    budget: &LabelBudget,
    (options, seeds): (&FinetuneOptions, u64),
    machine: &Machine,
    kept: Option<&Path>,
    (progress, mut foretell): (&mut dyn FnMut(u64, usize, usize), Option<Foretell<'_>>),
) -> Result<Metrics, EvalError> {
    let mut runs: Vec<(u64, Metrics)> = Vec::new();
    for place in 0..seeds.max(1) {
        let options = FinetuneOptions { seed: options.seed + place, ..options.clone() };
        let labelled = LabelledImages::choose(train, budget, options.seed)?.in_memory();
        let name = format!("finetune-seed-{}", options.seed);
        let of = || training(source, &labelled, Some(test), &options, machine)?.identity();
        let metrics = Kept::once((kept, &name), of, |kept| {
            let mut told = |done: usize, all: usize| progress(place, done, all);
            let wants_to_know = foretell.is_some();
            let mut tell = |costs: Costs, work: Work| {
                foretell.take().into_iter().for_each(|foretell| foretell(costs, work));
            };
            let mut around = Surroundings {
                place: kept.unwrap_or_default(),
                recorders: vec![Box::new(StepsDone::new(&mut told))],
                foretell: if wants_to_know { Some(&mut tell) } else { None },
                ..Surroundings::default()
            };
            let ended = finetune(source, &labelled, Some(test), &options, machine, &mut around)?;
            Ok(ended.map(|Finetuned { metrics, .. }| metrics))
        })?;
        // Nobody raises the flag, so the training ends by itself.
        let Some(metrics) = metrics else { break };
        runs.push((options.seed, metrics));
    }
    let mut figures = Figures::default();
    for figure in [figure::FINETUNE_TOP1, figure::FINETUNE_TOP5, figure::FINETUNE_TOP1_BEST_EPOCH] {
        let values: Vec<f64> = runs.iter().filter_map(|(_, run)| run.figures.get(figure)).collect();
        if let Some(MeanStd { mean, std, .. }) = MeanStd::of(&values) {
            figures.set(figure, mean);
            std.into_iter().for_each(|std| figures.set_deviation(figure, std));
        }
    }
    let mut protocol = runs.first().map_or(Value::Null, |(_, run)| run.protocol.clone());
    protocol["seeds"] = runs.iter().map(|(seed, _)| *seed).collect();
    protocol["spread"] = "mean and sample standard deviation over seeds, which draw the labels too".into();
    let of_run = |(seed, run): &(u64, Metrics)| {
        let mut fields = json!({ "seed": seed });
        fields.as_object_mut().into_iter().for_each(|fields| fields.extend(run.measured()));
        fields
    };
    let more = [("runs".to_owned(), runs.iter().map(of_run).collect())].into_iter().collect();
    Ok(Metrics { figures, more, protocol, ..Metrics::default() })
}
