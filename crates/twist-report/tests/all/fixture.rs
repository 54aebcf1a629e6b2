//! Plausible run folders, made from procedurally drawn images and invented curves.

use std::fmt::Write;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, FixedSizeListArray, Float32Array, Int32Array, RecordBatch, StringArray, UInt32Array,
};
use arrow_schema::{DataType, Field};
use image::{ImageFormat, Rgb, RgbImage};
use parquet::arrow::ArrowWriter;

/// Numbers per embedding.
const WIDTH: usize = 32;
/// Epochs of the invented training.
const EPOCHS: usize = 40;
/// Steps of an epoch.
const STEPS: usize = 25;

/// What a run folder is to look like.
#[derive(Clone)]
pub(crate) struct Fixture {
    /// Name of the folder.
    pub(crate) name: &'static str,
    /// Number of labels, and of discovered classes.
    pub(crate) classes: usize,
    /// Number of images.
    pub(crate) images: usize,
    /// Share of images that are put into a wrong class.
    pub(crate) wrong: f64,
    /// Whether images have labels.
    pub(crate) labels: bool,
    /// Name of each class; the label's number is appended when it is empty.
    pub(crate) names: Vec<String>,
    /// What distinguishes runs.
    pub(crate) seed: u64,
    /// How many images are copies of the one before them, from the second image on.
    pub(crate) copies: usize,
    /// Whether the tables have the columns of older versions.
    pub(crate) older: bool,
    /// Whether all images have nearly the same features.
    pub(crate) blind: bool,
    /// The class that the last image is put into, whatever the network has.
    pub(crate) highest: Option<u32>,
}

impl Default for Fixture {
    fn default() -> Self {
        let names =
            ["disc", "square", "triangle", "ring", "cross", "stripes", "checks", "star", "half moon", "dots"];
        Self {
            name: "demo",
            classes: 10,
            images: 1000,
            wrong: 0.07,
            labels: true,
            names: names.map(String::from).to_vec(),
            seed: 1,
            copies: 0,
            older: false,
            blind: false,
            highest: None,
        }
    }
}

/// SplitMix64: a fixture is the same on every machine.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f64 {
        let bits = twist_io::splitmix(self.0);
        self.0 = self.0.wrapping_add(twist_io::GOLDEN);
        (bits >> 11) as f64 / (1u64 << 53) as f64
    }
}

impl Fixture {
    /// Writes the whole run into `parent` and returns its folder.
    pub(crate) fn write(&self, parent: &Path) -> PathBuf {
        let folder = parent.join(self.name);
        fs_err::create_dir_all(&folder).unwrap();
        let put = |name: &str, bytes: Vec<u8>| fs_err::write(folder.join(name), bytes).unwrap();
        put("config.toml", self.recipe().into_bytes());
        put("plan.json", self.plan().into_bytes());
        put(
            "data.json",
            br#"{"recipe": "demo", "train": "shapes:train", "held_out": null, "labels": "auto"}"#.to_vec(),
        );
        put("log.jsonl", self.log().into_bytes());
        put("metrics.json", self.metrics().into_bytes());
        put("augmentation.png", contact_sheet());
        self.write_samples(&folder);
        folder
    }

    fn name_of(&self, label: usize) -> String {
        self.names.get(label).cloned().unwrap_or_else(|| format!("kind {label}"))
    }

    fn recipe(&self) -> String {
        format!(
            "# demo: classes of drawn shapes, found without labels\n# twist demo   # 2 cores, 3 minutes, ACC 0.93 (measured here)\n\
             [model]\narch = \"resnet18_cifar\"\nwidth = 16   # channels of the stem\ndim = {}\nactivation = \"relu\"\n\n\
             [loss]\nlam1 = 0.0\nlam2 = 1.0\n\n[[views]]\nname = \"view1\"\nsize = 32\nscale = [0.2, 1.0]\n\n\
             [[views]]\nname = \"view2\"\nsize = 32\nscale = [0.2, 1.0]\nsolarize = 0.2\n\n\
             [optim]\nname = \"sgd\"\nlr = {}\n\n[schedule]\nepochs = {EPOCHS}\nwarmup_epochs = 2\n\n\
             [train]\nbatch_size = 128\nseed = {}\n",
            self.classes,
            0.05 * self.seed as f64,
            self.seed
        )
    }

    fn plan(&self) -> String {
        let steps = EPOCHS * STEPS;
        format!(
            r#"{{"data_fingerprint": "00ff", "steps": {steps}, "steps_per_epoch": {STEPS}, "optim": {{"peak_learning_rate": 0.025}}, "threads": 2, "views": [{{"size": 32}}]}}"#
        )
    }

