//! Files of features: what is read, and what is refused with which words.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{Float32Builder, ListBuilder};
use arrow_array::types::Int8Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, FixedSizeListArray, Float64Array, Int8Array, Int32Array,
    LargeStringArray, RecordBatch, StringArray, UInt64Array,
};
use arrow_schema::{DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use twist_data::Dataset;
use twist_model::{FeatureBatch, FeatureFile, FeatureTable, ModelError};

/// A file as `numpy.save` writes it.
fn save_npy(path: &Path, descr: &str, shape: &str, bytes: &[u8]) {
    let mut head = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    while (10 + head.len() + 1) % 64 != 0 {
        head.push(' ');
    }
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((head.len() as u16 + 1).to_le_bytes());
    file.extend(head.as_bytes());
    file.push(b'\n');
    file.extend(bytes);
    fs_err::write(path, file).unwrap();
}

fn save_parquet(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    save(path, &RecordBatch::try_from_iter(columns).unwrap());
}

fn save(path: &Path, batch: &RecordBatch) {
    let mut writer =
        ArrowWriter::try_new(fs_err::File::create(path).unwrap().into_parts().0, batch.schema(), None)
            .unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// Lists of float32, of any lengths.
fn lists(rows: &[Option<&[f32]>]) -> ArrayRef {
    let mut builder = ListBuilder::new(Float32Builder::new());
    for row in rows {
        if let Some(values) = row {
            builder.values().append_slice(values);
        }
        builder.append(row.is_some());
    }
    Arc::new(builder.finish())
}

/// Reads a file as a whole, and compares with what comes some rows at a time.
fn read(path: PathBuf) -> Result<FeatureTable, ModelError> {
    let file = FeatureFile::recognise(path.to_str().unwrap()).expect("a file of features");
    let (whole, parts) = (file.read(true), file.rows(true));
    match (&whole, parts) {
        (Ok(whole), Ok(parts)) => {
            let (mut values, mut indices) = (Vec::new(), Vec::new());
            let count = parts.each(|batch| {
                values.extend(Vec::<f32>::try_from(&batch.features.flatten(0, -1)).unwrap());
                indices.extend_from_slice(batch.indices);
                Ok(())
            });
            assert_eq!((count.unwrap(), parts.width()), (whole.len(), whole.width().unwrap()));
            assert_eq!((values, &indices), (rows(whole), &whole.features.indices));
            let named = |dataset: &dyn Dataset| -> Vec<(String, Option<u32>)> {
                (0..dataset.len()).map(|index| (dataset.path(index), dataset.label(index))).collect()
            };
            assert_eq!(named(&**parts.dataset()), named(&*whole.dataset));
            assert_eq!(parts.dataset().classes(), whole.dataset.classes());
            assert_eq!(parts.dataset().fingerprint(), whole.dataset.fingerprint());
        }
        (Err(whole), Err(parts)) => assert_eq!(whole.to_string(), parts.to_string()),
        _ => panic!("{}: as a whole and in parts it is not the same", path.display()),
    }
    whole
}

#[test]
fn a_long_table_comes_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let values: Vec<f32> = (0..2 * 10_001).map(|i| i as f32).collect();
    let bytes = |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|value| value.to_le_bytes()).collect() };
    save_npy(&path, "<f4", "(10001, 2)", &bytes(&values));
    assert_eq!(rows(&read(path.clone()).unwrap()), values);
    let parts = FeatureFile::recognise(path.to_str().unwrap()).unwrap().rows(true).unwrap();
    let mut sizes = Vec::new();
    let mut count = |batch: FeatureBatch<'_>| {
        sizes.push(batch.indices.len());
        Ok(())
    };
    parts.each(&mut count).unwrap();
    assert!(sizes.len() > 2 && sizes.iter().sum::<usize>() == 10_001, "{sizes:?}");
    // It changes between the check and the use.
    let mut bad = values.clone();
    bad[20_000] = f32::NAN;
    save_npy(&path, "<f4", "(10001, 2)", &bytes(&bad));
    assert!(parts.each(|_| Ok(())).unwrap_err().to_string().contains("was changed while it was read"));
    bad[3] = f32::INFINITY;
    save_npy(&path, "<f4", "(10001, 2)", &bytes(&bad));
    let message = read(path).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("row 1 (from 0)") && message.contains("2 of 10001"), "{message}");
}

