//! The neighbours that each row of features is compared with.

use tch::{Device, Tensor};
use twist_train::frozen::Neighbourhood;

use crate::EvalError;
use twist_model::{nearest, unit_rows};

/// Rows that are asked between two reports of progress.
const BLOCK: i64 = 4_096;

/// The `count` nearest other rows of each row of `rows` `[N, D]` by cosine similarity; with `mutual` only those that have
/// the row among their own, which leaves out most of the neighbours of a stray row. A row that is nobody's neighbour keeps
/// its nearest one. The products are computed on `device`; `progress` hears of rows done and their number.
///
/// # Errors
/// libtorch's, out of memory among them: the rows must fit on the device.
pub fn neighbourhood(
    rows: &Tensor,
    count: usize,
    mutual: bool,
    device: Device,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Neighbourhood, EvalError> {
    let unit = unit_rows(rows)?.f_to_device(device)?;
    let (len, _) = unit.size2()?;
    let mut of_rows: Vec<Vec<u32>> = Vec::with_capacity(len as usize);
    for start in (0..len).step_by(BLOCK as usize) {
        let asked = unit.f_narrow(0, start, BLOCK.min(len - start))?;
        // One more than asked for: the nearest row is the row itself, or one equal to it.
        let index = nearest(&unit, &asked, count as i64 + 1)?.index.f_to_device(Device::Cpu)?;
        let (_, width) = index.size2()?;
        let found = Vec::<i64>::try_from(&index.f_contiguous()?.f_flatten(0, -1)?)?;
        for others in found.chunks_exact(width as usize) {
            let row = of_rows.len() as i64;
            let others = others.iter().filter(|&&other| other != row).take(count);
            of_rows.push(others.map(|&other| other as u32).collect());
        }
        progress(of_rows.len(), len as usize);
    }
    Ok(Neighbourhood::new(if mutual { mutual_ones(&of_rows) } else { of_rows }))
}

fn mutual_ones(of_rows: &[Vec<u32>]) -> Vec<Vec<u32>> {
    let sorted: Vec<Vec<u32>> = of_rows
        .iter()
        .map(|others| {
            let mut others = others.clone();
            others.sort_unstable();
            others
        })
        .collect();
    let of_row = |(row, others): (usize, &Vec<u32>)| {
        let knows = |other: &&u32| sorted[**other as usize].binary_search(&(row as u32)).is_ok();
        let both: Vec<u32> = others.iter().filter(knows).copied().collect();
        if both.is_empty() { others.iter().take(1).copied().collect() } else { both }
    };
    of_rows.iter().enumerate().map(of_row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(points: &[[f32; 2]], count: usize, mutual: bool) -> Vec<Vec<u32>> {
        let rows = Tensor::from_slice(&points.concat()).view([points.len() as i64, 2]);
        let found = neighbourhood(&rows, count, mutual, Device::Cpu, &mut |_, _| ()).unwrap();
        (0..points.len() as u32).map(|row| found.of(row).to_vec()).collect()
    }

    #[test]
    fn neighbours_are_the_nearest_others_by_angle() {
        // Angles 0°, 6°, 27° and 90°; length does not count.
        let points = [[1.0, 0.0], [5.0, 0.5], [1.0, 0.5], [0.0, 3.0]];
        assert_eq!(found(&points, 1, false), [[1], [0], [1], [2]]);
        assert_eq!(found(&points, 2, false), [[1, 2], [0, 2], [1, 0], [2, 1]]);
        assert_eq!(found(&points, 9, false)[3], [2, 1, 0], "as many as there are");
    }

    #[test]
    fn mutual_neighbours_know_each_other_and_strays_keep_one() {
        let points = [[1.0, 0.0], [5.0, 0.5], [1.0, 0.5], [0.0, 3.0]];
        // The last one's neighbours have nearer ones, so it is left with its nearest.
        assert_eq!(found(&points, 2, true), [vec![1, 2], vec![0, 2], vec![1, 0], vec![2]]);
    }

    #[test]
    fn equal_rows_are_neighbours_and_no_row_is_its_own() {
        let points = [[1.0, 1.0], [1.0, 1.0], [1.0, 1.0], [0.0, 1.0]];
        for (row, others) in found(&points, 2, false).iter().enumerate() {
            assert_eq!(others.len(), 2);
            assert!(!others.contains(&(row as u32)), "{row}: {others:?}");
        }
    }
}
