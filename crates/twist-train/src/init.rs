//! Beginning from weights instead of random numbers: `--init`.

use std::collections::HashSet;
use std::path::Path;

use twist_io::{IoError, LoadReport, Refused, StateDict, load_safetensors, match_names};
use twist_nn::TwistNet;

use crate::TrainError;

/// Loads a whole model or a backbone into the network.
///
/// Names may begin with `model.` (a checkpoint of Twist), be those of the network, or be those of a bare backbone
/// (`conv1.weight`, …). What the file does not have keeps its random value and stands in the report as missing; what
/// has another shape is left out and reported as well.
///
/// # Errors
/// The file cannot be read, nothing in it fits, or a tensor of it is not finite.
pub fn init_from(net: &TwistNet, path: &Path) -> Result<LoadReport, TrainError> {
    let (mut file, _) = load_safetensors(path)?;
    let model = file.split_prefix("model.");
    let found = if model.is_empty() { file } else { model };
    let own = net.store.state_dict()?;
    let is_bare = !found.iter().any(|(name, _)| name.starts_with("backbone."));
    let found = if is_bare {
        let mut named = StateDict::default();
        named.extend_prefixed("backbone.", found);
        named
    } else {
        found
    };
    let report = match_names(&own.shapes(), &found.shapes());
    if report.applied.is_empty() {
        let arch = net.config.backbone.arch.to_string();
        let what = format!("no weight in this file fits {arch}.\n{report}");
        return Err(Refused::new(path.display().to_string()).because(what).into());
    }
    let used: HashSet<&str> = report.applied.iter().map(String::as_str).collect();
    for (name, tensor) in found.iter().filter(|(name, _)| used.contains(name)) {
        tensor.check_finite().map_err(|source| IoError::bad_tensor(path, name, source))?;
    }
    let mut merged = StateDict::default();
    for (name, tensor) in own.0 {
        let replacement = found.get(&name).filter(|_| report.applied.contains(&name));
        merged.push(name.clone(), replacement.cloned().unwrap_or(tensor));
    }
    net.store.load(&merged)?;
    Ok(report)
}
