//! Files of lines: what a kill leaves of the last one, and links that lead elsewhere.

use std::io::Write;

use fs_err::OpenOptions;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use twist_io::{append_lines, open_own};

#[test]
fn half_a_line_is_cut_off_before_the_next_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evaluations.jsonl");
    for (left, expected) in [
        (String::new(), "{\"b\":2}\n".to_string()),
        ("{\"a\":1}\n".into(), "{\"a\":1}\n{\"b\":2}\n".into()),
        ("{\"a\":1}\n{\"half\":".into(), "{\"a\":1}\n{\"b\":2}\n".into()),
        (format!("{{\"a\":1}}\n{}", "x".repeat(10_000)), "{\"a\":1}\n{\"b\":2}\n".into()),
        ("no newline at all".into(), "{\"b\":2}\n".into()),
    ] {
        fs_err::write(&path, &left).unwrap();
        append_lines(&path).unwrap().write_all(b"{\"b\":2}\n").unwrap();
        assert_eq!(fs_err::read_to_string(&path).unwrap(), expected);
    }
    fs_err::remove_file(&path).unwrap();
    append_lines(&path).unwrap().write_all(b"first\n").unwrap();
    assert_eq!(fs_err::read_to_string(&path).unwrap(), "first\n");
}

#[test]
fn what_has_no_lines_is_neither_searched_to_its_beginning_nor_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    fs_err::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let error = append_lines(&path).unwrap_err().to_string();
    assert!(error.contains("log.jsonl") && error.contains("move it away"), "{error}");
    assert_eq!(fs_err::metadata(&path).unwrap().len(), 1 << 40);

    fs_err::remove_file(&path).unwrap();
    mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    let refusals = [
        append_lines(&path).unwrap_err(),
        open_own(&path, OpenOptions::new().append(true).create(true)).unwrap_err(),
    ];
    refusals.iter().for_each(|error| assert!(error.to_string().contains("log.jsonl"), "{error}"));
}

#[test]
fn a_link_in_our_folder_is_refused_and_its_target_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("diary.txt"), folder.path().join("log.jsonl"));
    fs_err::write(&target, "dear diary").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let refusals = [
        append_lines(&link).unwrap_err(),
        open_own(&link, OpenOptions::new().write(true).create(true).truncate(true)).unwrap_err(),
    ];
    for error in refusals {
        let error = error.to_string();
        assert!(error.contains("log.jsonl is a symbolic link") && error.contains("remove it"), "{error}");
    }
    assert_eq!(fs_err::read_to_string(&target).unwrap(), "dear diary");
}
