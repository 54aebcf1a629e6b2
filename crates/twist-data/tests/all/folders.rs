//! Folders of images.

use std::os::unix::fs::{PermissionsExt, symlink};

use twist_data::{DataError, LabelSource, OpenOptions, Splits, open};

use crate::workplace::{Workplace, bytes, labels, paths, png};

#[test]
fn sub_folders_are_classes_and_the_order_is_by_name() {
    let place = Workplace::with_images(&["dog/2.png", "cat/b/9.png", "cat/1.PNG", "dog/1.jpeg", "root.webp"]);
    let data = place.open("").unwrap();
    assert_eq!(paths(data.as_ref()), ["cat/1.PNG", "cat/b/9.png", "dog/1.jpeg", "dog/2.png", "root.webp"]);
    assert_eq!(data.classes(), ["cat", "dog"]);
    assert_eq!(labels(data.as_ref()), [Some(0), Some(0), Some(1), Some(1), None]);
    assert_eq!(bytes(data.as_ref(), 3), png(0));
    assert!(matches!(data.read(5), Err(DataError::OutOfRange { index: 5, len: 5 })));

    let none = place.open_with("", LabelSource::None).unwrap();
    assert!(none.classes().is_empty() && labels(none.as_ref()).iter().all(Option::is_none));
}

