//! The tree of a weight file, as others look at it.

use super::node::{Heap, Id, Node, TensorPlan};

/// Folders of folders that are searched for tensors: a checkpoint nests two or three deep.
const MAX_DEPTH: usize = 4;

/// Most places where tensors were found that are kept.
const MAX_STATES: usize = 4096;

/// Most entries that one search looks at: entries can refer to each other in circles.
const MAX_LOOKS: usize = 1 << 22;

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

/// Every key under which there are tensors, in the order of the file.
pub(super) fn states(heap: &Heap, root: Id) -> PickleStates {
    let mut found = Vec::new();
    let mut looks = 0;
    search(heap, root, String::new(), 0, &mut looks, &mut found);
    found
}

fn search(heap: &Heap, id: Id, key: String, depth: usize, looks: &mut usize, found: &mut PickleStates) {
    let Node::Dict(entries) = heap.get(id) else { return };
    *looks += entries.len();
    if *looks > MAX_LOOKS || found.len() >= MAX_STATES {
        return;
    }
    let tensors = entries.iter().filter(|(_, value)| matches!(heap.get(*value), Node::Tensor(_))).count();
    if tensors > 0 {
        found.push((key.clone(), tensors));
    }
    if depth == MAX_DEPTH {
        return;
    }
    for &(name, value) in entries {
        if let Some(name) = heap.text(name) {
            let below = if key.is_empty() { name.to_owned() } else { format!("{key}/{name}") };
            search(heap, value, below, depth + 1, looks, found);
        }
    }
}

/// The named tensors under a key, in order; a name that comes twice has its last value, as in Python.
pub(super) fn tensors<'a>(heap: &'a Heap, root: Id, key: &str) -> Vec<(&'a str, &'a TensorPlan)> {
    let place = match key.is_empty() {
        true => Some(root),
        false => find(heap, root, key, 0),
    };
    let Some(Node::Dict(entries)) = place.map(|id| heap.get(id)) else { return Vec::new() };
    let mut named: Vec<(&str, &TensorPlan)> = Vec::new();
    let mut known = std::collections::HashMap::new();
    for &(name, value) in entries {
        let (Some(name), Node::Tensor(plan)) = (heap.text(name), heap.get(value)) else { continue };
        match known.insert(name, named.len()) {
            None => named.push((name, plan)),
            Some(place) => {
                named[place].1 = plan;
                known.insert(name, place);
            }
        }
    }
    named
}

/// The value under a key such as `ema/state_dict`; keys may hold slashes themselves.
fn find(heap: &Heap, id: Id, key: &str, depth: usize) -> Option<Id> {
    let Node::Dict(entries) = heap.get(id) else { return None };
    let named = |wanted: &str| {
        let found = entries.iter().rev().find(|(name, _)| heap.text(*name) == Some(wanted));
        found.map(|&(_, value)| value)
    };
    if let Some(value) = named(key) {
        return Some(value);
    }
    let cuts = key.match_indices('/').take(if depth < MAX_DEPTH { MAX_DEPTH } else { 0 });
    cuts.filter_map(|(cut, _)| find(heap, named(&key[..cut])?, &key[cut + 1..], depth + 1)).next()
}
