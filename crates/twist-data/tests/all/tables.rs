//! Parquet files in the Hugging Face image layout.

use std::path::Path;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, FloatType, Int32Type, Int64Type};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use twist_data::LabelSource;

use crate::workplace::{Workplace, bytes, labels, paths, png};

const SCHEMA: &str = "message schema {
    optional group image { optional binary bytes; optional binary path (UTF8); }
    optional int64 coarse_label;
    optional int64 label;
}";
const FEATURES: &str = r#"{"info": {"features": {"image": {"_type": "Image"},
    "coarse_label": {"names": ["animal", "thing"], "_type": "ClassLabel"},
    "label": {"names": ["cat", "dog", "car"], "_type": "ClassLabel"}}}}"#;

/// How a file is written.
struct Form {
    compression: Compression,
    version: WriterVersion,
    dictionary: bool,
    page: usize,
}

/// Rows are `(bytes, label)`; the coarse label is 1 for label 2. Two row groups.
fn write(path: &Path, rows: &[(Option<Vec<u8>>, i64)], form: &Form) {
    let properties = WriterProperties::builder()
        .set_compression(form.compression)
        .set_writer_version(form.version)
        .set_dictionary_enabled(form.dictionary)
        .set_data_page_size_limit(form.page)
        .set_write_batch_size(1)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_key_value_metadata(Some(vec![KeyValue::new("huggingface".to_owned(), FEATURES.to_owned())]))
        .build();
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let mut writer = SerializedFileWriter::new(
        fs_err::File::create(path).unwrap().into_parts().0,
        schema,
        properties.into(),
    )
    .unwrap();
    for rows in rows.chunks(rows.len().div_ceil(2).max(1)) {
        let mut group = writer.next_row_group().unwrap();
        let (values, levels): (Vec<ByteArray>, Vec<i16>) = (
            rows.iter().filter_map(|(b, _)| b.clone().map(ByteArray::from)).collect(),
            rows.iter().map(|(b, _)| if b.is_some() { 2 } else { 1 }).collect(),
        );
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).unwrap();
        column.close().unwrap();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&[], Some(&vec![1; rows.len()]), None).unwrap();
        column.close().unwrap();
        for of in [|l: i64| i64::from(l == 2), |l: i64| l] {
            let values: Vec<i64> = rows.iter().map(|(_, l)| of(*l)).collect();
            let mut column = group.next_column().unwrap().unwrap();
            column.typed::<Int64Type>().write_batch(&values, Some(&vec![1; rows.len()]), None).unwrap();
            column.close().unwrap();
        }
        group.close().unwrap();
    }
    writer.close().unwrap();
}

fn rows(count: u32) -> Vec<(Option<Vec<u8>>, i64)> {
    (0..count).map(|i| (Some(png(i)), i64::from(i % 3))).collect()
}

fn plain() -> Form {
    Form {
        compression: Compression::UNCOMPRESSED,
        version: WriterVersion::PARQUET_1_0,
        dictionary: false,
        page: 1 << 20,
    }
}

#[test]
fn every_form_reads_the_same_in_any_order() {
    let place = Workplace::new();
    let rows = rows(23);
    let mut forms = 0;
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::GZIP(Default::default()),
        Compression::ZSTD(Default::default()),
    ] {
        for version in [WriterVersion::PARQUET_1_0, WriterVersion::PARQUET_2_0] {
            for (dictionary, page) in [(false, 1 << 20), (false, 300), (true, 1 << 20), (true, 300)] {
                write(&place.path("a.parquet"), &rows, &Form { compression, version, dictionary, page });
                let data = place.open("a.parquet").unwrap();
                assert_eq!((data.len(), data.classes()), (23, &["cat", "dog", "car"].map(str::to_owned)[..]));
                for step in 0..46 {
                    let index = step * 17 % 23;
                    assert_eq!(Some(bytes(data.as_ref(), index)), rows[index].0, "row {index}");
                    assert_eq!(data.label(index), Some(index as u32 % 3));
                }
                forms += 1;
            }
        }
    }
    assert_eq!(forms, 32);
}

