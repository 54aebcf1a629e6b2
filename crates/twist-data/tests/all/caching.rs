//! Data sets kept in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use twist_data::{
    DataError, Dataset, Decoded, Decoder, EvalTransform, Interpolation, Stored, in_memory, large_once, noted,
    pixels, reduced,
};

use crate::workplace::{Workplace, png};

/// Counts reads and decodings.
struct Counted {
    images: Arc<dyn Dataset>,
    reads: AtomicUsize,
    decodings: AtomicUsize,
}

impl Dataset for Counted {
    fn len(&self) -> usize {
        self.images.len()
    }
    fn read(&self, index: usize) -> Result<Stored, DataError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.images.read(index)
    }
    fn decoded(&self, index: usize, stored: &Stored, decoder: &mut Decoder) -> Decoded {
        if let Stored::Encoded(_) = stored {
            self.decodings.fetch_add(1, Ordering::Relaxed);
        }
        self.images.decoded(index, stored, decoder)
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
    (place, Arc::new(Counted { images, reads: AtomicUsize::new(0), decodings: AtomicUsize::new(0) }))
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

/// A black PNG of one bit a pixel, and the same without its end.
fn large(width: u32, height: u32) -> [Vec<u8>; 2] {
    let mut file = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut file, width, height);
    encoder.set_depth(::png::BitDepth::One);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&vec![0; width.div_ceil(8) as usize * height as usize]).unwrap();
    writer.finish().unwrap();
    let cut = file[..file.len() * 3 / 4].to_vec();
    [file, cut]
}

#[test]
fn very_large_images_are_decoded_once_for_all_who_look() {
    let place = Workplace::with_images(&["a.png"]);
    let [whole, cut] = large(65_535, 1_025);
    place.write("b.png", &whole);
    place.write("c.png", &cut);
    let images = place.open("").unwrap();
    let source = Arc::new(Counted { images, reads: AtomicUsize::new(0), decodings: AtomicUsize::new(0) });
    let shared = large_once(source.clone());
    let mut decoder = Decoder::default();
    let (training, _) = noted(shared.clone());
    let training = in_memory(training, None, 1 << 30);
    let first = pixels(&*shared, 1, &mut decoder).unwrap();
    assert_eq!((first.width, first.height), (65_535, 1_025));
    assert!(first.pixels.iter().all(|&value| value == 0));
    for _ in 0..2 {
        assert!(Arc::ptr_eq(&first, &pixels(&*shared, 1, &mut decoder).unwrap()));
        assert!(Arc::ptr_eq(&first, &pixels(&*training, 1, &mut decoder).unwrap()));
    }
    assert_eq!(source.decodings.swap(0, Ordering::Relaxed), 1);
    let said: Vec<String> =
        (0..2).map(|_| pixels(&*shared, 2, &mut decoder).unwrap_err().to_string()).collect();
    assert!(
        said[0] == said[1] && said[0].starts_with("cannot decode c.png: damaged or cut-off PNG"),
        "{said:?}"
    );
    assert_eq!(source.decodings.swap(0, Ordering::Relaxed), 1, "damage is found once as well");
    (0..2).for_each(|_| drop(pixels(&*shared, 0, &mut decoder).unwrap()));
    assert_eq!(source.decodings.load(Ordering::Relaxed), 2, "what takes no time is not kept");
}
