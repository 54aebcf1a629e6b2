//! How much memory a run took, and what to do when there is too little.

use std::path::Path;

use tch::Device;
use torch_ext::device_name;
use twist_io::Refused;

use crate::{TrainError, TrainPlan};

/// Main memory in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostMemory {
    /// All there is, or the container's limit when that is less.
    pub total: u64,
    /// What this process can still have without swapping.
    pub available: u64,
}

/// Main memory, within the limit of the container that this process is in; `None` without `/proc`.
pub fn host_memory() -> Option<HostMemory> {
    let info = fs_err::read_to_string("/proc/meminfo").ok()?;
    let groups = fs_err::read_to_string("/proc/self/cgroup").unwrap_or_default();
    Some(limited(machine_memory(&info)?, Path::new("/sys/fs/cgroup"), &groups))
}

/// The machine's memory, as `/proc/meminfo` has it.
fn machine_memory(info: &str) -> Option<HostMemory> {
    let bytes = |key: &str| -> Option<u64> {
        let rest = info.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        rest.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
    };
    Some(HostMemory { total: bytes("MemTotal")?, available: bytes("MemAvailable")? })
}

/// `machine` within the limits of control groups below `root`, of which `groups` (`/proc/self/cgroup`) names ours. A limit
/// of a group holds for all below it; a container sees its own group as the root. Both versions of control groups are read.
fn limited(machine: HostMemory, root: &Path, groups: &str) -> HostMemory {
    let number = |path: &Path| fs_err::read_to_string(path).ok()?.trim().parse::<u64>().ok();
    let mut least = machine;
    let mut apply = |group: &Path, limit: &str, usage: &str| {
        let Some(limit) = number(&group.join(limit)).filter(|limit| *limit < machine.total) else { return };
        let used = number(&group.join(usage)).unwrap_or(0).saturating_sub(reclaimable(group));
        least.total = least.total.min(limit);
        least.available = least.available.min(limit.saturating_sub(used));
    };
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let (top, limit, usage) = match controllers {
            "" => (root.to_path_buf(), "memory.max", "memory.current"),
            names if names.split(',').any(|name| name == "memory") => {
                (root.join("memory"), "memory.limit_in_bytes", "memory.usage_in_bytes")
            }
            _ => continue,
        };
        let own = Path::new(path.trim_start_matches('/'));
        own.ancestors().for_each(|group| apply(&top.join(group), limit, usage));
    }
    least
}

/// Bytes of files in memory that a group gives back when something else needs the room.
fn reclaimable(group: &Path) -> u64 {
    let stat = fs_err::read_to_string(group.join("memory.stat")).unwrap_or_default();
    let of = |key: &str| stat.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok());
    of("total_inactive_file ").or_else(|| of("inactive_file ")).unwrap_or(0)
}

/// The largest amount of memory so far in GiB: of tensors on a CUDA device, or of this process on the CPU.
pub fn peak_memory_gib(device: Device) -> Option<f64> {
    let bytes = match device {
        Device::Cuda(index) => torch_ext::memory::cuda_peak_bytes(index).ok()?,
        _ => torch_ext::memory::peak_resident_bytes()?,
    };
    Some(bytes as f64 / (1u64 << 30) as f64)
}

/// Turns libtorch's "out of memory" into advice; other errors stay as they are.
pub(crate) fn explain(error: TrainError, plan: &TrainPlan) -> TrainError {
    // libtorch says it in words alone. Those of other errors may be the name of a file.
    let of_torch = matches!(error, TrainError::Net(_));
    let text = error.to_string();
    if !of_torch || !(text.contains("out of memory") || text.contains("can't allocate memory")) {
        return error;
    }
    let device = device_name(plan.run.machine.device);
    let what =
        format!("out of memory on {device} with {} images at a time; {}", at_a_time(plan), advice(plan));
    Refused::new(what).into()
}

/// Images whose activations are in memory together.
fn at_a_time(plan: &TrainPlan) -> usize {
    if plan.accumulation == 1 { plan.run.batch_size } else { plan.norm_batch }
}

/// Settings that need less, those first that change the result least: activations computed a second time, fewer images at
/// a time, a smaller batch.
fn advice(plan: &TrainPlan) -> String {
    let batch = plan.run.batch_size;
    let again = (!plan.checkpoint_activations()).then(|| {
        "--set train.checkpoint_activations=true (the same result for one more forward pass)".to_string()
    });
    // Norms of less than the batch say how it can be cut without changing the result.
    let (norms, whole) = (plan.norm_batch, plan.accumulation == 1);
    let accumulate = if whole && norms < batch {
        Some(format!(
            "--set train.accumulation={} (the same result, {norms} images at a time)",
            batch / norms
        ))
    } else {
        pieces_for_half(batch, at_a_time(plan)).map(|pieces| {
            let images = batch / pieces;
            let norms = match plan.config.train.norm_batch {
                Some(_) => format!(" --set train.norm_batch={images}"),
                None => String::new(),
            };
            format!(
                "--set train.accumulation={pieces}{norms} ({images} images at a time, the loss stays that of {batch}; \
                 batch norms of the backbone then see no more than those)"
            )
        })
    };
    let smaller = format!("--batch-size {} with an --set model.bunch that divides it", (batch / 2).max(2));
    let network = accumulate.is_none().then(|| "smaller views, a smaller --set model.width".to_string());
    let ways: Vec<String> = again.into_iter().chain(accumulate).chain(network).chain([smaller]).collect();
    format!("try {}", ways.join(", or "))
}

