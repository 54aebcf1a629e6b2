//! Evaluation crops that are kept, so that the evaluations of a run decode each image once.
//!
//! An evaluation reads its images up to six times: to score them, as voters, and for each baseline. Each needs only a
//! small crop of a large photograph. The first reader of an image therefore makes all crops that the others need: the network's crop, the pixel baselines' smaller one, and of a small data set the thumbnail.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use twist_data::{DataError, Dataset, Decoder, EvalTransform, Interpolation, Rgb8, Stored, pixels};
use twist_model::KeptCrops;

use crate::artefacts::run_thumbnail;

/// Pixels are compared at this size at most: larger images are reduced, as usual for pixel baselines.
const SIDE: u32 = 32;

/// Bytes of crops that are kept; images beyond it are decoded each time.
const MOST_BYTES: u64 = 512 << 20;

/// Thumbnails are made of all images of a data set that has no more: the report shows nearly all of them.
const THUMBNAILS: usize = 2_000;

/// The crops of some data sets.
#[derive(Debug, Default)]
pub struct Crops {
    sets: Vec<Arc<Set>>,
}

struct Set {
    dataset: Arc<dyn Dataset>,
    /// The network's transform and the pixel baselines', of the first evaluation.
    transforms: OnceLock<[EvalTransform; 2]>,
    slots: Vec<OnceLock<Option<Kept>>>,
    bytes: AtomicU64,
}

impl std::fmt::Debug for Set {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Set").field("images", &self.slots.len()).finish_non_exhaustive()
    }
}

/// What is kept of one image.
struct Kept {
    crops: [Arc<Rgb8>; 2],
    /// The file with its extension.
    thumbnail: Option<(Vec<u8>, &'static str)>,
}

impl Crops {
    /// For these data sets; nothing is read yet.
    pub(crate) fn of<'a>(datasets: impl Iterator<Item = &'a Arc<dyn Dataset>>) -> Self {
        let set = |dataset: &Arc<dyn Dataset>| {
            Arc::new(Set {
                dataset: Arc::clone(dataset),
                transforms: OnceLock::new(),
                slots: (0..dataset.len()).map(|_| OnceLock::new()).collect(),
                bytes: AtomicU64::new(0),
            })
        };
        Self { sets: datasets.map(set).collect() }
    }

    fn set(&self, dataset: &dyn Dataset) -> Option<&Arc<Set>> {
        self.sets.iter().find(|set| std::ptr::addr_eq(Arc::as_ptr(&set.dataset), std::ptr::from_ref(dataset)))
    }

    /// The thumbnail of an image, if it was made.
    pub(crate) fn thumbnail(&self, dataset: &dyn Dataset, index: usize) -> Option<&(Vec<u8>, &'static str)> {
        self.set(dataset)?.slots.get(index)?.get()?.as_ref()?.thumbnail.as_ref()
    }
}

impl KeptCrops for Crops {
    fn view(
        &self,
        dataset: &Arc<dyn Dataset>,
        transform: &EvalTransform,
    ) -> Option<(Arc<dyn Dataset>, EvalTransform)> {
        let set = self.set(&**dataset)?;
        let transforms = set.transforms.get_or_init(|| [transform.clone(), pixel_transform(transform)]);
        let which = transforms.iter().position(|known| known == transform)?;
        let rest = EvalTransform::new(transform.crop, transform.crop, transform.interpolation);
        Some((Arc::new(View { set: Arc::clone(set), which, transform: transform.clone() }), rest))
    }
}

impl Set {
    /// Decodes image `index`, if that works, its pixels are encoded, and there is room for what is made of it.
    fn fill(&self, index: usize, decoder: &mut Decoder) -> Option<Kept> {
        let transforms = self.transforms.get()?;
        let most = transforms.iter().map(|transform| 3 * u64::from(transform.crop).pow(2)).sum::<u64>();
        if self.bytes.load(Ordering::Relaxed) + most > MOST_BYTES {
            return None;
        }
        let stored = self.dataset.read(index).ok()?;
        if let Stored::Pixels(_) = stored {
            return None;
        }
        let (image, _) = self.dataset.decoded(index, &stored, decoder).ok()?;
        drop(stored);
        let crops = transforms.clone().map(|mut transform| Arc::new(cropped(&image, &mut transform)));
        let thumbnail = (self.slots.len() <= THUMBNAILS).then(|| run_thumbnail(&image)).flatten();
        let bytes = most + thumbnail.as_ref().map_or(0, |(file, _)| file.len() as u64);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Some(Kept { crops, thumbnail })
    }
}

fn cropped(image: &Rgb8, transform: &mut EvalTransform) -> Rgb8 {
    let side = transform.crop;
    let mut pixels = vec![0; 3 * side as usize * side as usize];
    transform.apply(image, &mut pixels);
    Rgb8 { width: side, height: side, pixels }
}

/// A data set of crops.
struct View {
    set: Arc<Set>,
    which: usize,
    transform: EvalTransform,
}

impl Dataset for View {
    fn len(&self) -> usize {
        self.set.dataset.len()
    }

