//! A checkpoint of the released TWIST code, with the optimizer's state: all that its run needs to go on.

use std::path::{Path, PathBuf};

use twist_io::{HostTensor, OptimizerState, PickleFile, Refused, StateDict, load_pickle, shown};
use twist_nn::{Activation, Arch};

use super::import::{ImportOptions, Imported, import};
use super::rename::Names;
use super::weights::activation_in;
use crate::ModelError;

/// What `train.py` of the released code saves after every epoch.
#[derive(Debug)]
pub struct ReleasedCheckpoint {
    /// The file.
    pub path: PathBuf,
    /// Finished epochs.
    pub epochs: u64,
    /// The network.
    pub network: Imported,
    /// The momentum teacher, where the run had one.
    pub teacher: Option<Imported>,
    /// The head's activation, where the file says it.
    pub activation: Option<Activation>,
    /// The optimizer's tensors as `KIND.PARAMETER`, such as `exp_avg.backbone.conv1.weight`: PyTorch's kinds, Twist's names.
    pub optimizer: StateDict,
    /// Updates that AdamW has made; 0 for optimizers that do not count them.
    pub updates: u64,
    /// What differs from how Twist would have trained, as sentences.
    pub notes: Vec<String>,
}

/// A parameter's name in Twist, and its shape.
type Parameter = (String, Vec<usize>);

/// Which of two groups the optimizer of a file has put its parameters into.
#[derive(Clone, Copy)]
enum Grouping {
    /// As released: vectors, biases, tokens and positions are not decayed.
    Released,
    /// Only vectors and biases are not.
    TokensDecay,
}

impl Grouping {
    fn excludes(self, (name, shape): &Parameter) -> bool {
        let token = ["pos_embed", "cls_token", "dist_token"].iter().any(|token| name.contains(token));
        shape.len() <= 1 || name.ends_with(".bias") || (token && matches!(self, Grouping::Released))
    }

    /// The parameters in the order in which the optimizer numbers them.
    fn order(self, parameters: &[Parameter]) -> Vec<&Parameter> {
        let (vectors, weights): (Vec<_>, Vec<_>) = parameters.iter().partition(|one| self.excludes(one));
        weights.into_iter().chain(vectors).collect()
    }
}

impl ReleasedCheckpoint {
    /// Reads a checkpoint: the entries `model`, `optimizer`, `epoch`, and `teacher` if there is one. `arch` is what its network is, where
    /// the tensors do not tell.
    ///
    /// # Errors
    /// It is another kind of file; an entry is missing; the network is not recognised; the optimizer's numbers cannot be told
    /// to be those of the network's parameters.
    pub fn load(path: &Path, arch: Option<Arch>) -> Result<Self, ModelError> {
        let mut file = Reader { file: load_pickle(path)?, path: path.to_owned(), arch };
        let epoch = file.file.root().get("epoch").and_then(|epoch| epoch.as_int());
        let last = epoch.and_then(|epoch| u64::try_from(epoch).ok()).ok_or_else(|| file.lacks("epoch"))?;
        let optimizer = file.file.optimizer("optimizer")?.ok_or_else(|| file.lacks("optimizer"))?;
        let activation = activation_in(&file.file);
        let (parameters, network) = file.network("model")?;
        let has_teacher = file.file.states().iter().any(|(key, _)| key == "teacher");
        let teacher = if has_teacher { Some(file.network("teacher")?.1) } else { None };
        let (optimizer, updates, notes) = file.named(&optimizer, &parameters)?;
        Ok(Self {
            path: path.to_owned(),
            epochs: last.saturating_add(1),
            network,
            teacher,
            activation,
            optimizer,
            updates,
            notes,
        })
    }
}

struct Reader {
    path: PathBuf,
    arch: Option<Arch>,
    file: PickleFile,
}

impl Reader {
    fn refused(&self, why: impl Into<String>) -> ModelError {
        let what = format!("{} cannot be continued", self.path.display());
        let remedy = "--init begins a new run from the weights alone";
        Refused::new(what).because(why).remedy(remedy).into()
    }

    fn lacks(&self, key: &str) -> ModelError {
        self.refused(format!(
            "a checkpoint of the released code has `model`, `optimizer` and `epoch`, and this file has no usable `{key}`"
        ))
    }

    /// A network of the file and its parameters in the order of its modules.
    fn network(&mut self, key: &str) -> Result<(Vec<Parameter>, Imported), ModelError> {
        if !self.file.states().iter().any(|(known, _)| known == key) {
            return Err(self.lacks(key));
        }
        let parameters = Names::of(&self.file.shapes(key))?.shapes;
        let is_buffer = |name: &str| {
            ["running_mean", "running_var", "num_batches_tracked"].iter().any(|end| name.ends_with(end))
        };
        let parameters = parameters.into_iter().filter(|(name, _)| !is_buffer(name)).collect();
        let origin = self.path.display().to_string();
        let activation = activation_in(&self.file);
        let options = ImportOptions { origin, arch: self.arch, activation, ..ImportOptions::default() };
        Ok((parameters, import(self.file.state_dict(key)?, &options)?))
    }

