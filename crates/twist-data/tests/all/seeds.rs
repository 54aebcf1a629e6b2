//! Seeds for the fuzz target `dataset`: a small data set of every kind in one file, honest and lying. With `TWIST_FUZZ_SEEDS`
//! they are written into that folder.

use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::metadata::{ParquetMetaDataReader, ParquetMetaDataWriter};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::workplace::{Workplace, png};

/// The names that the fuzz target gives to its inputs, by their first byte.
const NAMES: [&str; 6] =
    ["shard.tar", "data_batch_1.bin", "list.txt", "list.csv", "train.parquet", "photos.zip"];

/// A table of three images, with labels or without.
fn table(with_labels: bool) -> Vec<u8> {
    let labels = if with_labels { "optional int64 label;" } else { "" };
    let schema = format!("message schema {{ optional group image {{ optional binary bytes; }} {labels} }}");
    let mut bytes = Vec::new();
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let mut writer = SerializedFileWriter::new(&mut bytes, schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let images: Vec<ByteArray> = (0..3).map(|seed| png(seed).into()).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&images, Some(&[2; 3]), None).unwrap();
    column.close().unwrap();
    if with_labels {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&[0, -1, 1], Some(&[1; 3]), None).unwrap();
        column.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
    bytes
}

/// The same table, whose metadata claims other numbers of rows.
fn claiming(table: &[u8], rows: i64) -> Vec<u8> {
    let metadata =
        ParquetMetaDataReader::new().parse_and_finish(&bytes::Bytes::from(table.to_vec())).unwrap();
    let groups: Vec<_> = metadata.row_groups().to_vec();
    let lying = groups.into_iter().map(|group| group.into_builder().set_num_rows(rows).build().unwrap());
    let metadata = metadata.into_builder().set_row_groups(lying.collect()).build();
    let footer = u32::from_le_bytes(table[table.len() - 8..table.len() - 4].try_into().unwrap()) as usize;
    let mut lie = table[..table.len() - 8 - footer].to_vec();
    ParquetMetaDataWriter::new(&mut lie, &metadata).finish().unwrap();
    lie
}

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *content).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A zip archive of two images, one deflated and one stored.
fn zipped() -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, method) in
        [("cat/1.png", CompressionMethod::Deflated), ("dog/2.png", CompressionMethod::Stored)]
    {
        writer.start_file(name, SimpleFileOptions::default().compression_method(method)).unwrap();
        writer.write_all(&png(1)).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Kind and content of each seed, and whether it opens.
fn seeds() -> Vec<(usize, Vec<u8>, bool)> {
    let image = png(1);
    let packed = archive(&[("cat/1.png", &image), ("dog/2.png", &image)]);
    let labelled =
        archive(&[("1.png", &image), ("1.cls", b"0"), ("2.png", &image), ("2.json", b"{\"label\": NaN}")]);
    let mut all = vec![
        (0, packed.clone(), true),
        (0, labelled, true),
        (0, packed[..packed.len() / 2].to_vec(), false),
        (1, vec![3; 3073], true),
        (2, b"a.png\t3\n".to_vec(), false),
        (3, b"path,label\na.png,-1\n".to_vec(), false),
        (5, zipped(), true),
        (5, zipped()[..100].to_vec(), false),
    ];
    for with_labels in [true, false] {
        let table = table(with_labels);
        for rows in [-1, 0, 10_000_000, 1 << 40, 1 << 61] {
            all.push((4, claiming(&table, rows), false));
        }
        all.push((4, table, true));
    }
    all
}

#[test]
fn every_seed_opens_or_is_refused() {
    let wanted = std::env::var_os("TWIST_FUZZ_SEEDS").map(PathBuf::from);
    let mut opened = 0;
    for (number, (kind, content, opens)) in seeds().into_iter().enumerate() {
        let place = Workplace::new();
        place.write(NAMES[kind], &content);
        let data = place.open(NAMES[kind]);
        let error = data.as_ref().err().map(ToString::to_string);
        assert_eq!(data.is_ok(), opens, "seed {number}: {error:?}");
        if let Ok(data) = data {
            opened += 1;
            (0..data.len()).for_each(|index| drop(data.read(index).unwrap()));
        }
        if let Some(folder) = &wanted {
            fs_err::create_dir_all(folder).unwrap();
            let bytes = [&[kind as u8][..], &content].concat();
            fs_err::write(folder.join(format!("seed-{number:02}")), bytes).unwrap();
        }
    }
    assert_eq!(opened, 6);
}

#[test]
fn a_table_that_claims_more_rows_than_it_has_bytes_is_refused() {
    let place = Workplace::new();
    for with_labels in [true, false] {
        for rows in [10_000_000, 1 << 40, 1 << 61] {
            place.write("a.parquet", &claiming(&table(with_labels), rows));
            let error = place.error("a.parquet");
            assert!(error.contains("a.parquet") && error.contains(&format!("claims {rows} rows")), "{error}");
        }
    }
}
