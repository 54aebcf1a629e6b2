//! Files that are damaged or damage: each way has its own error, and none costs more memory than the file is long.

use proptest::prelude::*;
use serde_json::json;
use twist_io::{HeaderDamage, HostTensor, IoError, StateDict, load_safetensors, save_safetensors};

/// Loads bytes as a file; the error's text names the file.
fn load(bytes: &[u8]) -> Result<StateDict, IoError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("suspect.safetensors");
    fs_err::write(&path, bytes).unwrap();
    let loaded = load_safetensors(&path);
    if let Err(error) = &loaded {
        assert!(error.to_string().contains("suspect.safetensors"), "{error}");
    }
    loaded.map(|(state, _)| state)
}

/// A file with this header and so many bytes behind it.
fn file(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    bytes
}

fn entry(dtype: &str, shape: &str, begin: u64, end: u64) -> String {
    format!(r#"{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{begin},{end}]}}"#)
}

fn damage(header: &str, data: usize) -> HeaderDamage {
    match load(&file(header, data)) {
        Err(IoError::Header { damage, .. }) => damage,
        other => panic!("{header}: {other:?}"),
    }
}

/// A small checkpoint as bytes.
fn checkpoint() -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoint.safetensors");
    let mut state = StateDict::default();
    state.push("model.weight", HostTensor::from_slice(vec![2, 3], &[1.0f32; 6]).unwrap());
    state.push("model.steps", HostTensor::from_slice(vec![], &[7i64]).unwrap());
    save_safetensors(&path, &state, Some(&json!({ "step": 7 }))).unwrap();
    fs_err::read(&path).unwrap()
}

#[test]
fn a_file_cut_anywhere_says_so() {
    let whole = checkpoint();
    assert_eq!(load(&whole).unwrap().len(), 2);
    assert!(matches!(load(&[]), Err(IoError::Empty(_))));
    for length in 1..whole.len() {
        match load(&whole[..length]) {
            Err(error @ IoError::Truncated { got, expected, .. }) => {
                assert_eq!(got, length as u64);
                assert!(expected > got && expected <= whole.len() as u64, "{length}: {expected}");
                assert!(error.to_string().contains("older checkpoint"));
            }
            other => panic!("cut at {length}: {other:?}"),
        }
    }
}

#[test]
fn other_files_are_named_as_such() {
    let png = b"\x89PNG\r\n\x1a\n and so on";
    let others: [&[u8]; 5] =
        [png, b"this is some text, not tensors", &file("[1, 2, 3]", 0), &file("", 0), &[0xff; 16]];
    for bytes in others {
        let error = load(bytes).unwrap_err().to_string();
        assert!(error.contains("is not a weight file"), "{error}");
    }
    let pickle = load(b"PK\x03\x04\x14\0\0\0 and so on").unwrap_err().to_string();
    assert!(pickle.contains("not a safetensors file") && pickle.contains("twist import"), "{pickle}");
}

