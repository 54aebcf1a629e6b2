//! The whole network: a backbone per resolution, the head once over all views.

use tch::{Device, Tensor};

use crate::{Backbone, Mode, NetConfig, NnError, ProjectionHead, Store};

/// Backbone and head, with all of their tensors under the names of the released checkpoints: `backbone.*` and
/// `projection_heads.*`.
#[derive(Debug)]
pub struct TwistNet {
    /// Every tensor.
    pub store: Store,
    /// Images to features.
    pub backbone: Box<dyn Backbone>,
    /// Features to logits.
    pub head: ProjectionHead,
    /// What the network was made from.
    pub config: NetConfig,
}

impl TwistNet {
    /// A network with initial weights that depend on `seed` and on nothing else.
    ///
    /// # Errors
    /// A size out of range; the device has no room.
    pub fn new(config: &NetConfig, device: Device, seed: u64) -> Result<Self, NnError> {
        config.check()?;
        // Counts what all sizes make together before anything is allocated.
        Self::parts(config, Store::outline())?;
        Self::parts(config, Store::new(device, seed))
    }

    fn parts(config: &NetConfig, mut store: Store) -> Result<Self, NnError> {
        let backbone = config.backbone.build(&mut store.builder("backbone"))?;
        let head = ProjectionHead::new(
            &mut store.builder("projection_heads"),
            backbone.feature_dim(),
            &config.head,
        )?;
        Ok(Self { store, backbone, head, config: config.clone() })
    }

    /// Logits `[V*B, K]` of `views` views of `B` images, one tensor `[V_r*B, 3, S_r, S_r]` per resolution, view-major.
    ///
    /// Each resolution passes through the backbone on its own and has its own batch statistics there; the head sees
    /// all views at once.
    ///
    /// # Errors
    /// No images; images or a batch that do not fit.
    pub fn forward(&self, groups: &[Tensor], views: i64, mode: Mode) -> Result<Tensor, NnError> {
        let features = match groups {
            [] => return Err(NnError::Shape { what: "images", expected: "[V*B, 3, S, S]", got: vec![] }),
            [images] => self.features(images, mode)?,
            groups => {
                let each: Result<Vec<_>, _> =
                    groups.iter().map(|images| self.features(images, mode)).collect();
                Tensor::f_cat(&each?, 0)?
            }
        };
        self.head.forward(&features, views, mode)
    }

    /// Features `[B, D]` of images `[B, 3, S, S]`.
    ///
    /// # Errors
    /// The images do not fit.
    pub fn features(&self, images: &Tensor, mode: Mode) -> Result<Tensor, NnError> {
        self.backbone.forward(images, mode)
    }

    /// Puts channels innermost in the weights of convolutions; images should come the same way.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn to_channels_last(&mut self) -> Result<(), NnError> {
        self.store.to_channels_last()
    }
}
