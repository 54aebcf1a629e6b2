//! Makes a model from the weights of other programs.

use std::collections::HashSet;

use serde_json::{Map, Value};
use tch::Device;
use torch_ext::Precision;
use twist_data::{EvalTransform, Interpolation};
use twist_io::{Dtype, HostTensor, LoadReport, Refused, StateDict, match_names, shown, some_of};
use twist_nn::{Activation, Arch, TensorNames, zeros};

use super::recognise::recognise;
use super::rename::Names;
use super::{ClassifierCard, FeatureScaling, Model, ModelCard, released_filter};
use crate::ModelError;
use crate::published::{Description, Sizes, disagreement, other_eps, other_feature};

/// What a file of tensors does not say of itself.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The architecture; `None`: it is recognised.
    pub arch: Option<Arch>,
    /// The projection head's activation; `None`: GELU for transformers, else ReLU.
    pub activation: Option<Activation>,
    /// Mean of each channel, subtracted from pixels in [0, 1]; `None`: what the network's authors use, mostly ImageNet's.
    pub mean: Option<[f64; 3]>,
    /// Standard deviation of each channel; `None`: likewise.
    pub std: Option<[f64; 3]>,
    /// Side of the images in pixels; `None`: what the network's authors use (32 with a stem for CIFAR, mostly 224).
    pub size: Option<u32>,
    /// Shorter side before the centre crop; `None`: in the proportion that the authors use (256 for 224, all of small images).
    pub resize: Option<u32>,
    /// Whether both sides are resized, and nothing is cut off; `None`: as the architecture's authors do it.
    pub whole: Option<bool>,
    /// Whether half a pixel of the centre is dropped, as `transformers` does it, instead of rounded to an even one.
    pub truncated: bool,
    /// The filter that images are resized with; `None`: the architecture's usual one.
    pub filter: Option<Interpolation>,
    /// Number of attention heads, where no published size says it; `None`: unknown.
    pub heads: Option<i64>,
    /// Non-linearity of a transformer's blocks, as Hugging Face calls it; `None`: unknown.
    pub block_activation: Option<String>,
    /// Names of the classifier's classes in the order of its outputs; empty: unknown.
    pub class_names: Vec<String>,
    /// The same as the files beside the weights say it, for weights that have a classifier; `class_names` go before.
    pub described_names: Vec<String>,
    /// The fields of `config.json` beside the weights; empty: there is none.
    pub config: Map<String, Value>,
    /// Where the weights come from, in one line.
    pub origin: String,
}

impl ImportOptions {
    /// Takes over what the files beside the weights say, where nothing else was said.
    pub fn or_described(mut self, description: &Description) -> Self {
        self.mean = self.mean.or(description.mean);
        self.std = self.std.or(description.std);
        self.filter = self.filter.or(description.filter);
        self.heads = self.heads.or(description.heads);
        self.block_activation = self.block_activation.or_else(|| description.activation.clone());
        match description.sizes {
            Some(Sizes::Centre { resize, crop, truncated, both }) if self.size.is_none() => {
                (self.size, self.resize, self.whole) = (Some(crop), self.resize.or(Some(resize)), Some(both));
                self.truncated = truncated;
            }
            Some(Sizes::Whole { side }) if self.size.is_none() => {
                (self.size, self.resize, self.whole) = (Some(side), Some(side), Some(true));
            }
            _ => {}
        }
        self.described_names.clone_from(&description.class_names);
        self.config.clone_from(&description.config);
        self
    }

    /// The names for a classifier of so many outputs.
    fn names(&self, outputs: i64) -> Result<&[String], ModelError> {
        let names = match self.class_names.is_empty() && outputs > 0 {
            true => &self.described_names,
            false => &self.class_names,
        };
        if !names.is_empty() && names.len() as i64 != outputs {
            return Err(ModelError::class_count(outputs, names.len()));
        }
        Ok(names)
    }
}

/// A model, and what became of each tensor of the file.
#[derive(Debug)]
pub struct Imported {
    /// The model, on the CPU.
    pub model: Model,
    /// Names are Twist's where a tensor found its place, the file's where not.
    pub report: LoadReport,
    /// What was assumed, for people.
    pub notes: Vec<String>,
}

