//! CRC-32C checksums of the content of a file, to detect damage in storage or transfer.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::HeaderDamage;
use crate::tensor::Dtype;

/// The metadata key under which the checksums stand.
pub(super) const CHECKSUMS_KEY: &str = "twist_crc32c";

/// The checksums of a file; as text `{"metadata":1,"tensors":{"NAME":2}}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Checksums {
    /// Of the text of the caller's metadata; `None` without metadata.
    metadata: Option<u32>,
    /// Of each tensor: [`sum_of`].
    tensors: HashMap<String, u32>,
}

impl Checksums {
    /// Reads what [`metadata_of`] wrote.
    pub(super) fn parse(text: &str) -> Result<Self, HeaderDamage> {
        serde_json::from_str(text).map_err(|source| HeaderDamage::Checksums(source.to_string()))
    }

    /// Whether the text of the metadata is what was written.
    pub(super) fn fits_metadata(&self, text: Option<&str>) -> bool {
        self.metadata == text.map(|text| crc32c::crc32c(text.as_bytes()))
    }

    /// Whether these are the names that were written.
    pub(super) fn fits_names<'a>(&self, mut names: impl ExactSizeIterator<Item = &'a str>) -> bool {
        names.len() == self.tensors.len() && names.all(|name| self.tensors.contains_key(name))
    }

    pub(super) fn fits_tensor(&self, name: &str, dtype: Dtype, shape: &[usize], data: &[u8]) -> bool {
        self.tensors.get(name) == Some(&sum_of(dtype, shape, crc32c::crc32c(data)))
    }
}

/// The checksum of a tensor: of its bytes, of which `data` is the one, and of what they mean, as if that stood behind them.
pub(super) fn sum_of(dtype: Dtype, shape: &[usize], data: u32) -> u32 {
    crc32c::crc32c_append(data, format!("{}{shape:?}", dtype.name()).as_bytes())
}

/// The metadata of a file: the caller's, and the checksums of it and of each tensor.
pub(super) fn metadata_of<'a>(
    caller: Option<&Value>,
    tensors: impl Iterator<Item = (&'a str, u32)>,
) -> Value {
    #[derive(Serialize)]
    struct Written {
        metadata: Option<u32>,
        tensors: Map<String, Value>,
    }
    let caller = caller.map(Value::to_string);
    let written = Written {
        metadata: caller.as_ref().map(|text| crc32c::crc32c(text.as_bytes())),
        tensors: tensors.map(|(name, sum)| (name.to_owned(), sum.into())).collect(),
    };
    let mut metadata = Map::new();
    // Hugging Face asks for whose tensors these are, and refuses a file that says something else.
    metadata.insert("format".to_owned(), "pt".into());
    if let Some(text) = caller {
        metadata.insert(super::METADATA_KEY.to_owned(), text.into());
    }
    metadata.insert(CHECKSUMS_KEY.to_owned(), json!(written).to_string().into());
    Value::Object(metadata)
}
