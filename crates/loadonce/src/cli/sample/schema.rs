//! A row made from a JSON Schema, where that is simple: strings, numbers, truth values, choices, and objects of these.

use serde_json::{Map, Value};

/// Letters of a text that is made.
const MOST_LETTERS: usize = 1000;

/// A value that the schema allows, with the required members of objects; an error names the first part of the schema that
/// is not simple. A model may have rules that the schema does not say.
pub(super) fn value(schema: &Value) -> Result<Value, String> {
    value_at(schema, "a row")
}

fn value_at(schema: &Value, place: &str) -> Result<Value, String> {
    if let Some(choice) = schema["enum"].get(0).or_else(|| schema.get("const")) {
        return Ok(choice.clone());
    }
    if let Some(rule) = ["pattern", "format", "multipleOf"].into_iter().find(|rule| schema.get(rule).is_some()) {
        return Err(format!("{place} has '{rule}' in its JSON schema"));
    }
    match schema["type"].as_str() {
        Some("string") => Ok(text(schema).into()),
        Some("boolean") => Ok(true.into()),
        Some("integer") => Ok(integer(schema).into()),
        Some("number") => Ok(number(schema).into()),
        Some("object") => object(schema, place),
        Some(other) => Err(format!("{place} is of type '{other}'")),
        None => Err(format!("{place} has no simple type")),
    }
}

fn object(schema: &Value, place: &str) -> Result<Value, String> {
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names = required.iter().filter_map(Value::as_str);
    let member =
        |name: &str| Ok((name.to_owned(), value_at(&schema["properties"][name], &format!("'{name}' of {place}"))?));
    Ok(names.map(member).collect::<Result<Map<_, _>, String>>()?.into())
}

/// A word, as long as it must be and no longer than it may.
fn text(schema: &Value) -> String {
    let length = |name: &str| schema[name].as_u64().and_then(|length| usize::try_from(length).ok());
    let (least, most) = (length("minLength").unwrap_or(0).min(MOST_LETTERS), length("maxLength"));
    let word: String = "text".chars().cycle().take(least.max("text".len())).collect();
    word.chars().take(most.unwrap_or(MOST_LETTERS)).collect()
}

/// The least that is allowed, else the most, else 1.
fn integer(schema: &Value) -> i64 {
    let bound = |name: &str| schema[name].as_i64();
    let least = bound("minimum").or_else(|| Some(bound("exclusiveMinimum")?.saturating_add(1)));
    least.or_else(|| bound("maximum")).or_else(|| Some(bound("exclusiveMaximum")?.saturating_sub(1))).unwrap_or(1)
}

/// The middle of what is allowed, or beside its only end, or 1.
fn number(schema: &Value) -> f64 {
    let bound = |names: [&str; 2]| names.into_iter().find_map(|name| schema[name].as_f64());
    match (bound(["minimum", "exclusiveMinimum"]), bound(["maximum", "exclusiveMaximum"])) {
        (Some(least), Some(most)) => f64::midpoint(least, most),
        (Some(least), None) => least + 1.0,
        (None, Some(most)) => most - 1.0,
        (None, None) => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn simple_schemas_have_a_row() {
        let schema = json!({
            "type": "object",
            "properties": {
                "text": {"type": "string", "minLength": 6}, "short": {"type": "string", "maxLength": 1},
                "age": {"type": "integer", "exclusiveMinimum": 17}, "part": {"type": "number", "minimum": 0, "maximum": 1},
                "color": {"enum": ["red", "green"]}, "member": {"type": "boolean"}, "note": {"type": "string"},
                "inner": {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]},
            },
            "required": ["text", "short", "age", "part", "color", "member", "inner"],
        });
        let row = json!({
            "text": "textte", "short": "t", "age": 18, "part": 0.5, "color": "red", "member": true, "inner": {"x": 1.0},
        });
        assert_eq!(value(&schema).unwrap(), row);
        assert_eq!(value(&json!({"type": "string"})).unwrap(), "text");
    }

    #[test]
    fn what_is_not_simple_is_named() {
        let member = |schema: Value| {
            value(&json!({"type": "object", "properties": {"m": schema}, "required": ["m"]})).unwrap_err()
        };
        assert_eq!(member(json!({"type": "array"})), "'m' of a row is of type 'array'");
        assert_eq!(member(json!({"$ref": "#/$defs/Tree"})), "'m' of a row has no simple type");
        assert_eq!(member(json!({"type": "string", "format": "date"})), "'m' of a row has 'format' in its JSON schema");
        assert_eq!(value(&json!({})).unwrap_err(), "a row has no simple type");
    }
}
