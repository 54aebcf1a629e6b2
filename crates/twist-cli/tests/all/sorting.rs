//! `predict --sort-into`: the images in a folder for each class.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::support::{Done, Place, picture, wait_until};

/// A run of two steps on 16 pictures, in `run`, and two folders of pictures with the same names.
fn trained() -> Place {
    let place = Place::new();
    place.pictures("train", 16);
    place
        .run("train train --recipe tiny.toml --epochs 1 --set schedule.warmup_epochs=0 --device cpu --threads 1 --out run")
        .exits(0);
    for (folder, first) in [("x", 0), ("y", 20)] {
        fs_err::create_dir_all(place.path("photos").join(folder)).unwrap();
        for number in 0..8 {
            let file = place.path("photos").join(folder).join(format!("{number}.png"));
            picture(first + number).save(file).unwrap();
        }
    }
    picture(50).save(place.path("photos/alone.png")).unwrap();
    place
}

const IMAGES: usize = 17;

fn sort(place: &Place, rest: &str) -> Done {
    place.run(&format!("predict run photos --device cpu --threads 1 --sort-into {rest}"))
}

/// The rows of `sorted.csv`, by path: class, name, unsure, and the place.
fn rows(place: &Place, folder: &str) -> BTreeMap<String, [String; 4]> {
    let mut table = csv::Reader::from_path(place.path(folder).join("sorted.csv")).unwrap();
    assert_eq!(
        table.headers().unwrap(),
        "path,cluster,name,probability,unsure,to,from,stamp".split(',').collect::<Vec<_>>()
    );
    let rows = table.records().map(|row| {
        let row = row.unwrap();
        let cell = |at: usize| row[at].to_string();
        (cell(0), [cell(1), cell(2), cell(4), cell(5)])
    });
    rows.collect()
}

/// What `predict` says: number and name of the class of each image.
fn predicted(place: &Place) -> BTreeMap<String, (String, String)> {
    let done = place.run("predict run photos --device cpu --threads 1");
    done.exits(0);
    let rows = done.out.lines().skip(1).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        (cells[0].to_string(), (cells[1].to_string(), cells[2].to_string()))
    });
    rows.collect()
}

/// Every file and link below a folder, with the bytes that are read through it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in fs_err::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.symlink_metadata().unwrap().is_dir() {
                folders.push(path);
            } else {
                let bytes = fs_err::read(&path).unwrap_or_default();
                found.insert(path.strip_prefix(folder).unwrap().to_owned(), bytes);
            }
        }
    }
    found
}

#[test]
fn images_are_linked_into_a_folder_for_each_class() {
    let place = trained();
    let before = files(&place.path("photos"));
    let done = sort(&place, "sorted");
    done.exits(0).says(&["17 images linked in", "sorted/sorted.csv says which"]);
    let (rows, predicted) = (rows(&place, "sorted"), predicted(&place));
    assert_eq!(rows.len(), IMAGES);
    for (path, [cluster, name, unsure, to]) in &rows {
        assert_eq!((cluster, name), (&predicted[path].0, &predicted[path].1), "{path}");
        assert_eq!((unsure.as_str(), to.split('/').next().unwrap()), ("false", name.as_str()));
        let link = place.path("sorted").join(to);
        assert!(link.is_symlink());
        assert_eq!(fs_err::read(link).unwrap(), fs_err::read(place.path("photos").join(path)).unwrap());
    }
    // Images of one name in one class are told apart, and nothing else is there.
    assert_eq!(files(&place.path("sorted")).len(), IMAGES + 1);
    assert!(rows["alone.png"][3].ends_with("/alone.png"), "{rows:?}");
    assert_eq!(files(&place.path("photos")), before);
    // Standard output has the number of images of each folder.
    let counts: usize =
        done.out.lines().map(|line| line.split_whitespace().next().unwrap().parse::<usize>().unwrap()).sum();
    assert_eq!(counts, IMAGES, "{}", done.out);
    assert!(done.out.lines().all(|line| line.contains("  sorted/class ")), "{}", done.out);

    // The same again changes nothing; the same in another folder gives the same names.
    let sorted = files(&place.path("sorted"));
    sort(&place, "sorted").exits(0).says(&["0 images linked in", "17 were there already"]);
    assert_eq!(files(&place.path("sorted")), sorted);
    sort(&place, "again --link --out classes.csv").exits(0).says(&["17 images in classes.csv"]);
    assert_eq!(files(&place.path("again")), sorted);

    // An image that came later gets its place, one that somebody took out does not.
    picture(51).save(place.path("photos/later.png")).unwrap();
    let taken = &rows["alone.png"][3];
    fs_err::remove_file(place.path("sorted").join(taken)).unwrap();
    sort(&place, "sorted").exits(0).says(&["1 image linked in", "1 image sorted before"]);
    assert!(!place.path("sorted").join(taken).exists());
    assert_eq!(files(&place.path("sorted")).len(), IMAGES + 1);
}

