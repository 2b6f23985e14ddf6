//! A model's tensors seen as a table, and rows of a table put together to tensors.
//!
//! The columns are those of the only tensor, or the tensors themselves. Every form of v1 that names columns, and CSV,
//! comes down to cells here, so that each finds a missing or an unknown column the same way.

use loadonce_core::{DType, Dim, FillValue, NamedTensor, Shape, Tensor, TensorSpec};
use serde_json::value::RawValue;

use super::fields::Fields;
use crate::wire::write::{float, scalar};
use crate::wire::{ArrayError, Raw, WireError, parse_pieces};

/// The columns of a table, and what they become.
#[derive(Debug)]
pub(super) struct Table<'a> {
    specs: &'a [TensorSpec],
    /// Whether the columns are those of the only tensor.
    wide: bool,
    /// Names of the columns in their order; empty where nobody has named them.
    names: Vec<&'a str>,
    /// What errors call a column.
    noun: &'static str,
    /// What stands for a missing cell, as JSON; one of the only tensor, or one a tensor.
    fills: Vec<Option<String>>,
}

/// The cells of some rows, row after row, as JSON.
#[derive(Debug)]
pub(super) struct Cells<'a> {
    rows: usize,
    width: usize,
    values: Vec<&'a str>,
}

impl<'a> Table<'a> {
    /// The table whose columns are those of one tensor.
    pub(super) fn of_columns(spec: &'a TensorSpec) -> Self {
        let names = spec.columns.iter().map(String::as_str).collect();
        Self { specs: std::slice::from_ref(spec), wide: true, names, noun: "column", fills: vec![fill(spec)] }
    }

    /// The table whose columns are tensors, whatever a row of one holds.
    pub(super) fn of_tensors(specs: &'a [TensorSpec]) -> Self {
        let names = specs.iter().map(|spec| spec.name.as_str()).collect();
        Self { specs, wide: false, names, noun: "value", fills: specs.iter().map(fill).collect() }
    }

    /// The table of cells that the model takes; an error where its inputs are none.
    pub(super) fn of_cells(specs: &'a [TensorSpec]) -> Result<Self, String> {
        match specs {
            [only] if only.dims.as_ref().is_none_or(|dims| dims.len() == 2) => Ok(Self::of_columns(only)),
            _ => match specs.iter().find(|spec| !is_one_value_a_row(spec)) {
                None => Ok(Self { noun: "column", ..Self::of_tensors(specs) }),
                Some(spec) => {
                    Err(format!("this model takes no table: a row of '{}' is no single value, but {spec}", spec.name))
                }
            },
        }
    }

    /// Names of the columns; empty where nobody has named them.
    pub(super) fn names(&self) -> &[&'a str] {
        &self.names
    }

    /// How a column is called in paths.
    fn name(&self, column: usize) -> String {
        self.names.get(column).map_or_else(|| column.to_string(), |name| (*name).to_owned())
    }

    /// How many cells a row has; `None` where the model does not say.
    pub(super) fn width(&self) -> Option<usize> {
        if !self.names.is_empty() {
            return Some(self.names.len());
        }
        match self.specs.first()?.dims.as_deref()?.last()? {
            Dim::Fixed(width) => Some(*width),
            Dim::Dynamic(_) => None,
        }
    }

    /// The type of a column's elements.
    pub(super) fn dtype(&self, column: usize) -> Option<DType> {
        Some(self.spec(column)?.dtype)
    }

    /// Whether a cell is one value, rather than a row of some tensor.
    pub(super) fn is_one_value(&self, column: usize) -> bool {
        self.wide || self.spec(column).is_some_and(is_one_value_a_row)
    }

    /// What a column belongs to.
    fn spec(&self, column: usize) -> Option<&TensorSpec> {
        self.specs.get(if self.wide { 0 } else { column })
    }

    /// What stands for a missing cell of that column.
    fn fill(&self, column: usize) -> Option<&str> {
        let spec = if self.wide { 0 } else { column };
        self.fills.get(spec)?.as_deref().filter(|_| self.is_one_value(column))
    }

    /// Where each given column stands in the table.
    pub(super) fn place<S: AsRef<str>>(&self, given: &[S]) -> Result<Vec<usize>, String> {
        let mut seen = vec![false; self.names.len()];
        let mut places = Vec::with_capacity(given.len());
        for (position, name) in given.iter().map(AsRef::as_ref).enumerate() {
            let place = self.find(name, position)?;
            if std::mem::replace(&mut seen[place], true) {
                return Err(format!("{} '{name}' is given twice", self.noun));
            }
            places.push(place);
        }
        Ok(places)
    }

    /// The column of that name, likely at that position.
    fn find(&self, name: &str, position: usize) -> Result<usize, String> {
        if self.names.get(position) == Some(&name) {
            return Ok(position);
        }
        self.names
            .iter()
            .position(|known| *known == name)
            .ok_or_else(|| format!("{} '{name}' is unknown, expected {}", self.noun, self.names.join(", ")))
    }

