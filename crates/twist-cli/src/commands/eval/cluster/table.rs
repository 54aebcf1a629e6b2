//! The table that people read.

use twist_eval::FigureSummary;
use twist_io::shown;
use twist_run::figure::{self, Figure, Unit};

use super::{Measured, figures, references};

/// Scores in the order of the columns.
const COLUMNS: [&Figure; 8] = [
    figure::ACC,
    figure::TOP5,
    figure::ACC_MANY_TO_ONE,
    figure::NMI,
    figure::AMI,
    figure::ARI,
    figure::FOWLKES_MALLOWS,
    figure::CLASSES_IN_USE,
];
/// Classes that are listed, the worst first; `--json` has all.
const CLASSES_LISTED: usize = 20;

/// The scores of models and k-means, what defines them, and one line for each class.
pub(super) fn lines(measured: &[Measured]) -> Vec<String> {
    let Some(first) = measured.first() else { return Vec::new() };
    let images: u64 = first.classes.iter().map(|class| class.images).sum();
    let mut lines = vec![format!("{images} images, {} classes", first.classes.len()), String::new()];

    let summary = FigureSummary::of(&figures(measured));
    // A model with few classes has no top-5.
    let columns: Vec<&Figure> = COLUMNS.into_iter().filter(|figure| summary.get(figure).is_some()).collect();
    let mut header = vec![String::new()];
    header.extend(columns.iter().map(|figure| figure.title.to_string()));
    let mut rows = vec![header];
    let clusters = first.protocol["clusters"].as_i64().unwrap_or(0);
    let name = match measured.len() {
        1 => format!("discovered, K = {clusters}"),
        several => format!("discovered, K = {clusters}, {several} models"),
    };
    rows.push(row(name, &columns, &summary));
    for (k, figures) in references(measured) {
        let told = if k == first.classes.len() as i64 { " (told)" } else { "" };
        let name = format!("k-means, K = {k}{told}, {} fits", figures.len());
        rows.push(row(name, &columns, &FigureSummary::of(&figures)));
    }
    lines.extend(aligned(&rows));
    lines.push(String::new());
    lines.extend(notes(measured));
    lines.extend(classes(measured));
    lines
}

fn row(name: String, columns: &[&Figure], summary: &FigureSummary) -> Vec<String> {
    let cell = |figure: &&Figure| match summary.get(figure) {
        Some(found) if figure.unit == Unit::Count => format!("{found:.0}"),
        Some(found) => found.to_string(),
        None => String::new(),
    };
    std::iter::once(name).chain(columns.iter().map(cell)).collect()
}

/// What the numbers are by.
fn notes(measured: &[Measured]) -> Vec<String> {
    let Some(first) = measured.first() else { return Vec::new() };
    let mut notes = vec![
        "ACC: clusters named one to one after classes, on these images; many to one: each after its most frequent class."
            .to_string(),
    ];
    if let Some(kmeans) = first.protocol.get("kmeans") {
        notes.push(format!(
            "k-means: L2-normalised features of {} {}, best of {} starts for each seed.",
            kmeans["points"],
            kmeans["fitted_to"].as_str().unwrap_or("images"),
            kmeans["restarts"],
        ));
    }
    if measured.len() > 1 || first.references.iter().any(|row| row.figures.len() > 1) {
        notes.push("±: sample standard deviation (n - 1).".to_string());
    }
    notes
}

/// The classes of a single model, the worst first.
fn classes(measured: &[Measured]) -> Vec<String> {
    let [one] = measured else { return Vec::new() };
    let mut worst: Vec<_> = one.classes.iter().collect();
    worst.sort_by(|a, b| a.accuracy.total_cmp(&b.accuracy));
    let mut rows =
        vec![["class", "images", "cluster", "right", "purity", "taken for"].map(String::from).to_vec()];
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
    for class in worst.iter().take(CLASSES_LISTED) {
        rows.push(vec![
            shown(&class.class).into_owned(),
            class.images.to_string(),
            or_dash(class.cluster.map(|cluster| cluster.to_string())),
            format!("{:.3}", class.accuracy),
            or_dash(class.purity.map(|purity| format!("{purity:.3}"))),
            or_dash(class.taken_for.as_deref().map(|class| shown(class).into_owned())),
        ]);
    }
    let mut lines = vec![String::new()];
    lines.extend(aligned(&rows));
    if worst.len() > CLASSES_LISTED {
        lines.push(format!("and {} classes that are better; --json has all", worst.len() - CLASSES_LISTED));
    }
    lines
}

/// Cells below each other: the first column to the left, the others to the right.
fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::aligned;

    #[test]
    fn cells_stand_below_each_other() {
        let rows = [vec!["a", "±", "1"], vec!["long", "22", ""]]
            .map(|row| row.iter().map(|c| c.to_string()).collect());
        assert_eq!(aligned(&rows), ["a      ±  1", "long  22"]);
    }
}