fn rows(table: &FeatureTable) -> Vec<f32> {
    Vec::<f32>::try_from(&table.features.rows.flatten(0, -1)).unwrap()
}

fn labels(table: &FeatureTable) -> Vec<Option<u32>> {
    table.features.labels(&*table.dataset)
}

#[test]
fn npy_of_every_float_is_read_with_the_labels_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    let values = [0.5f32, -1.0, 2.0, 4.0, 0.0, 1.5];
    let single: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let double: Vec<u8> = values.iter().flat_map(|&x| f64::from(x).to_le_bytes()).collect();
    let half: Vec<u8> =
        [0x3800u16, 0xbc00, 0x4000, 0x4400, 0x0000, 0x3e00].iter().flat_map(|x| x.to_le_bytes()).collect();
    for (descr, bytes) in [("<f4", single), ("<f8", double), ("<f2", half)] {
        save_npy(&path, descr, "(3, 2)", &bytes);
        let table = read(path.clone()).unwrap();
        assert_eq!((rows(&table), table.width().unwrap()), (values.to_vec(), 2), "{descr}");
        assert_eq!(labels(&table), [None; 3]);
        assert!(table.dataset.classes().is_empty() && table.dataset.read(0).is_err() && !table.has_images);
    }
    let beside = folder.path().join("x.labels.npy");
    save_npy(&beside, "<i4", "(3,)", &[2i32, -1, 0].map(i32::to_le_bytes).concat());
    let table = read(path.clone()).unwrap();
    assert_eq!(labels(&table), [Some(2), None, Some(0)]);
    assert_eq!(table.dataset.classes(), ["0", "1", "2"]);
    let blind = FeatureFile::recognise(path.to_str().unwrap()).unwrap().read(false).unwrap();
    assert_eq!(labels(&blind), [None; 3]);
}

#[test]
fn the_csv_of_embed_names_and_labels_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    save_npy(&path, "<f4", "(2, 1)", &[1.0f32, 2.0].map(f32::to_le_bytes).concat());
    let csv = folder.path().join("x.npy.csv");
    fs_err::write(&csv, "row,path,index,label\n0,\"a, b.png\",3,1\n1,c.png,5,\n").unwrap();
    let table = read(path.clone()).unwrap();
    assert_eq!(labels(&table), [Some(1), None]);
    assert_eq!((table.dataset.path(0), table.dataset.path(1)), ("a, b.png".into(), "c.png".into()));
    // Sorted in a spreadsheet, names and labels would be those of other rows.
    fs_err::write(&csv, "row,path,index,label\n1,c.png,5,\n0,\"a, b.png\",3,1\n").unwrap();
    let message = read(path.clone()).err().unwrap().to_string();
    assert!(message.contains("x.npy.csv") && message.contains("line 3"), "{message}");
    fs_err::write(&csv, "row,path,index,label\n0,\"a, b.png\",3,1\n1,c.png,5,\n").unwrap();
    // Labels of their own win; a table of other rows is refused.
    save_npy(&folder.path().join("x.labels.npy"), "<i4", "(2,)", &[0i32, 0].map(i32::to_le_bytes).concat());
    assert_eq!(labels(&read(path.clone()).unwrap()), [Some(0); 2]);
    fs_err::write(&csv, "row,path,index,label\n0,a.png,3,1\n").unwrap();
    let message = read(path).err().unwrap().to_string();
    assert!(message.contains("x.npy.csv") && message.contains("1 rows"), "{message}");
}

