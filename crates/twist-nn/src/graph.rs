//! A network as a list of operations, for programs that run it elsewhere.
//!
//! The operators are ONNX's, of operator set 20 (<https://onnx.ai/onnx/operators>). Each layer adds what it does in
//! evaluation, beside the function that does it here. The batch stays free; all other sizes are those of one image.

use tch::{Device, Kind, Tensor};

use crate::NnError;

/// Operations in the order in which they are done, and the constants that they use.
#[derive(Debug, Default)]
pub struct Graph {
    /// The operations.
    pub nodes: Vec<Node>,
    /// Weights and other constants.
    pub constants: Vec<(String, Tensor)>,
    values: usize,
}

/// One operation.
#[derive(Debug, PartialEq)]
pub struct Node {
    /// ONNX's name of the operator.
    pub operator: &'static str,
    /// Names of values and constants.
    pub inputs: Vec<String>,
    /// The name of the value that it makes.
    pub output: String,
    /// What else decides what is done.
    pub attributes: Vec<(&'static str, Attribute)>,
}

/// What an operator is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    /// A number.
    Int(i64),
    /// Numbers.
    Ints(Vec<i64>),
    /// A real number.
    Float(f64),
}

/// A value that flows through the network, `[B, …]`.
#[derive(Clone, Debug)]
pub struct Value {
    /// Its name in the graph.
    pub name: String,
    /// Its axes behind the batch.
    pub shape: Vec<i64>,
}

impl Graph {
    /// A value that comes from outside.
    pub fn input(&mut self, name: &str, shape: &[i64]) -> Value {
        Value { name: name.to_owned(), shape: shape.to_vec() }
    }

    /// A constant, by its name in the graph. It shares memory with the tensor.
    pub fn constant(&mut self, tensor: &Tensor) -> String {
        let name = format!("constant_{}", self.constants.len());
        self.constants.push((name.clone(), tensor.shallow_clone()));
        name
    }