#[test]
fn names_and_merges_of_classes_become_folders() {
    let place = trained();
    let classes: Vec<String> = predicted(&place).into_values().map(|(cluster, _)| cluster).collect();
    let class = &classes[0];
    let others: Vec<String> = (0..6).map(|k| k.to_string()).filter(|k| k != class).collect();
    let line = ["clusters", "run", "merge", class, &others[0], "--name", "dots/and: lines."];
    assert!(place.twist(line).output().unwrap().status.success());
    assert!(
        place.twist(["clusters", "run", "rename", &others[1], "unsure"]).output().unwrap().status.success()
    );
    sort(&place, "sorted").exits(0);
    let rows = rows(&place, "sorted");
    let mut merged = 0;
    for [cluster, name, _, to] in rows.values() {
        let folder = to.split('/').next().unwrap();
        match name.as_str() {
            "dots/and: lines." => {
                assert_eq!(folder, "dots_and_ lines_");
                merged += 1;
            }
            "unsure" => assert_eq!(folder, format!("unsure (class {cluster})")),
            name => assert_eq!((folder, name), (name, format!("class {cluster}").as_str())),
        }
    }
    let together = |cluster: &&String| **cluster == *class || **cluster == others[0];
    let members = classes.iter().filter(together).count();
    assert!(merged >= members && members > 0, "{merged} of {members}: probabilities add up");
    // Another name is another folder, and no image is in two.
    place.run(&format!("clusters run unmerge {class}")).exits(0);
    let before = files(&place.path("sorted"));
    sort(&place, "sorted").exits(2).says(&["its class has changed", "name another folder"]);
    assert_eq!(files(&place.path("sorted")), before);
}

#[test]
fn unsure_images_have_a_folder_of_their_own() {
    let place = trained();
    sort(&place, "all --unsure 1").exits(0);
    for [_, name, unsure, to] in rows(&place, "all").values() {
        assert_eq!(unsure, "true");
        assert!(to.starts_with(&format!("unsure/{name}/")), "{to}");
    }
    // The threshold that is kept with the names counts as well.
    place.run("clusters run unsure 1").exits(0);
    sort(&place, "kept").exits(0);
    assert_eq!(files(&place.path("kept")), files(&place.path("all")));
    sort(&place, "none --unsure 0").exits(0);
    assert!(!place.path("none/unsure").exists());
}

