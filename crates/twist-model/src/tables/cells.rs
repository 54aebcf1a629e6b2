//! Cells of a table as text and as JSON.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Int32Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use serde_json::{Number, Value};

use super::csv::Shown;

/// The cell in `column` and `row`: null, or a value of one of the types that the tables here have.
pub(super) fn cell(rows: &RecordBatch, column: usize, row: usize) -> Value {
    let array = rows.column(column);
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Float32 => number(array.as_primitive::<Float32Type>().value(row)),
        DataType::FixedSizeList(..) => {
            let list = array.as_fixed_size_list().value(row);
            list.as_primitive::<Float32Type>().values().iter().map(|&x| number(x)).collect()
        }
        // The schemas of this crate have no other types.
        _ => Value::Null,
    }
}

/// Text as a file or another program gets it.
pub(super) fn as_given(text: &str) -> Cow<'_, str> {
    text.into()
}

/// A float32 with as few digits as tell it apart from others: through float64 it would have seventeen. What is not
/// finite is null, as JSON has no word for it.
fn number(x: f32) -> Value {
    x.to_string().parse().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

/// A cell as a field of CSV: text as `shown`, without quotes and never a formula ([`twist_io::text_to_cell`]), nothing for null.
pub(super) fn field(value: &Value, shown: Shown) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => twist_io::text_to_cell(&shown(text)).into_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_exact() {
        for (x, text) in
            [(0.1, "0.1"), (0.987_654_3, "0.9876543"), (1.0, "1.0"), (f32::NAN, "null"), (1e-8, "1e-8")]
        {
            assert_eq!(number(x).to_string(), text);
        }
        assert_eq!(
            (field(&Value::Null, as_given), field(&"a,b".into(), as_given), field(&true.into(), as_given)),
            (String::new(), "a,b".into(), "true".into())
        );
        let fields = (field(&"=1+1.png".into(), as_given), field(&number(-0.5), as_given));
        assert_eq!(fields, ("'=1+1.png".into(), "-0.5".into()));
        let name = "a\n\u{1b}".into();
        assert_eq!([field(&name, as_given), field(&name, twist_io::printable)], ["a\n\u{1b}", "a\\n\\u{1b}"]);
    }
}
