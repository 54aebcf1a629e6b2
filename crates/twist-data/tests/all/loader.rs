//! Batches: order, contents, replacement, back-pressure and shutdown.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use twist_data::{
    Augmenter, Batch, BatchRequest, DataError, Decoder, DrawKey, EvalTransform, Interpolation, Loader,
    LoaderOptions, Pipeline, Sampler, Stored, ViewPolicy, draw,
};

use crate::pictures::Files;

fn views() -> Pipeline {
    let policies = vec![
        ViewPolicy::new("view1", 32, [0.2, 1.0], 0.5, 0.2),
        ViewPolicy::new("small", 16, [0.05, 0.4], 0.5, 0.0),
        ViewPolicy::new("view2", 32, [0.2, 1.0], 1.0, 0.0),
    ];
    Pipeline::Views { policies, seed: 7 }
}

fn options(threads: usize, prefetch: usize) -> LoaderOptions {
    LoaderOptions { threads, prefetch, ..LoaderOptions::default() }
}

fn requests(steps: usize) -> impl Iterator<Item = BatchRequest> + Send + 'static {
    Sampler::new(23, 6, 3).unwrap().batches_from(0).take(steps)
}

fn collect(mut loader: Loader, recycle: bool) -> Vec<Batch> {
    let mut batches = Vec::new();
    while let Some(batch) = loader.next() {
        let batch = batch.unwrap();
        batches.push(batch.clone());
        if recycle {
            loader.recycle(batch);
        }
    }
    batches
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let data = Files::new(23, &[4, 5, 11, 22]);
    let expected: Vec<BatchRequest> = requests(12).collect();
    let load = |threads, prefetch, recycle| {
        collect(
            Loader::new(data.clone(), views(), requests(12), options(threads, prefetch)).unwrap(),
            recycle,
        )
    };
    let one = load(1, 1, false);
    assert_eq!(one.len(), 12);
    for (batch, request) in one.iter().zip(&expected) {
        let replaced = |index: &u32| match index {
            4 | 5 => 6,
            11 => 12,
            22 => 0,
            other => *other,
        };
        assert_eq!(batch.indices, request.indices.iter().map(replaced).collect::<Vec<_>>());
        let unreadable: Vec<u32> = request
            .indices
            .iter()
            .flat_map(|index| match index {
                4 => vec![4, 5],
                5 | 11 | 22 => vec![*index],
                _ => vec![],
            })
            .collect();
        assert_eq!(batch.skipped.iter().map(|s| s.index).collect::<Vec<_>>(), unreadable);
        assert!(
            batch
                .skipped
                .iter()
                .all(|s| s.path == format!("picture {}", s.index) && s.reason.starts_with("not an image"))
        );
    }
    assert_eq!(one, load(4, 3, true));
    assert_eq!(one, load(3, 8, false));
}

