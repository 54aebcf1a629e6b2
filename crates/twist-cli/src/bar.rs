//! Bars on a terminal of any width. Elsewhere they are hidden.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use twist_io::printable;

use crate::digits;
use crate::screen;
use crate::talk::Talk;

/// Between two moves of what shows that something is done.
const TICK: Duration = Duration::from_millis(120);
/// Columns where the terminal does not say.
const USUAL_WIDTH: usize = 80;
/// Below so many columns a bar has fewer numbers.
pub(crate) const NARROW: usize = 64;

pub(crate) fn columns() -> usize {
    match rustix::termios::tcgetwinsize(std::io::stderr()) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => USUAL_WIDTH,
    }
}

/// How much of `all` is done: `WHAT ━━━── 12/600  1,065/s  ETA 2m`; on a narrow terminal `WHAT ━━━── 2%  ETA 2m`.
pub(crate) fn counting(all: u64, what: &str, talk: &Talk) -> ProgressBar {
    let template = match columns() < NARROW {
        true => "{spinner:.cyan} {prefix}{wide_bar:.cyan/dim} {percent}%  ETA {eta}",
        false => "{spinner:.cyan} {prefix}{wide_bar:.cyan/dim} {human_pos}/{human_len}  {rate}/s  ETA {eta}",
    };
    let bar = new(all, &below(template), talk);
    bar.set_prefix(if what.is_empty() { String::new() } else { format!("{}  ", a_third(&printable(what))) });
    bar
}

/// How much of a file is there: `WHAT ━━━── 12 MiB/88 MiB  3 MiB/s  ETA 25s`; on a narrow terminal `WHAT ━━━── 14%  ETA 25s`.
pub(crate) fn bytes(all: u64, what: &str, talk: &Talk) -> ProgressBar {
    let template = match columns() < NARROW {
        true => "{prefix}  {wide_bar:.cyan/dim} {percent}%  ETA {eta}",
        false => "{prefix}  {wide_bar:.cyan/dim} {bytes}/{total_bytes}  {bytes_per_sec}  ETA {eta}",
    };
    let bar = new(all, &below(template), talk);
    bar.set_prefix(a_third(&printable(what)));
    bar
}

/// A bar as wide as the terminal with an empty line below, for the `^C` that the terminal writes at the cursor: behind the bar
/// it would begin a new line, and the bar would stay.
fn below(template: &str) -> String {
    format!("{template}\n ")
}

/// `what`, cut to a third of the terminal: a bar and its numbers need the rest.
fn a_third(what: &str) -> String {
    let most = columns() / 3;
    match what.chars().count() <= most {
        true => what.to_string(),
        false => what.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Steps of a training, with two texts: one behind the bar, one in the line below.
pub(crate) fn steps(all: u64, talk: &Talk) -> ProgressBar {
    new(all, "{spinner:.cyan} {wide_bar:.cyan/dim} {percent:>3}%  {prefix}\n{wide_msg}", talk)
}

/// Shows on a terminal that something which cannot be counted is done, as long as it lives.
pub(crate) struct Busy(ProgressBar);

impl Busy {
    /// `what` is done from now on.
    pub(crate) fn new(what: &str, talk: &Talk) -> Self {
        let bar = new(0, "{spinner:.cyan} {wide_msg}", talk);
        bar.set_message(printable(what).into_owned());
        Self(bar)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

fn new(all: u64, template: &str, talk: &Talk) -> ProgressBar {
    if !talk.shows_progress() || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = screen::add(ProgressBar::new(all));
    if let Ok(style) = ProgressStyle::with_template(template) {
        let rate = |state: &ProgressState, out: &mut dyn Write| {
            let _ = out.write_str(&digits::rate(state.per_sec()));
        };
        bar.set_style(style.with_key("rate", rate).progress_chars("━━─"));
    }
    // It moves as long as the program lives, also where one step takes minutes.
    bar.enable_steady_tick(TICK);
    bar
}