#[test]
fn several_files_and_coarse_labels() {
    let place = Workplace::new();
    let rows = rows(10);
    write(&place.path("train-0.parquet"), &rows[..6], &plain());
    write(&place.path("train-1.parquet"), &rows[6..], &plain());
    for spec in ["train-*.parquet", ""] {
        let data = place.open(spec).unwrap();
        assert_eq!(data.len(), 10);
        assert_eq!(paths(data.as_ref())[5..7], ["train-0.parquet/0000005", "train-1.parquet/0000000"]);
        assert_eq!(Some(bytes(data.as_ref(), 8)), rows[8].0);
        assert_eq!(data.left_out()[0].examples, ["coarse_label"]);
    }
    let coarse = place.open_with("", LabelSource::Coarse).unwrap();
    assert_eq!(coarse.classes(), ["animal", "thing"]);
    assert_eq!(labels(coarse.as_ref())[..3], [Some(0), Some(0), Some(1)]);
    let many = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|t| {
                let (coarse, rows) = (&coarse, &rows);
                scope.spawn(move || {
                    (0..50)
                        .filter(|i| {
                            let index = (i * 3 + t) % 10;
                            Some(bytes(coarse.as_ref(), index)) == rows[index].0
                        })
                        .count()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum::<usize>()
    });
    assert_eq!(many, 200);
}

/// A table of three rows with the columns of `schema`: `image` and `label`, in their order there. The labels are written by
/// `labels`.
fn small(path: &Path, schema: &str, labels: impl Fn(&mut SerializedColumnWriter<'_>)) {
    let schema = Arc::new(parse_message_type(&format!("message schema {{ {schema} }}")).unwrap());
    let names: Vec<String> = schema.get_fields().iter().map(|field| field.name().to_owned()).collect();
    let file = fs_err::File::create(path).unwrap().into_parts().0;
    let mut writer = SerializedFileWriter::new(file, schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for name in names {
        let mut column = group.next_column().unwrap().unwrap();
        match name.as_str() {
            "image" => {
                let images: Vec<ByteArray> = (0..3).map(|seed| png(seed).into()).collect();
                column.typed::<ByteArrayType>().write_batch(&images, Some(&[2; 3]), None).map(drop).unwrap();
            }
            "label" => labels(&mut column),
            // A list of one number in each row.
            "labels" => {
                let (full, first) = (Some(&[3; 3][..]), Some(&[0; 3][..]));
                column.typed::<Int64Type>().write_batch(&[7; 3], full, first).map(drop).unwrap();
            }
            _ => column.typed::<Int64Type>().write_batch(&[7; 3], Some(&[1; 3]), None).map(drop).unwrap(),
        }
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

const IMAGE: &str = "optional group image { optional binary bytes; }";

#[test]
fn columns_may_come_in_any_order() {
    let place = Workplace::new();
    let numbers = |column: &mut SerializedColumnWriter<'_>| {
        column.typed::<Int64Type>().write_batch(&[0, 1, 2], Some(&[1; 3]), None).map(drop).unwrap();
    };
    let label = "optional int64 label;";
    small(&place.path("a-0.parquet"), &format!("{IMAGE} {label} optional int64 id;"), numbers);
    small(&place.path("a-1.parquet"), &format!("optional int64 id; {label} {IMAGE}"), numbers);
    let data = place.open("a-*.parquet").unwrap();
    assert_eq!(labels(data.as_ref()), [0, 1, 2, 0, 1, 2].map(Some));
    assert_eq!(bytes(data.as_ref(), 4), png(1));
    small(&place.path("a-2.parquet"), IMAGE, numbers);
    let error = place.error("a-*.parquet");
    assert!(error.contains("its column of labels is none, not label"), "{error}");
    // Numbers here and names there would be two kinds of classes.
    small(&place.path("a-2.parquet"), &format!("{IMAGE} required binary label (UTF8);"), |column| {
        let words = ["cat", "dog", "cat"].map(ByteArray::from);
        column.typed::<ByteArrayType>().write_batch(&words, None, None).map(drop).unwrap();
    });
    let error = place.error("a-*.parquet");
    assert!(error.contains("a-2.parquet") && error.contains("its labels are text, not numbers"), "{error}");
}

#[test]
fn labels_of_every_kind() {
    let place = Workplace::new();
    let words = ["b", "a", "b"].map(ByteArray::from);
    let mut kinds = 0;
    let mut check =
        |schema: &str, write: &dyn Fn(&mut SerializedColumnWriter<'_>), expected: [Option<&str>; 3]| {
            small(&place.path("a.parquet"), &format!("{IMAGE} {schema}"), write);
            let data = place.open("a.parquet").unwrap();
            let found: Vec<Option<String>> =
                (0..3).map(|index| twist_data::class_name(data.as_ref(), index).map(str::to_owned)).collect();
            assert_eq!(found, expected.map(|name| name.map(str::to_owned)), "{schema}");
            kinds += 1;
        };
    for kind in ["INT_8", "INT_16", "INT_32", "UINT_8", "UINT_16", "UINT_32"] {
        check(
            &format!("required int32 label ({kind});"),
            &|column| {
                column.typed::<Int32Type>().write_batch(&[2, 0, 1], None, None).unwrap();
            },
            [Some("2"), Some("0"), Some("1")],
        );
    }
    for value in [-1i64, -7] {
        check(
            "required int64 label;",
            &|column| {
                column.typed::<Int64Type>().write_batch(&[2, value, 1], None, None).unwrap();
            },
            [Some("2"), None, Some("1")],
        );
    }
    check(
        "required double label;",
        &|column| {
            column.typed::<DoubleType>().write_batch(&[2.0, f64::NAN, 1.0], None, None).unwrap();
        },
        [Some("2"), None, Some("1")],
    );
    check(
        "required float label;",
        &|column| {
            column.typed::<FloatType>().write_batch(&[2.0, -1.0, 1.0], None, None).unwrap();
        },
        [Some("2"), None, Some("1")],
    );
    check(
        "required boolean label;",
        &|column| {
            column.typed::<BoolType>().write_batch(&[true, false, true], None, None).unwrap();
        },
        [Some("true"), Some("false"), Some("true")],
    );
    check(
        "required binary label (UTF8);",
        &|column| {
            column.typed::<ByteArrayType>().write_batch(&words, None, None).unwrap();
        },
        [Some("b"), Some("a"), Some("b")],
    );
    assert_eq!(kinds, 12);
    small(&place.path("a.parquet"), &format!("{IMAGE} required double label;"), |column| {
        column.typed::<DoubleType>().write_batch(&[0.5, 1.0, 2.0], None, None).unwrap();
    });
    let error = place.error("a.parquet");
    assert!(
        error.contains("its column of labels label (DOUBLE) holds 0.5") && error.contains("`--labels none`"),
        "{error}"
    );
    assert!(!error.contains("cut off"), "{error}");
    let unlabelled = place.open_with("a.parquet", LabelSource::None).unwrap();
    assert_eq!((labels(unlabelled.as_ref()), bytes(unlabelled.as_ref(), 2)), (vec![None; 3], png(2)));
    small(&place.path("a.parquet"), &format!("{IMAGE} required binary label;"), |column| {
        let names = [&b"cat"[..], b"\xff\xfe", b"dog"].map(ByteArray::from);
        column.typed::<ByteArrayType>().write_batch(&names, None, None).unwrap();
    });
    let error = place.error("a.parquet");
    assert!(error.contains("label (BYTE_ARRAY) holds \"\\xff\\xfe\", which is not UTF-8"), "{error}");
}

#[test]
fn further_columns_of_labels_are_named() {
    let place = Workplace::new();
    let schema = format!(
        "{IMAGE} required int64 label; optional int64 class; optional int64 id; optional group labels (LIST) {{ repeated \
         group list {{ optional int64 element; }} }}"
    );
    small(&place.path("a.parquet"), &schema, |column| {
        column.typed::<Int64Type>().write_batch(&[0, 1, 2], None, None).unwrap();
    });
    let data = place.open("a.parquet").unwrap();
    let mut notes: Vec<String> = data.left_out().iter().map(ToString::to_string).collect();
    notes.sort();
    let expected = [
        "1 column of labels whose type cannot name classes (labels (INT64))",
        "1 further column (id)",
        "1 further column of labels beside label, which is used (class)",
    ];
    assert_eq!(notes, expected);
}

#[test]
fn pages_that_take_far_more_memory_than_the_file_are_refused() {
    let place = Workplace::new();
    // One page of zeros, compressed ten thousand times; then one whose strings each repeat the one before.
    let zeros = vec![(Some(vec![0; 40 << 20]), 0)];
    let form = Form { compression: Compression::ZSTD(Default::default()), ..plain() };
    write(&place.path("a.parquet"), &zeros, &form);
    let repeated = vec![(Some(vec![7; 200_000]), 0); 400];
    write(
        &place.path("b.parquet"),
        &repeated,
        &Form { version: WriterVersion::PARQUET_2_0, page: 1 << 30, ..plain() },
    );
    for (table, words) in
        [("a.parquet", "a page claims 419"), ("b.parquet", "its strings take 40000000 bytes")]
    {
        assert!(fs_err::metadata(place.path(table)).unwrap().len() < 1 << 20);
        let data = place.open(table).unwrap();
        let error = data.read(0).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains("at most"), "{error}");
    }
}

#[test]
fn many_tables_keep_few_files_open() {
    let place = Workplace::new();
    for number in 0..300 {
        small(&place.path(&format!("a-{number:03}.parquet")), IMAGE, |_| ());
    }
    let data = place.open("a-*.parquet").unwrap();
    assert_eq!(data.len(), 900);
    let handles = fs_err::read_dir("/proc/self/fd").unwrap().flatten();
    let ours = handles
        .filter(|handle| fs_err::read_link(handle.path()).is_ok_and(|file| file.starts_with(place.root())));
    let open = ours.count();
    assert!((1..=256).contains(&open), "{open} files are open");
    for index in [0, 450, 899] {
        assert_eq!(bytes(data.as_ref(), index), png(index as u32 % 3));
    }
}

#[test]
fn missing_bytes_and_labels() {
    let place = Workplace::new();
    let rows = vec![(Some(png(1)), -1), (None, 1), (Some(png(2)), 2)];
    write(&place.path("a.parquet"), &rows, &plain());
    let data = place.open("a.parquet").unwrap();
    assert_eq!(labels(data.as_ref()), [None, Some(1), Some(2)]);
    assert_eq!(bytes(data.as_ref(), 2), png(2));
    let error = data.read(1).unwrap_err().to_string();
    assert!(error.starts_with("row 1 of ") && error.contains("its column `image.bytes` is empty"), "{error}");
    assert!(error.contains("a.parquet (counted from 0)") && !error.contains("cannot be read"), "{error}");
}

#[test]
fn damaged_and_other_tables() {
    let place = Workplace::new();
    write(&place.path("a.parquet"), &rows(8), &plain());
    let whole = fs_err::read(place.path("a.parquet")).unwrap();
    for cut in [0, 3, whole.len() / 2, whole.len() - 1] {
        place.write("cut.parquet", &whole[..cut]);
        let error = place.error("cut.parquet");
        assert!(error.contains("cut.parquet") && error.contains("copy it again"), "{error}");
    }
    let schema = Arc::new(
        parse_message_type("message schema { required int64 number; optional binary name (UTF8); }").unwrap(),
    );
    let file = fs_err::File::create(place.path("numbers.parquet")).unwrap().into_parts().0;
    SerializedFileWriter::new(file, schema, Default::default()).unwrap().close().unwrap();
    let error = place.error("numbers.parquet");
    assert!(error.contains("no image column") && error.contains("number, name"), "{error}");

    // The header of the first page, whose first field is its kind, says that it is a dictionary.
    assert_eq!(whole[4..6], [0x15, 0]);
    let mut contradicting = whole.clone();
    contradicting[5] = 4;
    place.write("kind.parquet", &contradicting);
    let error = place.open("kind.parquet").unwrap().read(0).unwrap_err().to_string();
    assert!(error.contains("a page header contradicts itself"), "{error}");

    // Gzip goes on beyond the size that the header claims; two bytes have it, of which the lower is taken down.
    write(
        &place.path("gzip.parquet"),
        &rows(8),
        &Form { compression: Compression::GZIP(Default::default()), ..plain() },
    );
    let mut short = fs_err::read(place.path("gzip.parquet")).unwrap();
    assert!(short[4..7] == [0x15, 0, 0x15] && short[7] > 0x80);
    short[7] = 0x80;
    place.write("gzip.parquet", &short);
    let error = place.open("gzip.parquet").unwrap().read(0).unwrap_err().to_string();
    assert!(error.contains("a page has more than the"), "{error}");

    // Damage behind the metadata is met when the row is read, and is an error, not a panic.
    let mut flipped = whole.clone();
    flipped[4..60].fill(0xff);
    place.write("flipped.parquet", &flipped);
    let data = place.open("flipped.parquet").unwrap();
    assert!(data.read(0).unwrap_err().to_string().contains("flipped.parquet/0000000"));
}