#[test]
fn images_are_moved_and_none_is_lost() {
    let place = trained();
    let before = files(&place.path("photos"));
    // Another file has one of the names: nothing is moved.
    sort(&place, "links").exits(0);
    let to = rows(&place, "links")["x/3.png"][3].clone();
    fs_err::create_dir_all(place.path("moved").join(&to).parent().unwrap()).unwrap();
    fs_err::write(place.path("moved").join(&to), "mine").unwrap();
    sort(&place, "moved --move").exits(2).says(&["moved", "is not empty"]);
    fs_err::copy(place.path("links/sorted.csv"), place.path("moved/sorted.csv")).unwrap();
    sort(&place, "moved --move").exits(2).says(&["3.png", "exists already"]);
    assert_eq!(fs_err::read(place.path("moved").join(&to)).unwrap(), b"mine");
    assert_eq!(files(&place.path("photos")), before);
    fs_err::remove_dir_all(place.path("moved")).unwrap();

    sort(&place, "moved --move").exits(0).says(&["17 images moved to"]);
    assert!(files(&place.path("photos")).is_empty());
    let moved: Vec<Vec<u8>> = {
        let mut files = files(&place.path("moved"));
        files.remove(Path::new("sorted.csv")).unwrap();
        let mut all: Vec<Vec<u8>> = files.into_values().collect();
        all.sort();
        all
    };
    let mut all: Vec<Vec<u8>> = before.into_values().collect();
    all.sort();
    assert_eq!(moved, all);
    // Nothing is left to do, and that is not a mistake; with another folder it is one.
    sort(&place, "moved --move --out rest.csv")
        .exits(0)
        .says(&["nothing to sort", "17 images of it were sorted"]);
    assert_eq!(fs_err::read_to_string(place.path("rest.csv")).unwrap().lines().count(), 1);
    sort(&place, "other --move").exits(1).says(&["no image"]);
}

#[test]
fn links_that_are_moved_lead_to_the_new_places() {
    let place = trained();
    let at = |name: &str| place.path("photos").join(name);
    fs_err::rename(at("x/3.png"), at("y/target.png")).unwrap();
    std::os::unix::fs::symlink("../y/target.png", at("x/3.png")).unwrap();
    std::os::unix::fs::symlink("3.png", at("x/link to it.png")).unwrap();
    let picture = fs_err::read(at("y/target.png")).unwrap();
    sort(&place, "moved --move").exits(0).says(&["19 images moved"]);
    let rows = rows(&place, "moved");
    let to = |path: &str| place.path("moved").join(&rows[path][3]);
    let target = fs_err::canonicalize(to("y/target.png")).unwrap();
    for link in ["x/3.png", "x/link to it.png"] {
        assert!(to(link).is_symlink());
        assert_eq!(fs_err::read_link(to(link)).unwrap(), target);
        assert_eq!(fs_err::read(to(link)).unwrap(), picture);
    }
}

#[test]
fn another_image_under_a_name_that_was_sorted_is_sorted_too() {
    let place = trained();
    let alone = place.path("photos/alone.png");
    for how in ["--copy", "--link"] {
        picture(50).save(&alone).unwrap();
        let folder = how.trim_start_matches('-');
        sort(&place, &format!("{folder} {how}")).exits(0);
        let first = place.path(folder).join(&rows(&place, folder)["alone.png"][3]);
        // Taken out of both; the camera uses the name again, for a picture of the same class.
        fs_err::remove_file(&first).unwrap();
        sort(&place, &format!("{folder} {how}"))
            .exits(0)
            .says(&["1 image sorted before, no longer in place"]);
        let mut longer = fs_err::read(&alone).unwrap();
        longer.extend_from_slice(b"behind its end");
        fs_err::write(&alone, &longer).unwrap();
        sort(&place, &format!("{folder} {how}")).exits(0).says(&["1 image"]);
        let found = files(&place.path(folder));
        assert_eq!(found.values().filter(|bytes| **bytes == longer).count(), 1, "{how}");
        // And once more: known now.
        sort(&place, &format!("{folder} {how}")).exits(0).says(&["0 images", "17 were there already"]);
        assert_eq!(files(&place.path(folder)), found);
    }
    // While the first copy is in its place, the second one gets another name.
    fs_err::write(&alone, [fs_err::read(&alone).unwrap(), b"!".to_vec()].concat()).unwrap();
    let before = files(&place.path("copy")).len();
    sort(&place, "copy --copy").exits(0).says(&["1 image copied"]);
    assert_eq!(files(&place.path("copy")).len(), before + 1);
    // And so it is with what was moved: nothing is in the way.
    picture(50).save(&alone).unwrap();
    sort(&place, "moved --move").exits(0);
    fs_err::create_dir_all(place.path("photos")).unwrap();
    picture(50).save(&alone).unwrap();
    fs_err::write(&alone, [fs_err::read(&alone).unwrap(), b"!".to_vec()].concat()).unwrap();
    sort(&place, "moved --move").exits(0).says(&["1 image moved"]);
    assert!(!alone.exists());
    assert_eq!(files(&place.path("moved")).len(), IMAGES + 2);
}

