//! The tree of a weight file, as other modules see it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::damage::PickleDamage;
use super::node::{Heap, Id, Node, TensorPlan};
use crate::safetensors::{MAX_NAME, MAX_TENSORS};

/// Folders of folders that are searched for tensors: a checkpoint nests two or three deep.
const MAX_DEPTH: usize = 4;

/// Most places where tensors were found that are kept.
const MAX_STATES: usize = 4096;

/// Most entries that one search looks at: entries can refer to each other in circles.
const MAX_LOOKS: usize = 1 << 22;

/// Longest key of a dictionary in which tensors are searched for, in bytes.
const MAX_KEY: usize = 256;

/// Keys under which there are tensors, and how many.
pub type PickleStates = Vec<(String, usize)>;

/// One value of a weight file.
#[derive(Clone, Copy, Debug)]
pub struct PickleValue<'a> {
    heap: &'a Heap,
    id: Id,
}

impl<'a> PickleValue<'a> {
    pub(super) fn new(heap: &'a Heap, id: Id) -> Self {
        Self { heap, id }
    }

    /// The entry of a dictionary, or the attribute of an object such as an `argparse.Namespace`.
    pub fn get(self, key: &str) -> Option<Self> {
        let entries = entries(self.heap, self.id)?;
        let found = entries.iter().rev().find(|(name, _)| self.heap.text(*name) == Some(key));
        found.map(|&(_, id)| Self { heap: self.heap, id })
    }

    /// The items of a list or tuple; of anything else none.
    pub fn items(self) -> impl Iterator<Item = Self> {
        let items = match self.heap.get(self.id) {
            Node::Sequence(items) => items.as_slice(),
            _ => &[],
        };
        items.iter().map(move |&id| Self { heap: self.heap, id })
    }

    /// Its place in the file's tree.
    pub(super) fn id(self) -> Id {
        self.id
    }

    /// Text.
    pub fn as_str(self) -> Option<&'a str> {
        self.heap.text(self.id)
    }

    /// A whole number.
    pub fn as_int(self) -> Option<i64> {
        match self.heap.get(self.id) {
            Node::Int(value) => i64::try_from(*value).ok(),
            Node::Bool(value) => Some(i64::from(*value)),
            _ => None,
        }
    }

    /// A number.
    pub fn as_float(self) -> Option<f64> {
        match self.heap.get(self.id) {
            Node::Float(value) => Some(*value),
            Node::Int(value) => Some(*value as f64),
            _ => None,
        }
    }

    /// The class of an object that the file defines and Twist does not know, for example `models.resnet.ResNet`.
    pub fn class(self) -> Option<String> {
        match self.heap.get(self.id) {
            Node::Object { class: Some(class), .. } => {
                self.heap.global(*class).map(|(module, name)| format!("{module}.{name}"))
            }
            _ => None,
        }
    }
}

/// Keys and values of a dictionary, or of an object's attributes.
fn entries(heap: &Heap, id: Id) -> Option<&[(Id, Id)]> {
    match heap.get(id) {
        Node::Dict(entries) => Some(entries),
        Node::Object { state: Some(state), .. } => match heap.get(*state) {
            Node::Dict(entries) => Some(entries),
            _ => None,
        },
        _ => None,
    }
}

/// A dictionary with tensors in it.
#[derive(Debug)]
pub(super) struct State {
    /// The way to it, from the saved object.
    pub(super) key: String,
    pub(super) id: Id,
    pub(super) tensors: usize,
}

/// Every dictionary with tensors in it, in the order of the file.
///
/// # Errors
/// [`PickleDamage::Limit`] for more tensors in one than any network has.
pub(super) fn states(heap: &Heap, root: Id) -> Result<Vec<State>, PickleDamage> {
    let mut search = Search { heap, way: Vec::new(), looks: 0, found: Vec::new() };
    search.visit(root)?;
    Ok(search.found)
}

struct Search<'a> {
    heap: &'a Heap,
    /// Keys from the saved object to where the search is.
    way: Vec<&'a str>,
    /// Entries that it looked at.
    looks: usize,
    found: Vec<State>,
}

impl<'a> Search<'a> {
    fn visit(&mut self, id: Id) -> Result<(), PickleDamage> {
        let heap = self.heap;
        let Node::Dict(entries) = heap.get(id) else { return Ok(()) };
        self.looks += entries.len();
        if self.looks > MAX_LOOKS || self.found.len() >= MAX_STATES {
            return Ok(());
        }
        let tensors = entries.iter().filter(|(_, value)| matches!(heap.get(*value), Node::Tensor(_))).count();
        if tensors > MAX_TENSORS {
            return Err(PickleDamage::Limit { what: "tensors under one key", most: MAX_TENSORS as u64 });
        }
        if tensors > 0 {
            self.found.push(State { key: self.way.join("/"), id, tensors });
        }
        if self.way.len() == MAX_DEPTH {
            return Ok(());
        }
        for &(name, value) in entries {
            // A key that nobody would type leads to no network.
            if let (Node::Dict(_), Some(name)) = (heap.get(value), heap.text(name))
                && name.len() <= MAX_KEY
            {
                self.way.push(name);
                self.visit(value)?;
                self.way.pop();
            }
        }
        Ok(())
    }
}

/// The named tensors of a dictionary, in order; a name that comes twice has its last value, as in Python. An entry whose name
/// no tensor can have is passed over.
pub(super) fn tensors(heap: &Heap, id: Id) -> Vec<(&str, &TensorPlan)> {
    let Node::Dict(entries) = heap.get(id) else { return Vec::new() };
    let mut named: Vec<(&str, &TensorPlan)> = Vec::new();
    let mut known = HashMap::new();
    for &(name, value) in entries {
        let (Some(name), Node::Tensor(plan)) = (heap.text(name), heap.get(value)) else { continue };
        if name.len() > MAX_NAME {
            continue;
        }
        match known.entry(name) {
            Entry::Vacant(place) => {
                place.insert(named.len());
                named.push((name, plan));
            }
            Entry::Occupied(place) => named[*place.get()].1 = plan,
        }
    }
    named
}
