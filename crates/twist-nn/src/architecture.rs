//! What a kind of network says of itself.

use std::fmt;

use twist_io::StateDict;

use crate::hugging_face::no_class;
use crate::{Activation, Backbone, BackboneOptions, Builder, HuggingFace, Layout, NnError, VitFeature};

/// What an architecture says of itself: all that the rest of Twist has to know of a kind of network.
pub trait Architecture: fmt::Display + fmt::Debug {
    /// Adds the network's tensors under the builder's prefix.
    ///
    /// # Errors
    /// The device has no room.
    fn build(&self, b: &mut Builder<'_>, options: &BackboneOptions) -> Result<Box<dyn Backbone>, NnError>;

    /// Width D of the features of a network of this [`width`](BackboneOptions::width).
    fn feature_dim(&self, width: i64) -> i64;

    /// Refuses what the options ask for and this architecture does not have.
    ///
    /// # Errors
    /// [`NnError::Misfit`].
    fn check(&self, options: &BackboneOptions) -> Result<(), NnError>;

    /// What its authors use, which is assumed where nobody says anything else.
    fn usual(&self) -> Usual;

    /// Sides of its images are multiples of so many pixels.
    fn side_multiple(&self) -> i64 {
        1
    }

    /// The convolution whose output channels are the [`width`](BackboneOptions::width), `backbone.` in front; `None` where
    /// the architecture has only one width.
    fn width_tensor(&self) -> Option<&'static str> {
        None
    }

    /// How publishers store its tensors; none: only as Twist does.
    fn layouts(&self) -> Vec<&'static Layout> {
        Vec::new()
    }

    /// What a library calls the classifier behind this network, a dot at the end; `None`: it does not have this network.
    fn classifier_in(&self, _library: &str) -> Option<&'static str> {
        None
    }

    /// Whether timm may call this network so; its names say more than its tensors.
    fn is_called_in_timm(&self, _name: &str) -> bool {
        false
    }

    /// A network of this width for images of this side as a class of `transformers`.
    ///
    /// # Errors
    /// The library has no class for it.
    fn hugging_face(&self, _width: i64, _side: i64) -> Result<HuggingFace, NnError> {
        Err(no_class(self))
    }

    /// The tensors of that class, from ours (without a prefix).
    ///
    /// # Errors
    /// The library has no class for it; numbers that its layout has no place for.
    fn hugging_face_state(&self, _side: i64, _state: &StateDict) -> Result<StateDict, NnError> {
        Err(no_class(self))
    }

    /// What tensors cannot tell and is assumed of weights from elsewhere, as a sentence.
    fn assumption(&self) -> Option<&'static str> {
        None
    }
}

/// What the authors of an architecture use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usual {
    /// The non-linearity of the projection head.
    pub activation: Activation,
    /// How images are resized for an evaluation.
    pub filter: Filter,
    /// Side of the images in pixels.
    pub side: u32,
    /// Shorter side in pixels that images have before the centre crop to that.
    pub resize: u32,
    /// Whether both sides are resized to that, instead of the shorter one.
    pub whole: bool,
    /// What pixels are normalised by.
    pub normalisation: Normalisation,
    /// Which feature they use, of a network that could give others.
    pub feature: Option<VitFeature>,
}

impl Usual {
    /// As torchvision evaluates convolutional networks: on the centre of images whose shorter side has `resize` pixels.
    pub(crate) const fn bilinear(side: u32, resize: u32) -> Self {
        Self {
            activation: Activation::Relu,
            filter: Filter::Bilinear,
            side,
            resize,
            whole: false,
            normalisation: IMAGENET,
            feature: None,
        }
    }
}

/// Mean and standard deviation of each channel, of pixels in [0, 1].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalisation {
    /// Subtracted.
    pub mean: [f64; 3],
    /// Divides what is left.
    pub std: [f64; 3],
}

/// That of ImageNet, which nearly all published weights expect.
pub(crate) const IMAGENET: Normalisation =
    Normalisation { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

/// How images are resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// Triangle.
    Bilinear,
    /// Cubic convolution.
    Bicubic,
}
