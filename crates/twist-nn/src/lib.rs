//! The networks and losses of TWIST.
//!
//! A [`TwistNet`] is a [`Backbone`] that turns images into features, followed by a [`ProjectionHead`] that turns features
//! into logits over discovered classes. [`TwistLoss`] compares the logits of the views of each image: the views should get
//! the same class, with confidence, and all classes should be used. With [`TeacherLoss`] the views learn from a slower copy
//! of the network, with [`SelfLabelLoss`] from the most confident views.
//!
//! The crate deliberately opens no file, reads no clock, and knows no optimizer and no device except the one on which a
//! network was created. State enters and leaves as [`twist_io::StateDict`].
//!
//! Data is passed as tensors, and every function states their shapes: images `[V*B, 3, H, W]`, features `[V*B, D]`, logits
//! `[V*B, K]`. `V` views of `B` images are stacked **view-major** (all images of view 1, then all of view 2).
//!
//! The names, order and shapes of parameters and buffers are those of the released PyTorch checkpoints, so their weights need no
//! conversion table; a [`Layout`] is the table of another publisher.
//!
//! ```no_run
//! use tch::{Device, Kind, Tensor};
//! use twist_nn::{Mode, NetConfig, TwistLoss, TwistNet};
//!
//! # fn main() -> Result<(), twist_nn::NnError> {
//! let config = NetConfig::new("resnet18_cifar".parse()?).with_head(1024, 512);
//! let net = TwistNet::new(&config, Device::Cpu, 0)?;
//! let images = Tensor::f_randn([2 * 64, 3, 32, 32], (Kind::Float, Device::Cpu))?;
//! let logits = net.forward(&[images], 2, Mode::Train)?;
//! let (terms, gradient) = TwistLoss::default().with_gradient(&logits, 2)?;
//! torch_ext::grad::backward(&logits, &gradient)?;
//! println!("loss {:?}", f64::try_from(&terms.total)?);
//! # Ok(())
//! # }
//! ```

mod normalize;
mod twist;

mod activation;
mod config;
mod model_config;
mod options;

mod arch;
mod architecture;
mod backbone;
mod chain;
mod depth;
mod feature_kind;
mod hugging_face;
mod layout;
mod tensor_names;

mod cifar_resnet;
mod convnext;
mod efficientnet_lite;
mod resnet;
mod vit;

mod graph;
mod head;
mod loss;

mod layers;
mod store;

mod host;
mod init;

mod error;

pub use activation::Activation;
pub use arch::Arch;
pub use architecture::{Architecture, Filter, Normalisation, Usual};
pub use backbone::{Backbone, Mode};
pub use cifar_resnet::CifarDepth;
pub use config::{BackboneConfig, HeadConfig, NetConfig};
pub use convnext::ConvNextArch;
pub use depth::{BlockKind, Depth, Stem};
pub use efficientnet_lite::EfficientNetLiteArch;
pub use error::NnError;
pub use feature_kind::FeatureKind;
pub use graph::{Attribute, Graph, Node, Value};
pub use head::ProjectionHead;
pub use host::{tensor_from_host, tensor_to_host};
pub use hugging_face::HuggingFace;
pub use init::{Init, fill};
pub use layers::{BatchNorm, Conv, LayerNorm, Linear};
pub use layout::{Absent, Form, Layout, Planned, Rest, Rule, host_values, zeros};
// Its own contents are in `loss/mod.rs`.
pub use loss::*;
pub use model_config::ModelConfig;
pub use normalize::DeviceNormalize;
pub use options::{BackboneOptions, MOST_CHANNELS, MOST_OUTPUTS};
pub use resnet::ResNetArch;
pub use store::{Builder, Entry, Role, Store};
pub use tensor_names::{Described, TensorNames, Unrecognised};
pub use twist::TwistNet;
pub use vit::{VisionTransformer, VitArch, VitFeature, VitSize};