/// Makes a model of the tensors of a foreign file: recognises the network, gives the tensors Twist's names, and takes
/// each that the network needs. Counters of batches, which old files lack and evaluation ignores, begin at 0.
///
/// # Errors
/// The network is not recognised; a tensor is missing or has another shape, with the report; the file has tensors that its network
/// computes with and Twist's does not; numbers that are not finite; names of classes that are not as many as the classifier has
/// outputs; a size that does not fit.
pub fn import(state: StateDict, options: &ImportOptions) -> Result<Imported, ModelError> {
    let names = Names::of(&state.shapes())?.with_description(options.heads, options.block_activation.clone());
    let found = recognise(&names, options.arch, options.activation)?;
    let arch = found.backbone.arch;
    let usual = arch.kind().usual();
    let names_of_classes = options.names(found.classes.unwrap_or(0))?.to_vec();
    let classifier =
        found.classes.map(|classes| ClassifierCard { classes, names: names_of_classes, temperature: None });
    let card = ModelCard {
        feature_dim: found.feature_dim,
        head: found.head,
        classifier,
        mean: options.mean.unwrap_or(usual.normalisation.mean),
        std: options.std.unwrap_or(usual.normalisation.std),
        transform: transform(arch, options),
        precision: Precision::Fp32,
        feature_scaling: FeatureScaling::None,
        origin: options.origin.clone(),
        backbone: Some(found.backbone),
    };
    agrees_with_its_description(&card, arch, options)?;
    let expected = card.shapes()?;
    let mut renamed = names.renamed(state)?;
    let added = add_known(&mut renamed, &names, &expected)?;
    let found = match_names(&expected, &renamed.shapes());
    let computing: Vec<String> =
        found.unused.iter().filter(|name| names.computes(name, &expected)).cloned().collect();
    let report = in_words_of_the_file(found, &names);
    if !report.is_complete() {
        let what = format!(
            "the file does not hold a whole {arch}, and nothing was written; --arch names another network\n  {report}"
        );
        return Err(Refused::new(what).into());
    }
    has_no_other_parts(arch, &names, &computing, lost_key_bias(&renamed, &names, &expected)?)?;
    check_numbers(&renamed, &names, &expected)?;
    let model = Model::with_weights(card, Device::Cpu, &renamed)?;
    let notes = notes(&model.card, arch, &added, options);
    Ok(Imported { model, report, notes })
}

/// Refuses weights beside which a file says that something else is computed with them.
fn agrees_with_its_description(
    card: &ModelCard,
    arch: Arch,
    options: &ImportOptions,
) -> Result<(), ModelError> {
    let width = card.backbone.as_ref().map_or(0, |backbone| backbone.width);
    let Some(why) = disagreement(&options.config, arch.kind(), width, card.transform.crop.into()) else {
        return Ok(());
    };
    let remedy = "if you know that it changes nothing, import the weight file itself instead of the folder";
    Err(Refused::new("the network is not the one that its description names")
        .because(format!("{why}. {OTHERS}"))
        .remedy(remedy)
        .into())
}

/// Why a network that computes something else is not imported.
const OTHERS: &str = "Its features would be others, so nothing was written";

/// Refuses tensors that the file's network computes with and Twist's does not, by Twist's names: those without a place, and a bias of
/// keys.
fn has_no_other_parts(
    arch: Arch,
    names: &Names,
    computing: &[String],
    key_bias: Option<String>,
) -> Result<(), ModelError> {
    if !computing.is_empty() {
        let tensors: Vec<String> = computing.iter().map(|name| names.original(name).to_owned()).collect();
        let why = format!(
            "{}. {OTHERS}; convert a network without them, or remove them from the file if you know that they change nothing",
            some_of(&tensors, 5)
        );
        let what = format!("the network computes with tensors that {arch} of Twist does not have");
        return Err(Refused::new(what).because(why).into());
    }
    let Some(bias) = key_bias else { return Ok(()) };
    let what = format!("the network adds biases to keys, which {arch} of Twist does not");
    Err(Refused::new(what).because(format!("`{}` is not zero. {OTHERS}", names.original(&bias))).into())
}

