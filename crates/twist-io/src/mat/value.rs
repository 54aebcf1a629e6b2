//! The values of variables.

/// A value of a MATLAB file. Everything there is a matrix: `axes` has at least two lengths, and elements are listed
/// column by column (the first axis runs fastest).
#[derive(Clone, Debug, PartialEq)]
pub enum MatValue {
    /// Numbers of any class; complex ones by their real part.
    Numbers {
        /// Length of each axis.
        axes: Vec<usize>,
        /// The numbers.
        values: Vec<f64>,
    },
    /// Text, one string for each row.
    Text(Vec<String>),
    /// A matrix of values.
    Cells {
        /// Length of each axis.
        axes: Vec<usize>,
        /// The values.
        values: Vec<MatValue>,
    },
    /// A matrix of structures.
    Structures {
        /// Length of each axis.
        axes: Vec<usize>,
        /// Names of the fields.
        fields: Vec<String>,
        /// All fields of the first structure, then of the second, and so on.
        values: Vec<MatValue>,
    },
}

impl MatValue {
    /// The numbers, when it is numbers.
    pub fn numbers(&self) -> Option<&[f64]> {
        match self {
            Self::Numbers { values, .. } => Some(values),
            _ => None,
        }
    }

    /// The only number.
    pub fn number(&self) -> Option<f64> {
        match self.numbers()? {
            [number] => Some(*number),
            _ => None,
        }
    }

    /// The text, when it is one row of it.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(rows) if rows.len() == 1 => Some(&rows[0]),
            _ => None,
        }
    }

    /// The cells.
    pub fn cells(&self) -> Option<&[MatValue]> {
        match self {
            Self::Cells { values, .. } => Some(values),
            _ => None,
        }
    }

    /// One field of every structure, in order.
    pub fn field(&self, name: &str) -> Option<Vec<&MatValue>> {
        let Self::Structures { fields, values, .. } = self else {
            return None;
        };
        let place = fields.iter().position(|field| field == name)?;
        Some(values.iter().skip(place).step_by(fields.len()).collect())
    }

    /// What it is, for error messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Numbers { .. } => "numbers",
            Self::Text(_) => "text",
            Self::Cells { .. } => "cells",
            Self::Structures { .. } => "structures",
        }
    }
}
