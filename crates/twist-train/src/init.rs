//! Beginning from a model instead of random numbers: `--init`.

use twist_io::{LoadReport, Refused, StateDict, match_names};
use twist_model::Model;
use twist_nn::TwistNet;

use crate::{TrainError, TrainPlan};

/// Loads what fits of a model into the network.
///
/// What the model does not have keeps its random value and stands in the report as missing; what has another shape is left out and
/// reported as well.
///
/// # Errors
/// Nothing of the model's backbone fits.
pub fn init_from(net: &TwistNet, model: &Model) -> Result<LoadReport, TrainError> {
    let found = model.store.state_dict()?;
    let own = net.store.state_dict()?;
    let report = match_names(&own.shapes(), &found.shapes());
    if !report.applied.iter().any(|name| name.starts_with("backbone.")) {
        let arch = net.config.backbone.arch.to_string();
        let theirs = model.card.backbone.as_ref().map(|backbone| {
            format!(
                " Its backbone is {0}: --set model.arch={0} --set model.width={1}",
                backbone.arch, backbone.width
            )
        });
        let why = format!("no weight of its backbone fits {arch}.{}\n  {report}", theirs.unwrap_or_default());
        return Err(Refused::new(path_of(model)).because(why).into());
    }
    let mut merged = StateDict::default();
    for (name, tensor) in own.0 {
        let replacement = found.get(&name).filter(|_| report.applied.contains(&name));
        merged.push(name.clone(), replacement.cloned().unwrap_or(tensor));
    }
    net.store.load(&merged)?;
    Ok(report)
}

/// Says so when the plan normalises pixels otherwise than the model was trained with.
pub(crate) fn other_pixels(model: &Model, plan: &TrainPlan) -> Option<String> {
    let (card, data) = (&model.card, plan.config.data);
    (card.backbone.is_some() && (card.mean, card.std) != (data.mean, data.std)).then(|| {
        format!(
            "{} expects pixels with mean {:?} and std {:?}, and this run normalises with {:?} and {:?}: its first layers have to \
             adapt (--set data.mean=… and data.std=… change it)",
            path_of(model),
            card.mean,
            card.std,
            data.mean,
            data.std
        )
    })
}

fn path_of(model: &Model) -> String {
    model.path.display().to_string()
}
