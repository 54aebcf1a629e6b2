//! Operations that map each value to another one: Pillow's `ImageOps.autocontrast`, `equalize` and `posterize`, and
//! timm's `solarize_add`.

use super::planes::Planes;
use super::simd::each_byte;

/// `ImageOps.autocontrast`: the smallest value of each channel becomes 0, the largest 255.
pub(crate) fn autocontrast(planes: &mut Planes) {
    for plane in planes.channels_mut() {
        let (low, high) = plane.iter().fold((255, 0), |(low, high), &v| (v.min(low), v.max(high)));
        if low < high {
            let scale = 255.0 / f64::from(high - low);
            let offset = -f64::from(low) * scale;
            replace(plane, |value| (value as f64 * scale + offset) as u8);
        }
    }
}

/// `ImageOps.equalize`: a value becomes the share of values below it in the channel.
pub(crate) fn equalize(planes: &mut Planes) {
    for plane in planes.channels_mut() {
        let mut histogram = [0; 256];
        plane.iter().for_each(|&value| histogram[usize::from(value)] += 1);
        // The largest value has no share, so that it becomes 255.
        let largest = histogram.iter().rev().find(|&&count| count > 0).copied().unwrap_or(0);
        let step = (plane.len() - largest) / 255;
        if step > 0 {
            let mut below = step / 2;
            replace(plane, |value| {
                let share = below / step;
                below += histogram[value];
                share.min(255) as u8
            });
        }
    }
}

/// `ImageOps.posterize`: keeps the highest `bits`, at most 8.
pub(crate) fn posterize(planes: &mut Planes, bits: u8) {
    let mask = (0xFF00u16 >> bits) as u8;
    each_byte(planes.bytes_mut(), move |byte| byte & mask);
}

/// timm's `solarize_add`: adds to values below 128, up to 255.
pub(crate) fn solarize_add(planes: &mut Planes, add: u8) {
    each_byte(planes.bytes_mut(), move |byte| if byte < 128 { byte.saturating_add(add) } else { byte });
}

/// Replaces every value by what `new` says of it; it is asked about 0, 1, … 255, once each.
fn replace(plane: &mut [u8], new: impl FnMut(usize) -> u8) {
    let table: [u8; 256] = std::array::from_fn(new);
    for byte in plane {
        *byte = table[usize::from(*byte)];
    }
}
