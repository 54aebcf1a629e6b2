//! Any bytes as a weight file of PyTorch: what loads has tensors whose bytes fit their shapes, and no more of them than
//! the file justifies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Write;
use twist_io::load_pickle;

fuzz_target!(init: twist_fuzz::sow(twist_fuzz::pickle), |bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("writing a temporary file");
    let Ok(mut pickle) = load_pickle(file.path()) else { return };
    for (key, tensors) in pickle.states() {
        let Ok(state) = pickle.state_dict(&key) else { continue };
        assert!(state.len() <= tensors);
        let mut total = 0;
        for (name, tensor) in state.iter() {
            assert_eq!(tensor.data.len(), tensor.numel() * tensor.dtype.size(), "{name}");
            total += tensor.data.len();
        }
        assert!(total <= 8 * bytes.len());
    }
});
