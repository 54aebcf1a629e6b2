//! Search by an image that the user provides.

use serde_json::json;

use super::browse::{NEIGHBOURS, with_similarity};
use super::message::{Reply, Request};
use super::site::Site;
use crate::map::nearest_to;

/// The images most like the one in the body.
pub(super) fn search(site: &Site, request: &Request) -> Reply {
    let Some(model) = &site.helpers.embed else {
        return Reply::refuse(
            409,
            "the model of this run could not be loaded, so you can search only by its own images",
        );
    };
    if request.body.is_empty() {
        return Reply::refuse(400, "the file is empty");
    }
    let features = match model.embed(&request.body) {
        Ok(features) => features,
        Err(error) => return Reply::refuse(422, error.to_string()),
    };
    let samples = &site.samples;
    let norm = features.iter().map(|x| x * x).sum::<f32>().sqrt();
    if features.len() != samples.width || !norm.is_finite() || norm == 0.0 {
        let (got, wanted) = (features.len(), samples.width);
        return Reply::refuse(
            409,
            format!(
                "the model gives {got} features, but the run's images have {wanted}: are they from the same \
                 run?"
            ),
        );
    }
    let point: Vec<f32> = features.into_iter().map(|x| x / norm).collect();
    let found = nearest_to(&samples.embedding, samples.width, &point, None, NEIGHBOURS);
    Reply::json(
        &json!({ "neighbours": found.into_iter().map(|near| with_similarity(site, near)).collect::<Vec<_>>() }),
    )
}
