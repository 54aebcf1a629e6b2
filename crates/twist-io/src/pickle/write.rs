//! Writes what [`load_pickle`](super::load_pickle) reads: state dicts as `torch.save` stores them.

use std::io::{self, Write};
use std::path::Path;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::opcode as op;
use super::program::Program;
use crate::{HostTensor, IoError, StateDict, write_atomic};

/// The folder in the archive that everything lies in.
const FOLDER: &str = "archive";

/// Where PyTorch puts the bytes of tensors, so that they can be mapped into memory.
const ALIGNMENT: u16 = 64;

/// Writes state dicts under keys, or with an empty key one that is the file itself, as PyTorch does since version 1.6.
/// `torch.load(…, weights_only=True)` reads the file. It appears under its name complete or not at all.
///
/// # Errors
/// The disk is full or read-only.
pub fn save_pickle(path: &Path, states: &[(&str, &StateDict)]) -> Result<(), IoError> {
    write_atomic(path, |out| {
        let stored = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Stored)
            .large_file(true)
            .with_alignment(ALIGNMENT);
        let mut zip = ZipWriter::new(out);
        let mut entry = |name: &str, bytes: &[u8]| -> io::Result<()> {
            zip.start_file(format!("{FOLDER}/{name}"), stored)?;
            zip.write_all(bytes)
        };
        entry("data.pkl", &program(states))?;
        entry("byteorder", b"little")?;
        let tensors = states.iter().flat_map(|(_, state)| state.iter());
        for (key, (_, tensor)) in tensors.enumerate() {
            entry(&format!("data/{key}"), &tensor.data)?;
        }
        entry("version", b"3\n")?;
        zip.finish()?;
        Ok(())
    })
}

fn program(states: &[(&str, &StateDict)]) -> Vec<u8> {
    let mut program = Program::of_protocol(2);
    let mut key = 0;
    if let [("", state)] = states {
        program.state(state, &mut key);
    } else {
        program.dict(states, |program, (name, state)| {
            program.text(name);
            program.state(state, &mut key);
        });
    }
    program.finished()
}

impl Program {
    fn state(&mut self, state: &StateDict, key: &mut usize) {
        self.dict(state.iter(), |program, (name, tensor)| {
            program.text(name);
            program.tensor(tensor, *key);
            *key += 1;
        });
    }

    /// `torch._utils._rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`.
    fn tensor(&mut self, tensor: &HostTensor, key: usize) {
        self.global("torch._utils", "_rebuild_tensor_v2");
        self.does(&[op::MARK, op::MARK]);
        self.text("storage");
        self.global("torch", tensor.dtype.storage());
        self.text(&key.to_string());
        self.text("cpu");
        self.number((tensor.data.len() / tensor.dtype.size()) as i64);
        self.does(&[op::TUPLE, op::BINPERSID]);
        self.number(0);
        let strides = (0..tensor.shape.len()).map(|axis| tensor.shape[axis + 1..].iter().product());
        self.numbers(tensor.shape.iter().copied());
        self.numbers(strides);
        self.does(&[op::NEWFALSE]);
        self.global("collections", "OrderedDict");
        self.does(&[op::EMPTY_TUPLE, op::REDUCE, op::TUPLE, op::REDUCE]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dtype, load_pickle};

    #[test]
    fn every_type_and_shape_comes_back() {
        let mut state = StateDict::default();
        let shapes: [&[usize]; 4] = [&[], &[0], &[3], &[2, 1, 3]];
        for dtype in Dtype::ALL {
            for shape in shapes {
                let bytes = shape.iter().product::<usize>() * dtype.size();
                let data = (0..bytes).map(|at| if dtype == Dtype::Bool { 1 } else { at as u8 }).collect();
                let tensor = HostTensor::new(dtype, shape.to_vec(), data).unwrap();
                state.push(format!("layer.{}", state.len()), tensor);
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.pth");
        save_pickle(&path, &[("", &state)]).unwrap();
        assert_eq!(load_pickle(&path).unwrap().state_dict("").unwrap(), state);
        save_pickle(&path, &[("model", &state), ("backbone", &state)]).unwrap();
        let mut file = load_pickle(&path).unwrap();
        assert_eq!(file.state_dict("model").unwrap(), state);
        assert_eq!(file.state_dict("backbone").unwrap(), state);
    }
}
