//! Schemas of the bodies that are the same for every model.

use serde_json::{Map, Value, json};

use super::reference;

/// Adds them.
pub(super) fn add(schemas: &mut Map<String, Value>) {
    for (name, schema) in [about(), memory(), models(), v1(), v2()].concat() {
        schemas.insert(name.to_owned(), schema);
    }
}

type Schemas = Vec<(&'static str, Value)>;

fn about() -> Schemas {
    let startup = [
        ("ready", flag()),
        ("phase", text("")),
        ("models", list(&reference("StartupModel"))),
        ("memory", reference("ServerMemory")),
    ];
    vec![
        ("Error", error()),
        ("Live", record([("live", json!({ "const": true }))])),
        ("Ready", record([("ready", json!({ "const": true }))])),
        ("NotReady", record([("ready", json!({ "const": false })), ("reason", text("What is waited for."))])),
        ("ServerMetadata", record([("name", text("")), ("version", text("")), ("extensions", list(&text("")))])),
        ("Startup", record(startup)),
        ("Document", record([("openapi", text("")), ("paths", json!({ "type": "object" }))])),
    ]
}

/// Of the startup report.
fn memory() -> Schemas {
    let server = [
        ("proportional_bytes", nullable("Of the server's process, of shared memory its part.")),
        ("peak_bytes", nullable("The largest working set that it had.")),
        ("limit_bytes", nullable("What the control group allows.")),
    ];
    let model = [
        ("name", text("")),
        ("state", text("")),
        ("copies", nullable("Sets of the weights in memory.")),
        ("weight_bytes", nullable("Of one set.")),
        ("memory", json!({ "anyOf": [reference("ModelMemory"), { "type": "null" }] })),
    ];
    let of_model = [
        ("sharing", json!({ "enum": ["in_process", "copy_on_write", "each_worker"] })),
        ("total_bytes", nullable("Of all its processes; of a model in the server's process, its weights.")),
        ("shared_bytes", nullable("What its processes have together.")),
        ("load_peak_bytes", nullable("The largest working set of the process that loaded it.")),
        ("worker_deaths", count()),
        ("workers", list(&reference("WorkerMemory"))),
    ];
    let worker = [
        ("slot", count()),
        ("pid", count()),
        ("private_bytes", nullable("What it shares with nobody.")),
        ("proportional_bytes", nullable("Of shared memory its part.")),
        ("runs", count()),
    ];
    vec![
        ("ServerMemory", record(server)),
        ("StartupModel", record(model)),
        ("ModelMemory", record(of_model)),
        ("WorkerMemory", record(worker)),
    ]
}

fn error() -> Value {
    let mut error = record([("error", text("What was wrong, where, what was expected, and what came."))]);
    let path = text("The place in the request: `instances[3].length`.");
    let mut details = list(&record([("path", path), ("message", text("What was expected, and what came."))]));
    details["description"] = "What is wrong with each row, where the model refused rows.".into();
    error["properties"]["details"] = details;
    error
}

fn models() -> Schemas {
    let counted = || record([("count", count()), ("ns", count())]);
    let states = json!({ "enum": ["READY", "UNAVAILABLE"] });
    let entry = [("name", text("")), ("version", text("")), ("state", states), ("reason", text("Empty when ready."))];
    let metadata = [
        ("name", text("")),
        ("versions", list(&text(""))),
        ("platform", text("")),
        ("inputs", list(&reference("TensorMetadata"))),
        ("outputs", list(&reference("TensorMetadata"))),
    ];
    let config = [
        ("name", text("")),
        ("platform", text("")),
        ("backend", text("")),
        ("max_batch_size", count()),
        ("input", list(&reference("TensorConfig"))),
        ("output", list(&reference("TensorConfig"))),
    ];
    let statistics = [
        ("name", text("")),
        ("version", text("")),
        ("inference_count", count()),
        ("execution_count", count()),
        ("inference_stats", json!({ "type": "object", "additionalProperties": counted() })),
        ("memory_usage", list(&record([("type", text("")), ("id", count()), ("byte_size", count())]))),
    ];
    vec![
        ("TensorMetadata", record([("name", text("")), ("datatype", text("")), ("shape", lengths())])),
        ("ModelMetadata", record(metadata)),
        ("ModelReady", record([("name", text("")), ("ready", flag())])),
        ("TensorConfig", record([("name", text("")), ("data_type", text("")), ("dims", lengths())])),
        ("ModelConfig", record(config)),
        ("Statistics", record([("model_stats", list(&record(statistics)))])),
        ("IndexRequest", json!({ "type": "object", "properties": { "ready": flag() } })),
        ("Index", list(&record(entry))),
    ]
}

fn v1() -> Schemas {
    let status = [("version", text("")), ("state", json!({ "enum": ["AVAILABLE", "END"] }))];
    let of_model = [("name", text("")), ("ready", flag()), ("model_version_status", list(&record(status)))];
    vec![
        ("ModelNames", record([("models", list(&text("")))])),
        ("ModelStatus", record(of_model)),
        ("Frame", record([("columns", list(&json!({}))), ("data", list(&json!({ "type": "array" })))])),
        (
            "ModelDescription",
            record([("model_spec", json!({ "type": "object" })), ("metadata", json!({ "type": "object" }))]),
        ),
        ("PredictRequest", json!({ "type": "object" })),
        ("PredictResponse", json!({ "type": "object" })),
    ]
}

fn v2() -> Schemas {
    let parameter = json!({ "type": ["string", "number", "boolean"] });
    let parameters = |known: Value| json!({ "type": "object", "properties": known, "additionalProperties": parameter });
    let microseconds = json!({ "type": "integer", "minimum": 0, "description": "Microseconds; 0 is no limit." });
    let priority =
        json!({ "type": "integer", "minimum": 0, "description": "The lower is run first; 0 is the default." });
    let classes = json!({ "type": "integer", "minimum": 0, "description": "Name this many best classes of each row." });
    let tensor = [("name", text("")), ("shape", lengths()), ("datatype", text("")), ("data", json!({}))];
    let output = json!({
        "type": "object",
        "required": ["name"],
        "properties": { "name": text(""), "parameters": reference("OutputParameters") },
    });
    let classified = [
        ("name", text("")),
        ("shape", lengths()),
        ("datatype", json!({ "const": "BYTES" })),
        ("data", list(&text("SCORE:INDEX or SCORE:INDEX:LABEL."))),
    ];
    let mut request = record([("inputs", list(&reference("Tensor")))]);
    request["properties"]["id"] = text("Comes back in the answer.");
    request["properties"]["parameters"] = reference("Parameters");
    request["properties"]["outputs"] = list(&output);
    let response = [("model_name", text("")), ("model_version", text("")), ("outputs", list(&reference("Tensor")))];
    vec![
        (
            "Parameters",
            parameters(json!({ "timeout": microseconds, "priority": priority, "binary_data_output": flag() })),
        ),
        ("OutputParameters", parameters(json!({ "binary_data": flag(), "classification": classes }))),
        ("Classes", record(classified)),
        ("Tensor", record(tensor)),
        ("InferRequest", request),
        ("InferResponse", record(response)),
    ]
}

/// An object with these fields; later versions may have more.
fn record<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let names = fields.each_ref().map(|(name, _)| (*name).to_owned());
    let fields = fields.map(|(name, schema)| (name.to_owned(), schema));
    json!({ "type": "object", "required": names.to_vec(), "properties": Map::from_iter(fields) })
}

fn list(items: &Value) -> Value {
    json!({ "type": "array", "items": items })
}

fn text(description: &str) -> Value {
    if description.is_empty() {
        json!({ "type": "string" })
    } else {
        json!({ "type": "string", "description": description })
    }
}

fn flag() -> Value {
    json!({ "type": "boolean" })
}

fn count() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

/// A number that may not be known, or not yet.
fn nullable(description: &str) -> Value {
    json!({ "type": ["integer", "null"], "minimum": 0, "description": description })
}

/// The lengths of axes; -1 is any length.
fn lengths() -> Value {
    list(&json!({ "type": "integer", "minimum": -1 }))
}
