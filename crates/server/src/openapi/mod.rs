//! The server's description of itself: an OpenAPI 3.1 document made from the signatures and examples of the models that
//! were loaded. No HTTP here: models in, a document out, written once when loading has ended.
//!
//! Each model has an operation of its own in each protocol, with its names, dtypes, shapes, columns and labels; what is the
//! same for every model is described once, with the name as a parameter.

mod schema;
mod answers;
mod examples;
mod prediction;
mod v1;
mod v2;
mod server;
mod bodies;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use loadonce_core::registry::{Entry, Registry};
use loadonce_core::sample::Example;
use loadonce_core::{ModelHandle, Signature};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use crate::deadline::EXPECTED_TIMEOUT;

/// A model that answers.
#[derive(Clone, Copy, Debug)]
struct Model<'a> {
    name: &'a str,
    version: &'a str,
    engine: &'a str,
    signature: &'a Signature,
    example: Option<&'a Example>,
}

/// The parts of the document that grow with each model.
#[derive(Debug, Default)]
struct Parts {
    tags: Vec<Value>,
    paths: Map<String, Value>,
    schemas: Map<String, Value>,
}

/// The document of these models.
pub(crate) fn document(registry: &Registry) -> Value {
    let models: Vec<_> = registry.handles().map(Model::new).collect();
    let names: Vec<_> = registry.iter().map(|(name, _)| name).collect();
    let versions: BTreeSet<_> = registry.iter().map(|(_, entry)| Entry::version(entry)).collect();
    let mut document = describe(&models);
    document["components"]["parameters"] = json!({
        "name": path_parameter("name", "The model.", &names),
        "version": path_parameter("version", "The model's version.", &Vec::from_iter(versions)),
        TIMEOUT: timeout_parameter(),
    });
    document
}

fn describe(models: &[Model<'_>]) -> Value {
    let mut parts = Parts::default();
    schema::elements(models.iter().map(|model| model.signature), &mut parts.schemas);
    for model in models {
        let description = format!("Version {}, run by the engine `{}`.", model.version, model.engine);
        parts.tags.push(json!({ "name": model.name, "description": description }));
        v1::describe(model, &mut parts);
        v2::describe(model, &mut parts);
    }
    server::describe(&mut parts);
    json!({
        "openapi": "3.1.0",
        "info": { "title": "loadonce", "version": env!("CARGO_PKG_VERSION"), "description": server::DESCRIPTION },
        "tags": parts.tags,
        "paths": parts.paths,
        "components": { "schemas": parts.schemas, "responses": answers::all() },
    })
}

fn path_parameter(name: &str, description: &str, values: &[&str]) -> Value {
    let mut schema = json!({ "type": "string" });
    if !values.is_empty() {
        schema["enum"] = json!(values);
    }
    json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema })
}

fn timeout_parameter() -> Value {
    let description = "Milliseconds after which the caller waits no more, as meshes send them. `grpc-timeout` is \
        understood too, such as `250m`; the earlier one holds.";
    let schema = json!({ "type": "integer", "minimum": 1 });
    json!({ "name": EXPECTED_TIMEOUT, "in": "header", "description": description, "schema": schema })
}

impl<'a> Model<'a> {
    fn new(handle: &'a ModelHandle) -> Self {
        Self {
            name: handle.name(),
            version: handle.version(),
            engine: handle.engine(),
            signature: handle.signature(),
            example: handle.example(),
        }
    }

    /// A key that belongs to this model.
    fn key(&self, parts: &[&str]) -> String {
        let parts: Vec<_> = std::iter::once(&self.name).chain(parts).map(|part| key(part)).collect();
        parts.join(".")
    }
}

/// A model's name as a segment of a path.
pub(crate) fn segment(name: &str) -> String {
    utf8_percent_encode(name, RESERVED).to_string()
}

/// What is escaped in a path: all but the unreserved characters (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What is escaped in the keys of components, which allow less than JSON (OpenAPI 3.1, "Components Object"), and where a
/// dot separates parts.
const NO_KEY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// Any text as a part of a key; different texts stay different.
fn key(text: &str) -> String {
    utf8_percent_encode(text, NO_KEY).to_string().replace('%', "..")
}

/// The key of the header with a request's deadline.
const TIMEOUT: &str = "timeout";

/// A reference to a parameter.
fn parameter(key: &str) -> Value {
    json!({ "$ref": format!("#/components/parameters/{key}") })
}

/// A reference to a schema.
fn reference(key: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{key}") })
}
