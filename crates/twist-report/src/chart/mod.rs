//! Charts as plain data for the page: SVG paths and label positions.
//!
//! A chart is a fluid box. Its lines are SVG stretched to the box with strokes that keep their width; its words are HTML
//! beside them, placed in percent, so that text has one size on a phone and on a wall. A chart crate would draw
//! pixels-in-a-rectangle whose text shrinks with the rectangle, or bring a megabyte of script.

mod heatmap;
mod line;
mod scale;

pub(crate) use self::heatmap::{Heatmap, HeatmapInput};
pub(crate) use self::line::{Chart, ChartInput, Line, Unit};
