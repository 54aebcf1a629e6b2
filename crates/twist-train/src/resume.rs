//! Continuing a run: what changed since, in words.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use twist_io::Refused;
use twist_model::CheckpointFacts;
use twist_nn::ModelConfig;
use twist_run::{Loaded, Rejected};

use crate::{TrainConfig, TrainError, TrainPlan};

/// Refuses what would put the run at another place than it was (a step counts batches, whatever their size) and what makes
/// its weights those of another network.
///
/// # Errors
/// Another batch size; [`TrainError::OtherNetwork`] for other sizes of the network.
pub(crate) fn check(
    path: &Path,
    facts: &CheckpointFacts<TrainConfig>,
    plan: &TrainPlan,
) -> Result<(), TrainError> {
    let (old, new) = (&facts.recipe.model, &plan.config.model);
    same_clusters(path, old.dim, new.dim)?;
    let sizes = |model: &ModelConfig| {
        let (arch, width, hidden) =
            (model.arch.clone(), model.width.to_string(), model.hidden_dim.to_string());
        [("model.arch", arch), ("model.width", width), ("model.hidden_dim", hidden)]
    };
    for ((key, before), (_, now)) in sizes(old).into_iter().zip(sizes(new)) {
        if before != now {
            let flag = format!("--set {key}");
            return Err(other_network(path, &format!("{key} = {before}"), &format!("{now} is"), &flag));
        }
    }
    let (before, now) = (facts.recipe.train.batch_size, plan.run.batch_size);
    if before == now {
        return Ok(());
    }
    let reason = format!(
        "train.batch_size was {before} and is {now} now, and steps are counted in batches: keep it (train.accumulation \
         cuts a batch into pieces that fit the memory), or begin another run with --init"
    );
    Err(TrainError::wrong_checkpoint(path, reason))
}

/// Refuses another number of clusters than the run in the checkpoint `path` has.
pub(crate) fn same_clusters(path: &Path, before: i64, now: i64) -> Result<(), TrainError> {
    if before == now {
        return Ok(());
    }
    Err(other_network(path, &format!("{before} clusters"), &format!("{now} are"), "--clusters"))
}

/// What the run in the checkpoint `path` has, such as `8 clusters`, and what is asked for with its verb, such as `12 are`, by this
/// flag.
fn other_network(path: &Path, before: &str, now: &str, flag: &str) -> TrainError {
    let why = format!("this run has {before}, and {now} now asked for: that is another network");
    let remedy = format!("Leave {flag} out to resume the run, or begin another run with another --out");
    TrainError::OtherNetwork(Refused::new(path.display().to_string()).because(format!("{why}. {remedy}")))
}

/// The newer checkpoints that could not be read.
pub(crate) fn left_out<F>(loaded: &Loaded<F>) -> Vec<String> {
    let rejected = loaded.rejected.iter().map(|bad| {
        format!(
            "checkpoint {} was left out: {}; continuing from {}",
            bad.path.display(),
            bad.reason,
            loaded.path.display()
        )
    });
    rejected.collect()
}

pub(crate) fn unreadable_best(bad: &Rejected) -> String {
    format!(
        "the best checkpoint so far cannot be read ({}); the next one that is measured takes its place",
        bad.reason
    )
}

/// Everything about machine, stage and data that is not as it was when a checkpoint was written.
pub(crate) fn warnings(facts: &CheckpointFacts<TrainConfig>, plan: &TrainPlan) -> Vec<String> {
    let mut warnings = Vec::new();
    let stated = facts.recipe.train.precision != plan.config.train.precision;
    if let Some(before) = facts.precision.filter(|before| *before != plan.precision && !stated) {
        warnings.push(format!(
            "this hardware computes in {}, the checkpoint's did in {} (train.precision = \"{}\")",
            plan.precision.name(),
            before.name(),
            plan.config.train.precision
        ));
    }
    let labelled = facts.recipe.self_label.is_some() && facts.epoch >= facts.recipe.schedule.epochs as f64;
    let labels = plan.self_label.as_ref().is_some_and(|stage| facts.step >= stage.first_step);
    if labelled && !labels {
        warnings.push(format!(
            "the checkpoint was self-labelling; with schedule.epochs = {} the run is back before that stage",
            plan.config.schedule.epochs
        ));
    }
    if facts.data_fingerprint != plan.data_fingerprint {
        warnings.push(other_data("image", facts.images, plan.images, facts.step >= plan.run.total_steps));
    }
    warnings.extend(other_libtorch(&facts.libtorch));
    warnings
}

