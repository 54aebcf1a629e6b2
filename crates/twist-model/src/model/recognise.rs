//! Which network a file's tensors belong to, from their names and shapes alone.

use twist_nn::{Activation, Arch, BlockKind, CifarDepth, Depth, MOST_CHANNELS, NetConfig, Stem, VitSize};

use super::rename::{HEAD, Names};
use super::{BackboneCard, HeadCard};
use crate::ModelError;

/// What was recognised.
#[derive(Debug, PartialEq)]
pub(super) struct Recognised {
    pub(super) backbone: BackboneCard,
    /// Width of the features.
    pub(super) feature_dim: i64,
    pub(super) head: Option<HeadCard>,
    /// Outputs of a linear classifier on the features.
    pub(super) classes: Option<i64>,
}

/// Recognises a network. `asked` says the architecture where tensors cannot; `activation` that of a projection head,
/// `None`: the usual one of the architecture.
///
/// # Errors
/// [`ModelError::Unrecognised`] says what was seen, and which architectures there are.
pub(super) fn recognise(
    names: &Names,
    asked: Option<Arch>,
    activation: Option<Activation>,
) -> Result<Recognised, ModelError> {
    let backbone = match asked {
        Some(arch) => BackboneCard { arch, width: width_of(names, arch) },
        None => backbone(names)?,
    };
    NetConfig { width: backbone.width, ..NetConfig::new(backbone.arch) }.check().map_err(|error| {
        ModelError::Unrecognised {
            reason: format!("as {}, {error}", backbone.arch),
            remedy: "--arch says another architecture".into(),
        }
    })?;
    let feature_dim = backbone.arch.feature_dim(backbone.width);
    let usual = match backbone.arch {
        Arch::Vit { .. } => Activation::Gelu,
        _ => Activation::Relu,
    };
    let head = head(names, activation.unwrap_or(usual));
    let classes = match names.shape("classifier.weight") {
        Some(&[classes, features]) if length(features) == feature_dim => Some(length(classes)),
        _ => None,
    };
    Ok(Recognised { backbone, feature_dim, head, classes })
}

fn backbone(names: &Names) -> Result<BackboneCard, ModelError> {
    match (names.shape("backbone.conv1.weight"), names.shape("backbone.patch_embed.proj.weight")) {
        (Some(&[_, 3, kernel, _]), None) => resnet(names, kernel),
        (None, Some(&[dim, 3, patch, _])) => {
            let arch = transformer(names, length(dim), length(patch))?;
            Ok(BackboneCard { arch, width: width_of(names, arch) })
        }
        _ => {
            let seen = format!("{} tensors such as {}", names.shapes.len(), names.examples());
            Err(unknown(format!(
                "there is neither `conv1.weight` nor `patch_embed.proj.weight` for colour images, but {seen}"
            )))
        }
    }
}

/// Four stages are those of ImageNet, three those of CIFAR.
fn resnet(names: &Names, kernel: usize) -> Result<BackboneCard, ModelError> {
    let stages: Vec<usize> = (1..=5)
        .map(|stage| names.count(&format!("backbone.layer{stage}.*.conv1.weight")))
        .take_while(|&blocks| blocks > 0)
        .collect();
    let block = match names.has("backbone.layer1.0.conv3.weight") {
        true => BlockKind::Bottleneck,
        false => BlockKind::Basic,
    };
    let seen = format!("a stem of {kernel}×{kernel} and {block} blocks {stages:?}");
    let arch = match (stages.as_slice(), kernel) {
        (&[a, b, c, d], 3 | 7) => {
            let counts: Result<Vec<u8>, _> = [a, b, c, d].into_iter().map(u8::try_from).collect();
            let Ok(Ok(blocks)) = counts.map(<[u8; 4]>::try_from) else { return Err(unknown(seen)) };
            let stem = if kernel == 7 { Stem::ImageNet } else { Stem::Cifar };
            let base = base_of(names, block).ok_or_else(|| unknown(seen))?;
            Arch::ResNet { depth: Depth::of(block, base, blocks), stem }
        }
        (&[a, b, c], 3) if a == b && b == c && block == BlockKind::Basic => {
            if names.has("backbone.layer2.0.downsample.0.weight") {
                return Err(unknown(format!("{seen}, with shortcuts that have parameters (option B)")));
            }
            let depth = CifarDepth::ALL.into_iter().find(|depth| depth.blocks() == a);
            Arch::CifarResNet { depth: depth.ok_or_else(|| unknown(seen))? }
        }
        _ => return Err(unknown(seen)),
    };
    Ok(BackboneCard { arch, width: width_of(names, arch) })
}

