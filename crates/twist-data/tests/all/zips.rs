//! Zip archives: a folder in one file.

use std::io::{Cursor, Write};

use twist_data::{DataError, Dataset, LabelSource, OpenOptions, Splits, open};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::workplace::{Workplace, bytes, labels, paths, png};

/// An archive of entries, every other one deflated.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (number, (name, content)) in entries.iter().enumerate() {
        let method = if number % 2 == 0 { CompressionMethod::Deflated } else { CompressionMethod::Stored };
        let options = SimpleFileOptions::default().compression_method(method).unix_permissions(0o644);
        match name.strip_suffix('/') {
            Some(folder) => writer.add_directory(folder, options).unwrap(),
            None => {
                writer.start_file(*name, options).unwrap();
                writer.write_all(content).unwrap();
            }
        }
    }
    writer.finish().unwrap().into_inner()
}

/// Where the header of an entry begins: in front of its content, and in the list at the end.
fn headers(archive: &[u8], name: &str) -> [usize; 2] {
    let find = |magic: &[u8], before: usize| {
        let is_it = |&at: &usize| {
            archive[at..].starts_with(magic) && archive[at + before..].starts_with(name.as_bytes())
        };
        (0..archive.len() - before - name.len()).find(is_it).unwrap()
    };
    [find(b"PK\x03\x04", 30), find(b"PK\x01\x02", 46)]
}

/// Writes `value` into both headers of an entry, where the list has it at `at`; in front of the content it is two bytes earlier.
fn with(mut archive: Vec<u8>, name: &str, at: usize, value: &[u8]) -> Vec<u8> {
    let [local, central] = headers(&archive, name);
    archive[local + at - 2..local + at - 2 + value.len()].copy_from_slice(value);
    archive[central + at..central + at + value.len()].copy_from_slice(value);
    archive
}

const FLAGS: usize = 8;
const METHOD: usize = 10;
const SIZE: usize = 24;

#[test]
fn an_archive_is_the_folder_that_it_was_made_of() {
    let place = Workplace::with_images(&["dog/2.png", "cat/b/9.png", "cat/1.png", "dog/10.png", "b.png"]);
    let names = ["dog/2.png", "cat/b/9.png", "cat/1.png", "dog/10.png", "b.png"];
    let contents: Vec<Vec<u8>> = (0..5).map(png).collect();
    let mut entries: Vec<(&str, &[u8])> =
        names.iter().copied().zip(contents.iter().map(Vec::as_slice)).collect();
    entries.extend([
        ("cat/", &b""[..]),
        ("notes.txt", b"x"),
        ("cat/.hidden.png", b"x"),
        ("__MACOSX/cat/._1.png", b"x"),
        ("cat/@eaDir/1.png", b"x"),
    ]);
    place.write("packed/photos.zip", &archive(&entries));
    let folder = {
        let place = Workplace::with_images(&names);
        let data = place.open("").unwrap();
        let all: Vec<_> = (0..data.len()).map(|index| bytes(&*data, index)).collect();
        (paths(&*data), labels(&*data), data.classes().to_vec(), all)
    };
    for spec in ["packed/photos.zip", "packed", "packed/*.zip"] {
        let data = place.open(spec).unwrap();
        let inside: Vec<String> =
            paths(&*data).iter().map(|path| path.strip_prefix("photos.zip/").unwrap().to_owned()).collect();
        let all: Vec<_> = (0..data.len()).map(|index| bytes(&*data, index)).collect();
        assert_eq!((inside, labels(&*data), data.classes().to_vec(), all), folder, "{spec}");
        assert!(data.file(0).is_none() && data.read(5).is_err());
        let left_out: Vec<String> = data.left_out().iter().map(ToString::to_string).collect();
        for line in ["1 .txt entry (notes.txt)", "2 hidden entries (cat/.hidden.png, __MACOSX/cat/._1.png)"] {
            assert!(left_out.iter().any(|found| found == line), "{left_out:?}");
        }
        assert!(
            left_out.iter().any(|found| found == "1 entry of a system or server (cat/@eaDir/1.png)"),
            "{left_out:?}"
        );
    }
    assert!(place.open_with("packed/photos.zip", LabelSource::None).unwrap().classes().is_empty());
}

