//! Any bytes as a data set in one file. The first byte chooses the kind, so that one corpus serves all readers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twist_data::{OpenOptions, open};

const NAMES: [&str; 6] =
    ["shard.tar", "data_batch_1.bin", "list.txt", "list.csv", "train.parquet", "photos.zip"];

/// The parquet library panics at some contents of pages; the reader makes errors of that.
fn prepare() {
    twist_fuzz::let_libraries_panic();
    twist_fuzz::sow(twist_fuzz::dataset);
}

fuzz_target!(init: prepare(), |bytes: &[u8]| {
    let Some((kind, content)) = bytes.split_first() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(NAMES[usize::from(*kind) % NAMES.len()]);
    std::fs::write(&path, content).expect("writing a temporary file");
    let spec = path.to_str().expect("temporary folders have plain names");
    let Ok(dataset) = open(spec, &OpenOptions::default()) else { return };
    for index in 0..dataset.len().min(16) {
        assert!(!dataset.path(index).is_empty());
        if let Some(label) = dataset.label(index) {
            assert!((label as usize) < dataset.classes().len(), "label {label} has no class");
        }
        // Reading may fail; it may not panic.
        let _ = dataset.read(index);
    }
});
