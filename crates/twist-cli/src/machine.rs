//! What the operating system says about this machine.

use std::path::Path;

use torch_ext::{DeviceError, DeviceRequest, Machine};

use crate::talk::Talk;

pub(crate) const GIB: f64 = (1u64 << 30) as f64;

/// Cores that this process may use (affinity and container quota respected).
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Looks at this machine, and warns of `--threads` that it has no cores for.
pub(crate) fn detect(
    request: DeviceRequest,
    threads: Option<u16>,
    talk: &Talk,
) -> Result<Machine, DeviceError> {
    let (threads, cores) = (threads.map(usize::from), cores());
    if let Some(threads) = threads.filter(|threads| *threads > cores) {
        talk.warn(format!("--threads {threads} is more than the cores that Twist may use here ({cores}), and slower than --threads {cores}"));
    }
    Machine::detect(request, threads)
}

pub(crate) fn cpu_model() -> Option<String> {
    let info = fs_err::read_to_string("/proc/cpuinfo").ok()?;
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_string())
}

/// Bytes that a user may still write on the disk that holds `path`.
pub(crate) fn disk_free(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(disk.f_bavail * disk.f_frsize)
}
