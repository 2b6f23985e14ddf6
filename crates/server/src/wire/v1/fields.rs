//! JSON objects whose keys are columns or tensors of a model.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::wire::b64;

/// Fields of a JSON object in the order in which they came, doubles included.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// The fields, if the text is an object and does not stand for bytes.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        if !text.trim_start().starts_with('{') || b64::is_encoded(text) {
            return None;
        }
        serde_json::from_str(text).ok()
    }

    /// Whether that is the only field.
    pub(super) fn has_only(&self, name: &str) -> bool {
        matches!(self.0.as_slice(), [(field, _)] if field == name)
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
                while let Some(Text(name)) = map.next_key()? {
                    fields.push((name, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(FieldVisitor)
    }
}

/// A string, borrowed from the body where it has no escapes.
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);
