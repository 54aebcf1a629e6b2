//! Images per CPU second of decoding and augmenting the image files of a folder:
//! `cargo run --release -p twist-data --example pipeline -- FOLDER [decode|two_view|multi_crop] [NUMBER OF IMAGES]`.

#![allow(clippy::print_stdout, reason = "an example shows its result")]

use twist_data::bench::pipeline;
use twist_data::{OpenOptions, Stored, open};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let folder = arguments.first().ok_or("name a folder of images")?;
    let mode = arguments.get(1).map_or("two_view", String::as_str).parse()?;
    let count = arguments.get(2).map_or(Ok(100), |text| text.parse())?;
    let data = open(folder, &OpenOptions::default())?;
    let mut files = Vec::new();
    for index in 0..data.len().min(count) {
        if let Stored::Encoded(bytes) = data.read(index)? {
            files.push(bytes);
        }
    }
    println!("{}", serde_json::to_string(&pipeline(&files, mode, 1)?)?);
    Ok(())
}
