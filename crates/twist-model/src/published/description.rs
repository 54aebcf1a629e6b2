//! What the files beside weights say about a network and its images.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};
use twist_data::Interpolation;

/// What was found in `config.json`, `preprocessor_config.json` and `open_clip_config.json`. What no file says is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Description {
    /// The name of the architecture, as the library calls it.
    pub architecture: Option<String>,
    /// Mean of each channel in [0, 1].
    pub mean: Option<[f64; 3]>,
    /// Standard deviation of each channel.
    pub std: Option<[f64; 3]>,
    /// How images become the network's input.
    pub sizes: Option<Sizes>,
    /// The filter that images are resized with.
    pub filter: Option<Interpolation>,
    /// Number of attention heads.
    pub heads: Option<i64>,
    /// Non-linearity of the blocks.
    pub activation: Option<String>,
    /// Names of the classifier's classes, in the order of its outputs.
    pub class_names: Vec<String>,
    /// All fields of `config.json`, of the image tower where a network has others too.
    pub config: Map<String, Value>,
}

/// How images become squares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// Shorter side, then the centre.
    Centre {
        /// Length of the shorter side after resizing.
        resize: u32,
        /// Side of the square that is cut out.
        crop: u32,
        /// Whether it begins as in the processors of `transformers`, which drop half a pixel.
        truncated: bool,
        /// Whether both sides have that length after resizing, and not the shorter one.
        both: bool,
    },
    /// The whole image, whatever its proportions.
    Whole {
        /// Side of the square.
        side: u32,
    },
}

/// Our key in a processor's description: the centre of an odd remainder begins at the even pixel, as Twist crops, and not at the one
/// before it. `transformers` does not know it and begins at the one before.
pub(crate) const ROUNDED_CROP: &str = "twist_rounded_crop";

/// Flags of processors that change pixels in a way that Twist does not.
const NOT_DONE: [(&str, &str); 4] = [
    ("do_flip_channel_order", "channels are reversed (BGR)"),
    ("do_grayscale", "images are made gray"),
    ("do_pad", "images are padded"),
    ("rescale_offset", "pixels are shifted after they are scaled"),
];

/// What the names of processors begin with that resize both sides to a size of one number.
const BOTH_SIDES: [&str; 5] = ["ViT", "DeiT", "Beit", "Siglip", "DINOv3"];

/// Fields of `vision_cfg` of OpenCLIP that tensors say as well or that change nothing in evaluation, and the value that
/// others have in towers that Twist computes.
const FREE_IN_OPEN_CLIP: [&str; 8] = [
    "layers",
    "patch_size",
    "mlp_ratio",
    "ls_init_value",
    "patch_dropout",
    "attn_pooler_queries",
    "attn_pooler_heads",
    "output_tokens",
];
const USUAL_IN_OPEN_CLIP: [(&str, &str); 2] = [("pool_type", "tok"), ("pos_embed_type", "learnable")];

/// Whether a field of `vision_cfg` makes another tower of the same tensors. The towers of timm are known by their tensors.
fn changes(field: &str, said: &Value) -> bool {
    let unset = matches!(said, Value::Null | Value::Bool(false));
    let free = FREE_IN_OPEN_CLIP.contains(&field) || field.starts_with("timm_");
    !unset && !free && !USUAL_IN_OPEN_CLIP.iter().any(|&(name, value)| name == field && said == value)
}

/// A file that says something that cannot be followed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {reason}")]
pub struct Unclear {
    file: String,
    reason: String,
}

impl Description {
    /// Reads the descriptions in a folder.
    ///
    /// # Errors
    /// A file is not JSON, or says something about images that Twist cannot do.
    pub fn of_folder(folder: &Path, files: &[String]) -> Result<Self, Unclear> {
        let mut all = Self::default();
        for file in files {
            let unclear = |reason: String| Unclear { file: folder.join(file).display().to_string(), reason };
            let text =
                fs_err::read_to_string(folder.join(file)).map_err(|error| unclear(error.to_string()))?;
            let value: Value = serde_json::from_str(&text).map_err(|error| unclear(error.to_string()))?;
            match file.as_str() {
                "config.json" if value.get("pretrained_cfg").is_some() => all.read_timm(&value),
                "config.json" => all.read_config(&value),
                "open_clip_config.json" => all.read_open_clip(&value),
                _ => all.read_preprocessor(&value),
            }
            .map_err(unclear)?;
        }
        Ok(all)
    }

