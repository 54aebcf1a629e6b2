//! Any bytes as a MATLAB file: what is read holds together.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Write;
use twist_io::{MatValue, load_mat};

/// As many values as the axes say, all the way down.
fn check(value: &MatValue) {
    let product = |axes: &[usize]| axes.iter().product::<usize>();
    match value {
        MatValue::Numbers { axes, values } => assert_eq!(values.len(), product(axes)),
        MatValue::Text(rows) => assert!(!rows.is_empty()),
        MatValue::Cells { axes, values } => {
            assert_eq!(values.len(), product(axes));
            values.iter().for_each(check);
        }
        MatValue::Structures { axes, fields, values } => {
            if !fields.is_empty() {
                assert_eq!(values.len(), product(axes) * fields.len());
            }
            values.iter().for_each(check);
        }
    }
}

fuzz_target!(init: twist_fuzz::sow(twist_fuzz::mat), |bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("writing a temporary file");
    let Ok(variables) = load_mat(file.path()) else { return };
    variables.values().for_each(check);
});
