//! Rows as comma-separated values (RFC 4180), as SageMaker's built-in algorithms take and give them ("Common Data
//! Formats for Inference"): a line a row, a field a column, no header.

use std::borrow::Cow;

use csv::{ReaderBuilder, StringRecord, WriterBuilder};
use loadonce_core::{DType, InferRequest, InferResponse, NamedTensor, Signature};

use super::response::row_count;
use super::table::Table;
use crate::wire::write::write_elements;
use crate::wire::{WireError, rows};

/// Whether the first line names the columns (RFC 4180, section 3: the parameter `header` of `text/csv`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Header {
    Present,
    Absent,
    /// It does where each of its fields is the name of a column.
    #[default]
    Unsaid,
}

/// Reads rows. A field without a character is a missing value, but to text, which may be empty.
pub(crate) fn decode_request(body: &[u8], header: Header, signature: &Signature) -> Result<InferRequest, WireError> {
    if rows::of_json(&signature.inputs).is_some() {
        let detail =
            "is CSV, but this model takes rows of JSON: send them as 'instances' with Content-Type: application/json";
        return Err(WireError::form("the body", detail));
    }
    let table = Table::of_cells(&signature.inputs).map_err(|detail| WireError::form("the body", detail))?;
    let mut records = records(body)?;
    let Some(first) = records.first() else {
        return Err(WireError::form("the body", "is empty, expected rows of comma-separated values"));
    };
    let names: Vec<_> = first.iter().map(str::trim).map(str::to_owned).collect();
    let is_header = match header {
        Header::Present => true,
        Header::Absent => false,
        Header::Unsaid => names.iter().all(|name| table.names().contains(&name.as_str())),
    };
    let places: Vec<_> = if is_header && !table.names().is_empty() {
        table.place(&names).map_err(|detail| WireError::form("header", detail))?
    } else {
        (0..table.width().unwrap_or(names.len())).collect()
    };
    records.drain(..usize::from(is_header));
    if records.is_empty() {
        return Err(WireError::form("the body", "is a header alone, expected at least one row"));
    }
    let dtypes: Vec<_> = places.iter().filter_map(|place| table.dtype(*place)).collect();
    let rows: Vec<Vec<_>> = records.iter().map(|record| row(record, &dtypes)).collect();
    let cells = rows.iter().map(|row| row.iter().map(Option::as_deref).collect());
    let cells = table.arrange("rows", &places, cells)?;
    let inputs = table.tensors(&cells, |row, column| format!("rows[{row}].{column}"))?;
    Ok(InferRequest { inputs, ..InferRequest::default() })
}

fn records(body: &[u8]) -> Result<Vec<StringRecord>, WireError> {
    let reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(body);
    let wrong = |error: csv::Error| WireError::form("the body", format!("is not valid CSV: {error}"));
    reader.into_records().map(|record| record.map_err(wrong)).collect()
}

/// The fields as JSON. A field too many keeps its place, so that the row is refused for it.
fn row<'a>(record: &'a StringRecord, dtypes: &[DType]) -> Vec<Option<Cow<'a, str>>> {
    let dtypes = dtypes.iter().copied().chain(std::iter::repeat(DType::Bytes));
    record.iter().zip(dtypes).map(|(field, dtype)| json(field, dtype)).collect()
}

/// A field as JSON; what is no element of that dtype becomes a string, which is refused as one.
pub(crate) fn json(field: &str, dtype: DType) -> Option<Cow<'_, str>> {
    let string = |text: &str| Cow::Owned(serde_json::Value::from(text).to_string());
    if dtype == DType::Bytes {
        return Some(string(field));
    }
    let field = field.trim();
    Some(match field.to_ascii_lowercase().as_str() {
        "" => return None,
        "true" | "false" if dtype == DType::Bool => Cow::Owned(field.to_ascii_lowercase()),
        "nan" => string("NaN"),
        "inf" | "+inf" | "infinity" | "+infinity" => string("Infinity"),
        "-inf" | "-infinity" => string("-Infinity"),
        _ => number(field).unwrap_or_else(|| string(field)),
    })
}

