//! What a pickle makes: a flat list of nodes that name each other by number, so that neither depth nor cycles matter.

use super::MAX_NODES;
use super::lie::PickleLie;
use crate::tensor::Dtype;

/// Place of a node in its [`Heap`].
pub(super) type Id = u32;

/// A value.
#[derive(Debug)]
pub(super) enum Node {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(Box<str>),
    /// A list, tuple or set.
    Sequence(Vec<Id>),
    /// Keys and values in the order in which they came.
    Dict(Vec<(Id, Id)>),
    /// A name of Python's, `module name`: a class or a function, which is never called.
    Global(Box<(String, String)>),
    Storage(Box<Storage>),
    Tensor(Box<TensorPlan>),
    /// Something of a class that is not known: its attributes are kept, its content is not.
    Object {
        class: Option<Id>,
        state: Option<Id>,
    },
}

/// Bytes that tensors are views of, not yet read.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Storage {
    pub(super) key: String,
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
    Other(String, Option<u64>),
}

impl ElementType {
    /// The type of a storage class (`FloatStorage`) or of a `torch.dtype` (`float32`).
    pub(super) fn of(name: &str) -> Self {
        let known = match name {
            "DoubleStorage" | "float64" => Dtype::F64,
            "FloatStorage" | "float32" => Dtype::F32,
            "HalfStorage" | "float16" => Dtype::F16,
            "BFloat16Storage" | "bfloat16" => Dtype::BF16,
            "LongStorage" | "int64" => Dtype::I64,
            "IntStorage" | "int32" => Dtype::I32,
            "ShortStorage" | "int16" => Dtype::I16,
            "CharStorage" | "int8" => Dtype::I8,
            "ByteStorage" | "UntypedStorage" | "uint8" => Dtype::U8,
            "BoolStorage" | "bool" => Dtype::Bool,
            other => {
                let size = match other {
                    "ComplexDoubleStorage" => Some(16),
                    "ComplexFloatStorage" => Some(8),
                    "QInt32Storage" => Some(4),
                    "QInt8Storage" | "QUInt8Storage" | "QUInt4x2Storage" | "QUInt2x4Storage" => Some(1),
                    _ => None,
                };
                return ElementType::Other(other.to_owned(), size);
            }
        };
        ElementType::Known(known)
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
    pub(super) storage: Storage,
    /// Type of its elements, the storage's unless the storage has none.
    pub(super) element: ElementType,
    /// First element.
    pub(super) offset: u64,
    pub(super) shape: Vec<usize>,
    /// Elements from one entry of an axis to the next.
    pub(super) strides: Vec<u64>,
}

/// The nodes of a pickle.
#[derive(Debug, Default)]
pub(super) struct Heap(Vec<Node>);

impl Heap {
    pub(super) fn push(&mut self, node: Node) -> Result<Id, PickleLie> {
        if self.0.len() >= MAX_NODES {
            return Err(PickleLie::Limit { what: "values", most: MAX_NODES as u64 });
        }
        self.0.push(node);
        Ok(self.0.len() as Id - 1)
    }

    /// The node of a number that [`Heap::push`] gave.
    pub(super) fn get(&self, id: Id) -> &Node {
        &self.0[id as usize]
    }

    pub(super) fn get_mut(&mut self, id: Id) -> &mut Node {
        &mut self.0[id as usize]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Node> {
        self.0.iter()
    }

    pub(super) fn text(&self, id: Id) -> Option<&str> {
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
    pub(super) fn global(&self, id: Id) -> Option<(&str, &str)> {
        match self.get(id) {
            Node::Global(name) => Some((&name.0, &name.1)),
            _ => None,
        }
    }
}
