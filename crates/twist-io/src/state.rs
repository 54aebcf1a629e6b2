//! The ordered list of named tensors that a checkpoint is.

use std::path::Path;

use crate::error::IoError;
use crate::tensor::HostTensor;

/// Named tensors in the order in which the network declares them, as in PyTorch's `state_dict`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StateDict(pub Vec<(String, HostTensor)>);

impl StateDict {
    /// Appends a tensor. A name must come once; writers refuse a state where it does not.
    pub fn push(&mut self, name: impl Into<String>, tensor: HostTensor) {
        self.0.push((name.into(), tensor));
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<&HostTensor> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, tensor)| tensor)
    }

    /// Names and tensors in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &HostTensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// That every number is finite: weights that are not finite make features and classes that mean nothing.
    ///
    /// # Errors
    /// Names the first tensor that is not; `path` is where the state comes from.
    pub fn check_finite(&self, path: &Path) -> Result<(), IoError> {
        self.iter().try_for_each(|(name, tensor)| {
            tensor.check_finite().map_err(|source| IoError::bad_tensor(path, name, source))
        })
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no tensor.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and shapes in order: what [`match_names`](crate::match_names) compares.
    pub fn shapes(&self) -> Vec<(String, Vec<usize>)> {
        self.0.iter().map(|(name, tensor)| (name.clone(), tensor.shape.clone())).collect()
    }

    /// Moves in all tensors of `other` under `prefix`, for example `model.`.
    pub fn extend_prefixed(&mut self, prefix: &str, other: StateDict) {
        self.0.extend(other.0.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)));
    }

    /// Takes out the tensors whose names begin with `prefix`, without it; the others stay.
    pub fn split_prefix(&mut self, prefix: &str) -> StateDict {
        let (mut taken, mut kept) = (Vec::new(), Vec::new());
        for (name, tensor) in std::mem::take(&mut self.0) {
            match name.strip_prefix(prefix) {
                Some(rest) => taken.push((rest.to_owned(), tensor)),
                None => kept.push((name, tensor)),
            }
        }
        self.0 = kept;
        StateDict(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar(value: f32) -> HostTensor {
        HostTensor::from_slice(vec![], &[value]).unwrap()
    }

    #[test]
    fn prefixes_go_on_and_come_off_in_order() {
        let mut model = StateDict::default();
        model.push("b", scalar(1.0));
        model.push("a", scalar(2.0));
        let mut all = StateDict::default();
        all.extend_prefixed("model.", model.clone());
        all.push("optim.step", scalar(3.0));

        assert_eq!(all.get("model.a"), Some(&scalar(2.0)));
        assert_eq!(all.len(), 3);
        assert_eq!(all.split_prefix("model."), model);
        assert_eq!(all.shapes(), vec![("optim.step".to_owned(), vec![])]);
        assert!(all.split_prefix("absent").is_empty());
    }
}
