//! Data sets kept in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use twist_data::{DataError, Dataset, Decoder, Stored, in_memory};

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
    let cached = in_memory(source.clone(), 1 << 20);
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
    let unchanged = in_memory(source.clone(), 100);
    assert!(matches!(unchanged.read(0).unwrap(), Stored::Encoded(_)));
    let cached = in_memory(source, 1 << 20);
    assert!(matches!(cached.read(0).unwrap(), Stored::Pixels(_)));
    assert!(matches!(cached.read(3).unwrap(), Stored::Encoded(bytes) if bytes == b"broken"));
}
