//! PyTorch's weight files: the released ones, views of every kind, and every way of lying.

use std::path::PathBuf;

use proptest::prelude::*;
use twist_io::{Dtype, IoError, PickleDamage, PickleFile, StateDict, load_pickle, load_safetensors};
use zip::CompressionMethod;

use crate::pickles::{Pickle, SIX, View, archive, floats, legacy, zip_of};

/// Opens bytes as a file; the error's text names the file.
fn open(bytes: &[u8]) -> Result<PickleFile, IoError> {
    read(bytes, Ok)
}

/// Opens bytes as a file and does something with it while it is there.
fn read<T>(bytes: &[u8], look: impl FnOnce(PickleFile) -> Result<T, IoError>) -> Result<T, IoError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("suspect.pth");
    fs_err::write(&path, bytes).unwrap();
    let result = load_pickle(&path).and_then(look);
    if let Err(error) = &result {
        assert!(error.to_string().contains("suspect.pth"), "{error}");
    }
    result
}

/// The state dict at the top.
fn state(bytes: &[u8]) -> Result<StateDict, IoError> {
    read(bytes, |mut file| file.state_dict(""))
}

#[track_caller]
fn damage(bytes: &[u8]) -> PickleDamage {
    match state(bytes) {
        Err(IoError::Pickle { damage, .. }) => damage,
        other => panic!("{other:?}"),
    }
}

/// A state dict of one tensor, `w`.
fn one(view: &View<'_>) -> Vec<u8> {
    Pickle::new().op(b"}(").entry("w", view).op(b"u").stop()
}

fn values(state: &StateDict, name: &str) -> Vec<f32> {
    state.get(name).unwrap().to_vec().unwrap()
}

fn reference() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/reference");
    std::env::var_os("TWIST_REFERENCE").map_or(own, PathBuf::from).join("checkpoints")
}

#[test]
fn released_checkpoints_are_read_whole() {
    for (name, parts, tensors) in [("resnet_tiny", "conv1.weight", 15), ("vit_micro", "cls_token", 20)] {
        let mut file = load_pickle(reference().join(format!("{name}.pth"))).unwrap();
        let keys: Vec<String> = file.states().into_iter().map(|(key, _)| key).collect();
        assert_eq!(keys[..2], ["model", "backbone"], "{keys:?}");
        let args = file.root().get("args").unwrap();
        assert_eq!(args.class().as_deref(), Some("argparse.Namespace"));
        assert_eq!(args.get("backbone").unwrap().as_str(), Some(name));
        assert_eq!(args.get("dim").unwrap().as_int(), Some(32));
        assert_eq!(args.get("lam2").unwrap().as_float(), Some(1.0));
        assert_eq!(file.root().get("epoch").unwrap().as_int(), Some(2));
        assert_eq!(file.root().get("scaler").unwrap().get("scale").unwrap().as_float(), Some(65536.0));

        // The backbone's tensors are there twice, and the third time in a file of their own.
        let (model, backbone) = (file.state_dict("model").unwrap(), file.state_dict("backbone").unwrap());
        let mut bare = load_pickle(reference().join(format!("{name}_backbone_only.pth"))).unwrap();
        assert_eq!(bare.states(), [(String::new(), backbone.len())]);
        assert_eq!(bare.state_dict("").unwrap(), backbone);
        assert!(backbone.get(parts).is_some() && backbone.len() >= tensors, "{}", backbone.len());
        for (tensor, value) in backbone.iter() {
            assert_eq!(model.get(&format!("backbone.{tensor}")), Some(value));
        }
        assert!(model.get("projection_heads.last_linear.weight").unwrap().shape == [32, 64]);
        let error = file.state_dict("nothing").unwrap_err().to_string();
        assert!(error.contains("`nothing`") && error.contains("model, backbone"), "{error}");
    }
}

