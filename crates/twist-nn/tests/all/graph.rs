//! Recorded networks compute what the networks compute: their operations are carried out here as ONNX defines them.

use std::collections::HashMap;

use tch::{Device, Kind, Tensor};
use twist_nn::{Attribute, BackboneConfig, Graph, HeadConfig, Mode, Node, ProjectionHead, Role, Store};

fn ints(node: &Node, name: &str) -> Vec<i64> {
    node.attributes
        .iter()
        .find_map(|(key, value)| match value {
            Attribute::Ints(ints) if *key == name => Some(ints.clone()),
            _ => None,
        })
        .unwrap_or_else(|| panic!("{} needs {name}", node.operator))
}

fn int(node: &Node, name: &str) -> i64 {
    node.attributes
        .iter()
        .find_map(|(key, value)| match value {
            Attribute::Int(int) if *key == name => Some(*int),
            _ => None,
        })
        .unwrap_or_else(|| panic!("{} needs {name}", node.operator))
}

fn float(node: &Node, name: &str) -> f64 {
    node.attributes
        .iter()
        .find_map(|(key, value)| match value {
            Attribute::Float(float) if *key == name => Some(*float),
            _ => None,
        })
        .unwrap_or_else(|| panic!("{} needs {name}", node.operator))
}

fn numbers(tensor: &Tensor) -> Vec<i64> {
    Vec::try_from(tensor.flatten(0, -1)).unwrap()
}

/// One operation.
fn done(node: &Node, x: &[&Tensor]) -> Tensor {
    match node.operator {
        "Conv" => {
            let pads = node.attributes.iter().any(|(name, _)| *name == "pads").then(|| ints(node, "pads"));
            let pads = pads.unwrap_or(vec![0; 4]);
            assert_eq!(pads[..2], pads[2..], "the same on both sides");
            let group = node.attributes.iter().any(|(name, _)| *name == "group");
            let groups = if group { int(node, "group") } else { 1 };
            assert_eq!(ints(node, "kernel_shape"), x[1].size()[2..]);
            x[0].conv2d(x[1], x.get(2).copied(), ints(node, "strides"), &pads[..2], [1, 1], groups)
        }
        "BatchNormalization" => {
            let eps = float(node, "epsilon");
            x[0].batch_norm(Some(x[1]), Some(x[2]), Some(x[3]), Some(x[4]), false, 0.0, eps, false)
        }
        "LayerNormalization" => {
            assert_eq!(int(node, "axis"), -1);
            x[0].layer_norm(x[1].size(), Some(x[1]), Some(x[2]), float(node, "epsilon"), false)
        }
        "MaxPool" => {
            let pads = ints(node, "pads");
            x[0].max_pool2d(ints(node, "kernel_shape"), ints(node, "strides"), &pads[..2], [1, 1], false)
        }
        "GlobalAveragePool" => x[0].mean_dim([2i64, 3].as_slice(), true, None),
        "ReduceMean" => x[0].mean_dim(numbers(x[1]), int(node, "keepdims") == 1, None),
        "Flatten" => x[0].flatten(1, -1),
        "Relu" => x[0].relu(),
        "Erf" => x[0].erf(),
        "Tanh" => x[0].tanh(),
        "Sigmoid" => x[0].sigmoid(),
        "Neg" => x[0].neg(),
        "Clip" => x[0].clamp_tensor(Some(x[1]), Some(x[2])),
        "Add" => x[0] + x[1],
        "Mul" => x[0] * x[1],
        "MatMul" => x[0].matmul(x[1]),
        "Softmax" => x[0].softmax(int(node, "axis"), None),
        "Transpose" => x[0].permute(ints(node, "perm")),
        "Reshape" => {
            let sizes = numbers(x[1]);
            let old = x[0].size();
            let sizes = sizes.iter().enumerate().map(|(at, &size)| if size == 0 { old[at] } else { size });
            x[0].reshape(sizes.collect::<Vec<_>>())
        }
        "Gather" => x[0].select(int(node, "axis"), x[1].int64_value(&[])),
        "Slice" => {
            let [first, end, axis, step] = [1, 2, 3, 4].map(|at| numbers(x[at])[0]);
            x[0].slice(axis, first, end, step)
        }
        "Concat" => Tensor::cat(x, int(node, "axis")),
        "Shape" => Tensor::from_slice(&x[0].size()[..int(node, "end") as usize]),
        "Expand" => x[0].expand(numbers(x[1]), false),
        "Pad" => {
            let pads = numbers(x[1]);
            let (before, after) = pads.split_at(pads.len() / 2);
            let pairs: Vec<i64> = before.iter().zip(after).rev().flat_map(|(&a, &b)| [a, b]).collect();
            x[0].constant_pad_nd(pairs)
        }
        other => panic!("{other} is not known here"),
    }
}

