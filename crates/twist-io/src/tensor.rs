//! Tensors in plain memory: a type, a shape and little-endian bytes.

use std::fmt;

use half::{bf16, f16};

use crate::error::TensorError;

#[cfg(target_endian = "big")]
compile_error!("twist-io keeps tensors as little-endian bytes and reads them in place");

/// The type of a tensor's elements, named as in safetensors files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Dtype {
    /// One byte, 0 or 1.
    Bool,
    /// Unsigned 8-bit integer.
    U8,
    /// Signed 8-bit integer.
    I8,
    /// Signed 16-bit integer.
    I16,
    /// IEEE 754 half precision.
    F16,
    /// bfloat16: the upper half of an `F32`.
    BF16,
    /// Signed 32-bit integer.
    I32,
    /// IEEE 754 single precision.
    F32,
    /// Signed 64-bit integer.
    I64,
    /// IEEE 754 double precision.
    F64,
}

impl Dtype {
    /// Every type that this crate reads and writes.
    pub const ALL: [Dtype; 10] = [
        Dtype::Bool,
        Dtype::U8,
        Dtype::I8,
        Dtype::I16,
        Dtype::F16,
        Dtype::BF16,
        Dtype::I32,
        Dtype::F32,
        Dtype::I64,
        Dtype::F64,
    ];

    /// Bytes per element, and the names: in safetensors headers, of PyTorch's storages, of PyTorch's types, and of NumPy's, with
    /// the order of bytes (empty where NumPy has no such type).
    fn facts(self) -> (usize, [&'static str; 4]) {
        match self {
            Dtype::Bool => (1, ["BOOL", "BoolStorage", "bool", "|b1"]),
            Dtype::U8 => (1, ["U8", "ByteStorage", "uint8", "|u1"]),
            Dtype::I8 => (1, ["I8", "CharStorage", "int8", "|i1"]),
            Dtype::I16 => (2, ["I16", "ShortStorage", "int16", "<i2"]),
            Dtype::F16 => (2, ["F16", "HalfStorage", "float16", "<f2"]),
            Dtype::BF16 => (2, ["BF16", "BFloat16Storage", "bfloat16", ""]),
            Dtype::I32 => (4, ["I32", "IntStorage", "int32", "<i4"]),
            Dtype::F32 => (4, ["F32", "FloatStorage", "float32", "<f4"]),
            Dtype::I64 => (8, ["I64", "LongStorage", "int64", "<i8"]),
            Dtype::F64 => (8, ["F64", "DoubleStorage", "float64", "<f8"]),
        }
    }

    /// Bytes per element.
    pub fn size(self) -> usize {
        self.facts().0
    }

    /// The name in safetensors headers, for example `BF16`.
    pub fn name(self) -> &'static str {
        self.facts().1[0]
    }