/// A number as JSON has it: without a plus before it, and with a digit before its point.
fn number(field: &str) -> Option<Cow<'_, str>> {
    let may_be_number = field.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    if !may_be_number || field.parse::<f64>().is_err() {
        return None;
    }
    let digits = field.trim_start_matches(['+', '-']);
    let sign = if field.starts_with('-') { "-" } else { "" };
    Some(match digits.strip_prefix('.') {
        Some(fraction) => Cow::Owned(format!("{sign}0.{fraction}")),
        None => Cow::Borrowed(field.strip_prefix('+').unwrap_or(field)),
    })
}

/// Writes a line for each row, with the elements of all outputs in their order; bytes as they are.
pub(crate) fn encode_response(response: &InferResponse) -> Result<Vec<u8>, WireError> {
    let rows = row_count(&response.outputs)?;
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    for row in 0..rows {
        for output in &response.outputs {
            let width = output.tensor.len() / rows;
            (row * width..(row + 1) * width).try_for_each(|element| write_field(&mut writer, output, element))?;
        }
        writer.write_record(None::<&[u8]>).map_err(|error| failed(&error))?;
    }
    writer.into_inner().map_err(|error| failed(&error))
}

fn write_field(
    writer: &mut csv::Writer<Vec<u8>>,
    NamedTensor { name, tensor }: &NamedTensor,
    element: usize,
) -> Result<(), WireError> {
    if let Ok(strings) = tensor.as_strings() {
        return writer.write_field(&strings[element]).map_err(|error| failed(&error));
    }
    let mut text = Vec::with_capacity(24);
    write_elements(&mut text, name, tensor, element..element + 1)?;
    // NaN and the infinities are strings in JSON only.
    text.retain(|byte| *byte != b'"');
    writer.write_field(text).map_err(|error| failed(&error))
}

fn failed(error: &dyn std::error::Error) -> WireError {
    WireError::form("the answer", format!("cannot be written as CSV: {error}"))
}

#[cfg(test)]
mod tests {
    use loadonce_core::{Dim, FillValue, Shape, Tensor, TensorSpec, Timing};
    use proptest::prelude::*;

    use super::*;

    fn flowers() -> Signature {
        let mut input = TensorSpec::new("x", DType::Fp32, [Dim::ANY, Dim::Fixed(2)]);
        input.columns = vec!["length".to_owned(), "width".to_owned()];
        Signature { inputs: vec![input], outputs: vec![] }
    }

    fn people() -> Signature {
        let one = |name: &str, dtype: DType| TensorSpec::new(name, dtype, [Dim::ANY, Dim::Fixed(1)]);
        Signature {
            inputs: vec![one("age", DType::Int64), one("city", DType::Bytes), one("member", DType::Bool)],
            outputs: vec![],
        }
    }

    fn decode(body: &str, header: Header, signature: &Signature) -> Result<Vec<Tensor>, String> {
        let request = decode_request(body.as_bytes(), header, signature).map_err(|error| error.to_string())?;
        Ok(request.inputs.into_iter().map(|input| input.tensor).collect())
    }

    #[test]
    fn lines_are_rows_with_and_without_a_header() {
        let expected = Tensor::from_vec(Shape::new([2, 2]), vec![1.0_f32, 2.0, 3.0, -0.5]).unwrap();
        let bodies = [
            ("1,2\n3,-.5", Header::Unsaid),
            ("1,+2.0\r\n3e0,-5e-1\r\n", Header::Absent),
            ("length,width\n1,2\n3,-0.5\n", Header::Unsaid),
            ("width,length\n2,1\n-0.5,3\n", Header::Present),
            ("\"width\", length \n\"2\", 1\n-0.5,3\n\n", Header::Unsaid),
        ];
        for (body, header) in bodies {
            assert_eq!(decode(body, header, &flowers()).unwrap(), std::slice::from_ref(&expected), "{body}");
        }
        let mut unnamed = flowers();
        unnamed.inputs[0].columns.clear();
        assert_eq!(decode("a,b\n1,2\n3,-0.5", Header::Present, &unnamed).unwrap(), [expected]);
    }

