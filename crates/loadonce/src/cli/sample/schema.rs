//! A row made from a JSON Schema (draft 2020-12, as pydantic writes it): an example or a default where the schema has one,
//! else the plainest value of the type.

use serde_json::{Map, Value};

/// Letters of a text that is made.
const MOST_LETTERS: usize = 1000;

/// Elements of a list that is made.
const MOST_ELEMENTS: usize = 1000;

/// Texts of the formats of draft 2020-12 ("Validation", section 7.3) that a type in Python has.
const FORMATS: [(&str, &str); 10] = [
    ("date", "2024-02-29"),
    ("date-time", "2024-02-29T12:00:00Z"),
    ("time", "12:00:00Z"),
    ("duration", "PT1H"),
    ("email", "user@example.com"),
    ("uri", "https://example.com/"),
    ("uuid", "123e4567-e89b-42d3-a456-426614174000"),
    ("ipv4", "192.0.2.1"),
    ("ipv6", "2001:db8::1"),
    ("binary", "text"),
];

/// A value that the schema allows, with the required members of objects; an error names the first part of the schema of which
/// none can be made. A model may have rules that the schema does not say.
pub(super) fn value(schema: &Value) -> Result<Value, String> {
    Maker { root: schema }.value(schema, "a row", &["#"])
}

struct Maker<'a> {
    /// What references are to.
    root: &'a Value,
}

impl Maker<'_> {
    /// Within what these references are to.
    fn value(&self, schema: &Value, place: &str, within: &[&str]) -> Result<Value, String> {
        let given = [&schema["const"], &schema["enum"][0], &schema["examples"][0], &schema["default"]];
        let has = |name: &str| schema.get(name).is_some();
        if let Some(given) = given.into_iter().find(|given| !given.is_null()) {
            return Ok(given.clone());
        }
        if let Some(reference) = schema["$ref"].as_str() {
            if within.contains(&reference) {
                return Err(format!("{place} is again what it is in"));
            }
            let referred = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer));
            let referred = referred.ok_or_else(|| format!("{place} refers to '{reference}', which is not there"))?;
            return self.value(referred, place, &[within, &[reference]].concat());
        }
        if let Some(choices) = ["anyOf", "oneOf", "allOf"].iter().find_map(|key| schema[*key].as_array()) {
            return self.first(choices, place, within);
        }
        if let Some(rule) = ["pattern", "multipleOf"].into_iter().find(|rule| has(rule)) {
            return Err(format!("{place} has '{rule}' in its JSON schema"));
        }
        match schema["type"].as_str() {
            Some("string") => text(schema, place).map(Value::from),
            Some("boolean") => Ok(true.into()),
            Some("integer") => Ok(integer(schema).into()),
            Some("number") => Ok(number(schema).into()),
            Some("null") => Ok(Value::Null),
            Some("object") => self.object(schema, place, within),
            Some("array") => self.array(schema, place, within),
            Some(other) => Err(format!("{place} is of type '{other}'")),
            None => Err(format!("{place} has no type")),
        }
    }

    /// Of the first choice of which one can be made.
    fn first(&self, choices: &[Value], place: &str, within: &[&str]) -> Result<Value, String> {
        let mut made = choices.iter().map(|choice| self.value(choice, place, within));
        let first = made.next().unwrap_or_else(|| Err(format!("{place} has no choice")));
        first.or_else(|reason| made.find_map(Result::ok).ok_or(reason))
    }

    fn object(&self, schema: &Value, place: &str, within: &[&str]) -> Result<Value, String> {
        let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
        let names = required.iter().filter_map(Value::as_str);
        let member = |name: &str| {
            let value = self.value(&schema["properties"][name], &format!("'{name}' of {place}"), within)?;
            Ok((name.to_owned(), value))
        };
        Ok(names.map(member).collect::<Result<Map<_, _>, String>>()?.into())
    }

    /// One element, or as many as there must be.
    fn array(&self, schema: &Value, place: &str, within: &[&str]) -> Result<Value, String> {
        let place = format!("an element of {place}");
        let element = |schema: &Value| self.value(schema, &place, within);
        if let Some(items) = schema["prefixItems"].as_array() {
            return Ok(items.iter().map(element).collect::<Result<Vec<_>, _>>()?.into());
        }
        let bound = |name: &str| schema[name].as_u64().and_then(|length| usize::try_from(length).ok());
        let length = bound("minItems").unwrap_or(1).max(1).min(bound("maxItems").unwrap_or(MOST_ELEMENTS));
        match schema.get("items") {
            Some(items) if length > 0 => Ok(vec![element(items)?; length.min(MOST_ELEMENTS)].into()),
            _ => Ok(Value::Array(Vec::new())),
        }
    }
}

