//! What is written comes back, here and in the format's own implementation.

use std::io::Read;

use proptest::prelude::*;
use serde_json::json;
use twist_io::{Dtype, HostTensor, StateDict, load_pickle, load_safetensors, save_pickle, save_safetensors};

fn tensor() -> impl Strategy<Value = HostTensor> {
    (prop::sample::select(&Dtype::ALL[..]), prop::collection::vec(0usize..4, 0..4)).prop_flat_map(
        |(dtype, shape)| {
            let bytes = dtype.size() * shape.iter().product::<usize>();
            prop::collection::vec(any::<u8>(), bytes)
                .prop_map(move |data| HostTensor::new(dtype, shape.clone(), data).unwrap())
        },
    )
}

/// States whose names come once, in any order, with characters that JSON escapes.
fn state() -> impl Strategy<Value = StateDict> {
    prop::collection::vec(("[a-z.\"\\\\é\n]{0,6}", tensor()), 0..8).prop_map(|list| {
        let numbered = list.into_iter().enumerate();
        StateDict(numbered.map(|(index, (name, tensor))| (format!("{name}{}", 7 - index), tensor)).collect())
    })
}

proptest! {
    // Each case waits for the disk twice.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_state_comes_back_in_its_order(state in state(), step in any::<u64>(), with_metadata in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.safetensors");
        let metadata = with_metadata.then(|| json!({ "step": step, "nested": { "text": "ü\"\n", "list": [1.5, null] } }));
        save_safetensors(&path, &state, metadata.as_ref()).unwrap();
        let (loaded, found) = load_safetensors(&path).unwrap();
        prop_assert_eq!(&loaded, &state);
        prop_assert_eq!(&found, &metadata);

        // The format's own reader agrees on every name, type, shape and byte.
        let bytes = fs_err::read(&path).unwrap();
        let theirs = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        prop_assert_eq!(theirs.len(), state.len());
        for (name, tensor) in state.iter() {
            let view = theirs.tensor(name).unwrap();
            prop_assert_eq!(format!("{:?}", view.dtype()), tensor.dtype.name());
            prop_assert_eq!(view.shape(), tensor.shape.as_slice());
            prop_assert_eq!(view.data(), tensor.data.as_slice());
            // Aligned in the file, for readers that map it.
            let offset = view.data().as_ptr() as usize - bytes.as_ptr() as usize;
            prop_assert!(tensor.data.is_empty() || offset.is_multiple_of(tensor.dtype.size()), "{} at {}", name, offset);
        }

        // Equal states give equal bytes.
        let again = folder.path().join("again.safetensors");
        save_safetensors(&again, &loaded, found.as_ref()).unwrap();
        prop_assert_eq!(fs_err::read(&again).unwrap(), bytes);
    }

    #[test]
    fn files_of_the_other_implementation_are_read(state in state()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("theirs.safetensors");
        let views = state.iter().map(|(name, tensor)| {
            let dtype = match tensor.dtype {
                Dtype::Bool => safetensors::Dtype::BOOL,
                Dtype::U8 => safetensors::Dtype::U8,
                Dtype::I8 => safetensors::Dtype::I8,
                Dtype::I16 => safetensors::Dtype::I16,
                Dtype::F16 => safetensors::Dtype::F16,
                Dtype::BF16 => safetensors::Dtype::BF16,
                Dtype::I32 => safetensors::Dtype::I32,
                Dtype::F32 => safetensors::Dtype::F32,
                Dtype::I64 => safetensors::Dtype::I64,
                Dtype::F64 => safetensors::Dtype::F64,
            };
            (name, safetensors::tensor::TensorView::new(dtype, tensor.shape.clone(), &tensor.data).unwrap())
        });
        let foreign = std::collections::HashMap::from([("format".to_owned(), "pt".to_owned())]);
        let bytes = safetensors::serialize(views, Some(foreign)).unwrap();
        fs_err::write(&path, bytes).unwrap();

        let (loaded, metadata) = load_safetensors(&path).unwrap();
        prop_assert_eq!(metadata, None);
        prop_assert_eq!(loaded.len(), state.len());
        for (name, tensor) in state.iter() {
            prop_assert_eq!(loaded.get(name), Some(tensor));
        }
    }

    #[test]
    fn a_pickle_comes_back_in_its_order(first in state(), second in state()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("states.pth");
        let keys = [("model", &first), ("é\n.", &second)];
        save_pickle(&path, &keys).unwrap();
        let mut file = load_pickle(&path).unwrap();
        for (key, state) in keys {
            if !state.is_empty() {
                prop_assert_eq!(&file.state_dict(key).unwrap(), state);
            }
        }

        // It is a zip archive whose bytes are stored as they are, where they can be mapped into memory.
        let mut archive = zip::ZipArchive::new(fs_err::File::open(&path).unwrap()).unwrap();
        let tensors: Vec<&HostTensor> = first.iter().chain(second.iter()).map(|(_, tensor)| tensor).collect();
        for (key, tensor) in tensors.into_iter().enumerate() {
            let mut entry = archive.by_name(&format!("archive/data/{key}")).unwrap();
            prop_assert_eq!(entry.compression(), zip::CompressionMethod::Stored);
            prop_assert_eq!(entry.data_start().unwrap() % 64, 0);
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            prop_assert_eq!(&bytes, &tensor.data);
        }

        // Equal states give equal bytes.
        let again = folder.path().join("again.pth");
        save_pickle(&again, &keys).unwrap();
        prop_assert_eq!(fs_err::read(&again).unwrap(), fs_err::read(&path).unwrap());
    }
}

#[test]
fn a_state_that_contradicts_itself_touches_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.safetensors");
    let good = HostTensor::from_slice(vec![1], &[1.0f32]).unwrap();
    let short = HostTensor { data: vec![0; 3], ..good.clone() };
    let list = |entries: &[(&str, &HostTensor)]| {
        StateDict(entries.iter().map(|(name, tensor)| ((*name).to_owned(), (*tensor).clone())).collect())
    };
    let cases = [
        (list(&[("a", &good), ("a", &good)]), "twice"),
        (list(&[("__metadata__", &good)]), "reserves"),
        (list(&[("a", &short)]), "3 bytes"),
    ];
    for (state, reason) in cases {
        let error = save_safetensors(&path, &state, None).unwrap_err();
        assert!(
            error.to_string().starts_with("cannot write ") && error.to_string().contains(reason),
            "{error}"
        );
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 0);
    }
}
