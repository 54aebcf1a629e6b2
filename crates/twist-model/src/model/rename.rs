//! From the names in other programs' weight files to those of a Twist weight file.

use std::collections::{HashMap, HashSet};

use twist_nn::TensorNames;

use crate::ModelError;

/// What wrappers put in front of every name: data parallelism, compilation, and modules that hold a network.
const WRAPPERS: [&str; 7] =
    ["module.", "_orig_mod.", "model.", "backbone.", "encoder_q.", "base_encoder.", "encoder."];

/// The networks of self-distillation, the better one first: where a file holds both, it is the one that is meant.
const PAIR: [&str; 2] = ["teacher.", "student."];

/// What the linear classifier is called by those who publish weights.
const CLASSIFIERS: [&str; 7] = ["fc", "linear", "head", "classifier", "head.fc", "classifier.2", "_fc"];

/// TWIST's projection head, which keeps its name.
pub(super) const HEAD: &str = "projection_heads.";

/// What the last linear map and the norm of that head are called in old checkpoints, and now.
const OLD_HEAD: [(&str, &str); 2] = [("cls_heads.0.0.", "last_linear."), ("cls_heads.0.1.", "norm.")];

/// The prefix of a backbone's tensors.
pub(super) const BACKBONE: &str = "backbone.";

/// The names of a file, each with its own name there.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Twist's names and shapes, in the order of the file.
    pub(super) shapes: Vec<(String, Vec<usize>)>,
    /// From Twist's names to the place above and the name in the file.
    places: HashMap<String, (usize, String)>,
}

impl Names {
    /// Renames every tensor of a file.
    ///
    /// # Errors
    /// Two tensors get one name: the file holds two networks.
    pub(super) fn of(file: &[(String, Vec<usize>)]) -> Result<Self, ModelError> {
        let of_pair =
            PAIR.into_iter().find(|one| file.iter().any(|(name, _)| unwrapped(name).starts_with(one)));
        let inner = |name| inner(name, of_pair);
        let sequence = Sequence::of(&file.iter().map(|(name, _)| inner(name)).collect());
        let mut names = Self::default();
        for (place, (original, shape)) in file.iter().enumerate() {
            let name = renamed(inner(original), shape, &sequence);
            if let Some((_, other)) = names.places.insert(name.clone(), (place, original.clone())) {
                let (other, original) = (twist_io::shown(&other), twist_io::shown(original));
                let why = format!("`{other}` and `{original}` are one name without their prefixes");
                return Err(ModelError::unrecognised(why, "keep one of the two networks in the file"));
            }
            names.shapes.push((name, shape.clone()));
        }
        Ok(names)
    }

    /// The name in the file.
    pub(super) fn original<'a>(&'a self, name: &'a str) -> &'a str {
        self.places.get(name).map_or(name, |(_, original)| original)
    }
}

impl TensorNames for Names {
    fn shape(&self, name: &str) -> Option<&[usize]> {
        self.places.get(name).map(|&(place, _)| self.shapes[place].1.as_slice())
    }

    fn summary(&self) -> String {
        let few: Vec<_> =
            self.shapes.iter().take(4).map(|(name, _)| twist_io::shown(self.original(name))).collect();
        match self.shapes.len() {
            1 => format!("one tensor, {}", few.join(", ")),
            count => format!("{count} tensors such as {}", few.join(", ")),
        }
    }
}

/// A name without the wrappers in front of it.
fn unwrapped(mut name: &str) -> &str {
    while let Some(inner) = WRAPPERS.iter().find_map(|wrapper| name.strip_prefix(wrapper)) {
        name = inner;
    }
    name
}

/// A name without its wrappers, and without the name of one network of a pair.
fn inner<'a>(name: &'a str, of_pair: Option<&str>) -> &'a str {
    let name = unwrapped(name);
    of_pair.and_then(|one| name.strip_prefix(one)).map_or(name, unwrapped)
}

/// How a network's modules are numbered: a ResNet's that were put into a `Sequential`, so that they have numbers instead of
/// names (`0` the stem, `1` its norm, and four or three stages from `first` on, 4 behind an activation and a pool), and a
/// transformer's blocks that lie in chunks.
struct Sequence {
    first: Option<usize>,
    chunks: bool,
}

impl Sequence {
    fn of(names: &HashSet<&str>) -> Self {
        let has = |name: &str| names.contains(name);
        let first = (2..=4).find(|stage| has(&format!("{stage}.0.conv1.weight")));
        let first = first.filter(|_| has("0.weight") && has("1.weight"));
        Self { first, chunks: has("patch_embed.proj.weight") }
    }

