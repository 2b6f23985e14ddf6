//! Files of rows, as people have them: a JSON array, JSON lines, or CSV with a header. They become rows of v1.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs;
use std::path::Path;

use csv::ReaderBuilder;
use loadonce_core::{Content, DType, LoadError, LoadErrorKind, TensorSpec};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::wire::v1::csv::json;
use crate::wire::{rows, write_object};

/// A row as JSON.
pub type Row = Box<RawValue>;

/// What a row of a table becomes.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// Values by the names of the header.
    Object,
    /// The row of the only tensor, whose columns have no names.
    List,
    /// The only value.
    Value,
}

/// Reads the rows of a file: of a model's inputs, or of its outputs. Its name says what it is: `.json` is an array,
/// `.jsonl` and `.ndjson` have a value a line, `.csv` has a header that names columns, inputs or outputs.
///
/// # Errors
/// A file that cannot be read, is none of these, or has no rows. Whether the rows fit the model is not looked at.
pub fn read_rows(path: &Path, specs: &[TensorSpec]) -> Result<Vec<Row>, LoadError> {
    let text = fs::read_to_string(path).map_err(|error| wrong(path, "cannot be read").caused_by(error))?;
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let rows = match extension.as_str() {
        "json" => serde_json::from_str(&text).map_err(|error| wrong(path, "is no JSON array of rows").caused_by(error)),
        "jsonl" | "ndjson" => of_lines(path, &text),
        "csv" => of_table(path, &text, specs),
        _ => Err(wrong(path, "is of an unknown form")
            .advise("name it .json (an array of rows), .jsonl (a row a line) or .csv (with a header)")),
    }?;
    if rows.is_empty() { Err(wrong(path, "has no rows")) } else { Ok(rows) }
}

fn wrong(path: &Path, detail: impl Into<String>) -> LoadError {
    LoadError::new(LoadErrorKind::Configuration, detail).at(path)
}

fn of_lines(path: &Path, text: &str) -> Result<Vec<Row>, LoadError> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let row = |(position, line): (usize, &str)| {
        let no_json = |error| wrong(path, format!("line {} is no JSON value", position + 1)).caused_by(error);
        serde_json::from_str(line).map_err(no_json)
    };
    lines.map(row).collect()
}

fn of_table(path: &Path, text: &str, specs: &[TensorSpec]) -> Result<Vec<Row>, LoadError> {
    let invalid = |error: csv::Error| wrong(path, "is not valid CSV").caused_by(error);
    // Spreadsheets begin with a byte order mark.
    let mut reader = ReaderBuilder::new().from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let names: Vec<_> = reader.headers().map_err(invalid)?.iter().map(|name| name.trim().to_owned()).collect();
    let mut seen = HashSet::new();
    if let Some(name) = names.iter().find(|name| !seen.insert(name.as_str())) {
        return Err(wrong(path, format!("has two columns '{name}'")));
    }
    let form = Form::of(names.len(), specs);
    let row = |record: Result<csv::StringRecord, csv::Error>| {
        let record = record.map_err(invalid)?;
        let cells = names.iter().map(String::as_str).zip(&record);
        let cells: Vec<_> = cells.map(|(name, field)| (name, cell(field, dtype_of(name, specs)))).collect();
        RawValue::from_string(form.write(&cells)).map_err(|error| wrong(path, "cannot become JSON").caused_by(error))
    };
    reader.records().map(row).collect()
}

impl Form {
    fn of(columns: usize, specs: &[TensorSpec]) -> Self {
        match (rows::of_json(specs), specs) {
            (Some(spec), _) if columns == 1 && is_scalar(spec) => Self::Value,
            (None, [only]) if only.columns.is_empty() && columns == 1 => Self::Value,
            (None, [only]) if only.columns.is_empty() => Self::List,
            _ => Self::Object,
        }
    }

