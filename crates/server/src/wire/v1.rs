//! TensorFlow Serving's REST predict format: rows (`instances`) or columns (`inputs`), as its `api_rest.md` has it, and
//! rows with named columns for models whose columns have names.

use std::borrow::Cow;
use std::fmt;

use loadonce_core::{InferRequest, InferResponse, NamedTensor, Signature, TensorSpec};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::write::{scalar, separate, write_nested};
use super::{ArrayError, WireError, from_json, parse_pieces, quote};

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    instances: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    inputs: Option<&'a RawValue>,
}

/// The part of a response that a sample's expected answer has.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    predictions: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    outputs: Option<&'a RawValue>,
}

/// The two forms of a request; the answer mirrors it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `instances` in, `predictions` out: one entry a row.
    Rows,
    /// `inputs` in, `outputs` out: one entry a tensor.
    Columns,
}

/// Fields of a JSON object in the order in which they came, doubles included.
struct Fields<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// Reads a predict request. Other fields, such as `signature_name`, are ignored.
pub fn decode_request(body: &[u8], signature: &Signature) -> Result<(Format, InferRequest), WireError> {
    let body: Body<'_> = from_json(body)?;
    let (format, inputs) = match (body.instances, body.inputs) {
        (Some(rows), None) => (Format::Rows, rows_to_tensors("instances", &rows, &signature.inputs)?),
        (None, Some(value)) => (Format::Columns, columns_to_tensors("inputs", value, &signature.inputs)?),
        (Some(_), Some(_)) => {
            return Err(WireError::form("the body", "has both 'instances' and 'inputs', expected one"));
        }
        (None, None) => {
            return Err(WireError::form("the body", "has neither 'instances' (rows) nor 'inputs' (columns)"));
        }
    };
    Ok((format, InferRequest { inputs, ..InferRequest::default() }))
}

/// Reads the outputs of a predict response, for samples.
pub fn decode_outputs(body: &[u8], signature: &Signature) -> Result<Vec<NamedTensor>, WireError> {
    let answer: Answer<'_> = from_json(body)?;
    match (answer.predictions, answer.outputs) {
        (Some(rows), None) => rows_to_tensors("predictions", &rows, &signature.outputs),
        (None, Some(value)) => columns_to_tensors("outputs", value, &signature.outputs),
        _ => Err(WireError::form("response", "expected one of 'predictions' and 'outputs'")),
    }
}

/// Writes a predict response in the format of the request.
pub fn encode_response(format: Format, response: &InferResponse) -> Result<Vec<u8>, WireError> {
    match format {
        Format::Rows => encode_rows(&response.outputs),
        Format::Columns => encode_columns(&response.outputs),
    }
}

fn rows_to_tensors(field: &str, rows: &[&RawValue], specs: &[TensorSpec]) -> Result<Vec<NamedTensor>, WireError> {
    if rows.is_empty() {
        return Err(WireError::form(field, "is empty, expected at least one row"));
    }
    let objects: Vec<_> = rows.iter().map(|row| row.get()).map(Fields::parse).collect();
    match (objects.iter().all(Option::is_some), specs) {
        (true, _) => named_rows(field, &objects.into_iter().flatten().collect::<Vec<_>>(), specs),
        (false, [only]) => {
            let pieces: Vec<_> = rows.iter().map(|row| row.get()).collect();
            Ok(vec![tensor(only, &[rows.len()], &pieces, |piece| format!("{field}[{piece}]"))?])
        }
        (false, _) => {
            let names: Vec<_> = specs.iter().map(|spec| format!("'{}'", spec.name)).collect();
            let position = objects.iter().position(Option::is_none).unwrap_or_default();
            let expected = format!("expected an object with {}, got {}", names.join(", "), quote(rows[position].get()));
            Err(WireError::form(format!("{field}[{position}]"), expected))
        }
    }
}

