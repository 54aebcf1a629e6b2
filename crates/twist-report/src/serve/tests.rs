//! Handlers over a small run, without a socket.

use std::error::Error;

use serde_json::{Value, json};
use twist_run::{ClassEstimate, ClassTree, ClusterNames, NamedWeights, TreeClass, TreeMerge, TreeParts};

use super::archive::Archive;
use super::helpers::{Embed, Helpers, Pictures};
use super::map::MapState;
use super::message::{Reply, Request};
use super::routes::answer;
use super::site::Site;
use crate::run::{Naming, Samples, Verdicts};

/// Eight images in classes 0 (four), 2 (three) and 3 (one), of a network with five outputs.
fn site(folder: &std::path::Path, helpers: Helpers) -> Site {
    let naming = Naming::from(ClusterNames::new(5));
    let angles = [0.0f32, 0.1, 0.2, 0.3, 1.4, 1.5, 1.6, 3.0];
    let mut samples = Samples {
        index: (10..18).collect(),
        label: [0, 0, 0, 1, 1, 1, 1, 0].map(Some).to_vec(),
        said: Verdicts {
            cluster: vec![0, 0, 0, 0, 2, 2, 2, 3],
            confidence: vec![0.9, 0.8, 0.7, 0.4, 0.9, 0.8, 0.35, 0.6],
            second_cluster: vec![2, 2, 2, 3, 0, 0, 0, 2],
            second_confidence: vec![0.05, 0.1, 0.1, 0.35, 0.05, 0.1, 0.3, 0.2],
        },
        embedding: angles.iter().flat_map(|angle| [angle.cos(), angle.sin()]).collect::<Vec<_>>().into(),
        width: 2,
        path: (0..8).map(|i| format!("a/{i}.png")).collect(),
        class_names: [(0, "cat".to_owned()), (1, "dog".to_owned())].into(),
        ..Samples::default()
    };
    samples.merge(&naming);
    let archive = Archive::open(&folder.join("thumbnails.tar")).unwrap();
    Site::of_parts(folder, samples, naming, archive, helpers).unwrap()
}

fn get(site: &mut Site, address: &str) -> Reply {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    answer(site, &Request { path: path.into(), query: query.into(), ..Request::default() })
}

fn post(site: &mut Site, path: &str, body: &Value) -> Reply {
    answer(
        site,
        &Request { post: true, path: path.into(), body: body.to_string().into(), ..Request::default() },
    )
}

/// A class as a page shows it.
fn seen(class: u32, parts: &[u32]) -> Value {
    json!({ "class": class, "parts": parts })
}

/// The JSON of a reply that must have been granted.
fn granted(reply: &Reply) -> Value {
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    serde_json::from_slice(&reply.body).unwrap()
}

fn refused(reply: &Reply, status: u16, words: &str) {
    let text = String::from_utf8_lossy(&reply.body);
    assert!(reply.status == status && text.contains(words), "{} {text}", reply.status);
}

#[test]
fn classes_come_with_names_sizes_and_purity() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = site(folder.path(), Helpers::default());
    let found = granted(&get(&mut site, "api/classes"));
    let classes = found["classes"].as_array().unwrap();
    let numbers: Vec<_> = classes.iter().map(|one| (one["number"].as_u64(), one["size"].as_u64())).collect();
    assert_eq!(numbers, [(Some(0), Some(4)), (Some(2), Some(3)), (Some(3), Some(1))]);
    assert_eq!(
        (&classes[0]["name"], &classes[0]["mostly"], &classes[0]["purity"]),
        (&json!("class 0"), &json!("cat"), &json!(0.75))
    );
    let examples = classes[0]["examples"].as_array().unwrap();
    assert_eq!(
        (examples.len(), &examples[0]["title"]),
        (4, &json!("a/0.png")),
        "names instead of missing pictures"
    );
    let run = granted(&get(&mut site, "api/run"));
    assert_eq!(
        (&run["outputs"], &run["can_embed"], &run["has_paths"]),
        (&json!(5), &json!(false), &json!(true))
    );
}