    /// `config.json` of transformers.
    fn read_config(&mut self, value: &Value) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Config {
            model_type: Option<String>,
            num_attention_heads: Option<i64>,
            hidden_act: Option<String>,
            vision_config: Option<Value>,
            image_size: Option<u32>,
            #[serde(default)]
            id2label: Map<String, Value>,
            #[serde(default)]
            label2id: Map<String, Value>,
            architectures: Option<Vec<String>>,
        }
        let config: Config = parsed(value)?;
        self.config.extend(value.as_object().cloned().unwrap_or_default());
        if let Some(Value::Object(rotations)) = value.get("rope_parameters") {
            self.config.extend(rotations.clone());
        }
        if let Some(vision) = &config.vision_config {
            self.read_config(vision)?;
        }
        self.architecture = config.model_type.or(self.architecture.take());
        self.heads = config.num_attention_heads.or(self.heads);
        self.activation = config.hidden_act.or(self.activation.take());
        if let Some(side) = config.image_size {
            self.sizes.get_or_insert(Sizes::Whole { side });
        }
        let classifies =
            |names: Vec<String>| names.iter().any(|name| name.ends_with("ForImageClassification"));
        if config.architectures.is_none_or(classifies) {
            self.class_names = class_names(&config.id2label, &config.label2id)?;
        }
        Ok(())
    }

    /// `preprocessor_config.json` of transformers.
    fn read_preprocessor(&mut self, value: &Value) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Preprocessor {
            do_resize: Option<bool>,
            do_center_crop: Option<bool>,
            do_rescale: Option<bool>,
            do_normalize: Option<bool>,
            size: Option<Value>,
            crop_size: Option<Value>,
            crop_pct: Option<f64>,
            resample: Option<u8>,
            rescale_factor: Option<f64>,
            image_mean: Option<[f64; 3]>,
            image_std: Option<[f64; 3]>,
            image_processor_type: Option<String>,
            feature_extractor_type: Option<String>,
        }
        let said: Preprocessor = parsed(value)?;
        let asked = |key: &str| value.get(key).and_then(Value::as_bool) == Some(true);
        if let Some((key, what)) = NOT_DONE.iter().find(|(key, _)| asked(key)) {
            return Err(format!("`{key}`: {what}, which Twist does not do"));
        }
        if value.get("num_channels").and_then(Value::as_u64).is_some_and(|channels| channels != 3) {
            return Err("images do not have three channels (`num_channels`)".into());
        }
        if said.do_resize == Some(false) || said.do_rescale == Some(false) {
            return Err("images are neither resized nor scaled; give --size, --mean and --std".into());
        }
        if said.rescale_factor.is_some_and(|factor| (factor * 255.0 - 1.0).abs() > 1e-6) {
            return Err("pixels are scaled by something else than 1/255, which Twist does not do".into());
        }
        if said.do_normalize == Some(false) {
            (self.mean, self.std) = (Some([0.0; 3]), Some([1.0; 3]));
        } else {
            (self.mean, self.std) = (said.image_mean.or(self.mean), said.image_std.or(self.std));
        }
        if let Some(filter) = said.resample {
            self.filter = Some(filter_of_pillow(filter)?);
        }
        let kind = said.image_processor_type.or(said.feature_extractor_type).unwrap_or_default();
        if said.size.as_ref().is_some_and(|size| size.get("longest_edge").is_some_and(|edge| !edge.is_null()))
        {
            return Err("the longer side is limited (`longest_edge`), which Twist does not do".into());
        }
        // One number means both sides to processors of these families, and the shorter one to the rest.
        let both = BOTH_SIDES.iter().any(|family| kind.starts_with(family));
        let size = said.size.as_ref().map(Size::of).transpose()?.map(|size| match size {
            Size::Shorter(side) if both && said.size.as_ref().is_some_and(Value::is_u64) => {
                Size::Both(side, side)
            }
            size => size,
        });
        let size_is_shorter = said.size.as_ref().is_some_and(Value::is_object);
        let crop = said.crop_size.as_ref().map(Size::of).transpose()?;
        // ConvNeXt's processor resizes to the size divided by this fraction and crops, and below 384 pixels alone.
        let fraction = said.crop_pct.or(kind.starts_with("ConvNext").then_some(224.0 / 256.0));
        let truncated = !asked(ROUNDED_CROP);
        // That processor does not look at these two.
        let crop = crop.filter(|_| !kind.starts_with("ConvNext"));
        let crops = said.do_center_crop.unwrap_or(crop.is_some());
        self.sizes = match (size, crop.filter(|_| crops)) {
            (Some(size), Some(crop)) => {
                let both = matches!(size, Size::Both(..));
                Some(Sizes::Centre { resize: size.square()?, crop: crop.square()?, truncated, both })
            }
            (Some(size), None) => Some(match (size, fraction) {
                (Size::Shorter(side), Some(fraction)) if side < 384 => {
                    let resize = (f64::from(side) / fraction) as u32;
                    Sizes::Centre { resize, crop: side, truncated, both: false }
                }
                (Size::Shorter(_), None) if said.do_center_crop == Some(false) && size_is_shorter => {
                    return Err("images are not cropped to squares (`do_center_crop`); give --size".into());
                }
                (Size::Shorter(side), None) => {
                    Sizes::Centre { resize: side, crop: side, truncated, both: false }
                }
                (size, _) => Sizes::Whole { side: size.square()? },
            }),
            (None, _) => self.sizes,
        };
        if self.mean.is_none() || self.std.is_none() {
            return Err("pixels are normalised, and `image_mean` and `image_std` do not say by what".into());
        }
        Ok(())
    }

    /// `config.json` of timm.
    fn read_timm(&mut self, value: &Value) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Config {
            architecture: Option<String>,
            pretrained_cfg: Pretrained,
            #[serde(default)]
            label_names: Vec<String>,
            #[serde(default)]
            model_args: Arguments,
        }
        #[derive(Default, Deserialize)]
        struct Arguments {
            num_heads: Option<i64>,
        }
        #[derive(Deserialize)]
        struct Pretrained {
            input_size: Option<[u32; 3]>,
            mean: Option<[f64; 3]>,
            std: Option<[f64; 3]>,
            crop_pct: Option<f64>,
            crop_mode: Option<String>,
            interpolation: Option<String>,
        }
        let Config { architecture, pretrained_cfg: said, label_names, model_args } = parsed(value)?;
        self.heads = model_args.num_heads;
        self.config.extend(value.as_object().cloned().unwrap_or_default());
        // timm's names tell the two networks of CLIP apart.
        if let Some(name) = architecture.as_deref().filter(|name| name.contains("_clip_")) {
            self.activation = Some(if name.contains("quickgelu") { "quick_gelu" } else { "gelu" }.into());
        }
        (self.architecture, self.class_names) = (architecture, label_names);
        (self.mean, self.std) = (said.mean, said.std);
        self.filter = said.interpolation.map(|name| filter(&name)).transpose()?;
        if let Some([channels, height, width]) = said.input_size {
            if channels != 3 {
                return Err(format!("images have {channels} channels (`input_size`), and Twist's have 3"));
            }
            let crop = Size::Both(height, width).square()?;
            let fraction = said.crop_pct.unwrap_or(0.875);
            if !(0.1..=1.0).contains(&fraction) {
                return Err(format!("`crop_pct` is {fraction}, which is not a fraction between 0.1 and 1"));
            }
            self.sizes = Some(match said.crop_mode.as_deref() {
                Some("squash") if fraction == 1.0 => Sizes::Whole { side: crop },
                None | Some("center") => Sizes::Centre {
                    resize: (f64::from(crop) / fraction).floor() as u32,
                    crop,
                    truncated: false,
                    both: false,
                },
                Some(other) => {
                    return Err(format!("images are cropped by the mode `{other}`, which Twist does not do"));
                }
            });
        }
        Ok(())
    }

    /// `open_clip_config.json`.
    fn read_open_clip(&mut self, value: &Value) -> Result<(), String> {
        #[derive(Deserialize)]
        struct Config {
            model_cfg: Model,
            preprocess_cfg: Option<Preprocess>,
        }
        #[derive(Deserialize)]
        struct Model {
            vision_cfg: Vision,
            #[serde(default)]
            quick_gelu: bool,
        }
        #[derive(Deserialize)]
        struct Vision {
            image_size: Option<u32>,
            width: Option<i64>,
            head_width: Option<i64>,
            #[serde(flatten)]
            rest: Map<String, Value>,
        }
        #[derive(Deserialize)]
        struct Preprocess {
            mean: Option<[f64; 3]>,
            std: Option<[f64; 3]>,
            interpolation: Option<String>,
            resize_mode: Option<String>,
        }
        let Config { model_cfg: model, preprocess_cfg } = parsed(value)?;
        if let Some((field, said)) = model.vision_cfg.rest.iter().find(|&(field, said)| changes(field, said))
        {
            return Err(format!("its image tower is made with `{field}` = {said}, which Twist does not do"));
        }
        self.activation = Some(if model.quick_gelu { "quick_gelu" } else { "gelu" }.into());
        self.heads =
            model.vision_cfg.width.map(|width| width / model.vision_cfg.head_width.unwrap_or(64).max(1));
        let mode = preprocess_cfg.as_ref().and_then(|said| said.resize_mode.as_deref()).unwrap_or("shortest");
        if let Some(side) = model.vision_cfg.image_size {
            self.sizes = Some(match mode {
                "shortest" => Sizes::Centre { resize: side, crop: side, truncated: false, both: false },
                "squash" => Sizes::Whole { side },
                other => {
                    return Err(format!("images are resized by the mode `{other}`, which Twist does not do"));
                }
            });
        }
        if let Some(said) = preprocess_cfg {
            (self.mean, self.std) = (said.mean.or(self.mean), said.std.or(self.std));
            self.filter = said.interpolation.map(|name| filter(&name)).transpose()?.or(self.filter);
        }
        Ok(())
    }
}