#[test]
fn parquet_lists_of_any_kind_are_read_with_names_and_labels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let words: ArrayRef = Arc::new(StringArray::from(vec![Some("dog"), None, Some("cat")]));
    let names: ArrayRef = Arc::new(StringArray::from(vec!["a.png", "b.png", "c.png"]));
    let fixed = FixedSizeListArray::try_new(
        Arc::new(Field::new("item", DataType::Float64, false)),
        2,
        Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0])),
        None,
    );
    let fixed: ArrayRef = Arc::new(fixed.unwrap());
    save_parquet(&path, vec![("path", names), ("embedding", fixed), ("label", words)]);
    let table = read(path.clone()).unwrap();
    assert_eq!(rows(&table), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!(labels(&table), [Some(1), None, Some(0)]);
    assert_eq!(table.dataset.classes(), ["cat", "dog"]);
    assert_eq!(table.dataset.path(1), "b.png");

    let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None]));
    let listed = lists(&[Some(&[1.0, 2.0, 3.0]), Some(&[4.0, 5.0, 6.0])]);
    save_parquet(&path, vec![("embedding", listed), ("label", numbers)]);
    let table = read(path).unwrap();
    assert_eq!((labels(&table), table.dataset.path(1)), (vec![Some(1), None], "row 1".to_string()));
}

#[test]
fn labels_of_every_kind_are_read_and_large_numbers_are_names() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.parquet");
    let embedding = || lists(&[Some(&[1.0]), Some(&[2.0]), Some(&[3.0])]);
    let named = |table: &FeatureTable| -> Vec<Option<String>> {
        (0..3).map(|row| twist_data::class_name(&*table.dataset, row).map(str::to_owned)).collect()
    };
    let words: DictionaryArray<Int8Type> = [Some("dog"), None, Some("cat")].into_iter().collect();
    let columns: Vec<(ArrayRef, [Option<&str>; 3])> = vec![
        (Arc::new(Int8Array::from(vec![2, -1, 0])), [Some("2"), None, Some("0")]),
        (Arc::new(UInt64Array::from(vec![2, 1, 0])), [Some("2"), Some("1"), Some("0")]),
        (Arc::new(Float64Array::from(vec![2.0, f64::NAN, 0.0])), [Some("2"), None, Some("0")]),
        (Arc::new(BooleanArray::from(vec![true, false, true])), [Some("true"), Some("false"), Some("true")]),
        (Arc::new(LargeStringArray::from(vec!["b", "-1", "10"])), [Some("b"), None, Some("10")]),
        (Arc::new(words), [Some("dog"), None, Some("cat")]),
        // The number of a class would make sixteen million classes.
        (Arc::new(Int32Array::from(vec![16_777_215, 4, -1])), [Some("16777215"), Some("4"), None]),
    ];
    let kinds = columns.len();
    for (labels, expected) in columns {
        let kind = labels.data_type().clone();
        save_parquet(&path, vec![("embedding", embedding()), ("label", labels)]);
        let table = read(path.clone()).unwrap();
        assert_eq!(named(&table), expected.map(|name| name.map(str::to_owned)), "{kind}");
        assert!(table.dataset.classes().len() <= 3, "{kind}");
    }
    assert_eq!(kinds, 7);
    let half: ArrayRef = Arc::new(Float64Array::from(vec![0.5, 1.0, 2.0]));
    save_parquet(&path, vec![("embedding", embedding()), ("label", half)]);
    assert!(read(path).map(|_| ()).unwrap_err().to_string().contains("a label is 0.5"));
    // The same in the files beside a table of NumPy.
    let npy = folder.path().join("x.npy");
    save_npy(&npy, "<f4", "(2, 1)", &[0; 8]);
    save_npy(
        &folder.path().join("x.labels.npy"),
        "<i8",
        "(2,)",
        &[16_777_215i64, 7].map(i64::to_le_bytes).concat(),
    );
    assert_eq!(read(npy).unwrap().dataset.classes(), ["16777215", "7"]);
}

