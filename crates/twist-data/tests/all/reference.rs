//! Where reference values are: `TWIST_REFERENCE`, or `tests/reference` of the workspace.

use std::collections::BTreeMap;
use std::path::PathBuf;

use safetensors::{Dtype, SafeTensors};
use twist_data::Rgb8;

/// A file of the reference folder.
fn path(name: &str) -> PathBuf {
    let folder = std::env::var_os("TWIST_REFERENCE").map(PathBuf::from);
    folder
        .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference"))
        .join(name)
}

/// A JSON file.
pub(crate) fn json(name: &str) -> serde_json::Value {
    let text = fs_err::read_to_string(path(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// All tensors of a file, which are images `[height, width, 3]` of bytes.
pub(crate) fn images(name: &str) -> BTreeMap<String, Rgb8> {
    images_in(&fs_err::read(path(name)).unwrap())
}

/// The same, from the contents of a file.
pub(crate) fn images_in(bytes: &[u8]) -> BTreeMap<String, Rgb8> {
    let tensors = SafeTensors::deserialize(bytes).unwrap();
    let image = |(key, tensor): (String, safetensors::tensor::TensorView<'_>)| {
        assert_eq!(tensor.dtype(), Dtype::U8, "{key}");
        let &[height, width, 3] = tensor.shape() else { panic!("{key} has shape {:?}", tensor.shape()) };
        let image = Rgb8::new(width as u32, height as u32, tensor.data().to_vec()).unwrap();
        (key, image)
    };
    tensors.tensors().into_iter().map(image).collect()
}