/// What is left out, as `what (examples)`.
fn left_out(data: &dyn twist_data::Dataset) -> String {
    data.left_out().iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[test]
fn splits_are_not_classes() {
    let place =
        Workplace::with_images(&["train/cat/1.png", "train/dog/1.png", "val/cat/1.png", "val/dog/1.png"]);
    let error = place.error("");
    assert!(error.contains("train, val") && error.contains(&place.spec("train")), "{error}");
    let train = place.open("train").unwrap();
    assert_eq!((train.len(), train.classes()), (2, &["cat", "dog"].map(String::from)[..]));
    // Who looks at all of it sees the classes below.
    let options = OpenOptions { splits: Splits::Together, ..OpenOptions::default() };
    let all = open(&place.spec(""), &options).unwrap();
    assert_eq!((all.len(), all.classes()), (4, train.classes()));
    assert!(left_out(&*all).contains("train, val"), "{}", left_out(&*all));
    // `--labels folder` makes classes of all folders.
    assert_eq!(place.open_with("", LabelSource::Folder).unwrap().classes(), ["train", "val"]);
    assert_eq!(place.open_with("", LabelSource::None).unwrap().len(), 4);
}

#[test]
fn folders_that_are_not_classes_are_said() {
    let place = Workplace::with_images(&["2023/1.png", "2024-05/1.png", "DCIM/100CANON/1.png"]);
    let data = place.open("").unwrap();
    assert!(
        data.classes().is_empty() && left_out(&*data).contains("--labels folder"),
        "{}",
        left_out(&*data)
    );
    assert_eq!(place.open_with("", LabelSource::Folder).unwrap().classes().len(), 3);

    let place = Workplace::with_images(&["data/1.png", "data/2.png"]);
    let data = place.open("").unwrap();
    assert!(data.classes().is_empty() && left_out(&*data).contains("(data)"), "{}", left_out(&*data));

    let place = Workplace::with_images(&[
        "cat/1.png",
        "dog/1.png",
        "@eaDir/cat/1.png",
        "dog/__MACOSX/1.png",
        "$RECYCLE.BIN/1.png",
        "lost+found/1.png",
    ]);
    fs_err::create_dir(place.path("emu")).unwrap();
    let data = place.open("").unwrap();
    assert_eq!((data.len(), data.classes()), (2, &["cat", "dog"].map(String::from)[..]));
    let said = left_out(&*data);
    assert!(
        said.contains("4 folders of systems") && said.contains("1 folder without an image (emu)"),
        "{said}"
    );
}

#[test]
fn images_one_by_one_and_by_a_pattern() {
    let place = Workplace::with_images(&["p/cat/1.png", "p/cat/2.jpeg", "p/dog/3.png"]);
    place.write("p/cat/notes.txt", b"x");
    let written = |name: &str| place.path(name).display().to_string();
    let one = place.open("p/dog/3.png").unwrap();
    assert_eq!((paths(&*one), one.classes().len()), (vec![written("p/dog/3.png")], 0));
    let cats = place.open("p/cat/*").unwrap();
    assert_eq!(paths(&*cats), [written("p/cat/1.png"), written("p/cat/2.jpeg")]);
    assert!(left_out(&*cats).contains("notes.txt"), "{}", left_out(&*cats));
    let all = place.open("p/*/*.{png,jpeg}").unwrap();
    assert_eq!((all.len(), all.classes()), (3, &["cat", "dog"].map(String::from)[..]));
    assert_eq!(labels(&*all).iter().flatten().count(), 3);
    assert_eq!(bytes(&*all, 0), png(0));
    assert!(place.error("p/*.gif").contains("no file matches"));
}

#[test]
fn another_picture_of_the_same_size_is_noticed() {
    let place = Workplace::with_images(&["a/1.png", "b/2.png"]);
    place.write("list.txt", b"a/1.png\nb/2.png\n");
    let print = |spec: &str| place.open(spec).unwrap().fingerprint();
    let before = [print(""), print("list.txt")];
    let mut other = fs_err::read(place.path("a/1.png")).unwrap();
    *other.last_mut().unwrap() ^= 1;
    place.write("a/1.png", &other);
    assert!(print("") != before[0] && print("list.txt") != before[1]);
}

#[test]
fn a_flat_folder_has_no_labels() {
    let data = Workplace::with_images(&["b.png", "a.png"]);
    let data = data.open("").unwrap();
    assert_eq!(paths(data.as_ref()), ["a.png", "b.png"]);
    assert!(data.classes().is_empty());
}

#[test]
fn the_fingerprint_follows_names_and_sizes() {
    let place = Workplace::with_images(&["a/1.png", "b/2.png"]);
    let print = || place.open("").unwrap().fingerprint();
    let before = print();
    assert_eq!(print(), before);
    place.write("b/2.png", b"other size");
    let changed = print();
    assert_ne!(changed, before);
    place.write("b/3.png", &png(3));
    assert_ne!(print(), changed);
}

#[test]
fn what_is_left_out_is_listed() {
    let place = Workplace::with_images(&["a/1.png", "a/.hidden.png", ".git/2.png"]);
    place.write("notes.txt", b"x");
    place.write("a/thumbs.db", b"x");
    symlink(place.root(), place.path("a/loop")).unwrap();
    symlink("nowhere", place.path("a/gone.png")).unwrap();
    let data = place.open("").unwrap();
    assert_eq!(paths(data.as_ref()), ["a/1.png"]);
    let mut left: Vec<(String, Vec<String>)> =
        data.left_out().iter().map(|l| (l.what.clone(), l.examples.clone())).collect();
    left.sort();
    let kinds: Vec<&str> = left.iter().map(|(what, _)| what.as_str()).collect();
    let expected = [
        ".db files",
        ".txt files",
        "broken links",
        "folders around all images, which are not classes",
        "hidden files",
        "hidden folders",
        "links that lead back to a folder they are in",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(left[6].1, ["a/loop"]);
}

#[test]
fn linked_folders_are_followed() {
    let elsewhere = Workplace::with_images(&["1.png", "2.png"]);
    let place = Workplace::with_images(&["cat/1.png"]);
    symlink(elsewhere.root(), place.path("dog")).unwrap();
    assert_eq!(paths(place.open("").unwrap().as_ref()), ["cat/1.png", "dog/1.png", "dog/2.png"]);
}

#[test]
fn folders_without_images_say_what_they_hold() {
    let place = Workplace::new();
    let error = place.error("");
    assert!(error.contains("it is empty") && error.contains(".jpg"), "{error}");
    place.write("a/x.heic", b"x");
    place.write("a/y.heic", b"x");
    let error = place.error("");
    assert!(error.contains("2 .heic files (a/x.heic, a/y.heic)") && error.contains("Convert"), "{error}");
}

const HEIC: &[u8] = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";

#[test]
fn an_image_under_the_name_of_another_format_is_read() {
    let place = Workplace::with_images(&["cat/1.heic", "dog/2.gif", "dog/3.png", "photo", "4.xyz"]);
    place.write("dog/4.heic", HEIC);
    place.write("dog/5.avif", HEIC);
    let data = place.open("").unwrap();
    assert_eq!(paths(&*data), ["cat/1.heic", "dog/2.gif", "dog/3.png"]);
    assert_eq!(data.classes(), ["cat", "dog"]);
    let left_out: Vec<String> = data.left_out().iter().map(ToString::to_string).collect();
    for file in
        ["1 .avif file (dog/5.avif): it is a HEIC image", "1 .heic file (dog/4.heic): it is a HEIC image"]
    {
        assert!(left_out.iter().any(|line| line.starts_with(file)), "{left_out:?}");
    }
    // A file that is named by itself is told by its content, whatever it is called.
    for name in ["cat/1.heic", "photo", "4.xyz"] {
        assert_eq!(place.open(name).unwrap().len(), 1, "{name}");
    }
    let error = place.error("dog/4.heic");
    assert!(error.contains("it is a HEIC image; convert it") && error.contains("heif-convert"), "{error}");
}

#[test]
fn misspelt_paths_suggest_what_exists() {
    let place = Workplace::with_images(&["train/cat/1.png"]);
    let error = place.error("trian/cat");
    assert!(error.contains(&place.spec("train/cat")), "{error}");
    let error = open("shapes:trian", &OpenOptions::default()).err().unwrap().to_string();
    assert!(error.contains("shapes:train"), "{error}");
}

#[test]
fn files_of_other_kinds_say_what_to_do() {
    let place = Workplace::new();
    for (name, expected) in
        [("a.tar.gz", "unpack"), ("a.7z", "unpack"), ("a.mp4", ".mp4"), ("README", "no extension")]
    {
        place.write(name, b"x");
        let error = place.error(name);
        assert!(error.contains(expected) && error.contains("Supported are"), "{error}");
    }
}

#[test]
fn a_folder_that_cannot_be_entered_is_an_error() {
    let place = Workplace::with_images(&["a/1.png", "secret/2.png"]);
    fs_err::set_permissions(place.path("secret"), PermissionsExt::from_mode(0o000)).unwrap();
    let outcome = place.open("");
    fs_err::set_permissions(place.path("secret"), PermissionsExt::from_mode(0o755)).unwrap();
    match outcome {
        Err(error) => {
            let text = error.to_string();
            assert!(text.starts_with("cannot list the folder "), "{text}");
            assert!(text.contains("secret") && text.contains("chmod"), "{text}");
        }
        // The superuser is not bound by permissions; the mapping of the error has its own test beside the walk.
        Ok(data) => {
            assert!(rustix::process::geteuid().is_root(), "an unreadable folder vanished silently");
            assert_eq!(data.len(), 2);
        }
    }
}

#[test]
fn names_that_are_not_text_open() {
    use std::os::unix::ffi::OsStrExt;
    let place = Workplace::with_images(&["a/1.png"]);
    let odd = place.path("a").join(std::ffi::OsStr::from_bytes(b"\xff.png"));
    fs_err::write(odd, png(4)).unwrap();
    let data = place.open("").unwrap();
    assert_eq!(paths(data.as_ref()), ["a/1.png", "a/\\xff.png"]);
    assert_eq!(bytes(data.as_ref(), 1), png(4));
}

#[test]
fn databases_and_addresses_come_with_a_remedy() {
    let place = Workplace::new();
    let page = [&[0; 16][..], b"\xde\xc0\xef\xbe\x01\0\0\0", &[0; 4072]].concat();
    place.write("images.lmdb/data.mdb", &page);
    place.write("images.lmdb/lock.mdb", &[0; 100]);
    for name in ["images.lmdb", "images.lmdb/data.mdb"] {
        let error = place.error(name);
        assert!(error.contains("an LMDB database") && error.contains("docs/data.md"), "{name}: {error}");
    }
    for (spec, command) in [
        ("s3://bucket/photos", "aws s3 sync"),
        ("gs://bucket/shards/*.tar", "gcloud storage cp"),
        ("https://example.org/photos.zip", "curl -LO"),
    ] {
        let error = twist_data::open(spec, &twist_data::OpenOptions::default()).err().unwrap().to_string();
        assert!(
            error.contains(spec) && error.contains("download them first") && error.contains(command),
            "{error}"
        );
    }
}
