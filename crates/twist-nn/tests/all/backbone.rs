//! Backbones against PyTorch: eval in float32, training in float64.

use tch::{Device, Kind, Tensor};
use torch_ext::RandomNumbers;
use twist_nn::{Arch, Backbone, BackboneConfig, BackboneOptions, Mode, Role, Store, VisionTransformer};

use crate::keys::configuration;
use crate::reference::{Values, apply_rule, close, distance, images, tensor};

fn of_width(arch: &str, width: i64) -> BackboneConfig {
    let options = BackboneOptions { width, ..BackboneOptions::default() };
    BackboneConfig { arch: arch.parse().unwrap(), options }
}

fn network(name: &str) -> (Store, Box<dyn Backbone>) {
    let mut store = Store::new(Device::Cpu, 0);
    let net = configuration(name).build(&mut store.builder("")).unwrap();
    apply_rule(&store, "");
    (store, net)
}

/// `resnet50.96.eval` → (`resnet50`, 96), for every network with such a value.
fn cases(values: &Values, part: &str) -> Vec<(String, i64)> {
    let names = values.names().filter_map(|name| name.strip_suffix(part));
    let split = names.map(|name| name.rsplit_once('.').expect("arch.size"));
    split.map(|(arch, size)| (arch.to_owned(), size.parse().expect("a size"))).collect()
}

#[test]
fn features_in_eval_mode() {
    let values = Values::load("backbone.safetensors");
    let cases = cases(&values, ".eval");
    assert!(cases.len() >= 8, "{} cases", cases.len());
    for (name, size) in cases {
        let (_, net) = network(&name);
        let case = format!("{name}.{size}");
        let input = images(2, size);
        close(&input.flatten(0, -1).narrow(0, 0, 8), &values.get(&format!("{case}.input_head")), 0.0, &case);
        let y = tch::no_grad(|| net.forward(&input, Mode::Eval)).unwrap();
        let tolerance = if name.starts_with("vit_") { 5e-4 } else { 2e-4 };
        close(&y, &values.get(&format!("{case}.eval")), tolerance, &case);
        assert!(distance(&y, &values.perturbed(&format!("{case}.eval"), 1e-3)) > tolerance);
    }
}

#[test]
fn training_in_float64() {
    let values = Values::load("backbone.safetensors");
    let cases = cases(&values, ".train");
    assert!(cases.len() >= 3, "{} cases", cases.len());
    for (name, size) in cases {
        let (mut store, net) = network(&name);
        store.set_kind(Kind::Double).unwrap();
        let case = format!("{name}.{size}");
        let value = |part: &str| values.get(&format!("{case}.{part}"));
        let y = net.forward(&images(4, size).to_kind(Kind::Double), Mode::Train).unwrap();
        y.square().mean(Kind::Double).backward();
        close(&y, &value("train"), 1e-6, &format!("{case} train"));
        let gradient = tensor(&store, "conv1.weight").grad();
        close(&gradient, &value("grad.conv1"), 1e-6, &format!("{case} gradient"));
        for buffer in ["running_mean", "running_var"] {
            let got = tensor(&store, &format!("bn1.{buffer}"));
            close(&got, &value(&format!("{buffer}.bn1")), 1e-6, &format!("{case} {buffer}"));
        }
        assert!(distance(&gradient, &values.perturbed(&format!("{case}.grad.conv1"), 1e-4)) > 1e-6);
    }
}

#[test]
fn positions_learn_in_float64() {
    let values = Values::load("backbone.safetensors");
    let cases = cases(&values, ".grad.pos_embed");
    assert!(!cases.is_empty());
    for (name, size) in cases {
        let (mut store, net) = network(&name);
        store.set_kind(Kind::Double).unwrap();
        let y = net.forward(&images(2, size).to_kind(Kind::Double), Mode::Eval).unwrap();
        y.square().mean(Kind::Double).backward();
        let (gradient, value) = (tensor(&store, "pos_embed").grad(), format!("{name}.{size}.grad.pos_embed"));
        close(&gradient, &values.get(&value), 1e-6, &value);
        assert!(distance(&gradient, &values.perturbed(&value, 1e-4)) > 1e-6);
    }
}

