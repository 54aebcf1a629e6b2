//! What is kept of images from one command to the next: a folder that grew costs only what is new, and no result depends on what
//! was kept.

use std::path::Path;
use std::time::{Duration, SystemTime};

use fs_err::File;

use crate::support::{Done, Place, picture, wait_until};

/// The flags of every command here.
const CPU: &str = "--device cpu --threads 1";

/// Saves a picture as a file of the same size as all others.
fn bmp(path: &Path, number: u32) {
    picture(number).save(path).unwrap();
}

/// A model in `run`, and `count` pictures in `photos`.
fn trained(count: u32) -> Place {
    let place = Place::new();
    place.pictures("train", 8);
    let line = "train train --recipe tiny.toml --epochs 1 --set schedule.warmup_epochs=0";
    place.run(&format!("{line} {CPU} --out run")).exits(0);
    for folder in ["photos/a", "photos/b"] {
        fs_err::create_dir_all(place.path(folder)).unwrap();
    }
    (0..count).for_each(|number| bmp(&place.path(format!("photos/a/{number:03}.bmp")), number));
    place
}

/// Embeds `photos` and compares the table with one that is computed from nothing.
fn embeds(place: &Place, known: usize, computed: usize) -> Done {
    let done = place.run(&format!("embed run photos {CPU} --out kept.npy --force"));
    let images = if known == 1 { "image" } else { "images" };
    done.exits(0).says(&[&format!("features: {known} {images} from the cache, {computed} computed")]);
    let plain = place.run(&format!("embed run photos {CPU} --out anew.npy --force --no-cache"));
    plain.exits(0);
    assert!(!plain.err.contains("cache"), "{}", plain.err);
    for ending in ["npy", "npy.csv"] {
        let read = |name: &str| fs_err::read(place.path(format!("{name}.{ending}"))).unwrap();
        assert!(read("kept") == read("anew"), "{known} known, {computed} computed: {ending} differs");
    }
    done
}

/// Sets the time at which a file was written last.
fn set_written(path: &Path, time: SystemTime) {
    File::options().write(true).open(path).unwrap().file().set_modified(time).unwrap();
}

fn written(path: &Path) -> SystemTime {
    fs_err::metadata(path).unwrap().modified().unwrap()
}

#[test]
fn a_folder_that_changed_costs_only_what_is_new() {
    let place = trained(12);
    let path = |name: &str| place.path(format!("photos/{name}"));
    let long_ago = SystemTime::now() - Duration::from_secs(100_000);
    (0..12).for_each(|number| set_written(&path(&format!("a/{number:03}.bmp")), long_ago));
    embeds(&place, 0, 12);
    embeds(&place, 12, 0);
    // Two more, one between those that are known.
    bmp(&path("a/0005.bmp"), 100);
    bmp(&path("b/000.bmp"), 101);
    embeds(&place, 12, 2);
    // Fewer.
    fs_err::remove_file(path("a/003.bmp")).unwrap();
    embeds(&place, 13, 0);
    // Another name, another folder, a copy.
    fs_err::rename(path("a/004.bmp"), path("a/zzz.bmp")).unwrap();
    fs_err::rename(path("a/005.bmp"), path("b/005.bmp")).unwrap();
    fs_err::copy(path("a/006.bmp"), path("b/006.bmp")).unwrap();
    embeds(&place, 14, 0);
    // Touched.
    set_written(&path("a/007.bmp"), SystemTime::now());
    embeds(&place, 14, 0);
    // Another picture of the same size, written at the same time as the one before, as far as anybody can set it.
    let (time, size) = (written(&path("a/008.bmp")), fs_err::metadata(path("a/008.bmp")).unwrap().len());
    bmp(&path("a/008.bmp"), 102);
    set_written(&path("a/008.bmp"), time);
    assert_eq!(
        (written(&path("a/008.bmp")), fs_err::metadata(path("a/008.bmp")).unwrap().len()),
        (time, size)
    );
    embeds(&place, 13, 1);
    // The same by way of another file that takes the name.
    bmp(&path("b/new.bmp"), 103);
    set_written(&path("b/new.bmp"), time);
    fs_err::rename(path("b/new.bmp"), path("a/009.bmp")).unwrap();
    embeds(&place, 13, 1);
    // Two pictures change places.
    fs_err::rename(path("a/010.bmp"), path("a/tmp.bmp")).unwrap();
    fs_err::rename(path("a/011.bmp"), path("a/010.bmp")).unwrap();
    fs_err::rename(path("a/tmp.bmp"), path("a/011.bmp")).unwrap();
    embeds(&place, 14, 0);
    // A file that cannot be read is tried each time.
    fs_err::write(path("a/broken.bmp"), "BM and no more").unwrap();
    embeds(&place, 14, 0).says(&["skipped a/broken.bmp"]);
    embeds(&place, 14, 0).says(&["skipped a/broken.bmp"]);
    // The folder has another name.
    fs_err::rename(place.path("photos"), place.path("moved")).unwrap();
    let done = place.run(&format!("embed run moved {CPU} --out moved.npy"));
    done.exits(0).says(&["features: 14 images from the cache, 0 computed"]);
    assert!(fs_err::read(place.path("moved.npy")).unwrap() == fs_err::read(place.path("kept.npy")).unwrap());
}

