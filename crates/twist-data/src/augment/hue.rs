//! Hue rotation by the way through Pillow's 8-bit HSV, as torchvision's `adjust_hue` does it on Pillow images.

use super::planes::Planes;
use super::simd::{Kernel, dispatch, round_to_u8, truncate_to_u8};

/// Rotates the hue by part of a full turn.
pub(crate) fn rotate_hue(planes: &mut Planes, turn: f64) {
    // torchvision adds `np.uint8(turn * 255)`: truncated towards zero, then modulo 256.
    let shift = (turn * 255.0) as i32 as u8;
    dispatch(RotateHue { channels: planes.channels_mut(), shift });
}

struct RotateHue<'a> {
    channels: [&'a mut [u8]; 3],
    shift: u8,
}

impl Kernel for RotateHue<'_> {
    #[inline(always)]
    fn run<const FUSED: bool>(self) {
        let [r, g, b] = self.channels;
        for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
            let (hue, saturation, value) = rgb_to_hsv(*r, *g, *b);
            [*r, *g, *b] = hsv_to_rgb(hue.wrapping_add(self.shift), saturation, value);
        }
    }
}

/// Pillow's `rgb2hsv`. One step of hue moves a channel by up to six, so the hue has to come out exactly: for all 2^24
/// colours this gives what Pillow gives, whose `float` steps are followed one by one (of `bc - gc`, `2 + rc - bc` and
/// `4 + gc - rc` one term is always 0 and one always 1, which leaves one division).
#[inline(always)]
fn rgb_to_hsv(r: u8, g: u8, b: u8) -> (u8, u8, u8) {
    let (max, min) = (r.max(g).max(b), r.min(g).min(b));
    let (rf, gf, bf) = (f32::from(r), f32::from(g), f32::from(b));
    let maxf = f32::from(max);
    let range = maxf - f32::from(min);
    // A gray pixel has hue and saturation 0 whatever the denominators.
    let middle = (rf + gf + bf) - (maxf + f32::from(min));
    let part = (maxf - middle) / range.max(1.0);
    let hue = if r == max {
        if b == min { 1.0 - part } else { part - 1.0 }
    } else if g == max {
        if b == min { 1.0 + part } else { 3.0 - part }
    } else if r == min {
        3.0 + part
    } else {
        5.0 - part
    };
    let sixth = hue / 6.0;
    let turn = if sixth < 0.0 { sixth + 1.0 } else { sixth };
    let hue = if max == min { 0 } else { truncate_to_u8(turn * 255.0) };
    // The exact quotient is at least 1/255 away from the next integer above it, or on one.
    let saturation = truncate_to_u8((range * 255.0 + 0.25) / maxf.max(1.0));
    (hue, saturation, max)
}

/// Pillow's `hsv2rgb`, without its six cases: channel `n` is `v (1 - s clamp(min(k, 4 - k), 0, 1))` with
/// `k = (n + 6 h) mod 6` for n = 5, 3, 1.
#[inline(always)]
fn hsv_to_rgb(hue: u8, saturation: u8, value: u8) -> [u8; 3] {
    let sixths = f32::from(hue) * (6.0 / 255.0);
    let value = f32::from(value);
    let chroma = value * (f32::from(saturation) * (1.0 / 255.0));
    [5.0, 3.0, 1.0].map(|n: f32| {
        let k = n + sixths;
        let k = if k >= 6.0 { k - 6.0 } else { k };
        round_to_u8(value - chroma * k.min(4.0 - k).clamp(0.0, 1.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pillow's `rgb2hsv_row` as written there: `float` and `double` in the same places.
    fn pillow(r: u8, g: u8, b: u8) -> (u8, u8, u8) {
        let (max, min) = (r.max(g).max(b), r.min(g).min(b));
        if max == min {
            return (0, 0, max);
        }
        let range = f32::from(max - min);
        let [rc, gc, bc] = [r, g, b].map(|channel| f32::from(max - channel) / range);
        let hue = if r == max {
            bc - gc
        } else if g == max {
            (2.0 + f64::from(rc) - f64::from(bc)) as f32
        } else {
            (4.0 + f64::from(gc) - f64::from(rc)) as f32
        };
        let turn = ((f64::from(hue) / 6.0 + 1.0) % 1.0) as f32;
        let saturation = range / f32::from(max);
        ((f64::from(turn) * 255.0) as u8, (f64::from(saturation) * 255.0) as u8, max)
    }

    #[test]
    fn hue_saturation_value_are_pillows() {
        // Hue depends on the order of the channels, their range and the middle one: all of these. Saturation depends on
        // the range and the largest: all of these too.
        for range in 0..=255u8 {
            for part in 0..=range {
                for max in [255, range] {
                    let (min, middle) = (max - range, max - part);
                    let orders = [
                        (max, middle, min),
                        (max, min, middle),
                        (middle, max, min),
                        (min, max, middle),
                        (middle, min, max),
                        (min, middle, max),
                    ];
                    for (r, g, b) in orders {
                        assert_eq!(rgb_to_hsv(r, g, b), pillow(r, g, b), "{r} {g} {b}");
                    }
                }
            }
            for max in range.max(1)..=255 {
                assert_eq!(rgb_to_hsv(max, max - range, max - range), pillow(max, max - range, max - range));
            }
        }
    }

    #[test]
    fn a_turn_goes_round() {
        assert_eq!(hsv_to_rgb(0, 255, 255), [255, 0, 0]);
        assert_eq!(hsv_to_rgb(85, 255, 255), [0, 255, 0]);
        assert_eq!(hsv_to_rgb(170, 255, 255), [0, 0, 255]);
        assert_eq!(hsv_to_rgb(33, 0, 71), [71, 71, 71]);
        let mut planes = Planes::default();
        planes.reshape(1, 1);
        planes.read_interleaved(&[255, 0, 0]);
        rotate_hue(&mut planes, 1.0 / 3.0);
        assert_eq!(planes.channels().map(|channel| channel[0]), [0, 255, 0]);
    }
}