#[test]
fn class_tokens_of_the_last_blocks() {
    let values = Values::load("backbone.safetensors");
    let cases = cases(&values, ".last4_cls");
    assert!(!cases.is_empty());
    for (name, size) in cases {
        let config = configuration(&name);
        let Arch::Vit(arch) = config.arch else { panic!("{name} has tokens") };
        let mut store = Store::new(Device::Cpu, 0);
        let net = VisionTransformer::new(&mut store.builder(""), arch, &config.options).unwrap();
        apply_rule(&store, "");
        let tokens = tch::no_grad(|| net.last_class_tokens(&images(2, size), 4, Mode::Eval)).unwrap();
        let value = format!("{name}.{size}.last4_cls");
        close(&tokens, &values.get(&value), 5e-4, &value);
        assert!(distance(&tokens, &values.perturbed(&value, 1e-3)) > 5e-4);
    }
}

#[test]
fn transformers_take_any_size_of_whole_patches() {
    let mut store = Store::new(Device::Cpu, 0);
    let mut config = BackboneConfig::new("vit_t8".parse().unwrap());
    (config.options.drop_path, config.options.freeze_embedding) = (0.5, true);
    let net = config.build(&mut store.builder("")).unwrap();
    for (height, width) in [(8, 8), (32, 48)] {
        let images = images(2, 48).narrow(2, 0, height).narrow(3, 0, width);
        assert_eq!(net.forward(&images, Mode::Eval).unwrap().size(), [2, 192]);
        let tokens = net.segment(0, &images, Mode::Eval).unwrap();
        assert_eq!(tokens.size(), [2, 1 + height / 8 * (width / 8), 192]);
    }
    let message = net.forward(&images(1, 20), Mode::Eval).unwrap_err().to_string();
    assert!(message.contains("8 pixels"), "{message}");

    // Stochastic depth: random in training, repeatable by the seed, absent in evaluation.
    let input = images(2, 16);
    let seeded = |seed| {
        let _numbers = RandomNumbers::seeded(seed);
        net.forward(&input, Mode::Train).unwrap()
    };
    assert_eq!(seeded(1), seeded(1));
    assert_ne!(seeded(1), seeded(2));

    // A frozen embedding is part of the state and not of what learns.
    let frozen: Vec<_> = store.entries().iter().filter(|entry| entry.role == Role::Frozen).collect();
    assert_eq!(frozen.len(), 2);
    seeded(1).sum(Kind::Float).backward();
    assert!(frozen.iter().all(|entry| !entry.tensor.grad().defined()));
    assert!(tensor(&store, "blocks.0.attn.qkv.weight").grad().defined());
}

/// What each segment gives.
fn segments(net: &dyn Backbone, images: &Tensor) -> Vec<Tensor> {
    let mut outputs: Vec<Tensor> = Vec::new();
    for index in 0..net.segments() {
        let input = outputs.last().unwrap_or(images);
        outputs.push(net.segment(index, input, Mode::Eval).unwrap());
    }
    outputs
}

#[test]
fn stages_halve_the_resolution_and_double_the_channels() {
    let mut store = Store::new(Device::Cpu, 0);
    let net = of_width("resnet50_cifar", 8).build(&mut store.builder("")).unwrap();
    let input = images(2, 32);
    let outputs = segments(net.as_ref(), &input);
    let sizes: Vec<Vec<i64>> = [3, 7, 13, 16].iter().map(|&block| outputs[block].size()).collect();
    assert_eq!(sizes, [[2, 32, 32, 32], [2, 64, 16, 16], [2, 128, 8, 8], [2, 256, 4, 4]]);
    let pooled = outputs[16].mean_dim([2i64, 3].as_slice(), false, Kind::Float);
    assert_eq!(pooled, net.forward(&input, Mode::Eval).unwrap());
}

