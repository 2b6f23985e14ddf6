//! Tensors as JSON Schema: elements, rows, and whole tensors as nested arrays; and the schemas that models bring.

use std::collections::BTreeSet;

use loadonce_core::tensor::MAX_RANK;
use loadonce_core::{DType, Dim, Signature, TensorSpec};
use serde_json::{Map, Value, json};

use super::reference;

/// Adds the schema of each dtype that is used.
pub(super) fn elements<'a>(signatures: impl Iterator<Item = &'a Signature>, schemas: &mut Map<String, Value>) {
    let specs = signatures.flat_map(|signature| signature.inputs.iter().chain(&signature.outputs));
    let dtypes: BTreeSet<_> = specs.map(|spec| spec.dtype).collect();
    for dtype in dtypes {
        schemas.insert(dtype.to_string(), element(dtype));
    }
}

/// One element in JSON.
fn element(dtype: DType) -> Value {
    match dtype {
        DType::Bool => json!({ "type": "boolean" }),
        DType::Uint8 => integer(u8::MIN, u8::MAX),
        DType::Uint16 => integer(u16::MIN, u16::MAX),
        DType::Uint32 => integer(u32::MIN, u32::MAX),
        DType::Uint64 => integer(u64::MIN, u64::MAX),
        DType::Int8 => integer(i8::MIN, i8::MAX),
        DType::Int16 => integer(i16::MIN, i16::MAX),
        DType::Int32 => integer(i32::MIN, i32::MAX),
        DType::Int64 => integer(i64::MIN, i64::MAX),
        DType::Fp16 => float(half::f16::MAX.into()),
        // As they are written, with the fewest digits: as doubles, these are a little over the limits themselves.
        DType::Bf16 => float(3.389_531_4e38),
        DType::Fp32 => float(3.402_823_5e38),
        DType::Fp64 => float(f64::MAX),
        DType::Bytes => json!({ "anyOf": [{ "type": "string" }, base64()] }),
    }
}

fn integer(least: impl Into<Value>, most: impl Into<Value>) -> Value {
    json!({ "type": "integer", "minimum": least.into(), "maximum": most.into() })
}

fn float(most: f64) -> Value {
    json!({
        "anyOf": [
            { "type": "number", "minimum": -most, "maximum": most },
            { "enum": ["NaN", "Infinity", "-Infinity"] },
        ],
        "description": "A number; what JSON has no number for is a string.",
    })
}

/// Bytes that are no text (TensorFlow Serving's `api_rest.md`, "Encoding binary values").
fn base64() -> Value {
    let encoded = json!({ "type": "string", "contentEncoding": "base64" });
    json!({ "type": "object", "required": ["b64"], "properties": { "b64": encoded }, "additionalProperties": false })
}

/// One element of a tensor: of its dtype, and one of its labels where it holds text.
pub(super) fn element_of(spec: &TensorSpec) -> Value {
    if spec.dtype == DType::Bytes && !spec.labels.is_empty() {
        return json!({ "enum": spec.labels });
    }
    if spec.content.is_json() {
        return json!({ "type": "string", "contentMediaType": "application/json" });
    }
    reference(spec.dtype.as_str())
}

/// One element where it may be missing: what stands for it is the operator's to say.
pub(super) fn cell_of(spec: &TensorSpec) -> Value {
    let element = element_of(spec);
    if spec.missing.is_some() { json!({ "anyOf": [element, { "type": "null" }] }) } else { element }
}

/// Whether a tensor has rows; one whose axes are not known may have.
pub(super) fn has_rows(spec: &TensorSpec) -> bool {
    spec.dims.as_ref().is_none_or(|dims| !dims.is_empty())
}

/// One row of a tensor; the tensor itself if it has no rows.
pub(super) fn row(spec: &TensorSpec) -> Value {
    let Some(dims) = &spec.dims else {
        let description = "Arrays nested as deep as the model wants; its file does not say.";
        return json!({ "anyOf": [cell_of(spec), { "type": "array" }], "description": description });
    };
    let part = if dims.is_empty() { "The value" } else { "One row" };
    let mut row = nested(spec, dims.get(1..).unwrap_or_default());
    row["description"] = format!("{part} of '{}', which is {spec}.", spec.name).into();
    row
}