    #[test]
    fn inputs_of_one_value_a_row_are_columns() {
        let tensors = decode("city,age,member\n\"Ulm, Donau\",7,True\n,8,false\n", Header::Unsaid, &people()).unwrap();
        assert_eq!(tensors[0], Tensor::from_vec(Shape::new([2, 1]), vec![7_i64, 8]).unwrap());
        assert_eq!(tensors[1].as_strings().unwrap(), ["Ulm, Donau", ""]);
        assert_eq!(tensors[2].as_slice::<bool>().unwrap(), [true, false]);
    }

    #[test]
    fn an_empty_field_is_a_missing_value() {
        let mut signature = flowers();
        let error = decode("1,\n", Header::Unsaid, &signature).unwrap_err();
        assert_eq!(error, "rows[0]: column 'width' is missing");
        signature.inputs[0].missing = Some(FillValue::Float(f64::NAN));
        for body in ["1, \n", "1,nan", "length\n1"] {
            let tensors = decode(body, Header::Unsaid, &signature).unwrap();
            let elements = tensors[0].as_slice::<f32>().unwrap();
            assert!(!elements[0].is_nan() && elements[1].is_nan(), "{body}");
        }
    }

    #[test]
    fn mistakes_are_named_by_row_and_column() {
        let cases = [
            ("", Header::Unsaid, "the body: is empty, expected rows of comma-separated values"),
            ("length,width\n", Header::Unsaid, "the body: is a header alone, expected at least one row"),
            ("1,2\n3", Header::Unsaid, "rows[1]: expected 2 values, got 1"),
            ("1,2,3", Header::Unsaid, "rows[0]: expected 2 values, got 3"),
            ("1,2\n3,wide", Header::Unsaid, "rows[1].width: expected FP32, got \"wide\""),
            ("1,[2]", Header::Unsaid, "rows[0].width: expected FP32, got \"[2]\""),
            ("1,2 3", Header::Unsaid, "rows[0].width: expected FP32, got \"2 3\""),
            ("length,width", Header::Absent, "rows[0].length: expected FP32, got \"length\""),
            ("length,depth\n1,2", Header::Present, "header: column 'depth' is unknown, expected length, width"),
            ("length,length\n1,2", Header::Unsaid, "header: column 'length' is given twice"),
        ];
        for (body, header, expected) in cases {
            assert_eq!(decode(body, header, &flowers()).unwrap_err(), expected, "{body}");
        }
        let invalid = decode_request(b"\xff,1", Header::Unsaid, &flowers()).unwrap_err();
        assert!(invalid.to_string().starts_with("the body: is not valid CSV"), "{invalid}");
    }

    #[test]
    fn an_answer_has_a_line_a_row() {
        let output = |name: &str, tensor: Tensor| NamedTensor { name: name.to_owned(), tensor };
        let label = Tensor::from_strings(Shape::new([2]), vec!["a,b".to_owned(), "c".to_owned()]).unwrap();
        let scores = Tensor::from_vec(Shape::new([2, 2]), vec![0.1_f32, f32::NAN, 1.0, 2.0]).unwrap();
        let outputs = vec![output("label", label), output("scores", scores)];
        let response = InferResponse { id: None, outputs, timing: Timing::default() };
        assert_eq!(encode_response(&response).unwrap(), b"\"a,b\",0.1,NaN\nc,1.0,2.0\n");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[-+.,\"\n\r 0-9a-eE\\[\\]{}]{0,60}") {
            for header in [Header::Present, Header::Absent, Header::Unsaid] {
                let _ = decode(&text, header, &flowers());
                let _ = decode(&text, header, &people());
            }
        }

        #[test]
        fn floats_come_back_as_they_went(values in proptest::collection::vec(proptest::array::uniform2(any::<f32>()), 1..8)) {
            let elements: Vec<f32> = values.concat().into_iter().filter(|value| !value.is_nan()).collect();
            let rows = elements.len() / 2;
            prop_assume!(rows > 0);
            let tensor = Tensor::from_vec(Shape::new([rows, 2]), elements[..rows * 2].to_vec()).unwrap();
            let outputs = vec![NamedTensor { name: "x".to_owned(), tensor: tensor.clone() }];
            let response = InferResponse { id: None, outputs, timing: Timing::default() };
            let text = String::from_utf8(encode_response(&response).unwrap()).unwrap();
            prop_assert_eq!(decode(&text, Header::Unsaid, &flowers()).unwrap(), vec![tensor]);
        }
    }
}