    /// Curves of a run that learns, resumes once, and finishes.
    pub(crate) fn log(&self) -> String {
        let mut draw = Draw(self.seed);
        let mut log = format!(
            "{{\"event\":\"start\",\"step\":0,\"epoch\":0.0,\"time\":\"2026-03-01T10:00:00Z\",\"version\":\"0.1.0\",\"recipe_name\":\"demo\",\
             \"device\":\"cpu\",\"precision\":\"fp32\",\"threads\":2,\"images\":5000,\"classes\":{},\"seed\":{}}}\n",
            self.classes, self.seed
        );
        let log_k = (self.classes as f64).ln();
        for step in (5..=EPOCHS * STEPS).step_by(5) {
            let epoch = step as f64 / STEPS as f64;
            let done = 1.0 - (-epoch / (6.0 + self.seed as f64)).exp();
            let mut noise = |size: f64| (draw.next() - 0.5) * size;
            let diversity = log_k * (0.35 + 0.64 * done) + noise(0.04);
            let (sharpness, kl) =
                (log_k * (0.9 - 0.75 * done) + noise(0.1), 0.6 * (1.0 - done) + 0.12 + noise(0.06));
            let rate = if epoch < 2.0 {
                epoch / 2.0
            } else {
                0.5 + 0.5 * (std::f64::consts::PI * epoch / EPOCHS as f64).cos()
            };
            let used = (self.classes as f64 * (0.3 + 0.7 * done) + noise(1.0))
                .round()
                .clamp(1.0, self.classes as f64);
            let _ = writeln!(
                log,
                "{{\"event\":\"step\",\"step\":{step},\"epoch\":{epoch},\"time\":\"2026-03-01T10:00:09Z\",\"loss\":{},\"kl\":{kl},\"sharpness\":{sharpness},\
                 \"diversity\":{diversity},\"classes_in_use\":{used},\"learning_rate\":{},\"weight_decay\":0.0005,\"grad_norm\":{},\"images_per_second\":{}}}",
                kl + sharpness - diversity,
                rate * 0.05,
                1.5 - done + noise(0.6),
                1400.0 + noise(300.0)
            );
            if step == 500 {
                log += "{\"event\":\"resumed\",\"step\":500,\"epoch\":20.0,\"time\":\"2026-03-01T10:01:40.5Z\"}\n";
            }
            if step % (2 * STEPS) == 0 {
                let score = |top: f64| {
                    if self.labels { format!("{:.4}", top * (0.15 + 0.85 * done)) } else { "null".into() }
                };
                let _ = writeln!(
                    log,
                    "{{\"event\":\"eval\",\"step\":{step},\"epoch\":{epoch},\"time\":\"2026-03-01T10:00:10Z\",\"knn_top1\":{},\"nmi\":{},\"ami\":{},\"ari\":{},\
                     \"accuracy_one_to_one\":{},\"accuracy_many_to_one\":{},\"classes_in_use\":{used}}}\n\
                     {{\"event\":\"checkpoint\",\"step\":{step},\"epoch\":{epoch},\"time\":\"2026-03-01T10:00:11Z\",\"path\":\"checkpoints/step-{step:08}.safetensors\"}}",
                    score(0.96),
                    score(0.88),
                    score(0.87),
                    score(0.85),
                    score(1.0 - self.wrong),
                    score(1.0 - self.wrong)
                );
            }
        }
        log += "{\"event\":\"skipped_image\",\"step\":7,\"epoch\":0.3,\"time\":\"2026-03-01T10:00:02Z\",\"path\":\"broken/one.jpg\",\"reason\":\"the file ends early\"}\n";
        log += "{\"event\":\"warning\",\"step\":9,\"epoch\":0.4,\"time\":\"2026-03-01T10:00:03Z\",\"message\":\"the disk is nearly full\"}\n";
        log += "{\"event\":\"done\",\"step\":1000,\"epoch\":40.0,\"time\":\"2026-03-01T10:02:45Z\",\"seconds\":165.2}\n";
        log
    }