    /// A constant vector of whole numbers.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn numbers(&mut self, numbers: &[i64]) -> Result<String, NnError> {
        Ok(self.constant(&Tensor::f_from_slice(numbers)?))
    }

    /// A constant number, float32.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn number(&mut self, number: f64) -> Result<String, NnError> {
        Ok(self.constant(&Tensor::f_full([0i64; 0], number, (Kind::Float, Device::Cpu))?))
    }

    /// Adds an operation; its value has this shape behind the batch.
    pub fn node(
        &mut self,
        operator: &'static str,
        inputs: &[&str],
        attributes: &[(&'static str, Attribute)],
        shape: Vec<i64>,
    ) -> Value {
        self.values += 1;
        let output = format!("{}_{}", operator.to_lowercase(), self.values);
        let inputs = inputs.iter().map(|&name| name.to_owned()).collect();
        self.nodes.push(Node { operator, inputs, output: output.clone(), attributes: attributes.to_vec() });
        Value { name: output, shape }
    }

    /// An operation on one value that keeps its shape.
    pub fn each(&mut self, operator: &'static str, x: &Value) -> Value {
        self.node(operator, &[&x.name], &[], x.shape.clone())
    }

    /// An operation on a value and something that is broadcast to its shape.
    pub fn with(&mut self, operator: &'static str, x: &Value, other: &str) -> Value {
        self.node(operator, &[&x.name, other], &[], x.shape.clone())
    }

    /// The same with a number.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn by(&mut self, operator: &'static str, x: &Value, number: f64) -> Result<Value, NnError> {
        let number = self.number(number)?;
        Ok(self.with(operator, x, &number))
    }

    /// Axes in another order; the batch stays in front. `order` counts it as 0.
    pub fn transpose(&mut self, x: &Value, order: &[i64]) -> Value {
        let shape = order[1..].iter().map(|&axis| x.shape[axis as usize - 1]).collect();
        self.node("Transpose", &[&x.name], &[("perm", Attribute::Ints(order.to_vec()))], shape)
    }

    /// Another shape behind the batch.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn reshape(&mut self, x: &Value, shape: &[i64]) -> Result<Value, NnError> {
        let target = self.numbers(&[&[0], shape].concat())?;
        Ok(self.node("Reshape", &[&x.name, &target], &[], shape.to_vec()))
    }

    /// `count` entries from `first` on of an axis, which is not the batch; `step` apart.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn slice(
        &mut self,
        x: &Value,
        axis: i64,
        first: i64,
        count: i64,
        step: i64,
    ) -> Result<Value, NnError> {
        let mut shape = x.shape.clone();
        shape[axis as usize - 1] = count;
        let bounds = [first, first + (count - 1) * step + 1, axis, step];
        let bounds: Vec<String> =
            bounds.iter().map(|&bound| self.numbers(&[bound])).collect::<Result<_, _>>()?;
        let inputs: Vec<&str> = std::iter::once(&x.name).chain(&bounds).map(String::as_str).collect();
        Ok(self.node("Slice", &inputs, &[], shape))
    }

    /// One entry of an axis that is not the batch; the axis is gone.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn select(&mut self, x: &Value, axis: i64, index: i64) -> Result<Value, NnError> {
        let index = self.constant(&Tensor::f_full([0i64; 0], index, (Kind::Int64, Device::Cpu))?);
        let mut shape = x.shape.clone();
        shape.remove(axis as usize - 1);
        Ok(self.node("Gather", &[&x.name, &index], &[("axis", Attribute::Int(axis))], shape))
    }

    /// Values one after another along an axis.
    pub fn cat(&mut self, parts: &[&Value], axis: i64) -> Value {
        let mut shape = parts[0].shape.clone();
        shape[axis as usize - 1] = parts.iter().map(|part| part.shape[axis as usize - 1]).sum();
        let inputs: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        self.node("Concat", &inputs, &[("axis", Attribute::Int(axis))], shape)
    }

    /// A constant `[1, …]`, once for each image of the batch that `like` has.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn for_each(&mut self, constant: &Tensor, like: &Value) -> Result<Value, NnError> {
        let shape = constant.size()[1..].to_vec();
        let batch = self.node("Shape", &[&like.name], &[("end", Attribute::Int(1))], vec![]);
        let rest = self.numbers(&shape)?;
        let whole = self.node("Concat", &[&batch.name, &rest], &[("axis", Attribute::Int(0))], vec![]);
        let constant = self.constant(constant);
        Ok(self.node("Expand", &[&constant, &whole.name], &[], shape))
    }

    /// `[B, C, H, W]` to the mean over positions, `[B, C]`.
    pub fn mean_of_positions(&mut self, x: &Value) -> Value {
        let channels = x.shape[0];
        let mean = self.node("GlobalAveragePool", &[&x.name], &[], vec![channels, 1, 1]);
        self.node("Flatten", &[&mean.name], &[], vec![channels])
    }

    /// `x Φ(x)`.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn gelu(&mut self, x: &Value) -> Result<Value, NnError> {
        let inner = self.by("Mul", x, std::f64::consts::FRAC_1_SQRT_2)?;
        let erf = self.each("Erf", &inner);
        let twice = self.by("Add", &erf, 1.0)?;
        let all = self.with("Mul", &twice, &x.name);
        self.by("Mul", &all, 0.5)
    }

    /// The approximation of `x Φ(x)` by a hyperbolic tangent.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn gelu_tanh(&mut self, x: &Value) -> Result<Value, NnError> {
        let square = self.with("Mul", x, &x.name);
        let inner = self.by("Mul", &square, 0.044_715)?;
        let inner = self.by("Add", &inner, 1.0)?;
        let inner = self.with("Mul", &inner, &x.name);
        let inner = self.by("Mul", &inner, (2.0 / std::f64::consts::PI).sqrt())?;
        let tanh = self.each("Tanh", &inner);
        let twice = self.by("Add", &tanh, 1.0)?;
        let all = self.with("Mul", &twice, &x.name);
        self.by("Mul", &all, 0.5)
    }

    /// Values `[B, heads, M, C]` mixed for queries `[B, heads, N, C]` by their likeness to keys `[B, heads, M, C]`.
    ///
    /// # Errors
    /// libtorch's own.
    pub fn attention(&mut self, queries: &Value, keys: &Value, values: &Value) -> Result<Value, NnError> {
        let (heads, rows, channels) = (queries.shape[0], queries.shape[1], queries.shape[2]);
        let queries = self.by("Mul", queries, 1.0 / (channels as f64).sqrt())?;
        let keys = self.transpose(keys, &[0, 1, 3, 2]);
        let alike = vec![heads, rows, keys.shape[2]];
        let scores = self.node("MatMul", &[&queries.name, &keys.name], &[], alike.clone());
        let weights = self.node("Softmax", &[&scores.name], &[("axis", Attribute::Int(-1))], alike);
        Ok(self.node("MatMul", &[&weights.name, &values.name], &[], vec![heads, rows, channels]))
    }
}