/// Refuses numbers that cannot be weights.
fn check_numbers(
    state: &StateDict,
    names: &Names,
    expected: &[(String, Vec<usize>)],
) -> Result<(), ModelError> {
    let used: HashSet<&str> = expected.iter().map(|(name, _)| name.as_str()).collect();
    for (name, tensor) in state.iter().filter(|(name, _)| used.contains(name)) {
        let what = || Refused::new(format!("tensor `{}`", shown(names.original(name))));
        tensor.check_finite().map_err(|source| what().caused_by(source))?;
        if let Some((why, remedy)) = unusable(name, tensor)? {
            return Err(what().because(why).remedy(remedy).into());
        }
    }
    Ok(())
}

/// Makes a model of one of Twist's own: what its card says stays where `options` say nothing else.
///
/// # Errors
/// Another architecture is asked for; names of classes that are not as many as the classifier has outputs; numbers out of range.
pub fn import_own(mut model: Model, options: &ImportOptions) -> Result<Imported, ModelError> {
    let card = &mut model.card;
    let own = card.backbone.as_ref().map(|backbone| backbone.arch);
    if let Some(arch) = options.arch.filter(|arch| own != Some(*arch)) {
        let own = own.map_or_else(|| "no backbone".into(), |own| own.to_string());
        let what = format!("it is a model of Twist with {own}, not {arch}");
        return Err(Refused::new(what).remedy("leave --arch out").into());
    }
    card.mean = options.mean.unwrap_or(card.mean);
    card.std = options.std.unwrap_or(card.std);
    card.transform = transform_again(&card.transform, options);
    card.origin = format!("{}, {}", options.origin, card.origin);
    let names = options.names(card.classifier.as_ref().map_or(0, |classifier| classifier.classes))?;
    if let Some(classifier) = card.classifier.as_mut().filter(|_| !names.is_empty()) {
        classifier.names = names.to_vec();
    }
    card.check()?;
    let shapes = model.store.shapes();
    let report = match_names(&shapes, &shapes);
    Ok(Imported { model, report, notes: vec!["it is a model of Twist, and keeps what its card says".into()] })
}

/// Why the numbers of a tensor cannot be weights, and what to do.
fn unusable(name: &str, tensor: &HostTensor) -> Result<Option<(String, &'static str)>, ModelError> {
    if name.ends_with(".num_batches_tracked") {
        return Ok(None);
    }
    let floats = [Dtype::F16, Dtype::BF16, Dtype::F32, Dtype::F64];
    if !floats.contains(&tensor.dtype) {
        let why = format!("its numbers are of type {}, without a scale", tensor.dtype.name());
        return Ok(Some((why, "save the weights as float32 before they are quantised")));
    }
    let wide = tensor.dtype == Dtype::F64 && tensor.numel() > 0;
    if wide
        && twist_nn::tensor_from_host(tensor, Device::Cpu)?.f_abs()?.f_max()?.f_double_value(&[])?
            > f32::MAX.into()
    {
        let why = "a number of 64 bits is too large for 32 bits, in which networks compute".into();
        return Ok(Some((why, "save the weights as float32")));
    }
    if !name.ends_with(".running_var") || tensor.numel() == 0 {
        return Ok(None);
    }
    let least = twist_nn::tensor_from_host(tensor, Device::Cpu)?.f_min()?.f_double_value(&[])?;
    let why = || (format!("a variance is {least}, below 0"), "save the weights again: these are damaged");
    Ok((least < 0.0).then(why))
}

/// The tensors of a classifier, by Twist's names.
const CLASSIFIER_WEIGHT: &str = "classifier.weight";
const CLASSIFIER_BIAS: &str = "classifier.bias";

/// Resizing and crop of a model, with what is said anew; a new side keeps the proportion.
fn transform_again(own: &EvalTransform, options: &ImportOptions) -> EvalTransform {
    let crop = options.size.unwrap_or(own.crop);
    let in_proportion = u64::from(crop) * u64::from(own.resize) / u64::from(own.crop.max(1));
    let resize = options.resize.unwrap_or(u32::try_from(in_proportion).unwrap_or(u32::MAX));
    let whole = options.whole.unwrap_or(own.whole && options.resize.is_none());
    own.with_sizes(resize, crop, options.filter.unwrap_or(own.interpolation))
        .with_whole(whole)
        .with_truncated(own.truncated || options.truncated)
}