#[test]
fn links_and_copies_do_not_mix_and_the_error_says_so() {
    let place = trained();
    sort(&place, "sorted").exits(0);
    for how in ["--copy", "--move"] {
        let words = ["is a link to the image", "make links again", "or name another folder"];
        sort(&place, &format!("sorted {how}")).exits(2).says(&words);
    }
    sort(&place, "copies --copy").exits(0);
    sort(&place, "copies").exits(2).says(&["is a copy of the image", "make copies again"]);
    assert_eq!(files(&place.path("photos")).len(), IMAGES);
}

#[test]
fn names_that_are_not_text_are_found_again() {
    use std::os::unix::ffi::OsStrExt;
    let place = trained();
    for (number, name) in [(1, &b"a\xff.png"[..]), (2, &b"a\xfe.png"[..])] {
        let file = place.path("photos").join(std::ffi::OsStr::from_bytes(name));
        picture(number).save(place.path("plain.png")).unwrap();
        fs_err::rename(place.path("plain.png"), file).unwrap();
    }
    sort(&place, "sorted --copy").exits(0).says(&["19 images copied"]);
    let table = fs_err::read_to_string(place.path("sorted/sorted.csv")).unwrap();
    for end in ["a%FF.png,", "a%FE.png,"] {
        assert!(table.contains("file:///") && table.contains(end), "{table}");
    }
    sort(&place, "sorted --copy").exits(0).says(&["0 images copied", "19 were there already"]);
}

#[test]
fn a_second_call_into_one_folder_is_refused() {
    use rustix::fs::{FlockOperation, flock};
    let place = trained();
    sort(&place, "sorted").exits(0);
    let folder = fs_err::File::open(place.path("sorted")).unwrap();
    flock(&folder, FlockOperation::NonBlockingLockExclusive).unwrap();
    let words = ["another command is sorting images into", "wait until it ends"];
    sort(&place, "sorted").exits(1).says(&words);
    drop(folder);
    sort(&place, "sorted").exits(0);
}

#[test]
fn another_image_under_the_name_of_one_that_was_moved_is_sorted() {
    let place = trained();
    sort(&place, "moved --move").exits(0);
    let all = rows(&place, "moved");
    let first = place.path("moved").join(&all["x/3.png"][3]);
    // Somebody took the first image away; the camera began to count anew.
    fs_err::remove_file(&first).unwrap();
    picture(3).save(place.path("photos/x/3.png")).unwrap();
    sort(&place, "moved --move").exits(0).says(&["1 image moved"]);
    assert!(!place.path("photos/x/3.png").exists());
    assert_eq!(rows(&place, "moved"), all);
    assert!(first.is_file());
}

#[test]
fn a_folder_of_a_class_that_is_a_link_is_refused() {
    let place = trained();
    sort(&place, "links").exits(0);
    let to = rows(&place, "links")["x/3.png"][3].clone();
    let class = Path::new(&to).parent().unwrap();
    let (linked, elsewhere) = (place.path("sorted").join(class), place.path("elsewhere"));
    sort(&place, "sorted --copy").exits(0);
    fs_err::rename(&linked, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &linked).unwrap();
    sort(&place, "sorted --copy").exits(2).says(&["it is a link"]);
}