#[test]
fn several_archives_are_one_data_set_and_have_an_identity() {
    let place = Workplace::new();
    let (one, two, three) = (png(1), png(2), png(3));
    place.write("a.zip", &archive(&[("cat/1.png", &one)]));
    place.write("b.zip", &archive(&[("dog/1.png", &two), ("cat/2.png", &three)]));
    let data = place.open("*.zip").unwrap();
    assert_eq!(paths(&*data), ["a.zip/cat/1.png", "b.zip/cat/2.png", "b.zip/dog/1.png"]);
    assert_eq!(
        (data.classes(), labels(&*data)),
        (&["cat".to_owned(), "dog".to_owned()][..], vec![Some(0), Some(0), Some(1)])
    );
    assert_eq!(bytes(&*data, 2), two);
    let before = data.fingerprint();
    assert_eq!(place.open("*.zip").unwrap().fingerprint(), before);
    // Another picture of another size or content, another name, another order of packing.
    place.write("b.zip", &archive(&[("cat/2.png", &three), ("dog/1.png", &two)]));
    assert_eq!(place.open("*.zip").unwrap().fingerprint(), before, "the order in the archive does not count");
    place.write("b.zip", &archive(&[("dog/1.png", &two), ("cat/2.png", &png(6))]));
    assert_ne!(place.open("*.zip").unwrap().fingerprint(), before);
    place.write("b.zip", &archive(&[("dog/1.png", &two), ("cat/3.png", &three)]));
    assert_ne!(place.open("*.zip").unwrap().fingerprint(), before);
}

#[test]
fn splits_are_refused_unless_all_are_looked_at() {
    let place = Workplace::new();
    let entries =
        [("all/train/cat/1.png", png(1)), ("all/train/dog/1.png", png(2)), ("all/val/cat/2.png", png(3))];
    let entries: Vec<(&str, &[u8])> = entries.iter().map(|(name, png)| (*name, png.as_slice())).collect();
    place.write("a.zip", &archive(&entries));
    let error = place.error("a.zip");
    assert!(error.contains("the splits train, val") && error.contains("unpack"), "{error}");
    let options = OpenOptions { labels: LabelSource::Auto, splits: Splits::Together };
    let data = open(&place.spec("a.zip"), &options).unwrap();
    assert_eq!((data.len(), data.classes()), (3, &["cat".to_owned(), "dog".to_owned()][..]));
}

#[test]
fn names_that_lead_out_are_refused() {
    let place = Workplace::new();
    for name in ["../x.png", "a/../../x.png", "/etc/x.png", "C:/x.png", "..\\x.png", "C:\\x.png"] {
        // Written as a name of the same length, which the library accepts.
        let plain = "p".repeat(name.len() - 4) + ".png";
        let picture = png(1);
        let mut file = archive(&[("a.png", &picture), (&plain, &picture)]);
        for (at, length) in headers(&file, &plain).into_iter().zip([30, 46]) {
            file[at + length..at + length + name.len()].copy_from_slice(name.as_bytes());
        }
        place.write("a.zip", &file);
        let error = place.error("a.zip");
        assert!(error.contains(name) && error.contains("unpacked"), "{error}");
    }
    // A name with two dots that leads nowhere else.
    place.write("a.zip", &archive(&[("a..b/x..png.png", &png(1)), ("./b.png", &png(2))]));
    assert_eq!(paths(&*place.open("a.zip").unwrap()), ["a.zip/a..b/x..png.png", "a.zip/b.png"]);
}

/// The error of reading the image `name`; all others can be read.
fn unreadable(data: &dyn Dataset, name: &str) -> DataError {
    let mut found = None;
    for index in 0..data.len() {
        match data.read(index) {
            Err(error) if data.path(index).ends_with(name) => found = Some(error),
            Err(error) => panic!("{}: {error}", data.path(index)),
            Ok(_) => assert!(!data.path(index).ends_with(name), "{name} is read"),
        }
    }
    found.unwrap()
}

#[test]
fn entries_that_cannot_be_unpacked_are_named_and_the_others_are_read() {
    let place = Workplace::new();
    let (one, two) = (png(1), png(2));
    let plain = || archive(&[("a.png", &one), ("b.png", &two), ("c.png", &one)]);
    let mut damaged = plain();
    let [local, _] = headers(&damaged, "b.png");
    damaged[local + 35 + 60] ^= 0x55;
    let cases = [
        (
            "encrypted",
            with(plain(), "b.png", FLAGS, &[1, 0]),
            "it is encrypted: unpack the archive with its password",
        ),
        ("method", with(plain(), "b.png", METHOD, &[12, 0]), "stored or deflated"),
        ("damaged", damaged, "copy it again"),
        ("short", with(plain(), "b.png", SIZE, &[9, 0, 0, 0]), "cannot be unpacked"),
    ];
    for (case, file, why) in cases {
        place.write("a.zip", &file);
        let data = place.open("a.zip").unwrap();
        assert_eq!(data.len(), 3, "{case}");
        let error = unreadable(&*data, "b.png").to_string().replace("; unpack", ": unpack");
        assert!(error.contains("a.zip/b.png") && error.contains(why), "{case}: {error}");
        let report = twist_data::verify(&*data, &twist_data::SurveyOptions::default());
        assert_eq!(report.unreadable.len(), 1, "{case}");
    }
}

