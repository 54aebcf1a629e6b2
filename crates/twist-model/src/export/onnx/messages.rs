//! The messages of ONNX files (<https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>), as far as networks need them: no
//! maintained library writes them in Rust.

use prost::Message;

/// Declares messages: of each field its name, its type, and how it is written, with its number.
macro_rules! messages {
    ($($message:ident { $($(#[$doc:meta])* $field:ident: $type:ty = [$($how:tt)*];)* })*) => {
        $(
            #[derive(Clone, PartialEq, Message)]
            pub(super) struct $message {
                $($(#[$doc])* #[prost($($how)*)] pub(super) $field: $type,)*
            }
        )*
    };
}

messages! {
    Model {
        ir_version: Option<i64> = [int64, optional, tag = "1"];
        producer_name: Option<String> = [string, optional, tag = "2"];
        producer_version: Option<String> = [string, optional, tag = "3"];
        graph: Option<Graph> = [message, optional, tag = "7"];
        opset_import: Vec<OperatorSet> = [message, repeated, tag = "8"];
        metadata_props: Vec<Entry> = [message, repeated, tag = "14"];
    }

    OperatorSet {
        domain: Option<String> = [string, optional, tag = "1"];
        version: Option<i64> = [int64, optional, tag = "2"];
    }

    Entry {
        key: Option<String> = [string, optional, tag = "1"];
        value: Option<String> = [string, optional, tag = "2"];
    }

    Graph {
        node: Vec<Node> = [message, repeated, tag = "1"];
        name: Option<String> = [string, optional, tag = "2"];
        initializer: Vec<Tensor> = [message, repeated, tag = "5"];
        input: Vec<ValueInfo> = [message, repeated, tag = "11"];
        output: Vec<ValueInfo> = [message, repeated, tag = "12"];
    }

    Node {
        input: Vec<String> = [string, repeated, tag = "1"];
        output: Vec<String> = [string, repeated, tag = "2"];
        name: Option<String> = [string, optional, tag = "3"];
        op_type: Option<String> = [string, optional, tag = "4"];
        attribute: Vec<Attribute> = [message, repeated, tag = "5"];
    }

    Attribute {
        name: Option<String> = [string, optional, tag = "1"];
        f: Option<f32> = [float, optional, tag = "2"];
        i: Option<i64> = [int64, optional, tag = "3"];
        ints: Vec<i64> = [int64, repeated, packed = "false", tag = "8"];
        /// 1 for `f`, 2 for `i`, 7 for `ints`.
        r#type: Option<i32> = [int32, optional, tag = "20"];
    }

    Tensor {
        dims: Vec<i64> = [int64, repeated, packed = "false", tag = "1"];
        data_type: Option<i32> = [int32, optional, tag = "2"];
        name: Option<String> = [string, optional, tag = "8"];
        raw_data: Option<Vec<u8>> = [bytes = "vec", optional, tag = "9"];
        external_data: Vec<Entry> = [message, repeated, tag = "13"];
        /// 1: in a file of its own.
        data_location: Option<i32> = [int32, optional, tag = "14"];
    }

    ValueInfo {
        name: Option<String> = [string, optional, tag = "1"];
        r#type: Option<Type> = [message, optional, tag = "2"];
    }

    Type {
        tensor_type: Option<TensorType> = [message, optional, tag = "1"];
    }

    TensorType {
        elem_type: Option<i32> = [int32, optional, tag = "1"];
        shape: Option<Shape> = [message, optional, tag = "2"];
    }

    Shape {
        dim: Vec<Dimension> = [message, repeated, tag = "1"];
    }

    Dimension {
        dim_value: Option<i64> = [int64, optional, tag = "1"];
        dim_param: Option<String> = [string, optional, tag = "2"];
    }
}

/// `key` and `value` of a list.
pub(super) fn entry(key: &str, value: impl Into<String>) -> Entry {
    Entry { key: Some(key.into()), value: Some(value.into()) }
}

/// A value `[batch, …]` that enters or leaves.
pub(super) fn value(name: &str, element: i32, shape: &[i64]) -> ValueInfo {
    let batch = Dimension { dim_value: None, dim_param: Some("batch".into()) };
    let others = shape.iter().map(|&length| Dimension { dim_value: Some(length), dim_param: None });
    let shape = Shape { dim: std::iter::once(batch).chain(others).collect() };
    let tensor = TensorType { elem_type: Some(element), shape: Some(shape) };
    ValueInfo { name: Some(name.into()), r#type: Some(Type { tensor_type: Some(tensor) }) }
}
