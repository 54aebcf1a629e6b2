//! Names, order and shapes of every entry equal the released checkpoints'.

use tch::Device;
use twist_nn::{Activation, NetConfig, ProjectionHead, ResNet, Store, TwistNet};

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
        if let Some((arch, width)) = resnet(name) {
            let _ = ResNet::from_arch(&mut store.builder(""), arch.parse().unwrap(), width).unwrap();
            checked[0] += 1;
        } else if let Some(case) = heads.get(name) {
            let size = |field: &str| case[field].as_i64().expect("a size");
            let (features, hidden, dim) = (size("feature_dim"), size("hidden_dim"), size("dim"));
            let _ =
                ProjectionHead::new(&mut store.builder(""), features, hidden, dim, Activation::Relu, None)
                    .unwrap();
            checked[1] += 1;
        } else {
            assert!(name.starts_with("vit_"), "`{name}` belongs to nothing that exists or is to come");
            continue;
        }
        assert_eq!(store.shapes(), expected(entry), "{name}");
    }
    assert!(checked[0] >= 3 && checked[1] == heads.len() && checked[1] >= 2, "checked {checked:?}");
}

/// `resnet50w2` → `resnet50` of width 128.
pub(crate) fn resnet(name: &str) -> Option<(String, i64)> {
    let depth = name.strip_prefix("resnet")?;
    let (depth, factor) = depth.split_once('w').unwrap_or((depth, "1"));
    Some((format!("resnet{depth}"), 64 * factor.parse::<i64>().ok()?))
}

#[test]
fn a_network_names_backbone_and_head() {
    let config =
        NetConfig { width: 8, hidden_dim: 16, dim: 4, ..NetConfig::new("resnet18_cifar".parse().unwrap()) };
    let net = TwistNet::new(&config, Device::Cpu, 0).unwrap();
    let names: Vec<&str> = net.store.entries().iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names[0], "backbone.conv1.weight");
    assert!(names.contains(&"projection_heads.projection_head.4.bias"));
    assert_eq!(names.last(), Some(&"projection_heads.norm.num_batches_tracked"));
    assert_eq!(net.backbone.feature_dim(), 64);
}
