//! MATLAB files: what SciPy wrote, both orders of bytes, and damaged files.

use std::path::Path;

use proptest::prelude::*;
use twist_io::{IoError, MatDamage, MatValue, load_mat};

/// A file that `files/make_mat.py` wrote.
fn file(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/all/files").join(name)
}

fn numbers(axes: &[usize], values: &[f64]) -> MatValue {
    MatValue::Numbers { axes: axes.to_vec(), values: values.to_vec() }
}

#[test]
fn what_scipy_wrote_is_read_packed_or_not() {
    for name in ["plain.mat", "packed.mat"] {
        let variables = load_mat(file(name)).unwrap();
        assert_eq!(variables.len(), 13, "{name}");
        assert_eq!(variables["bytes"], numbers(&[2, 3], &[1.0, 4.0, 2.0, 5.0, 3.0, 255.0]));
        assert_eq!(variables["shorts"], numbers(&[1, 2], &[-300.0, 300.0]));
        assert_eq!(variables["words"], numbers(&[1, 2], &[-2_147_483_648.0, 2_147_483_647.0]));
        assert_eq!(variables["longs"], numbers(&[1, 2], &[-1_099_511_627_776.0, 1_099_511_627_776.0]));
        assert_eq!(variables["singles"], numbers(&[1, 2], &[0.5, -1.25]));
        assert_eq!(variables["doubles"], numbers(&[2, 2, 1], &[0.1, 0.3, 0.2, 0.4]));
        assert_eq!(variables["flag"], numbers(&[1, 2], &[1.0, 0.0]));
        assert_eq!(variables["complex"], numbers(&[1, 2], &[1.0, 3.0]));
        assert_eq!(variables["nothing"], numbers(&[0, 5], &[]));
        assert_eq!(variables["text"].text(), Some("one row"));
        assert_eq!(variables["rows"], MatValue::Text(vec!["cat ".into(), "lynx".into()]));
        let cells = variables["cells"].cells().unwrap();
        assert_eq!((cells[0].text(), cells[2].text()), (Some("Audi R8"), Some("Škoda")));
        assert_eq!(cells[1], numbers(&[1, 2], &[1.0, 2.0]));
        let structures = &variables["structures"];
        let classes: Vec<f64> =
            structures.field("class").unwrap().into_iter().map(|class| class.number().unwrap()).collect();
        assert_eq!(classes, [1.0, 2.0, 3.0]);
        assert_eq!(structures.field("fname").unwrap()[2].text(), Some("00002.jpg"));
        assert_eq!((structures.field("other"), structures.kind()), (None, "structures"));
    }
}

/// A file of one variable, put together by hand; `big` turns every number round.
struct Writer {
    bytes: Vec<u8>,
    big: bool,
}

impl Writer {
    fn new(big: bool) -> Self {
        let mut bytes = b"MATLAB 5.0 MAT-file, by hand".to_vec();
        bytes.resize(124, b' ');
        bytes.extend(if big { *b"\x01\x00MI" } else { *b"\x00\x01IM" });
        Self { bytes, big }
    }

    fn number<const N: usize>(&self, little: [u8; N]) -> [u8; N] {
        let mut bytes = little;
        if self.big {
            bytes.reverse();
        }
        bytes
    }

    fn element(&self, kind: u32, data: &[u8]) -> Vec<u8> {
        let mut bytes = self.number(kind.to_le_bytes()).to_vec();
        bytes.extend(self.number((data.len() as u32).to_le_bytes()));
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    fn words(&self, kind: u32, words: &[i32]) -> Vec<u8> {
        let data: Vec<u8> = words.iter().flat_map(|word| self.number(word.to_le_bytes())).collect();
        self.element(kind, &data)
    }

    /// A matrix of `class` with the given axes, name and parts.
    fn matrix(&self, class: i32, axes: &[i32], name: &str, parts: &[Vec<u8>]) -> Vec<u8> {
        let mut inside = self.words(6, &[class, 0]);
        inside.extend(self.words(5, axes));
        inside.extend(self.element(1, name.as_bytes()));
        parts.iter().for_each(|part| inside.extend(part));
        self.element(14, &inside)
    }

    fn file(&self, parts: &[Vec<u8>]) -> Vec<u8> {
        [self.bytes.clone(), parts.concat()].concat()
    }
}

fn load(bytes: &[u8]) -> Result<std::collections::BTreeMap<String, MatValue>, IoError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("suspect.mat");
    fs_err::write(&path, bytes).unwrap();
    let loaded = load_mat(&path);
    if let Err(error) = &loaded {
        assert!(error.to_string().contains("suspect.mat"), "{error}");
    }
    loaded
}

fn damage(bytes: &[u8]) -> MatDamage {
    match load(bytes) {
        Err(IoError::Mat { damage, .. }) => damage,
        other => panic!("{other:?}"),
    }
}

#[test]
fn both_orders_of_bytes_say_the_same() {
    let read = |big| {
        let writer = Writer::new(big);
        let pair = writer.words(5, &[-7, 70_000]);
        let cell = writer.matrix(12, &[1, 2], "", &[pair]);
        load(&writer.file(&[writer.matrix(1, &[1, 1], "x", &[cell])])).unwrap()
    };
    assert_eq!(read(false), read(true));
    assert_eq!(read(true)["x"].cells().unwrap()[0], numbers(&[1, 2], &[-7.0, 70_000.0]));
}

