//! A request as it is sent again and again, and what is right for an answer to it.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use loadonce_core::sample::{Sample, Tolerance, compare};
use loadonce_core::{NamedTensor, Signature};
use loadonce_server::explain;
use loadonce_server::wire::v2::{Encoded, Framing, HEADER_LENGTH};
use loadonce_server::wire::{WireError, v1, v2};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::connection::Answer;
use super::endpoint::{Draft, Endpoint};
use super::flags::Protocol;
use super::tally::{Fault, FaultKind};

/// All but the unreserved characters (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Characters of an answer that is no JSON which are shown.
const SHOWN: usize = 200;

/// A request and its right answer.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// Of its sample.
    pub(super) name: String,
    /// The request as it goes over the wire.
    pub(super) request: Bytes,
    /// The same, with a header that asks how long it waited and ran.
    pub(super) explained: Bytes,
    pub(super) right: Right,
}

/// What an answer must be.
#[derive(Clone, Debug)]
pub(super) struct Right {
    form: Form,
    /// An answer that was compared already; most others have the same bytes.
    body: Bytes,
    outputs: Vec<NamedTensor>,
    tolerance: Tolerance,
}

/// How answers are read.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) protocol: Protocol,
    pub(super) signature: Arc<Signature>,
}

/// A request in its form, without what is the server's.
#[derive(Clone, Debug)]
pub(super) struct Written {
    path: String,
    headers: Vec<(&'static str, Cow<'static, str>)>,
    body: Vec<u8>,
}

impl Form {
    /// Writes a request to a model.
    pub(super) fn write(&self, model: &str, inputs: &[NamedTensor]) -> Result<Written, WireError> {
        let model = segment(model);
        let Encoded { body, json_length, .. } = match self.protocol {
            Protocol::V1 => v1::encode_request(self.v1_format(), &self.signature, inputs).map(Encoded::json)?,
            Protocol::V2 => v2::encode_request(inputs, false)?,
            Protocol::V2Binary => v2::encode_request(inputs, true)?,
        };
        let path = match self.protocol {
            Protocol::V1 => format!("/v1/models/{model}:predict"),
            Protocol::V2 | Protocol::V2Binary => format!("/v2/models/{model}/infer"),
        };
        let headers = match json_length {
            None => vec![("content-type", "application/json".into())],
            Some(length) => {
                vec![("content-type", "application/octet-stream".into()), (HEADER_LENGTH, length.to_string().into())]
            }
        };
        Ok(Written { path, headers, body })
    }

    /// Rows where every tensor has them.
    fn v1_format(&self) -> v1::Format {
        if self.signature.is_batchable() { v1::Format::Rows } else { v1::Format::Columns }
    }

    fn read(&self, body: &Bytes, framing: Framing) -> Result<Vec<NamedTensor>, WireError> {
        match self.protocol {
            Protocol::V1 => v1::decode_outputs(body, &self.signature),
            Protocol::V2 | Protocol::V2Binary => v2::decode_outputs(body, framing),
        }
    }
}

impl Written {
    /// The request of that server, and the same that asks to be explained.
    pub(super) fn requests(&self, endpoint: &Endpoint) -> (Bytes, Bytes) {
        let Self { path, headers, body } = self;
        let plain = endpoint.write(Draft { method: "POST", path, headers, body });
        let mut headers = headers.clone();
        headers.push((explain::EXPLAIN, "1".into()));
        (plain, endpoint.write(Draft { method: "POST", path, headers: &headers, body }))
    }
}

impl Right {
    /// What is right from now on: this first answer, if it is what the sample expects.
    pub(super) fn learn(form: Form, sample: &Sample, answer: &Answer<'_>) -> Result<Self, Fault> {
        expect_200(answer)?;
        let body = Bytes::copy_from_slice(answer.body);
        let wrong = |message: String| Fault { kind: FaultKind::Wrong, message };
        let outputs = form.read(&body, answer.head.framing).map_err(|error| wrong(error.to_string()))?;
        let tolerance = sample.tolerance;
        let outputs = match &sample.expected {
            None => outputs,
            Some(expected) => {
                compare(&form.signature, expected, &outputs, &tolerance)
                    .map_err(|mismatch| wrong(mismatch.to_string()))?;
                expected.clone()
            }
        };
        Ok(Self { form, body, outputs, tolerance })
    }

    /// Compares an answer. Other bytes may say the same, as a shared run may round otherwise.
    pub(super) fn check(&self, answer: &Answer<'_>) -> Result<(), Fault> {
        if answer.head.status == 200 && self.body == answer.body {
            return Ok(());
        }
        expect_200(answer)?;
        let wrong = |message: String| Fault { kind: FaultKind::Wrong, message };
        let outputs = self.form.read(&Bytes::copy_from_slice(answer.body), answer.head.framing);
        let outputs = outputs.map_err(|error| wrong(error.to_string()))?;
        compare(&self.form.signature, &self.outputs, &outputs, &self.tolerance)
            .map_err(|mismatch| wrong(mismatch.to_string()))
    }
}

