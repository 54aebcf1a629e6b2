//! Promises of the whole network: reproducible, restorable, the same in bf16 but for rounding.

use tch::{Device, Kind, Tensor};
use torch_ext::{Autocast, grad};
use twist_nn::{Mode, NetConfig, NnError, Store, TwistLoss, TwistNet};

use crate::reference::{close, distance, normal, tensor};

fn config() -> NetConfig {
    NetConfig::new("resnet18_cifar".parse().unwrap()).with_width(8).with_head(32, 16)
}

fn net(seed: u64) -> TwistNet {
    TwistNet::new(&config(), Device::Cpu, seed).unwrap()
}

fn views() -> Tensor {
    normal("images", &[2 * 8, 3, 16, 16])
}

/// Logits and all gradients of one step.
fn step(net: &TwistNet, images: &Tensor, kind: Kind) -> (Tensor, Vec<Tensor>) {
    let parameters = net.store.parameters();
    grad::clear(&parameters).unwrap();
    let logits = {
        let _autocast = Autocast::scope(Device::Cpu, kind).unwrap();
        net.forward(&[images.shallow_clone()], 2, Mode::Train).unwrap()
    };
    let (_, gradient) = TwistLoss::default().with_gradient(&logits, 2).unwrap();
    grad::backward(&logits, &gradient).unwrap();
    (logits.detach(), grad::of(&parameters).unwrap())
}

#[test]
fn the_same_seed_gives_the_same_step_bit_for_bit() {
    let images = views();
    let ((a, da), (b, db)) = (step(&net(1), &images, Kind::Float), step(&net(1), &images, Kind::Float));
    assert_eq!(a, b);
    assert!(!da.is_empty() && da.iter().zip(&db).all(|(a, b)| a == b), "gradients");
    assert_ne!(a, step(&net(2), &images, Kind::Float).0, "another seed is another network");
}

#[test]
fn bf16_and_channels_last_change_rounding_only() {
    let images = views();
    let (exact, gradients) = step(&net(1), &images, Kind::Float);
    let mut fast = net(1);
    fast.to_channels_last().unwrap();
    assert!(
        torch_ext::layout::is_channels_last(&tensor(&fast.store, "backbone.layer1.0.conv1.weight")).unwrap()
    );
    let (logits, same) = step(&fast, &images, Kind::Float);
    close(&logits, &exact, 1e-3, "channels-last");
    close(&same[0], &gradients[0], 1e-2, "gradient of the first convolution, channels-last");
    let (logits, rounded) = step(&fast, &images, Kind::BFloat16);
    assert_eq!(logits.kind(), Kind::Float);
    assert!(rounded.iter().all(|g| g.kind() == Kind::Float), "gradients have the kind of their parameters");
    let off = distance(&logits, &exact);
    assert!(off > 0.0 && off < 0.15, "bf16 logits are off by {off}");
}

/// Cut into micro-batches that keep their own statistics, backward from slices of one gradient adds up to backward
/// from all of it; the first pass leaves no trace in the running statistics.
#[test]
fn an_untracked_pass_leaves_the_running_statistics() {
    let images = views();
    let net = net(1);
    let before = net.store.state_dict().unwrap();
    let first = tch::no_grad(|| net.forward(&[images.shallow_clone()], 2, Mode::TrainUntracked)).unwrap();
    assert_eq!(net.store.state_dict().unwrap(), before);
    let second = net.forward(&[images], 2, Mode::Train).unwrap();
    assert_eq!(first, second.detach(), "both passes normalise alike");
    assert_ne!(net.store.state_dict().unwrap(), before);
    assert_eq!(tensor(&net.store, "backbone.bn1.num_batches_tracked").int64_value(&[]), 1);
}