#[test]
fn a_batch_holds_the_views_of_its_images() {
    let data = Files::new(23, &[]);
    let batches = collect(Loader::new(data.clone(), views(), requests(5), options(2, 2)).unwrap(), true);
    let Pipeline::Views { policies, seed } = views() else { unreachable!() };
    let mut compared = 0;
    for (batch, request) in batches.iter().zip(requests(5)) {
        assert_eq!(
            batch.groups.iter().map(|g| (g.size, g.views, g.batch)).collect::<Vec<_>>(),
            [(32, 2, 6), (16, 1, 6)]
        );
        for (slot, &index) in batch.indices.iter().enumerate() {
            let image = match &data.0[index as usize] {
                Stored::Encoded(bytes) => Decoder::default().decode(bytes).unwrap(),
                Stored::Pixels(image) => image.as_ref().clone(),
            };
            for (view, (group, rank)) in [(0, 0), (1, 0), (0, 1)].into_iter().enumerate() {
                let key = DrawKey { seed, epoch: request.epoch, sample: u64::from(index), view: view as u32 };
                let draw = draw(&policies[view], key, image.width, image.height);
                let bytes = 3 * (policies[view].size as usize).pow(2);
                let mut expected = vec![0; bytes];
                Augmenter::new().apply(&image, &policies[view], &draw, &mut expected);
                let at = (rank * 6 + slot) * bytes;
                assert_eq!(
                    batch.groups[group].pixels[at..at + bytes],
                    expected,
                    "view {view} of image {index}"
                );
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 5 * 6 * 3);
}

#[test]
fn evaluation_leaves_unreadable_images_out() {
    let data = Files::new(10, &[2, 9]);
    let pipeline = Pipeline::Eval(EvalTransform::new(20, 16, Interpolation::Bicubic));
    let list = vec![
        BatchRequest { epoch: 0, indices: (0..6).collect() },
        BatchRequest { epoch: 0, indices: (6..10).collect() },
    ];
    let batches = collect(Loader::new(data, pipeline, list.into_iter(), options(3, 2)).unwrap(), false);
    assert_eq!(
        batches.iter().map(|b| b.indices.clone()).collect::<Vec<_>>(),
        [vec![0, 1, 3, 4, 5], vec![6, 7, 8]]
    );
    assert_eq!(batches.iter().map(|b| b.skipped[0].index).collect::<Vec<_>>(), [2, 9]);
    for batch in &batches {
        assert_eq!(batch.groups[0].batch as usize, batch.indices.len());
        assert_eq!(batch.groups[0].pixels.len(), batch.indices.len() * 16 * 16 * 3);
    }
    // What moved up is the image itself.
    let data = Files::new(10, &[]);
    let alone = vec![BatchRequest { epoch: 0, indices: vec![3] }];
    let pipeline = Pipeline::Eval(EvalTransform::new(20, 16, Interpolation::Bicubic));
    let three = collect(Loader::new(data, pipeline, alone.into_iter(), options(1, 1)).unwrap(), false);
    assert_eq!(batches[0].groups[0].pixels[2 * 768..3 * 768], three[0].groups[0].pixels);
}

#[test]
fn strict_stops_at_the_first_unreadable_image() {
    let data = Files::new(23, &[4, 5, 11, 22]);
    let strict = LoaderOptions { strict: true, ..options(3, 2) };
    let mut loader = Loader::new(data, views(), requests(12), strict).unwrap();
    let first_bad = requests(12).position(|r| r.indices.iter().any(|i| [4, 5, 11, 22].contains(i))).unwrap();
    for _ in 0..first_bad {
        assert!(loader.next().unwrap().is_ok());
    }
    let error = loader.next().unwrap().unwrap_err();
    assert!(matches!(&error, DataError::Decode { path, .. } if path.starts_with("picture")), "{error}");
    assert!(loader.next().is_none());
}

#[test]
fn nothing_readable_is_an_error_and_not_a_loop() {
    let broken: Vec<u32> = (0..23).collect();
    let mut loader = Loader::new(Files::new(23, &broken), views(), requests(2), options(2, 2)).unwrap();
    let error = loader.next().unwrap().unwrap_err();
    assert!(error.to_string().starts_with("none of the 23 images can be read"), "{error}");
}

#[test]
fn no_more_batches_are_begun_than_allowed() {
    const PREFETCH: usize = 3;
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    static MOST_AHEAD: AtomicUsize = AtomicUsize::new(0);
    let endless = Sampler::new(23, 6, 3).unwrap().batches_from(0).enumerate().map(|(asked, request)| {
        MOST_AHEAD.fetch_max((asked + 1).saturating_sub(TAKEN.load(Ordering::SeqCst)), Ordering::SeqCst);
        request
    });
    let mut loader = Loader::new(Files::new(23, &[]), views(), endless, options(2, PREFETCH)).unwrap();
    for _ in 0..40 {
        // Counted before it is taken: the loader may ask for the next one as soon as it hands this one out.
        TAKEN.fetch_add(1, Ordering::SeqCst);
        loader.next().unwrap().unwrap();
    }
    // The request after the last permitted one may be waiting for its permit.
    let ahead = MOST_AHEAD.load(Ordering::SeqCst);
    assert!((1..=PREFETCH + 1).contains(&ahead), "{ahead} batches were begun beyond those taken");
}

#[test]
fn a_dropped_loader_has_let_go_of_its_data() {
    for taken in [0, 1, 3] {
        let data = Files::new(23, &[]);
        let held = Arc::downgrade(&data);
        let endless = Sampler::new(23, 6, 3).unwrap().batches_from(0);
        let mut loader = Loader::new(data, views(), endless, options(3, 4)).unwrap();
        for _ in 0..taken {
            loader.next().unwrap().unwrap();
        }
        assert!(held.strong_count() > 0, "the loader reads from it");
        drop(loader);
        assert_eq!(held.strong_count(), 0, "after {taken} batches a thread still holds the data");
    }
}

#[test]
fn impossible_options_are_refused() {
    let load = |pipeline, options| {
        Loader::new(Files::new(3, &[]), pipeline, std::iter::empty(), options).err().unwrap()
    };
    assert!(load(views(), options(0, 1)).to_string().contains("threads"));
    assert!(load(views(), options(1, 0)).to_string().contains("prefetch"));
    assert!(load(Pipeline::Views { policies: vec![], seed: 0 }, options(1, 1)).to_string().contains("views"));
    let Pipeline::Views { mut policies, seed } = views() else { unreachable!() };
    policies[1].flip = 2.0;
    assert!(load(Pipeline::Views { policies, seed }, options(1, 1)).to_string().contains("flip"));
    let eval = Pipeline::Eval(EvalTransform::new(16, 20, Interpolation::Bicubic));
    assert!(load(eval, options(1, 1)).to_string().contains("resize"));
}
