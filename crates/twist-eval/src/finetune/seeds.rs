//! Fine-tuning several times, with other draws: few labels make results that differ from draw to draw.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use torch_ext::Machine;
use twist_data::Dataset;
use twist_model::Model;
use twist_run::figure;
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
) -> Result<Map<String, Value>, EvalError> {
    let (mut runs, mut protocol) = (Vec::new(), Value::Null);
    for place in 0..seeds.max(1) {
        let options = FinetuneOptions { seed: options.seed + place, ..options.clone() };
        let labelled = LabelledImages::choose(train, budget, options.seed)?;
        let kept = match kept {
            Some(folder) => {
                let of = training(source, &labelled, Some(test), &options, machine)?.identity()?;
                Some(Kept::new(folder, &format!("finetune-seed-{}", options.seed), of)?)
            }
            None => None,
        };
        let done = kept.as_ref().map(Kept::end).transpose()?.flatten();
        let mut metrics: Map<String, Value> = match (done, kept) {
            (Some(metrics), _) => metrics,
            (None, kept) => {
                let mut told = |done: usize, all: usize| progress(place, done, all);
                let wants_to_know = foretell.is_some();
                let mut tell = |costs: Costs, work: Work| {
                    foretell.take().into_iter().for_each(|foretell| foretell(costs, work));
                };
                let mut around = Surroundings {
                    place: kept.as_ref().map(Kept::place).transpose()?.unwrap_or_default(),
                    recorders: vec![Box::new(StepsDone::new(&mut told))],
                    foretell: if wants_to_know { Some(&mut tell) } else { None },
                    ..Surroundings::default()
                };
                // Nobody raises the flag, so the training ends by itself.
                let ended = finetune(source, &labelled, Some(test), &options, machine, &mut around)?;
                let Some(Finetuned { metrics, .. }) = ended else { break };
                kept.map_or(Ok(()), |kept| kept.keep(&metrics))?;
                metrics
            }
        };
        let of_run = metrics.shift_remove("protocol").unwrap_or_default();
        if place == 0 {
            protocol = of_run;
        }
        let mut run = Map::new();
        run.insert("seed".into(), options.seed.into());
        run.extend(metrics);
        runs.push(run);
    }
    let mut figures = Map::new();
    for figure in [figure::FINETUNE_TOP1, figure::FINETUNE_TOP5, figure::FINETUNE_TOP1_BEST_EPOCH] {
        let key = figure.key;
        let values: Vec<f64> = runs.iter().filter_map(|run| run.get(key)?.as_f64()).collect();
        if let Some((mean, std)) = spread(&values) {
            figures.insert(key.into(), mean.into());
            std.map(|std| figures.insert(format!("{key}_std"), std.into()));
        }
    }
    protocol["seeds"] = json!(runs.iter().map(|run| &run["seed"]).collect::<Vec<_>>());
    protocol["spread"] = "mean and sample standard deviation over seeds, which draw the labels too".into();
    figures.insert("runs".into(), runs.into());
    figures.insert("protocol".into(), protocol);
    Ok(figures)
}

/// Mean, and the sample standard deviation of two values or more.
fn spread(values: &[f64]) -> Option<(f64, Option<f64>)> {
    if values.is_empty() {
        return None;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, (values.len() > 1).then(|| (squares / (count - 1.0)).sqrt())))
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn one_run_has_no_deviation() {
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[0.5]), Some((0.5, None)));
        let (mean, std) = spread(&[0.1, 0.3, 0.2]).unwrap();
        assert!((mean - 0.2).abs() < 1e-12 && (std.unwrap() - 0.1).abs() < 1e-12);
    }
}
