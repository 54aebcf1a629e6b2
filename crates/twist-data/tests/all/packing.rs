//! Packing, and opening what was packed.

use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use twist_data::{DataError, Dataset, OpenOptions, PackOptions, Shapes, Split, Stored, open, pack};

use crate::workplace::{Workplace, bytes, labels, paths, png};

#[test]
fn bytes_labels_and_classes_survive() {
    let place = Workplace::with_images(&["cat/1.png", "cat/2.png", "dog/1.png", "root.png", "zebra/1.png"]);
    let data = place.open("").unwrap();
    let done = AtomicUsize::new(0);
    let progress = |count: usize| done.store(count, Ordering::Relaxed);
    let options = PackOptions { max_images: 2, progress: Some(&progress), ..PackOptions::default() };
    let report = pack(data.as_ref(), &place.spec("packed/all.tar"), &options).unwrap();
    assert_eq!((report.images, report.shards.len(), report.skipped.len()), (5, 3, 0));
    assert_eq!(done.load(Ordering::Relaxed), 5);
    let on_disk: u64 = report.shards.iter().map(|s| s.metadata().unwrap().len()).sum();
    assert_eq!(on_disk, report.bytes);
    let packed = open(&report.pattern, &OpenOptions::default()).unwrap();
    assert_eq!(packed.classes(), data.classes());
    assert_eq!(labels(packed.as_ref()), labels(data.as_ref()));
    for index in 0..5 {
        assert_eq!(bytes(packed.as_ref(), index), bytes(data.as_ref(), index));
    }
    assert_eq!(paths(packed.as_ref())[2], "all-000001.tar/00000002.png");

    // Other tools see plain members.
    let mut members = tar::Archive::new(fs_err::File::open(&report.shards[0]).unwrap());
    let names: Vec<String> =
        members.entries().unwrap().map(|e| e.unwrap().path().unwrap().display().to_string()).collect();
    let expected =
        ["00000000.png", "00000000.cls", "00000000.json", "00000001.png", "00000001.cls", "00000001.json"];
    assert_eq!(
        names.iter().filter(|n| *n != "pax_global_header").collect::<Vec<_>>(),
        expected.iter().collect::<Vec<_>>()
    );

    // A single shard of several knows the classes of all.
    let last = open(report.shards[2].to_str().unwrap(), &OpenOptions::default()).unwrap();
    assert_eq!((last.classes(), last.label(0)), (data.classes(), Some(2)));
}

