//! Two writers of one file: one waits for the other.

use std::io::Write;
use std::sync::mpsc;
use std::time::Duration;

use twist_io::UpdateLock;

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
