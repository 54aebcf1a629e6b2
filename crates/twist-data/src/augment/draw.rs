//! The augmentation of one view as plain data: computed before pixels are touched, the same for CPU and GPU kernels.

use serde::{Deserialize, Serialize};

use super::erase::Erase;
use super::policy::ViewPolicy;
use super::rand_augment::{Operations, RandAugment};
use super::random::Draws;

/// Names one view of one sample in one epoch; all its random numbers follow from this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DrawKey {
    /// Seed of the run.
    pub seed: u64,
    /// Epoch, counted from 0.
    pub epoch: u64,
    /// Index of the image in its data set.
    pub sample: u64,
    /// Index of the view among all views of the sample.
    pub view: u32,
}

/// A rectangle of the source image in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Crop {
    /// First row.
    pub top: u32,
    /// First column.
    pub left: u32,
    /// Number of rows.
    pub height: u32,
    /// Number of columns.
    pub width: u32,
}

/// One of the four changes of colour jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColorOp {
    /// Blend with black.
    Brightness,
    /// Blend with the mean gray of the view.
    Contrast,
    /// Blend with the grayscale view.
    Saturation,
    /// Rotate the hue.
    Hue,
}

/// Colour jitter of one view.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Jitter {
    /// The order in which the four are applied.
    pub order: [ColorOp; 4],
    /// 0 is black, 1 leaves the view as it is.
    pub brightness: f32,
    /// 0 is the mean gray, 1 leaves the view as it is.
    pub contrast: f32,
    /// 0 is grayscale, 1 leaves the view as it is.
    pub saturation: f32,
    /// Part of a full turn. `None` leaves the view as it is, which a turn of 0 does not quite do: the way through
    /// 8-bit hue, saturation and value rounds.
    pub hue: Option<f64>,
}

/// Everything random about one view.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ViewDraw {
    /// The part of the source that is resized to the view.
    pub crop: Crop,
    /// Mirror left and right.
    pub flip: bool,
    /// What RandAugment does.
    pub operations: Operations,
    /// Colour jitter, if any.
    pub jitter: Option<Jitter>,
    /// Make it gray.
    pub gray: bool,
    /// Standard deviation of the Gaussian blur in pixels, if any.
    pub blur: Option<f32>,
    /// Threshold of the solarisation, if any.
    pub solarize: Option<u8>,
    /// What is erased, if anything.
    pub erase: Option<Erase>,
}

/// Attempts at a crop that fits before the fallback is taken, as in torchvision.
const ATTEMPTS: u64 = 10;

/// Slots of the random numbers of a view. Every quantity has its own, used or not, so that changing one field of a
/// policy leaves the draws of all others as they were.
mod slot {
    use super::{ATTEMPTS, RandAugment};

    /// Area, aspect, top and left of each attempt.
    pub(super) const CROP: u64 = 0;
    pub(super) const FLIP: u64 = CROP + 4 * ATTEMPTS;
    pub(super) const JITTER: u64 = FLIP + 1;
    /// Three swaps of the order.
    pub(super) const ORDER: u64 = JITTER + 1;
    pub(super) const BRIGHTNESS: u64 = ORDER + 3;
    pub(super) const CONTRAST: u64 = BRIGHTNESS + 1;
    pub(super) const SATURATION: u64 = CONTRAST + 1;
    pub(super) const HUE: u64 = SATURATION + 1;
    pub(super) const GRAY: u64 = HUE + 1;
    pub(super) const BLUR: u64 = GRAY + 1;
    pub(super) const BLUR_RADIUS: u64 = BLUR + 1;
    pub(super) const SOLARIZE: u64 = BLUR_RADIUS + 1;
    pub(super) const OPERATIONS: u64 = SOLARIZE + 1;
    pub(super) const ERASE: u64 = OPERATIONS + RandAugment::SLOTS;
    pub(super) const ERASED: u64 = ERASE + 1;
}

/// Draws one view of a `width` × `height` image (both at least 1) from a policy that passed
/// [`ViewPolicy::check`]. A pure function of its arguments.
pub fn draw(policy: &ViewPolicy, key: DrawKey, width: u32, height: u32) -> ViewDraw {
    let draws = Draws::new(&[key.seed, key.epoch, key.sample, u64::from(key.view)]);
    ViewDraw {
        crop: draw_crop(policy, &draws, width, height),
        flip: draws.chance(slot::FLIP, policy.flip),
        operations: policy
            .rand_augment
            .map_or_else(Operations::default, |rand| rand.draw(&draws, slot::OPERATIONS)),
        jitter: draws.chance(slot::JITTER, policy.jitter).then(|| draw_jitter(policy, &draws)),
        gray: draws.chance(slot::GRAY, policy.gray),
        blur: draws
            .chance(slot::BLUR, policy.blur)
            .then(|| draws.range(slot::BLUR_RADIUS, policy.blur_radius[0], policy.blur_radius[1]) as f32),
        solarize: draws.chance(slot::SOLARIZE, policy.solarize).then_some(policy.solarize_threshold),
        erase: draws
            .chance(slot::ERASE, policy.erase)
            .then(|| Erase::draw(policy, &draws, slot::ERASED))
            .flatten(),
    }
}

