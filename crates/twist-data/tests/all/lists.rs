//! Lists and label files.

use twist_data::{LabelSource, OpenOptions, listed, open_lines};

use crate::workplace::{Workplace, bytes, labels, paths, png};

fn place() -> Workplace {
    Workplace::with_images(&["a b.png", "x/1.png", "x/2.png", "y/2.png"])
}

#[test]
fn lines_with_and_without_labels() {
    let place = place();
    place.write("plain.txt", b"x/2.png\n\na b.png\r\nx/1.png");
    let data = place.open("plain.txt").unwrap();
    assert_eq!(paths(data.as_ref()), ["x/2.png", "a b.png", "x/1.png"]);
    assert!(data.classes().is_empty());
    assert_eq!(bytes(data.as_ref(), 1), png(0));

    place.write("numbers.txt", b"x/2.png 2\na b.png 0\nx/1.png\n");
    let data = place.open("numbers.txt").unwrap();
    assert_eq!(labels(data.as_ref()), [Some(2), Some(0), None]);
    assert_eq!(data.classes(), ["0", "1", "2"]);

    place.write("names.txt", "x/2.png\tblue whale\na b.png\tant\n".as_bytes());
    let data = place.open("names.txt").unwrap();
    assert_eq!(labels(data.as_ref()), [Some(1), Some(0)]);
    assert_eq!(data.classes(), ["ant", "blue whale"]);
}

#[test]
fn tables() {
    let place = place();
    place.write("a.csv", b"index,label,path\n0,cat,x/1.png\n1,,\"a b.png\"\n2,ant,y/2.png\n");
    let data = place.open("a.csv").unwrap();
    assert_eq!(paths(data.as_ref()), ["x/1.png", "a b.png", "y/2.png"]);
    assert_eq!(labels(data.as_ref()), [Some(1), None, Some(0)]);
    assert_eq!(data.classes(), ["ant", "cat"]);

    place.write("both.csv", b"path,label,class\nx/1.png,2,dog\nx/2.png,0,cat\ny/2.png,2,dog\n");
    let data = place.open("both.csv").unwrap();
    assert_eq!(data.classes(), ["cat", "1", "dog"]);
    assert_eq!(labels(data.as_ref()), [Some(2), Some(0), Some(2)]);
}

