//! A matrix of counts as a heat map with numbers.

use std::fmt::Write;

use serde::Serialize;

pub(crate) struct HeatmapInput<'a> {
    pub(crate) rows: &'a [String],
    pub(crate) columns: &'a [String],
    /// `counts[row][column]`.
    pub(crate) counts: &'a [Vec<u64>],
    /// `diagonal[row]` is the column where the row belongs, if any.
    pub(crate) diagonal: &'a [Option<usize>],
}

/// A heat map, laid out: the names of the rows stand still while the cells scroll.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Heatmap {
    /// Names of the rows, for the tooltip and the fixed column.
    rows: Vec<String>,
    columns: Vec<String>,
    /// Side of a cell in pixels.
    cell: usize,
    /// Height of the column names.
    head: usize,
    width: usize,
    height: usize,
    /// The cells: trusted SVG, made of numbers only.
    cells: String,
}

impl Heatmap {
    /// Lays `input` out. Colours are shares of the row, so that rare labels are as visible as common ones.
    pub(crate) fn new(input: &HeatmapInput<'_>) -> Self {
        let side = input.rows.len().max(input.columns.len());
        let cell = match side {
            0..=10 => 54,
            11..=12 => 46,
            13..=20 => 38,
            21..=40 => 27,
            _ => 20,
        };
        let mut cells = String::new();
        for (row, counts) in input.counts.iter().enumerate() {
            let total = counts.iter().sum::<u64>().max(1);
            for (column, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                let share = *count as f64 / total as f64;
                let right = input.diagonal.get(row).copied().flatten() == Some(column);
                cell_svg(&mut cells, cell, (row, column), *count, share, right);
            }
        }
        let longest = input.columns.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        Self {
            rows: input.rows.to_vec(),
            columns: input.columns.to_vec(),
            cell,
            head: (longest * 7 + 14).clamp(40, 150),
            width: cell * input.columns.len(),
            height: cell * input.rows.len(),
            cells,
        }
    }
}

/// One cell: a square as strong as its share, and the number. Whether it is right is said by colour and, for readers who
/// cannot tell the colours apart, by the frame.
fn cell_svg(
    svg: &mut String,
    cell: usize,
    (row, column): (usize, usize),
    count: u64,
    share: f64,
    right: bool,
) {
    let (x, y) = (column * cell, row * cell);
    let kind = if right { "hit" } else { "miss" };
    let strength = (0.08 + 0.92 * share.powf(0.85)).min(1.0);
    let loud = if share > 0.5 { " loud" } else { "" };
    let side = cell - 1;
    // Writing to a string cannot fail.
    let _ = write!(
        svg,
        r#"<g class="{kind}{loud}" data-at="{row},{column},{count}"><rect x="{x}" y="{y}" width="{side}" height="{side}" rx="2" fill-opacity="{strength:.2}"/>"#
    );
    let text = short(count);
    let size =
        if cell >= 38 { 12.5 } else { (cell as f64 * 1.5 / text.len().max(2) as f64).clamp(5.5, 11.0) };
    let _ = write!(
        svg,
        r#"<text x="{}" y="{}" font-size="{size:.1}">{text}</text></g>"#,
        x + side / 2,
        y as f64 + side as f64 / 2.0 + size * 0.35
    );
}

/// Counts from 10,000 on in thousands, to fit the cell.
fn short(count: u64) -> String {
    if count < 10_000 { count.to_string() } else { format!("{}k", (count + 500) / 1000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_cells_are_left_out_and_a_hundred_classes_fit() {
        let names: Vec<String> = (0..100).map(|i| format!("class {i}")).collect();
        let counts: Vec<Vec<u64>> =
            (0..100).map(|i| (0..100).map(|j| u64::from(i == j) * 50).collect()).collect();
        let diagonal: Vec<Option<usize>> = (0..100).map(Some).collect();
        let map = Heatmap::new(&HeatmapInput {
            rows: &names,
            columns: &names,
            counts: &counts,
            diagonal: &diagonal,
        });
        assert_eq!(map.cells.matches("<rect").count(), 100);
        assert_eq!(map.cells.matches("class=\"hit loud\"").count(), 100);
        assert_eq!((map.width, map.height), (2000, 2000));
    }

    #[test]
    fn large_counts_are_shortened() {
        assert_eq!([short(9_999), short(12_600)], ["9999", "13k"]);
    }
}