    /// The usual name of a numbered module's tensor.
    fn named(&self, name: &str) -> Option<String> {
        let (number, part) = name.split_once('.')?;
        let (number, first) = (number.parse::<usize>().ok()?, self.first?);
        match number {
            0 => Some(format!("conv1.{part}")),
            1 => Some(format!("bn1.{part}")),
            _ => number
                .checked_sub(first)
                .filter(|stage| *stage < 4)
                .map(|stage| format!("layer{}.{part}", stage + 1)),
        }
    }
}

/// Twist's name of a tensor that is called `name` in its network.
fn renamed(name: &str, shape: &[usize], sequence: &Sequence) -> String {
    if let Some(part) = name.strip_prefix(HEAD) {
        let old =
            OLD_HEAD.iter().find_map(|(old, new)| Some(format!("{HEAD}{new}{}", part.strip_prefix(old)?)));
        return old.unwrap_or_else(|| name.to_owned());
    }
    if let Some((module, part)) = name.rsplit_once('.')
        && CLASSIFIERS.contains(&module)
        && matches!((part, shape.len()), ("weight", 2) | ("bias", 1))
    {
        return format!("classifier.{part}");
    }
    if let Some(named) = sequence.named(name) {
        return format!("{BACKBONE}{named}");
    }
    if let Some(named) = without_chunk(name).filter(|_| sequence.chunks) {
        return format!("{BACKBONE}{named}");
    }
    // Some implementations for CIFAR call a shortcut with parameters what it is.
    format!("{BACKBONE}{}", name.replace(".shortcut.", ".downsample."))
}

/// `blocks.7.norm1.weight` of `blocks.1.7.norm1.weight`: transformers that are trained in several processes keep their blocks
/// in chunks, and count them through.
fn without_chunk(name: &str) -> Option<String> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (chunk, rest) = name.strip_prefix("blocks.")?.split_once('.')?;
    let (block, _) = rest.split_once('.')?;
    (is_number(chunk) && is_number(block)).then(|| format!("blocks.{rest}"))
}

/// Tensors of a network that do not take part in computing its features: what masks patches in pretraining, and what losses
/// keep.
const BYSTANDERS: [&str; 7] =
    ["mask_token", "queue", "queue_ptr", "center", "logit_scale", "temperature", "num_batches_tracked"];

/// Modules that transform what flows through a backbone, beside those that the network here has as well.
const IN_THE_WAY: [&str; 10] = [
    "norm",
    "norm_pre",
    "ln_pre",
    "fc_norm",
    "rope",
    "rope_embed",
    "rotary_emb",
    "rel_pos_bias",
    "attn_pool",
    "stem",
];

/// Whether a tensor that the recognised network, with its `expected` tensors, does not have changes what its own network
/// computes, by Twist's name: it lies in a module that the recognised one has as well (`backbone.blocks.0.ls1.gamma`), or
/// beside the modules (`backbone.register_tokens`), or in one that everything flows through.
pub(super) fn computes(name: &str, expected: &[(String, Vec<usize>)]) -> bool {
    let Some(name) = name.strip_prefix(BACKBONE) else { return false };
    let Some((module, _)) = name.split_once('.') else { return !BYSTANDERS.contains(&name) };
    let modules = expected.iter().filter_map(|(name, _)| name.strip_prefix(BACKBONE)?.split_once('.'));
    IN_THE_WAY.contains(&module)
        || number_of_stage(module).is_some()
        || modules.map(|(module, _)| module).any(|own| own == module)
}

