//! Writes the pixels that an evaluation sees of images, for comparison with other programs.
//!
//! ```text
//! cargo run -p twist-data --example pixels -- 256 224 bicubic a.jpg b.jpg > pixels
//!                                             resize crop filter images
//! ```
//! Bytes `[N, crop, crop, 3]`, in the order of the arguments. `tools/parity/photographs.py` reads them.

use std::io::Write as _;

use twist_data::{DecodeLimits, Decoder, EvalTransform, Interpolation};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [resize, crop, filter, images @ ..] = arguments.as_slice() else {
        return Err("usage: pixels RESIZE CROP bilinear|bicubic IMAGE...".into());
    };
    let interpolation = match filter.as_str() {
        "bilinear" => Interpolation::Bilinear,
        "bicubic" => Interpolation::Bicubic,
        other => return Err(format!("{other} is not a filter: bilinear or bicubic").into()),
    };
    let crop: u32 = crop.parse()?;
    let mut transform = EvalTransform::new(resize.parse()?, crop, interpolation);
    transform.check()?;
    let mut decoder = Decoder::new(DecodeLimits::default());
    let mut pixels = vec![0; 3 * (crop as usize).pow(2)];
    for image in images {
        transform.apply(&decoder.decode(&fs_err::read(image)?)?, &mut pixels);
        std::io::stdout().write_all(&pixels)?;
    }
    Ok(())
}
