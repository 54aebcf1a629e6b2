//! NumPy's `.npy`: a table of numbers that other tools map into memory.
//!
//! The format is `\x93NUMPY`, two bytes of version, the length of a header, the header (a Python dictionary with `descr`,
//! `fortran_order` and `shape`, padded with spaces so that the data begin at a multiple of 64), then the elements
//! (<https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>).

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::atomic::AtomicFile;
use crate::error::IoError;
use crate::printable::shown;
use crate::refused::Refused;
use crate::regular::open_regular;
use crate::tensor::Dtype;

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Bytes before the data of what is written here: room for any shape of two axes.
const HEADER: usize = 128;
/// Longest header that is read: real ones have about a hundred bytes.
const MAX_HEADER: u64 = 1 << 16;

/// What the head of a `.npy` file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NpyHeader {
    /// Type of the elements.
    pub dtype: Dtype,
    /// Length of each axis, the slowest first.
    pub shape: Vec<usize>,
    /// Where the elements begin, in bytes from the start of the file.
    pub data_offset: u64,
}

impl NpyHeader {
    /// Bytes of all elements; `None` when no memory holds as many.
    pub fn data_bytes(&self) -> Option<usize> {
        crate::tensor::byte_len(self.dtype, &self.shape)
    }
}

/// Reads the head of a `.npy` file and checks it against the file's length.
///
/// # Errors
/// It is another file, has what this reader does not take (Fortran order, big-endian numbers, structures), or has more behind
/// its elements; [`IoError::Truncated`] when there are fewer elements than promised.
pub fn read_npy_header(path: impl AsRef<Path>) -> Result<NpyHeader, IoError> {
    let path = path.as_ref();
    let os = |source| IoError::os("read", path, None, source);
    let mut file = open_regular(path).map_err(os)?;
    let length = file.metadata().map_err(os)?.len();
    let not = |why: &str| {
        IoError::from(
            Refused::new(format!("{} is not a table that Twist reads", path.display())).because(why),
        )
    };

    let mut start = [0; 8];
    if length < 10 {
        return Err(not("it is shorter than the shortest header"));
    }
    file.read_exact(&mut start).map_err(os)?;
    if start.starts_with(b"PK") {
        return Err(not("it is an archive of tables (.npz): save one of them with numpy.save"));
    }
    if &start[..6] != MAGIC {
        return Err(not("its first bytes are not \\x93NUMPY"));
    }
    let (header_length, begin) = match start[6] {
        1 => {
            let mut bytes = [0; 2];
            file.read_exact(&mut bytes).map_err(os)?;
            (u64::from(u16::from_le_bytes(bytes)), 10)
        }
        2 | 3 if length >= 12 => {
            let mut bytes = [0; 4];
            file.read_exact(&mut bytes).map_err(os)?;
            (u64::from(u32::from_le_bytes(bytes)), 12)
        }
        version => return Err(not(&format!("its format version is {version}, but only 1 to 3 are known"))),
    };
    if header_length > MAX_HEADER {
        return Err(not(&format!("it claims a header of {header_length} bytes")));
    }
    let data_offset = begin + header_length;
    if length < data_offset {
        return Err(IoError::Truncated { path: path.to_owned(), expected: data_offset, got: length });
    }
    let mut text = vec![0; header_length as usize];
    file.read_exact(&mut text).map_err(os)?;
    let (dtype, shape) = parse(&text).map_err(|reason| not(&reason))?;

    let header = NpyHeader { dtype, shape, data_offset };
    let bytes = header.data_bytes().ok_or_else(|| not("its shape does not fit into any memory"))? as u64;
    match data_offset.checked_add(bytes) {
        Some(expected) if expected == length => Ok(header),
        Some(expected) if expected < length => Err(not(&format!(
            "{} bytes follow its table: save each table in a file of its own",
            length - expected
        ))),
        expected => Err(IoError::Truncated {
            path: path.to_owned(),
            expected: expected.unwrap_or(u64::MAX),
            got: length,
        }),
    }
}

