//! What a person at a terminal sees of names that somebody else chose.

use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::{Place, picture};

/// Sets the title, rings, clears, turns the direction of writing, and begins a line of its own.
const ACTING: &str = "\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}gpj\u{2066}\t\nerror: 9";

/// Runs `twist` with `args` at a terminal; what that gets.
fn at_a_terminal(place: &Place, args: &[&str]) -> String {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let name = std::path::Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()));
    let slave = fs_err::OpenOptions::new().read(true).write(true).open(name).unwrap().into_file();
    let mut command = place.twist(args);
    command.env("TERM", "xterm").stdout(slave.try_clone().unwrap()).stderr(slave);
    let mut child = command.spawn().unwrap();
    drop(command); // and with it the last handles of the terminal in this process
    let (mut seen, mut block) = (Vec::new(), [0; 4096]);
    let mut master = File::from(master);
    // It ends with an error when nobody writes any more.
    while let Ok(count @ 1..) = master.read(&mut block) {
        seen.extend_from_slice(&block[..count]);
    }
    child.wait().unwrap();
    String::from_utf8(seen).unwrap()
}

/// Names of files, of folders that are classes, and of a run, in all commands.
#[test]
fn names_do_not_act_on_a_terminal() {
    let place = Place::new();
    place.pictures("photos", 12);
    let class = format!("photos/class{ACTING}");
    fs_err::create_dir(place.path(&class)).unwrap();
    let image = format!("{class}/image{ACTING}.png");
    (0..4).for_each(|number| {
        picture(number).save(place.path(&class).join(format!("{number}{ACTING}.png"))).unwrap();
    });
    picture(9).save(place.path("whole.png")).unwrap();
    fs_err::rename(place.path("whole.png"), place.path(&image)).unwrap();
    fs_err::write(place.path(format!("photos/dots/damaged{ACTING}.png")), "no image").unwrap();
    fs_err::write(place.path(format!("photos/dots/notes{ACTING}.txt")), "no image").unwrap();
    fs_err::write(place.path(format!("{ACTING}.safetensors")), "no weights").unwrap();
    let weights = format!("{ACTING}.safetensors");
    let cpu = ["--device", "cpu", "--threads", "1"];
    let with = |words: &[&'static str], more: &[&'static str]| [words, more].concat();
    let train = with(&["train", "photos", "--recipe", "tiny.toml", "--out", "run"], &cpu);
    // A command, and whether it names what is odd.
    let cases: Vec<(Vec<&str>, bool)> = vec![
        (train, true),
        (vec!["data", "info", "photos"], true),
        (vec!["data", "verify", "photos"], true),
        (vec!["data", "pack", "photos", "--out", "packed"], true),
        (vec!["data", "info", &image], false),
        (with(&["predict", "run", "photos"], &cpu), true),
        (with(&["embed", "run", "photos", "--out", "e.npy"], &cpu), true),
        ([&["neighbors", "run", "photos", "--query", &image][..], &cpu].concat(), true),
        ([&["neighbors", "run", "photos", "--query", ACTING][..], &cpu].concat(), true),
        (vec!["clusters", "run", "show"], true),
        (vec!["clusters", "run", "export"], false),
        (vec!["clusters", "run", "export", "--labels"], true),
        (vec!["clusters", "run", "rename", "0", ACTING], true),
        (vec!["clusters", "run", "rename", ACTING, "cat"], true),
        (with(&["eval", "knn", "run", "--train", "photos", "--test", "photos"], &cpu), true),
        (with(&["eval", "cluster", "run", "--test", "photos"], &cpu), true),
        (with(&["eval", "linear", "run", "--train", "photos", "--test", "photos", "--json"], &cpu), true),
        (with(&["finetune", "run", "--train", "photos", "--epochs", "1", "--out", "tuned"], &cpu), true),
        (with(&["eval", "classifier", "tuned", "--test", "photos"], &cpu), true),
        (vec!["report", "run"], false),
        (vec!["report", ACTING], true),
        (vec!["import", &weights, "--out", "m.safetensors"], true),
        (vec!["train", &image, ACTING], true),
        (vec!["train", "photos", "--recipe", ACTING], true),
        (vec![ACTING], true),
    ];
    for (args, names) in cases {
        let seen = at_a_terminal(&place, &args);
        for raw in ["\u{1b}]0;", "\u{7}", "\u{9b}", "\u{202e}", "\u{2066}", "\nerror: 9", "\rerror: 9"] {
            assert!(!seen.contains(raw), "{args:?}: {raw:?} in {seen:?}");
        }
        assert!(!names || seen.contains("\\u{202e}gpj"), "{args:?}: {seen:?}");
    }
    // Other programs get the names as they are.
    let table = place.run("predict run photos --device cpu --threads 1").exits(0).out.clone();
    assert!(table.contains(&format!("image{ACTING}.png")), "{table}");
    let listed = place.run("data info photos --json").exits(0).out.clone();
    let classes: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert!(classes["classes"].to_string().contains("\u{202e}gpj"), "{classes}");
}