#[test]
fn a_name_and_a_merge_are_on_the_disk_and_can_be_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = site(folder.path(), Helpers::default());
    granted(&post(&mut site, "api/rename", &json!({ "class": 0, "name": "whiskers" })));
    granted(&post(&mut site, "api/merge", &json!({ "classes": [seen(3, &[3]), seen(0, &[0])] })));
    let on_disk = ClusterNames::load(folder.path().join("clusters.json"), 5).unwrap();
    assert_eq!((on_disk.groups().len(), on_disk.resolve(3).unwrap().name), (4, "whiskers".to_owned()));

    let classes = granted(&get(&mut site, "api/classes"))["classes"].clone();
    assert_eq!(
        (&classes[0]["name"], &classes[0]["parts"], &classes[0]["size"]),
        (&json!("whiskers"), &json!([0, 3]), &json!(5))
    );
    // The merged class is as probable as its parts together.
    let image = granted(&get(&mut site, "api/image/3"))["image"].clone();
    assert_eq!(
        (&image["sure"], &image["second"], &image["name"]),
        (&json!(0.75), &Value::Null, &json!("whiskers"))
    );

    granted(&post(&mut site, "api/unmerge", &seen(3, &[0, 3])));
    granted(&post(&mut site, "api/rename", &json!({ "class": 0, "name": "" })));
    assert!(ClusterNames::load(folder.path().join("clusters.json"), 5).unwrap().is_untouched());
    assert_eq!(granted(&get(&mut site, "api/classes"))["classes"].as_array().unwrap().len(), 3);
}

#[test]
fn a_merge_says_how_many_images_move() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = site(folder.path(), Helpers::default());
    let asked = json!({ "classes": [seen(2, &[2]), seen(3, &[3])] });
    let outcome = |images: u32, others: u32, unsure: u32| json!({ "images": images, "from_others": others, "from_unsure": unsure });
    assert_eq!(granted(&post(&mut site, "api/merged", &asked)), outcome(4, 0, 0));
    // In the first image class 0 has 0.4 now, and 2 and 3 have 0.3 each.
    site.samples.said.confidence[0] = 0.4;
    site.samples.ranked = vec![(0, 0.0); 24];
    for row in 0..8 {
        let said = &site.samples.said;
        let (first, second) = (
            (said.cluster[row], said.confidence[row]),
            (said.second_cluster[row], said.second_confidence[row]),
        );
        site.samples.ranked[row * 3..row * 3 + 2].copy_from_slice(&[first, second]);
    }
    site.samples.ranked[..3].copy_from_slice(&[(0, 0.4), (2, 0.3), (3, 0.3)]);
    site.samples.merge(&Naming::from(ClusterNames::new(5)));
    assert_eq!(granted(&post(&mut site, "api/merged", &asked)), outcome(5, 1, 0));
    assert!(!folder.path().join("clusters.json").exists(), "a preview changes nothing");
    // Alone it is unsure, with both others it is not; those with 0.35 and 0.4 stay unsure.
    granted(&post(&mut site, "api/threshold", &json!({ "below": 0.45 })));
    assert_eq!(granted(&post(&mut site, "api/merged", &asked)), outcome(4, 0, 1));
    assert_eq!(granted(&post(&mut site, "api/merge", &asked)), outcome(4, 0, 1));
    let stale = json!({ "classes": [seen(2, &[2]), seen(0, &[0])] });
    refused(&post(&mut site, "api/merged", &stale), 409, "has changed since you saw it");
}

