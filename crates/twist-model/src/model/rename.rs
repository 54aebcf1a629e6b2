//! From the names in other programs' weight files to those of a Twist weight file.

use std::collections::{HashMap, HashSet};

use twist_io::{HostTensor, StateDict};
use twist_nn::{Arch, Described, Layout, Planned, Rest, TensorNames};

use crate::ModelError;

/// What wrappers put in front of every name: data parallelism, and modules that hold a network.
const WRAPPERS: [&str; 8] = [
    "module.",
    "model.",
    "backbone.",
    "encoder_q.",
    "base_encoder.",
    "online_encoder.net.",
    "online_net.0.",
    "encoder.",
];

/// Steps of a name at which a wrapper stands in for the module inside it: compilation, sharding (FSDP) and checkpointing of
/// activations wrap single blocks as well.
const STANDING_IN: [&str; 3] = ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];

/// Networks that lie beside another one in a file, the better one first: it is the one that is meant. Moving averages lie beside a
/// network that has no name of its own.
const PAIR: [&str; 5] = ["teacher.", AVERAGES[0], AVERAGES[1], AVERAGES[2], "student."];

/// What a moving average of the weights is called.
const AVERAGES: [&str; 3] = ["ema_model.", "model_ema.", "ema."];

/// What the linear classifier is called by those who publish weights.
const CLASSIFIERS: [&str; 8] =
    ["fc", "linear", "head", "classifier", "head.fc", "classifier.1", "classifier.2", "_fc"];

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
    /// What each of them is made of.
    sources: Vec<Source>,
    /// From Twist's names to the place above and the name in the file.
    places: HashMap<String, (usize, String)>,
    /// How the file is laid out, where not in Twist's own way.
    layout: Option<&'static Layout>,
    /// Twist's names of those that lie in a publisher's network, and have no place in his layout.
    strangers: HashSet<String>,
    /// Twist's names of those that lie beside it.
    beside: HashSet<String>,
    /// Number of attention heads and non-linearity of the blocks, where a file beside the tensors says them.
    heads: Option<i64>,
    activation: Option<String>,
}

/// What a tensor is made of.
#[derive(Debug)]
enum Source {
    /// The tensor at this place of the file.
    Tensor(usize),
    /// Several, or one in another form.
    Made(Planned),
}

/// Where a tensor of the file lies in relation to its layout.
enum Side {
    /// In the network, under Twist's name or one like it.
    Ours,
    /// In the network, under the publisher's name.
    Theirs,
    /// Beside the network.
    Beside,
}

impl Names {
    /// Renames every tensor of a file.
    ///
    /// # Errors
    /// Two tensors get one name: the file holds two networks.
    pub(super) fn of(file: &[(String, Vec<usize>)]) -> Result<Self, ModelError> {
        // Convolutional networks number their blocks in stages; only transformers have chunks.
        let chunks = file.iter().any(|(name, _)| name.ends_with("patch_embed.proj.weight"));
        let plain = |name: &String| {
            let name = without_wrapped_blocks(name);
            if chunks { without_chunk(&name) } else { name }
        };
        let plain: Vec<(String, Vec<usize>)> =
            file.iter().map(|(name, shape)| (plain(name), shape.clone())).collect();
        let all: Vec<&str> = plain.iter().map(|(name, _)| name.as_str()).collect();
        let of_pair = PAIR.into_iter().find(|one| all.iter().any(|name| unwrapped(name).starts_with(one)));
        let found =
            Layout::find(Arch::layouts(), &all, |prefix| usize::from(!inner(prefix, of_pair).is_empty()));
        let mut names = Self { layout: found.map(|(layout, _)| layout), ..Self::default() };
        // A layout without rules only says whose file it is: its names are Twist's.
        let strict = found.filter(|(layout, _)| !layout.rules.is_empty());
        let sequence = Sequence::of(&all.iter().map(|name| inner(name, of_pair)).collect());
        let planned = strict.map_or_else(Vec::new, |(layout, prefix)| layout.plan(&plain, prefix));
        let first = |made: &Planned| made.parts.iter().flatten().next().copied();
        let used: HashSet<usize> =
            planned.iter().flat_map(|made| made.parts.iter().flatten().copied()).collect();
        let mut made: HashMap<usize, Planned> =
            planned.into_iter().filter_map(|made| Some((first(&made)?, made))).collect();
        for (place, (name, shape)) in plain.iter().enumerate() {
            if let Some(made) = made.remove(&place) {
                let parts: Vec<&str> =
                    made.parts.iter().flatten().map(|&part| file[part].0.as_str()).collect();
                let (ours, shape, original) =
                    (format!("{BACKBONE}{}", made.name), made.shape.clone(), parts.join(", "));
                names.add(ours, shape, Source::Made(made), original)?;
                continue;
            }
            if used.contains(&place) {
                continue;
            }
            let (side, within) = match strict {
                None => (Side::Ours, inner(name, of_pair)),
                Some((layout, prefix)) => match (name.strip_prefix(prefix), layout.rest) {
                    (Some(within), Rest::Ours) => (Side::Ours, within),
                    (Some(within), Rest::Theirs(beside))
                        if beside.iter().all(|one| !within.starts_with(one)) =>
                    {
                        (Side::Theirs, within)
                    }
                    _ => (Side::Beside, inner(name, of_pair)),
                },
            };
            let ours = match side {
                Side::Theirs => format!("{BACKBONE}{within}"),
                Side::Ours | Side::Beside => renamed(within, shape, &sequence),
            };
            match side {
                Side::Ours => false,
                Side::Theirs => names.strangers.insert(ours.clone()),
                Side::Beside => names.beside.insert(ours.clone()),
            };
            names.add(ours, shape.clone(), Source::Tensor(place), file[place].0.clone())?;
        }
        Ok(names)
    }