/// A word, as long as it must be and no longer than it may; or a text of its format.
fn text(schema: &Value, place: &str) -> Result<String, String> {
    if let Some(format) = schema["format"].as_str() {
        let known = FORMATS.iter().find(|(name, _)| *name == format).map(|(_, text)| (*text).to_owned());
        return known.ok_or_else(|| format!("{place} has format '{format}' in its JSON schema"));
    }
    let length = |name: &str| schema[name].as_u64().and_then(|length| usize::try_from(length).ok());
    let (least, most) = (length("minLength").unwrap_or(0).min(MOST_LETTERS), length("maxLength"));
    let word: String = "text".chars().cycle().take(least.max("text".len())).collect();
    Ok(word.chars().take(most.unwrap_or(MOST_LETTERS)).collect())
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
    fn what_pydantic_writes_has_a_row() {
        let schema = json!({
            "$defs": {
                "Owner": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
                "Tree": {"type": "object", "properties": {"left": {
                    "anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}],
                }}, "required": ["left"]},
            },
            "type": "object",
            "properties": {
                "owner": {"$ref": "#/$defs/Owner"}, "tree": {"$ref": "#/$defs/Tree"},
                "tags": {"type": "array", "items": {"type": "string"}},
                "pair": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "boolean"}]},
                "three": {"type": "array", "items": {"type": "integer", "minimum": 7}, "minItems": 3},
                "maybe": {"anyOf": [{"type": "null"}, {"type": "string"}]},
                "when": {"type": "string", "format": "date"},
                "city": {"type": "string", "pattern": "^[A-Z]", "examples": ["Bern"]},
                "hard": {"anyOf": [{"type": "string", "pattern": "^x"}, {"type": "integer"}]},
            },
            "required": ["owner", "tree", "tags", "pair", "three", "maybe", "when", "city", "hard"],
        });
        let row = json!({
            "owner": {"name": "text"}, "tree": {"left": null}, "tags": ["text"], "pair": [1, true], "three": [7, 7, 7],
            "maybe": null, "when": "2024-02-29", "city": "Bern", "hard": 1,
        });
        assert_eq!(value(&schema).unwrap(), row);
    }

    #[test]
    fn what_cannot_be_made_is_named() {
        let member = |schema: Value| {
            value(&json!({"type": "object", "properties": {"m": schema}, "required": ["m"]})).unwrap_err()
        };
        assert_eq!(
            member(json!({"$ref": "#/$defs/Tree"})),
            "'m' of a row refers to '#/$defs/Tree', which is not there"
        );
        assert_eq!(member(json!({"$ref": "#"})), "'m' of a row is again what it is in");
        assert_eq!(
            member(json!({"type": "array", "items": {"type": "string", "pattern": "x"}})),
            "an element of 'm' of a row has 'pattern' in its JSON schema"
        );
        assert_eq!(
            member(json!({"type": "string", "format": "hostname"})),
            "'m' of a row has format 'hostname' in its JSON schema"
        );
        assert_eq!(value(&json!({})).unwrap_err(), "a row has no type");
    }
}