/// Classes 2 and 3 are nearest.
fn with_tree(mut site: Site) -> Site {
    let class = |class, rows| TreeClass { class, rows };
    let parts = TreeParts {
        clusters: 5,
        weights: NamedWeights::Step { step: 1, hash: None },
        of: "held-out images".into(),
        rows: 8,
        neighbours: 3,
        classes: vec![class(0, 4), class(2, 3), class(3, 1)],
        merges: vec![TreeMerge { of: [2, 3], height: 0.5 }, TreeMerge { of: [0, 2], height: 0.75 }],
        estimate: Some(ClassEstimate { classes: 2, range: (2, 3), rows: 8 }),
    };
    site.tree = Some(ClassTree::new(parts).unwrap());
    site
}

#[test]
fn a_cut_is_looked_at_before_it_is_made_and_can_be_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = with_tree(site(folder.path(), Helpers::default()));
    let tree = granted(&get(&mut site, "api/tree"));
    assert_eq!(
        (&tree["classes"], &tree["now"], &tree["estimate"]["classes"]),
        (&json!(3), &json!(3), &json!(2))
    );
    let all = json!([seen(0, &[0]), seen(2, &[2]), seen(3, &[3])]);
    let asked = json!({ "classes": 2, "seen": all });
    let looked = granted(&post(&mut site, "api/cut/preview", &asked));
    let class =
        |number: u32, name: &str, images: u32| json!({ "number": number, "name": name, "images": images });
    let parts = json!([class(2, "class 2", 3), class(3, "class 3", 1)]);
    assert_eq!(looked["joined"], json!([{ "class": class(2, "class 2", 4), "parts": parts }]));
    assert_eq!((&looked["before"], &looked["now"], &looked["changes"]), (&json!(3), &json!(2), &json!(true)));
    assert!(!folder.path().join("clusters.json").exists(), "a preview changes nothing");
    granted(&post(&mut site, "api/cut", &asked));
    let on_disk = || ClusterNames::load(folder.path().join("clusters.json"), 5).unwrap();
    assert_eq!(on_disk().resolve(3).unwrap().members, [2, 3]);
    assert_eq!(granted(&get(&mut site, "api/tree"))["now"], 2);
    refused(&post(&mut site, "api/cut", &asked), 409, "class 2 has changed since you saw it");

    // A name that was given to both goes with the class, and the file before is kept.
    granted(&post(&mut site, "api/rename", &json!({ "class": 2, "name": "barkers" })));
    let now = json!({ "classes": 3, "seen": [seen(0, &[0]), seen(2, &[2, 3])] });
    let apart = granted(&post(&mut site, "api/cut/preview", &now));
    let whole = json!([{ "class": class(2, "barkers", 4), "parts": parts }]);
    assert_eq!((&apart["divided"], &apart["lost"]), (&whole, &json!(["`barkers` (2, 3)"])));
    assert_eq!(granted(&post(&mut site, "api/cut", &now))["aside"], "clusters.replaced-1.json");
    assert!(on_disk().groups().is_plain());
    assert_eq!(
        ClusterNames::load(folder.path().join("clusters.replaced-1.json"), 5)
            .unwrap()
            .resolve(3)
            .unwrap()
            .name,
        "barkers"
    );
}

#[test]
fn a_cut_that_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut bare = site(folder.path(), Helpers::default());
    assert_eq!(granted(&get(&mut bare, "api/tree")), Value::Null);
    for path in ["api/cut", "api/cut/preview"] {
        refused(&post(&mut bare, path, &json!({ "classes": 2, "seen": [] })), 409, "has no tree");
        let mut site = with_tree(site(folder.path(), Helpers::default()));
        refused(&post(&mut site, path, &json!({ "classes": 4, "seen": [] })), 409, "from 1 to 3");
        refused(&post(&mut site, path, &json!({ "classes": 0, "seen": [] })), 409, "from 1 to 3");
        refused(&post(&mut site, path, &json!({ "classes": 2 })), 400, "seen");
        refused(&get(&mut site, path), 404, "page does not exist");
    }
    assert!(!folder.path().join("clusters.json").exists());
}

