//! The state of an optimizer as `torch.optim` saves it.
//!
//! Parameters have numbers there instead of names: `param_groups` lists the numbers of each group, and `state` has a dictionary
//! for each number.

use super::PickleFile;
use super::node::{Heap, Id, Node, TensorPlan};
use super::tensors;
use super::value::{self, PickleValue};
use crate::error::IoError;
use crate::state::StateDict;

/// What `optimizer.state_dict()` holds.
#[derive(Debug)]
pub struct OptimizerState {
    /// The numbers of the parameters, group by group.
    pub groups: Vec<Vec<i64>>,
    /// Every tensor of the state, named `NUMBER.NAME`, such as `0.momentum_buffer`.
    pub tensors: StateDict,
    /// Every plain number of the state (how many updates were made, in older files), named likewise.
    pub numbers: Vec<(String, f64)>,
}

impl PickleFile {
    /// The state of the optimizer under a key of the saved dictionary. `None`: the key is missing, or is something else.
    ///
    /// # Errors
    /// Storages that are missing or too short, and types that Twist does not read.
    pub fn optimizer(&mut self, key: &str) -> Result<Option<OptimizerState>, IoError> {
        let found = self.root().get(key);
        let parts = found.and_then(|saved| Some((saved.get("param_groups")?, saved.get("state")?)));
        let Some((groups, state)) = parts else { return Ok(None) };
        let Some(groups) = groups.items().map(numbers_of).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let named = each(&self.heap, state.id(), value::tensors);
        let numbers = each(&self.heap, state.id(), plain_numbers);
        let named: Vec<(&str, &TensorPlan)> =
            named.iter().map(|(name, plan)| (name.as_str(), *plan)).collect();
        let most = self.most_bytes();
        let tensors =
            tensors::read(&mut self.storages, &named, most).map_err(|fault| fault.at(&self.path))?;
        Ok(Some(OptimizerState { groups, tensors, numbers }))
    }
}

/// The numbers of the parameters of one group.
fn numbers_of(group: PickleValue<'_>) -> Option<Vec<i64>> {
    group.get("params")?.items().map(PickleValue::as_int).collect()
}

/// What `of` finds in each of a dictionary's numbered dictionaries, named `NUMBER.NAME`.
fn each<'a, T>(heap: &'a Heap, state: Id, of: fn(&'a Heap, Id) -> Vec<(&'a str, T)>) -> Vec<(String, T)> {
    let Node::Dict(parameters) = heap.get(state) else { return Vec::new() };
    let numbered = parameters.iter().filter_map(|&(number, of_one)| match heap.get(number) {
        Node::Int(number) => Some((*number, of_one)),
        _ => None,
    });
    let found =
        |(number, id)| of(heap, id).into_iter().map(move |(name, value)| (format!("{number}.{name}"), value));
    numbered.flat_map(found).collect()
}

fn plain_numbers(heap: &Heap, id: Id) -> Vec<(&str, f64)> {
    let Node::Dict(entries) = heap.get(id) else { return Vec::new() };
    let number = |&(name, value)| heap.text(name).zip(PickleValue::new(heap, value).as_float());
    entries.iter().filter_map(number).collect()
}