    /// The row of these cells.
    fn write(self, cells: &[(&str, Option<Cow<'_, str>>)]) -> String {
        let texts = || cells.iter().map(|(_, cell)| cell.as_deref().unwrap_or("null"));
        match self {
            Self::Object => write_object(cells.iter().filter_map(|(name, cell)| Some((*name, cell.as_deref()?)))),
            Self::List => format!("[{}]", texts().collect::<Vec<_>>().join(",")),
            Self::Value => texts().collect(),
        }
    }
}

/// Whether a value of JSON is known to be no object.
fn is_scalar(spec: &TensorSpec) -> bool {
    let Content::Json { schema: Some(schema) } = &spec.content else { return false };
    let schema: Option<Value> = serde_json::from_str(schema).ok();
    let is_named = |name: &str| ["string", "number", "integer", "boolean"].contains(&name);
    schema.is_some_and(|schema| schema["type"].as_str().is_some_and(is_named))
}

/// The type of a column's elements, that of an input or output, or of the only one; none where the model takes any.
fn dtype_of(name: &str, specs: &[TensorSpec]) -> Option<DType> {
    let spec = specs.iter().find(|spec| spec.name == name).or(specs.first().filter(|_| specs.len() == 1));
    spec.filter(|spec| !spec.content.is_json()).map(|spec| spec.dtype)
}

/// A field as JSON; none where it is empty and no text. Where the type is unknown, what looks like a number or a truth value
/// is one.
fn cell(field: &str, dtype: Option<DType>) -> Option<Cow<'_, str>> {
    if let Some(dtype) = dtype {
        return json(field, dtype);
    }
    let trimmed = field.trim();
    match trimmed {
        "" => None,
        "True" => Some(Cow::Borrowed("true")),
        "False" => Some(Cow::Borrowed("false")),
        _ => match serde_json::from_str(trimmed) {
            Ok(Value::Number(_) | Value::Bool(_)) => Some(Cow::Borrowed(trimmed)),
            _ => json(field, DType::Bytes),
        },
    }
}

#[cfg(test)]
mod tests {
    use loadonce_core::Dim;

    use super::*;

    fn read(name: &str, text: &str, specs: &[TensorSpec]) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        let rows = read_rows(&path, specs).map_err(|error| error.to_string())?;
        Ok(rows.iter().map(|row| row.get().to_owned()).collect())
    }

    fn json_rows(schema: Option<&str>) -> [TensorSpec; 1] {
        let content = Content::Json { schema: schema.map(Into::into) };
        [TensorSpec { content, ..TensorSpec::new("rows", DType::Bytes, [Dim::ANY]) }]
    }

    #[test]
    fn arrays_lines_and_tables_are_the_same_rows() {
        let mut only = TensorSpec::new("x", DType::Fp32, [Dim::ANY, Dim::Fixed(2)]);
        let lists = ["[1,2.5]", "[3,-0.5]"];
        assert_eq!(read("r.json", " [[1,2.5], [3,-0.5]]\n", std::slice::from_ref(&only)).unwrap(), lists);
        assert_eq!(read("r.jsonl", "[1,2.5]\n\n[3,-0.5]\n", std::slice::from_ref(&only)).unwrap(), lists);
        assert_eq!(read("r.csv", "\u{feff}a,b\n1,2.5\n3,-.5\n", std::slice::from_ref(&only)).unwrap(), lists);
        only.columns = vec!["a".to_owned(), "b".to_owned()];
        let named = [r#"{"b":1,"a":"NaN"}"#, r#"{"b":2}"#];
        assert_eq!(read("r.csv", "b, a\n1,nan\n2,\n", &[only]).unwrap(), named);
    }

    #[test]
    fn tables_of_several_tensors_have_the_types_of_each() {
        let specs = [
            TensorSpec::new("label", DType::Bytes, [Dim::ANY]),
            TensorSpec::new("count", DType::Int64, [Dim::ANY, Dim::Fixed(1)]),
        ];
        assert_eq!(read("r.csv", "label,count\n007,7\n", &specs).unwrap(), [r#"{"label":"007","count":7}"#]);
        assert_eq!(read("r.csv", "count\n7\n", &specs[1..]).unwrap(), ["7"]);
    }

    #[test]
    fn tables_of_json_are_objects_unless_a_row_is_a_single_value() {
        let row = r#"{"a":1.5,"b":true,"c":"x y"}"#;
        assert_eq!(read("r.csv", "a,b,c,d\n1.5,True,x y,\n", &json_rows(None)).unwrap(), [row]);
        assert_eq!(read("r.csv", "a\n1\n", &json_rows(None)).unwrap(), [r#"{"a":1}"#]);
        assert_eq!(read("r.csv", "a\nspam\n", &json_rows(Some(r#"{"type":"string"}"#))).unwrap(), ["\"spam\""]);
    }

    #[test]
    fn mistakes_name_the_file_and_the_line() {
        let cases = [
            ("r.txt", "1,2", "r.txt: is of an unknown form; name it .json"),
            ("r.json", "{}", "r.json: is no JSON array of rows: invalid type: map"),
            ("r.json", "[]", "r.json: has no rows"),
            ("r.jsonl", "[1]\n1],[2", "r.jsonl: line 2 is no JSON value: trailing characters"),
            ("r.csv", "a,b\n1\n", "r.csv: is not valid CSV: CSV error: record 1 (line: 2"),
            ("r.csv", "a,a\n1,2\n", "r.csv: has two columns 'a'"),
        ];
        for (name, text, expected) in cases {
            let error = read(name, text, &json_rows(None)).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
