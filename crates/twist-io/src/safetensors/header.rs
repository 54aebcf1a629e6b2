//! The header as written, before it is checked.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::checksum::CHECKSUMS_KEY;
use super::{MAX_AXES, MAX_NAME, MAX_TENSORS, METADATA_KEY};

/// Names in the order of the file, duplicates included, and those of the metadata that are ours.
#[derive(Default)]
pub(super) struct RawHeader {
    pub(super) tensors: Vec<(String, RawTensor)>,
    /// The text under [`METADATA_KEY`].
    pub(super) metadata: Option<String>,
    /// The text under [`CHECKSUMS_KEY`].
    pub(super) checksums: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTensor {
    pub(super) dtype: String,
    #[serde(deserialize_with = "few_axes")]
    pub(super) shape: Vec<usize>,
    pub(super) data_offsets: (u64, u64),
}

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

/// Keeps order and duplicates, which a map type would lose, and nothing that no weight file has.
struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = RawHeader;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawHeader, A::Error> {
        let mut header = RawHeader::default();
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                let Metadata(metadata, checksums) = map.next_value()?;
                (header.metadata, header.checksums) = (metadata, checksums);
                continue;
            }
            if name.len() > MAX_NAME {
                let message = format!(
                    "the name of a tensor has {} bytes, but at most {MAX_NAME} are allowed",
                    name.len()
                );
                return Err(A::Error::custom(message));
            }
            if header.tensors.len() == MAX_TENSORS {
                return Err(A::Error::custom(format!("it lists more than {MAX_TENSORS} tensors")));
            }
            header.tensors.push((name, map.next_value()?));
        }
        Ok(header)
    }
}

/// The texts under our two keys; those of other programs are passed over.
struct Metadata(Option<String>, Option<String>);

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Metadata;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("metadata of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metadata, A::Error> {
                let mut ours = Metadata(None, None);
                while let Some(key) = map.next_key::<String>()? {
                    let text: String = map.next_value()?;
                    match key.as_str() {
                        METADATA_KEY => ours.0 = Some(text),
                        CHECKSUMS_KEY => ours.1 = Some(text),
                        _ => {}
                    }
                }
                Ok(ours)
            }
        }
        deserializer.deserialize_map(Texts)
    }
}

/// The lengths of at most [`MAX_AXES`] axes.
fn few_axes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<usize>, D::Error> {
    struct Axes;
    impl<'de> Visitor<'de> for Axes {
        type Value = Vec<usize>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of lengths")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<usize>, A::Error> {
            let mut axes = Vec::new();
            while let Some(axis) = list.next_element()? {
                if axes.len() == MAX_AXES {
                    return Err(A::Error::custom(format!("a tensor has more than {MAX_AXES} axes")));
                }
                axes.push(axis);
            }
            Ok(axes)
        }
    }
    deserializer.deserialize_seq(Axes)
}
