//! `twist audit`: copies, leaks, damaged and odd images, and where they go.

use std::collections::BTreeMap;
use std::path::Path;

use image::imageops::{FilterType, crop_imm, resize};
use image::{Rgb, RgbImage};
use serde_json::Value;

use crate::support::{Done, Place};

/// A picture of 120 × 90 pixels that is like no other: waves of many directions, and grains.
fn scene(number: u32) -> RgbImage {
    let n = number as f32;
    let wave = |x: f32, y: f32, k: f32| {
        let (across, down) = ((n * 7.3 + k * 5.1).sin(), (n * 3.7 + k * 2.9).cos());
        ((x * across + y * down) / (4.0 + 2.5 * k) + n * k).sin()
    };
    let grain = |x: u32, y: u32| {
        let mixed =
            (x ^ y.wrapping_mul(0x9e37_79b9) ^ number.wrapping_mul(0x85eb_ca6b)).wrapping_mul(0xc2b2_ae35);
        ((mixed ^ mixed >> 15).wrapping_mul(0x27d4_eb2f) >> 24) as f32 - 127.5
    };
    RgbImage::from_fn(120, 90, |x, y| {
        let value: f32 = (0..6).map(|k| wave(x as f32, y as f32, k as f32)).sum();
        let value = (128.0 + 25.0 * value + 0.4 * grain(x, y)).clamp(0.0, 255.0) as u8;
        Rgb([value, value / 2 + 60, 255 - value])
    })
}

/// Eight scenes in `photos/a` and `photos/b`, without copies.
fn scenes(place: &Place) {
    for number in 0..8 {
        let folder = place.path(format!("photos/{}", if number % 2 == 0 { "a" } else { "b" }));
        fs_err::create_dir_all(&folder).unwrap();
        scene(number).save(folder.join(format!("{number}.png"))).unwrap();
    }
}

/// Copies of scenes 0, 1, 2 and 3: of bytes, a JPEG of half the size, a crop, and other bytes of the same pixels.
fn plant(place: &Place) {
    fs_err::copy(place.path("photos/a/0.png"), place.path("photos/b/copy-of-0.png")).unwrap();
    resize(&scene(1), 60, 45, FilterType::Triangle).save(place.path("photos/a/small-1.jpg")).unwrap();
    crop_imm(&scene(2), 12, 9, 96, 72).to_image().save(place.path("photos/b/part-of-2.png")).unwrap();
    scene(3).save(place.path("photos/b/pixels-of-3.bmp")).unwrap();
}

fn json(done: &Done) -> Value {
    serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{error}:\n{}\n{}", done.out, done.err))
}

/// Paths to remove with the check that says so, and the image that each repeats.
fn removed(found: &Value) -> BTreeMap<String, (String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let findings =
        found["findings"].as_array().unwrap().iter().filter(|finding| finding["action"] == "remove");
    findings.map(|f| (text(&f["path"]), (text(&f["check"]), text(&f["other"])))).collect()
}

fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

#[test]
fn planted_copies_are_found_and_the_best_is_kept() {
    let place = Place::new();
    scenes(&place);
    let clean = place.run("audit photos --strict");
    clean.exits(0);
    assert!(clean.out.contains("nothing was found"), "{}", clean.out);

    plant(&place);
    let done = place.run("audit photos --json --out audit.csv");
    done.exits(0).says(&["12 images", "audit.csv"]);
    let found = json(&done);
    let expected = [
        ("a/small-1.jpg", "near_copy", "b/1.png"),
        ("b/copy-of-0.png", "exact_copy", "a/0.png"),
        ("b/part-of-2.png", "near_copy", "a/2.png"),
        // Of equal pixels, the larger file is kept.
        ("b/pixels-of-3.bmp", "exact_copy", "b/3.png"),
    ];
    let expected = expected.map(|(path, check, other)| (path.into(), (check.into(), other.into())));
    assert_eq!(removed(&found), BTreeMap::from(expected));
    assert_eq!(found["groups"].as_array().unwrap().len(), 4);
    assert_eq!(found["counts"]["near_copy"], 2);

    let table = fs_err::read_to_string(place.path("audit.csv")).unwrap();
    assert_eq!(table.lines().next(), Some("path,check,value,group,action,other,why"));
    assert_eq!(table.lines().filter(|line| line.contains(",keep,")).count(), 4, "{table}");
    assert_eq!(table.lines().count(), 1 + found["findings"].as_array().unwrap().len());
    place.run("audit photos --out audit.csv").exits(2).says(&["audit.csv", "--force"]);
    place.run("audit photos --out audit.parquet").exits(0);
    assert_eq!(&fs_err::read(place.path("audit.parquet")).unwrap()[..4], b"PAR1");

    let exact = json(&place.run("audit photos --json --checks exact_copy"));
    assert_eq!(removed(&exact).len(), 2, "near copies are not asked for");
}

