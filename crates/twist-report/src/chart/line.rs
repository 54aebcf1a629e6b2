//! Lines over training.

use std::fmt::Write;

use serde::Serialize;
use serde_json::json;

use super::scale::Scale;
use crate::shown::embedded;
use crate::text::{number, percent, scientific};

/// More points than this are averaged in bins, their extremes drawn as a band.
const MOST_POINTS: usize = 240;
/// From this size on a tick in full is wider than the margin.
const WIDE_TICK: f64 = 1e6;
/// Side of the coordinate system of the paths.
const SIDE: f64 = 1000.0;

/// How values are written.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Unit {
    #[default]
    Number,
    /// Fractions, as percent.
    Fraction,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    /// For the legend.
    pub(crate) name: String,
    /// Colour slot, 0..8.
    pub(crate) color: usize,
    /// `(x, y)` by ascending x.
    pub(crate) points: Vec<(f64, f64)>,
}

/// What a chart shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChartInput {
    pub(crate) title: String,
    /// One sentence below it: what to look for.
    pub(crate) note: String,
    /// What x counts.
    pub(crate) x_name: String,
    pub(crate) unit: Unit,
    /// Lines without points are left out.
    pub(crate) lines: Vec<Line>,
    /// Named values of y that bound the lines.
    pub(crate) bounds: Vec<(String, f64)>,
    /// Named places on x; those outside the lines are left out.
    pub(crate) marks: Vec<(String, f64)>,
    pub(crate) from_zero: bool,
}

/// A chart, laid out. All `at` are percent of the box, from the left or the top.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Chart {
    title: String,
    note: String,
    x_name: String,
    x_ticks: Vec<Label>,
    y_ticks: Vec<Label>,
    bounds: Vec<Label>,
    marks: Vec<Label>,
    lines: Vec<Path>,
    summary: String,
    data: String,
}

#[derive(Clone, Debug, Serialize)]
struct Label {
    at: f64,
    text: String,
}

#[derive(Clone, Debug, Serialize)]
struct Path {
    name: String,
    color: usize,
    path: String,
    band: String,
    dots: bool,
    last: String,
}

impl Chart {
    /// Lays `input` out. `None` when no line has a point.
    pub(crate) fn new(input: ChartInput) -> Option<Self> {
        let unit = input.unit;
        let lines: Vec<(&Line, Vec<Bin>)> =
            input.lines.iter().map(|line| (line, bins(&line.points))).collect();
        let lines: Vec<(&Line, Vec<Bin>)> = lines.into_iter().filter(|(_, bins)| !bins.is_empty()).collect();
        let all = || lines.iter().flat_map(|(_, bins)| bins);
        if lines.is_empty() {
            return None;
        }
        let low = |f: fn(&Bin) -> f64| all().map(f).fold(f64::INFINITY, f64::min);
        let high = |f: fn(&Bin) -> f64| all().map(f).fold(f64::NEG_INFINITY, f64::max);
        let zero = input.from_zero.then_some(0.0);
        let extra = || input.bounds.iter().map(|(_, y)| *y).chain(zero);
        let x = Scale::exact(start(low(|bin| bin.x), high(|bin| bin.x)), high(|bin| bin.x), 6);
        let y = Scale::round(
            extra().fold(low(|bin| bin.low), f64::min),
            extra().fold(high(|bin| bin.high), f64::max),
            5,
        );
        let write = |value: f64| if unit == Unit::Fraction { percent(value) } else { number(value) };

        let summary: Vec<String> = lines
            .iter()
            .filter_map(|(line, bins)| {
                Some(format!("{} from {} to {}", line.name, write(bins.first()?.y), write(bins.last()?.y)))
            })
            .collect();
        let series: Vec<_> = lines
            .iter()
            .map(|(line, bins)| {
                let xs: Vec<f64> = bins.iter().map(|bin| shorten(bin.x)).collect();
                let ys: Vec<f64> = bins.iter().map(|bin| shorten(bin.y)).collect();
                json!({"name": line.name, "color": line.color, "x": xs, "y": ys})
            })
            .collect();
        let data = json!({"x": [x.low, x.high], "y": [y.low, y.high], "name": input.x_name,
                          "percent": unit == Unit::Fraction, "lines": series});
        Some(Self {
            summary: format!("{}: {}.", input.title, summary.join("; ")),
            // Inside a script element only `<` could end the data early.
            data: embedded(&data),
            x_ticks: x
                .ticks()
                .into_iter()
                .map(|v| Label { at: across(&x, v), text: tick(&x, v, Unit::Number) })
                .collect(),
            y_ticks: y
                .ticks()
                .into_iter()
                .map(|v| Label { at: down(&y, v), text: tick(&y, v, unit) })
                .collect(),
            bounds: labels(&input.bounds, |v| down(&y, v)),
            marks: labels(input.marks.iter().filter(|(_, v)| (x.low..=x.high).contains(v)), |v| {
                across(&x, v)
            }),
            lines: lines.iter().map(|(line, bins)| path(line, bins, &x, &y, write)).collect(),
            title: input.title,
            note: input.note,
            x_name: input.x_name,
        })
    }
}

/// Zero when the first x is near it: training begins there.
fn start(low: f64, high: f64) -> f64 {
    if (0.0..high * 0.15).contains(&low) { 0.0 } else { low }
}

/// Values of y around one x.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bin {
    x: f64,
    y: f64,
    low: f64,
    high: f64,
}