/// The three entries of the dictionary, in any order.
fn parse(header: &[u8]) -> Result<(Dtype, Vec<usize>), String> {
    let text = std::str::from_utf8(header).map_err(|_| "its header is not text".to_owned())?;
    let after = |key: &str| -> Result<&str, String> {
        let missing = || format!("its header has no `{key}`");
        let place = text.find(&format!("'{key}'")).ok_or_else(missing)?;
        let rest = &text[place + key.len() + 2..];
        Ok(rest.trim_start().strip_prefix(':').ok_or_else(missing)?.trim_start())
    };
    let descr = after("descr")?;
    let name = descr.strip_prefix('\'').and_then(|rest| rest.split('\'').next());
    let name = name.ok_or("its elements are structures; save a plain table of float32")?;
    let dtype = Dtype::ALL.into_iter().find(|dtype| dtype.numpy() == Some(name)).ok_or_else(|| {
        format!(
            "its elements are `{}`; save features as float32, x.astype('<f4'), and labels as int64, \
             x.astype('<i8')",
            shown(name)
        )
    })?;
    if !after("fortran_order")?.starts_with("False") {
        return Err("its columns come first; save it with numpy.ascontiguousarray".to_owned());
    }
    let shape = after("shape")?;
    let inside = shape.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    let (inside, _) = inside.ok_or_else(|| "its shape is not a tuple".to_owned())?;
    let axes = inside.split(',').map(str::trim).filter(|axis| !axis.is_empty());
    let shape: Result<Vec<usize>, _> = axes.map(str::parse).collect();
    Ok((dtype, shape.map_err(|_| format!("its shape is ({})", shown(inside)))?))
}

/// Writes a table `[N, D]` of float32 row by row, without knowing N beforehand; the file appears when it is finished.
#[derive(Debug)]
pub struct NpyWriter {
    file: AtomicFile,
    width: usize,
    rows: usize,
    checksum: u32,
}

impl NpyWriter {
    /// Begins a table of `width` columns that will be called `path`.
    ///
    /// # Errors
    /// The folder does not exist or cannot be written to.
    pub fn create(path: impl AsRef<Path>, width: usize) -> Result<Self, IoError> {
        let mut file = AtomicFile::create(path)?;
        file.write(|out| out.write_all(&[b' '; HEADER]))?;
        Ok(Self { file, width, rows: 0, checksum: 0 })
    }

    /// Adds rows: `values` is a whole number of them.
    ///
    /// # Errors
    /// The disk is full.
    pub fn push(&mut self, values: &[f32]) -> Result<(), IoError> {
        debug_assert_eq!(values.len() % self.width.max(1), 0, "whole rows");
        self.rows += values.len() / self.width.max(1);
        let bytes = bytemuck::cast_slice(values);
        self.checksum = crc32c::crc32c_append(self.checksum, bytes);
        self.file.write(|out| out.write_all(bytes))
    }

    /// CRC-32C of the rows so far, as [`npy_checksum`] gives it of a file.
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Writes the head, now that the number of rows is known, and flushes all of it to the disk; only the name is missing then.
    ///
    /// # Errors
    /// The disk is full.
    pub fn seal(&mut self) -> Result<(), IoError> {
        let head = header(self.rows, self.width);
        self.file.write(|out| {
            out.seek(SeekFrom::Start(0))?;
            out.write_all(&head)?;
            out.seek(SeekFrom::End(0)).map(drop)
        })?;
        self.file.seal()
    }

    /// Completes the file and gives it its name. Returns the number of rows.
    ///
    /// # Errors
    /// The disk is full.
    pub fn finish(mut self) -> Result<usize, IoError> {
        self.seal()?;
        self.file.finish()?;
        Ok(self.rows)
    }
}

/// The [`HEADER`] bytes before the elements of a float32 table.
fn header(rows: usize, width: usize) -> Vec<u8> {
    let mut head = Vec::with_capacity(HEADER);
    head.extend_from_slice(MAGIC);
    head.extend_from_slice(&[1, 0]);
    head.extend_from_slice(&((HEADER - 10) as u16).to_le_bytes());
    let dictionary = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {width}), }}");
    head.extend_from_slice(dictionary.as_bytes());
    head.resize(HEADER - 1, b' ');
    head.push(b'\n');
    head
}