/// What a network has and its file does not.
#[derive(Default)]
struct Added {
    /// Counters of batches, which start at 0.
    counters: usize,
    /// The bias of a classifier, which is 0.
    bias: bool,
}

/// Adds what the network has and the file does not store: tensors that its layout knows, and what may start at 0.
fn add_known(
    state: &mut StateDict,
    names: &Names,
    expected: &[(String, Vec<usize>)],
) -> Result<Added, ModelError> {
    let mut added = Added::default();
    for (name, shape) in expected.iter().filter(|(name, _)| !names.has(name)) {
        if let Some(values) = names.absent(name, shape) {
            state.push(name.clone(), twist_nn::host_values(&values, shape)?);
        } else if name == CLASSIFIER_BIAS && names.has(CLASSIFIER_WEIGHT) {
            state.push(name.clone(), twist_nn::host_values(&zeros(shape), shape)?);
            added.bias = true;
        } else if name.ends_with(".num_batches_tracked") {
            let zero = HostTensor { dtype: Dtype::I64, shape: Vec::new(), data: vec![0; 8] };
            state.push(name.clone(), zero);
            added.counters += 1;
        }
    }
    Ok(added)
}

/// A bias of keys that the network here masks, in a file that has no mask.
fn lost_key_bias(
    state: &StateDict,
    names: &Names,
    expected: &[(String, Vec<usize>)],
) -> Result<Option<String>, ModelError> {
    for (mask, _) in expected.iter().filter(|(name, _)| name.ends_with(".bias_mask") && !names.has(name)) {
        let bias = mask.trim_end_matches("_mask");
        let Some(tensor) = state.get(bias) else { continue };
        let keys = tensor.numel() as i64 / 3;
        let of_keys = twist_nn::tensor_from_host(tensor, Device::Cpu)?.f_narrow(0, keys, keys)?;
        if of_keys.f_count_nonzero(None)?.f_int64_value(&[])? > 0 {
            return Ok(Some(bias.to_owned()));
        }
    }
    Ok(None)
}

/// The report with the file's own names for what found no place.
fn in_words_of_the_file(mut report: LoadReport, names: &Names) -> LoadReport {
    report.unused.iter_mut().for_each(|name| *name = names.original(name).to_owned());
    for suggestion in &mut report.suggestions {
        suggestion.similar = names.original(&suggestion.similar).to_owned();
    }
    report
}

/// Resizing and crop, as the published evaluations do it; a shorter side that somebody says means a centre crop.
fn transform(arch: Arch, options: &ImportOptions) -> EvalTransform {
    let usual = arch.kind().usual();
    let own = EvalTransform::new(usual.resize, usual.side, released_filter(arch)).with_whole(usual.whole);
    transform_again(&own, options)
}

fn notes(card: &ModelCard, arch: Arch, added: &Added, options: &ImportOptions) -> Vec<String> {
    let mut notes: Vec<String> = arch.kind().assumption().map(str::to_owned).into_iter().collect();
    if added.counters > 0 {
        notes.push(format!("{} counters of batches are not in the file and start at 0", added.counters));
    }
    if added.bias {
        notes.push("its classifier has no bias: zeros are added, which change nothing".into());
    }
    if card.head.is_some() && card.classifier.is_some() {
        notes.push("it has a projection head and a classifier: both are kept".into());
    }
    let width = card.backbone.as_ref().map_or(0, |backbone| backbone.width);
    notes.extend(other_feature(&options.config, arch.kind().usual().feature));
    notes.extend(other_eps(&options.config, arch.kind(), width, card.transform.crop.into()));
    if options.mean.is_none() || options.std.is_none() {
        let [mean, std] = [card.mean, card.std].map(|rgb| rgb.map(|value| format!("{value:.3}")).join(","));
        notes.push(format!(
            "nothing says how pixels are normalised: mean {mean} and standard deviation {std} are assumed (--mean, --std)"
        ));
    }
    notes
}