/// Audits from what is kept, and from nothing: the findings are equal, and so many images were known and decoded.
fn audits(place: &Place, line: &str, known: &str, decoded: usize) {
    let done = place.run(&format!("{line} --json"));
    done.exits(0).says(&[&format!("{known} known from earlier audits, {decoded} decoded")]);
    let anew = place.run(&format!("{line} --json --no-cache"));
    anew.exits(0);
    assert!(!anew.err.contains("earlier audits"), "{}", anew.err);
    assert_eq!(done.out, anew.out);
}

#[test]
fn an_audit_of_a_folder_that_grew_finds_what_one_from_nothing_finds() {
    let place = Place::new();
    scenes(&place);
    let path = |name: &str| place.path(format!("photos/{name}"));
    audits(&place, "audit photos", "0 images", 8);
    audits(&place, "audit photos", "8 images", 0);
    plant(&place);
    fs_err::write(path("a/broken.png"), b"\x89PNG\r\n\x1a\nno picture").unwrap();
    RgbImage::from_pixel(40, 30, Rgb([3, 3, 3])).save(path("b/dark.png")).unwrap();
    // The copy of bytes is known by its content or decoded beside the other, so it may count as either.
    let done = place.run("audit photos --json");
    let anew = place.run("audit photos --json --no-cache");
    assert_eq!(done.exits(0).out, anew.out);
    audits(&place, "audit photos", "13 images", 1);
    // What depends on the name is said of the name that an image has now.
    fs_err::rename(path("a/2.png"), path("a/2.jpg")).unwrap();
    fs_err::rename(path("b/dark.png"), path("a/also-dark.png")).unwrap();
    audits(&place, "audit photos", "13 images", 1);
    assert!(place.run("audit photos").out.contains("wrong_name"));
    fs_err::remove_file(path("a/0.png")).unwrap();
    audits(&place, "audit photos --checks blurry,dark,exact_copy", "12 images", 1);
    // Another set of images, of which some are known.
    fs_err::create_dir(place.path("test")).unwrap();
    fs_err::copy(path("a/4.png"), place.path("test/x.png")).unwrap();
    audits(&place, "audit photos --against test", "13 images", 1);
    // Records that are damaged are dropped, and told.
    let kept = place.kept();
    let looks = |kept: &[std::path::PathBuf]| {
        let is_looks = |path: &&std::path::PathBuf| path.extension().is_some_and(|ending| ending == "looks");
        kept.iter().find(is_looks).unwrap().clone()
    };
    let file = looks(&kept);
    let mut bytes = fs_err::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs_err::write(&file, bytes).unwrap();
    let done = place.run("audit photos --json");
    done.exits(0).says(&["warning: "]);
    assert_eq!(done.out, place.run("audit photos --json --no-cache").out);
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let place = Place::new();
    scenes(&place);
    plant(&place);
    let of = |threads: u32| place.run(&format!("audit photos --json --threads {threads}")).out;
    assert_eq!(of(1), of(3));
}

#[test]
fn images_of_the_other_set_are_leaks() {
    let place = Place::new();
    scenes(&place);
    fs_err::create_dir(place.path("test")).unwrap();
    fs_err::copy(place.path("photos/a/4.png"), place.path("test/x.png")).unwrap();
    crop_imm(&scene(5), 0, 5, 108, 81).to_image().save(place.path("test/y.jpg")).unwrap();
    scene(20).save(place.path("test/z.png")).unwrap();
    let done = place.run("audit photos --against test --json --strict");
    done.exits(4);
    let expected = [("a/4.png", "exact_leak", "x.png"), ("b/5.png", "near_leak", "y.jpg")];
    let expected = expected.map(|(path, check, other)| (path.into(), (check.into(), other.into())));
    assert_eq!(removed(&json(&done)), BTreeMap::from(expected));
    place.run("audit test --against photos --checks exact_copy,near_copy --strict").exits(0);
}

