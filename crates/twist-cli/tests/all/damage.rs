//! Broken input: one clear message with path and remedy, and nothing that existed is lost.

use crate::support::{Place, picture};

/// Trains one epoch on `photos`.
const LINE: &str = "train photos --recipe tiny.toml --epochs 2 --device cpu --threads 1 --out r";

/// A PNG whose header promises 60,000 × 60,000 pixels and that then ends.
fn bomb() -> Vec<u8> {
    let mut header = b"IHDR".to_vec();
    header.extend(60_000u32.to_be_bytes());
    header.extend(60_000u32.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    png.extend(13u32.to_be_bytes());
    png.extend(&header);
    png.extend(crc32(&header).to_be_bytes());
    png.extend([0, 0, 0, 0]);
    png.extend(b"IDAT");
    png.extend(crc32(b"IDAT").to_be_bytes());
    png
}

/// The checksum of PNG chunks (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

/// Sixteen good pictures and four broken ones.
fn broken_pictures(place: &Place) {
    place.pictures("photos", 16);
    let folder = place.path("photos/dots");
    picture(99).save(folder.join("whole.jpg")).unwrap();
    let jpeg = fs_err::read(folder.join("whole.jpg")).unwrap();
    fs_err::remove_file(folder.join("whole.jpg")).unwrap();
    fs_err::write(folder.join("truncated.jpg"), &jpeg[..jpeg.len() / 3]).unwrap();
    fs_err::write(folder.join("empty.png"), b"").unwrap();
    fs_err::write(folder.join("text.jpg"), b"this is not a picture at all").unwrap();
    fs_err::write(folder.join("bomb.png"), bomb()).unwrap();
}

#[test]
fn odd_images_are_trained_on_and_counted() {
    let place = Place::new();
    place.pictures("photos", 16);
    let folder = place.path("photos/dots");
    // Together three whole batches, so that an epoch meets all.
    for number in 0..8 {
        let path = folder.join(format!("odd{number}.jpg"));
        picture(number).save(&path).unwrap();
        let jpeg = fs_err::read(&path).unwrap();
        let second = 4 + usize::from(jpeg[5]);
        fs_err::write(&path, [&jpeg[..second], b"junk", &jpeg[second..]].concat()).unwrap();
    }
    let run = place.run(LINE);
    run.exits(0)
        .says(&["4 extra bytes between two segments", "8 images were read although something is odd"]);
    assert_eq!(place.events("r", "skipped_image").len(), 0);
}

#[test]
fn names_of_files_do_not_act_on_the_terminal() {
    let place = Place::new();
    place.pictures("photos", 2);
    for name in ["photos/\u{1b}]0;owned\u{7}.jpg", "photos/gpj\u{202e}.jpg", "photos/\u{1b}[2J.txt"] {
        fs_err::write(place.path(name), b"\x1b[31m").unwrap();
    }
    for line in ["data info photos", "data verify photos"] {
        let done = place.twist(line.split(' ')).output().unwrap();
        let text = String::from_utf8([done.stdout, done.stderr].concat()).unwrap();
        let acts = |c: &char| (c.is_control() && *c != '\n') || *c == '\u{202e}';
        assert_eq!(text.chars().find(acts), None, "{line}: {text:?}");
        assert!(text.contains("\\u{1b}]0;owned\\u{7}.jpg"), "{line}: {text}");
        assert!(text.contains("gpj\\u{202e}.jpg"), "{line}: {text}");
    }
}

#[test]
fn unreadable_images_are_skipped_named_and_counted() {
    let place = Place::new();
    broken_pictures(&place);
    let run = place.run(LINE);
    run.exits(0);
    let mut skipped: Vec<String> = place
        .events("r", "skipped_image")
        .iter()
        .map(|event| event["path"].as_str().unwrap().to_string())
        .collect();
    skipped.sort();
    let names = ["bomb.png", "empty.png", "text.jpg", "truncated.jpg"];
    assert_eq!(skipped.len(), names.len(), "{skipped:?}");
    for (path, name) in skipped.iter().zip(names) {
        assert!(path.ends_with(name), "{path} {name}");
        run.says(&[name]);
    }
    let metrics = fs_err::read_to_string(place.path("r/metrics.json")).unwrap();
    assert!(metrics.contains("\"unreadable_images\": 4"), "{metrics}");
}

#[test]
fn strict_stops_at_the_first_unreadable_image() {
    let place = Place::new();
    broken_pictures(&place);
    let run = place.run(&format!("{LINE} --strict"));
    run.exits(1);
    let named =
        ["bomb.png", "empty.png", "text.jpg", "truncated.jpg"].iter().any(|name| run.err.contains(name));
    assert!(named, "{}", run.err);
}

#[test]
fn data_that_is_none_is_an_error_with_a_remedy() {
    let place = Place::new();
    fs_err::create_dir(place.path("empty")).unwrap();
    fs_err::create_dir(place.path("texts")).unwrap();
    fs_err::write(place.path("texts/a.txt"), "hello").unwrap();
    for data in ["empty", "texts", "nowhere", "nowhere-*.tar"] {
        let run = place.run(&format!("train {data} --recipe tiny.toml"));
        run.exits(1).says(&[data]);
        assert!(run.err.lines().count() <= 3, "one clear error:\n{}", run.err);
        assert!(!place.path("runs").exists(), "nothing was begun");
    }
}

#[test]
fn classes_that_do_not_fit_together_are_named() {
    let place = Place::new();
    place.pictures("train", 16);
    place.pictures("test", 4);
    fs_err::rename(place.path("test/dots"), place.path("test/points")).unwrap();
    let run = place.run("train train --eval-data test --recipe tiny.toml");
    run.exits(1).says(&["dots", "points", "--labels none"]);
}

#[test]
fn a_recipe_with_an_unknown_key_names_file_line_and_key() {
    let place = Place::new();
    place.pictures("photos", 16);
    let wrong = crate::support::TINY.replace("hidden_dim", "hiden_dim");
    fs_err::write(place.path("wrong.toml"), wrong).unwrap();
    let run = place.run("train photos --recipe wrong.toml");
    run.exits(1).says(&["wrong.toml, line 5", "hiden_dim", "did you mean `hidden_dim`?"]);
    place.run("train photos --recipe missing.toml").exits(1).says(&["missing.toml", "twist recipes"]);
}

#[test]
fn a_folder_that_is_no_run_is_left_alone() {
    let place = Place::new();
    place.pictures("photos", 16);
    fs_err::create_dir(place.path("r")).unwrap();
    fs_err::write(place.path("r/thesis.tex"), "years of work").unwrap();
    for how in ["", "--resume", "--force"] {
        place.run(&format!("{LINE} {how}")).exits(2).says(&["--out"]);
        assert_eq!(place.names("r"), ["thesis.tex"]);
    }
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let place = Place::new();
    place.pictures("photos", 16);
    // A file stands where a folder should be; root ignores permissions, but not this.
    fs_err::write(place.path("file"), "").unwrap();
    place.run(&LINE.replace("--out r", "--out file/r")).exits(1).says(&["file/r"]);
    place.run("report photos").exits(1).says(&["photos"]);
    assert_eq!(fs_err::read(place.path("file")).unwrap(), b"");
}

#[test]
fn weights_that_do_not_fit_or_are_cut_short_are_named() {
    let place = Place::new();
    place.pictures("photos", 16);
    place.run(LINE).exits(0);
    let good = fs_err::read(place.path("r/checkpoints/step-00000004.safetensors")).unwrap();
    fs_err::write(place.path("half.safetensors"), &good[..good.len() / 2]).unwrap();
    let init = |weights: &str, out: &str| {
        place.run(&format!("{} --init {weights}", LINE.replace("--out r", &format!("--out {out}"))))
    };
    init("half.safetensors", "a").exits(1).says(&["half.safetensors", "bytes"]);
    init("nowhere.safetensors", "b").exits(1).says(&["nowhere.safetensors"]);
    init("r/checkpoints/step-00000004.safetensors", "c").exits(0);
}