/// A batch whose pieces pass one after another moves the running statistics as the whole batch does, and once. Of the first
/// norm of each network, since only there the whole batch brings the same values.
#[test]
fn pieces_move_the_running_statistics_once_and_to_where_the_batch_does() {
    let first_norm = |pieces: usize| {
        let net = net(1);
        for (name, size) in [("large", 16), ("small", 8)] {
            let images = normal(name, &[24, 3, size, size]) * 0.5 + if size == 16 { 1.0 } else { -0.5 };
            for (index, piece) in images.chunk(pieces as i64, 0).iter().enumerate() {
                let _ = net.features(piece, Mode::TrainPiece { index, pieces }).unwrap();
            }
        }
        ["running_mean", "running_var", "num_batches_tracked"]
            .map(|name| tensor(&net.store, &format!("backbone.bn1.{name}")).copy())
    };
    let [mean, var, count] = first_norm(1);
    assert_eq!(count.int64_value(&[]), 2, "one for each resolution");
    for pieces in [2, 3, 8] {
        let [of_pieces, var_of_pieces, count] = first_norm(pieces);
        close(&of_pieces, &mean, 1e-6, "running mean");
        close(&var_of_pieces, &var, 1e-6, "running variance");
        assert_eq!(count.int64_value(&[]), 2, "{pieces} pieces are one batch");
    }
    // What a batch that broke off left behind has no part in the next one.
    let (broken, whole) = (net(1), net(1));
    let images = normal("large", &[8, 3, 16, 16]);
    let _ = broken.features(&(&images * 9.0), Mode::TrainPiece { index: 0, pieces: 2 }).unwrap();
    for (index, piece) in images.chunk(2, 0).iter().enumerate() {
        let _ = broken.features(piece, Mode::TrainPiece { index, pieces: 2 }).unwrap();
    }
    let _ = whole.features(&images, Mode::Train).unwrap();
    let mean = |net: &TwistNet| tensor(&net.store, "backbone.bn1.running_mean");
    close(&mean(&broken), &mean(&whole), 1e-6, "running mean after a broken batch");
}

#[test]
fn a_state_makes_the_round_trip() {
    let images = views();
    let (trained, fresh) = (net(1), net(2));
    let _ = trained.forward(&[images.shallow_clone()], 2, Mode::Train).unwrap();
    let state = trained.store.state_dict().unwrap();
    let report = fresh.store.load(&state).unwrap();
    assert_eq!(report.applied.len(), state.len());
    assert_eq!(fresh.store.state_dict().unwrap(), state);
    let eval = |net: &TwistNet| net.forward(&[images.shallow_clone()], 2, Mode::Eval).unwrap();
    assert_eq!(eval(&trained), eval(&fresh));

    // Channels-last memory is an inner matter: files stay row-major.
    let mut inner = net(1);
    inner.to_channels_last().unwrap();
    inner.store.load(&state).unwrap();
    assert_eq!(inner.store.state_dict().unwrap(), state);
}

#[test]
fn a_state_of_another_shape_changes_nothing() {
    let small = net(1);
    let before = small.store.state_dict().unwrap();
    let wide = TwistNet::new(&config().with_head(32, 17), Device::Cpu, 2).unwrap();
    let error = small.store.load(&wide.store.state_dict().unwrap()).unwrap_err();
    assert!(matches!(&error, NnError::Mismatch(report) if report.mismatched.len() == 4), "{error}");
    assert_eq!(small.store.state_dict().unwrap(), before);
}

#[test]
fn resolutions_have_backbone_statistics_of_their_own() {
    let net = net(1);
    let (large, small) = (views(), normal("images", &[8, 3, 8, 8]));
    let logits = net.forward(&[large.shallow_clone(), small], 3, Mode::TrainUntracked).unwrap();
    assert_eq!(logits.size(), [24, 16]);
    let alone = net.features(&large, Mode::TrainUntracked).unwrap();
    let column = logits.mean_dim([0i64].as_slice(), false, Kind::Float).abs().max().double_value(&[]);
    assert!(column < 1e-5, "the head normalises over all views: {column}");
    assert_eq!(alone.size(), [16, 64]);
    assert!(matches!(net.forward(&[], 2, Mode::Eval), Err(NnError::Shape { .. })));
}

#[test]
fn an_outline_has_the_shapes_and_needs_no_memory() {
    let shapes = |mut store: Store, config: &NetConfig| {
        let _ = config.backbone.build(&mut store.builder("backbone")).unwrap();
        store.shapes()
    };
    for arch in ["resnet18", "resnet20", "vit_t"] {
        let config = NetConfig::new(arch.parse().unwrap());
        assert_eq!(shapes(Store::outline(), &config), shapes(Store::new(Device::Cpu, 0), &config), "{arch}");
    }
    // Four gigabytes, if it had memory.
    let wide = NetConfig::new("resnet152".parse().unwrap()).with_width(256);
    let numbers: usize =
        shapes(Store::outline(), &wide).iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
    assert!(numbers > 900_000_000, "{numbers}");
}

#[test]
fn sizes_that_are_too_much_together_are_refused_before_memory_is_taken() {
    let usual = config();
    let cases = [
        usual.clone().with_width(1 << 16),
        usual.with_head(1 << 20, 1 << 20),
        NetConfig::new("resnet_bottleneck65535_255_255_255_255".parse().unwrap()).with_width(1 << 16),
        NetConfig::new("vit_65536x1024x1".parse().unwrap()),
    ];
    for config in cases {
        let error = TwistNet::new(&config, Device::Cpu, 0).unwrap_err();
        assert!(matches!(error, NnError::TooManyNumbers { .. }), "{config:?}: {error}");
    }
}