#[test]
fn bad_lines_are_named() {
    let place = place();
    for (name, content, expected) in [
        ("a.txt", &b"x/1.png\nx/3.png\n"[..], "line 2: the file "),
        ("b.txt", b"x/1.png\nx/2.png\nx/1.png\n", "line 3: x/1.png is already listed in line 1"),
        ("c.txt", b"x/1.png\n\xff\xfe.png\n", "line 2: not UTF-8"),
        ("d.txt", b"x/1.png\n\tcat\n", "line 2: there is a label but no path"),
        ("e.txt", b"\n\n", "the list is empty"),
        ("a.csv", b"file,label\nx/1.png,0\n", "line 1: the first line must name a column \"path\""),
        ("b.csv", b"path,label\nx/1.png,0\nx/2.png\n", "line 3: 1 columns, but the first line has 2"),
        ("c.csv", b"path,label\nx/1.png,0\n,1\n", "line 3: the path is empty"),
        ("d.csv", b"path,label,class\nx/1.png,0,cat\nx/2.png,0,dog\n", "line 3: class 0 is called \"dog\""),
        ("e.csv", b"path,label,class\nx/1.png,zero,cat\n", "line 2: if a class is given"),
        ("f.csv", b"", "line 1: "),
        ("g.csv", b"path;label\nx/1.png;0\n", "with commas between the columns"),
        ("h.csv", b"path,label,Label\nx/1.png,0,1\n", "line 1: there are several columns \"label\""),
        ("i.csv", b"p\0a\0t\0h\0\n\0x\0", "line 1: not UTF-8"),
        ("g.txt", b"x/1.png\nx\0/\x002\0\n", "line 2: not UTF-8"),
        // One image by several names.
        ("h.txt", b"x/1.png\nx/2.png\n./x//1.png\n", "line 3: ./x//1.png is already listed in line 1"),
        // A quote that does not close takes in lines; what it takes in must not vanish.
        ("j.csv", b"path,label\nx/1.png,\"0\nx/2.png,1\ny/2.png,2\n", "line 2: \"0\\nx/2.png,1\\ny/2.png,2"),
        ("k.csv", b"path,label\nx/1.png,0\n\"x/2.png,1\ny/2.png,2\n", "line 3: \"x/2.png,1\\ny/2.png,2"),
        (
            "l.csv",
            b"path\nx/1.png\na b.png\n\"x/2.png\ny/2.png\n",
            "line 4: \"x/2.png\\ny/2.png\" is one cell",
        ),
    ] {
        let path = place.write(name, content);
        let error = place.error(name);
        assert!(error.contains(expected) && error.contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn one_image_is_listed_once_however_it_is_called() {
    let place = Workplace::with_images(&["cafe\u{301}.png", "tea.png"]);
    place.write("a.txt", "tea.png\ncaf\u{e9}.png\ncafe\u{301}.png\n".as_bytes());
    assert!(place.error("a.txt").contains("line 3: "), "{}", place.error("a.txt"));
    place.write("b.txt", format!("tea.png\n{}\n", place.spec("tea.png")).as_bytes());
    assert!(place.error("b.txt").contains("already listed in line 1"), "{}", place.error("b.txt"));
}

#[test]
fn rows_that_a_spreadsheet_emptied_are_nothing() {
    let place = place();
    place.write("a.csv", b"path,label,note\nx/1.png,cat,\n,,\n\nx/2.png,dog,\n  ,,\n");
    let data = place.open("a.csv").unwrap();
    assert_eq!((paths(data.as_ref()).len(), labels(data.as_ref())), (2, vec![Some(0), Some(1)]));
}

#[test]
fn messages_stay_short_however_long_a_line_is() {
    let place = place();
    let long = "a".repeat(1 << 20);
    place.write("a.txt", format!("{long}.png\n").as_bytes());
    place.write("a.csv", format!("path,label\n{long}.png,0\n").as_bytes());
    place.write("b.csv", format!("{long},label\nx/1.png,0\n").as_bytes());
    for name in ["a.txt", "a.csv", "b.csv"] {
        let said = place.error(name);
        assert!(said.len() < 1_000, "{name}: {} bytes", said.len());
    }
    let said = place.open_with("", LabelSource::File(place.path("a.csv"))).err().unwrap().to_string();
    assert!(said.len() < 1_000, "{} bytes", said.len());
}

/// Where two images are written alike, a label for one of them must not go to the other.
#[test]
fn images_that_are_written_alike_are_not_told_apart() {
    let place = Workplace::with_images(&["a/caf\u{e9}.png", "a/cafe\u{301}.png", "b/tea.png"]);
    place.write("l.csv", "path,label\na/caf\u{e9}.png,cat\nb/tea.png,dog\n".as_bytes());
    let said = place.open_with("", LabelSource::File(place.path("l.csv"))).err().unwrap().to_string();
    assert!(said.contains("line 2") && said.contains("rename"), "{said}");
    place.write("m.csv", b"path,label\nb/tea.png,dog\n");
    assert!(place.open_with("", LabelSource::File(place.path("m.csv"))).is_ok());
}

#[test]
fn a_few_missing_files_are_left_out() {
    let place = place();
    place.write("a.txt", b"x/1.png\nx/2.png\nx/gone.png\ny/2.png\n");
    let data = place.open("a.txt").unwrap();
    assert_eq!(paths(data.as_ref()), ["x/1.png", "x/2.png", "y/2.png"]);
    let said = data.left_out()[0].to_string();
    assert!(said.starts_with("1 line of the list") && said.contains("line 3: x/gone.png"), "{said}");
}

#[test]
fn paths_from_a_stream() {
    let place = place();
    let text = format!("{}\n{}\t3\n", place.spec("x/1.png"), place.spec("a b.png"));
    let data = open_lines(text.as_bytes(), "standard input".as_ref(), &OpenOptions::default()).unwrap();
    assert_eq!((data.len(), labels(data.as_ref())), (2, vec![None, Some(3)]));
    let error = open_lines(b"", "standard input".as_ref(), &OpenOptions::default()).err().unwrap();
    assert!(error.to_string().contains("standard input"), "{error}");
}

#[test]
fn minus_one_is_no_label_wherever_it_stands() {
    let place = place();
    place.write("a.csv", b"path,label\nx/1.png,0\nx/2.png,-1\ny/2.png,1\n");
    place.write("a.txt", b"x/1.png 0\nx/2.png -1\ny/2.png 1\n");
    place.write("b.csv", b"path,label,class\nx/1.png,0,cat\nx/2.png,-1,unknown\ny/2.png,1,dog\n");
    for name in ["a.csv", "a.txt", "b.csv"] {
        let data = place.open(name).unwrap();
        assert_eq!(labels(data.as_ref()), [Some(0), None, Some(1)], "{name}");
        assert_eq!(data.classes().len(), 2, "{name}: {:?}", data.classes());
    }
    let data = place.open_with("", LabelSource::File(place.path("a.csv"))).unwrap();
    assert_eq!(labels(data.as_ref()), [None, Some(0), None, Some(1)]);
    for name in ["a.csv", "a.txt"] {
        let unlabelled = place.open_with("", LabelSource::None).unwrap();
        let found = listed(unlabelled.as_ref(), &place.path(name)).unwrap();
        assert_eq!(found.images, [(1, 0), (3, 1)], "{name}");
    }
}

#[test]
fn folders_called_by_numbers_keep_their_names() {
    let names: Vec<String> = (0..12).map(|class| format!("{class}/{class}.png")).collect();
    let place = Workplace::with_images(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let data = place.open("").unwrap();
    let table: String =
        names.iter().map(|name| format!("{name},{}\n", name.split('/').next().unwrap())).collect();
    place.write("l.csv", format!("path,label\n{table}").as_bytes());
    // What `twist predict` writes.
    let rows = |name: &String| format!("{name},3,{},,0.9,false\n", name.split('/').next().unwrap());
    let table: String = names.iter().map(rows).collect();
    place.write("predicted.csv", format!("path,cluster,name,label,probability,unsure\n{table}").as_bytes());
    // What a table with gaps makes of numbers.
    let rows = |name: &String| format!("{name},{}.0\n", name.split('/').next().unwrap());
    let table: String = names.iter().map(rows).collect();
    place.write("gaps.csv", format!("path,label\n{table}").as_bytes());
    for file in ["l.csv", "predicted.csv", "gaps.csv"] {
        let found = listed(data.as_ref(), &place.path(file)).unwrap();
        assert_eq!((found.images.len(), found.classes.len()), (12, 12));
        for (image, class) in found.images {
            let path = data.path(image as usize);
            assert_eq!(found.classes[class as usize], path.split('/').next().unwrap(), "{file}: {path}");
        }
        let data = place.open_with("", LabelSource::File(place.path(file))).unwrap();
        assert_eq!(labels(data.as_ref()), labels(place.open("").unwrap().as_ref()), "{file}");
    }
    place.write("mixed.csv", b"path,label\n0/0.png,10\n1/1.png,12\n");
    let error = listed(data.as_ref(), &place.path("mixed.csv")).unwrap_err().to_string();
    assert!(error.contains("mixed.csv") && error.contains("use the class names"), "{error}");
}

#[test]
fn names_fit_in_either_form_of_unicode() {
    let place = Workplace::with_images(&["cafe\u{301}/1.png", "tea/2.png", "tea/3.png"]);
    place.write("l.csv", "path,label\ncaf\u{e9}/1.png,caf\u{e9}\ntea/2.png,tea\n".as_bytes());
    let data = place.open_with("", LabelSource::File(place.path("l.csv"))).unwrap();
    assert_eq!(
        (labels(data.as_ref()), data.classes()),
        (vec![Some(0), Some(1), None], &["caf\u{e9}", "tea"].map(String::from)[..])
    );
    place.write("list.txt", "caf\u{e9}/1.png\ntea/2.png\n".as_bytes());
    assert_eq!(bytes(place.open("list.txt").unwrap().as_ref(), 0), png(0));
}

/// Which classes the numbers count, where others have names, cannot be told.
#[test]
fn numbers_beside_names_are_refused() {
    let place = place();
    let mixed = [
        ("l.csv", &b"path,label\nx/1.png,0\nx/2.png,1\ny/2.png,dog\n"[..], 2),
        ("l.txt", b"\nx/1.png 1\nx/2.png dog\n", 2),
    ];
    for (name, content, line) in mixed {
        place.write(name, content);
        let unlabelled = place.open_with("", LabelSource::None).unwrap();
        let opened = place.open_with("", LabelSource::File(place.path("l.csv"))).err().unwrap().to_string();
        let named = listed(unlabelled.as_ref(), &place.path(name)).unwrap_err().to_string();
        for error in [place.error(name), named, opened] {
            assert!(error.contains("is a number, but \"dog\" in line"), "{error}");
            assert!(error.contains(&format!("line {line}: ")), "{error}");
        }
    }
}

/// However the folder of the images was given, and however a table writes it.
#[test]
fn label_files_fit_through_links_and_folders_above() {
    let place = Workplace::with_images(&["ph/a/1.png", "ph/b/2.png", "lists/none.png"]);
    std::os::unix::fs::symlink(place.path("ph"), place.path("link")).unwrap();
    let root = fs_err::canonicalize(place.root()).unwrap().display().to_string();
    let relative = "../ph/a/1.png\n../ph/b/2.png\n".as_bytes();
    place.write("lists/l.txt", relative);
    let write = |one: &str, other: &str| {
        place.write("t/labels.csv", format!("path,label\n{one},x\n{other},y\n").as_bytes())
    };
    for data in ["ph", "link", "lists/../ph", "lists/l.txt", "t/../link"] {
        for (one, other) in [
            ("ph/a/1.png", "ph/b/2.png"),
            ("link/a/1.png", "ph/b/2.png"),
            ("lists/../ph/a/1.png", "link/../ph/b/2.png"),
            ("link/a/1.png", "link/b/../b/2.png"),
        ] {
            let table = write(&format!("{root}/{one}"), &format!("{root}/{other}"));
            let opened = place.open_with(data, LabelSource::File(table.clone())).unwrap();
            assert_eq!(labels(&*opened), [Some(0), Some(1)], "{data}: {one}, {other}");
            // The same image by two spellings.
            write(&format!("{root}/{one}"), &format!("{root}/link/a/1.png"));
            let error = place.open_with(data, LabelSource::File(table)).err().unwrap().to_string();
            assert!(error.contains("already has a label in line 2"), "{data}: {one}: {error}");
        }
        let opened =
            place.open_with(data, LabelSource::File(write("../ph/a/1.png", "../link/b/2.png"))).unwrap();
        assert_eq!(labels(&*opened), [Some(0), Some(1)], "{data}: from the folder of the table on");
    }
    place.write("lists/twice.txt", b"../ph/a/1.png\n../link/a/1.png\n");
    assert!(place.error("lists/twice.txt").contains("line 2: ../link/a/1.png is already listed in line 1"));
}

#[test]
fn paths_of_a_list_may_be_any_bytes() {
    use std::os::unix::ffi::OsStrExt;
    let place = place();
    let name = [place.root().as_os_str().as_bytes(), b"/caf\xe9.png"].concat();
    fs_err::write(std::ffi::OsStr::from_bytes(&name), png(7)).unwrap();
    let options = OpenOptions::default();
    for end in [&b"\n"[..], b" 3\n", b"\t3\n"] {
        let text = [&name, end, place.root().as_os_str().as_bytes(), b"/x/1.png\n"].concat();
        let data = open_lines(&text, "standard input".as_ref(), &options).unwrap();
        assert_eq!((data.len(), bytes(&*data, 0)), (2, png(7)));
        assert!(data.path(0).ends_with("/caf\\xe9.png"), "{}", data.path(0));
        place.write("l.txt", &text);
        assert_eq!(bytes(&*place.open("l.txt").unwrap(), 0), png(7), "kept as a list");
    }
}

#[test]
fn label_files_fit_by_path_or_its_end() {
    let place = place();
    place.write("labels.csv", b"path,label\ny/2.png,owl\n1.png,elk\nnot/there.png,elk\n");
    let labelled = LabelSource::File(place.path("labels.csv"));
    let data = place.open_with("", labelled.clone()).unwrap();
    assert_eq!(paths(data.as_ref()), ["a b.png", "x/1.png", "x/2.png", "y/2.png"]);
    assert_eq!(labels(data.as_ref()), [None, Some(0), None, Some(1)]);
    assert_eq!(data.classes(), ["elk", "owl"]);
    assert!(data.left_out().iter().any(|l| l.what.contains("without an image") && l.count == 1));
    let unlabelled = place.open("").unwrap();
    assert_ne!(data.fingerprint(), unlabelled.fingerprint());

    for (content, expected) in [
        (&b"path,label\n2.png,a\n"[..], "matches both x/2.png and y/2.png"),
        (b"path,label\nnope.png,a\n", "none of its 1 rows"),
        (b"path\nx/1.png\n", "it has no labels"),
        (b"path,label\nx/1.png,a\n1.png,a\n", "already has a label in line 2"),
    ] {
        place.write("labels.csv", content);
        let error = place.open_with("", labelled.clone()).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_list_names_images_by_file_and_their_classes_are_those_of_the_data() {
    let place = Workplace::with_images(&["cat/c_1.png", "cat/c_2.png", "dog/d_1.png", "dog/d_2.png"]);
    let data = place.open(".").unwrap();
    let found = |name: &str, content: &[u8]| {
        place.write(name, content);
        listed(data.as_ref(), &place.path(name))
    };
    // As the published lists: names alone, in any order; what is not there is told.
    let list = found("list.txt", b"d_2.png\nc_1.png\nn01440764_1.JPEG\n").unwrap();
    assert_eq!(list.images, [(0, 0), (3, 1)]);
    assert_eq!(list.classes, ["cat", "dog"]);
    assert_eq!(list.unmatched, [(3, "n01440764_1.JPEG".to_string())]);
    // As a person labels: other classes, some still open.
    let table =
        found("mine.csv", b"path,label\ncat/c_1.png,tabby\ndog/d_1.png,\ncat/c_2.png,lynx\n").unwrap();
    assert_eq!((table.images, table.classes), (vec![(0, 1), (1, 0)], vec!["lynx".into(), "tabby".into()]));
    // Numbers are classes of their own, as where the whole data set is opened with them.
    let numbers = found("numbers.csv", b"path,label\nc_1.png,1\nd_1.png,0\n").unwrap();
    assert_eq!(
        (numbers.images, &numbers.classes[..]),
        (vec![(0, 1), (2, 0)], &["0", "1"].map(String::from)[..])
    );
    assert!(numbers.of_its_own && !list.of_its_own && !table.of_its_own);
    let opened = place.open_with("", LabelSource::File(place.path("numbers.csv"))).unwrap();
    assert_eq!((opened.classes(), opened.label(0)), (&numbers.classes[..], Some(1)));

    for (name, content, words) in [
        ("a.txt", &b"d_1.png\nc_1.png\ndog/d_1.png\n"[..], "line 3: dog/d_1.png is already named in line 1"),
        ("b.txt", b"x.png\ny.png\n", "none of its 2 lines names an image. Line 1 says \"x.png\""),
        ("c.txt", b"c_1.png\t3\nd_1.png\n", "line 2: d_1.png has no label, but others have one"),
        ("d.txt", b"\n", "it is empty"),
    ] {
        let message = found(name, content).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
    let same = Workplace::with_images(&["a/1.png", "b/1.png"]);
    let data = same.open(".").unwrap();
    same.write("list.txt", b"1.png\n");
    let message = listed(data.as_ref(), &same.path("list.txt")).unwrap_err().to_string();
    assert!(message.contains("line 1") && message.contains("give more of the path"), "{message}");
}