    /// The same with what a file beside the tensors says of a transformer.
    pub(super) fn with_description(self, heads: Option<i64>, activation: Option<String>) -> Self {
        Self { heads, activation, ..self }
    }

    fn add(
        &mut self,
        ours: String,
        shape: Vec<usize>,
        source: Source,
        original: String,
    ) -> Result<(), ModelError> {
        if let Some((_, other)) = self.places.insert(ours.clone(), (self.shapes.len(), original.clone())) {
            let (other, original) = (twist_io::shown(&other), twist_io::shown(&original));
            let why = format!("`{other}` and `{original}` are one name without their prefixes");
            return Err(ModelError::unrecognised(why, "keep one of the two networks in the file"));
        }
        self.shapes.push((ours, shape));
        self.sources.push(source);
        Ok(())
    }

    /// The tensors of the file under Twist's names.
    ///
    /// # Errors
    /// libtorch fails.
    pub(super) fn renamed(&self, state: StateDict) -> Result<StateDict, ModelError> {
        let mut file: Vec<Option<HostTensor>> = state.0.into_iter().map(|(_, tensor)| Some(tensor)).collect();
        let mut renamed = StateDict::default();
        for ((name, _), source) in self.shapes.iter().zip(&self.sources) {
            match source {
                Source::Made(made) => renamed.push(name.clone(), made.convert(|place| file[place].take())?),
                Source::Tensor(place) => {
                    file[*place].take().into_iter().for_each(|tensor| renamed.push(name.clone(), tensor))
                }
            }
        }
        Ok(renamed)
    }

    /// Whether a tensor that no network of Twist has, by Twist's name, changes what its own network computes.
    /// `expected` are the tensors of the network that was recognised.
    pub(super) fn computes(&self, name: &str, expected: &[(String, Vec<usize>)]) -> bool {
        self.strangers.contains(name) || (!self.beside.contains(name) && computes(name, expected))
    }

    /// The values of a tensor that the layout of the file does not store.
    pub(super) fn absent(&self, name: &str, shape: &[usize]) -> Option<Vec<f32>> {
        self.layout?.absent(name.strip_prefix(BACKBONE)?, shape)
    }

    pub(super) fn original<'a>(&'a self, name: &'a str) -> &'a str {
        self.places.get(name).map_or(name, |(_, original)| original)
    }
}

impl TensorNames for Names {
    fn shape(&self, name: &str) -> Option<&[usize]> {
        self.places.get(name).map(|&(place, _)| self.shapes[place].1.as_slice())
    }

    fn layout(&self) -> Option<&'static Layout> {
        self.layout
    }

    fn described(&self) -> Described<'_> {
        Described { heads: self.heads, activation: self.activation.as_deref() }
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

/// A name without its wrappers, and without the name of one network of a pair. What lies beside a moving average keeps its whole
/// name: without its wrappers it would be called the same.
fn inner<'a>(name: &'a str, of_pair: Option<&str>) -> &'a str {
    let outer = unwrapped(name);
    match of_pair.map(|one| (outer.strip_prefix(one), AVERAGES.contains(&one))) {
        Some((Some(within), _)) => unwrapped(within),
        Some((None, true)) => name,
        Some((None, false)) | None => outer,
    }
}

