//! A temporary folder, the binary, and small pictures.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use image::{Rgb, RgbImage};

/// A recipe that trains in a second: a narrow network on 16-pixel views.
pub(crate) const TINY: &str = r#"# A recipe for tests.
[model]
arch = "resnet18_cifar"
width = 4
hidden_dim = 16
dim = 6
[optim]
name = "sgd"
lr = 0.05
[schedule]
epochs = 3
warmup_epochs = 1
[train]
batch_size = 8
precision = "fp32"
log_every = 1
[checkpoint]
every_steps = 2
keep = 3
[eval]
every_epochs = 2
knn_k = 5
[[views]]
name = "view1"
size = 16
scale = [0.3, 1.0]
blur = 0.5
solarize = 0.0
[[views]]
name = "view2"
size = 16
scale = [0.3, 1.0]
blur = 0.1
solarize = 0.2
"#;

/// A working directory of one test, and a folder of its own for what Twist keeps.
pub(crate) struct Place(tempfile::TempDir, tempfile::TempDir);

/// What a command did.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    /// An empty folder with the recipe `tiny.toml`.
    pub(crate) fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs_err::write(place.path("tiny.toml"), TINY).unwrap();
        place
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.path().join(name)
    }

    /// The files that commands here keep from one to the next.
    pub(crate) fn kept(&self) -> Vec<PathBuf> {
        let folder = self.1.path().join("twist/features");
        fs_err::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    /// `twist` in this folder, not yet started.
    pub(crate) fn twist<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_twist"));
        command.args(args).current_dir(self.0.path()).stdin(Stdio::null());
        // One thread each: tests run beside each other, and libtorch's threads spin while they wait.
        command.env("XDG_CACHE_HOME", self.1.path()).env_remove("TWIST_CACHE");
        command.env("TWIST_TORCH_CUDA", "off").env("OMP_NUM_THREADS", "1").env_remove("NO_COLOR");
        command
    }

    /// Runs `twist` with the words of `line`.
    pub(crate) fn run(&self, line: &str) -> Done {
        self.run_with(line, &[])
    }

    /// Runs `twist` with the words of `line` and these variables.
    pub(crate) fn run_with(&self, line: &str, variables: &[(&str, &str)]) -> Done {
        let output = self.twist(line.split_whitespace()).envs(variables.iter().copied()).output().unwrap();
        Done {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Starts `twist` with the words of `line` and leaves it running.
    pub(crate) fn start(&self, line: &str) -> Child {
        let mut command = self.twist(line.split_whitespace());
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// A folder `name` with `count` small PNGs in two class folders.
    pub(crate) fn pictures(&self, name: &str, count: u32) {
        for class in ["dots", "lines"] {
            fs_err::create_dir_all(self.path(name).join(class)).unwrap();
        }
        for number in 0..count {
            let class = if number.is_multiple_of(2) { "dots" } else { "lines" };
            picture(number).save(self.path(name).join(class).join(format!("{number:03}.png"))).unwrap();
        }
    }

    /// The events of a run's log.
    pub(crate) fn log(&self, run: &str) -> Vec<serde_json::Value> {
        let text = fs_err::read_to_string(self.path(run).join("log.jsonl")).unwrap_or_default();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// The events of one kind.
    pub(crate) fn events(&self, run: &str, kind: &str) -> Vec<serde_json::Value> {
        self.log(run).into_iter().filter(|event| event["event"] == kind).collect()
    }

    /// Names in a folder, sorted.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs_err::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Done {
    /// Asserts the exit code, showing what was said.
    pub(crate) fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Asserts that stderr contains each of `words`.
    pub(crate) fn says(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in:\n{}", self.err);
        }
        self
    }
}

/// A picture of 20 × 20 pixels: dots or lines, each with its own colour and phase.
pub(crate) fn picture(number: u32) -> RgbImage {
    let colour = [(number * 53 % 200 + 55) as u8, (number * 91 % 256) as u8, (number * 29 % 256) as u8];
    RgbImage::from_fn(20, 20, |x, y| {
        let (x, y) = (x + number, y + number / 3);
        let on = if number.is_multiple_of(2) { x % 5 < 2 && y % 5 < 2 } else { x % 5 < 2 };
        if on { Rgb(colour) } else { Rgb([20, 20, 20]) }
    })
}

/// Waits until `ready` or panics after five minutes: a busy machine is not a failure.
pub(crate) fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let began = Instant::now();
    while !ready() {
        assert!(began.elapsed() < Duration::from_secs(300), "waited five minutes for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