#[test]
fn damaged_and_odd_files_are_named() {
    let place = Place::new();
    scenes(&place);
    let folder = place.path("photos/a");
    let png = fs_err::read(folder.join("0.png")).unwrap();
    fs_err::write(folder.join("cut.png"), &png[..png.len() / 2]).unwrap();
    fs_err::rename(folder.join("0.png"), folder.join("0.jpg")).unwrap();
    RgbImage::from_pixel(90, 90, Rgb([3, 4, 5])).save(folder.join("dark.png")).unwrap();
    RgbImage::from_pixel(90, 90, Rgb([254, 255, 255])).save(folder.join("bright.png")).unwrap();
    crop_imm(&scene(30), 0, 0, 100, 20).to_image().save(folder.join("long.png")).unwrap();
    crop_imm(&scene(31), 0, 0, 100, 1).to_image().save(folder.join("line.png")).unwrap();
    let soft = resize(&resize(&scene(32), 5, 4, FilterType::Triangle), 120, 90, FilterType::CatmullRom);
    soft.save(folder.join("soft.png")).unwrap();
    let opaque = scene(33);
    let rgba = image::RgbaImage::from_fn(110, 90, |x, y| {
        let [r, g, b] = opaque.get_pixel(x, y).0;
        image::Rgba([r, g, b, 90])
    });
    rgba.save(folder.join("glass.png")).unwrap();

    let found = json(&place.run("audit photos --json"));
    let names = |check: &str| -> Vec<&str> {
        let own = found["findings"].as_array().unwrap().iter().filter(|finding| finding["check"] == check);
        own.map(|finding| finding["path"].as_str().unwrap()).collect()
    };
    assert_eq!(names("unreadable"), ["a/cut.png"]);
    assert_eq!(names("wrong_name"), ["a/0.jpg"]);
    assert_eq!((names("dark"), names("bright")), (vec!["a/dark.png"], vec!["a/bright.png"]));
    assert_eq!(names("low_information"), ["a/bright.png", "a/dark.png"]);
    assert_eq!(names("aspect_ratio"), ["a/line.png", "a/long.png"]);
    assert_eq!((names("one_pixel"), names("blurry")), (vec!["a/line.png"], vec!["a/soft.png"]));
    assert_eq!(names("color_type"), ["a/glass.png"]);
    assert_eq!(found["remove"].as_array().unwrap().len(), 1, "only what cannot be read: {}", found["remove"]);
    let blurry = json(&place.run("audit photos --json --checks blurry --remove blurry"));
    assert_eq!(blurry["remove"], serde_json::json!(["a/soft.png"]));
}

#[test]
fn images_are_moved_once_and_never_over_others() {
    let place = Place::new();
    scenes(&place);
    plant(&place);
    let before = place.names("photos/a").len() + place.names("photos/b").len();
    // Another file has one of the names: nothing is moved.
    fs_err::create_dir_all(place.path("gone/b")).unwrap();
    fs_err::write(place.path("gone/b/part-of-2.png"), "mine").unwrap();
    place.run("audit photos --move-to gone").exits(2).says(&["part-of-2.png", "exists already"]);
    assert_eq!(place.names("photos/a").len() + place.names("photos/b").len(), before);
    assert_eq!(fs_err::read(place.path("gone/b/part-of-2.png")).unwrap(), b"mine");
    fs_err::remove_file(place.path("gone/b/part-of-2.png")).unwrap();

    // A link with a path of its own stays one.
    std::os::unix::fs::symlink("0.png", place.path("photos/a/link.png")).unwrap();
    place.run("audit photos --move-to gone").exits(0).says(&["5 images moved to"]);
    assert_eq!(place.names("gone"), ["a", "b"]);
    assert_eq!(place.names("gone/b"), ["copy-of-0.png", "part-of-2.png", "pixels-of-3.bmp"]);
    assert!(place.path("gone/a/link.png").is_file() && !exists(&place.path("photos/a/link.png")));
    assert!(place.path("photos/a/0.png").is_file(), "what a link leads to stays");
    place.run("audit photos --move-to gone --strict").exits(0).says(&["0 images moved to"]);
}

#[test]
fn images_are_linked_and_links_are_known_again() {
    let place = Place::new();
    scenes(&place);
    plant(&place);
    place.run("audit photos --link-to look").exits(0).says(&["4 images linked in"]);
    let link = place.path("look/b/copy-of-0.png");
    assert!(link.is_symlink());
    assert_eq!(fs_err::read(&link).unwrap(), fs_err::read(place.path("photos/a/0.png")).unwrap());
    assert!(place.path("photos/b/copy-of-0.png").is_file());
    place.run("audit photos --link-to look").exits(0).says(&["0 images linked", "4 were there already"]);
}

#[test]
fn wrong_usage_is_said_before_the_work() {
    let place = Place::new();
    scenes(&place);
    place.run("audit photos --move-to photos/removed").exits(2).says(&["photos/removed", "beside it"]);
    place.run("audit photos --link-to photos").exits(2).says(&["lies in photos"]);
    place.run("audit photos --move-to a --link-to b").exits(2);
    place.run("audit photos --move-to tiny.toml").exits(2).says(&["tiny.toml", "it is a file"]);
    place.run("audit photos --checks blury").exits(2).says(&["blury", "blurry"]);
    place.run("audit photos --out audit.txt").exits(2).says(&["audit.txt", ".csv"]);
    place.run("audit shapes:test --move-to gone").exits(2).says(&["--move-to", "--out"]);
    place.run("audit nowhere").exits(1).says(&["nowhere"]);
    fs_err::create_dir(place.path("empty")).unwrap();
    place.run("audit empty").exits(1).says(&["empty", "no image"]);
    assert!(!exists(&place.path("gone")) && !exists(&place.path("photos/removed")));
}