#[test]
fn resnets_for_cifar_are_those_of_the_paper() {
    // Parameters of the networks that published their accuracy, with a classifier of ten classes.
    let published =
        [("resnet20", 269_722), ("resnet32", 464_154), ("resnet44", 658_586), ("resnet56", 853_018)];
    for (name, parameters) in published {
        let mut store = Store::new(Device::Cpu, 0);
        let net = configuration(name).build(&mut store.builder("")).unwrap();
        let counted: usize = store.parameters().iter().map(|parameter| parameter.numel()).sum();
        assert_eq!(counted + 10 * 64 + 10, parameters, "{name}");
        assert_eq!(net.feature_dim(), 64);
        let names: Vec<String> = store.shapes().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names[..2], ["conv1.weight", "bn1.weight"]);
        assert!(
            names.contains(&"layer3.0.conv2.weight".into()) && !names.iter().any(|n| n.contains("short"))
        );
        let outputs = segments(net.as_ref(), &images(2, 32));
        let blocks = (outputs.len() - 2) / 3;
        let sizes: Vec<Vec<i64>> = (1..=3).map(|stage| outputs[stage * blocks].size()).collect();
        assert_eq!(sizes, [[2, 16, 32, 32], [2, 32, 16, 16], [2, 64, 8, 8]]);
        let pooled = outputs[3 * blocks].mean_dim([2i64, 3].as_slice(), false, Kind::Float);
        assert_eq!(pooled, net.forward(&images(2, 32), Mode::Eval).unwrap());
    }
}

#[test]
fn a_shortcut_without_parameters_thins_out_and_fills_up() {
    let mut store = Store::new(Device::Cpu, 0);
    let net = of_width("resnet20", 64).build(&mut store.builder("")).unwrap();
    let input = images(2, 32);
    let before = segments(net.as_ref(), &input)[3].copy();
    // Second convolutions of zero and the norms' first statistics: a block is its shortcut.
    tch::no_grad(|| {
        for entry in store.entries().iter().filter(|entry| entry.name.ends_with("conv2.weight")) {
            let _ = entry.tensor.shallow_clone().zero_();
        }
    });
    let outputs = segments(net.as_ref(), &input);
    let (stem, maps) = (&outputs[0], [&outputs[3], &outputs[6], &outputs[9]]);
    assert_ne!(&before, maps[0]);
    assert_eq!(maps[0], stem);
    let expected = stem.slice(2, None, None, 2).slice(3, None, None, 2);
    assert_eq!(maps[1].narrow(1, 8, 16), expected);
    let zeros = |from| maps[1].narrow(1, from, 8).abs().max().double_value(&[]);
    assert_eq!((zeros(0), zeros(24)), (0.0, 0.0));
    assert_eq!(maps[2].narrow(1, 24, 16), expected.slice(2, None, None, 2).slice(3, None, None, 2));
}

#[test]
fn resnets_for_cifar_learn_and_have_widths_that_can_be_halved() {
    let mut store = Store::new(Device::Cpu, 0);
    let net = of_width("resnet20", 8).build(&mut store.builder("")).unwrap();
    let mut x = images(4, 16);
    for index in 0..net.segments() {
        x = net.segment(index, &x, Mode::Train).unwrap();
    }
    assert_eq!(x.size(), [4, 8]);
    x.square().sum(Kind::Float).backward();
    assert!(store.parameters().iter().all(|parameter| parameter.grad().defined()));
    assert!(net.segment(net.segments(), &x, Mode::Train).is_err());
    for width in [0, 4, 12, 20] {
        let error = of_width("resnet20", width).build(&mut Store::new(Device::Cpu, 0).builder(""));
        assert!(error.unwrap_err().to_string().contains("multiple of 8"), "{width}");
    }
}