    fn metrics(&self) -> String {
        let right = 1.0 - self.wrong;
        let scores = if self.labels {
            format!(
                r#""knn_top1": 0.968, "accuracy_one_to_one": {right}, "accuracy_many_to_one": {right}, "nmi": 0.891, "ami": 0.889, "ari": 0.862, "fowlkes_mallows": 0.874,"#
            )
        } else {
            String::new()
        };
        let baselines = r#"{"knn_pixels_top1": 0.384, "knn_random_backbone_top1": 0.512, "kmeans_pixels_accuracy": 0.213, "kmeans_histogram_accuracy": 0.184}"#;
        format!(
            r#"{{{scores} "classes_in_use": {}, "images_per_second": {}, "mean_confidence": 0.91, "minutes": {}, "peak_memory_gib": 1.24,
              "protocol": {{"evaluated_on": "training images", "evaluated_images": {}, "clusters": {}, "baselines": {{"kmeans_clusters": {}}}, "knn": {{"k": 20, "temperature": 0.1, "queries": 100}}, "transform": {{"resize": 32, "crop": 32}}}},
              "baselines": {}}}"#,
            self.classes,
            1400 + 10 * self.seed,
            2.75 + self.seed as f64 / 10.0,
            self.images,
            self.classes,
            self.classes,
            if self.labels { baselines } else { "{}" }
        )
    }

    fn write_samples(&self, folder: &Path) {
        let mut draw = Draw(self.seed + 100);
        let n = self.images;
        let (mut label, mut cluster, mut sure, mut second, mut second_sure) =
            (vec![], vec![], vec![], vec![], vec![]);
        let (mut embedding, mut paths, mut names) =
            (Vec::<f32>::with_capacity(n * WIDTH), Vec::with_capacity(n), Vec::with_capacity(n));
        let mut csv = String::from("index,path,label,class\n");
        let mut archive = tar::Builder::new(Vec::new());
        let mut bytes = Vec::new();
        for i in 0..n {
            let kind = i % self.classes;
            let shown = if draw.next() < self.wrong {
                (kind + 1 + (draw.next() * 2.0) as usize) % self.classes
            } else {
                kind
            };
            // Discovered numbers are not the labels': the report has to find the assignment.
            let number = (shown * 7 + 3) % self.classes;
            let p = if shown == kind { 1.0 - draw.next().powi(3) * 0.5 } else { 0.4 + 0.3 * draw.next() };
            label.push(self.labels.then_some(kind as i32));
            cluster.push(number as i32);
            sure.push(p as f32);
            second.push(((number + 1) % self.classes) as i32);
            second_sure.push(((1.0 - p) * 0.8) as f32);
            let copy = i % 2 == 1 && i < 2 * self.copies;
            if copy {
                embedding.extend_from_within(embedding.len() - WIDTH..);
            } else {
                let mut features = point(&mut draw, kind, shown, self.classes);
                if self.blind {
                    features
                        .iter_mut()
                        .enumerate()
                        .for_each(|(i, x)| *x = if i == 0 { 1.0 } else { *x * 0.05 });
                    let norm = features.iter().map(|x| x * x).sum::<f32>().sqrt();
                    features.iter_mut().for_each(|x| *x /= norm);
                }
                embedding.extend(features);
            }
            paths.push(format!("test/{}/{i:05}.png", self.name_of(kind)));
            names.push(self.labels.then(|| self.name_of(kind)));
            let name = self.name_of(kind).replace('"', "\"\"");
            let label_text = if self.labels { kind.to_string() } else { String::new() };
            let _ = writeln!(
                csv,
                "{i},\"test/{name}/{i:05}.png\",{label_text},\"{}\"",
                if self.labels { &name } else { "" }
            );

            if !copy {
                bytes.clear();
                drawing(&mut draw, kind).write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
            }
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, format!("{i:08}.png"), bytes.as_slice()).unwrap();
        }
        fs_err::write(folder.join("thumbnails.tar"), archive.into_inner().unwrap()).unwrap();
        if self.older {
            fs_err::write(folder.join("images.csv"), csv).unwrap();
        }

        let item = Arc::new(Field::new("item", DataType::Float32, true));
        let lists =
            FixedSizeListArray::new(item, WIDTH as i32, Arc::new(Float32Array::from(embedding)), None);
        // The two of the other columns, and a third that has half of what they leave.
        let mut ranked = (Vec::new(), Vec::new());
        for i in 0..n {
            let third = (cluster[i] + 2) % self.classes as i32;
            ranked.0.extend([cluster[i], second[i], third]);
            ranked.1.extend([sure[i], second_sure[i], (1.0 - sure[i] - second_sure[i]) / 2.0]);
        }
        let list = |values: ArrayRef| -> ArrayRef {
            let item = Arc::new(Field::new("item", values.data_type().clone(), true));
            Arc::new(FixedSizeListArray::new(item, 3, values, None))
        };
        let mut said: Vec<u32> = ranked.0.iter().map(|class| *class as u32).collect();
        if let Some(highest) = self.highest {
            said[0] = highest;
        }
        let mut columns: Vec<(&str, ArrayRef)> = vec![
            ("index", Arc::new(Int32Array::from_iter_values(0..n as i32))),
            ("cluster", Arc::new(Int32Array::from(cluster))),
            ("clusters", list(Arc::new(UInt32Array::from(said)))),
            ("probabilities", list(Arc::new(Float32Array::from(ranked.1)))),
            ("embedding", Arc::new(lists)),
        ];
        if self.older {
            columns.push(("label", Arc::new(Int32Array::from(label))));
            columns.push(("confidence", Arc::new(Float32Array::from(sure))));
            columns.push(("second_cluster", Arc::new(Int32Array::from(second))));
            columns.push(("second_confidence", Arc::new(Float32Array::from(second_sure))));
        } else {
            columns.push(("path", Arc::new(StringArray::from(paths))));
            columns.push(("label", Arc::new(StringArray::from_iter(names))));
            columns.push(("label_index", Arc::new(Int32Array::from(label))));
            columns.push(("probability", Arc::new(Float32Array::from(sure))));
        }
        let columns = columns.into_iter().map(|(name, array)| (name, array, true));
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        fs_err::write(folder.join("embeddings.parquet"), bytes).unwrap();
    }
}

