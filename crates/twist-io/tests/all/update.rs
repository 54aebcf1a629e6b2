//! Two writers of one file: the change of each is there in the end.

use std::io::Write;
use std::sync::mpsc;
use std::time::Duration;

use twist_io::{ClusterNames, UpdateLock, clusters_file};

#[test]
fn changes_made_at_the_same_time_are_all_kept() {
    const WRITERS: u32 = 8;
    const EACH: u32 = 10;
    let folder = tempfile::tempdir().unwrap();
    let file = clusters_file(folder.path());
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let file = &file;
            scope.spawn(move || {
                for cluster in writer * EACH..(writer + 1) * EACH {
                    let _lock = UpdateLock::of(file).unwrap();
                    let mut names = ClusterNames::load(file, WRITERS * EACH).unwrap();
                    names.rename(cluster, &format!("name of {cluster}")).unwrap();
                    names.save(file).unwrap();
                }
            });
        }
    });
    let names = ClusterNames::load(&file, WRITERS * EACH).unwrap();
    let lost: Vec<u32> =
        (0..WRITERS * EACH).filter(|&cluster| !names.resolve(cluster).unwrap().named).collect();
    assert!(lost.is_empty(), "{lost:?}");
    let left = fs_err::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 1, "nothing but the file");
}

#[test]
fn the_second_waits_until_the_first_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.csv");
    let first = UpdateLock::of(&path).unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _second = UpdateLock::of(folder.path().join("other.csv")).unwrap();
            sender.send(()).unwrap();
        });
        assert!(receiver.recv_timeout(Duration::from_millis(100)).is_err(), "the first holds it still");
        // The file itself may be replaced meanwhile.
        twist_io::write_atomic(&path, |file| file.write_all(b"path,label\n")).unwrap();
        assert!(receiver.recv_timeout(Duration::from_millis(100)).is_err(), "the first holds it still");
        drop(first);
        receiver.recv_timeout(Duration::from_secs(60)).unwrap();
    });
    let error = UpdateLock::of(folder.path().join("absent/labels.csv")).unwrap_err().to_string();
    assert!(error.contains("absent"), "{error}");
}
