//! Recognises the network of a file's tensors from their names and shapes alone.

use twist_nn::{Activation, Arch, TensorNames, Unrecognised};

use super::rename::{HEAD, Names};
use super::{BackboneCard, HeadCard};
use crate::ModelError;

#[derive(Debug, PartialEq)]
pub(super) struct Recognised {
    pub(super) backbone: BackboneCard,
    pub(super) feature_dim: i64,
    pub(super) head: Option<HeadCard>,
    /// Outputs of a linear classifier on the features.
    pub(super) classes: Option<i64>,
}

/// Recognises a network. `asked` says the architecture where tensors cannot; `activation` that of a projection head,
/// `None`: the usual one of the architecture.
///
/// # Errors
/// None is recognised; the error says what was seen, and which architectures there are.
pub(super) fn recognise(
    names: &Names,
    asked: Option<Arch>,
    activation: Option<Activation>,
) -> Result<Recognised, ModelError> {
    let (arch, width) = match asked {
        Some(arch) => (arch, arch.width_in(names)),
        None => Arch::recognise(names).map_err(unknown)?,
    };
    let backbone = BackboneCard { arch, width };
    backbone.config().check().map_err(|error| {
        ModelError::unrecognised(format!("as {arch}, {error}"), "--arch says another architecture")
    })?;
    let feature_dim = arch.kind().feature_dim(width);
    let usual = arch.kind().usual().activation;
    let head = head(names, activation.unwrap_or(usual));
    let classes = match names.shape("classifier.weight") {
        Some(&[classes, features]) if length(features) == feature_dim => Some(length(classes)),
        _ => None,
    };
    Ok(Recognised { backbone, feature_dim, head, classes })
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
    Some(HeadCard { hidden_dim: length(hidden_dim), dim: length(dim), activation, norm, splits: Vec::new() })
}

fn unknown(found: Unrecognised) -> ModelError {
    let known = || {
        let known: Vec<String> = Arch::all().map(|arch| arch.to_string()).collect();
        format!("known are {} (ResNets of any width); --arch says which where names differ", known.join(", "))
    };
    ModelError::unrecognised(found.reason, found.remedy.unwrap_or_else(known))
}

#[cfg(test)]
mod tests {
    use twist_nn::Store;

    use super::*;

    type Shapes = Vec<(String, Vec<usize>)>;

    /// Names and shapes as a file of this network would have them, behind `prefix`.
    fn file(arch: &str, width: i64, prefix: &str) -> Shapes {
        let config = BackboneCard { arch: arch.parse().unwrap(), width }.config();
        let mut store = Store::outline();
        let _ = config.build(&mut store.builder("")).unwrap();
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
            let width = if arch.kind().width_tensor().is_none() { 64 } else { 8 };
            let file = file(&arch.to_string(), width, prefix);
            let asked = SILENT.iter().any(|family| arch.to_string().starts_with(family));
            let found = recognise(&Names::of(&file).unwrap(), asked.then_some(arch), None).unwrap();
            assert_eq!(found.backbone, BackboneCard { arch, width }, "{prefix}");
            assert_eq!((found.head, found.classes), (None, None));
            checked += 1;
        }
        assert!(checked > 70);
        for name in
            ["resnet_bottleneck_1_2_1_1", "resnet_bottleneck8_1_1_1_1", "resnet_bottleneck128_3_4_6_3"]
        {
            let other = recognised(&file(name, 8, "module.")).unwrap();
            assert_eq!(other.backbone.arch.to_string(), name);
        }
    }

    /// What no tensor says: the heads of MoCo v3, the activation of CLIP.
    const SILENT: [&str; 3] = ["mocov3_", "clip_", "openclip_"];

    #[test]
    fn what_leaves_no_trace_is_asked_for() {
        let message = recognised(&file("clip_l14_336", 64, "")).unwrap_err().to_string();
        assert!(message.contains("--arch clip_l14_336 for OpenAI's"), "{message}");
        assert!(message.contains("--arch openclip_l14_336 for"), "{message}");
        // OpenAI's own files say it by what lies beside the network.
        let mut openai = file("clip_b32", 64, "");
        openai.push(("input_resolution".into(), vec![]));
        assert_eq!(recognised(&openai).unwrap().backbone.arch.to_string(), "clip_b32");
        // MoCo v3's files by both of its encoders; its ViT-S has other heads than everyone else's.
        let mut moco = file("mocov3_s16", 64, "module.momentum_encoder.");
        moco.extend(file("mocov3_s16", 64, "module.base_encoder."));
        assert_eq!(recognised(&moco).unwrap().backbone.arch.to_string(), "mocov3_s16");
        let message = recognised(&file("dinov2_48x2x3m100gp14_reg2_56", 64, "")).unwrap_err().to_string();
        assert!(message.contains("--arch dinov2_48x2xHEADSm100gp14_reg2_56"), "{message}");
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
        assert_eq!(
            head,
            HeadCard {
                hidden_dim: 32,
                dim: 7,
                activation: Activation::Gelu,
                norm: false,
                splits: Vec::new()
            }
        );
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
            (vec![("a".into(), vec![1])], &["but one tensor, a", "resnet50", "vit_s", "--arch"]),
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
