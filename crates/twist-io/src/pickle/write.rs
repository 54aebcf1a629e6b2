//! Writes what [`load_pickle`](super::load_pickle) reads: state dicts as `torch.save` stores them.

use std::io::{self, Seek, SeekFrom, Write};
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
        let mut zip = ZipWriter::new(UntilFailure { out, failed: false, at: 0 });
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

/// A file that pretends to take everything after its first error. A `ZipWriter` that is dropped tries to end its archive, and
/// prints a line of its own if it cannot; the error itself has been returned by then.
struct UntilFailure<W> {
    out: W,
    failed: bool,
    at: u64,
}

impl<W> UntilFailure<W> {
    fn noted<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        self.failed |= result.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        result
    }
}

impl<W: Write> Write for UntilFailure<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed {
            return Ok(bytes.len());
        }
        let written = self.out.write(bytes);
        self.noted(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.failed {
            return Ok(());
        }
        let flushed = self.out.flush();
        self.noted(flushed)
    }
}

impl<W: Seek> Seek for UntilFailure<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        if !self.failed {
            let found = self.out.seek(to);
            self.at = self.noted(found)?;
        }
        Ok(self.at)
    }
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

    /// A file on a disk with room for so many bytes.
    struct Disk(io::Cursor<Vec<u8>>, usize);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0.position() as usize + bytes.len() > self.1 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Disk {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.0.seek(to)
        }
    }

    #[test]
    fn an_archive_is_not_written_to_after_its_first_error() {
        for room in [0, 10, 60, 100] {
            let mut disk = Disk(io::Cursor::default(), room);
            let mut file = UntilFailure { out: &mut disk, failed: false, at: 0 };
            let failed = {
                let mut zip = ZipWriter::new(&mut file);
                let started = zip.start_file("one", SimpleFileOptions::default());
                started.is_err() || zip.write_all(&[7; 50]).is_err() || zip.finish().is_err()
            };
            assert!(failed && file.failed, "{room}");
            assert!(disk.0.into_inner().len() <= room);
        }
    }

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
