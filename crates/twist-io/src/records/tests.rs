use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

const TEXT: &str = "a test, version 1";

fn key(number: u32) -> RecordKey {
    std::array::from_fn(|i| number.to_le_bytes()[i % 4])
}

fn value(number: u32) -> Vec<u8> {
    (0..number % 50).map(|i| (number * 7 + i) as u8).collect()
}

/// A file with the records of each group in a block of its own, and a link to each.
fn written(groups: &[std::ops::Range<u32>]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.records");
    for group in groups {
        let records = Records::open(&path, TEXT).unwrap();
        for number in group.clone() {
            records.push(key(number), &value(number)).unwrap();
            records.push_link(key(number + 1000), key(number)).unwrap();
        }
        records.finish().unwrap();
    }
    (folder, path)
}

/// Which of the records 0..100 are there; each has the right value.
fn found(path: &Path) -> (Vec<u32>, Vec<String>) {
    let records = Records::open(path, TEXT).unwrap();
    let mut bytes = Vec::new();
    let is_there = |number: &u32| {
        let is_there = records.read(&key(*number), &mut bytes);
        assert!(!is_there || bytes == value(*number), "{number}");
        is_there
    };
    ((0..100).filter(is_there).collect(), records.notes().to_vec())
}

#[test]
fn records_and_links_come_back() {
    let (_folder, path) = written(&[0..7, 3..12, 20..21]);
    let (numbers, notes) = found(&path);
    assert_eq!(numbers, (0..12).chain(20..21).collect::<Vec<u32>>());
    assert!(notes.is_empty());
    let records = Records::open(&path, TEXT).unwrap();
    assert_eq!((records.link(&key(1003)), records.link(&key(3))), (Some(key(3)), None));
    assert_eq!((records.has(&key(11)), records.bytes_of(&key(11))), (true, Some(11)));
    // What is known is not written again.
    let before = fs::read(&path).unwrap();
    records.push(key(3), b"other").unwrap();
    records.push_link(key(1003), key(3)).unwrap();
    records.finish().unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);
    // A link that leads elsewhere now is.
    records.push_link(key(1003), key(4)).unwrap();
    drop(records);
    assert_eq!(Records::open(&path, TEXT).unwrap().link(&key(1003)), Some(key(4)));
}

#[test]
fn a_file_of_other_records_is_not_used() {
    let (folder, path) = written(std::slice::from_ref(&(0..3)));
    let before = fs::read(&path).unwrap();
    let error = Records::open(&path, "a test, version 2").unwrap_err().to_string();
    assert!(error.contains("holds other records") && error.contains("remove it"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
    let other = folder.path().join("other");
    fs::write(&other, "words").unwrap();
    assert!(Records::open(&other, TEXT).unwrap_err().to_string().contains("not a file of records"));
    let link = folder.path().join("link");
    fs_err::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(Records::open(&link, TEXT).unwrap_err().to_string().contains("symbolic link"));
}

#[test]
fn a_file_that_was_cut_anywhere_keeps_what_is_whole_and_grows_again() {
    let (_folder, path) = written(&[0..5, 5..9]);
    let whole = fs::read(&path).unwrap();
    let (mut seen, mut dropped) = (Vec::new(), 0);
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let (numbers, notes) = found(&path);
        assert!([0, 5, 9].contains(&numbers.len()), "{length}: {numbers:?}");
        assert_eq!(numbers, (0..numbers.len() as u32).collect::<Vec<_>>());
        dropped += notes.iter().filter(|note| note.contains("dropped")).count();
        // It was cut to what is whole, which is told once.
        assert!(found(&path).1.is_empty(), "{length}");
        seen.push(numbers.len());
        let records = Records::open(&path, TEXT).unwrap();
        (0..9).for_each(|number| records.push(key(number), &value(number)).unwrap());
        drop(records);
        assert_eq!(found(&path).0.len(), 9, "{length}");
    }
    assert!(seen.is_sorted() && seen.contains(&0) && seen.contains(&5) && dropped > 100);
}

#[test]
fn two_writers_keep_the_records_of_both() {
    let (_folder, path) = written(std::slice::from_ref(&(0..2)));
    let (one, other) = (Records::open(&path, TEXT).unwrap(), Records::open(&path, TEXT).unwrap());
    for number in 0..20 {
        let records = if number % 2 == 0 { &one } else { &other };
        records.push(key(number), &value(number)).unwrap();
        records.finish().unwrap();
    }
    assert_eq!(found(&path).0, (0..20).collect::<Vec<_>>());
    // The part of a block that a killed process left is cut off by the next writer.
    let mut bytes = fs::read(&path).unwrap();
    bytes.extend_from_slice(b"TWSTBLK1 and so");
    fs::write(&path, bytes).unwrap();
    one.push(key(20), &value(20)).unwrap();
    one.finish().unwrap();
    assert_eq!(found(&path), ((0..21).collect(), Vec::new()));
    // A file that was removed meanwhile begins again.
    fs::remove_file(&path).unwrap();
    other.push(key(30), &value(30)).unwrap();
    other.finish().unwrap();
    assert_eq!(found(&path).0, [30]);
}

#[test]
fn a_damaged_value_is_found_and_replaced() {
    let (_folder, path) = written(std::slice::from_ref(&(40..44)));
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(43).position(|window| window == value(43)).unwrap();
    bytes[at + 3] ^= 1;
    fs::write(&path, bytes).unwrap();
    let (records, mut read) = (Records::open(&path, TEXT).unwrap(), Vec::new());
    assert!(records.read(&key(42), &mut read) && !records.read(&key(43), &mut read));
    assert_eq!(records.damaged(), 1);
    records.push(key(43), &value(43)).unwrap();
    drop(records);
    assert_eq!(found(&path).0, [40, 41, 42, 43]);
}

#[test]
fn what_cannot_be_written_is_an_error_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("late/a.records");
    let records = Records::open(&path, TEXT).unwrap();
    // A file where the folder should be.
    fs::write(folder.path().join("late"), "").unwrap();
    records.push(key(1), &value(1)).unwrap();
    assert!(records.finish().is_err());
    records.push(key(2), &value(2)).unwrap();
    assert!(records.finish().is_ok());
    assert!(Records::open(&path, TEXT).is_err());
}

proptest! {
    #[test]
    fn a_changed_byte_is_never_believed(place in 0usize..10_000, bit in 0u8..8) {
        let (_folder, path) = written(&[0..6, 6..30, 30..33]);
        let mut bytes = fs::read(&path).unwrap();
        let place = place % bytes.len();
        bytes[place] ^= 1 << bit;
        fs::write(&path, bytes).unwrap();
        // Whatever is found has the value that was written; the rest is written again.
        match Records::open(&path, TEXT) {
            Err(_) => prop_assert!(place < 16 + TEXT.len()),
            Ok(records) => {
                let mut read = Vec::new();
                for number in 0..33 {
                    if records.read(&key(number), &mut read) {
                        prop_assert_eq!(&read, &value(number));
                    } else {
                        records.push(key(number), &value(number)).unwrap();
                    }
                }
                drop(records);
                prop_assert_eq!(found(&path), ((0..33).collect(), Vec::new()));
            }
        }
    }
}