    /// The optimizer's tensors under the names of the parameters that they belong to, the updates, and notes.
    fn named(
        &self,
        saved: &OptimizerState,
        parameters: &[Parameter],
    ) -> Result<(StateDict, u64, Vec<String>), ModelError> {
        let numbers: Vec<i64> = saved.groups.iter().flatten().copied().collect();
        // `--freeze_embedding` keeps the patches' map out of the optimizer.
        let trained: Vec<Parameter> =
            parameters.iter().filter(|(name, _)| !name.contains("patch_embed.")).cloned().collect();
        let candidates = [Grouping::Released, Grouping::TokensDecay].into_iter().flat_map(|grouping| {
            [(grouping, grouping.order(parameters)), (grouping, grouping.order(&trained))]
        });
        let Some((grouping, order)) = candidates.into_iter().find(|(_, order)| fits(saved, &numbers, order))
        else {
            return Err(self.refused(format!(
                "its optimizer has {} parameters in {} groups, whose shapes are not those of the network's {} parameters in \
                 the order of the released code",
                numbers.len(),
                saved.groups.len(),
                parameters.len()
            )));
        };
        let name_of = |number: &str| {
            let number = number.parse::<i64>().ok()?;
            let place = numbers.iter().position(|&known| known == number)?;
            Some(&order[place].0)
        };
        let mut named = StateDict::default();
        let mut updates = 0.0f64;
        for (name, tensor) in saved.tensors.iter() {
            let Some((number, kind)) = name.split_once('.') else { continue };
            let Some(parameter) = name_of(number) else {
                return Err(
                    self.refused(format!("`{}` of its optimizer belongs to no parameter", shown(name)))
                );
            };
            tensor.check_finite().map_err(|error| {
                self.refused(format!("`{}` of {parameter} in its optimizer: {error}", shown(kind)))
            })?;
            match (kind, tensor.shape.as_slice()) {
                ("step", []) => updates = updates.max(first_number(tensor)),
                _ => named.push(format!("{kind}.{parameter}"), tensor.clone()),
            }
        }
        let counted =
            saved.numbers.iter().filter(|(name, _)| name.ends_with(".step")).map(|(_, count)| *count);
        let updates = counted.fold(updates, f64::max);
        let mut notes = Vec::new();
        if matches!(grouping, Grouping::TokensDecay)
            && order.iter().any(|one| Grouping::Released.excludes(one) && one.1.len() > 1)
        {
            notes.push(
                "the optimizer in the file decays tokens and positions; from here on they are not decayed, as in the released \
                 code"
                    .to_owned(),
            );
        }
        Ok((named, updates as u64, notes))
    }
}

/// Whether each tensor of the state has the shape of the parameter whose number it has, and every parameter has a number.
fn fits(saved: &OptimizerState, numbers: &[i64], order: &[&Parameter]) -> bool {
    let shape_of = |number: &str| {
        let number = number.parse::<i64>().ok()?;
        Some(&order[numbers.iter().position(|&known| known == number)?].1)
    };
    numbers.len() == order.len()
        && saved.tensors.iter().all(|(name, tensor)| {
            let Some((number, kind)) = name.split_once('.') else { return false };
            kind == "step" || shape_of(number) == Some(&tensor.shape)
        })
}

/// The value of a tensor with one element.
fn first_number(tensor: &HostTensor) -> f64 {
    let float = tensor.to_vec::<f32>().ok().and_then(|values| values.first().map(|&value| f64::from(value)));
    let whole = || tensor.to_vec::<i64>().ok().and_then(|values| values.first().map(|&value| value as f64));
    float.or_else(whole).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PyTorch counts the updates of AdamW in tensors, and before 1.12 counted them in plain numbers.
    #[test]
    fn updates_are_counted_in_tensors_and_in_plain_numbers() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference/checkpoints");
        let path = folder.join("vit_teacher.pth");
        let file = load_pickle(&path).unwrap();
        let mut reader = Reader { file, path, arch: "vit_4x2x2".parse().ok() };
        let (parameters, _) = reader.network("model").unwrap();
        let mut saved = reader.file.optimizer("optimizer").unwrap().unwrap();
        let (state, updates, _) = reader.named(&saved, &parameters).unwrap();
        assert_eq!((state.len(), updates), (80, 6));

        saved.tensors.0.retain(|(name, _)| !name.ends_with(".step"));
        assert_eq!(reader.named(&saved, &parameters).unwrap().1, 0);
        saved.numbers = (0..40).map(|number| (format!("{number}.step"), 6.0)).collect();
        assert_eq!(reader.named(&saved, &parameters).unwrap().1, 6);
    }
}