#[test]
fn what_cannot_be_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = site(folder.path(), Helpers::default());
    granted(&post(&mut site, "api/rename", &json!({ "class": 0, "name": "whiskers" })));
    let before = fs_err::read(folder.path().join("clusters.json")).unwrap();
    refused(&post(&mut site, "api/rename", &json!({ "class": 2, "name": "whiskers" })), 409, "whiskers");
    refused(&post(&mut site, "api/rename", &json!({ "class": 9, "name": "x" })), 409, "does not exist");
    refused(&post(&mut site, "api/merge", &json!({ "classes": [seen(2, &[2])] })), 409, "two classes");
    refused(&post(&mut site, "api/merge", &json!({ "classes": [2, 3] })), 400, "struct Seen");
    refused(&post(&mut site, "api/unmerge", &seen(2, &[2])), 409, "not merged");
    refused(
        &post(&mut site, "api/rename", &json!({ "class": 2, "name": "a\u{202e}b" })),
        409,
        "invisible characters",
    );
    refused(
        &post(&mut site, "api/rename", &json!({ "class": 2, "name": "class 5" })),
        409,
        "reserved for unnamed classes",
    );
    refused(&post(&mut site, "api/threshold", &json!({ "below": 1.5 })), 409, "probability");
    refused(&post(&mut site, "api/rename", &json!({ "class": 0 })), 400, "name");
    refused(
        &post(&mut site, "api/label", &json!({ "rows": [0, 99], "label": "x" })),
        404,
        "image 99 is not in the run, which has 8 images",
    );
    refused(
        &post(&mut site, "api/label", &json!({ "rows": [3, 0, 3], "label": "x" })),
        400,
        "image 3 is named twice",
    );
    refused(
        &post(&mut site, "api/label", &json!({ "rows": [99], "label": "x", "only": "y" })),
        404,
        "image 99 is not in the run",
    );
    refused(&post(&mut site, "api/label", &json!({ "rows": [-1], "label": "x" })), 400, "expected usize");
    refused(&get(&mut site, "map.bin"), 409, "api/map");
    refused(&post(&mut site, "api/classes", &json!({})), 404, "accepts no data");
    refused(&get(&mut site, "api/rename"), 404, "page does not exist");
    refused(&get(&mut site, "api/image/8"), 404, "image is not in the run");
    refused(&get(&mut site, "api/images?class=1"), 404, "class does not exist");
    refused(&get(&mut site, "../clusters.json"), 404, "page does not exist");
    assert_eq!(fs_err::read(folder.path().join("clusters.json")).unwrap(), before);
    assert!(!folder.path().join("labels.csv").exists());

    // A file that someone broke is not written over.
    fs_err::write(folder.path().join("clusters.json"), "{").unwrap();
    refused(&post(&mut site, "api/rename", &json!({ "class": 0, "name": "x" })), 500, "clusters.json");
    assert_eq!(fs_err::read_to_string(folder.path().join("clusters.json")).unwrap(), "{");
}

/// Two pages are open; one merges, and the other, which still shows the classes as they were, would merge three.
#[test]
fn a_merge_of_classes_that_changed_meanwhile_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut one = site(folder.path(), Helpers::default());
    let mut other = site(folder.path(), Helpers::default());
    granted(&post(
        &mut one,
        "api/merge",
        &json!({ "classes": [seen(2, &[2]), seen(3, &[3])], "name": "pair" }),
    ));
    let stale = json!({ "classes": [seen(2, &[2]), seen(0, &[0])] });
    refused(&post(&mut other, "api/merge", &stale), 409, "class 2 has changed since you saw it");
    refused(&post(&mut other, "api/unmerge", &seen(2, &[2])), 409, "has changed since you saw it");
    let on_disk = ClusterNames::load(folder.path().join("clusters.json"), 5).unwrap();
    assert_eq!((on_disk.groups().len(), on_disk.resolve(3).unwrap().name), (4, "pair".to_owned()));
    let seen_now = json!({ "classes": [seen(2, &[3, 2]), seen(0, &[0])] });
    granted(&post(&mut other, "api/merge", &seen_now));
    assert_eq!(ClusterNames::load(folder.path().join("clusters.json"), 5).unwrap().groups().len(), 3);
}

