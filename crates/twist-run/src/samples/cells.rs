//! Values of a column, whatever their width.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type, Int32Type, Int64Type, UInt32Type};
use arrow_array::{ArrayRef, FixedSizeListArray, ListArray};

/// What the lists of a column hold, one after another.
pub(super) fn list_values(lists: &ArrayRef) -> Option<&ArrayRef> {
    let fixed = lists.as_fixed_size_list_opt().map(FixedSizeListArray::values);
    fixed.or_else(|| lists.as_list_opt::<i32>().map(ListArray::values))
}

/// Integers of any width; null and negative values are `None`.
pub(super) fn integers(array: &ArrayRef) -> Option<Vec<Option<u32>>> {
    if let Some(values) = array.as_primitive_opt::<Int32Type>() {
        return Some(values.iter().map(|x| x.and_then(|x| u32::try_from(x).ok())).collect());
    }
    if let Some(values) = array.as_primitive_opt::<Int64Type>() {
        return Some(values.iter().map(|x| x.and_then(|x| u32::try_from(x).ok())).collect());
    }
    Some(array.as_primitive_opt::<UInt32Type>()?.iter().collect())
}

/// Floating point numbers of either width; null becomes 0.
pub(super) fn floats(array: &ArrayRef) -> Option<Vec<f32>> {
    if let Some(values) = array.as_primitive_opt::<Float32Type>() {
        return Some(values.iter().map(Option::unwrap_or_default).collect());
    }
    let values = array.as_primitive_opt::<Float64Type>()?;
    Some(values.iter().map(|x| x.unwrap_or_default() as f32).collect())
}
