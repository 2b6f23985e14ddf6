//! TensorFlow Serving's REST format: rows (`instances`) or columns (`inputs`), as its `api_rest.md` has it; rows with named
//! columns and pandas' data frames for models whose columns have names; and what the platforms make of it.

pub(crate) mod csv;
mod examples;
mod fields;
mod frame;
mod json_rows;
mod metadata;
mod request;
mod response;
mod table;
mod task;
#[cfg(test)]
mod tests;

pub use self::examples::{Task, decode_examples, encode_results};
pub use self::metadata::metadata;
pub use self::request::{decode_outputs, decode_request};
pub(crate) use self::response::encode;
pub use self::response::{encode_request, encode_response};
use super::rows::Place;

/// The two forms of a request; the answer mirrors it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `instances` in, `predictions` out: one entry a row.
    Rows,
    /// `inputs` in, `outputs` out: one entry a tensor.
    Columns,
}

/// The field in which a request has its rows or columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `instances`: rows.
    Instances,
    /// `inputs`: columns.
    Inputs,
    /// `dataframe_records`: rows as objects.
    Records,
    /// `dataframe_split`: rows, with the names of columns beside them.
    Split,
}

impl Field {
    /// The form of such a request.
    pub fn format(self) -> Format {
        match self {
            Self::Instances | Self::Records | Self::Split => Format::Rows,
            Self::Inputs => Format::Columns,
        }
    }
}

impl Place for Field {
    fn place(&self) -> &'static str {
        match self {
            Self::Instances => "instances",
            Self::Inputs => "inputs",
            Self::Records => "dataframe_records",
            Self::Split => frame::DATA,
        }
    }
}
