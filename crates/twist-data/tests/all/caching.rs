//! Data sets kept in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use twist_data::{DataError, Dataset, Decoder, EvalTransform, Interpolation, Stored, in_memory, reduced};

use crate::workplace::{Workplace, png};

/// Counts reads.
struct Counted {
    images: Arc<dyn Dataset>,
    reads: AtomicUsize,
}

impl Dataset for Counted {
    fn len(&self) -> usize {
        self.images.len()
    }
    fn read(&self, index: usize) -> Result<Stored, DataError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.images.read(index)
    }
    fn path(&self, index: usize) -> String {
        self.images.path(index)
    }
    fn label(&self, index: usize) -> Option<u32> {
        self.images.label(index)
    }
    fn classes(&self) -> &[String] {
        self.images.classes()
    }
    fn fingerprint(&self) -> String {
        self.images.fingerprint()
    }
}

fn counted(broken: bool) -> (Workplace, Arc<Counted>) {
    let place = Workplace::with_images(&["a/1.png", "a/2.png", "b/3.png"]);
    if broken {
        place.write("b/4.png", b"broken");
    }
    let images = place.open("").unwrap();
    (place, Arc::new(Counted { images, reads: AtomicUsize::new(0) }))
}

#[test]
fn each_image_is_decoded_once_by_any_number_of_threads() {
    let (_place, source) = counted(false);
    let cached = in_memory(source.clone(), None, 1 << 20);
    let before = source.reads.load(Ordering::Relaxed);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for index in (0..3).cycle().take(30) {
                    let Stored::Pixels(image) = cached.read(index).unwrap() else {
                        panic!("pixels expected")
                    };
                    assert_eq!(*image, Decoder::default().decode(&png(index as u32)).unwrap());
                }
            });
        }
    });
    assert_eq!(source.reads.load(Ordering::Relaxed) - before, 3);
    assert_eq!((cached.path(2), cached.label(2), cached.classes().len()), ("b/3.png".into(), Some(1), 2));
    assert_eq!(cached.fingerprint(), source.fingerprint());
    assert!(matches!(cached.read(3), Err(DataError::OutOfRange { .. })));
}

#[test]
fn what_does_not_fit_or_decode_is_passed_through() {
    let (_place, source) = counted(true);
    let unchanged = in_memory(source.clone(), None, 100);
    assert!(matches!(unchanged.read(0).unwrap(), Stored::Encoded(_)));
    let cached = in_memory(source, None, 1 << 20);
    assert!(matches!(cached.read(0).unwrap(), Stored::Pixels(_)));
    assert!(matches!(cached.read(3).unwrap(), Stored::Encoded(bytes) if bytes == b"broken"));
}

#[test]
fn large_images_are_reduced_once_and_small_ones_left_alone() {
    let (_place, source) = counted(true);
    let pixels = |stored: Stored| match stored {
        Stored::Pixels(image) => image,
        Stored::Encoded(_) => panic!("pixels expected"),
    };
    let whole = Decoder::default().decode(&png(0)).unwrap();
    let shorter = whole.width.min(whole.height);
    assert_eq!(*pixels(reduced(source.clone(), shorter).read(0).unwrap()), whole);

    let half = shorter / 2;
    let small = pixels(reduced(source.clone(), half).read(0).unwrap());
    assert_eq!((small.width, small.height), (half, half), "of {} x {}", whole.width, whole.height);
    let mut expected = vec![0; 3 * (half as usize).pow(2)];
    EvalTransform::new(half, half, Interpolation::Bicubic).apply(&whole, &mut expected);
    assert_eq!(small.pixels, expected, "as the evaluation resizes");

    let before = source.reads.load(Ordering::Relaxed);
    let kept = in_memory(source.clone(), Some(half), 1 << 20);
    let probes = source.reads.load(Ordering::Relaxed) - before;
    assert_eq!(pixels(kept.read(0).unwrap()), small);
    assert_eq!(pixels(kept.read(0).unwrap()), small);
    assert_eq!(source.reads.load(Ordering::Relaxed) - before - probes, 1, "decoded once");
    assert!(matches!(kept.read(3), Err(DataError::Decode { path, .. }) if path == "b/4.png"));
    let uncached = in_memory(source, Some(half), 10);
    assert_eq!(pixels(uncached.read(0).unwrap()), small, "reduced, kept or not");
}