/// A point near the centre of `kind`, drawn towards that of `shown`, on the unit sphere.
fn point(draw: &mut Draw, kind: usize, shown: usize, classes: usize) -> Vec<f32> {
    let centre =
        |class: usize, i: usize| ((class * 31 + i * 17) as f64 * 0.7 + (class * i) as f64 * 0.37).sin();
    let spread = if classes > 20 { 1.0 } else { 1.8 };
    let mut point: Vec<f64> = (0..WIDTH)
        .map(|i| 0.6 * centre(shown, i) + 0.4 * centre(kind, i) + (draw.next() + draw.next() - 1.0) * spread)
        .collect();
    let norm = point.iter().map(|x| x * x).sum::<f64>().sqrt();
    point.iter_mut().for_each(|x| *x /= norm);
    point.into_iter().map(|x| x as f32).collect()
}

/// A shape of the given kind with random colours, place, size, turn and noise.
fn drawing(draw: &mut Draw, kind: usize) -> RgbImage {
    let mut color = || [draw.next(), draw.next(), draw.next()].map(|x| 30.0 + 200.0 * x);
    let (front, back) = (color(), color());
    let (cx, cy, size) = (12.0 + 8.0 * draw.next(), 12.0 + 8.0 * draw.next(), 7.0 + 5.0 * draw.next());
    let (sin, cos) = (draw.next() * std::f64::consts::TAU).sin_cos();
    RgbImage::from_fn(32, 32, |x, y| {
        let (dx, dy) = ((f64::from(x) - cx) / size, (f64::from(y) - cy) / size);
        let (u, v) = (dx * cos - dy * sin, dx * sin + dy * cos);
        let radius = u.hypot(v);
        let inside = match kind % 10 {
            0 => radius < 1.0,
            1 => u.abs().max(v.abs()) < 0.85,
            2 => v > -0.7 && v + u.abs() * 1.8 < 1.0,
            3 => (0.55..1.0).contains(&radius),
            4 => u.abs().min(v.abs()) < 0.28 && radius < 1.1,
            5 => radius < 1.1 && (u * 5.0).sin() > 0.0,
            6 => radius < 1.1 && (u * 4.0).sin() * (v * 4.0).sin() > 0.0,
            7 => radius < 0.6 + 0.4 * (5.0 * v.atan2(u)).cos(),
            8 => radius < 1.0 && (u - 0.5).hypot(v) > 0.8,
            _ => radius < 1.1 && (u * 6.0).sin() > 0.3 && (v * 6.0).sin() > 0.3,
        };
        let base = if inside { front } else { back };
        Rgb(base.map(|value| (value + (draw.next() - 0.5) * 40.0).clamp(0.0, 255.0) as u8))
    })
}

/// Four images with six views each.
fn contact_sheet() -> Vec<u8> {
    let mut draw = Draw(9);
    let mut sheet = RgbImage::from_pixel(7 * 66, 4 * 66, Rgb([255, 255, 255]));
    for row in 0..4 {
        for column in 0..7 {
            let tile = image::imageops::resize(
                &drawing(&mut draw, row),
                64,
                64,
                image::imageops::FilterType::Triangle,
            );
            image::imageops::replace(&mut sheet, &tile, column * 66, row as i64 * 66);
        }
    }
    let mut bytes = Vec::new();
    sheet.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
    bytes
}