#[test]
fn what_a_killed_pack_left_goes_and_what_a_living_one_writes_stays() {
    let place = Workplace::with_images(&["1.png"]);
    let data = place.open("").unwrap();
    for left in ["out/.packing-killed", "out/.packing-living"] {
        fs_err::create_dir_all(place.path(left)).unwrap();
        fs_err::write(place.path(left).join("0.tar"), "part").unwrap();
    }
    let living = fs_err::File::open(place.path("out/.packing-living")).unwrap();
    rustix::fs::flock(&living, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    pack(data.as_ref(), &place.spec("out/a.tar"), &PackOptions::default()).unwrap();
    let names = |folder: &str| {
        let entries = fs_err::read_dir(place.path(folder)).unwrap();
        let mut names: Vec<_> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names("out"), [".packing-living", "a-000000.tar"]);
    assert_eq!(names("out/.packing-living"), ["0.tar"]);

    // Killed while shards got their names: the first one has it, the second one not yet, and a third one is somebody's own.
    let inode =
        |name: &str| std::os::unix::fs::MetadataExt::ino(&fs_err::metadata(place.path(name)).unwrap());
    let publishing = |list: String| {
        fs_err::create_dir_all(place.path("out/.packing-killed")).unwrap();
        fs_err::write(place.path("out/.packing-killed/publishing"), list).unwrap();
    };
    fs_err::write(place.path("out/b-000000.tar"), "published").unwrap();
    fs_err::write(place.path("out/b-000002.tar"), "somebody's own").unwrap();
    publishing(format!("{} b-000000.tar\n1 b-000001.tar\n1 b-000002.tar\n", inode("out/b-000000.tar")));
    fs_err::write(place.path("out/.packing-killed/1.tar"), "waits").unwrap();
    pack(data.as_ref(), &place.spec("out/c.tar"), &PackOptions::default()).unwrap();
    assert_eq!(names("out"), [".packing-living", "a-000000.tar", "b-000002.tar", "c-000000.tar"]);
    // Killed when all had theirs.
    publishing(format!("{} c-000000.tar\n", inode("out/c-000000.tar")));
    pack(data.as_ref(), &place.spec("out/d.tar"), &PackOptions::default()).unwrap();
    let all = [".packing-living", "a-000000.tar", "b-000002.tar", "c-000000.tar", "d-000000.tar"];
    assert_eq!(names("out"), all);
}

#[test]
fn nothing_is_overwritten_and_nothing_half_done_stays() {
    let place = Workplace::with_images(&["1.png"]);
    let data = place.open("").unwrap();
    let out = place.spec("out/a.tar");
    pack(data.as_ref(), &out, &PackOptions::default()).unwrap();
    let first = fs_err::read(place.path("out/a-000000.tar")).unwrap();
    let error = pack(data.as_ref(), &out, &PackOptions::default()).unwrap_err();
    assert!(matches!(&error, DataError::Exists(path) if *path == place.path("out/a-000000.tar")), "{error}");
    assert_eq!(fs_err::read(place.path("out/a-000000.tar")).unwrap(), first);

    // The same data gives the same bytes.
    pack(data.as_ref(), &place.spec("out/b.tar"), &PackOptions::default()).unwrap();
    assert_eq!(fs_err::read(place.path("out/b-000000.tar")).unwrap(), first);

    // A run that fails leaves no shard and no temporary file.
    place.write("2.png", b"text named .png");
    let damaged = place.open("").unwrap();
    let strict = PackOptions { strict: true, max_images: 1, ..PackOptions::default() };
    let error = pack(damaged.as_ref(), &place.spec("strict/a.tar"), &strict).unwrap_err().to_string();
    assert!(error.contains("2.png"), "{error}");
    assert_eq!(fs_err::read_dir(place.path("strict")).unwrap().count(), 0);
}

#[test]
fn what_is_no_image_is_left_out_and_reported() {
    let place = Workplace::with_images(&["1.png"]);
    place.write("2.jpg", b"text named .jpg");
    place.write("3.jpg", b"");
    let data = place.open("").unwrap();
    let report = pack(data.as_ref(), &place.spec("out/a.tar"), &PackOptions::default()).unwrap();
    assert_eq!(report.images, 1);
    let skipped: Vec<&str> = report.skipped.iter().map(|s| s.path.as_str()).collect();
    assert_eq!(skipped, ["2.jpg", "3.jpg"]);
    fs_err::remove_file(place.path("1.png")).unwrap();
    fs_err::remove_dir_all(place.path("out")).unwrap();
    let error = pack(place.open("").unwrap().as_ref(), &place.spec("out/a.tar"), &PackOptions::default())
        .unwrap_err();
    assert!(error.to_string().contains("holds no image"), "{error}");
}

#[test]
fn pixels_become_png_without_loss() {
    let place = Workplace::new();
    let shapes = Shapes::new(Split::Train, 12);
    let report = pack(&shapes, &place.spec("s-%03d.tar"), &PackOptions::default()).unwrap();
    assert_eq!(report.shards, [place.path("s-000.tar")]);
    let packed = open(&report.pattern, &OpenOptions::default()).unwrap();
    let mut decoder = twist_data::Decoder::default();
    for index in 0..12 {
        let Stored::Pixels(original) = shapes.read(index).unwrap() else { panic!("pixels expected") };
        assert_eq!(decoder.decode(&bytes(packed.as_ref(), index)).unwrap(), *original);
        assert_eq!(packed.label(index), shapes.label(index));
    }
    assert_eq!(packed.classes(), shapes.classes());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_limits_keep_everything(images in 1usize..20, max_images in 1usize..7, max_bytes in 1u64..20_000) {
        let names: Vec<String> = (0..images).map(|i| format!("c{}/{i:03}.png", i % 3)).collect();
        let place = Workplace::with_images(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let data = place.open("").unwrap();
        let options = PackOptions { max_images, max_bytes, ..PackOptions::default() };
        let report = pack(data.as_ref(), &place.spec("out/a.tar"), &options).unwrap();
        let packed = open(&report.pattern, &OpenOptions::default()).unwrap();
        prop_assert_eq!(labels(packed.as_ref()), labels(data.as_ref()));
        prop_assert_eq!(packed.classes(), data.classes());
        for index in 0..images {
            prop_assert_eq!(bytes(packed.as_ref(), index), bytes(data.as_ref(), index));
        }
        for shard in &report.shards {
            let here = open(shard.to_str().unwrap(), &OpenOptions::default()).unwrap();
            prop_assert!(here.len() <= max_images);
            prop_assert!(here.len() == 1 || shard.metadata().unwrap().len() <= max_bytes);
        }
    }
}

#[test]
fn the_picture_helper_makes_different_files() {
    assert_ne!(png(1), png(2));
}