/// `torchvision.transforms.RandomResizedCrop.get_params`: ten attempts at a uniform area and log-uniform aspect ratio,
/// then the largest centred crop whose aspect ratio is allowed. Halves round to even, as in Python.
fn draw_crop(policy: &ViewPolicy, draws: &Draws, width: u32, height: u32) -> Crop {
    let (w, h) = (f64::from(width), f64::from(height));
    let [narrowest, widest] = policy.ratio;
    for attempt in 0..ATTEMPTS {
        let first = slot::CROP + 4 * attempt;
        let area = w * h * draws.range(first, policy.scale[0], policy.scale[1]);
        let aspect = draws.range(first + 1, narrowest.ln(), widest.ln()).exp();
        let crop_width = (area * aspect).sqrt().round_ties_even();
        let crop_height = (area / aspect).sqrt().round_ties_even();
        if (1.0..=w).contains(&crop_width) && (1.0..=h).contains(&crop_height) {
            let (crop_width, crop_height) = (crop_width as u32, crop_height as u32);
            let top = draws.below(first + 2, u64::from(height - crop_height) + 1) as u32;
            let left = draws.below(first + 3, u64::from(width - crop_width) + 1) as u32;
            return Crop { top, left, height: crop_height, width: crop_width };
        }
    }
    let (crop_width, crop_height) = if w / h < narrowest {
        (width, ((w / narrowest).round_ties_even() as u32).clamp(1, height))
    } else if w / h > widest {
        (((h * widest).round_ties_even() as u32).clamp(1, width), height)
    } else {
        (width, height)
    };
    Crop {
        top: (height - crop_height) / 2,
        left: (width - crop_width) / 2,
        height: crop_height,
        width: crop_width,
    }
}

/// `torchvision.transforms.ColorJitter.get_params`: a random order and a uniform factor for each change.
fn draw_jitter(policy: &ViewPolicy, draws: &Draws) -> Jitter {
    let mut order = [ColorOp::Brightness, ColorOp::Contrast, ColorOp::Saturation, ColorOp::Hue];
    for (swap, last) in (1..order.len()).rev().enumerate() {
        order.swap(last, draws.below(slot::ORDER + swap as u64, last as u64 + 1) as usize);
    }
    let factor = |slot, strength: f64| draws.range(slot, (1.0 - strength).max(0.0), 1.0 + strength) as f32;
    Jitter {
        order,
        brightness: factor(slot::BRIGHTNESS, policy.brightness),
        contrast: factor(slot::CONTRAST, policy.contrast),
        saturation: factor(slot::SATURATION, policy.saturation),
        hue: (policy.hue > 0.0).then(|| draws.range(slot::HUE, -policy.hue, policy.hue)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(sample: u64) -> DrawKey {
        DrawKey { seed: 3, epoch: 1, sample, view: 0 }
    }

    #[test]
    fn crops_lie_inside_any_image() {
        let policy = ViewPolicy::new("v", 32, [0.05, 0.4], 0.5, 0.2);
        let sizes = [(1, 1), (1, 500), (500, 1), (2, 3), (33, 32), (500, 375), (10_000, 3)];
        for (width, height) in sizes {
            for sample in 0..200 {
                let Crop { top, left, height: h, width: w } = draw(&policy, key(sample), width, height).crop;
                assert!(
                    w >= 1 && h >= 1 && left + w <= width && top + h <= height,
                    "{width} x {height}: {w} x {h} at {left}, {top}"
                );
            }
        }
    }

    #[test]
    fn an_impossible_aspect_falls_back_to_the_centre() {
        let policy = ViewPolicy::new("v", 32, [0.9, 1.0], 0.0, 0.0);
        assert_eq!(draw(&policy, key(0), 400, 30).crop, Crop { top: 0, left: 180, height: 30, width: 40 });
        assert_eq!(draw(&policy, key(0), 30, 400).crop, Crop { top: 180, left: 0, height: 40, width: 30 });
    }

    #[test]
    fn one_field_changes_only_its_own_draws() {
        let policy = ViewPolicy::new("v", 32, [0.2, 1.0], 0.5, 0.2);
        let bluring = ViewPolicy { blur: 1.0, jitter: 1.0, ..policy.clone() };
        for sample in 0..50 {
            let (a, b) = (draw(&policy, key(sample), 64, 64), draw(&bluring, key(sample), 64, 64));
            assert_eq!((a.crop, a.flip, a.gray, a.solarize), (b.crop, b.flip, b.gray, b.solarize));
            assert!(b.blur.is_some() && a.blur.is_none_or(|radius| Some(radius) == b.blur));
            assert!(a.jitter.is_none() || a.jitter == b.jitter);
        }
    }

    #[test]
    fn frequencies_and_orders_are_those_of_the_policy() {
        let policy = ViewPolicy::new("v", 32, [0.2, 1.0], 0.1, 0.2);
        type Event = fn(&ViewDraw) -> bool;
        let n = 20_000;
        let draws: Vec<ViewDraw> = (0..n).map(|sample| draw(&policy, key(sample), 64, 64)).collect();
        let share = |f: Event| draws.iter().filter(|d| f(d)).count() as f64 / n as f64;
        let expected: [(f64, Event); 5] = [
            (0.5, |d| d.flip),
            (0.8, |d| d.jitter.is_some()),
            (0.2, |d| d.gray),
            (0.1, |d| d.blur.is_some()),
            (0.2, |d| d.solarize.is_some()),
        ];
        for (p, event) in expected {
            let deviation = (share(event) - p).abs() / (p * (1.0 - p) / n as f64).sqrt();
            assert!(deviation < 4.0, "probability {p} was off by {deviation} standard errors");
        }
        let first_is_hue = share(|d| d.jitter.is_some_and(|j| j.order[0] == ColorOp::Hue));
        assert!((first_is_hue - 0.2).abs() < 0.015, "{first_is_hue}");
    }
}