/// A name without the steps at which a wrapper stands in for a module.
fn without_wrapped_blocks(name: &str) -> String {
    let steps: Vec<&str> = name.split('.').filter(|step| !STANDING_IN.contains(step)).collect();
    steps.join(".")
}

/// A ResNet whose modules were put into a `Sequential`, so that they have numbers instead of names: `0` the stem, `1` its
/// norm, and four or three stages from `first` on (4 behind an activation and a pool).
struct Sequence {
    first: Option<usize>,
}

impl Sequence {
    fn of(names: &HashSet<&str>) -> Self {
        let has = |name: &str| names.contains(name);
        let first = (2..=4).find(|stage| has(&format!("{stage}.0.conv1.weight")));
        Self { first: first.filter(|_| has("0.weight") && has("1.weight")) }
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
    // Some implementations for CIFAR call a shortcut with parameters what it is.
    format!("{BACKBONE}{}", name.replace(".shortcut.", ".downsample."))
}

/// `blocks.7.norm1.weight` of `blocks.1.7.norm1.weight`: transformers that are trained in several processes keep their blocks
/// in chunks, and count them through.
fn without_chunk(name: &str) -> String {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let chunked = || {
        let at = name.find("blocks.").filter(|&at| at == 0 || name[..at].ends_with('.'))? + "blocks.".len();
        let (chunk, rest) = name[at..].split_once('.')?;
        let (block, _) = rest.split_once('.')?;
        (is_number(chunk) && is_number(block)).then(|| format!("{}{rest}", &name[..at]))
    };
    chunked().unwrap_or_else(|| name.to_owned())
}

/// Tensors of a network that do not take part in computing its features: what masks patches in pretraining, and what decoders
/// and losses keep.
const BYSTANDERS: [&str; 8] = [
    "mask_token",
    "decoder_pos_embed",
    "queue",
    "queue_ptr",
    "center",
    "logit_scale",
    "temperature",
    "num_batches_tracked",
];

/// Modules that transform what flows through a backbone, beside those that the network here has as well.
const IN_THE_WAY: [&str; 21] = [
    "norm",
    "cls_norm",
    "norm_pre",
    "ln_pre",
    "fc_norm",
    "rope",
    "rope_embed",
    "rotary_emb",
    "rel_pos_bias",
    "attn_pool",
    "attnpool",
    "stem",
    "maxpool",
    "avgpool",
    "pool",
    "global_pool",
    "act1",
    "adapter",
    "adapters",
    "prompt",
    "conv_head",
];

/// Whether a tensor that the recognised network, with its `expected` tensors, does not have changes what its own network
/// computes, by Twist's name: it lies in a module that the recognised one has as well (`backbone.blocks.0.ls1.gamma`), or
/// beside the modules (`backbone.register_tokens`), or in one that everything flows through.
fn computes(name: &str, expected: &[(String, Vec<usize>)]) -> bool {
    let Some(name) = name.strip_prefix(BACKBONE) else { return false };
    let Some((module, _)) = name.split_once('.') else { return !BYSTANDERS.contains(&name) };
    let modules = expected.iter().filter_map(|(name, _)| name.strip_prefix(BACKBONE)?.split_once('.'));
    // A stage of a ResNet that has more of them than the recognised one.
    let is_stage = module.strip_prefix("layer").is_some_and(|number| number.parse::<u8>().is_ok());
    IN_THE_WAY.contains(&module) || is_stage || modules.map(|(module, _)| module).any(|own| own == module)
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
    fn blocks_that_are_wrapped_one_by_one_get_their_names() {
        let wrapped = file(&[
            "_fsdp_wrapped_module.patch_embed.proj.weight",
            "_fsdp_wrapped_module.blocks.3._fsdp_wrapped_module._checkpoint_wrapped_module.norm1.bias",
            "module._orig_mod.blocks.4._orig_mod.norm1.bias",
        ]);
        let expected = ["patch_embed.proj.weight", "blocks.3.norm1.bias", "blocks.4.norm1.bias"]
            .map(|name| format!("{BACKBONE}{name}"));
        assert_eq!(names(&wrapped), expected);
    }

    #[test]
    fn of_a_network_and_its_moving_average_the_average_is_meant() {
        for average in AVERAGES {
            let both = file(&["model.conv1.weight", &format!("{average}module.conv1.weight")]);
            assert_eq!(names(&both), ["backbone.model.conv1.weight", "backbone.conv1.weight"], "{average}");
        }
        let alone = file(&["model_ema.conv1.weight"]);
        assert_eq!(names(&alone), ["backbone.conv1.weight"]);
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
            "maxpool.0.weight",
            "prompt.embeddings",
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
