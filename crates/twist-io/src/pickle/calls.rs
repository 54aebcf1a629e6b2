//! The few functions that weight files call, and the value that each would return for its arguments.

use std::rc::Rc;

use super::damage::PickleDamage;
use super::node::{ElementType, Form, Heap, Id, Node, Storage, TensorPlan};

/// Most axes of a tensor, as in PyTorch.
const MAX_AXES: usize = 64;

/// What calling `function` (a class or function that the file names) would have made.
pub(super) fn call(heap: &Heap, at: u64, function: Id, arguments: Id) -> Result<Node, PickleDamage> {
    let opaque = Node::Object { class: Some(function), state: None };
    let Some((module, name)) = heap.global(function) else { return Ok(opaque) };
    let wrong = || PickleDamage::Call { at, function: format!("{module}.{name}") };
    let items = heap.sequence(arguments).ok_or_else(wrong)?;
    match (module, &**name) {
        ("collections", "OrderedDict" | "defaultdict") | ("builtins" | "__builtin__", "dict") => {
            Ok(Node::Dict(dict(heap, items)))
        }
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3") => {
            // The third form says the type of elements itself, for types that no storage class has.
            let element =
                (&**name == "_rebuild_tensor_v3").then(|| items.get(6).and_then(|&id| heap.global(id)));
            let plan = match element {
                Some(Some(("torch", dtype))) => tensor(heap, items, Some(ElementType::of(dtype))),
                Some(_) => None,
                None => tensor(heap, items, None),
            };
            let mut plan = plan.ok_or_else(wrong)?;
            let facts = items.get(if element.is_some() { 7 } else { 6 });
            if facts.is_some_and(|&facts| is_turned(heap, facts)) {
                plan.form = Form::Turned;
            }
            Ok(Node::Tensor(Rc::new(plan)))
        }
        ("torch._utils", "_rebuild_qtensor") => {
            let plan = tensor(heap, items, None).ok_or_else(wrong)?;
            Ok(Node::Tensor(Rc::new(TensorPlan { form: Form::Quantised, ..plan })))
        }
        ("torch._utils", "_rebuild_sparse_tensor" | "_rebuild_sparse_csr_tensor") => {
            Ok(Node::Tensor(Rc::new(sparse(heap, items).ok_or_else(wrong)?)))
        }
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state")
        | ("torch.nn.parameter", "Parameter" | "Buffer") => match items.first().map(|&id| heap.get(id)) {
            Some(Node::Tensor(plan)) => Ok(Node::Tensor(Rc::clone(plan))),
            Some(_) => Ok(opaque),
            None => Err(wrong()),
        },
        ("torch", "Size") => {
            let inner = items.first().and_then(|&id| heap.sequence(id));
            Ok(Node::Sequence(inner.unwrap_or(items).to_vec()))
        }
        _ => Ok(opaque),
    }
}

/// The pairs that a dictionary is made with: none, or a list of them (as Python 2 writes an `OrderedDict`).
fn dict(heap: &Heap, arguments: &[Id]) -> Vec<(Id, Id)> {
    let lists = arguments.iter().filter_map(|&id| heap.sequence(id));
    lists
        .flatten()
        .filter_map(|&pair| match heap.sequence(pair) {
            Some(&[key, value]) => Some((key, value)),
            _ => None,
        })
        .collect()
}

/// Whether what is said of a tensor (`{"conj": False, "neg": True}`) means that other numbers are meant than the stored ones.
fn is_turned(heap: &Heap, facts: Id) -> bool {
    let Node::Dict(pairs) = heap.get(facts) else { return false };
    let turns = |key: Id| matches!(heap.text(key), Some("neg" | "conj"));
    pairs.iter().any(|&(key, value)| turns(key) && matches!(heap.get(value), Node::Bool(true)))
}

/// `(storage, offset, shape, strides, …)`.
fn tensor(heap: &Heap, arguments: &[Id], element: Option<ElementType>) -> Option<TensorPlan> {
    let [storage, offset, shape, strides, ..] = *arguments else { return None };
    let Node::Storage(storage) = heap.get(storage) else { return None };
    let (shape, strides) = (heap.sequence(shape)?, heap.sequence(strides)?);
    if shape.len() != strides.len() || shape.len() > MAX_AXES {
        return None;
    }
    Some(TensorPlan {
        storage: Rc::clone(storage),
        element: element.unwrap_or_else(|| storage.element.clone()),
        offset: heap.count(offset)?,
        shape: shape.iter().map(|&id| usize::try_from(heap.count(id)?).ok()).collect::<Option<_>>()?,
        strides: strides.iter().map(|&id| heap.count(id)).collect::<Option<_>>()?,
        form: Form::Plain,
    })
}

/// `(layout, (indices, values, shape))`, with two tensors of indices in layouts of rows and columns.
fn sparse(heap: &Heap, arguments: &[Id]) -> Option<TensorPlan> {
    let parts = heap.sequence(*arguments.get(1)?)?;
    let tensors = parts.iter().map_while(|&id| match heap.get(id) {
        Node::Tensor(plan) => Some(plan),
        _ => None,
    });
    let values = tensors.last()?;
    let shape = parts.iter().find_map(|&id| heap.sequence(id)).filter(|shape| shape.len() <= MAX_AXES)?;
    let shape = shape.iter().map(|&id| usize::try_from(heap.count(id)?).ok()).collect::<Option<_>>()?;
    Some(TensorPlan { shape, form: Form::Sparse, ..TensorPlan::clone(values) })
}

/// `("storage", type, key, device, elements)`, and in the oldest files a view: `None` or `(key, first, elements)`.
pub(super) fn storage(heap: &Heap, reference: Id) -> Option<Storage> {
    let [kind, class, key, _device, numel, ref view @ ..] = *heap.sequence(reference)? else { return None };
    if heap.text(kind)? != "storage" {
        return None;
    }
    let (_, class) = heap.global(class)?;
    let view = match view {
        [] => None,
        [view] => match heap.get(*view) {
            Node::None => None,
            Node::Sequence(parts) => match parts.as_slice() {
                &[_key, first, numel] => Some((heap.count(first)?, heap.count(numel)?)),
                _ => return None,
            },
            _ => return None,
        },
        _ => return None,
    };
    let key = Rc::clone(heap.shared_text(key)?);
    Some(Storage { key, element: ElementType::of(class), numel: heap.count(numel)?, view })
}