    fn read(&self, index: usize) -> Result<Stored, DataError> {
        let slot = self.set.slots.get(index).ok_or(DataError::OutOfRange { index, len: self.len() })?;
        thread_local! { static DECODER: RefCell<Decoder> = RefCell::default(); }
        DECODER.with_borrow_mut(|decoder| {
            if let Some(kept) = slot.get_or_init(|| self.set.fill(index, decoder)) {
                return Ok(Stored::Pixels(Arc::clone(&kept.crops[self.which])));
            }
            let image = pixels(&*self.set.dataset, index, decoder)?;
            Ok(Stored::Pixels(Arc::new(cropped(&image, &mut self.transform.clone()))))
        })
    }

    fn path(&self, index: usize) -> String {
        self.set.dataset.path(index)
    }

    fn label(&self, index: usize) -> Option<u32> {
        self.set.dataset.label(index)
    }

    fn classes(&self) -> &[String] {
        self.set.dataset.classes()
    }

    fn fingerprint(&self) -> String {
        self.set.dataset.fingerprint()
    }
}

/// The evaluation's own view of the image, reduced to [`SIDE`] pixels where it is larger.
pub(crate) fn pixel_transform(transform: &EvalTransform) -> EvalTransform {
    if transform.crop <= SIDE {
        return transform.clone();
    }
    let resize = (u64::from(transform.resize) * u64::from(SIDE)).div_ceil(u64::from(transform.crop)) as u32;
    transform.with_sizes(resize, SIDE, Interpolation::Bilinear)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::atomic::AtomicUsize;

    use image::{ImageFormat, RgbImage};
    use twist_data::Interpolation;

    use super::*;

    /// PNGs of which every reading is counted.
    struct Counted(Vec<Vec<u8>>, AtomicUsize);

    impl Dataset for Counted {
        fn len(&self) -> usize {
            self.0.len()
        }

        fn read(&self, index: usize) -> Result<Stored, DataError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            Ok(Stored::Encoded(self.0[index].clone()))
        }

        fn path(&self, index: usize) -> String {
            format!("{index}.png")
        }

        fn label(&self, _: usize) -> Option<u32> {
            None
        }

        fn classes(&self) -> &[String] {
            &[]
        }

        fn fingerprint(&self) -> String {
            "counted".into()
        }
    }

    fn bytes(stored: Stored) -> Vec<u8> {
        match stored {
            Stored::Pixels(image) => image.pixels.clone(),
            Stored::Encoded(_) => Vec::new(),
        }
    }

    #[test]
    fn each_image_is_read_once_and_the_crops_are_the_same() {
        let picture = |seed: u32| {
            let image =
                RgbImage::from_fn(90 + seed, 70, |x, y| image::Rgb([x as u8, y as u8, (seed * x) as u8]));
            let mut file = Cursor::new(Vec::new());
            image.write_to(&mut file, ImageFormat::Png).unwrap();
            (image, file.into_inner())
        };
        let (images, mut files): (Vec<_>, Vec<_>) = (0..4).map(picture).unzip();
        files.push(b"not an image".to_vec());
        let counted = Arc::new(Counted(files, AtomicUsize::new(0)));
        let dataset: Arc<dyn Dataset> = counted.clone();
        let crops = Crops::of(std::iter::once(&dataset));
        let large = EvalTransform::new(64, 56, Interpolation::Bicubic);
        let small = pixel_transform(&large);
        for _ in 0..3 {
            for transform in [&large, &small] {
                let (view, rest) = crops.view(&dataset, transform).unwrap();
                assert_eq!((rest.resize, rest.crop), (transform.crop, transform.crop));
                for (index, image) in images.iter().enumerate() {
                    let image = Rgb8::new(image.width(), image.height(), image.as_raw().clone()).unwrap();
                    let mut expected = vec![0; 3 * (transform.crop as usize).pow(2)];
                    transform.clone().apply(&image, &mut expected);
                    let found = view.read(index).unwrap();
                    let mut twice = vec![0; expected.len()];
                    let Stored::Pixels(crop) = &found else { panic!("crops are pixels") };
                    rest.clone().apply(crop, &mut twice);
                    assert!(twice == expected && bytes(found) == expected, "image {index}");
                }
            }
        }
        assert_eq!(counted.1.load(Ordering::Relaxed), images.len());
        for (index, image) in images.iter().enumerate() {
            let again = Rgb8::new(image.width(), image.height(), image.as_raw().clone()).unwrap();
            assert_eq!(crops.thumbnail(&*dataset, index), run_thumbnail(&again).as_ref());
        }
        let (view, _) = crops.view(&dataset, &large).unwrap();
        assert!(view.read(4).unwrap_err().to_string().starts_with("cannot decode 4.png: "));
        assert!(crops.thumbnail(&*dataset, 4).is_none());
        let other: Arc<dyn Dataset> = Arc::new(Counted(Vec::new(), AtomicUsize::new(0)));
        assert!(crops.view(&other, &large).is_none());
        assert!(crops.view(&dataset, &EvalTransform::new(9, 9, Interpolation::Bicubic)).is_none());
    }
}