    /// PyTorch's class of a storage.
    pub(crate) fn storage(self) -> &'static str {
        self.facts().1[1]
    }

    /// NumPy's name, for example `<f4`.
    pub(crate) fn numpy(self) -> Option<&'static str> {
        Some(self.facts().1[3]).filter(|name| !name.is_empty())
    }

    /// The type with this [`name`](Dtype::name), if it is one that this crate knows.
    pub fn from_name(name: &str) -> Option<Self> {
        Dtype::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// The type that PyTorch calls so, as the class of a storage or as a `torch.dtype`.
    pub(crate) fn of_pytorch(name: &str) -> Option<Self> {
        Dtype::ALL.into_iter().find(|dtype| dtype.facts().1[1..3].contains(&name))
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A Rust type that is the element of some [`Dtype`].
pub trait Element: bytemuck::Pod {
    /// The tensor type whose elements these are.
    const DTYPE: Dtype;
}

macro_rules! elements {
    ($($rust:ty => $dtype:ident),+ $(,)?) => {
        $(impl Element for $rust {
            const DTYPE: Dtype = Dtype::$dtype;
        })+
    };
}

elements! {
    u8 => U8, i8 => I8, i16 => I16, f16 => F16, bf16 => BF16, i32 => I32, f32 => F32, i64 => I64, f64 => F64,
}

/// A tensor in plain memory: row-major, little-endian, without gaps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostTensor {
    /// Type of the elements.
    pub dtype: Dtype,
    /// Length of each axis; empty for a scalar.
    pub shape: Vec<usize>,
    /// `product(shape) * dtype.size()` bytes.
    pub data: Vec<u8>,
}

impl HostTensor {
    /// A tensor from its bytes.
    ///
    /// # Errors
    /// [`TensorError::Length`] when the number of bytes is not what type and shape say.
    pub fn new(dtype: Dtype, shape: Vec<usize>, data: Vec<u8>) -> Result<Self, TensorError> {
        let tensor = HostTensor { dtype, shape, data };
        tensor.check()?;
        Ok(tensor)
    }

    /// A tensor from its elements.
    ///
    /// # Errors
    /// [`TensorError::Length`] when the number of elements is not the product of `shape`.
    pub fn from_slice<T: Element>(shape: Vec<usize>, elements: &[T]) -> Result<Self, TensorError> {
        HostTensor::new(T::DTYPE, shape, bytemuck::cast_slice(elements).to_vec())
    }

    /// The elements as the Rust type that they are.
    ///
    /// # Errors
    /// [`TensorError::Dtype`] when they are of another type, [`TensorError::Length`] when the tensor is inconsistent.
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>, TensorError> {
        if self.dtype != T::DTYPE {
            return Err(TensorError::Dtype { expected: T::DTYPE, got: self.dtype });
        }
        self.check()?;
        Ok(self.data.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect())
    }

    /// Number of elements: the product of the shape.
    pub fn numel(&self) -> usize {
        self.shape.iter().product()
    }

    /// That every number is finite.
    ///
    /// # Errors
    /// [`TensorError::NotFinite`] says how many are NaN or infinite.
    pub fn check_finite(&self) -> Result<(), TensorError> {
        // A number of these types is finite unless all bits of its exponent are set.
        fn count<const N: usize>(data: &[u8], bad: impl Fn([u8; N]) -> bool) -> usize {
            data.as_chunks::<N>().0.iter().filter(|bytes| bad(**bytes)).count()
        }
        let count = match self.dtype {
            Dtype::F16 => count(&self.data, |bytes| u16::from_le_bytes(bytes) & 0x7c00 == 0x7c00),
            Dtype::BF16 => count(&self.data, |bytes| u16::from_le_bytes(bytes) & 0x7f80 == 0x7f80),
            Dtype::F32 => count(&self.data, |bytes| !f32::from_le_bytes(bytes).is_finite()),
            Dtype::F64 => count(&self.data, |bytes| !f64::from_le_bytes(bytes).is_finite()),
            Dtype::Bool | Dtype::U8 | Dtype::I8 | Dtype::I16 | Dtype::I32 | Dtype::I64 => 0,
        };
        match count {
            0 => Ok(()),
            count => Err(TensorError::NotFinite { count, numbers: self.numel() }),
        }
    }

    /// That the bytes are as many as type and shape say. Fields are public, so writers ask before they trust.
    pub(crate) fn check(&self) -> Result<(), TensorError> {
        let expected = byte_len(self.dtype, &self.shape);
        if expected != Some(self.data.len()) {
            let shape = self.shape.clone();
            return Err(TensorError::Length { dtype: self.dtype, shape, expected, got: self.data.len() });
        }
        Ok(())
    }
}

/// Bytes of a tensor of this type and shape; `None` when they do not fit into a `usize`.
pub(crate) fn byte_len(dtype: Dtype, shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(dtype.size(), |bytes, &axis| bytes.checked_mul(axis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_to_their_types() {
        for dtype in Dtype::ALL {
            assert_eq!(Dtype::from_name(dtype.name()), Some(dtype));
        }
        assert_eq!(Dtype::from_name("F8_E4M3"), None);
    }

    #[test]
    fn elements_survive_the_way_through_bytes() {
        let values = [1.5f32, -0.0, f32::INFINITY, 1e-40];
        let tensor = HostTensor::from_slice(vec![2, 2], &values).unwrap();
        assert_eq!(tensor.to_vec::<f32>().unwrap(), values);
        assert_eq!(tensor.numel(), 4);
        assert!(matches!(
            tensor.to_vec::<f64>(),
            Err(TensorError::Dtype { expected: Dtype::F64, got: Dtype::F32 })
        ));
    }

    #[test]
    fn numbers_that_are_not_finite_are_counted_in_every_type() {
        let values = [1.0, f64::NAN, f64::INFINITY, -0.0, f64::NEG_INFINITY, 65504.0];
        let narrow = values.map(|x| x as f32);
        let tensors = [
            HostTensor::from_slice(vec![6], &values),
            HostTensor::from_slice(vec![6], &narrow),
            HostTensor::from_slice(vec![6], &narrow.map(f16::from_f32)),
            HostTensor::from_slice(vec![6], &narrow.map(bf16::from_f32)),
        ];
        for tensor in tensors {
            let error = tensor.unwrap().check_finite().unwrap_err();
            assert!(matches!(error, TensorError::NotFinite { count: 3, numbers: 6 }), "{error}");
        }
        assert!(HostTensor::from_slice(vec![2], &[-1i16, i16::MAX]).unwrap().check_finite().is_ok());
    }

    #[test]
    fn a_wrong_number_of_bytes_is_refused() {
        assert!(matches!(
            HostTensor::from_slice(vec![3], &[1i64, 2]),
            Err(TensorError::Length { expected: Some(24), got: 16, .. })
        ));
        let huge = HostTensor::new(Dtype::F64, vec![usize::MAX, 2], Vec::new());
        assert!(matches!(huge, Err(TensorError::Length { expected: None, .. })));
        assert_eq!(HostTensor::from_slice(vec![], &[7u8]).unwrap().numel(), 1);
    }
}
