//! `preprocessor_config.json`: how images become the input of the network.

use serde_json::{Value, json};
use twist_data::Interpolation;

use crate::ModelCard;
use crate::published::ROUNDED_CROP;

/// What the file says; the reason where no processor does what the card says.
pub(super) fn processor(card: &ModelCard) -> Result<Value, String> {
    let transform = &card.transform;
    let (resize, crop) = (transform.resize, transform.crop);
    let mut said = match transform.whole {
        true if resize == crop => json!({
            "image_processor_type": "ViTImageProcessor",
            "size": { "height": crop, "width": crop },
        }),
        true => {
            return Err(format!(
                "its images are resized to squares of {resize} pixels and cut to {crop}, which no processor of transformers does"
            ));
        }
        false => json!({
            "image_processor_type": "BitImageProcessor",
            "do_convert_rgb": true,
            "size": { "shortest_edge": resize },
            "do_center_crop": true,
            "crop_size": { "height": crop, "width": crop },
        }),
    };
    if !transform.whole && !transform.truncated {
        said[ROUNDED_CROP] = true.into();
    }
    said["do_resize"] = true.into();
    // Pillow's numbers.
    said["resample"] = match transform.interpolation {
        Interpolation::Bilinear => 2.into(),
        Interpolation::Bicubic => 3.into(),
    };
    said["do_rescale"] = true.into();
    said["rescale_factor"] = (1.0 / 255.0).into();
    said["do_normalize"] = true.into();
    said["image_mean"] = json!(card.mean);
    said["image_std"] = json!(card.std);
    Ok(said)
}
