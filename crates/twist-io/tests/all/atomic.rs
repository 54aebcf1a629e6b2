//! Writes that fail leave what was there, and nothing else.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use twist_io::{
    AtomicFile, HostTensor, IoError, StateDict, followed, remove_leftovers, remove_leftovers_of,
    save_safetensors, second_name, write_atomic,
};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs_err::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_file_is_replaced_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.json");
    for text in ["first", "second, longer", "3"] {
        write_atomic(&path, |file| file.write_all(text.as_bytes())).unwrap();
        assert_eq!(fs_err::read_to_string(&path).unwrap(), text);
    }
    assert_eq!(names(folder.path()), ["metrics.json"]);
}

#[test]
fn a_failed_write_keeps_the_old_file_and_removes_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("metrics.json");
    fs_err::write(&path, "old").unwrap();
    let failures = [
        (io::ErrorKind::StorageFull, "no space left"),
        (io::ErrorKind::QuotaExceeded, "no space left"),
        (io::ErrorKind::Other, "cannot write"),
    ];
    for (kind, text) in failures {
        // More than the writer's buffer, so that a part is on the disk when the failure comes.
        let error = write_atomic(&path, |file| {
            file.write_all(&vec![7; 3 << 20])?;
            Err(io::Error::new(kind, "simulated"))
        })
        .unwrap_err();
        let message = error.to_string();
        assert!(message.contains(text) && message.contains("metrics.json"), "{message}");
        if kind != io::ErrorKind::Other {
            assert!(matches!(error, IoError::StorageFull { available: Some(_), .. }), "{error:?}");
            assert!(message.contains("existing files were not changed"), "{message}");
        }
        assert_eq!(fs_err::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["metrics.json"]);
    }
}

#[test]
fn a_panic_inside_leaves_no_file_either() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.csv");
    let caught = std::panic::catch_unwind(|| write_atomic(&path, |_| panic!("inside the writer")));
    assert!(caught.is_err());
    assert!(names(folder.path()).is_empty());
}

#[test]
fn places_that_cannot_hold_a_file_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let absent = folder.path().join("absent").join("file");
    let error = write_atomic(&absent, |_| Ok(())).unwrap_err().to_string();
    assert!(error.contains("absent"), "{error}");
    // A folder of that name is in the way.
    fs_err::create_dir(folder.path().join("taken")).unwrap();
    assert!(matches!(write_atomic(folder.path().join("taken"), |_| Ok(())), Err(IoError::Os { .. })));
    assert!(matches!(write_atomic("..", |_| Ok(())), Err(IoError::Os { .. })));
    assert_eq!(names(folder.path()), ["taken"]);
}

#[test]
fn leftovers_of_a_killed_process_go_and_other_files_stay() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        ".step-1.safetensors.abc123.twist-tmp",
        ".step-2.safetensors.x.twist-tmp",
        ".hidden",
        "kept.twist-tmp",
    ] {
        fs_err::write(folder.path().join(name), "part").unwrap();
    }
    assert_eq!(remove_leftovers(folder.path()).unwrap(), 2);
    assert_eq!(names(folder.path()), [".hidden", "kept.twist-tmp"]);
    assert!(remove_leftovers(folder.path().join("absent")).is_err());
}

#[test]
fn leftovers_of_one_file_go_unless_somebody_writes_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("e.npy");
    let others = [".e.npy.csv.abc.twist-tmp", ".f.npy.abc.twist-tmp", ".e.npy.abc", "e.npy"];
    for name in others.iter().chain(&[".e.npy.abc.twist-tmp", ".e.npy.x.twist-tmp"]) {
        fs_err::write(folder.path().join(name), "part").unwrap();
    }
    let mut busy = AtomicFile::create(&path).unwrap();
    busy.write(|file| file.write_all(b"whole")).unwrap();
    assert_eq!(remove_leftovers_of(&path).unwrap(), 2);
    busy.finish().unwrap();
    assert_eq!(fs_err::read(&path).unwrap(), b"whole");
    assert_eq!(
        names(folder.path()),
        [".e.npy.abc", ".e.npy.csv.abc.twist-tmp", ".f.npy.abc.twist-tmp", "e.npy"]
    );
    assert!(remove_leftovers_of(folder.path().join("absent/e.npy")).is_err());
}

#[test]
fn what_a_living_process_writes_is_no_leftover() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("e.npy");
    fs_err::write(folder.path().join(".e.npy.abc.twist-tmp"), "part").unwrap();
    let mut busy = AtomicFile::create(&path).unwrap();
    busy.write(|file| file.write_all(b"whole")).unwrap();
    assert_eq!(remove_leftovers(folder.path()).unwrap(), 1);
    busy.finish().unwrap();
    assert_eq!(fs_err::read(&path).unwrap(), b"whole");
    assert_eq!(names(folder.path()), ["e.npy"]);
}