/// A stage of a ResNet that has more of them than the recognised one.
fn number_of_stage(module: &str) -> Option<u8> {
    module.strip_prefix("layer")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Shapes = Vec<(String, Vec<usize>)>;

    fn file(names: &[&str]) -> Shapes {
        names.iter().map(|name| ((*name).to_owned(), vec![1])).collect()
    }

    /// Twist's names of a file's.
    fn names(file: &[(String, Vec<usize>)]) -> Vec<String> {
        Names::of(file).unwrap().shapes.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn wrappers_come_off_and_parts_get_their_names() {
        let cases = [
            ("module.conv1.weight", 4, "backbone.conv1.weight"),
            ("module.encoder_q.layer1.0.bn1.bias", 1, "backbone.layer1.0.bn1.bias"),
            ("module.base_encoder.blocks.0.norm1.bias", 1, "backbone.blocks.0.norm1.bias"),
            ("module.encoder_k.conv1.weight", 4, "backbone.encoder_k.conv1.weight"),
            ("module.momentum_encoder.conv1.weight", 4, "backbone.momentum_encoder.conv1.weight"),
            ("_orig_mod.model.backbone.blocks.0.norm1.weight", 1, "backbone.blocks.0.norm1.weight"),
            ("backbone.projection_heads.norm.running_var", 1, "projection_heads.norm.running_var"),
            ("projection_heads.cls_heads.0.0.weight", 2, "projection_heads.last_linear.weight"),
            ("module.projection_heads.cls_heads.0.1.running_var", 1, "projection_heads.norm.running_var"),
            ("projection_heads.cls_heads.1.0.weight", 2, "projection_heads.cls_heads.1.0.weight"),
            ("module.linear.weight", 2, "classifier.weight"),
            ("head.bias", 1, "classifier.bias"),
            ("head.mlp.0.weight", 2, "backbone.head.mlp.0.weight"),
            ("classifier.weight", 4, "backbone.classifier.weight"),
            ("layer2.0.shortcut.0.weight", 4, "backbone.layer2.0.downsample.0.weight"),
            ("blocks.1.7.conv_dw.weight", 4, "backbone.blocks.1.7.conv_dw.weight"),
        ];
        for (original, axes, expected) in cases {
            assert_eq!(names(&[(original.to_owned(), vec![1; axes])]), [expected], "{original}");
        }
    }

    #[test]
    fn blocks_of_a_transformer_come_out_of_their_chunks() {
        let chunked = file(&["patch_embed.proj.weight", "blocks.1.7.attn.qkv.weight"]);
        assert_eq!(names(&chunked)[1], "backbone.blocks.7.attn.qkv.weight");
    }

    #[test]
    fn two_networks_in_one_file_are_refused() {
        let error =
            Names::of(&file(&["backbone.conv1.weight", "encoder.conv1.weight"])).unwrap_err().to_string();
        assert!(error.contains("`backbone.conv1.weight` and `encoder.conv1.weight`"), "{error}");
    }

    #[test]
    fn of_teacher_and_student_the_teacher_is_meant() {
        let both = file(&[
            "student.backbone.conv1.weight",
            "teacher.backbone.conv1.weight",
            "teacher.dino_head.0.bias",
        ]);
        let expected =
            ["backbone.student.backbone.conv1.weight", "backbone.conv1.weight", "backbone.dino_head.0.bias"];
        assert_eq!(names(&both), expected);
        assert_eq!(names(&file(&["module.student.module.conv1.weight"])), ["backbone.conv1.weight"]);
    }

    #[test]
    fn numbered_modules_of_a_resnet_get_their_names() {
        let parts =
            ["0.weight", "1.weight", "1.running_mean", "4.0.conv1.weight", "7.2.bn3.bias", "9.weight"];
        let numbered: Vec<String> = parts.iter().map(|part| format!("backbone.{part}")).collect();
        let numbered = file(&numbered.iter().map(String::as_str).collect::<Vec<_>>());
        let expected = [
            "conv1.weight",
            "bn1.weight",
            "bn1.running_mean",
            "layer1.0.conv1.weight",
            "layer4.2.bn3.bias",
            "9.weight",
        ];
        assert_eq!(names(&numbered), expected.map(|name| format!("backbone.{name}")));
        // The two layers of a head are not a numbered ResNet.
        assert_eq!(names(&file(&["0.weight", "1.weight"])), ["backbone.0.weight", "backbone.1.weight"]);
    }

    #[test]
    fn tensors_that_change_the_features_are_told_from_bystanders() {
        let expected =
            ["conv1.weight", "layer1.0.conv1.weight", "blocks.0.norm1.bias", "patch_embed.proj.bias"];
        let expected: Shapes = expected.map(|name| (format!("{BACKBONE}{name}"), vec![1])).into();
        let computes = |name: &str| computes(name, &expected);
        let computing = [
            "blocks.0.ls1.gamma",
            "blocks.11.attn.q_norm.weight",
            "blocks.3.attn.relative_position_bias_table",
            "register_tokens",
            "dist_token",
            "rel_pos_w",
            "patch_embed.norm.weight",
            "norm_pre.weight",
            "fc_norm.bias",
            "layer1.0.se.fc1.weight",
            "layer4.2.conv3.bias",
            "conv1.bias",
        ];
        assert!(computing.iter().all(|name| computes(&format!("backbone.{name}"))));
        let others = [
            "mask_token",
            "queue_ptr",
            "head.mlp.0.weight",
            "encoder_k.conv1.weight",
            "fc.0.weight",
            "dino_head.0.bias",
        ];
        assert!(others.iter().all(|name| !computes(&format!("backbone.{name}"))));
        assert!(!computes("classifier.weight") && !computes("projection_heads.extra"));
    }
}