/// Rows that are objects: of columns where the only input has named ones, else of tensors.
fn named_rows(field: &str, rows: &[Fields<'_>], specs: &[TensorSpec]) -> Result<Vec<NamedTensor>, WireError> {
    if let [only] = specs
        && !only.columns.is_empty()
        && !rows.iter().all(|row| row.has_only(&only.name))
    {
        let pieces = gather(field, rows, &only.columns, "column")?;
        let path = |piece: usize| {
            let (row, column) = (piece / only.columns.len(), piece % only.columns.len());
            format!("{field}[{row}].{}", only.columns[column])
        };
        return Ok(vec![tensor(only, &[rows.len(), only.columns.len()], &pieces, path)?]);
    }
    let names: Vec<_> = specs.iter().map(|spec| spec.name.clone()).collect();
    let pieces = gather(field, rows, &names, "value")?;
    let tensors = specs.iter().enumerate().map(|(position, spec)| {
        let pieces: Vec<_> = pieces.iter().copied().skip(position).step_by(specs.len()).collect();
        tensor(spec, &[rows.len()], &pieces, |piece| format!("{field}[{piece}].{}", spec.name))
    });
    tensors.collect()
}

/// The values of each row in the order of `names`, row after row.
fn gather<'a>(field: &str, rows: &[Fields<'a>], names: &[String], what: &str) -> Result<Vec<&'a str>, WireError> {
    let mut pieces = Vec::with_capacity(rows.len() * names.len());
    for (position, row) in rows.iter().enumerate() {
        let wrong = |detail: String| WireError::form(format!("{field}[{position}]"), detail);
        row.check_names(names, what).map_err(wrong)?;
        for name in names {
            let value = row.get(name).ok_or_else(|| wrong(format!("{what} '{name}' is missing")))?;
            pieces.push(value);
        }
    }
    Ok(pieces)
}

/// One value for the only tensor, or an object of values by name.
fn columns_to_tensors(field: &str, value: &RawValue, specs: &[TensorSpec]) -> Result<Vec<NamedTensor>, WireError> {
    let names: Vec<_> = specs.iter().map(|spec| spec.name.clone()).collect();
    match (Fields::parse(value.get()), specs) {
        (Some(fields), _) => {
            fields.check_names(&names, "value").map_err(|detail| WireError::form(field, detail))?;
            let given = specs.iter().filter_map(|spec| Some((spec, fields.get(&spec.name)?)));
            given.map(|(spec, text)| tensor(spec, &[], &[text], |_| format!("{field}.{}", spec.name))).collect()
        }
        (None, [only]) => Ok(vec![tensor(only, &[], &[value.get()], |_| field.to_owned())?]),
        (None, _) => {
            let expected = format!("expected an object with {}, got {}", names.join(", "), quote(value.get()));
            Err(WireError::form(field, expected))
        }
    }
}

fn tensor(
    spec: &TensorSpec,
    outer: &[usize],
    pieces: &[&str],
    path: impl Fn(usize) -> String,
) -> Result<NamedTensor, WireError> {
    let tensor = parse_pieces(spec.dtype, outer, pieces).map_err(|error| {
        let ArrayError { piece, position, detail } = error;
        WireError::form(format!("{}{position}", path(piece)), detail)
    })?;
    Ok(NamedTensor { name: spec.name.clone(), tensor })
}

fn encode_rows(outputs: &[NamedTensor]) -> Result<Vec<u8>, WireError> {
    let count = row_count(outputs)?;
    let mut out = b"{\"predictions\":[".to_vec();
    for row in 0..count {
        separate(&mut out, row);
        let rows = outputs.iter().map(|output| (output.name.as_str(), output.tensor.rows(row..row + 1)));
        encode_entry(&mut out, rows.map(|(name, tensor)| (name, without_first_axis(tensor))))?;
    }
    out.extend_from_slice(b"]}");
    Ok(out)
}

fn encode_columns(outputs: &[NamedTensor]) -> Result<Vec<u8>, WireError> {
    let mut out = b"{\"outputs\":".to_vec();
    encode_entry(&mut out, outputs.iter().map(|output| (output.name.as_str(), output.tensor.clone())))?;
    out.push(b'}');
    Ok(out)
}

/// The bare value of the only output, or an object of values by name.
fn encode_entry<'a>(
    out: &mut Vec<u8>,
    outputs: impl ExactSizeIterator<Item = (&'a str, loadonce_core::Tensor)>,
) -> Result<(), WireError> {
    let only = outputs.len() == 1;
    for (position, (name, tensor)) in outputs.enumerate() {
        if !only {
            out.push(if position == 0 { b'{' } else { b',' });
            scalar(out, name);
            out.push(b':');
        }
        write_nested(out, name, &tensor)?;
    }
    if !only {
        out.push(b'}');
    }
    Ok(())
}

