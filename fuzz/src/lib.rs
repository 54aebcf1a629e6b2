//! Seeds of the fuzz targets: a small file of each kind, made when a target starts, so that the fuzzer starts from files
//! that the parsers accept.

use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{ArrayRef, BinaryArray, Int64Array, RecordBatch};
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::{WriterProperties, WriterVersion};
use serde_json::json;
use twist_io::{HostTensor, StateDict, save_safetensors};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Writes seeds into the folder that `TWIST_FUZZ_SEEDS` names; without it, it writes none.
pub fn sow(seeds: fn() -> Vec<Vec<u8>>) {
    let Some(folder) = std::env::var_os("TWIST_FUZZ_SEEDS").map(PathBuf::from) else { return };
    for (number, seed) in seeds().into_iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number}")), seed).expect("writing a seed");
    }
}

/// Lets the panics of libraries unwind, for targets whose parser catches them on purpose; libFuzzer's hook would end the
/// process before. Panics of our own code still end it, and so does one that nobody catches.
pub fn let_libraries_panic() {
    let end = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let is_ours = panic.location().is_none_or(|place| place.file().contains("crates/twist-"));
        if is_ours {
            end(panic);
        } else {
            eprintln!("{panic}");
        }
    }));
}

/// State dicts: a checkpoint with a card and one of another program.
pub fn safetensors() -> Vec<Vec<u8>> {
    let mut state = StateDict::default();
    state.push(
        "backbone.conv1.weight",
        HostTensor::from_slice(vec![2, 3], &[0.5f32; 6]).expect("six numbers"),
    );
    state
        .push("backbone.bn1.num_batches_tracked", HostTensor::from_slice(vec![], &[7i64]).expect("a number"));
    let card = json!({ "twist_model": {
        "backbone": { "arch": "resnet18_cifar", "width": 4 }, "feature_dim": 32, "head": null, "classifier": null,
        "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2], "transform": { "resize": 32, "crop": 32 }, "precision": "fp32",
        "origin": "a seed"
    } });
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("seed.safetensors");
    save_safetensors(&path, &state, Some(&card)).expect("writing a seed");
    let header = br#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}"#;
    let foreign = [&(header.len() as u64).to_le_bytes()[..], header, &[0; 4]].concat();
    vec![std::fs::read(path).expect("reading a seed"), foreign]
}

/// A tensor of six floats under the name `w`, as PyTorch writes it.
const STATE: &[u8] =
    b"\x80\x02}(X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n\
    X\x01\0\0\x000X\x03\0\0\0cpuK\x06tQK\0K\x02K\x03\x86K\x03K\x01\x86\x89}tRu.";

/// Weight files of PyTorch, of both formats.
pub fn pickle() -> Vec<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let entries: [(&str, &[u8]); 3] = [("data.pkl", STATE), ("byteorder", b"little"), ("data/0", &[0; 24])];
    for (name, content) in entries {
        archive.start_file(format!("net/{name}"), stored).expect("an entry");
        archive.write_all(content).expect("its content");
    }
    let head = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}(X\x0d\0\0\0little_endian\x88u.";
    let stream = [head, STATE, b"\x80\x02](X\x01\0\0\x000e.", &6u64.to_le_bytes(), &[0; 24]].concat();
    vec![archive.finish().expect("an archive").into_inner(), stream]
}

/// Label files of MATLAB, packed and plain.
pub fn mat() -> Vec<Vec<u8>> {
    let files: [&[u8]; 2] = [
        include_bytes!("../../crates/twist-io/tests/all/files/packed.mat"),
        include_bytes!("../../crates/twist-io/tests/all/files/plain.mat"),
    ];
    files.map(<[u8]>::to_vec).to_vec()
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).expect("an image");
    bytes.into_inner()
}

const INDICES: &[u8] = include_bytes!("../../crates/twist-data/tests/all/files/interlaced.gif");
const ANIMATION: &[u8] = include_bytes!("../../crates/twist-data/tests/all/files/animated.gif");
const LOSSY: &[u8] = include_bytes!("../../crates/twist-data/tests/all/files/lossy.jxl");
const LOSSLESS: &[u8] = include_bytes!("../../crates/twist-data/tests/all/files/alpha.jxl");

/// A picture in every format that is read.
pub fn image() -> Vec<Vec<u8>> {
    let colour = RgbImage::from_fn(9, 5, |x, y| image::Rgb([20 * x as u8, 40 * y as u8, 99]));
    let gray = GrayImage::from_fn(9, 5, |x, y| image::Luma([(20 * x + y) as u8]));
    let (colour, gray) = (DynamicImage::from(colour), DynamicImage::from(gray));
    let formats =
        [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::WebP, ImageFormat::Jpeg];
    let mut seeds: Vec<Vec<u8>> = formats.into_iter().map(|format| encoded(&colour, format)).collect();
    seeds.extend([ImageFormat::Png, ImageFormat::Jpeg].map(|format| encoded(&gray, format)));
    seeds.push(encoded(&DynamicImage::from(gray.to_luma16()), ImageFormat::Png));
    // Nothing here writes these.
    seeds.extend([INDICES, ANIMATION, LOSSY, LOSSLESS].map(<[u8]>::to_vec));
    seeds
}

/// Data sets in one file, each behind the number of its kind.
pub fn dataset() -> Vec<Vec<u8>> {
    let picture = encoded(&DynamicImage::from(RgbImage::new(4, 4)), ImageFormat::Png);
    let cifar = [vec![3], vec![128; 3072]].concat();
    let files = [
        tar("a.png", &picture),
        cifar,
        b"one.png\ntwo.png\n".to_vec(),
        b"path,label\none.png,cat\n".to_vec(),
        parquet(&picture, WriterProperties::default()),
    ];
    let numbered = (0..).zip(files);
    // Strings whose lengths are stored as differences.
    let differences = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_dictionary_enabled(false)
        .build();
    let seeds = numbered.chain([(4, parquet(&picture, differences)), (5, zip(&picture))]);
    seeds.map(|(kind, file): (u8, _)| [vec![kind], file].concat()).collect()
}

/// An archive of one file.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    let mut header = [0; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(format!("{:011o}", content.len()).as_bytes());
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = [&header[..], content].concat();
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}

/// An archive of one image as it is.
fn zip(picture: &[u8]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    archive.start_file("a.png", options).expect("an entry");
    archive.write_all(picture).expect("the entry's bytes");
    archive.finish().expect("a whole file").into_inner()
}

/// Three rows of images with labels.
fn parquet(picture: &[u8], properties: WriterProperties) -> Vec<u8> {
    let images: ArrayRef = Arc::new(BinaryArray::from(vec![picture; 3]));
    let labels: ArrayRef = Arc::new(Int64Array::from(vec![0, 1, 0]));
    let batch = RecordBatch::try_from_iter([("image", images), ("label", labels)]).expect("columns");
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, batch.schema(), Some(properties)).expect("a writer");
    writer.write(&batch).expect("rows");
    writer.close().expect("a whole file");
    file
}
