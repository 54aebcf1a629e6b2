//! What the interactive report asks of this side: the run's model, and its images.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use torch_ext::{DeviceRequest, Machine};
use twist_data::Dataset;
use twist_eval::thumbnail;
use twist_io::error_text;
use twist_model::{EvalInput, Model, named_weights};
use twist_report::serve::{Embed, Helpers, Pictures};
use twist_run::{NamedWeights, Sources};

use crate::sources::open_both;
use crate::talk::Talk;

/// What can be had of both; the page works without, and says so.
pub(crate) fn of_run(folder: &Path, talk: &Talk) -> Helpers {
    let embed = RunModel::open(folder).map(|model| Box::new(model) as Box<dyn Embed>);
    let pictures = RunImages::open(folder, talk).map(|data| Box::new(data) as Box<dyn Pictures>);
    Helpers {
        embed: embed
            .inspect_err(|why| {
                talk.warn(format!("no search by files of yours: {}", error_text(why.as_ref())))
            })
            .ok(),
        pictures: pictures
            .inspect_err(|why| {
                talk.detail(format!("only images with a thumbnail are shown: {}", error_text(why.as_ref())))
            })
            .ok(),
    }
}

struct RunModel {
    model: Model,
    input: EvalInput,
}

impl RunModel {
    fn open(folder: &Path) -> anyhow::Result<Self> {
        let machine = Machine::detect(DeviceRequest::Auto, None)?;
        machine.prepare()?;
        let model = Model::load(folder, machine.device)?;
        model.backbone()?;
        // Features of other weights are not near those of the same images.
        if let (Some(own), Some(evaluated)) = (named_weights(&model, folder), NamedWeights::evaluated(folder))
            && !evaluated.are(&own)
        {
            anyhow::bail!(
                "the images are those of {}, and the newest weights are of {own}; the run evaluates them at its end (--resume)",
                evaluated.beside(&own)
            );
        }
        let input = EvalInput::of_card(&model.card, None, &machine)?;
        Ok(Self { model, input })
    }
}

impl Embed for RunModel {
    fn embed(&self, bytes: &[u8]) -> Result<Vec<f32>, Box<dyn Error>> {
        Ok(self.input.features_of_image(&self.model, bytes)?)
    }
}

/// The images that the run was evaluated on.
struct RunImages(Arc<dyn Dataset>);

impl RunImages {
    fn open(folder: &Path, talk: &Talk) -> anyhow::Result<Self> {
        let sources = Sources::read(folder)?.ok_or_else(|| anyhow::anyhow!("the run has no data.json"))?;
        Ok(Self(Arc::clone(open_both(&sources, talk)?.evaluated())))
    }
}

impl Pictures for RunImages {
    fn picture(&self, index: u32, path: &str, side: u32) -> Option<Vec<u8>> {
        let index = index as usize;
        let same = index < self.0.len() && self.0.path(index) == path;
        same.then(|| thumbnail(&*self.0, index, side)).flatten()
    }
}
