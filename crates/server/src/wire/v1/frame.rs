//! Data frames of pandas as `mlflow models serve` takes them: `DataFrame.to_dict(orient="split")` under
//! `dataframe_split` (MLflow, "Local Inference Server Spec", "Accepted Input Formats").

use loadonce_core::{NamedTensor, TensorSpec};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::fields::Text;
use super::table::Table;
use crate::wire::{Raw, WireError, from_json};

/// A frame; its index says nothing to a model.
#[derive(Deserialize)]
struct Split<'a> {
    #[serde(borrow)]
    columns: Vec<&'a RawValue>,
    #[serde(borrow)]
    data: Vec<Vec<&'a RawValue>>,
}

/// The tensors of a split frame. Columns may stand in any order; where the model's have no names, they count.
pub(super) fn split_to_tensors(
    field: &str,
    value: Raw<'_>,
    specs: &[TensorSpec],
) -> Result<Vec<NamedTensor>, WireError> {
    let within = |error: WireError| error.within(&format!("{field}."));
    let Split { columns, data } = from_json(value.get().as_bytes()).map_err(within)?;
    if data.is_empty() {
        return Err(WireError::form(format!("{field}.data"), "is empty, expected at least one row"));
    }
    let table = Table::of_cells(specs).map_err(|detail| WireError::form(field, detail))?;
    let names: Vec<_> = columns.iter().map(|column| label(column.get())).collect();
    let places = match table.names() {
        [] => (0..names.len()).collect(),
        _ => table.place(&names).map_err(|detail| WireError::form(format!("{field}.columns"), detail))?,
    };
    let field = format!("{field}.data");
    let rows = data.iter().map(|row| row.iter().map(|cell| Some(cell.get())).collect());
    let cells = table.arrange(&field, &places, rows)?;
    table.tensors(&cells, |row, column| format!("{field}[{row}].{column}"))
}

/// The name of a column, which pandas may also have as a number.
fn label(json: &str) -> String {
    serde_json::from_str(json).map_or_else(|_| json.to_owned(), |Text(text)| text.into_owned())
}