fn expect_200(answer: &Answer<'_>) -> Result<(), Fault> {
    let kind = match answer.head.status {
        200 => return Ok(()),
        429 => FaultKind::Refused,
        status => FaultKind::Status(status),
    };
    Err(Fault { kind, message: said(answer.body) })
}

/// What an answer says of its failure: `error`, or else its beginning.
pub(super) fn said(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Failed {
        error: String,
    }
    let text = serde_json::from_slice(body).map_or_else(
        |_| String::from_utf8_lossy(body.get(..SHOWN).unwrap_or(body)).trim().to_owned(),
        |Failed { error }| error,
    );
    if text.is_empty() { "the answer says nothing".to_owned() } else { text }
}

/// A name as a segment of a path.
pub(super) fn segment(name: &str) -> String {
    utf8_percent_encode(name, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use loadonce_core::{DType, Dim, Shape, Tensor, TensorSpec};

    use super::*;
    use crate::cli::bench::head::Head;

    fn form(protocol: Protocol) -> Form {
        let spec = |name| vec![TensorSpec::new(name, DType::Fp32, [Dim::ANY])];
        Form { protocol, signature: Arc::new(Signature { inputs: spec("x"), outputs: spec("y") }) }
    }

    fn floats(name: &str, elements: &[f32]) -> NamedTensor {
        let tensor = Tensor::from_vec(Shape::new([elements.len()]), elements.to_vec()).unwrap();
        NamedTensor { name: name.to_owned(), tensor }
    }

    fn answer(status: u16, body: &str) -> Answer<'_> {
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
        Answer { head: Head::parse(head.as_bytes()).unwrap().unwrap(), body: body.as_bytes() }
    }

    fn sample(expected: Option<f32>) -> Sample {
        Sample {
            name: "one.json".to_owned(),
            request: loadonce_core::InferRequest::default(),
            expected: expected.map(|value| vec![floats("y", &[value])]),
            tolerance: Tolerance::default(),
        }
    }

    #[test]
    fn a_request_is_written_in_its_form() {
        let written = |protocol| form(protocol).write("a b", &[floats("x", &[1.0, 2.0])]).unwrap();
        let text = |written: &Written| String::from_utf8_lossy(&written.body).into_owned();
        let v1 = written(Protocol::V1);
        assert_eq!((&*v1.path, &*text(&v1)), ("/v1/models/a%20b:predict", r#"{"instances":[1.0,2.0]}"#));
        let v2 = written(Protocol::V2);
        assert_eq!(v2.path, "/v2/models/a%20b/infer");
        assert!(text(&v2).contains(r#""data":[1.0,2.0]"#), "{}", text(&v2));
        let binary = written(Protocol::V2Binary);
        assert!(binary.body.ends_with(&2.0_f32.to_le_bytes()));
        let length = binary.headers.iter().find(|(name, _)| *name == HEADER_LENGTH).unwrap();
        assert_eq!(length.1, (binary.body.len() - 8).to_string());
    }

    #[test]
    fn answers_are_compared_by_value_and_not_by_spelling() {
        let first = answer(200, r#"{"predictions":[0.5]}"#);
        let right = Right::learn(form(Protocol::V1), &sample(Some(0.5)), &first).unwrap();
        let check = |status, body| right.check(&answer(status, body)).map_err(|fault| (fault.kind, fault.message));
        assert_eq!(check(200, r#"{"predictions":[0.5]}"#), Ok(()));
        assert_eq!(check(200, r#"{"predictions": [0.5000001]}"#), Ok(()));
        let wrong = (FaultKind::Wrong, "output 'y' has 0.6 at [0], expected 0.5".to_owned());
        assert_eq!(check(200, r#"{"predictions":[0.6]}"#), Err(wrong));
        assert_eq!(check(200, "gone").unwrap_err().0, FaultKind::Wrong);
        assert_eq!(check(429, r#"{"error":"full"}"#), Err((FaultKind::Refused, "full".to_owned())));
        assert_eq!(check(503, "busy"), Err((FaultKind::Status(503), "busy".to_owned())));
        assert_eq!(check(500, r#"{"predictions":[0.5]}"#).unwrap_err().0, FaultKind::Status(500));
    }

    #[test]
    fn the_first_answer_is_right_where_no_other_is_known() {
        let first = answer(200, r#"{"outputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[3]}]}"#);
        let right = Right::learn(form(Protocol::V2), &sample(None), &first).unwrap();
        assert_eq!(right.outputs, [floats("y", &[3.0])]);
        let fault = Right::learn(form(Protocol::V2), &sample(Some(4.0)), &first).unwrap_err();
        assert_eq!(fault.message, "output 'y' has 3 at [0], expected 4");
    }
}