#[test]
fn one_image_alone_is_fine() {
    let place = Place::new();
    scene(1).save(place.path("one.png")).unwrap();
    let done = place.run("audit one.png --strict");
    done.exits(0);
    assert!(done.out.contains("nothing was found"), "{}", done.out);
}

#[test]
fn a_model_finds_what_is_unlike_the_rest() {
    let place = Place::new();
    place.pictures("train", 24);
    place.run("train train --recipe tiny.toml --epochs 1 --set schedule.warmup_epochs=0 --device cpu --threads 1 --out run").exits(0);
    let done =
        place.run("audit train --model run --device cpu --threads 1 --no-cache --json --checks outlier");
    done.exits(0);
    let found = json(&done);
    let findings = found["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["check"] == "outlier"), "{findings:?}");
    assert_eq!(found["protocol"]["model"], "run");
}

#[test]
fn of_every_image_a_file_stays() {
    let place = Place::new();
    scenes(&place);
    // Another name of a file, which comes first.
    std::os::unix::fs::symlink("2.png", place.path("photos/a/1-link.png")).unwrap();
    // A blurred image of more pixels than the sharp one, of which it is a copy.
    let blurred = image::imageops::blur(&resize(&scene(1), 240, 180, FilterType::Triangle), 6.0);
    blurred.save(place.path("photos/b/large-1.png")).unwrap();
    let found = json(&place.run("audit photos --json"));
    assert!(removed(&found).keys().all(|path| !path.ends_with("2.png")), "{found}");
    place.run("audit photos --remove blurry,near_copy,exact_copy --move-to gone").exits(0);
    for file in ["photos/a/2.png", "photos/b/1.png"] {
        assert!(place.path(file).is_file(), "{file}");
    }
    // All images are in the other set as well: in the same files.
    place.run("audit photos --against photos --move-to leaks").exits(0);
    assert!(place.path("photos/a/0.png").is_file() && place.path("photos/b/7.png").is_file());
}

#[test]
fn images_that_differ_in_what_is_not_read_are_only_looked_at() {
    let place = Place::new();
    scenes(&place);
    for (name, corner) in [("one", 0), ("two", 90)] {
        let hole = |x: u32, y: u32| if x < 30 + corner && y < 40 { 0 } else { 255 };
        let icon = image::RgbaImage::from_fn(120, 90, |x, y| {
            let Rgb([r, g, b]) = *scene(20).get_pixel(x, y);
            image::Rgba([r, g, b, hole(x, y)])
        });
        icon.save(place.path(format!("photos/a/icon-{name}.png"))).unwrap();
    }
    let found = json(&place.run("audit photos --json"));
    assert_eq!(removed(&found).len(), 0, "{found}");
    let findings = found["findings"].as_array().unwrap();
    assert!(
        findings.iter().any(|finding| finding["why"].as_str().unwrap().contains("transparency")),
        "{found}"
    );
}

#[test]
fn checks_that_cannot_be_made_and_folders_of_the_images_are_refused() {
    let place = Place::new();
    scenes(&place);
    for (line, said) in [
        ("audit photos --checks outlier --strict", "--model"),
        ("audit photos --checks near_leak", "--against"),
        ("audit photos --checks blurry --remove dark", "--checks"),
    ] {
        place.run(line).exits(2).says(&[said]);
    }
    plant(&place);
    place.run("audit photos/*/*.png --move-to photos/a/gone").exits(2).says(&["a folder of the images"]);
    let found = json(&place.run("audit photos --json"));
    let made = found["protocol"]["checks"].as_array().unwrap();
    assert!(!made.iter().any(|check| check == "outlier" || check == "near_leak"), "{made:?}");
}

#[test]
fn what_a_link_that_stays_leads_to_is_not_moved() {
    let place = Place::new();
    fs_err::create_dir(place.path("photos")).unwrap();
    let at = |name: &str| place.path("photos").join(name);
    // Of equal images the first by name is kept: a link, which leads over another one to the last.
    scene(4).save(at("c.png")).unwrap();
    std::os::unix::fs::symlink("c.png", at("b.png")).unwrap();
    std::os::unix::fs::symlink("b.png", at("a.png")).unwrap();
    scene(5).save(at("d.png")).unwrap();
    fs_err::copy(at("d.png"), at("e.png")).unwrap();
    let done = place.run("audit photos --move-to removed");
    done.exits(0).says(&["1 image moved", "1 image stayed because links that stay lead there"]);
    assert!(at("a.png").is_file() && at("b.png").is_file() && at("c.png").is_file() && !at("e.png").exists());
}