/// The checkpoint was written with this version of libtorch, and it is another one now.
pub(crate) fn other_libtorch(before: &str) -> Option<String> {
    let now = torch_ext::version();
    (before != now).then(|| format!("libtorch changed since the checkpoint: {before} -> {now}"))
}

/// What became of the data (`what`: image, row) of a run, in words, and what follows for a run that goes on or has `ended`.
/// `before`: of how many the checkpoint learned, where it says so.
pub(crate) fn other_data(what: &str, before: Option<usize>, now: usize, ended: bool) -> String {
    let count = |count: usize, was: &str| match count {
        1 => format!("1 {what} was {was} since the last checkpoint"),
        count => format!("{count} {what}s were {was} since the last checkpoint"),
    };
    let happened = match before {
        Some(before) if before < now => count(now - before, "added"),
        Some(before) if before > now => count(before - now, "removed"),
        _ => format!("the {what}s are not those of the last checkpoint"),
    };
    let follows = match ended {
        true => format!(
            "this run has ended and stays as it is: `twist predict` gives every {what} its class, --resume with more --epochs \
             trains on, and another --out begins a run of all {now}"
        ),
        false => format!(
            "training continues with {now} {what}s, and does not end where a run without that change does"
        ),
    };
    format!("{happened}; {follows}")
}

/// Every key whose value differs, as `key old -> new`; a key that one side does not have shows as `(silent)`.
pub fn changes<C: Serialize>(old: &C, new: &C) -> Vec<String> {
    let flat = |config: &C| {
        let mut keys = Vec::new();
        flatten("", &serde_json::to_value(config).unwrap_or(Value::Null), &mut keys);
        keys
    };
    let (old, new) = (flat(old), flat(new));
    let value = |keys: &[(String, String)], key: &str| {
        keys.iter().find(|(known, _)| known == key).map_or("(silent)".to_string(), |(_, value)| value.clone())
    };
    let mut keys: Vec<&String> = old.iter().map(|(key, _)| key).collect();
    keys.extend(new.iter().map(|(key, _)| key).filter(|key| !old.iter().any(|(known, _)| known == *key)));
    keys.into_iter()
        .map(|key| (key, value(&old, key), value(&new, key)))
        .filter(|(_, before, after)| before != after)
        .map(|(key, before, after)| format!("{key} {before} -> {after}"))
        .collect()
}

fn flatten(prefix: &str, value: &Value, out: &mut Vec<(String, String)>) {
    let join = |key: &str| if prefix.is_empty() { key.to_string() } else { format!("{prefix}.{key}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| flatten(&join(key), value, out)),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, value)| flatten(&join(&index.to_string()), value, out));
        }
        other => out.push((prefix.to_string(), other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Recipe;

    #[test]
    fn other_data_are_told_in_words() {
        let told =
            |before, now| other_data("image", before, now, false).split(';').next().unwrap().to_string();
        assert_eq!(told(Some(200), 201), "1 image was added since the last checkpoint");
        assert_eq!(told(Some(200), 190), "10 images were removed since the last checkpoint");
        assert_eq!(told(Some(200), 200), "the images are not those of the last checkpoint");
        assert_eq!(told(None, 200), "the images are not those of the last checkpoint");
        assert!(other_data("image", Some(200), 201, false).contains("continues with 201 images"));
        let ended = other_data("row", Some(200), 201, true);
        assert!(ended.starts_with("1 row was added") && ended.contains("stays as it is"), "{ended}");
        assert!(!ended.contains("continues"), "{ended}");
    }

    #[test]
    fn every_changed_key_is_listed_with_old_and_new() {
        let read = |overrides: &[&str]| Recipe::tiny(overrides).unwrap().config.clone();
        let old = read(&[]);
        assert!(changes(&old, &read(&[])).is_empty());
        let new = read(&["optim.lr=0.2", "model.bunch=2", "views.0.blur=0.5", "model.arch=resnet50"]);
        let expected = [
            "model.arch \"resnet18_cifar\" -> \"resnet50\"",
            "views.0.blur 0.0 -> 0.5",
            "optim.lr 0.1 -> 0.2",
            "model.bunch (silent) -> 2",
        ];
        assert_eq!(changes(&old, &new), expected);
    }
}