/// Channels of a bottleneck's 3×3 convolution for 64 of its stage; `None` where they are not such a share.
fn base_of(names: &Names, block: BlockKind) -> Option<u16> {
    if block == BlockKind::Basic {
        return Some(64);
    }
    let channels = |name: &str| names.shape(name)?.first().copied();
    let inner = channels("backbone.layer1.0.conv1.weight")?.checked_mul(64)?;
    let width = channels("backbone.conv1.weight").filter(|&width| width > 0)?;
    (inner % width == 0).then(|| u16::try_from(inner / width).ok())?
}

/// The number of heads leaves no trace in the tensors, so a size that is not a published one must be stated.
fn transformer(names: &Names, dim: i64, patch: i64) -> Result<Arch, ModelError> {
    let depth = names.count("backbone.blocks.*.norm1.weight") as i64;
    let seen = format!("a transformer of {depth} blocks with {dim} channels and patches of {patch} pixels");
    match VitSize::published(dim, depth) {
        Some(size) if names.has("backbone.cls_token") => Ok(Arch::Vit { size, patch }),
        Some(_) => Err(unknown(format!("{seen} without a class token"))),
        None if depth == 0 => Err(unknown(format!(
            "{seen}: none is called `blocks.N.norm1.weight`, but there are {}",
            names.examples()
        ))),
        None if dim > MOST_CHANNELS => Err(unknown(seen)),
        None => {
            let patch = if patch == 16 { String::new() } else { format!("p{patch}") };
            Err(ModelError::Unrecognised {
                reason: format!("{seen}, whose number of attention heads no tensor tells"),
                remedy: format!("say it: --arch vit_{dim}x{depth}xHEADS{patch}"),
            })
        }
    }
}

/// Channels of the first stage, or of the last one of a ResNet for CIFAR; 64 where there is no such thing.
fn width_of(names: &Names, arch: Arch) -> i64 {
    let name = match arch {
        Arch::ResNet { .. } => "backbone.conv1.weight",
        Arch::CifarResNet { .. } => "backbone.layer3.0.conv1.weight",
        _ => return 64,
    };
    names.shape(name).and_then(|shape| shape.first()).map_or(64, |&channels| length(channels))
}

/// The length of an axis as a file claims it; whether a network can have it is checked later.
fn length(axis: usize) -> i64 {
    i64::try_from(axis).unwrap_or(i64::MAX)
}

fn head(names: &Names, activation: Activation) -> Option<HeadCard> {
    let first = names.shape(&format!("{HEAD}projection_head.0.weight"))?;
    let last = names.shape(&format!("{HEAD}last_linear.weight"))?;
    let norm = names.has(&format!("{HEAD}norm.running_mean"));
    let (&[hidden_dim, _], &[dim, _]) = (first, last) else { return None };
    Some(HeadCard { hidden_dim: length(hidden_dim), dim: length(dim), activation, norm })
}

