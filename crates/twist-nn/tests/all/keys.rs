//! Names, order and shapes of every entry equal the released checkpoints'.

use tch::Device;
use twist_nn::{BackboneConfig, HeadConfig, NetConfig, ProjectionHead, Store, TwistNet};

use crate::reference::json;

fn expected(entry: &serde_json::Value) -> Vec<(String, Vec<usize>)> {
    let entries = entry.as_object().expect("names to shapes");
    let shape = |v: &serde_json::Value| serde_json::from_value(v.clone()).expect("a shape");
    entries.iter().map(|(name, value)| (name.clone(), shape(value))).collect()
}

#[test]
fn state_dict_keys_are_the_released_ones() {
    let keys = json("state_dict_keys.json");
    let heads = json("head.json");
    let mut checked = [0, 0];
    for (name, entry) in &keys {
        let mut store = Store::new(Device::Cpu, 0);
        if let Some(case) = heads.get(name) {
            let size = |field: &str| case[field].as_i64().expect("a size");
            let config =
                HeadConfig { hidden_dim: size("hidden_dim"), dim: size("dim"), ..HeadConfig::default() };
            let _ = ProjectionHead::new(&mut store.builder(""), size("feature_dim"), &config).unwrap();
            checked[1] += 1;
        } else {
            let config = configuration(name);
            let net = config.build(&mut store.builder("")).unwrap();
            assert_eq!(net.feature_dim(), config.arch.kind().feature_dim(config.options.width), "{name}");
            checked[0] += 1;
        }
        assert_eq!(store.shapes(), expected(entry), "{name}");
    }
    assert!(checked[0] >= 6 && checked[1] == heads.len() && checked[1] >= 2, "checked {checked:?}");
}

/// The configuration that a reference name stands for: `vit_s`, or `resnet50w2` for `resnet50` of width 128.
pub(crate) fn configuration(name: &str) -> BackboneConfig {
    let (arch, factor) = match name.split_once('w') {
        Some((arch, factor)) if arch.starts_with("resnet") => (arch, factor.parse().expect("a factor")),
        _ => (name, 1),
    };
    BackboneConfig::new(arch.parse().expect("an architecture")).with_width(64 * factor)
}

/// Sizes that torchvision and timm publish, without the classifier of 1000 classes: they count what no reference value
/// covers.
#[test]
fn depths_have_their_published_sizes() {
    let sizes = [
        ("resnet18", 11_689_512, 512),
        ("resnet34", 21_797_672, 512),
        ("resnet50", 25_557_032, 2048),
        ("resnet101", 44_549_160, 2048),
        ("resnet152", 60_192_808, 2048),
        ("resnet200", 64_673_832, 2048),
        ("vit_t", 5_717_416, 192),
        ("vit_s", 22_050_664, 384),
        ("vit_b", 86_567_656, 768),
        ("vit_l", 304_326_632, 1024),
        ("vit_h14", 632_045_800, 1280),
        ("vit_b32", 88_224_232, 768),
    ];
    for (name, published, width) in sizes {
        let mut store = Store::outline();
        let net = configuration(name).build(&mut store.builder("")).unwrap();
        let parameters: usize = store.parameters().iter().map(|tensor| tensor.numel()).sum();
        assert_eq!(net.feature_dim(), width, "{name}");
        assert_eq!(parameters as i64 + width * 1000 + 1000, published, "{name}");
    }
}

#[test]
fn a_network_names_backbone_and_head() {
    let config = NetConfig::new("resnet18_cifar".parse().unwrap()).with_width(8).with_head(16, 4);
    let net = TwistNet::new(&config, Device::Cpu, 0).unwrap();
    let names: Vec<&str> = net.store.entries().iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names[0], "backbone.conv1.weight");
    assert!(names.contains(&"projection_heads.projection_head.4.bias"));
    assert_eq!(names.last(), Some(&"projection_heads.norm.num_batches_tracked"));
    assert_eq!(net.backbone.feature_dim(), 64);
}
