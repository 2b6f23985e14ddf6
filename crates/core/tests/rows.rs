//! Models whose rows are JSON.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use loadonce_core::loader::{LoadOptions, Models};
use loadonce_core::sample::{Sample, Tolerance};
use loadonce_core::testing::{FakeEngine, ROW_REFUSE, ROW_WAIT, Script};
use loadonce_core::{
    Batching, ErrorKind, FillValue, InferError, InferRequest, LoadError, LoadErrorKind, ModelSpec, NamedTensor,
    RowFault, RunError, Shape, Tensor,
};

use crate::support::{House, ask_while_busy};

fn fake() -> FakeEngine {
    FakeEngine::new(Script { rows: true, ..Script::default() })
}

fn named(name: &str, rows: &[&str]) -> Vec<NamedTensor> {
    let rows: Vec<_> = rows.iter().map(|&row| row.to_owned()).collect();
    vec![NamedTensor { name: name.to_owned(), tensor: Tensor::from_strings(Shape::new([rows.len()]), rows).unwrap() }]
}

fn request(rows: &[&str]) -> InferRequest {
    InferRequest { inputs: named("rows", rows), ..InferRequest::default() }
}

fn sample(row: &str, expected: Option<&str>) -> Sample {
    let expected = expected.map(|expected| named("predictions", &[expected]));
    Sample { name: "s.json".to_owned(), request: request(&[row]), expected, tolerance: Tolerance::default() }
}

/// A fake with one session, that batching and these samples.
async fn load(fake: &FakeEngine, samples: Vec<Sample>) -> (House, Result<Models, LoadError>) {
    let batching = Batching { max_rows: Some(64), ..Batching::default() };
    let mut spec = ModelSpec { batching, samples: Arc::new(samples), ..ModelSpec::new("m", "") };
    spec.limits.sessions = Some(1);
    let house = House::new([("m", fake.clone())]);
    let models = house.start(vec![spec], LoadOptions::default()).finish().await;
    (house, models)
}

#[tokio::test]
async fn an_empty_text_is_no_row_to_warm_up_with() {
    let fake = fake();
    let (_house, models) = load(&fake, vec![]).await;
    assert_eq!(models.unwrap().running[0].handle().example(), None);
    assert_eq!(fake.counts().runs.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_sample_is_compared_as_json() {
    let right = sample(r#"{"p":0.5,"name":"é"}"#, Some(r#" [ { "p": 0.50000001, "name": "\u00e9" } ]"#));
    assert!(load(&fake(), vec![right]).await.1.is_ok());
    let wrong = sample(r#"{"p":0.5}"#, Some(r#"[{"p":0.6}]"#));
    let error = load(&fake(), vec![wrong]).await.1.unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::SampleFailed);
    let text = r#"sample 's.json' was answered wrongly: output 'predictions' has "p": 0.5 at [0], expected "p": 0.6"#;
    assert!(error.to_string().contains(text), "{error}");
}

#[tokio::test]
async fn refused_rows_cost_the_others_nothing_and_have_the_numbers_of_their_request() {
    let fake = fake();
    let (_house, models) = load(&fake, vec![sample("{}", None), sample(r#"{"a":1}"#, None)]).await;
    let models = models.unwrap();
    let refused = format!(r#"{{"{ROW_REFUSE}":1}}"#);
    let asked = vec![request(&["1", "2"]), request(&["3", &refused, &refused]), request(&["4"])];
    let answers =
        ask_while_busy(&fake, &models.running[0].handle(), request(&[&format!("\"{ROW_WAIT}\"")]), asked).await;
    let fault = |row| RowFault { row, path: ".refuse".to_owned(), message: "as it was told".to_owned() };
    let error = answers[1].clone().unwrap_err();
    assert_eq!(error, InferError::Run(RunError::InvalidRows { rows: vec![fault(1), fault(2)] }));
    assert_eq!(error.kind(), ErrorKind::InvalidRows);
    assert_eq!(error.to_string(), "the model refused rows[1].refuse: as it was told; and 1 more");
    assert_eq!(answers[0].as_ref().unwrap().outputs, named("predictions", &["[1]", "[2]"]));
    assert_eq!(answers[2].as_ref().unwrap().outputs, named("predictions", &["[4]"]));
}

#[test]
fn rows_of_json_have_no_columns_and_no_fill_value_of_the_operators() {
    let signature = FakeEngine::signature_of_rows();
    let mut spec = ModelSpec::new("m", "");
    spec.columns.insert("rows".to_owned(), vec!["a".to_owned()]);
    let error = spec.annotate(&signature).unwrap_err();
    assert_eq!(error.detail(), "model.toml has 'columns' in [inputs.rows], but the elements of 'rows' are JSON");
    let mut spec = ModelSpec::new("m", "");
    spec.missing.insert("rows".to_owned(), FillValue::Text(String::new()));
    let error = spec.annotate(&signature).unwrap_err();
    assert_eq!(error.detail(), "model.toml has 'missing' in [inputs.rows], but the elements of 'rows' are JSON");
    let mut spec = ModelSpec::new("m", "");
    spec.labels.insert("predictions".to_owned(), vec!["a".to_owned()]);
    let error = spec.annotate(&signature).unwrap_err();
    assert_eq!(error.kind(), LoadErrorKind::Configuration);
}