/// A size as processors write it.
#[derive(Clone, Copy)]
enum Size {
    Shorter(u32),
    Both(u32, u32),
}

impl Size {
    /// `224`, `{"shortest_edge": 224}` or `{"height": 224, "width": 224}`.
    fn of(value: &Value) -> Result<Self, String> {
        let side =
            |value: Option<&Value>| value.and_then(Value::as_u64).and_then(|side| u32::try_from(side).ok());
        let both = || Some(Self::Both(side(value.get("height"))?, side(value.get("width"))?));
        side(Some(value))
            .or_else(|| side(value.get("shortest_edge")))
            .map(Self::Shorter)
            .or_else(both)
            .ok_or_else(|| format!("`{value}` is not a size"))
    }

    fn square(self) -> Result<u32, String> {
        match self {
            Self::Shorter(side) => Ok(side),
            Self::Both(height, width) if height == width => Ok(height),
            Self::Both(height, width) => {
                Err(format!("images have {height} x {width} pixels; Twist takes squares"))
            }
        }
    }
}

fn parsed<T: serde::de::DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| twist_io::shown(&error.to_string()).into_owned())
}

/// The names in the order of their numbers; none where they are those that transformers makes up. `numbers` says the same the other
/// way round, or nothing.
fn class_names(names: &Map<String, Value>, numbers: &Map<String, Value>) -> Result<Vec<String>, String> {
    let name = |class: usize| names.get(&class.to_string())?.as_str().map(str::to_owned);
    let all: Option<Vec<String>> = (0..names.len()).map(name).collect();
    let all = all.ok_or("`id2label` does not name the classes 0, 1, …")?;
    let number = |name: &str| match numbers.get(name)? {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    for (class, name) in all.iter().enumerate() {
        if number(name).is_some_and(|number| number != class as u64) {
            return Err(format!("`id2label` and `label2id` give `{}` other numbers", twist_io::shown(name)));
        }
    }
    let made_up = all.iter().enumerate().all(|(class, name)| *name == format!("LABEL_{class}"));
    Ok(if made_up { Vec::new() } else { all })
}

/// Pillow's numbers of filters.
fn filter_of_pillow(number: u8) -> Result<Interpolation, String> {
    match number {
        2 => Ok(Interpolation::Bilinear),
        3 => Ok(Interpolation::Bicubic),
        other => Err(format!(
            "images are resized by Pillow's filter {other}; Twist has bilinear (2) and bicubic (3)"
        )),
    }
}

fn filter(name: &str) -> Result<Interpolation, String> {
    match name {
        "bilinear" => Ok(Interpolation::Bilinear),
        "bicubic" => Ok(Interpolation::Bicubic),
        other => Err(format!(
            "images are resized by the filter `{}`; Twist has bilinear and bicubic",
            twist_io::shown(other)
        )),
    }
}
