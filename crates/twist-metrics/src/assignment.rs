//! The heaviest one-to-one matching of a sparse table.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Pairs `(row, column, weight)`, at most one per row and per column, of the greatest total weight, where `edges[row]`
/// lists the columns with a weight above zero. Exact: weights are integers and so are all prices.
///
/// Shortest augmenting paths with prices (Jonker and Volgenant 1987), on edges that exist only. A row may stay alone
/// at weight 0, which makes rectangular tables nothing special; dense methods would pad them with zeros.
/// At worst O(rows · edges · log edges); a table that is close to a permutation ends most paths at once.
pub(crate) fn heaviest_matching(edges: &[Vec<(usize, u64)>], columns: usize) -> Vec<(usize, usize, u64)> {
    let mut matching = Matching::new(edges, columns);
    for row in 0..edges.len() {
        matching.augment(row);
    }
    let mut pairs = Vec::new();
    for (row, edges) in edges.iter().enumerate() {
        let column = matching.column_of[row];
        pairs.extend(edges.iter().filter(|edge| Some(edge.0) == column).map(|&(c, weight)| (row, c, weight)));
    }
    pairs
}

/// A matching that is optimal for the rows seen so far, with the prices that prove it: the loss `price_of_row + price_of_column −
/// weight` of an edge is never negative and zero on matched ones, and a row that is alone has price 0.
struct Matching<'a> {
    edges: &'a [Vec<(usize, u64)>],
    column_of: Vec<Option<usize>>,
    row_of: Vec<Option<usize>>,
    row_price: Vec<i64>,
    column_price: Vec<i64>,
    /// Smallest loss of a path to each column in the current search; `i64::MAX` outside it.
    distance: Vec<i64>,
    from: Vec<usize>,
}

impl<'a> Matching<'a> {
    fn new(edges: &'a [Vec<(usize, u64)>], columns: usize) -> Self {
        // Asking as much as the best column gives, every edge loses at least nothing.
        let row_price = edges
            .iter()
            .map(|edges| edges.iter().map(|&(_, weight)| weight as i64).max().unwrap_or(0))
            .collect();
        Matching {
            edges,
            column_of: vec![None; edges.len()],
            row_of: vec![None; columns],
            row_price,
            column_price: vec![0; columns],
            distance: vec![i64::MAX; columns],
            from: vec![0; columns],
        }
    }

    /// Gives `start` a column, or leaves the row on its path alone that loses least by it.
    fn augment(&mut self, start: usize) {
        let mut heap = BinaryHeap::new();
        let mut reached = Vec::new();
        let mut done: Vec<(usize, i64)> = Vec::new();
        // The cheapest end so far: its loss, and the row that would stay alone.
        let mut alone = (self.row_price[start], start);
        self.relax(start, 0, &mut heap, &mut reached);

        let free = loop {
            match heap.pop() {
                Some(Reverse((loss, column))) if loss <= alone.0 => {
                    if loss > self.distance[column] {
                        continue; // a shorter path came later
                    }
                    let Some(row) = self.row_of[column] else { break Some((loss, column)) };
                    done.push((column, loss));
                    if loss + self.row_price[row] < alone.0 {
                        alone = (loss + self.row_price[row], row);
                    }
                    self.relax(row, loss, &mut heap, &mut reached);
                }
                _ => break None,
            }
        };

        let total = free.map_or(alone.0, |(loss, _)| loss);
        self.row_price[start] -= total;
        for &(column, loss) in &done {
            self.column_price[column] += total - loss;
            if let Some(row) = self.row_of[column] {
                self.row_price[row] -= total - loss;
            }
        }
        self.flip(start, free.map(|(_, column)| column), alone.1);
        for column in reached {
            self.distance[column] = i64::MAX;
        }
    }

    /// Offers the edges of `row`, reached at `loss`, to the search.
    fn relax(
        &mut self,
        row: usize,
        loss: i64,
        heap: &mut BinaryHeap<Reverse<(i64, usize)>>,
        reached: &mut Vec<usize>,
    ) {
        for &(column, weight) in &self.edges[row] {
            let through = loss + self.row_price[row] + self.column_price[column] - weight as i64;
            if through < self.distance[column] {
                if self.distance[column] == i64::MAX {
                    reached.push(column);
                }
                self.distance[column] = through;
                self.from[column] = row;
                heap.push(Reverse((through, column)));
            }
        }
    }

    /// Swaps matched and unmatched edges along the path that ends in a free column, or in a row that stays alone.
    fn flip(&mut self, start: usize, free: Option<usize>, alone: usize) {
        let mut column = match free {
            Some(column) => column,
            None if alone == start => return,
            None => match self.column_of[alone].take() {
                Some(column) => column,
                None => return,
            },
        };
        loop {
            let row = self.from[column];
            self.row_of[column] = Some(row);
            let previous = self.column_of[row].replace(column);
            match previous {
                Some(previous) if row != start => column = previous,
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Greatest total by trying everything: each row takes any free column or none.
    fn by_search(table: &[Vec<u64>], row: usize, taken: u32) -> u64 {
        if row == table.len() {
            return 0;
        }
        let alone = by_search(table, row + 1, taken);
        let free = (0..table[row].len()).filter(|column| taken & (1 << column) == 0);
        free.map(|column| table[row][column] + by_search(table, row + 1, taken | 1 << column))
            .fold(alone, u64::max)
    }

    fn sparse(table: &[Vec<u64>]) -> Vec<Vec<(usize, u64)>> {
        let row = |row: &Vec<u64>| row.iter().copied().enumerate().filter(|edge| edge.1 > 0).collect();
        table.iter().map(row).collect()
    }

    proptest! {
        #[test]
        fn equals_trying_everything(
            table in (1usize..6, 1usize..6).prop_flat_map(|(rows, columns)| {
                // Few values, so that there are many ties and zeros.
                prop::collection::vec(prop::collection::vec(0u64..5, columns), rows)
            })
        ) {
            let pairs = heaviest_matching(&sparse(&table), table[0].len());
            let (mut rows, mut columns) = (Vec::new(), Vec::new());
            let mut total = 0;
            for (row, column, weight) in pairs {
                prop_assert_eq!(weight, table[row][column]);
                rows.push(row);
                columns.push(column);
                total += weight;
            }
            let unique = |mut list: Vec<usize>| { list.sort_unstable(); list.windows(2).all(|w| w[0] != w[1]) };
            prop_assert!(unique(rows) && unique(columns));
            prop_assert_eq!(total, by_search(&table, 0, 0));
        }
    }

    #[test]
    fn gives_way_when_that_is_worth_more() {
        // Row 0 wants column 0 most, but row 1 has nothing else.
        assert_eq!(heaviest_matching(&sparse(&[vec![5, 4], vec![3, 0]]), 2), [(0, 1, 4), (1, 0, 3)]);
        // Here it does not pay, and row 1 stays alone.
        assert_eq!(heaviest_matching(&sparse(&[vec![5, 1], vec![3, 0]]), 2), [(0, 0, 5)]);
        assert_eq!(heaviest_matching(&[], 0), []);
    }
}