/// The child is killed while it moves, at a moment that is different each time; the next call ends what it began.
#[test]
fn a_call_that_was_killed_is_made_again() {
    let place = trained();
    for number in 0..400 {
        picture(number).save(place.path("photos").join(format!("more-{number}.png"))).unwrap();
    }
    let all: Vec<Vec<u8>> = files(&place.path("photos")).into_values().collect();
    for how in ["--move", "--copy", "--link"] {
        let name = how.trim_start_matches('-');
        let line = format!("predict run photos --device cpu --threads 1 --sort-into {name} {how}");
        let mut child = place.start(&line);
        // The plan is there, so images are on their way.
        wait_until("images on their way", || {
            place.path(name).join("sorting.csv").exists()
                || place.path(name).join("sorted.csv").exists()
                || child.try_wait().unwrap().is_some()
        });
        child.kill().unwrap();
        child.wait().unwrap();
        if how != "--move" || !files(&place.path("photos")).is_empty() {
            place.run(&line).exits(0);
        }
        let mut found = files(&place.path(name));
        assert!(found.remove(Path::new("sorted.csv")).is_some(), "{found:?}");
        assert_eq!(rows(&place, name).len(), all.len(), "{how}");
        let (mut found, mut all): (Vec<_>, Vec<_>) = (found.into_values().collect(), all.clone());
        found.sort();
        all.sort();
        assert!(found == all, "{how}: {} files of {}", found.len(), all.len());
        if how == "--move" {
            // Back, for the next way.
            for (path, [_, _, _, to]) in rows(&place, name) {
                fs_err::rename(place.path(name).join(to), place.path("photos").join(path)).unwrap();
            }
        }
    }
}

#[test]
fn images_of_shards_are_copied_out() {
    let place = trained();
    place.run("data pack photos --out shards/p.tar").exits(0);
    let line = "predict run shards/p-000000.tar --device cpu --threads 1 --sort-into out";
    place.run(line).exits(2).says(&["have no files of their own", "--copy"]);
    place.run(&format!("{line} --move")).exits(2).says(&["--copy"]);
    assert!(!place.path("out").exists());
    place.run(&format!("{line} --copy")).exits(0).says(&["17 images copied to"]);
    let mut found = files(&place.path("out"));
    found.remove(Path::new("sorted.csv")).unwrap();
    let (mut found, mut all): (Vec<_>, Vec<_>) =
        (found.into_values().collect(), files(&place.path("photos")).into_values().collect());
    found.sort();
    all.sort();
    assert!(found == all);
    place.run(&format!("{line} --copy")).exits(0).says(&["0 images copied", "17 were there already"]);
    place
        .run("predict run shapes:test --device cpu --threads 1 --sort-into shapes --copy")
        .exits(2)
        .says(&["pixels", "data pack"]);
}