#[test]
fn an_entry_that_is_too_large_is_named_as_that() {
    let place = Workplace::new();
    let (one, two) = (png(1), png(2));
    let file = archive(&[("a.png", &one), ("b.png", &two), ("c.png", &one)]);
    place.write("a.zip", &with(file, "b.png", SIZE, &(500u32 << 20).to_le_bytes()));
    let data = place.open("a.zip").unwrap();
    let error = unreadable(&*data, "b.png").to_string();
    assert!(error.contains("a.zip/b.png has 525 MB") && error.contains("make a smaller copy"), "{error}");
    // A promise is not believed before bytes come, and what comes beyond it is not unpacked.
    let zeros = vec![0; 8 << 20];
    let file = archive(&[("a.png", &zeros), ("b.png", &two)]);
    place.write("bomb.zip", &with(file, "a.png", SIZE, &100u32.to_le_bytes()));
    let data = place.open("bomb.zip").unwrap();
    let mut error = None;
    let used = allocation_counter::measure(|| error = data.read(0).err());
    assert!(error.is_some() && used.bytes_max < 1 << 20, "{} bytes: {error:?}", used.bytes_max);
}

#[test]
fn archives_that_are_none_or_empty_say_so() {
    let place = Workplace::new();
    let picture = png(1);
    let whole = archive(&[("a.png", &picture), ("b.png", &picture)]);
    place.write("cut.zip", &whole[..whole.len() - 30]);
    let error = place.error("cut.zip");
    assert!(
        error.contains("cut.zip cannot be read as a zip archive") && error.contains("copy it again"),
        "{error}"
    );
    place.write("page.zip", b"<!DOCTYPE html><html></html>");
    assert!(place.error("page.zip").contains("an HTML page"));
    place.write(
        "texts.zip",
        &archive(&[("a.txt", b"x"), ("b/c.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")]),
    );
    let error = place.error("texts.zip");
    assert!(error.contains("holds no image") && error.contains("a HEIC image"), "{error}");
    // A telephone calls a JPEG so.
    place.write("b.zip", &archive(&[("a.heic", &picture), ("b.zip", b"PK\x03\x04")]));
    assert_eq!(paths(&*place.open("b.zip").unwrap()), ["b.zip/a.heic"]);
    // Among images an archive is not a data set.
    let place = Workplace::with_images(&["p/1.png"]);
    place.write("p/more.zip", &whole);
    let data = place.open("p").unwrap();
    assert_eq!(data.len(), 1);
    let left_out = data.left_out()[0].to_string();
    assert!(left_out.contains("a ZIP archive; give it as DATA by itself"), "{left_out}");
}

#[test]
fn two_entries_of_one_name_are_refused() {
    let place = Workplace::new();
    let picture = png(1);
    let mut file = archive(&[("a.png", &picture), ("b.png", &picture)]);
    for (at, length) in headers(&file, "b.png").into_iter().zip([30, 46]) {
        file[at + length] = b'a';
    }
    place.write("a.zip", &file);
    let error = place.error("a.zip");
    assert!(error.contains("have one name") && error.contains("unpack it"), "{error}");
}

#[test]
fn old_programs_for_windows_write_backslashes() {
    let place = Workplace::new();
    let (one, two) = (png(1), png(2));
    let mut file = archive(&[("cat/1.png", &one), ("dog/2.png", &two)]);
    for name in ["cat/1.png", "dog/2.png"] {
        let [local, central] = headers(&file, name);
        (file[local + 33], file[central + 49]) = (b'\\', b'\\');
        // Made by FAT, without the permissions of Unix.
        file[central + 5] = 0;
    }
    place.write("a.zip", &file);
    let data = place.open("a.zip").unwrap();
    assert_eq!(paths(&*data), ["a.zip/cat/1.png", "a.zip/dog/2.png"]);
    assert_eq!(data.classes(), ["cat", "dog"]);
}