/// CRC-32C of the elements of a `.npy` file; little of it is in memory at a time.
///
/// # Errors
/// As [`read_npy_header`].
pub fn npy_checksum(path: impl AsRef<Path>) -> Result<u32, IoError> {
    let path = path.as_ref();
    let header = read_npy_header(path)?;
    let read = || -> io::Result<u32> {
        let mut file = open_regular(path)?;
        file.seek(SeekFrom::Start(header.data_offset))?;
        let mut file = file.take(header.data_bytes().unwrap_or(0) as u64);
        let (mut checksum, mut part) = (0, vec![0; 1 << 20]);
        loop {
            match file.read(&mut part)? {
                0 => return Ok(checksum),
                count => checksum = crc32c::crc32c_append(checksum, &part[..count]),
            }
        }
    };
    read().map_err(|source| IoError::os("read", path, None, source))
}

/// The elements of a `.npy` file as bytes, in row-major order.
///
/// # Errors
/// As [`read_npy_header`].
pub fn read_npy(path: impl AsRef<Path>) -> Result<(NpyHeader, Vec<u8>), IoError> {
    let path = path.as_ref();
    let header = read_npy_header(path)?;
    let read = || -> io::Result<Vec<u8>> {
        let mut file = open_regular(path)?;
        file.seek(SeekFrom::Start(header.data_offset))?;
        let mut bytes = vec![0; header.data_bytes().unwrap_or(0)];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|source| IoError::os("read", path, None, source))?;
    Ok((header, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_data_are_aligned() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let mut table = NpyWriter::create(&path, 3).unwrap();
        table.push(&[1.0, 2.0, 3.0]).unwrap();
        assert!(!path.exists(), "an unfinished table has no name");
        table.push(&[4.0, 5.0, 6.0, 7.0, 8.0, 9.0]).unwrap();
        let checksum = table.checksum();
        assert_eq!(table.finish().unwrap(), 3);
        assert_eq!(npy_checksum(&path).unwrap(), checksum);
        let (header, bytes) = read_npy(&path).unwrap();
        assert_eq!((header.dtype, header.shape, header.data_offset), (Dtype::F32, vec![3, 3], 128));
        let values: Vec<f32> = bytes.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        assert_eq!(values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
    }

    #[test]
    fn an_abandoned_table_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut table = NpyWriter::create(folder.path().join("a.npy"), 1).unwrap();
        table.push(&[1.0]).unwrap();
        drop(table);
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_numpy_writes_is_read() {
        let text = "{'descr': '<f8', 'fortran_order': False, 'shape': (5,), }";
        assert_eq!(parse(text.as_bytes()).unwrap(), (Dtype::F64, vec![5]));
        let text = "{'shape': (), 'fortran_order': False, 'descr': '|u1'}";
        assert_eq!(parse(text.as_bytes()).unwrap(), (Dtype::U8, vec![]));
        for (wrong, word) in [
            ("{'descr': '>f4', 'fortran_order': False, 'shape': (5,), }", ">f4"),
            ("{'descr': '<f4', 'fortran_order': True, 'shape': (5, 2), }", "ascontiguousarray"),
            ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (5,), }", "structures"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': (-5,), }", "-5"),
            ("{'descr': '<f4', 'fortran_order': False}", "shape"),
        ] {
            let error = parse(wrong.as_bytes()).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn files_that_lie_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let mut table = NpyWriter::create(&path, 2).unwrap();
        table.push(&[0.0; 8]).unwrap();
        table.finish().unwrap();
        let whole = fs_err::read(&path).unwrap();
        fs_err::write(&path, &whole[..whole.len() - 1]).unwrap();
        let error = read_npy_header(&path).unwrap_err();
        assert!(matches!(error, IoError::Truncated { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("this table of NumPy") && !text.contains("checkpoint"), "{text}");
        fs_err::write(&path, &whole[..60]).unwrap();
        assert!(matches!(read_npy_header(&path), Err(IoError::Truncated { .. })));
        for (bytes, word) in [
            (b"PK\x03\x04 and so on".to_vec(), "numpy.save"),
            (b"some other file".to_vec(), "NUMPY"),
            ([whole.clone(), whole].concat(), "160 bytes follow"),
        ] {
            fs_err::write(&path, bytes).unwrap();
            let error = read_npy_header(&path).unwrap_err().to_string();
            assert!(error.contains("is not a table that Twist reads") && error.contains(word), "{error}");
        }
    }
}
