//! What tells that an image is the one that was read before.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use twist_data::{Dataset, LabelSource, Stamp, noted, read_stamped, reduced, subset};

use crate::workplace::{Workplace, png};

fn stamps(data: &dyn Dataset) -> Vec<Stamp> {
    (0..data.len()).map(|index| data.stamp(index).unwrap()).collect()
}

/// A record of CIFAR-10.
fn record(label: u8) -> Vec<u8> {
    let mut bytes = vec![label];
    bytes.resize(3073, label * 9);
    bytes
}

/// A tar archive with these members.
fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn every_reader_tells_its_images_apart_and_knows_them_again() {
    let place = Workplace::with_images(&["photos/a/1.png", "photos/a/2.png", "photos/b/3.png"]);
    place.write("list.txt", b"photos/a/1.png\nphotos/b/3.png\n");
    place.write("x.tar", &archive(&[("1.png", &png(1)), ("2.png", &png(2))]));
    place.write("cifar/data_batch_1.bin", &[record(1), record(2)].concat());
    for name in ["photos", "photos/a/*.png", "list.txt", "x.tar", "cifar"] {
        let data = place.open(name).unwrap();
        let own = stamps(&*data);
        assert_eq!(own.iter().map(Stamp::key).collect::<HashSet<_>>().len(), own.len(), "{name}");
        assert_eq!(stamps(&*place.open(name).unwrap()), own, "{name}");
        // Labels do not count, and neither do the other images.
        assert_eq!(stamps(&*place.open_with(name, LabelSource::None).unwrap()), own, "{name}");
        assert_eq!(stamps(&*noted(data.clone()).0), own, "{name}");
        let last = own.len() - 1;
        assert_eq!(stamps(&*subset(data.clone(), &[(last as u32, None)], Vec::new()).unwrap()), [own[last]]);
        // Where others see what is not what is stored, nothing is told.
        assert_eq!(reduced(data, 8).stamp(0), None, "{name}");
    }
}

#[test]
fn a_file_that_was_written_again_has_another_stamp() {
    let place = Workplace::with_images(&["a/1.png", "a/2.png"]);
    let data = place.open("a").unwrap();
    let before = stamps(&*data);
    let (path, time) = (place.path("a/1.png"), SystemTime::now() - Duration::from_secs(1000));
    let set = |time| {
        let file = fs_err::File::options().write(true).open(&path).unwrap();
        file.file().set_modified(time).unwrap();
    };
    set(time);
    let old = data.stamp(0).unwrap();
    assert_ne!(old, before[0]);
    // It was changed just now, whatever it says of its content.
    assert!(!old.is_settled(SystemTime::now()) && read_stamped(&*data, 0).1.is_none());
    assert!(old.is_settled(SystemTime::now() + Duration::from_secs(60)));
    // Another content of the same size, with the time set back, in the place of the first: its number is another.
    let mut other = png(1);
    let last = other.len() - 1;
    other[last] ^= 1;
    let new = place.write("new", &other);
    fs_err::rename(new, &path).unwrap();
    set(time);
    assert_ne!(data.stamp(0).unwrap(), old);
    assert_eq!(data.stamp(1).unwrap(), before[1]);
    fs_err::remove_file(&path).unwrap();
    assert_eq!(data.stamp(0), None);
}

#[test]
fn a_container_that_was_written_since_it_was_opened_tells_nothing() {
    let place = Workplace::new();
    let (one, other) = (archive(&[("1.png", &png(1))]), archive(&[("1.png", &png(2)), ("2.png", &png(3))]));
    let path = place.write("x.tar", &one);
    let data = place.open("x.tar").unwrap();
    let before = data.stamp(0).unwrap();
    // In its place: the one that was opened is still there to be read, and it has lost its name.
    let new = place.write("new", &other);
    fs_err::rename(new, &path).unwrap();
    assert_ne!(data.stamp(0), Some(place.open("x.tar").unwrap().stamp(0).unwrap()));
    let data = place.open("x.tar").unwrap();
    assert_ne!(data.stamp(0).unwrap(), before);
    // And as it lies.
    place.write("x.tar", &[&other[..], &[0; 512]].concat());
    assert_eq!((data.stamp(0), data.stamp(1)), (None, None));
}
