//! What stands in the elements of a `BYTES` tensor.

use std::sync::Arc;

/// What the elements of a `BYTES` tensor are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// Bytes, mostly text.
    #[default]
    Bytes,
    /// Each element is the text of a JSON value (RFC 8259).
    Json {
        /// JSON Schema of an element, as text, where it is known.
        schema: Option<Arc<str>>,
    },
}

impl Content {
    /// Whether elements are texts of JSON values.
    pub fn is_json(&self) -> bool {
        matches!(self, Self::Json { .. })
    }
}