    /// The cells of rows that are objects.
    pub(super) fn gather<'c>(&'c self, field: &str, rows: &[Fields<'c>]) -> Result<Cells<'c>, WireError> {
        let width = self.names.len();
        let mut cells = Vec::with_capacity(rows.len() * width);
        let mut row_cells = vec![None; width];
        for (position, Fields(row)) in rows.iter().enumerate() {
            row_cells.fill(None);
            let wrong = |detail: String| WireError::form(format!("{field}[{position}]"), detail);
            for (nth, (name, value)) in row.iter().enumerate() {
                let cell = &mut row_cells[self.find(name, nth).map_err(wrong)?];
                if cell.replace(value.get()).is_some() {
                    return Err(wrong(format!("{} '{name}' is given twice", self.noun)));
                }
            }
            self.complete(&row_cells, &mut cells).map_err(wrong)?;
        }
        Ok(Cells { rows: rows.len(), width, values: cells })
    }

    /// The cells of rows that are lists, with a place for each entry of a row.
    pub(super) fn arrange<'c>(
        &'c self,
        field: &str,
        places: &[usize],
        rows: impl ExactSizeIterator<Item = Vec<Option<&'c str>>>,
    ) -> Result<Cells<'c>, WireError> {
        let (count, width) = (rows.len(), self.width().unwrap_or(places.len()));
        let mut cells = Vec::with_capacity(count * width);
        let mut row_cells = vec![None; width];
        for (position, row) in rows.enumerate() {
            let wrong = |detail: String| WireError::form(format!("{field}[{position}]"), detail);
            if row.len() != places.len() {
                return Err(wrong(format!("expected {} values, got {}", places.len(), row.len())));
            }
            for (place, cell) in places.iter().zip(row) {
                row_cells[*place] = cell;
            }
            self.complete(&row_cells, &mut cells).map_err(wrong)?;
        }
        Ok(Cells { rows: count, width, values: cells })
    }

    /// The cells of rows that are lists, or of those that are a cell each; `None` where a row is not what it should be.
    pub(super) fn lists<'c>(&self, rows: &[Raw<'c>]) -> Option<Vec<Vec<Option<&'c str>>>> {
        let cells = |row: &Raw<'c>| -> Option<Vec<Option<&'c str>>> {
            if !self.wide {
                return Some(vec![Some(row.get())]);
            }
            let list: Vec<&RawValue> = serde_json::from_str(row.get()).ok()?;
            Some(list.into_iter().map(|cell| Some(cell.get())).collect())
        };
        rows.iter().map(cells).collect()
    }

    /// Adds a row with what stands for its missing cells; `null` is a missing one.
    fn complete<'c>(&'c self, row: &[Option<&'c str>], cells: &mut Vec<&'c str>) -> Result<(), String> {
        for (column, cell) in row.iter().enumerate() {
            let fill = || self.fill(column);
            let missing = || format!("{} '{}' is missing", self.noun, self.name(column));
            cells.push(match *cell {
                Some("null") => fill().unwrap_or("null"),
                Some(cell) => cell,
                None => fill().ok_or_else(missing)?,
            });
        }
        Ok(())
    }

    /// The tensors of these cells. `path` names a cell, by its row and column, in errors.
    pub(super) fn tensors(
        &self,
        cells: &Cells<'_>,
        path: impl Fn(usize, &str) -> String,
    ) -> Result<Vec<NamedTensor>, WireError> {
        let Cells { rows, width, values } = cells;
        if let (true, [only]) = (self.wide, self.specs) {
            let path = |cell: usize| path(cell / width, &self.name(cell % width));
            return Ok(vec![tensor(only, &[*rows, *width], values, path)?]);
        }
        let tensors = self.specs.iter().enumerate().map(|(column, spec)| {
            let column: Vec<_> = values.iter().copied().skip(column).step_by(*width).collect();
            tensor(spec, &[*rows], &column, |row| path(row, &spec.name))
        });
        tensors.collect()
    }
}

/// Whether the tensor has, or may have, one value a row.
pub(super) fn is_one_value_a_row(spec: &TensorSpec) -> bool {
    matches!(spec.dims.as_deref(), None | Some([_] | [_, Dim::Fixed(1)]))
}

/// The fill value as JSON.
fn fill(spec: &TensorSpec) -> Option<String> {
    let mut text = Vec::new();
    match spec.missing.as_ref()? {
        FillValue::Integer(value) => scalar(&mut text, value),
        FillValue::Float(value) => float(&mut text, *value),
        FillValue::Bool(value) => scalar(&mut text, value),
        FillValue::Text(value) => scalar(&mut text, value),
    }
    String::from_utf8(text).ok()
}

/// Reads pieces of JSON as the tensor of that spec; `path` names a piece in errors.
pub(super) fn tensor(
    spec: &TensorSpec,
    outer: &[usize],
    pieces: &[&str],
    path: impl Fn(usize) -> String,
) -> Result<NamedTensor, WireError> {
    let tensor = parse_pieces(spec.dtype, outer, pieces).map_err(|error| {
        let ArrayError { piece, position, detail } = error;
        WireError::form(format!("{}{position}", path(piece)), detail)
    })?;
    Ok(NamedTensor { name: spec.name.clone(), tensor: as_column(spec, tensor) })
}

/// Single values are rows of one value each where the model has them so.
fn as_column(spec: &TensorSpec, tensor: Tensor) -> Tensor {
    match (&**tensor.shape(), spec.dims.as_deref()) {
        (&[rows], Some([_, Dim::Fixed(1)])) => tensor.clone().reshape(Shape::new([rows, 1])).unwrap_or(tensor),
        _ => tensor,
    }
}
