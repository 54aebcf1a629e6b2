//! Other programs on the cores that computing threads wait for.
//!
//! The threads of one operation wait for each other at its end, thousands of times a second. One thread whose core is
//! taken holds up all of them until the system gives it back. Waiting threads soon sleep and leave their cores to others, so
//! one busy program on two cores costs about the part of the time that it takes, and up to twice the time where operations are
//! tiny (docs/benchmarks/2026-11-30-cpu-epyc.md). Nothing tells a user so but the clock; this does.

use std::time::{Duration, Instant};

/// Between two looks: long enough that a program which only starts does not count.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Cores, on average over that time, that others may use beside ours.
const TOLERATED: f64 = 0.3;

/// Watches what others take, and says so once.
pub(crate) struct Contention {
    cores: usize,
    threads: usize,
    last: Reading,
}

/// Processor time since the machine, or this process, began, in ticks.
#[derive(Clone, Copy)]
struct Reading {
    at: Instant,
    everyone: u64,
    ourselves: u64,
}

impl Contention {
    /// `None` if waiting cannot occur or cannot be seen: a single thread, no `/proc`, or a container that
    /// sees the clock of cores that it may not use.
    pub(crate) fn watch(threads: usize) -> Option<Self> {
        let cores = crate::machine::cores();
        let last = Reading::now(cores)?;
        (threads > 1).then_some(Self { cores, threads, last })
    }

    /// What to tell the user, when the time for a look has come and others take what our threads need.
    pub(crate) fn look(&mut self) -> Option<String> {
        if self.last.at.elapsed() < LOOK_EVERY {
            return None;
        }
        let now = Reading::now(self.cores)?;
        let before = std::mem::replace(&mut self.last, now);
        advice(self.cores, self.threads, now.others_since(&before)?)
    }
}

fn advice(cores: usize, threads: usize, others: f64) -> Option<String> {
    let free = cores as f64 - others;
    if others < TOLERATED || threads as f64 <= free + TOLERATED {
        return None;
    }
    let fewer = (free.round() as usize).clamp(1, threads - 1);
    Some(format!(
        "other programs keep {others:.1} of {cores} cores busy, so this takes longer than it would alone; --threads {fewer} leaves \
         their cores to them"
    ))
}

impl Reading {
    fn now(cores: usize) -> Option<Self> {
        let all = fs_err::read_to_string("/proc/stat").ok()?;
        let own = fs_err::read_to_string("/proc/self/stat").ok()?;
        Some(Self { at: Instant::now(), everyone: everyone(&all, cores)?, ourselves: ourselves(&own)? })
    }

    /// Cores that others used on average since `before`.
    fn others_since(&self, before: &Self) -> Option<f64> {
        let busy = self.everyone.checked_sub(before.everyone)? as f64;
        let own = self.ourselves.checked_sub(before.ourselves)? as f64;
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let seconds = self.at.duration_since(before.at).as_secs_f64();
        (seconds > 0.0).then(|| ((busy - own) / ticks / seconds).max(0.0))
    }
}

/// Ticks that programs and the kernel used, from `/proc/stat` (proc(5)): user, nice, system, irq and softirq of all
/// cores; `None` when their number is not `cores`.
fn everyone(stat: &str, cores: usize) -> Option<u64> {
    let count = stat.lines().filter(|line| line.starts_with("cpu") && !line.starts_with("cpu ")).count();
    let fields = stat.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = fields.split_whitespace().map_while(|field| field.parse().ok()).collect();
    (count == cores && ticks.len() >= 7).then(|| ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6])
}

/// utime + stime from `/proc/self/stat`, all threads together. The program's name, in brackets, may hold anything.
fn ourselves(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  100 20 30 4000 8 1 2 7 0 0\ncpu0 50 10 15 2000 4 1 1 3 0 0\ncpu1 50 10 15 2000 4 0 1 4 0 0\nintr 5\n";

    #[test]
    fn the_clocks_of_the_system_are_read() {
        assert_eq!(everyone(STAT, 2), Some(100 + 20 + 30 + 1 + 2));
        assert_eq!(everyone(STAT, 1), None, "a core that is not ours");
        assert_eq!(everyone("", 0), None);
        let own = "7 (a) b) R 1 7 7 0 -1 4194304 100 0 0 0 123 45 0 0 20 0 1 0 2998574";
        assert_eq!(ourselves(own), Some(168));
        assert_eq!(ourselves("7 (a"), None);
    }

    #[test]
    fn others_are_what_is_busy_without_us() {
        let at = Instant::now();
        let ticks = rustix::param::clock_ticks_per_second();
        let before = Reading { at, everyone: 1_000, ourselves: 500 };
        let now = Reading {
            at: at + Duration::from_secs(10),
            everyone: 1_000 + 18 * ticks,
            ourselves: 500 + 11 * ticks,
        };
        assert!((now.others_since(&before).unwrap() - 0.7).abs() < 1e-9);
    }

    #[test]
    fn only_cores_that_our_threads_need_are_worth_a_word() {
        assert_eq!(advice(2, 2, 0.1), None);
        assert_eq!(advice(2, 1, 1.0), None, "one thread has a core of its own");
        assert_eq!(advice(2, 4, 0.1), None, "no other program is to blame");
        assert_eq!(advice(16, 12, 4.2), None);
        let text = advice(2, 2, 0.7).unwrap();
        assert!(text.contains("0.7 of 2 cores") && text.contains("--threads 1 leaves"), "{text}");
        assert!(advice(16, 16, 3.6).unwrap().contains("--threads 12 "));
        assert!(advice(4, 4, 0.4).unwrap().contains("--threads 3 "), "fewer than now");
        assert!(advice(2, 2, 9.0).unwrap().contains("--threads 1 "));
    }
}