#[test]
fn names_that_others_write_meanwhile_appear() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = site(folder.path(), Helpers::default());
    let mut names = ClusterNames::new(5);
    names.rename(2, "barkers").unwrap();
    names.save(folder.path().join("clusters.json")).unwrap();
    assert_eq!(granted(&get(&mut site, "api/classes"))["classes"][1]["name"], "barkers");
    granted(&post(&mut site, "api/rename", &json!({ "class": 0, "name": "whiskers" })));
    assert_eq!(
        ClusterNames::load(folder.path().join("clusters.json"), 5).unwrap().resolve(2).unwrap().name,
        "barkers"
    );
}

#[test]
fn images_come_by_page_and_in_either_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = site(folder.path(), Helpers::default());
    let rows = |reply: &Reply| -> Vec<u64> {
        granted(reply)["images"].as_array().unwrap().iter().map(|one| one["row"].as_u64().unwrap()).collect()
    };
    assert_eq!(rows(&get(&mut site, "api/images?class=0")), [0, 1, 2, 3]);
    assert_eq!(rows(&get(&mut site, "api/images?class=0&order=border")), [3, 2, 1, 0]);
    let beyond = get(&mut site, "api/images?class=0&page=18446744073709551615");
    assert_eq!((rows(&beyond).len(), &granted(&beyond)["pages"]), (0, &json!(1)));

    let moved = granted(&post(&mut site, "api/threshold", &json!({ "below": 0.5 })));
    assert_eq!((&moved["unsure"], &moved["before"]), (&json!(2), &json!(0)));
    assert_eq!(rows(&get(&mut site, "api/images?class=unsure")), [6, 3]);
    assert_eq!(rows(&get(&mut site, "api/images?class=0")), [0, 1, 2]);
    let classes = granted(&get(&mut site, "api/classes"));
    assert_eq!(classes["unsure"], 2);
    let sum = |key: &str| {
        classes["classes"].as_array().unwrap().iter().map(|one| one[key].as_u64().unwrap()).sum::<u64>()
    };
    assert_eq!(
        (sum("size") + sum("unsure"), sum("unsure")),
        (granted(&get(&mut site, "api/run"))["images"].as_u64().unwrap(), 2)
    );
    granted(&post(&mut site, "api/threshold", &json!({ "below": null })));
    assert_eq!(granted(&get(&mut site, "api/classes"))["unsure"], 0);
}

#[test]
fn labels_are_kept_proposed_around_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = site(folder.path(), Helpers::default());
    let proposed = |site: &mut Site| -> Vec<u64> {
        let next = granted(&get(site, "api/next"));
        next["images"].as_array().unwrap().iter().map(|one| one["row"].as_u64().unwrap()).collect()
    };
    assert_eq!(proposed(&mut site)[..3], [3, 6, 7]);
    granted(&post(&mut site, "api/label", &json!({ "rows": [6, 3], "label": "a \"cat\", or so" })));
    assert!(!proposed(&mut site).contains(&3));
    assert_eq!(granted(&get(&mut site, "api/image/3"))["image"]["mine"], "a \"cat\", or so");
    let export = get(&mut site, "labels.csv");
    assert_eq!(export.save_as, Some("labels.csv"));
    let text = String::from_utf8(export.body).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "path,cluster,name,label,probability");
    assert!(lines[1].starts_with("a/3.png,0,class 0,\"a \"\"cat\"\", or so\",0."), "{text}");
    assert!(lines[2].starts_with("a/6.png,2,class 2,\"a \"\"cat\"\", or so\",0."), "{text}");
    assert_eq!(lines.len(), 3);
    granted(&post(&mut site, "api/label", &json!({ "rows": [3], "label": "" })));
    assert_eq!(fs_err::read_to_string(folder.path().join("labels.csv")).unwrap().lines().count(), 2);
}

