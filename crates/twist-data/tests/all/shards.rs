//! Tar shards.

use std::path::Path;

use proptest::prelude::*;

use crate::workplace::{Workplace, bytes, labels, paths, png};

/// Writes an archive with the `tar` crate, which is not what reads it.
fn archive(path: &Path, members: &[(&str, &[u8])]) {
    let mut builder = tar::Builder::new(fs_err::File::create(path).unwrap());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.finish().unwrap();
}

#[test]
fn a_member_under_the_name_of_another_format_is_told_by_its_content() {
    let place = Workplace::new();
    let heic: &[u8] = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
    archive(
        &place.path("a.tar"),
        &[("1.heic", &png(1)), ("1.cls", b"2"), ("2.avif", heic), ("3.png", &png(3))],
    );
    let data = place.open("a.tar").unwrap();
    assert_eq!(paths(&*data), ["a.tar/1.heic", "a.tar/3.png"]);
    assert_eq!(bytes(&*data, 0), png(1));
    let left_out = data.left_out()[0].to_string();
    assert!(left_out.starts_with("1 .avif member (2.avif): it is a HEIC image"), "{left_out}");
}

/// Begins as what the tools write, under the names that people give.
#[test]
fn compressed_archives_say_how_to_unpack_them() {
    let place = Workplace::new();
    let cases: [(&[u8], &str, &str); 6] = [
        (b"\x1f\x8b\x08\0\0\0\0\0\0\x03", "compressed with gzip", "tar xf FILE"),
        (b"\xfd7zXZ\0\0\x04", "compressed with xz", "tar xf FILE"),
        (b"\x28\xb5\x2f\xfd\x04", "compressed with zstd", "tar --zstd -xf FILE"),
        (b"BZh91AY&SY", "compressed with bzip2", "tar xf FILE"),
        (b"PK\x03\x04\x14\0", "a ZIP archive", "unzip FILE"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x FILE"),
    ];
    for (begin, what, command) in cases {
        let content = [begin, &[7; 2000]].concat();
        for name in ["a.tar", "a.tar.gz", "a.tgz", "a.zip", "a.parquet", "a.csv", "a.bin", "a"] {
            if name == "a.zip" && what == "a ZIP archive" {
                continue; // it is what its name says
            }
            place.write(name, &content);
            let error = place.error(name);
            assert!(error.contains(what) && error.contains(command), "{name}: {error}");
            assert!(!error.contains("damaged"), "{name}: {error}");
            fs_err::remove_file(place.path(name)).unwrap();
        }
        place.write("shards/a.tar", &content);
        let error = place.error("shards");
        assert!(error.contains(what) && error.contains("a.tar is not a data set"), "{error}");
    }
}

#[test]
fn samples_with_labels() {
    let place = Workplace::new();
    let (one, two, three) = (png(1), png(2), png(3));
    archive(
        &place.path("a-000.tar"),
        &[
            ("s/0001.png", &one),
            ("s/0001.cls", b"2"),
            ("s/0001.txt", b"caption"),
            ("s/0002.cls", b"0\n"),
            ("s/0002.png", &two),
        ],
    );
    archive(
        &place.path("a-001.tar"),
        &[("s/0001.png", &three), ("s/0001.json", br#"{"label": 1, "class": "owl"}"#)],
    );
    for spec in ["a-*.tar", "a-{000..001}.tar", ""] {
        let data = place.open(spec).unwrap();
        assert_eq!(
            paths(data.as_ref()),
            ["a-000.tar/s/0001.png", "a-000.tar/s/0002.png", "a-001.tar/s/0001.png"]
        );
        assert_eq!(labels(data.as_ref()), [Some(2), Some(0), Some(1)]);
        assert_eq!(data.classes(), ["0", "owl", "2"]);
        assert_eq!(
            [bytes(data.as_ref(), 0), bytes(data.as_ref(), 1), bytes(data.as_ref(), 2)],
            [one.clone(), two.clone(), three.clone()]
        );
        assert_eq!(data.left_out()[0].what, ".txt members");
    }
}

/// Which classes the numbers count, where others have names, cannot be told.
#[test]
fn numbers_in_one_shard_and_names_in_another_are_refused() {
    let place = Workplace::new();
    let image = png(1);
    archive(
        &place.path("m0.tar"),
        &[("1.png", &image), ("1.cls", b"cat"), ("2.png", &image), ("2.cls", b"dog")],
    );
    archive(&place.path("m1.tar"), &[("1.png", &image), ("1.cls", b"0"), ("2.png", &image), ("2.cls", b"1")]);
    let error = place.error("m*.tar");
    assert!(error.contains("m1.tar") && error.contains("of 1.png is the number \"0\""), "{error}");
    assert!(error.contains("of 1.png in ") && error.contains("m0.tar is the name \"cat\""), "{error}");
    assert!(error.contains("pack all of them again with names"), "{error}");
    // The numbers have those names elsewhere.
    let json: [&[u8]; 2] = [br#"{"label": 1, "class": "cat"}"#, br#"{"label": 0, "class": "dog"}"#];
    archive(
        &place.path("m2.tar"),
        &[("1.png", &image), ("1.json", json[0]), ("2.png", &image), ("2.json", json[1])],
    );
    let data = place.open("{m0,m1,m2}.tar").unwrap();
    assert_eq!(labels(&*data), [1, 0, 0, 1, 1, 0].map(Some));
    assert_eq!(data.classes(), ["dog", "cat"]);
    // Characters are names beside each other.
    archive(&place.path("c.tar"), &[("1.png", &image), ("1.cls", b"7"), ("2.png", &image), ("2.cls", b"A")]);
    assert_eq!(place.open("c.tar").unwrap().classes(), ["7", "A"]);
}

#[test]
fn a_packed_folder_has_its_folders_as_classes() {
    let place = Workplace::new();
    let image = png(1);
    let long = format!("./top/dog/{}.png", "x".repeat(180));
    archive(
        &place.path("a.tar"),
        &[("./top/cat/1.a.png", &image), ("./top/cat/1.b.png", &image), (&long, &image)],
    );
    let data = place.open("a.tar").unwrap();
    assert_eq!(paths(data.as_ref())[..2], ["a.tar/top/cat/1.a.png", "a.tar/top/cat/1.b.png"]);
    assert_eq!(paths(data.as_ref())[2].len(), "a.tar/top/dog/".len() + 184);
    assert_eq!(
        (labels(data.as_ref()), data.classes()),
        (vec![Some(0), Some(0), Some(1)], &["cat".to_owned(), "dog".to_owned()][..])
    );

    archive(&place.path("flat.tar"), &[("all/1.png", &image), ("all/2.png", &image)]);
    assert!(place.open("flat.tar").unwrap().classes().is_empty());
}

#[test]
fn damaged_archives_say_where() {
    let place = Workplace::new();
    let image = png(1);
    let whole = place.path("whole.tar");
    archive(&whole, &[("a/1.png", &image), ("b/2.png", &image)]);
    let content = fs_err::read(&whole).unwrap();
    let second = 512 + image.len().next_multiple_of(512);
    for (cut, at) in [(second + 600, second), (second + 100, second), (second, second), (100, 0), (0, 0)] {
        place.write("cut.tar", &content[..cut]);
        let error = place.error("cut.tar");
        assert!(error.contains(&format!("cut.tar is damaged at byte {at}: ")), "{error}");
        assert!(error.contains("copy it again"), "{error}");
    }
    let mut flipped = content.clone();
    flipped[second + 3] ^= 0xff;
    place.write("flipped.tar", &flipped);
    assert!(place.error("flipped.tar").contains(&format!("at byte {second}: archive header checksum")));
    archive(&place.path("bad.tar"), &[("1.png", &image), ("1.json", b"{")]);
    assert!(place.error("bad.tar").contains("1.json is not JSON"));
    archive(&place.path("texts.tar"), &[("1.txt", b"x"), ("2.txt", b"x")]);
    assert!(place.error("texts.tar").contains("found 2 .txt members"));
}

#[test]
fn names_with_dots_and_labels_beside_them_are_refused() {
    let place = Workplace::new();
    let image = png(1);
    archive(
        &place.path("a.tar"),
        &[("at 10.05.png", &image), ("at 10.05.cls", b"0"), ("at 10.15.png", &image), ("at 10.15.cls", b"1")],
    );
    let error = place.error("a.tar");
    assert!(error.contains("at 10.05.cls") && error.contains("at 10.15.cls"), "{error}");
    assert!(error.contains("first dot"), "{error}");
    archive(
        &place.path("b.tar"),
        &[
            ("1.png", &image),
            ("1.cls", b"-1"),
            ("2.png", &image),
            ("2.cls", b"1"),
            ("3.png", &image),
            ("3.json", br#"{"label": 0, "score": NaN}"#),
        ],
    );
    assert_eq!(labels(place.open("b.tar").unwrap().as_ref()), [None, Some(1), Some(0)]);
}

#[test]
fn splits_are_not_mixed() {
    let place = Workplace::new();
    let image = png(1);
    for name in ["train-000.tar", "train-001.tar", "test-000.tar"] {
        archive(&place.path(name), &[("1.png", &image)]);
    }
    let error = place.error("");
    assert!(error.contains("test, train") && error.contains("train*.tar"), "{error}");
    assert_eq!(place.open("train*.tar").unwrap().len(), 2);
    assert!(place.error("{train,test}-*.{tar,txt}").contains("no file matches"));
}

#[test]
fn reading_from_many_threads_gives_the_same_bytes() {
    let place = Workplace::new();
    let images: Vec<Vec<u8>> = (0..40).map(png).collect();
    let names: Vec<String> = (0..40).map(|i| format!("{i:04}.png")).collect();
    let members: Vec<(&str, &[u8])> =
        names.iter().map(String::as_str).zip(images.iter().map(Vec::as_slice)).collect();
    archive(&place.path("a.tar"), &members);
    let data = place.open("a.tar").unwrap();
    std::thread::scope(|scope| {
        for offset in 0..4 {
            let (data, images) = (&data, &images);
            scope.spawn(move || {
                (0..400).for_each(|i| {
                    let index = (i * 7 + offset * 11) % 40;
                    assert_eq!(bytes(data.as_ref(), index), images[index]);
                })
            });
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn any_tree_comes_back(members in prop::collection::btree_map("[a-c]/[a-z]{1,120}\\.png", prop::collection::vec(any::<u8>(), 0..3000), 1..12)) {
        let place = Workplace::new();
        let list: Vec<(&str, &[u8])> = members.iter().map(|(n, c)| (n.as_str(), c.as_slice())).collect();
        archive(&place.path("a.tar"), &list);
        let data = place.open("a.tar").unwrap();
        prop_assert_eq!(data.len(), members.len());
        for (index, (name, content)) in members.iter().enumerate() {
            prop_assert_eq!(data.path(index), format!("a.tar/{name}"));
            prop_assert_eq!(&bytes(data.as_ref(), index), content);
        }
    }
}
