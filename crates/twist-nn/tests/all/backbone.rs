//! ResNets against PyTorch: eval in float32, training in float64.

use tch::{Device, Kind};
use twist_nn::{Backbone, Mode, ResNet, Store};

use crate::keys::resnet;
use crate::reference::{Values, apply_rule, close, distance, images, tensor};

fn network(name: &str) -> (Store, ResNet) {
    let (arch, width) = resnet(name).expect("a ResNet");
    let mut store = Store::new(Device::Cpu, 0);
    let net = ResNet::from_arch(&mut store.builder(""), arch.parse().unwrap(), width).unwrap();
    apply_rule(&store, "");
    (store, net)
}

/// `resnet50.96.eval` → (`resnet50`, 96), for every ResNet with such a value.
fn cases(values: &Values, part: &str) -> Vec<(String, i64)> {
    let names = values.names().filter_map(|name| name.strip_suffix(part));
    let split = names.map(|name| name.rsplit_once('.').expect("arch.size"));
    let (resnets, others): (Vec<_>, Vec<_>) = split.partition(|(arch, _)| resnet(arch).is_some());
    assert!(others.iter().all(|(arch, _)| arch.starts_with("vit_")), "unknown networks in {others:?}");
    resnets.into_iter().map(|(arch, size)| (arch.to_owned(), size.parse().expect("a size"))).collect()
}

#[test]
fn features_in_eval_mode() {
    let values = Values::load("backbone.safetensors");
    let cases = cases(&values, ".eval");
    assert!(cases.len() >= 7, "{} cases", cases.len());
    for (name, size) in cases {
        let (_, net) = network(&name);
        let case = format!("{name}.{size}");
        let input = images(2, size);
        close(&input.flatten(0, -1).narrow(0, 0, 8), &values.get(&format!("{case}.input_head")), 0.0, &case);
        let y = tch::no_grad(|| net.forward(&input, Mode::Eval)).unwrap();
        close(&y, &values.get(&format!("{case}.eval")), 2e-4, &case);
        assert!(distance(&y, &values.perturbed(&format!("{case}.eval"), 1e-3)) > 2e-4);
    }
}

#[test]
fn training_in_float64() {
    let values = Values::load("backbone.safetensors");
    let cases = cases(&values, ".train");
    assert!(cases.len() >= 5, "{} cases", cases.len());
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
fn stages_end_in_the_features() {
    let mut store = Store::new(Device::Cpu, 0);
    let net = ResNet::from_arch(&mut store.builder(""), "resnet50_cifar".parse().unwrap(), 8).unwrap();
    let input = images(2, 32);
    let maps = net.stages(&input, Mode::Eval).unwrap();
    let sizes: Vec<Vec<i64>> = maps.iter().map(|map| map.size()).collect();
    assert_eq!(sizes, [[2, 32, 32, 32], [2, 64, 16, 16], [2, 128, 8, 8], [2, 256, 4, 4]]);
    let pooled = maps[3].mean_dim([2i64, 3].as_slice(), false, Kind::Float);
    assert_eq!(pooled, net.forward(&input, Mode::Eval).unwrap());
}