/// The points themselves, or their means and extremes in bins of equal count.
fn bins(points: &[(f64, f64)]) -> Vec<Bin> {
    let size = points.len().div_ceil(MOST_POINTS).max(1);
    points
        .chunks(size)
        .map(|chunk| {
            let mean = |f: fn(&(f64, f64)) -> f64| chunk.iter().map(f).sum::<f64>() / chunk.len() as f64;
            let ys = || chunk.iter().map(|point| point.1);
            Bin {
                x: mean(|point| point.0),
                y: mean(|point| point.1),
                low: ys().fold(f64::INFINITY, f64::min),
                high: ys().fold(f64::NEG_INFINITY, f64::max),
            }
        })
        .collect()
}

fn path(line: &Line, bins: &[Bin], x: &Scale, y: &Scale, write: impl Fn(f64) -> String) -> Path {
    let place = |at_x: f64, at_y: f64| (x.at(at_x) * SIDE, (1.0 - y.at(at_y)) * SIDE);
    let trace = |points: &mut dyn Iterator<Item = (f64, f64)>| {
        let mut text = String::new();
        for (i, (px, py)) in points.enumerate() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{}{px:.1} {py:.1}", if i == 0 { "M" } else { "L" });
        }
        text
    };
    let mut middle = trace(&mut bins.iter().map(|bin| place(bin.x, bin.y)));
    if bins.len() == 1 {
        middle.push_str("h0");
    }
    let band = if bins.iter().any(|bin| bin.high > bin.low) {
        let upper = bins.iter().map(|bin| place(bin.x, bin.high));
        let lower = bins.iter().rev().map(|bin| place(bin.x, bin.low));
        trace(&mut upper.chain(lower)) + "Z"
    } else {
        String::new()
    };
    Path {
        name: line.name.clone(),
        color: line.color,
        path: middle,
        band,
        dots: bins.len() <= 2,
        last: bins.last().map(|bin| write(bin.y)).unwrap_or_default(),
    }
}

fn labels<'a>(named: impl IntoIterator<Item = &'a (String, f64)>, place: impl Fn(f64) -> f64) -> Vec<Label> {
    named.into_iter().map(|(text, value)| Label { at: place(*value), text: text.clone() }).collect()
}

fn across(scale: &Scale, value: f64) -> f64 {
    hundredth(scale.at(value) * 100.0)
}

fn down(scale: &Scale, value: f64) -> f64 {
    hundredth((1.0 - scale.at(value)) * 100.0)
}

fn hundredth(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Six significant digits: what a reader of the tooltip can use.
fn shorten(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

/// A tick with as many decimals as its axis needs.
fn tick(scale: &Scale, value: f64, unit: Unit) -> String {
    if value.abs() >= WIDE_TICK {
        return if unit == Unit::Fraction { percent(value) } else { scientific(value) };
    }
    if unit == Unit::Fraction {
        return format!("{:.*}\u{202f}%", scale.decimals().saturating_sub(2), value * 100.0)
            .replace("-0\u{202f}", "0\u{202f}");
    }
    let decimals = scale.decimals();
    if value.abs() >= 1000.0 || decimals > 4 || value == 0.0 {
        return number(value);
    }
    format!("{value:.decimals$}").replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(points: Vec<(f64, f64)>) -> ChartInput {
        let lines = vec![Line { name: "loss".into(), color: 0, points }];
        ChartInput { title: "Loss".into(), x_name: "epoch".into(), lines, ..Default::default() }
    }

    #[test]
    fn no_points_no_chart() {
        assert!(Chart::new(input(Vec::new())).is_none());
    }

    #[test]
    fn many_points_are_averaged_and_keep_their_extremes() {
        let points: Vec<(f64, f64)> =
            (0..10_000).map(|i| (i as f64, if i % 2 == 0 { 0.0 } else { 1.0 })).collect();
        let chart = Chart::new(input(points)).unwrap();
        let line = &chart.lines[0];
        assert!(line.path.matches('L').count() < MOST_POINTS);
        assert!(line.band.ends_with('Z'));
        assert_eq!(line.last, "0.5");
    }

    #[test]
    fn one_point_is_a_dot_and_the_bounds_are_in_view() {
        let mut input = input(vec![(1.0, 2.0)]);
        input.bounds = vec![("ln K".into(), 4.6)];
        let chart = Chart::new(input).unwrap();
        assert!(chart.lines[0].dots && chart.lines[0].path.ends_with("h0"));
        assert!((0.0..=100.0).contains(&chart.bounds[0].at));
    }

    #[test]
    fn marks_outside_the_lines_are_left_out() {
        let mut input = input(vec![(4.0, 1.0), (20.0, 2.0)]);
        input.marks = [1.6, 4.0, 12.0, 20.0, 20.1].map(|x| ("resumed".into(), x)).into();
        let at: Vec<f64> = Chart::new(input).unwrap().marks.iter().map(|mark| mark.at).collect();
        assert_eq!(at, [0.0, 50.0, 100.0]);
    }

    /// What a diverged run logs must not make the page hang, nor its labels as wide as the plot.
    #[test]
    fn values_of_any_size_are_drawn() {
        for high in [1e15, 1e17, 1e300, -1e20, 1e-300, 0.0] {
            let chart = Chart::new(input(vec![(0.0, 0.0), (1.0, high)])).unwrap();
            let labels: Vec<&str> = chart.y_ticks.iter().map(|label| label.text.as_str()).collect();
            assert!((2..20).contains(&labels.len()), "{high}: {labels:?}");
            assert!(labels.iter().all(|text| text.chars().count() <= 10), "{high}: {labels:?}");
            assert!(!chart.lines[0].path.contains("NaN") && !chart.lines[0].path.contains("inf"));
        }
    }

    #[test]
    fn hostile_names_cannot_leave_the_data() {
        let mut input = input(vec![(0.0, 1.0), (1.0, 2.0)]);
        input.lines[0].name = "</script><script>alert(1)".into();
        assert!(!Chart::new(input).unwrap().data.contains('<'));
    }
}