fn unknown(seen: String) -> ModelError {
    let known: Vec<String> = Arch::all().map(|arch| arch.to_string()).collect();
    ModelError::Unrecognised {
        reason: seen,
        remedy: format!(
            "known are {} (ResNets of any width); --arch says which where names differ",
            known.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use twist_nn::{NetConfig, Store, build_backbone};

    use super::*;

    type Shapes = Vec<(String, Vec<usize>)>;

    /// Names and shapes as a file of this network would have them, behind `prefix`.
    fn file(arch: &str, width: i64, prefix: &str) -> Shapes {
        let config = NetConfig { width, ..NetConfig::new(arch.parse().unwrap()) };
        let mut store = Store::new(tch::Device::Cpu, 0);
        let _ = build_backbone(&mut store.builder(""), &config).unwrap();
        store.shapes().into_iter().map(|(name, shape)| (format!("{prefix}{name}"), shape)).collect()
    }

    fn recognised(file: &[(String, Vec<usize>)]) -> Result<Recognised, ModelError> {
        recognise(&Names::of(file).unwrap(), None, None)
    }

    #[test]
    fn every_architecture_is_recognised_behind_every_wrapper() {
        let prefixes = ["", "module.", "backbone.", "module.encoder.", "model."];
        let mut checked = 0;
        for (arch, prefix) in Arch::all().zip(prefixes.into_iter().cycle()) {
            // Narrow, for speed; transformers have one width.
            let width = if matches!(arch, Arch::Vit { .. }) { 64 } else { 8 };
            let found = recognised(&file(&arch.to_string(), width, prefix)).unwrap();
            assert_eq!(found.backbone, BackboneCard { arch, width }, "{prefix}");
            assert_eq!((found.head, found.classes), (None, None));
            checked += 1;
        }
        assert_eq!(checked, 22);
        for name in
            ["resnet_bottleneck_1_2_1_1", "resnet_bottleneck8_1_1_1_1", "resnet_bottleneck128_3_4_6_3"]
        {
            let other = recognised(&file(name, 8, "module.")).unwrap();
            assert_eq!(other.backbone.arch.to_string(), name);
        }
    }

    #[test]
    fn classifiers_are_found_by_their_width() {
        for name in ["fc", "linear", "head", "classifier"] {
            let mut file = file("resnet20", 64, "module.");
            file.push((format!("module.{name}.weight"), vec![10, 64]));
            file.push((format!("module.{name}.bias"), vec![10]));
            assert_eq!(recognised(&file).unwrap().classes, Some(10), "{name}");
        }
        let mut file = file("resnet20", 64, "");
        file.push(("fc.weight".into(), vec![128, 256]));
        assert_eq!(recognised(&file).unwrap().classes, None, "a layer on other features");
    }

    #[test]
    fn a_projection_head_says_its_sizes() {
        let mut file = file("vit_t", 64, "backbone.");
        for (name, shape) in
            [("projection_head.0.weight", vec![32, 192]), ("last_linear.weight", vec![7, 32])]
        {
            file.push((format!("projection_heads.{name}"), shape));
        }
        let head = recognised(&file).unwrap().head.unwrap();
        assert_eq!(head, HeadCard { hidden_dim: 32, dim: 7, activation: Activation::Gelu, norm: false });
    }

    #[test]
    fn what_is_not_known_is_described() {
        let without = |file: Shapes, part: &str| {
            file.into_iter().filter(|(name, _)| !name.contains(part)).collect::<Shapes>()
        };
        let shaped = |name: &str, shape: &[usize]| {
            let mut file = file("resnet18", 8, "");
            file.iter_mut().filter(|(known, _)| known == name).for_each(|entry| entry.1 = shape.to_vec());
            file
        };
        let option_b = {
            let mut file = file("resnet20", 8, "");
            file.push(("layer2.0.shortcut.0.weight".into(), vec![4, 2, 1, 1]));
            file
        };
        let cases: [(Shapes, &[&str]); 7] = [
            (vec![("a".into(), vec![1])], &["such as a", "resnet50", "vit_s", "--arch"]),
            (shaped("conv1.weight", &[8, 3, 5, 5]), &["stem of 5×5", "basic blocks [2, 2, 2, 2]"]),
            (shaped("conv1.weight", &[8, 1, 7, 7]), &["colour images"]),
            (without(file("resnet20", 8, ""), "layer3.2."), &["[3, 3, 2]"]),
            (without(file("resnet18", 8, ""), "layer4."), &["stem of 7×7", "[2, 2, 2]"]),
            (option_b, &["option B"]),
            (without(file("vit_t", 64, ""), "blocks.11."), &["11 blocks", "--arch vit_192x11xHEADS"]),
        ];
        for (file, words) in cases {
            let message = recognised(&file).unwrap_err().to_string();
            assert!(words.iter().all(|word| message.contains(word)), "{words:?}: {message}");
        }
    }
}
