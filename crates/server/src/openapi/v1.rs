//! A model in v1: rows or columns in, the same out; examples in, classes or numbers out (`wire::v1`).

use loadonce_core::{Content, Signature, TensorSpec};
use serde_json::{Map, Value, json};

use super::prediction::Prediction;
use super::schema::{array_of_rows, cell_of, element_of, has_rows, object, of_rows, row, whole};
use super::{Model, Parts, examples, reference, segment};
use crate::wire::rows::of_json;
use crate::wire::v1::Task;

/// Adds the model's operations.
pub(super) fn describe(model: &Model<'_>, parts: &mut Parts) {
    add_rows(model, parts);
    let predict = Prediction {
        verb: "predict",
        path: path(model, "predict"),
        summary: "Predict from rows or columns",
        answer: "One prediction a row, or one value an output, as the request has it",
        request: request(model),
        response: response(model),
        examples: examples::v1(model),
    };
    let operation = predict.operation(model);
    predict.add(model, &operation, parts);
    for (task, verb, summary) in [
        (Task::Classify, "classify", "Every class with its score, for examples of features"),
        (Task::Regress, "regress", "One number for each example of features"),
    ] {
        if let Ok(output) = task.output(model.signature) {
            let results = Prediction {
                verb,
                path: path(model, verb),
                summary,
                answer: "One result an example",
                request: features(&model.signature.inputs),
                response: results(task, output),
                examples: examples::results(model, task, verb).into_iter().collect(),
            };
            let operation = results.operation(model);
            results.add(model, &operation, parts);
        }
    }
}

/// The schemas of a row of each tensor, and of rows of all inputs, which bodies refer to.
fn add_rows(model: &Model<'_>, parts: &mut Parts) {
    let Signature { inputs, outputs } = model.signature;
    let specs = inputs.iter().map(|spec| ("input", spec)).chain(outputs.iter().map(|spec| ("output", spec)));
    for (direction, spec) in specs {
        let key = model.key(&[direction, &spec.name]);
        let row = match &spec.content {
            Content::Bytes => row(spec),
            Content::Json { schema } => of_rows(schema.as_deref(), &key),
        };
        parts.schemas.insert(key, row);
    }
    if inputs.iter().all(has_rows) {
        parts.schemas.insert(model.key(&["rows"]), array_of_rows(inputs, &instance(model)));
    }
}

fn path(model: &Model<'_>, verb: &str) -> String {
    format!("/v1/models/{}:{verb}", segment(model.name))
}

/// `instances` are rows, `inputs` are columns (TensorFlow Serving's `api_rest.md`, "Predict API"); rows may come as pandas'
/// data frames.
fn request(model: &Model<'_>) -> Value {
    let inputs = &model.signature.inputs;
    let columns = bare_or_by_name(inputs, &|spec| whole(spec, &model.key(&["input", &spec.name])));
    let mut bodies = vec![body("inputs", &any_of(columns))];
    if inputs.iter().all(has_rows) {
        let rows = reference(&model.key(&["rows"]));
        bodies.insert(0, body("instances", &rows));
        bodies.push(body("dataframe_records", &rows));
        bodies.push(body("dataframe_split", &reference("Frame")));
    }
    any_of(bodies)
}

/// One row: bare or by the inputs' names, and by columns where the only input has named ones.
fn instance(model: &Model<'_>) -> Value {
    let inputs = &model.signature.inputs;
    let mut rows = bare_or_by_name(inputs, &|spec| reference(&model.key(&["input", &spec.name])));
    if let [only] = inputs.as_slice()
        && !only.columns.is_empty()
    {
        let cell = cell_of(only);
        let mut row = object(&only.columns.iter().map(|column| (column.clone(), cell.clone())).collect());
        if only.missing.is_some() {
            row["required"] = json!([]);
        }
        rows.push(row);
    }
    any_of(rows)
}

fn response(model: &Model<'_>) -> Value {
    let outputs = &model.signature.outputs;
    let whole = answer(outputs, &|spec| whole(spec, &model.key(&["output", &spec.name])));
    let mut bodies = vec![body("outputs", &whole)];
    if outputs.iter().all(has_rows) {
        let row = answer(outputs, &|spec| reference(&model.key(&["output", &spec.name])));
        bodies.insert(0, body("predictions", &array_of_rows(outputs, &row)));
    }
    any_of(bodies)
}

/// `api_rest.md`, "Classify and Regress API"; what is the same in all examples may stand in `context`.
fn features(inputs: &[TensorSpec]) -> Value {
    let names = match inputs {
        [only] if !only.columns.is_empty() => only.columns.iter().map(|column| (column.clone(), json!({}))).collect(),
        several => several.iter().map(|spec| (spec.name.clone(), json!({}))).collect::<Map<_, _>>(),
    };
    let example = json!({ "type": "object", "properties": names });
    let examples = json!({ "type": "array", "items": example, "minItems": 1 });
    json!({
        "type": "object",
        "required": ["examples"],
        "properties": { "examples": examples, "context": { "type": "object" } },
    })
}

fn results(task: Task, output: &TensorSpec) -> Value {
    let score = element_of(output);
    let label = if output.labels.is_empty() { json!({ "type": "string" }) } else { json!({ "enum": output.labels }) };
    let class = json!({ "type": "array", "prefixItems": [label, score], "minItems": 2, "maxItems": 2 });
    let result = match task {
        Task::Classify => json!({ "type": "array", "items": class }),
        Task::Regress => score,
    };
    body("results", &json!({ "type": "array", "items": result }))
}

fn body(key: &str, value: &Value) -> Value {
    json!({ "type": "object", "required": [key], "properties": { key: value } })
}

/// The forms of a value: bare for the only tensor, and an object of values by name; rows of JSON are bare.
fn bare_or_by_name(specs: &[TensorSpec], value: &dyn Fn(&TensorSpec) -> Value) -> Vec<Value> {
    let by_name = by_name(specs, value);
    match specs {
        [only] if of_json(specs).is_some() => vec![value(only)],
        [only] => vec![value(only), by_name],
        _ => vec![by_name],
    }
}

/// The form of an answer: bare for the only tensor, else an object of values by name.
fn answer(specs: &[TensorSpec], value: &dyn Fn(&TensorSpec) -> Value) -> Value {
    match specs {
        [only] => value(only),
        several => by_name(several, value),
    }
}

fn by_name(specs: &[TensorSpec], value: &dyn Fn(&TensorSpec) -> Value) -> Value {
    object(&specs.iter().map(|spec| (spec.name.clone(), value(spec))).collect::<Map<_, _>>())
}

fn any_of(mut schemas: Vec<Value>) -> Value {
    if schemas.len() == 1 { schemas.remove(0) } else { json!({ "anyOf": schemas }) }
}
