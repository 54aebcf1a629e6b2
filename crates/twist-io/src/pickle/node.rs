//! What a pickle makes: a flat list of nodes that name each other by number, so that neither depth nor cycles matter.

use std::rc::Rc;

use super::damage::PickleDamage;
use crate::tensor::Dtype;

/// Most nodes of one pickle, and most entries of its stack and of its memo.
pub(super) const MAX_NODES: usize = 1 << 22;

/// Place of a node in its [`Heap`].
pub(super) type Id = u32;

/// A value.
#[derive(Debug)]
pub(super) enum Node {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Rc<str>),
    /// A list, tuple or set.
    Sequence(Vec<Id>),
    /// Keys and values in the order in which they came.
    Dict(Vec<(Id, Id)>),
    /// A name of Python's, `module name`: a class or a function, which is never called.
    Global(Rc<str>, Rc<str>),
    Storage(Rc<Storage>),
    Tensor(Rc<TensorPlan>),
    /// Something of a class that is not known: its attributes are kept, its content is not.
    Object {
        class: Option<Id>,
        state: Option<Id>,
    },
}

impl Node {
    /// Bytes that it holds beside its place in the list: what it shares was counted where it was made.
    fn owned(&self) -> usize {
        match self {
            Node::Text(text) => text.len(),
            Node::Sequence(items) => size_of_val(items.as_slice()),
            Node::Dict(pairs) => size_of_val(pairs.as_slice()),
            Node::Storage(_) => size_of::<Storage>(),
            Node::Tensor(plan) => size_of::<TensorPlan>() + 16 * plan.shape.len(),
            Node::None
            | Node::Bool(_)
            | Node::Int(_)
            | Node::Float(_)
            | Node::Global(..)
            | Node::Object { .. } => 0,
        }
    }
}

/// Bytes that tensors are views of, not yet read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Storage {
    pub(super) key: Rc<str>,
    pub(super) element: ElementType,
    /// Elements that it claims to have.
    pub(super) numel: u64,
    /// Of the oldest files: first element and number of elements that this reference may see.
    pub(super) view: Option<(u64, u64)>,
}

/// The type of a storage's elements.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ElementType {
    Known(Dtype),
    /// Of this name and, where it is known, so many bytes.
    Other(Rc<str>, Option<u64>),
}

impl ElementType {
    /// The type of a storage class (`FloatStorage`) or of a `torch.dtype` (`float32`).
    pub(super) fn of(name: &Rc<str>) -> Self {
        if let Some(known) = Dtype::of_pytorch(name) {
            return ElementType::Known(known);
        }
        let size = match &**name {
            "UntypedStorage" => return ElementType::Known(Dtype::U8),
            "ComplexDoubleStorage" => Some(16),
            "ComplexFloatStorage" => Some(8),
            "QInt32Storage" => Some(4),
            "QInt8Storage" | "QUInt8Storage" | "QUInt4x2Storage" | "QUInt2x4Storage" => Some(1),
            _ => None,
        };
        ElementType::Other(Rc::clone(name), size)
    }

    /// Bytes of one element.
    pub(super) fn size(&self) -> Option<u64> {
        match self {
            ElementType::Known(dtype) => Some(dtype.size() as u64),
            ElementType::Other(_, size) => *size,
        }
    }
}

/// How a tensor is seen in its storage; nothing is checked against the storage yet.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct TensorPlan {
    pub(super) storage: Rc<Storage>,
    /// Type of its elements, the storage's unless the storage has none.
    pub(super) element: ElementType,
    /// First element.
    pub(super) offset: u64,
    pub(super) shape: Vec<usize>,
    /// Elements from one entry of an axis to the next.
    pub(super) strides: Vec<u64>,
    pub(super) form: Form,
}

/// What the numbers of a tensor's storage are to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Its values.
    Plain,
    /// The negative or the conjugate of its values.
    Turned,
    /// Its values where it has any.
    Sparse,
    /// Whole numbers that stand for its values.
    Quantised,
}

/// The nodes of a pickle, and how much memory they take.
#[derive(Debug, Default)]
pub(super) struct Heap {
    nodes: Vec<Node>,
    /// Bytes of the nodes and of what they hold.
    made: u64,
    /// Most bytes that may be made.
    most: u64,
}

/// Bytes that any pickle may make, and bytes for each that is read: a state dict makes about eight, a list of small
/// numbers twenty.
const MADE: (u64, u64) = (16 << 20, 32);

impl Heap {
    /// Says how many bytes of the pickle were read so far: they justify what is made.
    pub(super) fn justify(&mut self, read: u64) {
        self.most = MADE.0 + MADE.1 * read;
    }

    /// Counts bytes that are about to be made.
    ///
    /// # Errors
    /// [`PickleDamage::Amplifies`] when what was read does not justify them.
    pub(super) fn make(&mut self, bytes: usize) -> Result<(), PickleDamage> {
        self.made = self.made.saturating_add(bytes as u64);
        if self.made > self.most { Err(PickleDamage::Amplifies { most: self.most }) } else { Ok(()) }
    }

    pub(super) fn push(&mut self, node: Node) -> Result<Id, PickleDamage> {
        if self.nodes.len() >= MAX_NODES {
            return Err(PickleDamage::Limit { what: "values", most: MAX_NODES as u64 });
        }
        self.make(size_of::<Node>() + node.owned())?;
        self.nodes.push(node);
        Ok(self.nodes.len() as Id - 1)
    }

    /// The node of a number that [`Heap::push`] gave.
    pub(super) fn get(&self, id: Id) -> &Node {
        &self.nodes[id as usize]
    }

    pub(super) fn get_mut(&mut self, id: Id) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    pub(super) fn text(&self, id: Id) -> Option<&str> {
        self.shared_text(id).map(|text| &**text)
    }

    pub(super) fn shared_text(&self, id: Id) -> Option<&Rc<str>> {
        match self.get(id) {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A whole number that is not negative.
    pub(super) fn count(&self, id: Id) -> Option<u64> {
        match self.get(id) {
            Node::Int(value) => u64::try_from(*value).ok(),
            _ => None,
        }
    }

    pub(super) fn sequence(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Node::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// Module and name.
    pub(super) fn global(&self, id: Id) -> Option<(&str, &Rc<str>)> {
        match self.get(id) {
            Node::Global(module, name) => Some((module, name)),
            _ => None,
        }
    }
}