/// A schema that a model brings for its rows, as a component of that key: what refers to the schema itself follows it
/// there, and nothing leads out of the document. Anything where the model does not say.
pub(super) fn of_rows(schema: Option<&str>, key: &str) -> Value {
    let schema = schema.and_then(|text| serde_json::from_str(text).ok()).filter(Value::is_object);
    let mut schema = schema.unwrap_or_else(|| json!({ "description": "Any JSON." }));
    relocate(&mut schema, key);
    schema
}

fn relocate(value: &mut Value, key: &str) {
    match value {
        Value::Object(fields) => {
            // They would make the schema a document of its own.
            fields.retain(|name, value| !(value.is_string() && matches!(name.as_str(), "$id" | "$schema")));
            fields.retain(|name, value| name != "$ref" || follow(value, key));
            if let Some(Value::Object(mapping)) = fields.get_mut("discriminator").and_then(|it| it.get_mut("mapping")) {
                mapping.retain(|_, value| follow(value, key));
            }
            fields.values_mut().for_each(|value| relocate(value, key));
        }
        Value::Array(entries) => entries.iter_mut().for_each(|entry| relocate(entry, key)),
        _ => (),
    }
}

/// Whether a reference leads into its own schema, to which it leads from now on through the component.
fn follow(value: &mut Value, key: &str) -> bool {
    let Value::String(target) = value else { return true };
    let Some(pointer) = target.strip_prefix('#').filter(|pointer| pointer.is_empty() || pointer.starts_with('/'))
    else {
        return false;
    };
    *target = format!("#/components/schemas/{key}{pointer}");
    true
}

fn nested(spec: &TensorSpec, dims: &[Dim]) -> Value {
    let [dim, inner @ ..] = dims else { return cell_of(spec) };
    let names = if spec.columns.is_empty() { &spec.labels } else { &spec.columns };
    let array = array(dim, &nested(spec, inner));
    if inner.is_empty() && spec.dtype != DType::Bytes && !names.is_empty() { titled(array, names) } else { array }
}

/// An array as long as the axis.
fn array(dim: &Dim, items: &Value) -> Value {
    let mut array = json!({ "type": "array", "items": items });
    if let Dim::Fixed(length) = dim {
        array["minItems"] = json!(length);
        array["maxItems"] = json!(length);
    }
    array
}

/// An array whose positions have names.
fn titled(mut array: Value, names: &[String]) -> Value {
    let item = array["items"].clone();
    let item_of = |name: &String| {
        let mut item = item.clone();
        item["title"] = name.as_str().into();
        item
    };
    array["prefixItems"] = names.iter().map(item_of).collect();
    array
}

/// A whole tensor, whose rows have a schema of that key.
pub(super) fn whole(spec: &TensorSpec, row: &str) -> Value {
    match spec.dims.as_deref() {
        Some([rows, ..]) => array(rows, &reference(row)),
        Some([]) | None => reference(row),
    }
}

/// Rows of that schema, as many as all these tensors allow; at least one.
pub(super) fn array_of_rows(specs: &[TensorSpec], row: &Value) -> Value {
    let first = |spec: &TensorSpec| spec.dims.as_ref().and_then(|dims| dims.first().cloned());
    let fixed = specs.iter().filter_map(first).find(|dim| matches!(dim, Dim::Fixed(_)));
    let mut rows = array(&fixed.unwrap_or(Dim::ANY), row);
    if rows.get("minItems").is_none() {
        rows["minItems"] = json!(1);
    }
    rows
}

/// The `shape` field of a tensor.
pub(super) fn shape(spec: &TensorSpec) -> Value {
    let length = |dim: &Dim| match dim {
        Dim::Fixed(length) => json!({ "const": length }),
        Dim::Dynamic(None) => json!({ "type": "integer", "minimum": 0 }),
        Dim::Dynamic(Some(name)) => json!({ "type": "integer", "minimum": 0, "title": name }),
    };
    match &spec.dims {
        None => json!({ "type": "array", "items": { "type": "integer", "minimum": 0 }, "maxItems": MAX_RANK }),
        Some(dims) if dims.is_empty() => json!({ "type": "array", "maxItems": 0 }),
        Some(dims) => {
            let lengths: Vec<_> = dims.iter().map(length).collect();
            json!({ "type": "array", "prefixItems": lengths, "minItems": dims.len(), "maxItems": dims.len() })
        }
    }
}

/// An object with all these fields and no others.
pub(super) fn object(fields: &Map<String, Value>) -> Value {
    let names: Vec<_> = fields.keys().cloned().collect();
    json!({ "type": "object", "required": names, "properties": fields, "additionalProperties": false })
}