#[test]
fn a_zip_is_looked_at_and_copied_out() {
    let place = trained();
    let mut archive = zip::ZipWriter::new(fs_err::File::create(place.path("photos.zip")).unwrap());
    for (path, bytes) in files(&place.path("photos")) {
        archive.start_file(path.to_str().unwrap(), zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(&bytes).unwrap();
    }
    archive.finish().unwrap();
    let info = place.run("data info photos.zip --json");
    info.exits(0);
    let info: serde_json::Value = serde_json::from_str(&info.out).unwrap();
    assert_eq!((&info["images"], info["classes"].as_array().unwrap().len()), (&IMAGES.into(), 2), "{info}");
    // The classes are those of the folder, and so are the probabilities, to the last digit.
    let cells = |spec: &str| -> BTreeMap<String, String> {
        let done = place.run(&format!("predict run {spec} --device cpu --threads 1"));
        done.exits(0);
        let rows = done
            .out
            .lines()
            .skip(1)
            .map(|line| line.trim_start_matches("photos.zip/").split_once(',').unwrap());
        rows.map(|(path, rest)| (path.to_string(), rest.to_string())).collect()
    };
    assert_eq!(cells("photos.zip"), cells("photos"));
    let line = "predict run photos.zip --device cpu --threads 1 --sort-into out";
    place.run(line).exits(2).says(&["have no files of their own", "--copy"]);
    place.run(&format!("{line} --copy")).exits(0).says(&["17 images copied to"]);
    let mut found: Vec<_> = files(&place.path("out"))
        .into_iter()
        .filter(|(path, _)| path != Path::new("sorted.csv"))
        .map(|(_, bytes)| bytes)
        .collect();
    let mut all: Vec<_> = files(&place.path("photos")).into_values().collect();
    found.sort();
    all.sort();
    assert!(found == all);
    for (line, command) in [
        ("predict run s3://bucket/photos", "aws s3 sync s3://bucket/photos"),
        ("train https://example.org/p.zip", "curl -LO https://example.org/p.zip"),
    ] {
        place.run(line).exits(1).says(&["download them first", command]);
    }
}

#[test]
fn wrong_places_are_refused_before_the_work() {
    let place = trained();
    sort(&place, "photos/sorted").exits(2).says(&["it lies in photos"]);
    sort(&place, "photos").exits(2).says(&["photos"]);
    sort(&place, ".").exits(2).says(&["it contains photos"]);
    sort(&place, "tiny.toml").exits(2).says(&["it is a file"]);
    sort(&place, "run").exits(2).says(&["is not empty", "sorted.csv"]);
    sort(&place, "out --link --copy").exits(2);
    place.run("predict run photos --move").exits(2).says(&["--sort-into"]);
    place
        .run("predict run photos/x/*.png --device cpu --sort-into photos/x/out")
        .exits(2)
        .says(&["a folder of the images"]);
    let list: String = (0..8).map(|number| format!("photos/x/{number}.png\n")).collect();
    fs_err::write(place.path("list.txt"), list).unwrap();
    fs_err::create_dir(place.path("empty")).unwrap();
    place.run("predict run list.txt --device cpu --sort-into empty").exits(0);
    place.run("predict run list.txt --device cpu --sort-into photos").exits(2);
    fs_err::write(place.path("f.npy"), "x").unwrap();
    assert!(!place.path("out").exists() && !place.path("photos/sorted").exists());
}

#[test]
fn unreadable_images_stay_where_they_are() {
    let place = trained();
    fs_err::write(place.path("photos/x/cut.png"), b"\x89PNG\r\n\x1a\nno picture").unwrap();
    sort(&place, "sorted --move").exits(0).says(&["17 images moved", "left out 1 of 18 images"]);
    assert_eq!(files(&place.path("photos")).into_keys().collect::<Vec<_>>(), [Path::new("x/cut.png")]);
    assert!(!rows(&place, "sorted").contains_key("x/cut.png"));
}

/// Permissions do not bind the superuser, for whom a folder in the place of a folder for a class stands in.
#[test]
fn a_folder_that_cannot_be_written_to_loses_nothing() {
    let place = trained();
    let before = files(&place.path("photos"));
    fs_err::create_dir(place.path("closed")).unwrap();
    fs_err::set_permissions(place.path("closed"), PermissionsExt::from_mode(0o500)).unwrap();
    if fs_err::write(place.path("closed/probe"), "").is_err() {
        sort(&place, "closed/sorted --move").exits(1).says(&["closed"]);
        assert_eq!(files(&place.path("photos")), before);
    }
    fs_err::set_permissions(place.path("closed"), PermissionsExt::from_mode(0o700)).unwrap();
    sort(&place, "links").exits(0);
    let folder = rows(&place, "links")["x/3.png"][3].split('/').next().unwrap().to_string();
    // A file in the place of the folder of a class, in a folder that Twist began.
    fs_err::create_dir(place.path("moved")).unwrap();
    fs_err::write(place.path("moved/sorted.csv"), "path,cluster,name,probability,unsure,to,from\n").unwrap();
    fs_err::write(place.path("moved").join(&folder), "mine").unwrap();
    sort(&place, "moved --move").exits(1).says(&[&folder]);
    let there = files(&place.path("photos")).len() + files(&place.path("moved")).len();
    assert_eq!(
        there,
        IMAGES + 3,
        "an image is in its old or its new place; beside them two tables and a file"
    );
    fs_err::remove_file(place.path("moved").join(&folder)).unwrap();
    sort(&place, "moved --move").exits(0);
    assert_eq!(rows(&place, "moved").len(), IMAGES);
    assert_eq!(files(&place.path("moved")).len(), IMAGES + 1);
}
