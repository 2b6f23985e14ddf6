//! Data frames of pandas as `mlflow models serve` takes them: `DataFrame.to_dict(orient="split")` under
//! `dataframe_split` (MLflow, "Local Inference Server Spec", "Accepted Input Formats").

use loadonce_core::{NamedTensor, TensorSpec};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::Text;
use super::table::Table;
use crate::wire::{Raw, WireError, from_json};

/// Where a body has a frame, its columns' names, and its rows.
pub(super) const FRAME: &str = "dataframe_split";
pub(super) const COLUMNS: &str = "dataframe_split.columns";
pub(super) const DATA: &str = "dataframe_split.data";

/// A frame; its index says nothing to a model.
#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow)]
    columns: Vec<&'a RawValue>,
    /// Rows of cells.
    #[serde(borrow)]
    pub(super) data: Vec<Vec<&'a RawValue>>,
}

impl Frame<'_> {
    /// The names of the columns.
    pub(super) fn names(&self) -> Vec<String> {
        self.columns.iter().map(|column| label(column.get())).collect()
    }
}

/// Reads a frame that has rows.
pub(super) fn read(value: Raw<'_>) -> Result<Frame<'_>, WireError> {
    let frame: Frame<'_> = from_json(value.get().as_bytes()).map_err(|error| error.within(&format!("{FRAME}.")))?;
    if frame.data.is_empty() {
        return Err(WireError::form(DATA, "is empty, expected at least one row"));
    }
    Ok(frame)
}

/// The tensors of a frame. Columns may stand in any order; where the model's have no names, they count.
pub(super) fn split_to_tensors(value: Raw<'_>, specs: &[TensorSpec]) -> Result<Vec<NamedTensor>, WireError> {
    let frame = read(value)?;
    let table = Table::of_cells(specs).map_err(|detail| WireError::form(FRAME, detail))?;
    let names = frame.names();
    let places = match table.names() {
        [] => (0..names.len()).collect(),
        _ => table.place(&names).map_err(|detail| WireError::form(COLUMNS, detail))?,
    };
    let rows = frame.data.iter().map(|row| row.iter().map(|cell| Some(cell.get())).collect());
    let cells = table.arrange(DATA, &places, rows)?;
    table.tensors(&cells, |row, column| format!("{DATA}[{row}].{column}"))
}

/// The name of a column, which pandas may also have as a number.
fn label(json: &str) -> String {
    serde_json::from_str(json).map_or_else(|_| json.to_owned(), |Text(text)| text.into_owned())
}