#[test]
fn labels_are_listed_and_taken_back_without_those_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("labels.csv");
    fs_err::write(&file, "path,label,by\na/1.png,dog,Ann\nelsewhere.png,dog,Ann\n").unwrap();
    let mut site = site(folder.path(), Helpers::default());
    let given = granted(&post(&mut site, "api/label", &json!({ "rows": [0, 1, 2], "label": "cat" })));
    let before = json!([{ "label": "", "rows": [0, 2] }, { "label": "dog", "rows": [1] }]);
    assert_eq!(given["before"], before);
    let listed = granted(&get(&mut site, "api/labels"));
    assert_eq!((&listed["total"], &listed["elsewhere"], &listed["pages"]), (&json!(3), &json!(1), &json!(1)));
    assert_eq!(listed["images"][1]["mine"], "cat");

    // Ann corrects one of them in her editor; the click is taken back, her correction stays.
    let text = fs_err::read_to_string(&file).unwrap();
    fs_err::write(&file, text.replace("a/2.png,cat", "a/2.png,a cow")).unwrap();
    for old in given["before"].as_array().unwrap() {
        let body = json!({ "rows": old["rows"], "label": old["label"], "only": "cat" });
        granted(&post(&mut site, "api/label", &body));
    }
    assert_eq!(
        fs_err::read_to_string(&file).unwrap(),
        "path,label,by\na/1.png,dog,Ann\nelsewhere.png,dog,Ann\na/2.png,a cow,\n"
    );
}

/// What `--labels` would refuse is not made, and nothing is added to what it refuses.
#[test]
fn labels_that_could_not_be_read_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("labels.csv");
    let mut site = site(folder.path(), Helpers::default());
    let label =
        |site: &mut Site, label: &str| post(site, "api/label", &json!({ "rows": [3], "label": label }));
    refused(&label(&mut site, "-1"), 409, "no label");
    refused(&label(&mut site, "3.0"), 409, "read as `3`");
    assert!(!file.exists());
    let twice = "path,label\na/1.png,dog\n./a/1.png,cat\n";
    fs_err::write(&file, twice).unwrap();
    refused(&label(&mut site, "dog"), 409, "line 3 names ./a/1.png, as line 2 does");
    assert_eq!(fs_err::read_to_string(&file).unwrap(), twice);
    fs_err::write(&file, "path,label\n./a/3.png,dog\n").unwrap();
    granted(&label(&mut site, "cow"));
    assert_eq!(fs_err::read_to_string(&file).unwrap(), "path,label\n./a/3.png,cow\n");
    assert_eq!(granted(&get(&mut site, "api/image/3"))["image"]["mine"], "cow");
}

/// Asks for the map, waits for the thread that makes it, and asks again.
fn mapped(site: &mut Site) -> Value {
    assert_eq!(granted(&get(site, "api/map"))["state"], "working");
    let MapState::Working { result, .. } = &site.map else { panic!("no thread makes the map") };
    let made = result.recv().unwrap();
    site.map = MapState::Ready(made);
    granted(&get(site, "api/map"))
}

#[test]
fn too_few_images_make_no_map() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = site(folder.path(), Helpers::default());
    assert_eq!(mapped(&mut site)["state"], "none");
    refused(&get(&mut site, "map.bin"), 409, "not ready");
}