#[test]
fn what_is_wrong_is_said_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let (npy, parquet) = (folder.path().join("x.npy"), folder.path().join("x.parquet"));
    let refused = |path: &Path, words: &[&str]| {
        let message = read(path.to_owned()).map(|table| rows(&table)).unwrap_err().to_string();
        assert!(message.starts_with(path.to_str().unwrap()), "{message}");
        assert!(words.iter().all(|word| message.contains(word)), "{words:?}: {message}");
    };
    save_npy(&npy, "<i8", "(2, 1)", &[0; 16]);
    refused(&npy, &["I64", "float32"]);
    save_npy(&npy, "<f4", "(4,)", &[0; 16]);
    refused(&npy, &["[4]", "[N, D]"]);
    save_npy(&npy, "<f4", "(0, 4)", &[]);
    refused(&npy, &["[0, 4]"]);
    // A claim that costs no bytes is not believed, also with a table of names beside it.
    save_npy(&npy, "<f4", "(1152921504606846976, 0)", &[]);
    let names = folder.path().join("x.npy.csv");
    fs_err::write(&names, "row,path,index,label\n").unwrap();
    refused(&npy, &["[1152921504606846976, 0]", "contains no features"]);
    fs_err::remove_file(names).unwrap();
    save_npy(&npy, "<f4", "(1, 2)", &[0; 12]);
    let message = read(npy.clone()).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("x.npy") && message.contains("4 bytes follow"), "{message}");
    let archive = folder.path().join("x.NPZ");
    fs_err::write(&archive, "PK\x03\x04 and more").unwrap();
    let message = read(archive).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("x.NPZ") && message.contains("numpy.save"), "{message}");
    let stray = [1.0f32, 2.0, f32::NAN, 4.0, f32::INFINITY, 6.0];
    save_npy(&npy, "<f4", "(3, 2)", &stray.map(f32::to_le_bytes).concat());
    refused(&npy, &["row 1", "2 of 3"]);
    save_npy(&npy, "<f4", "(2, 2)", &[0; 16]);
    save_npy(&folder.path().join("x.labels.npy"), "<i8", "(3,)", &[0; 24]);
    let message = read(npy.clone()).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("x.labels.npy") && message.contains("[2]"), "{message}");

    save_parquet(&parquet, vec![("embedding", lists(&[Some(&[1.0, 2.0]), Some(&[1.0])]))]);
    refused(&parquet, &["row 1", "1 numbers"]);
    save_parquet(&parquet, vec![("embedding", lists(&[Some(&[1.0, 2.0]), None]))]);
    refused(&parquet, &["row 1", "no `embedding`"]);
    let plain: ArrayRef = Arc::new(Int32Array::from(vec![1, 2]));
    save_parquet(&parquet, vec![("embedding", Arc::clone(&plain))]);
    refused(&parquet, &["Int32", "lists"]);
    save_parquet(
        &parquet,
        vec![("embedding", lists(&[Some(&[1.0]), Some(&[2.0])])), ("label", lists(&[None, None]))],
    );
    refused(&parquet, &["`label`", "text or whole numbers"]);
    let schema = Schema::new(
        ["embedding"; 2]
            .map(|name| {
                Field::new(name, DataType::List(Arc::new(Field::new("item", DataType::Float32, true))), true)
            })
            .to_vec(),
    );
    let twice = [lists(&[Some(&[1.0])]), lists(&[Some(&[2.0])])].to_vec();
    save(&parquet, &RecordBatch::try_new(Arc::new(schema), twice).unwrap());
    refused(&parquet, &["several columns `embedding`"]);
    save_parquet(&parquet, vec![("image", plain)]);
    assert_eq!(FeatureFile::recognise(parquet.to_str().unwrap()), None, "a table of images");
    assert_eq!(FeatureFile::recognise("photos/"), None);
}
