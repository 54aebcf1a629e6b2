//! The recipe that `twist train DATA` takes when none is named, by a rule that can be said in a sentence.

use twist_data::{Dataset, DecodeLimits, Decoder, Stored};

/// Images that are looked at for their size.
const LOOKED_AT: usize = 64;
/// Images up to this shorter side count as small.
const SMALL: u32 = 64;
/// From this many images on, ImageNet's recipe makes sense.
const MANY: usize = 100_000;

/// A recipe's name and why it was chosen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// Name of a built-in recipe.
    pub(crate) recipe: &'static str,
    /// The reason, as the rest of "because …".
    pub(crate) why: String,
}

/// Chooses by device, image size and number of images.
pub(crate) fn recipe_for(dataset: &dyn Dataset, on_gpu: bool) -> Choice {
    let side = median_side(dataset);
    let size = side.map_or("of unknown size".to_string(), |side| format!("about {side} pixels wide or high"));
    let (recipe, rest) = match (on_gpu, side.is_some_and(|side| side > SMALL), dataset.len() >= MANY) {
        (true, true, true) => ("imagenet_resnet50_2view", "there are many and a GPU"),
        (true, ..) => ("cifar10_resnet18", "there is a GPU; it sees them at 32 pixels"),
        (false, ..) => ("cifar10_cpu", "there is no GPU; it sees them at 32 pixels"),
    };
    Choice { recipe, why: format!("the images are {size} and {rest}") }
}

/// The median of the shorter sides of some images spread over the data set.
fn median_side(dataset: &dyn Dataset) -> Option<u32> {
    let mut decoder = Decoder::new(DecodeLimits::default());
    let step = dataset.len().div_ceil(LOOKED_AT).max(1);
    let mut sides: Vec<u32> = (0..dataset.len())
        .step_by(step)
        .filter_map(|index| {
            let (width, height) = match dataset.read(index).ok()? {
                Stored::Pixels(image) => (image.width, image.height),
                Stored::Encoded(bytes) => decoder.dimensions(&bytes).ok()?,
            };
            Some(width.min(height))
        })
        .collect();
    sides.sort_unstable();
    sides.get(sides.len() / 2).copied()
}