/// Carries out a graph.
fn result(graph: &Graph, input: (&str, Tensor), output: &str) -> Tensor {
    let mut values: HashMap<&str, Tensor> = HashMap::from([input]);
    values.extend(graph.constants.iter().map(|(name, tensor)| (name.as_str(), tensor.shallow_clone())));
    for node in &graph.nodes {
        let inputs: Vec<&Tensor> = node.inputs.iter().map(|name| &values[name.as_str()]).collect();
        let value = done(node, &inputs);
        values.insert(&node.output, value);
    }
    values.remove(output).unwrap()
}

/// Gives every tensor values that matter: those of a new network are ones and zeros in many places.
fn randomised(store: &Store) {
    let _numbers = torch_ext::RandomNumbers::seeded(1);
    tch::no_grad(|| {
        for entry in store.entries() {
            let mut tensor = entry.tensor.shallow_clone();
            if entry.name.ends_with("running_var") {
                let _ = tensor.uniform_(0.5, 1.5);
            } else if entry.role == Role::Parameter && tensor.dim() == 1
                || entry.name.ends_with("running_mean")
            {
                let _ = tensor.uniform_(0.2, 0.8);
            }
        }
    });
}

fn uniform(shape: &[i64]) -> Tensor {
    let _numbers = torch_ext::RandomNumbers::seeded(2);
    Tensor::rand(shape, (Kind::Float, Device::Cpu))
}

fn far(a: &Tensor, b: &Tensor) -> f64 {
    assert_eq!(a.size(), b.size());
    let scale = b.abs().max().double_value(&[]).max(1.0);
    (a - b).abs().max().double_value(&[]) / scale
}

#[test]
fn recorded_networks_compute_what_the_networks_compute() {
    // Every kind of network and of block, small; the last ones with an image of another size than the table's.
    let networks = [
        ("resnet18", 8, 64),
        ("resnet_bottleneck_1_1_1_1", 8, 64),
        ("resnet18_cifar", 8, 32),
        ("resnet20", 8, 32),
        ("convnext_8_1_1_2_1", 64, 64),
        ("efficientnet_lite0", 64, 64),
        ("efficientnet_lite0", 64, 75),
        ("vit_48x2x3", 64, 224),
        ("vit_48x2x3", 64, 32),
    ];
    let families = twist_nn::Arch::all().map(|arch| arch.to_string());
    let tall = families.filter(|name| {
        ["dinov2_s14", "dinov2_s14_reg4", "dinov3_s16", "clip_b32", "siglip2_b16"].contains(&name.as_str())
    });
    let tall: Vec<(String, i64, i64)> = tall
        .map(|name| {
            let side = if name.contains("14") { 28 } else { 32 };
            (name, 64, side)
        })
        .collect();
    assert!(tall.len() >= 4, "{tall:?}");
    let small = networks.iter().map(|&(name, width, side)| (name.to_owned(), width, side));
    tch::no_grad(|| {
        for (name, width, side) in small.chain(tall) {
            let mut store = Store::new(Device::Cpu, 0);
            let config = BackboneConfig::new(name.parse().unwrap()).with_width(width);
            let net = config.build(&mut store.builder("backbone")).unwrap();
            randomised(&store);
            let mut graph = Graph::default();
            let images = graph.input("images", &[3, side, side]);
            let features = net.record(&mut graph, &images).unwrap();
            assert_eq!(features.shape, [net.feature_dim()], "{name}");
            for batch in [1, 3] {
                let pixels = uniform(&[batch, 3, side, side]);
                let expected = net.forward(&pixels, Mode::Eval).unwrap();
                let found = result(&graph, ("images", pixels), &features.name);
                let far = far(&found, &expected);
                assert!(far < 1e-4, "{name} at {side}: {far}");
            }
        }
    });
}

#[test]
fn a_recorded_head_computes_what_the_head_computes() {
    for activation in [twist_nn::Activation::Relu, twist_nn::Activation::Gelu] {
        let mut store = Store::new(Device::Cpu, 0);
        let config = HeadConfig { hidden_dim: 16, dim: 5, activation, ..HeadConfig::default() };
        let head = ProjectionHead::new(&mut store.builder("projection_heads"), 8, &config).unwrap();
        randomised(&store);
        let mut graph = Graph::default();
        let features = graph.input("features", &[8]);
        let logits = head.record(&mut graph, &features).unwrap();
        let rows = uniform(&[4, 8]);
        let expected = tch::no_grad(|| head.forward(&rows, 1, Mode::Eval)).unwrap();
        assert!(far(&result(&graph, ("features", rows), &logits.name), &expected) < 1e-5);
    }
}

#[test]
fn images_that_do_not_fit_are_refused() {
    let mut store = Store::new(Device::Cpu, 0);
    let config = BackboneConfig::new("vit_48x2x3".parse().unwrap());
    let net = config.build(&mut store.builder("backbone")).unwrap();
    let mut graph = Graph::default();
    let images = graph.input("images", &[3, 30, 30]);
    assert!(net.record(&mut graph, &images).unwrap_err().to_string().contains("16"));
}
