//! Measures how fast images become input for a network, for comparison with other programs.

use std::fmt;
use std::str::FromStr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::augment::{Augmenter, DrawKey, Normalize, ViewPolicy, draw};
use crate::decode::Decoder;
use crate::error::DataError;

/// What is done with each image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PipelineMode {
    /// Decoding alone.
    Decode,
    /// Decoding, and the paper's two views of 224 pixels as floats.
    TwoView,
    /// Decoding, and two views of 224 and twelve of 96 pixels as floats.
    MultiCrop,
}

impl PipelineMode {
    fn policies(self) -> Vec<ViewPolicy> {
        let globals = |scale| {
            let view = |name, blur, solarize| ViewPolicy::new(name, 224, scale, blur, solarize);
            vec![view("view1", 1.0, 0.0), view("view2", 0.1, 0.2)]
        };
        match self {
            Self::Decode => Vec::new(),
            Self::TwoView => globals([0.08, 1.0]),
            Self::MultiCrop => {
                let mut policies = globals([0.4, 1.0]);
                policies.resize(2 + 12, ViewPolicy::new("local", 96, [0.05, 0.4], 0.5, 0.0));
                policies
            }
        }
    }
}

impl fmt::Display for PipelineMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Decode => "decode",
            Self::TwoView => "two_view",
            Self::MultiCrop => "multi_crop",
        })
    }
}

impl FromStr for PipelineMode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let modes = [Self::Decode, Self::TwoView, Self::MultiCrop];
        let found = modes.into_iter().find(|mode| mode.to_string() == text);
        found.ok_or_else(|| format!("{text:?} is not a mode: choose decode, two_view or multi_crop"))
    }
}

/// Result of [`pipeline`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PipelineFigures {
    /// What was done.
    pub mode: PipelineMode,
    /// Images that it was done with.
    pub images: usize,
    /// Threads that did it.
    pub threads: usize,
    /// Views of each image.
    pub views: usize,
    /// Images per second of processor time, all threads together.
    pub images_per_cpu_second: f64,
    /// Images per second of the clock on the wall.
    pub images_per_second: f64,
}

/// Images that are worked on before the clock starts, to fault in code and buffers.
const WARM_UP: usize = 10;

/// Decodes every file once, makes the views of `mode` and normalises them, on `threads` threads (at least one), from
/// bytes in memory.
///
/// # Errors
/// The first file that cannot be decoded, named by its place in the list.
pub fn pipeline(files: &[Vec<u8>], mode: PipelineMode, threads: usize) -> Result<PipelineFigures, DataError> {
    let threads = threads.max(1);
    let policies = mode.policies();
    run(&files[..files.len().min(WARM_UP)], &policies, 1)?;
    let (wall, processor) = (Instant::now(), processor_seconds());
    run(files, &policies, threads)?;
    let per_second = |seconds: f64| if seconds > 0.0 { files.len() as f64 / seconds } else { 0.0 };
    Ok(PipelineFigures {
        mode,
        images: files.len(),
        threads,
        views: policies.len(),
        images_per_cpu_second: per_second(processor_seconds() - processor),
        images_per_second: per_second(wall.elapsed().as_secs_f64()),
    })
}

/// All files, shared between threads.
fn run(files: &[Vec<u8>], policies: &[ViewPolicy], threads: usize) -> Result<(), DataError> {
    let next = AtomicUsize::new(0);
    let failure = Mutex::new(None);
    let work = || {
        let (mut decoder, mut augmenter) = (Decoder::default(), Augmenter::new());
        let (mut view, mut floats) = (Vec::new(), Vec::new());
        while let Some((index, bytes)) = take(files, &next) {
            let image = match decoder.decode(bytes) {
                Ok(image) => image,
                Err(source) => {
                    let path = format!("image {index}");
                    failure
                        .lock()
                        .unwrap_or_else(|e| e.into_inner())
                        .get_or_insert(DataError::Decode { path, source });
                    return;
                }
            };
            for (number, policy) in (0..).zip(policies) {
                let key = DrawKey { seed: 0, epoch: 0, sample: index as u64, view: number };
                let draw = draw(policy, key, image.width, image.height);
                let values = 3 * (policy.size as usize).pow(2);
                view.resize(values, 0);
                floats.resize(values, 0.0);
                augmenter.apply(&image, policy, &draw, &mut view);
                Normalize::IMAGENET.apply(&view, &mut floats);
                // Nobody reads the result, which must not be a reason to leave the work out.
                std::hint::black_box(&floats);
            }
            std::hint::black_box(&image);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    failure.into_inner().unwrap_or_else(|e| e.into_inner()).map_or(Ok(()), Err)
}

/// The next file that no thread has.
fn take<'a>(files: &'a [Vec<u8>], next: &AtomicUsize) -> Option<(usize, &'a [u8])> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    files.get(index).map(|bytes| (index, bytes.as_slice()))
}

/// Processor time of this process so far, in seconds.
fn processor_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIXEL: [u8; 58] = [
        b'B', b'M', 58, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 24, 0,
        0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0,
    ];

    #[test]
    fn every_mode_measures_every_image() {
        let files = vec![PIXEL.to_vec(); 3];
        for (name, views) in [("decode", 0), ("two_view", 2), ("multi_crop", 14)] {
            let figures = pipeline(&files, name.parse().unwrap(), 2).unwrap();
            assert_eq!((figures.images, figures.threads, figures.views), (3, 2, views));
            assert!(figures.images_per_cpu_second > 0.0 && figures.images_per_second > 0.0, "{figures:?}");
        }
        assert!("three_view".parse::<PipelineMode>().unwrap_err().contains("multi_crop"));
    }

    #[test]
    fn a_broken_file_is_named() {
        let files = vec![PIXEL.to_vec(), b"BM".to_vec()];
        let error = pipeline(&files, PipelineMode::Decode, 1).unwrap_err();
        assert!(error.to_string().contains("image 1"), "{error}");
    }
}
