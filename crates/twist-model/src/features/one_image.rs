//! Features of one image that is in no data set.

use std::sync::Arc;

use tch::{Device, Tensor};
use twist_data::{Decoder, GivenImage, given_images};
use twist_io::Refused;
use twist_nn::FeatureKind;

use crate::{EvalInput, Model, ModelError};

impl EvalInput {
    /// Features of the image file in `bytes`, as [`EvalInput::features`] gives them: not normalised.
    ///
    /// # Errors
    /// The bytes are not an image that can be read; the model has no backbone; libtorch fails.
    pub fn features_of_image(&self, model: &Model, bytes: &[u8]) -> Result<Vec<f32>, ModelError> {
        let image = Decoder::default().decode(bytes);
        let image = image
            .map_err(|source| Refused::new("the file is not an image that Twist reads").caused_by(source))?;
        let dataset = given_images(vec![GivenImage::Pixels(Arc::new(image))]);
        let mut found: Vec<f32> = Vec::new();
        self.for_each_batch(&dataset, &[0], |bytes| {
            let features = self.features(model, bytes, FeatureKind::Last)?;
            let row: Tensor = features.f_to_device(Device::Cpu)?.f_contiguous()?.f_flatten(0, -1)?;
            found = Vec::<f32>::try_from(&row)?;
            Ok::<(), ModelError>(())
        })?;
        Ok(found)
    }
}
