//! Tensors to and from plain memory.

use tch::{Device, Kind, Tensor};
use twist_io::{Dtype, HostTensor};

use crate::NnError;

/// A copy of a tensor in plain memory, row-major whatever its layout or device.
///
/// # Errors
/// [`NnError::ElementType`] for a kind that files do not know (complex and quantised ones).
pub fn tensor_to_host(tensor: &Tensor) -> Result<HostTensor, NnError> {
    let kind = tensor.f_kind()?;
    let dtype = Dtype::ALL.into_iter().find(|&dtype| kind_of(dtype) == kind);
    let dtype = dtype.ok_or_else(|| NnError::ElementType { got: format!("{kind:?}") })?;
    let shape = tensor.size().iter().map(|&d| usize::try_from(d).unwrap_or(0)).collect();
    Ok(HostTensor { dtype, shape, data: torch_ext::host::to_bytes(tensor)? })
}

/// A tensor on `device` with the values of plain memory.
///
/// # Errors
/// The bytes are not as many as type and shape say.
pub fn tensor_from_host(host: &HostTensor, device: Device) -> Result<Tensor, NnError> {
    let shape: Vec<i64> = host.shape.iter().map(|&d| d as i64).collect();
    Ok(torch_ext::host::from_bytes(kind_of(host.dtype), &shape, &host.data)?.f_to_device(device)?)
}

fn kind_of(dtype: Dtype) -> Kind {
    match dtype {
        Dtype::Bool => Kind::Bool,
        Dtype::U8 => Kind::Uint8,
        Dtype::I8 => Kind::Int8,
        Dtype::I16 => Kind::Int16,
        Dtype::F16 => Kind::Half,
        Dtype::BF16 => Kind::BFloat16,
        Dtype::I32 => Kind::Int,
        Dtype::F32 => Kind::Float,
        Dtype::I64 => Kind::Int64,
        Dtype::F64 => Kind::Double,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_files_do_not_know_is_named() {
        let complex = Tensor::zeros([2], (Kind::ComplexFloat, Device::Cpu));
        let error = tensor_to_host(&complex).unwrap_err().to_string();
        assert_eq!(error, "a tensor has element type ComplexFloat, which weight files do not support");
    }
}