fn row_count(outputs: &[NamedTensor]) -> Result<usize, WireError> {
    let rows: Vec<_> = outputs.iter().map(|output| output.tensor.shape().first().copied()).collect();
    match rows.as_slice() {
        [Some(first), others @ ..] if others.iter().all(|rows| *rows == Some(*first)) => Ok(*first),
        _ => Err(WireError::form("instances", "this model's outputs are not one a row; send 'inputs' instead")),
    }
}

fn without_first_axis(tensor: loadonce_core::Tensor) -> loadonce_core::Tensor {
    let inner = loadonce_core::Shape::from(&tensor.shape()[1..]);
    // One row holds as many elements as its inner axes.
    tensor.clone().reshape(inner).unwrap_or(tensor)
}

impl<'a> Fields<'a> {
    /// The fields, if the text is an object.
    fn parse(text: &'a str) -> Option<Self> {
        if text.trim_start().starts_with('{') { serde_json::from_str(text).ok() } else { None }
    }

    fn has_only(&self, name: &str) -> bool {
        matches!(self.0.as_slice(), [(field, _)] if field == name)
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.get())
    }

    fn check_names(&self, names: &[String], what: &str) -> Result<(), String> {
        for (position, (field, _)) in self.0.iter().enumerate() {
            if !names.iter().any(|name| name == field) {
                return Err(format!("{what} '{field}' is unknown, expected {}", names.join(", ")));
            }
            if self.0[..position].iter().any(|(earlier, _)| earlier == field) {
                return Err(format!("{what} '{field}' is given twice"));
            }
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldVisitor;

        impl<'de> Visitor<'de> for FieldVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    fields.push((name, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(FieldVisitor)
    }
}

/// A key, borrowed from the body where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use loadonce_core::{DType, Dim, Shape, Tensor, Timing};

    use super::*;

    fn iris() -> Signature {
        let mut input = TensorSpec::new("x", DType::Fp32, [Dim::ANY, Dim::Fixed(2)]);
        input.columns = vec!["length".to_owned(), "width".to_owned()];
        Signature {
            inputs: vec![input],
            outputs: vec![
                TensorSpec::new("label", DType::Bytes, [Dim::ANY]),
                TensorSpec::new("scores", DType::Fp32, [Dim::ANY, Dim::Fixed(2)]),
            ],
        }
    }

    fn two_inputs() -> Signature {
        Signature {
            inputs: vec![
                TensorSpec::new("a", DType::Int64, [Dim::ANY]),
                TensorSpec::new("b", DType::Fp32, [Dim::ANY, Dim::Fixed(2)]),
            ],
            outputs: vec![TensorSpec::new("y", DType::Fp32, [Dim::ANY])],
        }
    }

    fn decode(body: &str, signature: &Signature) -> Result<(Format, Vec<NamedTensor>), String> {
        let decoded = decode_request(body.as_bytes(), signature).map_err(|error| error.to_string())?;
        Ok((decoded.0, decoded.1.inputs))
    }

    fn singles(shape: [usize; 2], elements: &[f32]) -> Tensor {
        Tensor::from_vec(Shape::new(shape), elements.to_vec()).unwrap()
    }

    #[test]
    fn rows_named_rows_and_columns_are_the_same() {
        let bodies = [
            (r#"{"signature_name":"s","instances":[[1,2],[3,4]]}"#, Format::Rows),
            (r#"{"instances":[{"width":2,"length":1},{"length":3,"width":4}]}"#, Format::Rows),
            (r#"{"instances":[{"x":[1,2]},{"x":[3,4]}]}"#, Format::Rows),
            (r#"{"inputs":[[1,2],[3,4]]}"#, Format::Columns),
            (r#"{"inputs":{"x":[[1,2],[3,4]]}}"#, Format::Columns),
        ];
        for (body, format) in bodies {
            let (got, inputs) = decode(body, &iris()).unwrap();
            assert_eq!(got, format);
            assert_eq!(inputs[0].tensor, singles([2, 2], &[1.0, 2.0, 3.0, 4.0]), "{body}");
        }
    }

    #[test]
    fn several_inputs_come_by_name() {
        let rows = decode(r#"{"instances":[{"a":1,"b":[1,2]},{"b":[3,4],"a":2}]}"#, &two_inputs()).unwrap().1;
        assert_eq!(rows[0].tensor, Tensor::from_vec(Shape::new([2]), vec![1_i64, 2]).unwrap());
        assert_eq!(rows[1].tensor, singles([2, 2], &[1.0, 2.0, 3.0, 4.0]));
        let columns = decode(r#"{"inputs":{"a":[1,2],"b":[[1,2],[3,4]]}}"#, &two_inputs()).unwrap().1;
        assert_eq!(rows, columns);
    }

    #[test]
    fn mistakes_are_named_by_row_and_column() {
        let cases = [
            (r#"{"instances":[]}"#, "instances: is empty, expected at least one row"),
            (r"{}", "the body: has neither 'instances' (rows) nor 'inputs' (columns)"),
            (r#"{"instances":[],"inputs":[]}"#, "the body: has both 'instances' and 'inputs', expected one"),
            (r#"{"instances":[{"length":1}]}"#, "instances[0]: column 'width' is missing"),
            (
                r#"{"instances":[{"length":1,"wdith":2}]}"#,
                "instances[0]: column 'wdith' is unknown, expected length, width",
            ),
            (r#"{"instances":[{"length":1,"length":1,"width":2}]}"#, "instances[0]: column 'length' is given twice"),
            (r#"{"instances":[{"length":1,"width":"two"}]}"#, "instances[0].width: expected FP32, got \"two\""),
            (
                r#"{"instances":[[1,2],[1]]}"#,
                "instances[1]: expected 2 elements as in the array before, got 1: the nesting is ragged",
            ),
            (
                r#"{"instances":[[1,2],{"length":1,"width":2}]}"#,
                "instances[1]: expected an array, got {\"length\":1: the nesting is ragged",
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(decode(body, &iris()).unwrap_err(), expected, "{body}");
        }
        let error = decode(r#"{"instances":[[1,2]]}"#, &two_inputs()).unwrap_err();
        assert_eq!(error, "instances[0]: expected an object with 'a', 'b', got [1,2]");
    }

    #[test]
    fn the_answer_mirrors_the_request_and_reads_back() {
        let label = Tensor::from_strings(Shape::new([2]), vec!["a".to_owned(), "b".to_owned()]).unwrap();
        let outputs = vec![
            NamedTensor { name: "label".to_owned(), tensor: label },
            NamedTensor { name: "scores".to_owned(), tensor: singles([2, 2], &[0.25, 0.75, 1.0, 0.0]) },
        ];
        let response = InferResponse { id: None, outputs: outputs.clone(), timing: Timing::default() };
        let rows = encode_response(Format::Rows, &response).unwrap();
        let expected = r#"{"predictions":[{"label":"a","scores":[0.25,0.75]},{"label":"b","scores":[1.0,0.0]}]}"#;
        assert_eq!(str::from_utf8(&rows).unwrap(), expected);
        let columns = encode_response(Format::Columns, &response).unwrap();
        let expected = r#"{"outputs":{"label":["a","b"],"scores":[[0.25,0.75],[1.0,0.0]]}}"#;
        assert_eq!(str::from_utf8(&columns).unwrap(), expected);
        for body in [rows, columns] {
            assert_eq!(decode_outputs(&body, &iris()).unwrap(), outputs);
        }
    }

    #[test]
    fn a_single_output_is_bare() {
        let tensor = Tensor::from_vec(Shape::new([2]), vec![1.5_f32, 2.5]).unwrap();
        let outputs = vec![NamedTensor { name: "y".to_owned(), tensor }];
        let response = InferResponse { id: None, outputs, timing: Timing::default() };
        assert_eq!(encode_response(Format::Rows, &response).unwrap(), br#"{"predictions":[1.5,2.5]}"#);
        assert_eq!(encode_response(Format::Columns, &response).unwrap(), br#"{"outputs":[1.5,2.5]}"#);
    }
}
