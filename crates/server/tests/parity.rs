//! The same question over HTTP and gRPC has the same answer, or the same kind of error in the same words.

use std::collections::BTreeSet;

use axum::Router;
use http::StatusCode;
use loadonce_core::testing::{FakeEngine, Script, TRIGGER_FAIL, TRIGGER_LOSE_ROW, TRIGGER_PANIC, TRIGGER_WAIT};
use loadonce_core::{ErrorKind, LoadErrorKind, ModelSpec};
use loadonce_server::wire::grpc::proto::infer_parameter::ParameterChoice;
use loadonce_server::wire::grpc::proto::model_infer_request::InferInputTensor;
use loadonce_server::wire::grpc::proto::{InferTensorContents, ModelInferRequest};
use loadonce_server::{grpc_code, http_status};
use serde_json::{Value, json};
use tonic::Code;

use crate::rpc::{choice, infer, typed};
use crate::support::{Answer, Served, spec, v2};

/// A question in both languages.
struct Question {
    path: String,
    json: Value,
    message: ModelInferRequest,
}

/// What came of it, in the words of neither.
type Outcome = Result<Vec<f64>, (StatusCode, String)>;

impl Question {
    /// A right question to `m`.
    fn right() -> Self {
        Self::of(&[1.0, 2.0])
    }

    /// A question to `m` about one row.
    fn of(row: &[f32]) -> Self {
        let shape = [1, i64::try_from(row.len()).unwrap()];
        let json = serde_json::from_str(&v2(&json!(shape).to_string(), "FP32", &json!(row).to_string())).unwrap();
        Self { path: "/v2/models/m/infer".to_owned(), json, message: typed(&shape, row) }
    }

    /// A question with another input.
    fn with_input(datatype: &str, shape: &[i64], data: &str, contents: InferTensorContents) -> Self {
        let mut question = Self::right();
        question.json = serde_json::from_str(&v2(&json!(shape).to_string(), datatype, data)).unwrap();
        let input = InferInputTensor { contents: Some(contents), ..crate::rpc::input("x", datatype, shape) };
        question.message.inputs = vec![input];
        question
    }

    /// The same question to another model.
    fn to(mut self, model: &str, version: Option<&str>) -> Self {
        model.clone_into(&mut self.message.model_name);
        self.path = format!("/v2/models/{model}/infer");
        if let Some(version) = version {
            version.clone_into(&mut self.message.model_version);
            self.path = format!("/v2/models/{model}/versions/{version}/infer");
        }
        self
    }

    /// The same question with a parameter.
    fn with(mut self, name: &str, value: ParameterChoice) -> Self {
        self.json["parameters"][name] = match &value {
            ParameterChoice::BoolParam(value) => json!(value),
            ParameterChoice::Int64Param(value) => json!(value),
            ParameterChoice::StringParam(value) => json!(value),
            ParameterChoice::DoubleParam(value) => json!(value),
            ParameterChoice::Uint64Param(value) => json!(value),
        };
        self.message.parameters.insert(name.to_owned(), choice(value));
        self
    }

    /// The same question for these outputs.
    fn for_outputs(mut self, names: &[&str]) -> Self {
        self.json["outputs"] = names.iter().map(|name| json!({ "name": name })).collect();
        self.message.outputs = names.iter().map(|name| crate::rpc::output(name, None)).collect();
        self
    }

    /// A question to a model of that name that takes rows of JSON.
    fn of_row(model: &str, row: &str) -> Self {
        let bytes_contents = vec![row.to_owned().into()];
        let contents = InferTensorContents { bytes_contents, ..InferTensorContents::default() };
        let mut question = Self::with_input("BYTES", &[1], &json!([row]).to_string(), contents).to(model, None);
        question.json["inputs"][0]["name"] = json!("rows");
        "rows".clone_into(&mut question.message.inputs[0].name);
        question
    }

    /// gRPC has fewer codes than HTTP has statuses.
    async fn ask(self, served: &Served) -> Outcome {
        let over_http = outcome(&served.post(&self.path, &self.json.to_string()).await);
        let over_grpc = ask_grpc(&served.router, self.message).await;
        let in_codes = over_http.clone().map_err(|(status, text)| (code_of(status), text));
        assert_eq!(in_codes, over_grpc, "{}", self.json);
        over_http
    }
}

