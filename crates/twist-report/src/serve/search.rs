//! Search by an image that the user provides.

use serde_json::json;

use super::browse::{NEIGHBOURS, with_similarity};
use super::message::{Answer, Reply, Request};
use super::site::Site;
use crate::map::nearest_to;

/// The images most like the one in the body.
pub(super) fn search(site: &Site, request: &Request) -> Answer {
    let missing = "the model of this run could not be loaded, so you can search only by its own images";
    let model = site.helpers.embed.as_ref().ok_or_else(|| Reply::refuse(409, missing))?;
    if request.body.is_empty() {
        return Err(Reply::refuse(400, "the file is empty"));
    }
    let features = model.embed(&request.body).map_err(|error| Reply::refuse(422, error.to_string()))?;
    let samples = &site.samples;
    let norm = features.iter().map(|x| x * x).sum::<f32>().sqrt();
    if features.len() != samples.width || !norm.is_finite() || norm == 0.0 {
        let (got, wanted) = (features.len(), samples.width);
        let why = format!(
            "the model gives {got} features, but the run's images have {wanted}: are they from the same run?"
        );
        return Err(Reply::refuse(409, why));
    }
    let point: Vec<f32> = features.into_iter().map(|x| x / norm).collect();
    let found = nearest_to(&samples.embedding, samples.width, &point, None, NEIGHBOURS);
    let neighbours: Vec<_> = found.into_iter().map(|near| with_similarity(site, near)).collect();
    Ok(Reply::json(&json!({ "neighbours": neighbours })))
}
