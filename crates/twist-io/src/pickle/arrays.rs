//! Writes plain pickles of NumPy arrays, as `pickle.dump` does.

use std::io::Write;
use std::path::Path;

use super::opcode as op;
use super::program::Program;
use crate::{Dtype, HostTensor, IoError, Refused, StateDict, shown, write_atomic};

/// The protocol that Python writes since version 3.8.
const PROTOCOL: u8 = 4;

/// A value of the dictionary that is pickled.
#[derive(Clone, Copy, Debug)]
pub enum Pickled<'a> {
    /// A string.
    Text(&'a str),
    /// `True`.
    True,
    /// A dictionary of arrays.
    Arrays(&'a StateDict),
}

/// Writes a dictionary as a pickle. It appears under its name complete or not at all.
///
/// # Errors
/// A tensor of a type that NumPy does not have; the disk is full or read-only.
pub fn save_arrays(path: &Path, entries: &[(&str, Pickled<'_>)]) -> Result<(), IoError> {
    let arrays = entries.iter().filter_map(|(_, value)| match value {
        Pickled::Arrays(state) => Some(state),
        _ => None,
    });
    if let Some((name, tensor)) =
        arrays.flat_map(|state| state.iter()).find(|(_, one)| one.dtype.numpy().is_none())
    {
        let why = format!("tensor `{}` is {}, which NumPy does not have", shown(name), tensor.dtype);
        return Err(Refused::writing(path, why).into());
    }
    let mut program = Program::of_protocol(PROTOCOL);
    program.dict(entries, |program, (key, value)| {
        program.text(key);
        match value {
            Pickled::Text(text) => program.text(text),
            Pickled::True => program.does(&[op::NEWTRUE]),
            Pickled::Arrays(state) => program.dict(state.iter(), |program, (name, tensor)| {
                program.text(name);
                program.array(tensor);
            }),
        }
    });
    let program = program.finished();
    write_atomic(path, |out| out.write_all(&program))
}

impl Program {
    /// What `ndarray.__reduce__` says: an empty array, and its state.
    fn array(&mut self, tensor: &HostTensor) {
        // Versions 1 and 2 of NumPy both find it under this name.
        self.global("numpy.core.multiarray", "_reconstruct");
        self.does(&[op::MARK]);
        self.global("numpy", "ndarray");
        self.numbers(std::iter::once(0));
        self.bytes(b"b");
        self.does(&[op::TUPLE, op::REDUCE]);
        // Version of the state, shape, type, whether columns come first, elements.
        self.does(&[op::MARK]);
        self.number(1);
        self.numbers(tensor.shape.iter().copied());
        self.dtype(tensor.dtype);
        self.does(&[op::NEWFALSE]);
        self.bytes(&tensor.data);
        self.does(&[op::TUPLE, op::BUILD]);
    }

    /// What `dtype.__reduce__` says of a plain type.
    fn dtype(&mut self, dtype: Dtype) {
        let (order, name) = dtype.numpy().unwrap_or("|").split_at(1);
        self.global("numpy", "dtype");
        self.does(&[op::MARK]);
        self.text(name);
        self.does(&[op::NEWFALSE, op::NEWTRUE, op::TUPLE, op::REDUCE]);
        // Version of the state, order of bytes, and what structures have.
        self.does(&[op::MARK]);
        self.number(3);
        self.text(order);
        self.does(&[op::NONE, op::NONE, op::NONE]);
        [-1, -1, 0].into_iter().for_each(|number| self.number(number));
        self.does(&[op::TUPLE, op::BUILD]);
    }
}