#[test]
fn every_damage_of_a_header_has_its_name() {
    let good = entry("F32", "[2]", 0, 8);
    let pair = |first: &str, second: &str| format!(r#"{{"a":{first},"b":{second}}}"#);
    let one = |tensor: &str| format!(r#"{{"a":{tensor}}}"#);
    assert_eq!(load(&file(&one(&good), 8)).unwrap().len(), 1);

    assert!(matches!(damage("{", 0), HeaderDamage::Json(_)));
    assert!(matches!(damage(r#"{"a":3}"#, 0), HeaderDamage::Json(_)));
    assert!(matches!(damage(&one(&entry("F32", "[-2]", 0, 8)), 8), HeaderDamage::Json(_)));
    assert!(matches!(damage(r#"{"__metadata__":{"a":1}}"#, 0), HeaderDamage::Json(_)));
    assert!(matches!(damage(&format!("{}garbage", one(&good)), 8), HeaderDamage::Json(_)));
    assert!(matches!(damage(r#"{"__metadata__":{"twist":"{"}}"#, 0), HeaderDamage::Metadata(_)));
    assert_eq!(damage(&format!(r#"{{"a":{good},"a":{good}}}"#), 8), HeaderDamage::DuplicateName("a".into()));
    assert_eq!(
        damage(&one(&entry("F32", "[2]", 8, 0)), 8),
        HeaderDamage::Offsets { name: "a".into(), begin: 8, end: 0 }
    );
    assert!(matches!(damage(&one(&entry("F32", "[3]", 0, 8)), 8), HeaderDamage::Size { got: 8, .. }));
    let huge = "[4294967296,4294967296,4294967296]";
    assert!(matches!(damage(&one(&entry("F32", huge, 0, 8)), 8), HeaderDamage::Size { got: 8, .. }));
    assert_eq!(
        damage(&pair(&good, &entry("F32", "[2]", 4, 12)), 12),
        HeaderDamage::Overlap { first: "a".into(), second: "b".into() }
    );
    assert_eq!(
        damage(&pair(&good, &good), 16),
        HeaderDamage::Overlap { first: "a".into(), second: "b".into() }
    );
    assert_eq!(
        damage(&pair(&good, &entry("F32", "[2]", 12, 20)), 20),
        HeaderDamage::Gap { name: "b".into(), bytes: 4 }
    );
    assert_eq!(damage(&one(&good), 9), HeaderDamage::Trailing(1));
}

#[test]
fn promises_beyond_the_file_take_no_memory() {
    // A tensor of 4 EiB, consistent in itself: the length of the file is asked first.
    let end = 1u64 << 62;
    let header = format!(r#"{{"a":{}}}"#, entry("U8", &format!("[{end}]"), 0, end));
    assert!(matches!(load(&file(&header, 8)), Err(IoError::Truncated { .. })));
    // The longest header that is believed at all.
    let mut bytes = 100_000_000u64.to_le_bytes().to_vec();
    bytes.extend_from_slice(b"{}");
    assert!(matches!(load(&bytes), Err(IoError::Truncated { expected: 100_000_008, .. })));
}

#[test]
fn unknown_types_are_told_with_the_tensor() {
    let header = format!(r#"{{"fc.weight":{}}}"#, entry("F8_E4M3", "[2]", 0, 2));
    let error = load(&file(&header, 2)).unwrap_err();
    assert!(error.to_string().contains("fc.weight") && error.to_string().contains("F8_E4M3"), "{error}");
}

#[test]
fn files_that_cannot_be_opened_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent.safetensors");
    let error = load_safetensors(&absent).unwrap_err().to_string();
    assert_eq!(error.matches("absent.safetensors").count(), 1, "{error}");
    assert!(error.contains("No such file"), "{error}");
    assert!(matches!(load_safetensors(folder.path()), Err(IoError::Os { .. })));
}

#[test]
fn damage_of_every_byte_is_noticed() {
    let whole = checkpoint();
    let good = load(&whole).unwrap();
    let end = 8 + u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let padding = whole[..end].iter().rev().take_while(|byte| **byte == b' ').count();
    let mut tensors = 0;
    for at in (0..end - padding).chain(end..whole.len()) {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            match load(&bytes) {
                Err(IoError::Checksum { what, .. }) if at >= end => {
                    tensors += usize::from(what.starts_with("tensor `model."));
                }
                Err(_) => {}
                // Not every bit of JSON carries meaning: `1.0` and `1.0 ` are one number.
                Ok(state) => assert!(at < end && state == good, "byte {at}, bit {bit}"),
            }
        }
    }
    assert_eq!(tensors, 8 * (whole.len() - end), "each bit of a tensor is told with its name");
}

#[test]
fn what_the_bytes_of_a_tensor_mean_is_in_its_checksum() {
    let whole = checkpoint();
    let good = load(&whole).unwrap();
    let text = String::from_utf8_lossy(&whole);
    let at = text.find("\"F32\"").expect("a tensor of float32") + 1;
    let mut bytes = whole.clone();
    bytes[at..at + 3].copy_from_slice(b"I32");
    assert!(matches!(load(&bytes), Err(IoError::Checksum { .. })), "read as whole numbers");
    assert_eq!(load(&whole).unwrap(), good);
}

#[test]
fn a_checksum_is_compared_where_it_is_and_only_there() {
    let tensor = entry("U8", "[1]", 0, 1);
    let with = |sums: &str| {
        let sums = sums.replace('"', "\\\"");
        load(&file(&format!(r#"{{"__metadata__":{{"twist_crc32c":"{sums}"}},"a":{tensor}}}"#), 1))
    };
    // The checksum of one byte of zeros and of `U8[1]` behind it, as RFC 3720 computes it.
    assert!(with(r#"{"metadata":null,"tensors":{"a":659652522}}"#).is_ok());
    let damaged = |text: &str, word: &str| {
        let error = with(text).unwrap_err();
        assert!(
            matches!(error, IoError::Checksum { .. }) && error.to_string().contains(word),
            "{text}: {error}"
        );
    };
    damaged(r#"{"metadata":null,"tensors":{"a":659652523}}"#, "tensor `a`");
    damaged(r#"{"metadata":null,"tensors":{}}"#, "list of its tensors");
    damaged(r#"{"metadata":null,"tensors":{"a":659652522,"b":1}}"#, "list of its tensors");
    damaged(r#"{"metadata":1,"tensors":{"a":659652522}}"#, "metadata");
    for wrong in ["", "[]", r#"{"tensors":{"a":-1}}"#] {
        assert!(
            matches!(with(wrong), Err(IoError::Header { damage: HeaderDamage::Checksums(_), .. })),
            "{wrong}"
        );
    }
    assert!(load(&file(&format!(r#"{{"a":{tensor}}}"#), 1)).is_ok(), "files of other programs have none");
}

#[test]
fn headers_that_no_weight_file_has_are_refused_in_a_line() {
    let none = entry("U8", "[]", 0, 1);
    let many: Vec<String> = (0..=1 << 17).map(|i| format!(r#""{i}":{}"#, entry("U8", "[0]", 0, 0))).collect();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let long = "x".repeat(1 << 20);
    let cases = [
        (format!(r#"{{"{long}":{none}}}"#), "name of a tensor"),
        (format!("{{{}}}", many.join(",")), "more than 131072 tensors"),
        (format!(r#"{{"a":{}}}"#, entry("U8", &format!("[{}1]", "1,".repeat(64)), 0, 1)), "64 axes"),
        (format!(r#"{{"a":{}}}"#, entry(&long, "[]", 0, 1)), "type xxx"),
        (format!(r#"{{"a":{{"{long}":1}}}}"#), "unknown field"),
        (format!(r#"{{"a":"{long}"}}"#), "expected struct"),
        (format!(r#"{{"__metadata__":{{"twist":[{}1]}}}}"#, "[],".repeat(1 << 20)), "expected a string"),
        (format!(r#"{{"__metadata__":{{"twist":{deep}}}}}"#), "expected a string"),
        (format!(r#"{{"__metadata__":{{"twist":"{long}"}},"a":{none}}}"#), "not JSON"),
        (format!("{{\"\\u001b]0;x\\u0007\":{}}}", entry("U8", "[9]", 0, 1)), "\\u{1b}]0;x"),
    ];
    for (header, word) in cases {
        let error = load(&file(&header, 1)).unwrap_err().to_string();
        assert!(error.contains(word), "{word}: {error}");
        assert!(error.len() < 600 && !error.contains('\u{1b}'), "{} bytes: {error}", error.len());
    }
}

proptest! {
    /// Whatever a byte becomes, the answer is a state or an error, never a panic or a runaway allocation.
    #[test]
    fn flipped_bytes_never_panic(at in any::<prop::sample::Index>(), value in any::<u8>()) {
        let mut bytes = checkpoint();
        let at = at.index(bytes.len());
        bytes[at] = value;
        let _ = load(&bytes);
    }

    #[test]
    fn random_headers_never_panic(header in "[{}\\[\\]\":,a-z0-9_F]{0,60}", data in 0usize..20) {
        let _ = load(&file(&header, data));
    }
}
