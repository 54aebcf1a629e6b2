//! Splits of classes in a graph.

use twist_nn::{Graph, NnError, Value};

use crate::SplitCard;

/// Probabilities `[B, K]` of the classes before a split → `[B, K + N − 1]`, where the split's head divides the class into `parts`
/// `[B, N]`.
///
/// # Errors
/// libtorch's own.
pub(super) fn divide(
    graph: &mut Graph,
    card: &SplitCard,
    probabilities: &Value,
    parts: &Value,
) -> Result<Value, NnError> {
    let (class, classes) = (i64::from(card.class), probabilities.shape[0]);
    let parent = graph.slice(probabilities, 1, class, 1, 1)?;
    let children = graph.with("Mul", parts, &parent.name);
    let mut columns = Vec::new();
    if class > 0 {
        columns.push(graph.slice(probabilities, 1, 0, class, 1)?);
    }
    for (rank, place) in card.by_number().into_iter().enumerate() {
        columns.push(graph.slice(&children, 1, place, 1, 1)?);
        // Behind the child that has the number of the class.
        if rank == 0 && class + 1 < classes {
            columns.push(graph.slice(probabilities, 1, class + 1, classes - class - 1, 1)?);
        }
    }
    Ok(graph.cat(&columns.iter().collect::<Vec<_>>(), 1))
}
