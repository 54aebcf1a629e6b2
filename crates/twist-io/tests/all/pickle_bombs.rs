//! Pickles of a megabyte that would make gigabytes, or take minutes, if what they name again and again were copied.

use std::path::Path;
use std::time::Instant;

use twist_io::{IoError, PickleDamage, PickleFile, load_pickle};

use crate::pickles::{Pickle, SIX, archive, floats};

/// A name of a megabyte, as memo 0; nothing is left on the stack.
fn long_name() -> Pickle {
    Pickle::new().text(&"k".repeat(1 << 20)).op(b"q\x000")
}

/// Opens what a pickle says, within seconds.
fn open(pickle: &[u8]) -> Result<PickleFile, IoError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.pth");
    fs_err::write(&path, archive(pickle, &[("0", &floats(6))])).unwrap();
    let begin = Instant::now();
    let opened = load_pickle(&path);
    assert!(begin.elapsed().as_secs() < 20, "{:?}", begin.elapsed());
    opened
}

/// Bytes that this process has at most held at a time.
fn peak() -> u64 {
    let status = fs_err::read_to_string(Path::new("/proc/self/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn what_is_named_again_is_not_copied() {
    const TIMES: usize = 50_000;
    let storages = long_name()
        .op(b"(")
        .text("storage")
        .global("torch", "FloatStorage")
        .op(b"h\x00")
        .text("cpu")
        .int(6)
        .op(b"tq\x010](")
        .op(&b"h\x01Q".repeat(TIMES))
        .op(b"e");
    let names = long_name().op(b"](").op(&b"h\x00h\x00\x93".repeat(TIMES)).op(b"e");
    // The type of a storage is a name as well.
    let types = format!("ctorch\n{}\n", "T".repeat(1 << 20));
    let types = Pickle::new()
        .op(types.as_bytes())
        .op(b"q\x000(")
        .text("storage")
        .op(b"h\x00")
        .text("0")
        .text("cpu")
        .int(6)
        .op(b"tq\x010](")
        .op(&b"h\x01Q".repeat(TIMES))
        .op(b"e");
    let parameters = Pickle::new()
        .tensor(&SIX)
        .op(b"\x85q\x000")
        .global("torch._utils", "_rebuild_parameter")
        .op(b"q\x010](")
        .op(&b"h\x01h\x00R".repeat(TIMES))
        .op(b"e");
    for pickle in [storages, names, types, parameters] {
        assert!(open(&pickle.stop()).unwrap().states().is_empty());
    }
    // A copy each would be 50 GB; other tests of this process take memory too.
    #[cfg(target_os = "linux")]
    assert!(peak() < 4 << 30, "{} bytes", peak());
}

#[test]
fn lists_that_are_made_of_a_long_one_are_refused() {
    let ones = |function: (&str, &str)| {
        let list = Pickle::new().op(b"](K\x01").op(&b"2".repeat(1 << 20)).op(b"e\x85q\x000");
        let list = list.global(function.0, function.1).op(b"q\x010](");
        list.op(&b"h\x01h\x00R".repeat(10_000)).op(b"e").stop()
    };
    let pairs = {
        let pair = Pickle::new().text("k").int(1).op(b"\x86q\x020](h\x02");
        let list = pair.op(&b"2".repeat(1 << 20)).op(b"e\x85q\x000");
        let list = list.global("collections", "OrderedDict").op(b"q\x010](");
        list.op(&b"h\x01h\x00R".repeat(10_000)).op(b"e").stop()
    };
    for pickle in [ones(("torch", "Size")), pairs] {
        let error = open(&pickle).unwrap_err();
        assert!(matches!(&error, IoError::Pickle { damage: PickleDamage::Amplifies { .. }, .. }), "{error}");
    }
}

#[test]
fn keys_are_found_without_writing_them_out() {
    // Dictionaries with tensors, each under its number in dictionaries under long keys.
    let tensors = Pickle::new().op(b"}").entry("w", &SIX).op(b"sq\x010");
    let key = |length: usize| tensors.clone().text(&"k".repeat(length)).op(b"q\x000");
    let all = |pickle: Pickle| {
        let inner = (0..4000).fold(pickle.op(b"}("), |pickle, i| pickle.text(&i.to_string()).op(b"h\x01"));
        open(&inner.op(b"uq\x020}h\x00h\x02sq\x030}h\x00h\x03s").stop()).unwrap().states()
    };
    assert_eq!(all(key(200)).len(), 4000);
    assert_eq!(all(key(1 << 20)), [], "no network lies under such a key");

    // A million entries that are not dictionaries.
    let entries = key(1 << 20).op(b"}(").op(&b"h\x00K\x01".repeat(1_000_000)).op(b"u").stop();
    assert_eq!(open(&entries).unwrap().states(), []);
}

#[test]
fn more_tensors_than_any_network_has_are_refused() {
    let pickle = Pickle::new().tensor(&SIX).op(b"q\x010}(");
    let pickle = (0..=1 << 17).fold(pickle, |pickle, i| pickle.text(&i.to_string()).op(b"h\x01"));
    let error = open(&pickle.op(b"u").stop()).unwrap_err();
    assert!(error.to_string().contains("more than 131072 tensors under one key"), "{error}");
}