fn outcome(answer: &Answer) -> Outcome {
    if answer.status.is_success() {
        let elements = answer.json()["outputs"][0]["data"].as_array().unwrap().clone();
        return Ok(elements.iter().map(|element| element.as_f64().unwrap()).collect());
    }
    Err((answer.status, in_common(&answer.error())))
}

/// The code of the errors that have that status.
fn code_of(status: StatusCode) -> Code {
    let mut kinds = ErrorKind::ALL.into_iter();
    kinds.find(|kind| http_status(*kind) == status).map_or_else(|| panic!("{status}"), grpc_code)
}

async fn ask_grpc(router: &Router, message: ModelInferRequest) -> Result<Vec<f64>, (Code, String)> {
    match infer(router, message).await {
        Ok(answer) => {
            let contents = answer.outputs[0].contents.as_ref().unwrap();
            Ok(contents.fp32_contents.iter().map(|element| f64::from(*element)).collect())
        }
        Err(status) => Err((status.code(), in_common(status.message()))),
    }
}

/// The text where the protocols call the same place by the same name.
fn in_common(text: &str) -> String {
    let fields = ["bool", "int", "int64", "uint", "uint64", "fp32", "fp64", "bytes"];
    let common = |text: String, field: &str| text.replace(&format!(".contents.{field}_contents"), ".data");
    fields.into_iter().fold(text.to_owned(), common)
}

/// Every mistake that both protocols can express.
fn mistakes() -> Vec<(Question, &'static str)> {
    let ints = |elements: &[i32]| InferTensorContents { int_contents: elements.to_vec(), ..Default::default() };
    let floats = |elements: &[f32]| InferTensorContents { fp32_contents: elements.to_vec(), ..Default::default() };
    let mut missing = Question::right();
    missing.json["inputs"] = json!([]);
    missing.message.inputs.clear();
    let mut twice = Question::right();
    twice.json["inputs"] = json!([twice.json["inputs"][0], twice.json["inputs"][0]]);
    twice.message.inputs.push(twice.message.inputs[0].clone());
    let mut unknown = Question::right();
    unknown.json["inputs"][0]["name"] = json!("z");
    "z".clone_into(&mut unknown.message.inputs[0].name);
    let mut shared = Question::right();
    shared.json["inputs"][0]["parameters"] = json!({ "shared_memory_region": "r" });
    let region = choice(ParameterChoice::StringParam("r".to_owned()));
    shared.message.inputs[0].parameters.insert("shared_memory_region".to_owned(), region);
    let deep: Vec<i64> = vec![1; 33];
    vec![
        (missing, "input 'x' is missing"),
        (twice, "input 'x' is given twice"),
        (unknown, "input 'z' is not an input of this model"),
        (shared, "inputs[0].parameters.shared_memory_region: shared memory is not served"),
        (Question::of(&[1.0]), "input 'x' has shape [1,1], expected FP32 [batch,2]"),
        (Question::with_input("INT32", &[1, 2], "[1, 2]", ints(&[1, 2])), "has datatype INT32, expected FP32"),
        (Question::with_input("INT8", &[1, 2], "[1, 300]", ints(&[1, 300])), "data[1]: expected INT8, got 300"),
        (Question::with_input("INT16", &[2], "[1, -40000]", ints(&[1, -40000])), "expected INT16, got -40000"),
        (Question::with_input("FP32", &[1, 3], "[1, 2]", floats(&[1.0, 2.0])), "holds 3 elements, got 2"),
        (Question::with_input("FP32", &[-1, 2], "[1, 2]", floats(&[1.0, 2.0])), "inputs[0].shape[0]: expected"),
        (Question::with_input("FP32", &[1 << 40, 0], "[]", floats(&[])), "an empty tensor's other axes"),
        (Question::with_input("FP32", &deep, "[1]", floats(&[1.0])), "inputs[0].shape: 33 axes are too many"),
        (Question::with_input("FLOAT", &[1, 2], "[1, 2]", floats(&[1.0, 2.0])), "unknown datatype 'FLOAT'"),
        (Question::right().for_outputs(&["q"]), "output 'q' is not an output of this model"),
        (Question::right().for_outputs(&["y", "y"]), "output 'y' is asked for twice"),
        (Question::right().with("sequence_id", ParameterChoice::Int64Param(7)), "parameters.sequence_id: the model"),
        (Question::right().with("timeout", ParameterChoice::Int64Param(-1)), "parameters.timeout: expected a number"),
        (Question::right().with("timeout", ParameterChoice::StringParam("a".into())), "of 0 or more, got \"a\""),
        (Question::right().with("timeout", ParameterChoice::DoubleParam(0.5)), "a number of 0 or more, got 0.5"),
        (Question::right().with("binary_data_output", ParameterChoice::Int64Param(1)), "expected true or false, got 1"),
    ]
}