/// All images of a larger run get a label at once, and lose it again, each in one request.
#[test]
fn the_map_shows_labels_that_were_given_to_many_images_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = site(folder.path(), Helpers { pictures: Some(Box::new(Even)), ..Helpers::default() });
    let count = 1000;
    site.samples = Samples {
        index: (0..count as u32).collect(),
        label: vec![None; count],
        said: Verdicts {
            cluster: (0..count as u32).map(|row| row % 3).collect(),
            confidence: vec![0.5; count],
            second_cluster: vec![4; count],
            second_confidence: vec![0.25; count],
        },
        embedding: (0..count)
            .flat_map(|row| [(row as f32).cos(), (row as f32).sin()])
            .collect::<Vec<_>>()
            .into(),
        width: 2,
        path: (0..count).map(|row| format!("b/{row}.png")).collect(),
        ..Samples::default()
    };
    site.samples.merge(&site.naming);
    let state = mapped(&mut site);
    assert_eq!((&state["state"], &state["scope"]), (&json!("ready"), &json!("all 1,000 images")));
    let header = |site: &mut Site| -> Value {
        let reply = get(site, "map.bin");
        assert_eq!((reply.status, &reply.body[..8]), (200, b"TWISTMAP".as_slice()));
        let length = u32::from_le_bytes(reply.body[8..12].try_into().unwrap()) as usize;
        serde_json::from_slice(&reply.body[12..12 + length]).unwrap()
    };
    assert_eq!(header(&mut site)["own"], json!([]));
    let rows: Vec<usize> = (0..count).rev().collect();
    let given = granted(&post(&mut site, "api/label", &json!({ "rows": rows, "label": "many" })));
    assert_eq!((&given["labelled"], &given["before"][0]["label"]), (&json!(1000), &json!("")));
    assert_eq!(given["before"].as_array().unwrap().len(), 1);
    assert_eq!(header(&mut site)["own"], json!(["many"]));
    let text = fs_err::read_to_string(folder.path().join("labels.csv")).unwrap();
    assert_eq!(text.lines().count(), 1001);
    let back = json!({ "rows": given["before"][0]["rows"], "label": "", "only": "many" });
    granted(&post(&mut site, "api/label", &back));
    assert_eq!(header(&mut site)["own"], json!([]));
}

#[test]
fn images_are_found_by_the_names_of_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = site(folder.path(), Helpers::default());
    let found = granted(&post(&mut site, "api/find", &json!({ "text": "A/3.PNG" })));
    assert_eq!((&found["total"], &found["images"][0]["row"]), (&json!(1), &json!(3)));
    assert_eq!(granted(&post(&mut site, "api/find", &json!({ "text": ".png" })))["total"], 8);
    assert_eq!(granted(&post(&mut site, "api/find", &json!({ "text": " " })))["total"], 0);
}

/// A model that reads two numbers.
struct Numbers;

impl Embed for Numbers {
    fn embed(&self, bytes: &[u8]) -> Result<Vec<f32>, Box<dyn Error>> {
        std::str::from_utf8(bytes)?.split(' ').map(|word| Ok(word.parse()?)).collect()
    }
}

/// Images that are PNG by their first bytes, for even indices.
struct Even;

impl Pictures for Even {
    fn picture(&self, index: u32, path: &str, side: u32) -> Option<Vec<u8>> {
        assert_eq!(path, format!("a/{}.png", index - 10));
        let picture = if index == 12 { "<svg>".to_owned() } else { format!("\u{89}PNG of {side}") };
        index.is_multiple_of(2).then(|| picture.chars().map(|c| c as u8).collect())
    }
}

