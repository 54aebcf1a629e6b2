//! The augmentation policy of a view: the distributions that [`draw`](super::draw()) samples from.

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use super::interpolation::Interpolation;
use super::rand_augment::RandAugment;

/// The augmentation of one view: random resized crop, flip, RandAugment, colour jitter, grayscale, blur, solarisation,
/// erasing, in that order.
///
/// The defaults are those that all views of the paper share: no RandAugment and no erasing. What makes views differ
/// (`size`, `scale`, `blur`, `solarize`) has no default and must be written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ViewPolicy {
    /// For people and logs, such as `view1`.
    pub name: String,
    /// How many views are drawn by this policy, each with random numbers of its own.
    #[serde(default = "default::count")]
    pub count: u32,
    /// Side of the square view in pixels.
    pub size: u32,
    /// Smallest and largest part of the image's area that a crop covers.
    pub scale: [f64; 2],
    /// Smallest and largest width : height of a crop.
    #[serde(default = "default::ratio")]
    pub ratio: [f64; 2],
    /// Resampling filter of the crop.
    #[serde(default)]
    pub interpolation: Interpolation,
    /// Probability of a horizontal flip.
    #[serde(default = "default::flip")]
    pub flip: f64,
    /// Probability that brightness, contrast, saturation and hue are changed, in random order.
    #[serde(default = "default::jitter")]
    pub jitter: f64,
    /// Brightness factor is uniform in `1 ± brightness` (not below 0); 0 switches it off.
    #[serde(default = "default::brightness")]
    pub brightness: f64,
    /// Contrast factor is uniform in `1 ± contrast` (not below 0); 0 switches it off.
    #[serde(default = "default::contrast")]
    pub contrast: f64,
    /// Saturation factor is uniform in `1 ± saturation` (not below 0); 0 switches it off.
    #[serde(default = "default::saturation")]
    pub saturation: f64,
    /// Hue shift is uniform in `± hue` of a full turn, at most 0.5; 0 switches it off.
    #[serde(default = "default::hue")]
    pub hue: f64,
    /// Probability of becoming gray.
    #[serde(default = "default::gray")]
    pub gray: f64,
    /// Probability of Gaussian blur.
    pub blur: f64,
    /// Smallest and largest standard deviation of the blur, in pixels of the view.
    #[serde(default = "default::blur_radius")]
    pub blur_radius: [f64; 2],
    /// Probability of solarisation.
    pub solarize: f64,
    /// Values from this one on are inverted by solarisation.
    #[serde(default = "default::solarize_threshold")]
    pub solarize_threshold: u8,
    /// Probability that a rectangle becomes noise.
    #[serde(default)]
    pub erase: f64,
    /// Smallest and largest part of the view's area that it covers.
    #[serde(default = "default::erase_area")]
    pub erase_area: [f64; 2],
    /// Mean of the noise in red, green and blue, in `[0, 1]`: that of the data, so that it is 0 after normalisation.
    #[serde(default = "default::erase_mean")]
    pub erase_mean: [f64; 3],
    /// Standard deviation of the noise: that of the data, so that it is 1 after normalisation.
    #[serde(default = "default::erase_std")]
    pub erase_std: [f64; 3],
    /// RandAugment; absent is off, and an empty table the released policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rand_augment: Option<RandAugment>,
}

/// Why a [`ViewPolicy`] cannot be drawn from.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("view `{view}`: {field} = {value}, but {rule}")]
pub struct PolicyError {
    /// Name of the view.
    pub view: String,
    /// The field at fault.
    pub field: &'static str,
    /// Its value as written.
    pub value: String,
    /// What the field has to satisfy.
    pub rule: &'static str,
}

/// A field, its value, whether the rule holds, and the rule.
pub(super) type Rule<'a> = (&'static str, &'a dyn Debug, bool, &'static str);