#[test]
fn a_link_is_replaced_and_only_followed_on_purpose() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs_err::create_dir(at("far")).unwrap();
    fs_err::write(at("far/real.csv"), "old").unwrap();
    std::os::unix::fs::symlink("far/real.csv", at("link.csv")).unwrap();
    std::os::unix::fs::symlink("link.csv", at("chain.csv")).unwrap();
    std::os::unix::fs::symlink("far/new.csv", at("dangling.csv")).unwrap();
    assert_eq!(followed(at("far/real.csv")), at("far/real.csv"));
    write_atomic(followed(at("chain.csv")), |file| file.write_all(b"new")).unwrap();
    write_atomic(followed(at("dangling.csv")), |file| file.write_all(b"made")).unwrap();
    assert_eq!(fs_err::read(at("far/real.csv")).unwrap(), b"new");
    assert_eq!(fs_err::read(at("far/new.csv")).unwrap(), b"made");
    assert!(at("chain.csv").is_symlink() && at("link.csv").is_symlink() && at("dangling.csv").is_symlink());

    write_atomic(at("link.csv"), |file| file.write_all(b"ours")).unwrap();
    assert!(!at("link.csv").is_symlink());
    assert_eq!(fs_err::read(at("far/real.csv")).unwrap(), b"new");
    assert_eq!(names(&at("far")), ["new.csv", "real.csv"]);
}

#[test]
fn pipes_and_devices_of_the_system_are_written_to_and_others_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let name = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&writer));
    write_atomic(&name, |file| file.write_all(b"through")).unwrap();
    let mut through = [0; 7];
    std::io::Read::read_exact(&mut &reader, &mut through).unwrap();
    assert_eq!(&through, b"through");
    drop(reader);
    let gone = write_atomic(&name, |file| file.write_all(b"through")).unwrap_err();
    assert!(gone.to_string().contains(&name), "nobody reads any more: {gone}");

    // In a folder nothing else than a file belongs there, and nobody may come to read it.
    let whole = folder.path().join("whole");
    fs_err::write(&whole, "whole").unwrap();
    let pipe = folder.path().join("pipe.csv");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let refusals = [
        write_atomic(&pipe, |file| file.write_all(b"through")).unwrap_err(),
        write_atomic(followed(&pipe), |file| file.write_all(b"through")).unwrap_err(),
        AtomicFile::create(&pipe).unwrap_err(),
        second_name(&whole, &pipe).unwrap_err(),
    ];
    for refusal in refusals.map(|refusal| refusal.to_string()) {
        assert!(
            refusal.contains("pipe.csv: it is a pipe, a socket or a device") && refusal.contains("remove it"),
            "{refusal}"
        );
    }
    assert_eq!(names(folder.path()), ["pipe.csv", "whole"]);

    // Through a link as well; the device itself lies in a folder that must stay as it is.
    let link = folder.path().join("null.csv");
    std::os::unix::fs::symlink("/dev/null", &link).unwrap();
    write_atomic(followed(&link), |file| file.write_all(b"away")).unwrap();
    assert!(link.is_symlink());
    let null = fs_err::metadata("/dev/null").unwrap();
    assert!(std::os::unix::fs::FileTypeExt::is_char_device(&null.file_type()));
}

#[test]
fn a_second_name_is_the_whole_file_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs_err::write(at("step-1"), "one").unwrap();
    fs_err::write(at("step-2"), "two").unwrap();
    for (from, content) in [("step-1", "one"), ("step-2", "two"), ("step-2", "two")] {
        second_name(at(from), at("best")).unwrap();
        assert_eq!(fs_err::read_to_string(at("best")).unwrap(), content);
    }
    assert_eq!(names(folder.path()), ["best", "step-1", "step-2"]);
    let error = second_name(at("absent"), at("best")).unwrap_err().to_string();
    assert!(error.contains("best"), "{error}");
    assert_eq!(fs_err::read_to_string(at("best")).unwrap(), "two");
}

#[cfg(unix)]
#[test]
fn permissions_are_those_of_an_ordinary_file() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs_err::metadata(path).unwrap().permissions().mode() & 0o777;
    let (ordinary, ours) = (folder.path().join("ordinary"), folder.path().join("ours"));
    fs_err::write(&ordinary, "").unwrap();
    write_atomic(&ours, |_| Ok(())).unwrap();
    assert_eq!(mode(&ours), mode(&ordinary));
}

/// A 1 MiB file system to fill, where this process may mount one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(at)
            .output()
            .ok()?;
        mount.status.success().then(|| SmallDisk(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        let mut stderr = io::stderr();
        writeln!(stderr, "SKIPPED a_full_disk_loses_nothing: mounting a tmpfs is not permitted here")
            .unwrap();
        return;
    };
    let path = disk.0.join("step-00000001.safetensors");
    let state = |elements: usize| {
        StateDict(vec![(
            "w".to_owned(),
            HostTensor::from_slice(vec![elements], &vec![1.0f32; elements]).unwrap(),
        )])
    };
    save_safetensors(&path, &state(1000), None).unwrap();
    let before = fs_err::read(&path).unwrap();

    let error = save_safetensors(&path, &state(1 << 20), None).unwrap_err();
    let needed = (4 << 20) + 8;
    assert!(
        matches!(error, IoError::StorageFull { needed: Some(bytes), available: Some(_), .. } if bytes >= needed),
        "{error:?}"
    );
    assert!(error.to_string().contains("4.0 MiB needed"), "{error}");
    assert_eq!(fs_err::read(&path).unwrap(), before);
    assert_eq!(names(&disk.0), ["step-00000001.safetensors"]);
}