#[test]
fn commands_share_what_is_kept() {
    let place = trained(10);
    let from_nothing = place.run(&format!("predict run photos {CPU} --no-cache"));
    from_nothing.exits(0);
    let done = place.run(&format!("predict run photos {CPU}"));
    done.exits(0).says(&["features: 0 images from the cache, 10 computed"]);
    assert_eq!(done.out, from_nothing.out);
    let all = "features: 10 images from the cache, 0 computed";
    let done = place.run(&format!("predict run photos {CPU}"));
    done.exits(0).says(&[all]);
    assert_eq!(done.out, from_nothing.out);
    place.run(&format!("embed run photos {CPU} --out a.parquet")).exits(0).says(&[all]);
    place.run(&format!("neighbors run photos {CPU} --query a/001.bmp")).exits(0).says(&[all]);
    // The same pictures in an archive are known by their bytes, and by the archive afterwards.
    fs_err::create_dir(place.path("shards")).unwrap();
    place.run("data pack photos --out shards/a.tar").exits(0);
    let line = format!("embed run shards/*.tar {CPU} --force --out b.npy");
    place.run(&line).exits(0).says(&[all]);
    place.run(&line).exits(0).says(&[all]);
    // Images of an archive that is another now.
    bmp(&place.path("photos/a/003.bmp"), 200);
    place
        .names("shards")
        .iter()
        .for_each(|name| fs_err::remove_file(place.path("shards").join(name)).unwrap());
    place.run("data pack photos --out shards/a.tar").exits(0);
    place.run(&line).exits(0).says(&["features: 9 images from the cache, 1 computed"]);
}

#[test]
fn two_commands_at_once_keep_whole_records() {
    let place = trained(40);
    let embed = |name: &str| place.start(&format!("embed run photos {CPU} --out {name}.npy"));
    let mut both = [embed("a"), embed("b")];
    for child in &mut both {
        wait_until("a command to end", || child.try_wait().unwrap().is_some());
        assert!(child.wait().unwrap().success());
    }
    let read = |name: &str| fs_err::read(place.path(name)).unwrap();
    assert!(read("a.npy") == read("b.npy"));
    let done = embeds(&place, 40, 0);
    assert!(!done.err.contains("warning"), "{}", done.err);
    assert!(read("kept.npy") == read("a.npy"));
}

#[test]
fn a_cache_that_is_damaged_or_useless_is_told_and_changes_nothing() {
    let place = trained(10);
    let kept = place.path("cache");
    let run = |out: &str| {
        let line = format!("embed run photos {CPU} --out {out} --force");
        place.run_with(&line, &[("TWIST_CACHE", kept.to_str().unwrap())])
    };
    let table = |name: &str| fs_err::read(place.path(name)).unwrap();
    run("a.npy").exits(0).says(&["0 images from the cache, 10 computed"]);
    let file = kept.join(&place.names("cache")[0]);
    let whole = fs_err::read(&file).unwrap();
    // As a kill in the midst of writing leaves it.
    fs_err::write(&file, &whole[..whole.len() - 7]).unwrap();
    let done = run("b.npy");
    done.exits(0).says(&["warning: ", "are not whole, as after a kill or a full disk; they were dropped"]);
    assert!(table("a.npy") == table("b.npy"));
    let done = run("c.npy");
    done.exits(0).says(&["10 images from the cache, 0 computed"]);
    assert!(!done.err.contains("warning") && table("a.npy") == table("c.npy"), "{}", done.err);
    // A file of something else, and a place where nothing can be kept.
    fs_err::write(&file, "words").unwrap();
    run("d.npy").exits(0).says(&["warning: ", "is not a file of records", "--no-cache"]);
    fs_err::remove_dir_all(&kept).unwrap();
    fs_err::write(&kept, "a file").unwrap();
    let done = run("e.npy");
    done.exits(0).says(&["warning: the cache cannot be used", "TWIST_CACHE"]);
    assert!(table("a.npy") == table("d.npy") && table("a.npy") == table("e.npy"));
    // What earlier versions kept is removed, and said.
    fs_err::remove_file(&kept).unwrap();
    fs_err::create_dir(&kept).unwrap();
    let key = kept.join("0123456789abcdef0123456789abcdef");
    fs_err::write(key.with_extension("npy"), [0; 100]).unwrap();
    let entry = r#"{"rows":1,"width":2,"checksum":3,"features":"last","transform":{}}"#;
    fs_err::write(key.with_extension("json"), entry).unwrap();
    run("f.npy").exits(0).says(&["1 table of an earlier version"]);
    assert_eq!(place.names("cache").len(), 1);
}