/// Refuses the first field of the view whose rule does not hold.
pub(super) fn check(view: &str, rules: &[Rule<'_>]) -> Result<(), PolicyError> {
    match rules.iter().find(|(.., holds, _)| !holds) {
        None => Ok(()),
        Some((field, value, _, rule)) => {
            Err(PolicyError { view: view.to_owned(), field, value: format!("{value:?}"), rule })
        }
    }
}

/// Whether a number is a probability, or another part of a whole.
pub(super) fn is_part(value: f64) -> bool {
    (0.0..=1.0).contains(&value)
}

pub(super) const PROBABILITY: &str = "a probability lies between 0 and 1";
const STRENGTH: &str = "a jitter strength lies between 0 (off) and 10";
const SCALE: &str = "it is [smallest, largest] part of the area with 0 < smallest <= largest <= 1";
const RATIO: &str = "it is [narrowest, widest] width : height with 0 < narrowest <= widest";
const RADIUS: &str = "it is [smallest, largest] in pixels with 0 <= smallest <= largest <= 100";
const AREA: &str = "it is [smallest, largest] part of the view with 0 < smallest <= largest <= 1";
const COLOR: &str = "it is [red, green, blue], each between 0 and 1";

impl ViewPolicy {
    /// A policy with the paper's shared values; see the fields for the meaning of the arguments.
    pub fn new(name: &str, size: u32, scale: [f64; 2], blur: f64, solarize: f64) -> Self {
        Self {
            name: name.to_owned(),
            count: default::count(),
            size,
            scale,
            ratio: default::ratio(),
            interpolation: Interpolation::default(),
            flip: default::flip(),
            jitter: default::jitter(),
            brightness: default::brightness(),
            contrast: default::contrast(),
            saturation: default::saturation(),
            hue: default::hue(),
            gray: default::gray(),
            blur,
            blur_radius: default::blur_radius(),
            solarize,
            solarize_threshold: default::solarize_threshold(),
            erase: 0.0,
            erase_area: default::erase_area(),
            erase_mean: default::erase_mean(),
            erase_std: default::erase_std(),
            rand_augment: None,
        }
    }

    /// One policy for each view: `count` views become as many policies, named `local 1`, `local 2`, ….
    pub fn each(policies: &[Self]) -> Vec<Self> {
        let numbered = |policy: &Self, number: u32| {
            let name =
                if policy.count == 1 { policy.name.clone() } else { format!("{} {number}", policy.name) };
            Self { name, count: 1, ..policy.clone() }
        };
        policies
            .iter()
            .flat_map(|policy| (1..=policy.count).map(move |number| numbered(policy, number)))
            .collect()
    }

    /// Checks every field.
    ///
    /// # Errors
    /// The first field that is out of its range, with the range.
    pub fn check(&self) -> Result<(), PolicyError> {
        let strength = |value: f64| (0.0..=10.0).contains(&value);
        let parts = |[least, most]: [f64; 2]| 0.0 < least && least <= most && most <= 1.0;
        let color = |values: [f64; 3]| values.into_iter().all(is_part);
        let ([narrow, wide], [least, most]) = (self.ratio, self.blur_radius);
        let ratio = 0.0 < narrow && narrow <= wide && wide.is_finite();
        let radius = 0.0 <= least && least <= most && most <= 100.0;
        let hue = (0.0..=0.5).contains(&self.hue);
        let (count, size) = ((1..=MAX_COUNT).contains(&self.count), (1..=MAX_SIZE).contains(&self.size));
        check(
            &self.name,
            &[
                ("count", &self.count, count, "a policy draws between 1 and 64 views"),
                ("size", &self.size, size, "a view has between 1 and 4096 pixels on a side"),
                ("scale", &self.scale, parts(self.scale), SCALE),
                ("ratio", &self.ratio, ratio, RATIO),
                ("flip", &self.flip, is_part(self.flip), PROBABILITY),
                ("jitter", &self.jitter, is_part(self.jitter), PROBABILITY),
                ("gray", &self.gray, is_part(self.gray), PROBABILITY),
                ("blur", &self.blur, is_part(self.blur), PROBABILITY),
                ("solarize", &self.solarize, is_part(self.solarize), PROBABILITY),
                ("erase", &self.erase, is_part(self.erase), PROBABILITY),
                ("brightness", &self.brightness, strength(self.brightness), STRENGTH),
                ("contrast", &self.contrast, strength(self.contrast), STRENGTH),
                ("saturation", &self.saturation, strength(self.saturation), STRENGTH),
                ("hue", &self.hue, hue, "the hue shift lies between 0 (off) and 0.5 of a full turn"),
                ("blur_radius", &self.blur_radius, radius, RADIUS),
                ("erase_area", &self.erase_area, parts(self.erase_area), AREA),
                ("erase_mean", &self.erase_mean, color(self.erase_mean), COLOR),
                ("erase_std", &self.erase_std, color(self.erase_std), COLOR),
            ],
        )?;
        self.rand_augment.map_or(Ok(()), |rand| rand.check(&self.name))
    }
}

/// Largest side of a view or evaluation crop in pixels.
pub(crate) const MAX_SIZE: u32 = 4096;

/// Most views of one policy.
const MAX_COUNT: u32 = 64;

/// The values that all views of the paper share, and timm's for erasing.
mod default {
    twist_io::defaults! {
        count: u32 = 1;
        ratio: [f64; 2] = [3.0 / 4.0, 4.0 / 3.0];
        flip: f64 = 0.5;
        jitter: f64 = 0.8;
        brightness: f64 = 0.4;
        contrast: f64 = 0.4;
        saturation: f64 = 0.2;
        hue: f64 = 0.1;
        gray: f64 = 0.2;
        blur_radius: [f64; 2] = [0.1, 2.0];
        solarize_threshold: u8 = 128;
        erase_area: [f64; 2] = [0.02, 1.0 / 3.0];
        erase_mean: [f64; 3] = [0.485, 0.456, 0.406];
        erase_std: [f64; 3] = [0.229, 0.224, 0.225];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_and_default_fields() {
        let policy: ViewPolicy = serde_json::from_str(
            r#"{"name":"view1","size":224,"scale":[0.08,1.0],"blur":1.0,"solarize":0.0}"#,
        )
        .unwrap();
        assert_eq!(policy, ViewPolicy::new("view1", 224, [0.08, 1.0], 1.0, 0.0));
        policy.check().unwrap();
        let unknown = serde_json::from_str::<ViewPolicy>(
            r#"{"name":"a","size":1,"scale":[1,1],"blur":0,"solarize":0,"blurr":1}"#,
        );
        assert!(unknown.unwrap_err().to_string().contains("blurr"));
    }

    #[test]
    fn an_empty_rand_augment_is_the_released_one_and_an_absent_one_is_not_written() {
        let off = ViewPolicy::new("a", 224, [0.08, 1.0], 0.0, 0.0);
        let text = serde_json::to_string(&off).unwrap();
        assert!(!text.contains("rand_augment"), "{text}");
        assert_eq!(serde_json::from_str::<ViewPolicy>(&text).unwrap(), off);
        let released = text.replace("\"name\"", "\"rand_augment\":{},\"name\"");
        let released: ViewPolicy = serde_json::from_str(&released).unwrap();
        assert_eq!(released.rand_augment, Some(RandAugment::default()));
        released.check().unwrap();
        let text = serde_json::to_string(&released).unwrap();
        assert_eq!(serde_json::from_str::<ViewPolicy>(&text).unwrap(), released);
        let unknown = text.replace("magnitude_std", "magnitude_sdt");
        assert!(
            serde_json::from_str::<ViewPolicy>(&unknown).unwrap_err().to_string().contains("magnitude_sdt")
        );
    }

    #[test]
    fn a_count_is_as_many_policies() {
        let first = ViewPolicy::new("global", 32, [0.4, 1.0], 0.0, 0.0);
        let local = ViewPolicy { count: 3, ..ViewPolicy::new("local", 16, [0.05, 0.4], 0.5, 0.0) };
        let each = ViewPolicy::each(&[first.clone(), local]);
        let names: Vec<&str> = each.iter().map(|policy| policy.name.as_str()).collect();
        assert_eq!(names, ["global", "local 1", "local 2", "local 3"]);
        assert_eq!(each[0], first);
        assert!(each[1..].iter().all(|policy| policy.count == 1 && policy.size == 16));
        assert_eq!(ViewPolicy::each(&each), each);
    }

    #[test]
    fn every_rule_names_its_field() {
        type Change = fn(&mut ViewPolicy);
        fn rand(policy: &mut ViewPolicy) -> &mut RandAugment {
            policy.rand_augment.get_or_insert_default()
        }
        let wrong: [(&str, Change); 20] = [
            ("count", |p| p.count = 0),
            ("size", |p| p.size = 0),
            ("scale", |p| p.scale = [0.0, 1.0]),
            ("ratio", |p| p.ratio = [2.0, 1.0]),
            ("flip", |p| p.flip = 1.5),
            ("gray", |p| p.gray = f64::NAN),
            ("contrast", |p| p.contrast = -0.1),
            ("hue", |p| p.hue = 0.6),
            ("blur_radius", |p| p.blur_radius = [2.0, 1.0]),
            ("solarize", |p| p.solarize = -1.0),
            ("erase", |p| p.erase = 1.1),
            ("erase_area", |p| p.erase_area = [0.0, 0.3]),
            ("erase_mean", |p| p.erase_mean = [124.0, 116.0, 104.0]),
            ("erase_std", |p| p.erase_std[2] = -0.1),
            ("rand_augment.operations", |p| rand(p).operations = 0),
            ("rand_augment.operations", |p| rand(p).operations = 9),
            ("rand_augment.probability", |p| rand(p).probability = 1.5),
            ("rand_augment.magnitude", |p| rand(p).magnitude = 10.5),
            ("rand_augment.magnitude_std", |p| rand(p).magnitude_std = -0.5),
            ("rand_augment.magnitude_std", |p| rand(p).magnitude_std = f64::INFINITY),
        ];
        for (field, change) in wrong {
            let mut policy = ViewPolicy::new("v", 32, [0.2, 1.0], 0.5, 0.0);
            change(&mut policy);
            assert_eq!(policy.check().unwrap_err().field, field);
        }
    }
}
