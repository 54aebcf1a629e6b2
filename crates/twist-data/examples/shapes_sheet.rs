//! Draws the contact sheet of the embedded data set: a row per class, twelve images each.
//!
//! ```text
//! cargo run -p twist-data --example shapes_sheet -- sheet.png
//! ```

use std::error::Error;

use twist_data::{OpenOptions, SHAPES_SIZE, Stored, open};

const COLUMNS: u32 = 12;

/// Each pixel of the data set becomes a square of this many.
const ZOOM: u32 = 3;

fn main() -> Result<(), Box<dyn Error>> {
    let file = std::env::args().nth(1).ok_or("usage: shapes_sheet FILE.png")?;
    let shapes = open("shapes:train", &OpenOptions::default())?;
    let rows = shapes.classes().len() as u32;
    let cell = SHAPES_SIZE * ZOOM;
    let mut sheet = image::RgbImage::new(COLUMNS * cell, rows * cell);
    for row in 0..rows {
        for column in 0..COLUMNS {
            // Classes take turns.
            let Stored::Pixels(picture) = shapes.read((column * rows + row) as usize)? else {
                return Err("the embedded data set stores pixels".into());
            };
            for y in 0..cell {
                for x in 0..cell {
                    let pixel = image::Rgb(picture.pixel(x / ZOOM, y / ZOOM));
                    sheet.put_pixel(column * cell + x, row * cell + y, pixel);
                }
            }
        }
    }
    sheet.save(file)?;
    Ok(())
}
