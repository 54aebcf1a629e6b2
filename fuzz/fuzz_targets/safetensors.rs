//! Any bytes as a checkpoint: what loads has tensors whose bytes fit their shapes, and survives a second round.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Write;
use twist_io::{load_safetensors, save_safetensors};

fuzz_target!(init: twist_fuzz::sow(twist_fuzz::safetensors), |bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("writing a temporary file");
    let Ok((state, metadata)) = load_safetensors(file.path()) else { return };

    let folder = tempfile::tempdir().expect("a temporary folder");
    let copy = folder.path().join("copy.safetensors");
    save_safetensors(&copy, &state, metadata.as_ref()).expect("what was read can be written");
    assert_eq!(load_safetensors(&copy).expect("what was written can be read"), (state, metadata));
});
