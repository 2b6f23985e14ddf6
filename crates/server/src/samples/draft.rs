//! Sample files that are written: a row or a tensor a line.

use std::collections::BTreeMap;

use loadonce_core::sample::Tolerance;
use loadonce_core::{NamedTensor, Signature, TensorSpec};
use serde_json::json;
use serde_json::value::RawValue;

use super::Row;
use crate::wire::v1::{self, Format};
use crate::wire::{WireError, from_json, v2, write_object};

/// A sample that is to be written.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Where the sample comes from, and what it shows.
    pub description: String,
    /// What is asked.
    pub request: Body,
    /// The answer, with how far another one may lie from it.
    pub response: Option<(Body, Tolerance)>,
}

/// A request or an answer: rows of v1, or tensors of v2.
#[derive(Clone, Debug)]
pub struct Body {
    key: &'static str,
    items: Vec<Row>,
}

impl Draft {
    /// The text of the file.
    pub fn to_text(&self) -> String {
        let mut fields = vec![
            format!("\"description\": {}", json!(self.description)),
            format!("\"request\": {}", self.request.to_text()),
        ];
        if let Some((response, Tolerance { absolute, relative })) = &self.response {
            fields.push(format!("\"response\": {}", response.to_text()));
            // As a person would write them: 1e-5, not 0.00001.
            fields.push(format!("\"tolerance\": {{\"absolute\": {absolute:?}, \"relative\": {relative:?}}}"));
        }
        format!("{{\n  {}\n}}\n", fields.join(",\n  "))
    }
}

impl Body {
    /// A request of these rows.
    pub fn instances(rows: Vec<Row>) -> Self {
        Self { key: "instances", items: rows }
    }

    /// An answer of these rows.
    pub fn predictions(rows: Vec<Row>) -> Self {
        Self { key: "predictions", items: rows }
    }

    /// A request and its answer in the form that is easiest to read: rows, with their columns named where they have names;
    /// tensors, where inputs and outputs are not one a row.
    ///
    /// # Errors
    /// Neither form can carry an output.
    pub fn pair(
        signature: &Signature,
        inputs: &[NamedTensor],
        outputs: &[NamedTensor],
    ) -> Result<(Self, Self), WireError> {
        match (
            Self::rows("instances", &signature.inputs, inputs),
            Self::rows("predictions", &signature.outputs, outputs),
        ) {
            (Ok(request), Ok(response)) => Ok((request.with_columns(&signature.inputs), response)),
            _ => Ok((Self::tensors("inputs", inputs)?, Self::tensors("outputs", outputs)?)),
        }
    }

    /// An answer as rows, or as tensors where the outputs are not one a row.
    ///
    /// # Errors
    /// Neither form can carry an output.
    pub fn answer(signature: &Signature, outputs: &[NamedTensor]) -> Result<Self, WireError> {
        Self::rows("predictions", &signature.outputs, outputs).or_else(|_| Self::tensors("outputs", outputs))
    }

    fn rows(key: &'static str, specs: &[TensorSpec], tensors: &[NamedTensor]) -> Result<Self, WireError> {
        Self::take(key, key, &v1::encode(Format::Rows, [key, key], specs, tensors)?)
    }

    fn tensors(key: &'static str, tensors: &[NamedTensor]) -> Result<Self, WireError> {
        // Tensors of an answer look as those of a request do.
        Self::take(key, "inputs", &v2::encode_request(tensors, false)?.body)
    }

    /// What stands under a key of a body.
    fn take(key: &'static str, written: &str, body: &[u8]) -> Result<Self, WireError> {
        let mut fields: BTreeMap<String, Vec<Row>> = from_json(body)?;
        Ok(Self { key, items: fields.remove(written).unwrap_or_default() })
    }

    /// Rows as objects of columns, where the only input has named ones.
    fn with_columns(mut self, specs: &[TensorSpec]) -> Self {
        if let [only] = specs
            && !only.columns.is_empty()
        {
            let named = self.items.iter().map(|row| named(&only.columns, row)).collect::<Option<_>>();
            self.items = named.unwrap_or(self.items);
        }
        self
    }