#[test]
fn every_lie_has_its_name() {
    let w = Writer::new(false);
    let one = |class, axes: &[i32], parts: &[Vec<u8>]| w.file(&[w.matrix(class, axes, "x", parts)]);
    let byte = w.element(2, &[1]);
    assert_eq!(load(&one(9, &[1, 1], std::slice::from_ref(&byte))).unwrap().len(), 1);

    assert!(matches!(load(b""), Err(IoError::Empty(_))));
    assert_eq!(damage(b"P5 10 10"), MatDamage::NotMat);
    assert_eq!(damage(&[b' '; 200]), MatDamage::NotMat);
    let mut hdf5 = b"MATLAB 7.3 MAT-file".to_vec();
    hdf5.resize(600, 0);
    assert_eq!(damage(&hdf5), MatDamage::Hdf5);
    let mut version = w.file(&[]);
    version[125] = 9;
    assert_eq!(damage(&version), MatDamage::Version(0x0900));

    assert!(matches!(damage(&w.file(&[vec![1, 2, 3]])), MatDamage::Short { promised: 8, left: 3 }));
    let whole = one(9, &[1, 1], std::slice::from_ref(&byte));
    assert!(matches!(damage(&whole[..whole.len() - 8]), MatDamage::Short { .. }));
    assert!(matches!(damage(&w.file(&[w.element(15, b"not zlib")])), MatDamage::Compressed(_)));
    assert_eq!(damage(&w.file(std::slice::from_ref(&byte))), MatDamage::Type { what: "a variable", got: 2 });
    assert_eq!(damage(&one(9, &[-1, 1], std::slice::from_ref(&byte))), MatDamage::Axes(vec![-1, 1]));
    assert_eq!(damage(&one(9, &[1], std::slice::from_ref(&byte))), MatDamage::Axes(vec![1]));
    let most = i32::MAX;
    assert!(matches!(damage(&one(9, &[most, most, most], std::slice::from_ref(&byte))), MatDamage::Axes(_)));
    assert_eq!(
        damage(&one(9, &[2, 1], std::slice::from_ref(&byte))),
        MatDamage::Count { expected: 2, got: 1 }
    );
    // A billion cells in no bytes, and a structure of as many.
    assert_eq!(
        damage(&one(1, &[1_000_000_000, 1], &[])),
        MatDamage::Count { expected: 1_000_000_000, got: 0 }
    );
    let fields = [w.words(5, &[4]), w.element(1, b"a\0\0\0b\0\0\0")];
    assert_eq!(
        damage(&one(2, &[most, most], &fields)),
        MatDamage::Count { expected: 2 * (most as u64) * (most as u64), got: 0 }
    );
    assert_eq!(damage(&one(2, &[1, 1], &[w.words(5, &[0]), w.element(1, b"")])), MatDamage::Fields);
    assert_eq!(damage(&one(2, &[1, 1], &[w.words(5, &[3]), w.element(1, b"abcd")])), MatDamage::Fields);
    assert_eq!(damage(&one(4, &[1, 1], &[w.element(16, &[0xff])])), MatDamage::Text(0xff));
    assert_eq!(damage(&one(4, &[1, 1], &[w.words(18, &[0x7fff_ffff])])), MatDamage::Text(0x7fff_ffff));
    for (class, what) in
        [(3, "an object"), (5, "a sparse matrix"), (16, "a function"), (17, "an opaque object")]
    {
        assert_eq!(damage(&one(class, &[1, 1], &[])), MatDamage::Class(what));
    }
    let twice = w.matrix(9, &[1, 1], "x", &[byte]);
    assert_eq!(damage(&w.file(&[twice.clone(), twice])), MatDamage::Twice("x".into()));
}

#[test]
fn deep_nesting_and_bombs_end_early() {
    let w = Writer::new(false);
    let mut nested = w.matrix(9, &[1, 1], "", &[w.element(2, &[1])]);
    for _ in 0..40 {
        nested = w.matrix(1, &[1, 1], "", &[nested]);
    }
    assert!(matches!(damage(&w.file(&[nested])), MatDamage::Depth(16)));

    // Zeros that unpack to more than is ever read: 40 MiB in 40 KiB.
    let mut bomb = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut bomb, &vec![0; 40 << 20]).unwrap();
    assert!(matches!(damage(&w.file(&[w.element(15, &bomb.finish().unwrap())])), MatDamage::TooLarge(_)));
}

#[test]
fn files_cut_anywhere_never_panic() {
    for name in ["plain.mat", "packed.mat"] {
        let whole = fs_err::read(file(name)).unwrap();
        for length in 0..whole.len() {
            let variables = load(&whole[..length]).map_or(0, |variables| variables.len());
            assert!(variables < 13, "{name} cut at {length}");
        }
    }
}

proptest! {
    #[test]
    fn flipped_bytes_never_panic(at in any::<prop::sample::Index>(), value in any::<u8>()) {
        for name in ["plain.mat", "packed.mat"] {
            let mut bytes = fs_err::read(file(name)).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = value;
            let _ = load(&bytes);
        }
    }
}