/// Each tensor of a file in one format is that of the same file in the other.
#[test]
fn both_formats_say_the_same() {
    let (half, long) = (8u16.to_le_bytes(), 7i64.to_le_bytes());
    let parameter = Pickle::new()
        .op(b"}(")
        .text("p")
        .global("torch._utils", "_rebuild_parameter")
        .op(b"(")
        .tensor(&SIX)
        .op(b"\x88}tR")
        .entry("h", &View { class: "HalfStorage", key: "1", numel: 1, shape: &[1], strides: &[1], ..SIX })
        .entry("n", &View { class: "LongStorage", key: "2", numel: 1, shape: &[], strides: &[], ..SIX })
        .text("epoch")
        .int(3)
        .text("odd")
        .global("somewhere", "Thing")
        .op(b")R}(")
        .text("x")
        .int(1)
        .op(b"ub")
        .op(b"u")
        .stop();
    let six = floats(6);
    let new = state(&archive(&parameter, &[("0", &six), ("1", &half), ("2", &long)])).unwrap();
    let old = state(&legacy(&parameter, &[("2", 1, &long), ("0", 6, &six), ("1", 1, &half)])).unwrap();
    assert_eq!(new, old);
    assert_eq!(new.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["p", "h", "n"]);
    assert_eq!(values(&new, "p"), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(new.get("h").unwrap().dtype, Dtype::F16);
    let count = new.get("n").unwrap();
    assert_eq!((count.shape.len(), count.to_vec::<i64>().unwrap()), (0, vec![7]));
}

#[test]
fn views_become_tensors_of_their_own() {
    let views = [
        ("rows", View { ..SIX }, vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
        ("turned", View { shape: &[3, 2], strides: &[1, 3], ..SIX }, vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]),
        ("row", View { offset: 3, shape: &[3], strides: &[1], ..SIX }, vec![3.0, 4.0, 5.0]),
        ("column", View { offset: 1, shape: &[2], strides: &[3], ..SIX }, vec![1.0, 4.0]),
        ("spread", View { offset: 5, shape: &[2, 2], strides: &[0, 0], ..SIX }, vec![5.0; 4]),
        ("scalar", View { offset: 2, shape: &[], strides: &[], ..SIX }, vec![2.0]),
        ("thin", View { shape: &[1, 3, 1], strides: &[99, 1, 77], ..SIX }, vec![0.0, 1.0, 2.0]),
        ("none", View { shape: &[0, 3], strides: &[3, 1], ..SIX }, vec![]),
    ];
    let pickle = views.iter().fold(Pickle::new().op(b"}("), |p, (name, view, _)| p.entry(name, view));
    let state = state(&archive(&pickle.op(b"u").stop(), &[("0", &floats(6))])).unwrap();
    for (name, view, expected) in &views {
        assert_eq!(&values(&state, name), expected, "{name}");
        let shape: Vec<usize> = view.shape.iter().map(|&axis| axis as usize).collect();
        assert_eq!(state.get(name).unwrap().shape, shape, "{name}");
    }
}

#[test]
fn every_type_of_elements_is_read_and_others_are_named() {
    let types = [
        ("DoubleStorage", Dtype::F64),
        ("FloatStorage", Dtype::F32),
        ("HalfStorage", Dtype::F16),
        ("BFloat16Storage", Dtype::BF16),
        ("LongStorage", Dtype::I64),
        ("IntStorage", Dtype::I32),
        ("ShortStorage", Dtype::I16),
        ("CharStorage", Dtype::I8),
        ("ByteStorage", Dtype::U8),
        ("BoolStorage", Dtype::Bool),
    ];
    assert_eq!(types.len(), Dtype::ALL.len());
    for (class, dtype) in types {
        let view = View { class, numel: 2, shape: &[2], strides: &[1], ..SIX };
        let bytes = vec![1; 2 * dtype.size()];
        let expected = twist_io::HostTensor::new(dtype, vec![2], bytes.clone()).unwrap();
        assert_eq!(state(&archive(&one(&view), &[("0", &bytes)])).unwrap().get("w"), Some(&expected));
        assert_eq!(state(&legacy(&one(&view), &[("0", 2, &bytes)])).unwrap().get("w"), Some(&expected));
    }
    let complex = View { class: "ComplexFloatStorage", numel: 1, shape: &[1], strides: &[1], ..SIX };
    let error = state(&legacy(&one(&complex), &[("0", 1, &[0; 8])])).unwrap_err();
    assert!(error.to_string().contains("tensor `w` has type "), "{error}");
}

#[test]
fn state_dicts_are_found_by_their_keys() {
    let inner = |pickle: Pickle, name: &str| {
        pickle.text(name).global("collections", "OrderedDict").op(b")R(").entry("w", &SIX).op(b"u")
    };
    let pickle = inner(Pickle::new().op(b"}("), "model").text("ema").op(b"}(");
    let pickle = inner(pickle, "state_dict").text("decay").op(b"G?\xf0\0\0\0\0\0\0u").op(b"u").stop();
    let mut file = read(&archive(&pickle, &[("0", &floats(6))]), |mut file| {
        file.state_dict("model")?;
        file.state_dict("ema/state_dict")?;
        assert!(file.state_dict("").unwrap_err().to_string().contains("has no tensors at its top"));
        Ok(file)
    })
    .unwrap();
    assert_eq!(file.states(), [("model".to_owned(), 1), ("ema/state_dict".to_owned(), 1)]);
    let error = file.state_dict("ema").unwrap_err().to_string();
    assert!(error.ends_with("there are some under model, ema/state_dict"), "{error}");

    // A network that was pickled whole has no state dict; its class is told to those who ask.
    let whole = Pickle::new().global("models", "Net").op(b")\x81}(").text("training").op(b"\x88ub").stop();
    let file = open(&archive(&whole, &[])).unwrap();
    assert_eq!(file.root().class().as_deref(), Some("models.Net"));
    assert_eq!(file.root().get("training").unwrap().as_int(), Some(1));
    let error = read(&archive(&whole, &[]), |mut file| file.state_dict("")).unwrap_err();
    assert!(error.to_string().contains("state_dict()"), "{error}");
}

#[test]
fn a_name_that_comes_twice_has_its_last_value() {
    let second = View { offset: 3, shape: &[3], strides: &[1], ..SIX };
    let pickle =
        Pickle::new().op(b"}(").entry("w", &SIX).entry("v", &SIX).entry("w", &second).op(b"u").stop();
    let state = state(&archive(&pickle, &[("0", &floats(6))])).unwrap();
    assert_eq!(state.len(), 2);
    assert_eq!(values(&state, "w"), [3.0, 4.0, 5.0]);
}

#[test]
fn other_files_are_named_as_such() {
    assert!(matches!(open(b""), Err(IoError::Empty(_))));
    let others: [&[u8]; 5] = [
        b"this is some text",
        b"\x80\x02}.",
        b"\x80\x02K\x01.",
        &zip_of(&[("model.onnx".to_owned(), b"x")], CompressionMethod::Stored),
        &zip_of(&[("a/b/data.pkl".to_owned(), b"\x80\x02}.")], CompressionMethod::Stored),
    ];
    for bytes in others {
        let error = open(bytes).err().unwrap().to_string();
        assert!(error.contains("is not a PyTorch weight file"), "{bytes:?}: {error}");
    }
    // And a pickle is not a safetensors file.
    assert!(load_safetensors(reference().join("resnet_tiny.pth")).is_err());
}

#[test]
fn every_lie_has_its_name() {
    let good = one(&SIX);
    let six = floats(6);
    let with = |pickle: &[u8]| damage(&archive(pickle, &[("0", &six)]));
    assert!(state(&archive(&good, &[("0", &six)])).is_ok());

    assert_eq!(with(&good[..good.len() - 1]), PickleDamage::Cut { at: good.len() as u64 - 1 });
    assert_eq!(with(&[0x80, 9, b'}', b'.']), PickleDamage::Protocol(9));
    assert_eq!(with(b"}\xff."), PickleDamage::Instruction { at: 1, code: 0xff });
    assert_eq!(with(b"}Pid\n."), PickleDamage::Instruction { at: 1, code: b'P' });
    assert_eq!(with(b"."), PickleDamage::Stack { at: 0 });
    assert_eq!(with(b"}0u."), PickleDamage::Stack { at: 2 });
    assert_eq!(with(b"K\x01K\x02a."), PickleDamage::Stack { at: 4 }, "a number is not a list");
    assert_eq!(with(b"K\x01(0R."), PickleDamage::Stack { at: 4 });
    assert_eq!(with(b"h\x05."), PickleDamage::Memo { at: 0, slot: 5 });
    assert_eq!(with(b"X\x02\0\0\0\xff\xff."), PickleDamage::Text { at: 5 });
    assert_eq!(with(b"Ione\n."), PickleDamage::Text { at: 0 });
    assert_eq!(with(b"K\x01K\x02\x93."), PickleDamage::Text { at: 4 });
    assert_eq!(with(b"}(K\x01u."), PickleDamage::Pairs { at: 4 });
    assert_eq!(with(b"K\x01Q."), PickleDamage::Reference { at: 2 });
    assert_eq!(
        with(b"X\xff\xff\xff\x7fabc."),
        PickleDamage::Claim { at: 5, claimed: 0x7fff_ffff, left: 4 },
        "no memory is taken for it"
    );
    assert_eq!(
        with(b"ctorch._utils\n_rebuild_tensor_v2\n)R."),
        PickleDamage::Call { at: 34, function: "torch._utils._rebuild_tensor_v2".into() }
    );
    let negative = one(&View { shape: &[-2, 3], ..SIX });
    assert!(matches!(with(&negative), PickleDamage::Call { .. }));
    let uneven = one(&View { shape: &[2], ..SIX });
    assert!(matches!(with(&uneven), PickleDamage::Call { .. }));

    let bounds = PickleDamage::Bounds { name: "w".into(), key: "0".into() };
    assert_eq!(with(&one(&View { shape: &[3, 3], ..SIX })), bounds);
    assert_eq!(with(&one(&View { offset: 1, ..SIX })), bounds);
    assert_eq!(with(&one(&View { strides: &[i32::MAX, i32::MAX], ..SIX })), bounds);
    let huge = [i32::MAX; 8];
    assert_eq!(with(&one(&View { shape: &huge, strides: &huge, ..SIX })), bounds);
    assert_eq!(
        with(&one(&View { numel: 7, ..SIX })),
        PickleDamage::StorageSize { key: "0".into(), needed: 28, got: 24 }
    );
    assert_eq!(with(&one(&View { key: "1", ..SIX })), PickleDamage::NoStorage { key: "1".into() });
    // Views of one element can be as large as anybody likes, and so can many views of one storage.
    let wide = one(&View { shape: &[30_000, 30_000], strides: &[0, 0], ..SIX });
    assert!(matches!(with(&wide), PickleDamage::Limit { what: "bytes of tensors", .. }));
    let many = (0..2000).fold(Pickle::new().op(b"}("), |pickle, number| match number {
        0 => {
            pickle.text("0").tensor(&View { numel: 1000, shape: &[1000], strides: &[1], ..SIX }).op(b"q\x01")
        }
        _ => pickle.text(&number.to_string()).op(b"h\x01"),
    });
    let many = archive(&many.op(b"u").stop(), &[("0", &floats(1000))]);
    assert!(matches!(damage(&many), PickleDamage::Limit { what: "bytes of tensors", .. }));
}

#[test]
fn archives_that_are_not_pytorchs_are_refused() {
    let good = one(&SIX);
    let (six, little) = (floats(6), b"little".as_slice());
    let entries = |order| {
        let pickle = ("data.pkl".to_owned(), good.as_slice());
        [pickle, ("byteorder".to_owned(), order), ("data/0".to_owned(), &six)]
    };
    let stored = CompressionMethod::Stored;
    assert!(state(&zip_of(&entries(little), stored)).is_ok());
    assert_eq!(damage(&zip_of(&entries(b"big"), stored)), PickleDamage::BigEndian);
    assert!(matches!(damage(&zip_of(&entries(b"middle"), stored)), PickleDamage::Archive(_)));
    assert!(matches!(damage(&zip_of(&entries(&[b'x'; 100]), stored)), PickleDamage::Archive(_)));
    let PickleDamage::Archive(reason) = damage(&zip_of(&entries(little), CompressionMethod::Deflated)) else {
        panic!("compressed entries are not bombs here")
    };
    assert!(reason.contains("compressed"), "{reason}");

    // A damaged byte of a storage is found by its checksum.
    let mut bytes = zip_of(&entries(little), stored);
    let place = bytes.windows(six.len()).position(|window| window == six).unwrap();
    bytes[place + 5] ^= 1;
    assert!(matches!(damage(&bytes), PickleDamage::Archive(reason) if reason.contains("checksum")));
    let twice = [("data.pkl".to_owned(), good.as_slice()), ("../data.pkl".to_owned(), &good)];
    let _ = open(&zip_of(&twice, stored)); // whichever is meant, nothing is written anywhere
}

#[test]
fn legacy_files_are_checked_against_their_length() {
    let six = floats(6);
    let good = one(&SIX);
    let whole = legacy(&good, &[("0", 6, &six)]);
    assert_eq!(values(&state(&whole).unwrap(), "w")[5], 5.0);
    for length in 1..whole.len() {
        match state(&whole[..length]) {
            Err(IoError::Truncated { expected, got, .. }) => {
                assert!(got == length as u64 && expected > got, "cut at {length}: {expected}");
            }
            Err(IoError::Refused(_)) if length == 1 => {}
            other => panic!("cut at {length}: {other:?}"),
        }
    }
    let storages = |bytes: &[u8]| match damage(bytes) {
        PickleDamage::Storages(reason) => reason,
        other => panic!("{other:?}"),
    };
    assert!(storages(&legacy(&good, &[("0", 6, &six), ("0", 6, &six)])).contains("twice"));
    assert!(storages(&legacy(&good, &[("9", 6, &six)])).contains("no tensor"));
    assert!(storages(&legacy(&good, &[("0", u64::MAX, &six)])).contains("no end"));
    assert_eq!(damage(&legacy(&good, &[])), PickleDamage::NoStorage { key: "0".into() });
    assert!(matches!(state(&legacy(&good, &[("0", 1 << 40, &six)])), Err(IoError::Truncated { .. })));
    assert!(matches!(
        damage(&legacy(&good, &[("0", 5, &six)])),
        PickleDamage::StorageSize { needed: 24, .. }
    ));
    let two = Pickle::new().op(b"}(").entry("w", &SIX).entry("v", &View { class: "HalfStorage", ..SIX });
    assert!(storages(&legacy(&two.op(b"u").stop(), &[("0", 6, &six)])).contains("two types"));
}

#[test]
fn views_of_other_numbers_than_the_stored_ones_are_refused() {
    for (facts, refused) in [(&b"\x88"[..], true), (b"\x89", false)] {
        let tensor = Pickle::new().op(b"}(").text("w").global("torch._utils", "_rebuild_tensor_v2").op(b"(");
        let tensor = tensor.storage("FloatStorage", "0", 6).int(0).ints(&[2, 3]).ints(&[3, 1]).op(b"\x89}");
        let pickle = tensor
            .op(b"}(")
            .text("conj")
            .op(b"\x89")
            .text("neg")
            .op(facts)
            .op(b"u")
            .op(b"tR")
            .op(b"u")
            .stop();
        let read = state(&archive(&pickle, &[("0", &floats(6))]));
        assert_eq!(read.is_err(), refused);
        if let Err(error) = read {
            assert!(
                error.to_string().contains("`w`") && error.to_string().contains("resolve_neg"),
                "{error}"
            );
        }
    }
}

#[test]
fn tensors_that_are_not_plain_numbers_are_refused_by_name() {
    let six = floats(6);
    let begun = || Pickle::new().op(b"}(").text("plain").tensor(&SIX).text("layer.weight");
    let indices =
        View { class: "LongStorage", key: "1", numel: 2, offset: 0, shape: &[1, 2], strides: &[2, 1] };
    let sparse = begun().global("torch._utils", "_rebuild_sparse_tensor").op(b"(").text("torch.sparse_coo");
    let sparse = sparse.op(b"(").tensor(&indices).tensor(&SIX).ints(&[9, 3]).op(b"\x88ttR").op(b"u").stop();
    let rows = begun().global("torch._utils", "_rebuild_sparse_tensor").op(b"(").text("torch.sparse_csr");
    let rows = rows.op(b"(").tensor(&indices).tensor(&indices).tensor(&SIX).ints(&[9, 3]).op(b"ttR");
    let rows = rows.op(b"u").stop();
    let quantised = begun().global("torch._utils", "_rebuild_qtensor").op(b"(");
    let quantised = quantised.storage("QInt8Storage", "1", 16).int(0).ints(&[4, 4]).ints(&[4, 1]);
    let quantised = quantised.op(b"(").text("scales").op(b"t\x89}tRu").stop();
    for (pickle, shape, words) in [
        (sparse, [9, 3], ["is sparse", "to_dense()"]),
        (rows, [9, 3], ["is sparse", "to_dense()"]),
        (quantised, [4, 4], ["is quantised", "dequantize()"]),
    ] {
        let mut file = open(&archive(&pickle, &[("0", &six), ("1", &[0; 16])])).unwrap();
        assert_eq!(file.shapes("").last(), Some(&("layer.weight".to_owned(), shape.to_vec())), "{words:?}");
        let error = file.state_dict("").unwrap_err().to_string();
        assert!(
            error.contains("tensor `layer.weight`") && words.iter().all(|word| error.contains(word)),
            "{error}"
        );
    }
    let odd =
        begun().global("torch._utils", "_rebuild_sparse_tensor").op(b"(").text("torch.sparse_coo").op(b"tR");
    assert!(matches!(damage(&archive(&odd.op(b"u").stop(), &[("0", &six)])), PickleDamage::Call { .. }));
}

#[test]
fn nothing_is_executed() {
    let folder = tempfile::tempdir().unwrap();
    let witness = folder.path().join("witness");
    let command = format!("touch {}", witness.display());
    for (module, name) in [("os", "system"), ("builtins", "exec"), ("posix", "system")] {
        let pickle = Pickle::new().op(b"}(").entry("w", &SIX).text("evil").global(module, name);
        let pickle = pickle.op(b"(").text(&command).op(b"tR").op(b"u").stop();
        let state = state(&archive(&pickle, &[("0", &floats(6))])).unwrap();
        assert_eq!(state.len(), 1, "the call is passed over");
    }
    assert!(!witness.exists());
}

proptest! {
    /// Whatever a byte becomes, the answer is a state or an error, never a panic or a runaway allocation.
    #[test]
    fn flipped_bytes_never_panic(at in any::<prop::sample::Index>(), value in any::<u8>(), old in any::<bool>()) {
        let pickle = Pickle::new().op(b"}q\x00(").entry("a", &SIX)
            .entry("b", &View { shape: &[3, 2], strides: &[1, 3], ..SIX }).op(b"u").stop();
        let six = floats(6);
        let mut bytes = if old { legacy(&pickle, &[("0", 6, &six)]) } else { archive(&pickle, &[("0", &six)]) };
        let at = at.index(bytes.len());
        bytes[at] = value;
        let _ = state(&bytes);
    }

    #[test]
    fn random_pickles_never_panic(pickle in prop::collection::vec(
        prop::sample::select(b"()]}.tuesaQRbNK\x01h\x00q\x85\x86\x89X\x94J\xff\x81\x93\x8a2010dl".to_vec()), 0..200,
    )) {
        let _ = open(&archive(&pickle, &[])).map(|file| file.states());
    }

    /// Any strided view equals the same elements picked one by one.
    #[test]
    fn views_follow_their_strides(
        axes in prop::collection::vec((0i32..4, 0i32..6), 0..4), offset in 0i32..10,
    ) {
        let (shape, strides): (Vec<i32>, Vec<i32>) = axes.into_iter().unzip();
        let view = View { numel: 100, offset, shape: &shape, strides: &strides, ..SIX };
        let state = state(&archive(&one(&view), &[("0", &floats(100))])).unwrap();
        let mut expected = vec![offset];
        for (&axis, &stride) in shape.iter().zip(&strides) {
            expected = expected.iter().flat_map(|&at| (0..axis).map(move |i| at + i * stride)).collect();
        }
        prop_assert_eq!(values(&state, "w"), expected.into_iter().map(|at| at as f32).collect::<Vec<_>>());
    }
}