    /// The rows, or the tensors.
    pub fn items(&self) -> &[Row] {
        &self.items
    }

    fn to_text(&self) -> String {
        let items: Vec<_> = self.items.iter().map(|item| format!("      {}", item.get())).collect();
        format!("{{\n    \"{}\": [\n{}\n    ]\n  }}", self.key, items.join(",\n"))
    }
}

fn named(columns: &[String], row: &RawValue) -> Option<Row> {
    let cells: Vec<&RawValue> = serde_json::from_str(row.get()).ok()?;
    let fields = columns.iter().map(String::as_str).zip(cells.iter().map(|cell| cell.get()));
    RawValue::from_string(write_object(fields)).ok().filter(|_| cells.len() == columns.len())
}

#[cfg(test)]
mod tests {
    use loadonce_core::{DType, Dim, Shape, Tensor};

    use super::*;
    use crate::samples::parse;

    fn tensor(name: &str, shape: [usize; 2], elements: &[f32]) -> NamedTensor {
        let tensor = Tensor::from_vec(Shape::new(shape), elements.to_vec()).unwrap();
        NamedTensor { name: name.to_owned(), tensor }
    }

    fn signature(columns: &[&str]) -> Signature {
        let spec = |name| TensorSpec::new(name, DType::Fp32, [Dim::ANY, Dim::Fixed(2)]);
        let columns = columns.iter().map(|name| (*name).to_owned()).collect();
        Signature { inputs: vec![TensorSpec { columns, ..spec("x") }], outputs: vec![spec("y")] }
    }

    fn text(signature: &Signature, inputs: &[NamedTensor], outputs: &[NamedTensor]) -> String {
        let (request, response) = Body::pair(signature, inputs, outputs).unwrap();
        let draft =
            Draft { description: "a \"b\"".to_owned(), request, response: Some((response, Tolerance::default())) };
        let text = draft.to_text();
        let sample = parse("s.json".to_owned(), text.as_bytes(), signature).unwrap();
        assert_eq!((sample.request.inputs.as_slice(), sample.expected.as_deref()), (inputs, Some(outputs)), "{text}");
        text
    }

    #[test]
    fn rows_are_a_line_each_with_the_names_of_their_columns() {
        let inputs = [tensor("x", [2, 2], &[0.1, 1e-9, f32::INFINITY, -3.0])];
        let outputs = [tensor("y", [2, 2], &[1.0, 2.0, 3.0, 4.0])];
        let expected = r#"{
  "description": "a \"b\"",
  "request": {
    "instances": [
      {"a":0.1,"b":1e-9},
      {"a":"Infinity","b":-3.0}
    ]
  },
  "response": {
    "predictions": [
      [1.0,2.0],
      [3.0,4.0]
    ]
  },
  "tolerance": {"absolute": 1e-6, "relative": 1e-5}
}
"#;
        assert_eq!(text(&signature(&["a", "b"]), &inputs, &outputs), expected);
        let unnamed = text(&signature(&[]), &inputs, &outputs);
        assert!(unnamed.contains("      [0.1,1e-9],\n"), "{unnamed}");
    }

    #[test]
    fn what_is_not_one_a_row_are_tensors() {
        let mut signature = signature(&[]);
        signature.outputs = vec![TensorSpec::new("y", DType::Fp32, [Dim::named("found"), Dim::Fixed(2)])];
        signature.outputs.push(TensorSpec::new("z", DType::Fp32, [Dim::ANY, Dim::Fixed(2)]));
        let outputs = [tensor("y", [2, 2], &[1.0, 2.0, 3.0, 4.0]), tensor("z", [1, 2], &[1.0, 2.0])];
        let text = text(&signature, &[tensor("x", [1, 2], &[1.0, 2.0])], &outputs);
        assert!(text.contains("    \"inputs\": [\n      {\"name\":\"x\""), "{text}");
        assert!(text.contains("    \"outputs\": [\n      {\"name\":\"y\""), "{text}");
    }
}