#[tokio::test]
async fn right_questions_have_the_same_answer() {
    let served = Served::one().await;
    let parameters = [
        ParameterChoice::BoolParam(true),
        ParameterChoice::Int64Param(-1),
        ParameterChoice::StringParam("t".to_owned()),
        ParameterChoice::DoubleParam(1.5),
        ParameterChoice::Uint64Param(u64::MAX),
    ];
    let with_all = parameters.into_iter().enumerate();
    let with_all = with_all.fold(Question::right(), |question, (number, it)| question.with(&format!("p{number}"), it));
    for question in
        [Question::right(), Question::right().to("m", Some("1")), Question::right().for_outputs(&["y"]), with_all]
    {
        assert_eq!(question.ask(&served).await, Ok(vec![2.0, 4.0]));
    }
    let empty = Question::with_input("FP32", &[0, 2], "[]", InferTensorContents::default());
    assert_eq!(empty.ask(&served).await, Ok(vec![]));
}

/// Walks every kind of error, and every mistake on the wire that both protocols can express.
#[tokio::test]
async fn wrong_questions_have_the_same_error() {
    let broken = FakeEngine::new(Script { fails: Some(LoadErrorKind::Corrupt), ..Script::default() });
    let fake = FakeEngine::default();
    let rows = FakeEngine::new(Script { rows: true, ..Script::default() });
    let fakes = [(spec("broken"), broken), (spec("m"), fake.clone()), (ModelSpec::new("rows", ""), rows)];
    let served = Served::of(fakes).await;
    let mut cases = mistakes();
    let late = Question::of(&[TRIGGER_WAIT, 0.0]).with("timeout", ParameterChoice::Int64Param(1000));
    cases.extend([
        (Question::right().to("none", None), "model 'none' is unknown; served are broken, m, rows"),
        (Question::right().to("m", Some("9")), "model 'm' has no version '9'"),
        (Question::right().to("broken", None), "model 'broken' is not ready: model 'broken': the fake engine fails"),
        (Question::of(&[TRIGGER_FAIL, 0.0]), "the model failed: as it was told"),
        (Question::of(&[TRIGGER_PANIC, 0.0]), "the model panicked"),
        (Question::of(&[TRIGGER_LOSE_ROW, 0.0]), "the model returned"),
        (Question::of_row("rows", r#"{"refuse":1}"#), "inputs[0].data[0].refuse: as it was told"),
        (late, "model 'm' did not answer within 1 ms"),
    ]);
    let mut seen = BTreeSet::new();
    for (question, expected) in cases {
        let shown = question.json.to_string();
        let (status, text) = question.ask(&served).await.unwrap_err();
        assert!(text.contains(expected), "{shown}: {text}");
        seen.insert(status);
    }
    fake.open_gate();
    let (status, text) = overloaded().await;
    assert!(text.contains("model 'm' has 1 requests waiting, its limit"), "{text}");
    seen.insert(status);
    let all: BTreeSet<_> = ErrorKind::ALL.into_iter().map(http_status).collect();
    assert_eq!(seen, all, "a kind of error was not asked for");
}

/// A model whose one session is busy and whose queue has room for one, and is full.
async fn overloaded() -> (StatusCode, String) {
    let fake = FakeEngine::new(Script { exclusive: true, ..Script::default() });
    let mut spec = spec("m");
    spec.limits.queue = 1;
    let served = Served::of([(spec, fake.clone())]).await;
    let handle = served.models.running[0].handle();
    let mut waiting = Vec::new();
    for (number, is_there) in [(0, 1), (1, 1)] {
        let router = served.router.clone();
        waiting.push(tokio::spawn(async move { infer(&router, typed(&[1, 2], &[TRIGGER_WAIT, 0.0])).await }));
        let count = || if number == 0 { handle.load().running } else { handle.load().waiting };
        while count() < is_there {
            tokio::task::yield_now().await;
        }
    }
    let error = Question::right().ask(&served).await.unwrap_err();
    fake.open_gate();
    for request in waiting {
        request.await.unwrap().unwrap();
    }
    error
}