/// The fewest pieces that divide the batch and hold at most half of the images that did not fit, but at least 2 (batch
/// norms need more than one).
fn pieces_for_half(batch: usize, at_a_time: usize) -> Option<usize> {
    (1..=batch / 2)
        .filter(|pieces| batch.is_multiple_of(*pieces))
        .find(|pieces| batch / pieces * 2 <= at_a_time)
}

#[cfg(test)]
mod tests {
    use torch_ext::Machine;

    use super::*;
    use crate::DataFacts;
    use crate::config::Recipe;

    #[test]
    fn the_limit_of_a_container_is_the_memory_there_is() {
        const GIB: u64 = 1 << 30;
        let info = format!("MemTotal: {} kB\nMemFree: 1 kB\nMemAvailable: {} kB\n", 256 << 20, 200 << 20);
        let machine = machine_memory(&info).unwrap();
        assert_eq!(machine, HostMemory { total: 256 * GIB, available: 200 * GIB });
        let root = tempfile::tempdir().unwrap();
        let write = |file: &str, text: String| {
            let path = root.path().join(file);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        let of = |groups: &str| {
            let found = limited(machine, root.path(), groups);
            (found.total / GIB, found.available / GIB)
        };
        assert_eq!(of("0::/\n"), (256, 200), "no limit anywhere");
        // Version 2: a container sees its own group as the root.
        write("memory.max", format!("{}\n", 8 * GIB));
        write("memory.current", format!("{}\n", 3 * GIB));
        assert_eq!(of("0::/\n"), (8, 5));
        write("memory.stat", format!("anon 1\ninactive_file {}\n", 2 * GIB));
        assert_eq!(of("0::/\n"), (8, 7), "cached files are not memory in use");
        write("memory.stat", String::new());
        assert_eq!(of("0::/elsewhere/that/is/not/seen\n"), (8, 5));
        // A narrower group within it, as of a systemd service or a Slurm job.
        write("jobs/7/memory.max", format!("{}\n", 2 * GIB));
        assert_eq!(of("0::/jobs/7\n"), (2, 2));
        write("jobs/7/memory.max", "max\n".into());
        assert_eq!(of("0::/jobs/7\n"), (8, 5));
        // Version 1, whose way of saying "no limit" is a huge number.
        write("memory/memory.limit_in_bytes", format!("{}\n", u64::MAX / 2));
        write("memory/docker/a/memory.limit_in_bytes", format!("{}\n", 16 * GIB));
        write("memory/docker/a/memory.usage_in_bytes", format!("{}\n", 20 * GIB));
        assert_eq!(of("5:cpu,memory:/docker/a\n4:devices:/x\n"), (16, 0));
    }

    #[test]
    fn half_of_the_images_at_a_time() {
        let cases =
            [(2048, 256, Some(16)), (96, 96, Some(2)), (90, 90, Some(2)), (45, 45, Some(3)), (4, 2, None)];
        for (batch, micro_batch, pieces) in cases {
            assert_eq!(pieces_for_half(batch, micro_batch), pieces, "{batch} in {micro_batch}");
        }
    }

    #[test]
    fn only_a_lack_of_memory_is_explained() {
        let recipe = |piece: &str| Recipe::tiny(&["train.batch_size=64", piece]).unwrap();
        let (recipe, small_norms) = (recipe("train.accumulation=2"), recipe("train.norm_batch=16"));
        let machine = Machine { device: Device::Cuda(1), threads: 1, loader_threads: 1, fast_bf16: true };
        let facts = DataFacts { images: 64, ..DataFacts::default() };
        let plan = TrainPlan::new(&recipe.config, &facts, &machine).unwrap();
        let torch = |text: &str| TrainError::from(tch::TchError::Torch(text.into()));
        let message = explain(torch("CUDA out of memory. Tried to allocate 2.00 GiB"), &plan).to_string();
        let first = "; try --set train.checkpoint_activations=true";
        for part in ["cuda:1 with 32 images", first, "accumulation=4"] {
            assert!(message.contains(part), "{part} in {message}");
        }
        let of_norms = TrainPlan::new(&small_norms.config, &facts, &machine).unwrap();
        let message = explain(torch("CUDA out of memory"), &of_norms).to_string();
        assert!(message.contains("train.accumulation=4 (the same result, 16 images at a time)"), "{message}");
        let other = explain(torch("shapes do not match"), &plan);
        assert!(matches!(other, TrainError::Net(_)), "{other}");
        let file = TrainError::from(std::io::Error::other("cannot read out of memory.png"));
        assert!(matches!(explain(file, &plan), TrainError::Run(_)));
    }
}