#[test]
fn a_file_is_embedded_and_its_neighbours_found() {
    let folder = tempfile::tempdir().unwrap();
    let mut blind = site(folder.path(), Helpers::default());
    let bring = |site: &mut Site, body: &str| {
        answer(
            site,
            &Request { post: true, path: "api/search".into(), body: body.into(), ..Request::default() },
        )
    };
    refused(&bring(&mut blind, "0 1"), 409, "model");
    let helpers = Helpers { embed: Some(Box::new(Numbers)), ..Helpers::default() };
    let mut site = site(folder.path(), helpers);
    let found = granted(&bring(&mut site, "0 25"))["neighbours"].clone();
    assert_eq!(
        (&found[0]["row"], found[0]["similarity"].as_f64().map(|x| x > 0.99)),
        (&json!(6), Some(true))
    );
    refused(&bring(&mut site, "no numbers"), 422, "invalid");
    refused(&bring(&mut site, "1 2 3"), 409, "3 features");
    refused(&bring(&mut site, "0 0"), 409, "features");
    refused(&bring(&mut site, ""), 400, "empty");
}

#[test]
fn pictures_without_a_thumbnail_come_from_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let mut without = site(folder.path(), Helpers::default());
    refused(&get(&mut without, "picture/0"), 404, "picture of this image was not found");
    let mut site = site(folder.path(), Helpers { pictures: Some(Box::new(Even)), ..Helpers::default() });
    let picture = get(&mut site, "picture/0");
    assert_eq!((picture.status, picture.mime, picture.keep), (200, "image/png", true));
    assert!(picture.body.ends_with(b"of 96") && get(&mut site, "picture/0?large").body.ends_with(b"of 512"));
    refused(&get(&mut site, "picture/1"), 404, "picture of this image was not found");
    refused(&get(&mut site, "picture/2"), 404, "picture of this image was not found");
    refused(&get(&mut site, "picture/99"), 404, "image is not in the run");
}

#[test]
fn the_page_escapes_the_name_of_the_run_and_loads_nothing_from_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = site(folder.path(), Helpers::default());
    site.name = "<img src=x onerror=alert(1)>".into();
    let page = String::from_utf8(get(&mut site, "").body).unwrap();
    assert!(page.contains("&lt;img src=x") && !page.contains("<img"), "{page}");
    for (address, kind) in [("", "text/html"), ("style.css", "text/css"), ("script.js", "text/javascript")] {
        let reply = get(&mut site, address);
        let text = String::from_utf8(reply.body).unwrap();
        assert!(reply.mime.starts_with(kind) && text.len() > 500);
        assert!(
            !text.contains("http:") && !text.contains("https:") && !text.contains("@import"),
            "{address}"
        );
    }
    assert!(!super::page::SCRIPT.contains("innerHTML"), "what comes from files stays text");
}

/// Names that turn the direction of writing, or that whoever copies them into a terminal would be surprised by.
#[test]
fn names_do_not_act_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let mut site = site(folder.path(), Helpers::default());
    let acting = "\u{1b}]0;owned\u{7}\u{9b}\u{202e}gpj\u{2066}";
    (site.name, site.evaluated_on) = (acting.into(), acting.into());
    site.samples.path.iter_mut().for_each(|path| path.push_str(acting));
    site.samples.class_names = [(0, acting.to_owned()), (1, format!("dog{acting}"))].into();
    site.damaged = vec![acting.into()];
    let acts = |c: char| c.is_control() && c != '\n' || "\u{202e}\u{2066}".contains(c);
    let mut shown = 0;
    for address in
        ["", "api/run", "api/classes", "api/images?class=0", "api/image/0", "api/next", "api/labels"]
    {
        let reply = get(&mut site, address);
        assert_eq!(reply.status, 200, "{address}");
        // As the browser has it, after it read the JSON.
        let text = match serde_json::from_slice::<Value>(&reply.body) {
            Ok(value) => texts(&value),
            Err(_) => String::from_utf8(reply.body).unwrap(),
        };
        assert!(!text.contains(acts), "{address}: {text:?}");
        shown += usize::from(text.contains("\\u{202e}gpj"));
    }
    assert!(shown >= 6, "{shown}");
}

fn texts(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(texts).collect(),
        Value::Object(fields) => fields.iter().map(|(key, value)| format!("{key}{}", texts(value))).collect(),
        _ => String::new(),
    }
}
