//! A model under load: what the server says of it, and the requests that are made of its samples.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use loadonce_core::sample::{Sample, SampleSource as _};
use loadonce_core::{Content, DType, Dim, LoadError, ModelSpec, NamedTensor, Signature, Tensor, TensorSpec};
use loadonce_server::samples::{self, SampleFolder};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::ask::{Ask, Form, Right, said, segment};
use super::connection::{Answer, Connection};
use super::endpoint::{Draft, Endpoint};
use super::flags::RequestFlags;
use crate::cli::Failure;
use crate::cli::exit::Exit;

/// A model and its requests.
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) version: Option<String>,
    /// Rows of the request that has the fewest, and of the one that has the most; where requests have rows.
    pub(super) rows: Option<(usize, usize)>,
    pub(super) asks: Arc<[Ask]>,
}

/// Asks a server one thing after the other, before there is any load.
pub(super) struct Inquiry<'a> {
    endpoint: &'a Endpoint,
    flags: &'a RequestFlags,
    connection: Option<Connection>,
}

const JSON: [(&str, Cow<'_, str>); 1] = [("content-type", Cow::Borrowed("application/json"))];

/// `inference_rest.md`, "Model Metadata Response JSON Object", and the names that this server adds.
#[derive(Debug, Deserialize)]
struct Metadata {
    #[serde(default)]
    versions: Vec<String>,
    inputs: Vec<TensorMetadata>,
    outputs: Vec<TensorMetadata>,
}

#[derive(Debug, Deserialize)]
struct TensorMetadata {
    name: String,
    datatype: String,
    shape: Vec<i64>,
    #[serde(default)]
    columns: Vec<String>,
    /// Whether elements are texts of JSON values.
    #[serde(default)]
    json: bool,
}

/// A line of Triton's index of models (`extension_model_repository.md`, "Index").
#[derive(Debug, Deserialize)]
struct Indexed {
    name: String,
    #[serde(default)]
    state: Option<String>,
}

impl<'a> Inquiry<'a> {
    pub(super) fn new(endpoint: &'a Endpoint, flags: &'a RequestFlags) -> Self {
        Self { endpoint, flags, connection: None }
    }

    /// The names of the models to ask: those that flags name, or all that are ready.
    pub(super) async fn models(&mut self) -> Result<Vec<String>, Failure> {
        if !self.flags.models.is_empty() {
            return Ok(self.flags.models.clone());
        }
        let draft = Draft { method: "POST", path: "/v2/repository/index", headers: &JSON, body: b"{}" };
        let (status, body) = self.ask(draft).await?;
        let index: Option<Vec<Indexed>> = if status == 200 { serde_json::from_slice(&body).ok() } else { None };
        let Some(index) = index else {
            let why = format!("{} does not list its models; name one with --model", self.endpoint);
            return Err(Failure::new(Exit::NotFound, why));
        };
        let is_ready = |model: &Indexed| model.state.as_deref().is_none_or(|state| state == "READY");
        let mut names: Vec<_> = index.into_iter().filter(is_ready).map(|model| model.name).collect();
        names.sort();
        names.dedup();
        if names.is_empty() {
            return Err(Failure::new(Exit::NotFound, format!("{} has no model that is ready", self.endpoint)));
        }
        Ok(names)
    }

    /// A model with its requests, each of which it has answered rightly once.
    pub(super) async fn subject(&mut self, name: &str, spec: Option<&ModelSpec>) -> Result<Subject, Failure> {
        let (signature, version) = self.metadata(name).await?;
        let signature = spec.map_or(Ok(signature.clone()), |spec| spec.annotate(&signature))?;
        let mut samples = self.samples(name, spec, &signature).await?;
        if let Some(rows) = self.flags.rows {
            if !signature.is_batchable() {
                let why = format!("model '{name}' does not take any number of rows, so there can be no --rows");
                return Err(Failure::new(Exit::Usage, why));
            }
            samples = samples.into_iter().map(|sample| with_rows(sample, rows.get())).collect();
        }
        let counts = samples.iter().map(|sample| rows(&sample.request.inputs)).collect::<Option<Vec<_>>>();
        let rows = counts.and_then(|counts| Some((*counts.iter().min()?, *counts.iter().max()?)));
        let form = Form { protocol: self.flags.protocol, signature: Arc::new(signature) };
        let mut asks = Vec::with_capacity(samples.len());
        for sample in &samples {
            asks.push(self.prove(name, &form, sample).await?);
        }
        Ok(Subject { name: name.to_owned(), version, rows, asks: asks.into() })
    }

    async fn metadata(&mut self, name: &str) -> Result<(Signature, Option<String>), Failure> {
        let path = format!("/v2/models/{}", segment(name));
        let (status, body) = self.ask(Draft { method: "GET", path: &path, ..Draft::default() }).await?;
        let of_model = |why: String| format!("model '{name}' of {}: {why}", self.endpoint);
        match status {
            200 => (),
            404 => return Err(Failure::new(Exit::NotFound, of_model(said(&body)))),
            status => return Err(Failure::new(Exit::LoadTest, of_model(format!("{status}, {}", said(&body))))),
        }
        let strange =
            |why: String| Failure::new(Exit::LoadTest, of_model(format!("its metadata cannot be read: {why}")));
        let metadata: Metadata = serde_json::from_slice(&body).map_err(|error| strange(error.to_string()))?;
        let Metadata { mut versions, inputs, outputs } = metadata;
        let specs = |tensors: Vec<TensorMetadata>| -> Result<Vec<_>, Failure> {
            tensors.into_iter().map(|tensor| tensor.spec().map_err(strange)).collect()
        };
        let signature = Signature { inputs: specs(inputs)?, outputs: specs(outputs)? };
        Ok((signature, versions.pop()))
    }

    /// Requests from files, else the model's samples, else the server's own example.
    async fn samples(
        &mut self,
        name: &str,
        spec: Option<&ModelSpec>,
        signature: &Signature,
    ) -> Result<Vec<Sample>, Failure> {
        let mut samples = Vec::new();
        for path in &self.flags.data {
            samples.extend(read(path, signature)?);
        }
        if let (true, Some(spec)) = (self.flags.data.is_empty(), spec) {
            samples = spec.samples.read(signature)?;
        }
        if self.flags.data.is_empty() && samples.is_empty() {
            samples.extend(self.example(name, signature).await?);
        }
        if samples.is_empty() {
            let why = format!("no sample of model '{name}' is known; give a request with --data FILE");
            return Err(Failure::new(Exit::NotFound, why));
        }
        Ok(samples)
    }

    /// The example in the server's OpenAPI document, if it has one.
    async fn example(&mut self, name: &str, signature: &Signature) -> Result<Option<Sample>, Failure> {
        let (status, body) = self.ask(Draft { method: "GET", path: "/openapi.json", ..Draft::default() }).await?;
        let document: Value =
            if status == 200 { serde_json::from_slice(&body).unwrap_or_default() } else { Value::Null };
        let operation = &document["paths"][format!("/v2/models/{}/infer", segment(name))]["post"];
        let example = |place: &Value| place["content"]["application/json"]["examples"]["tensors"]["value"].clone();
        let request = example(&operation["requestBody"]);
        if request.is_null() {
            return Ok(None);
        }
        let text = json!({ "request": request, "response": example(&operation["responses"]["200"]) }).to_string();
        let sample = samples::parse("example of the server".to_owned(), text.as_bytes(), signature);
        Ok(sample.ok())
    }

    /// Makes a request of a sample, and lets the server answer it once.
    async fn prove(&mut self, model: &str, form: &Form, sample: &Sample) -> Result<Ask, Failure> {
        let name = &sample.name;
        let failed = |why: String| Failure::new(Exit::SampleFailed, format!("model '{model}': sample '{name}' {why}"));
        let written = form.write(model, &sample.request.inputs);
        let written =
            written.map_err(|error| failed(format!("cannot be sent as {}: {error}", form.protocol.as_str())))?;
        let (request, explained) = written.requests(self.endpoint);
        let answer = self.exchange(&request).await?;
        let right = Right::learn(form.clone(), sample, &answer)
            .map_err(|fault| failed(format!("was {}: {}", fault.kind, fault.message)))?;
        Ok(Ask { name: name.clone(), request, explained, right })
    }

    async fn ask(&mut self, draft: Draft<'_>) -> Result<(u16, Bytes), Failure> {
        let answer = self.exchange(&self.endpoint.write(draft)).await?;
        Ok((answer.head.status, Bytes::copy_from_slice(answer.body)))
    }

    async fn exchange(&mut self, request: &[u8]) -> Result<Answer<'_>, Failure> {
        let (endpoint, limit) = (self.endpoint, self.flags.timeout);
        let exchange = async {
            let connection = match self.connection.take().filter(Connection::is_open) {
                Some(connection) => connection,
                None => endpoint.connect().await?,
            };
            self.connection.insert(connection).exchange(request).await
        };
        let cannot = |why: String| Failure::new(Exit::LoadTest, format!("cannot ask {endpoint}: {why}"));
        let answer = timeout(limit, exchange).await.map_err(|_| cannot(format!("no answer within {limit:?}")))?;
        answer.map_err(|error| cannot(format!("{error}; is it running, and is this its address?")))
    }
}

impl TensorMetadata {
    fn spec(self) -> Result<TensorSpec, String> {
        let dtype: DType = self.datatype.parse().map_err(|error| format!("'{}': {error}", self.name))?;
        let dim = |length: i64| usize::try_from(length).map_or(Dim::ANY, Dim::Fixed);
        let dims: Vec<_> = self.shape.into_iter().map(dim).collect();
        let content = if self.json { Content::Json { schema: None } } else { Content::Bytes };
        Ok(TensorSpec { columns: self.columns, content, ..TensorSpec::new(self.name, dtype, dims) })
    }
}

fn read(path: &Path, signature: &Signature) -> Result<Vec<Sample>, LoadError> {
    if path.is_dir() { SampleFolder::new(path).read(signature) } else { Ok(vec![samples::read_file(path, signature)?]) }
}

/// The rows of all tensors, if they have equally many.
fn rows(tensors: &[NamedTensor]) -> Option<usize> {
    let mut counts = tensors.iter().map(|named| named.tensor.shape().first().copied());
    let first = counts.next()??;
    counts.all(|count| count == Some(first)).then_some(first)
}

/// The sample with that many rows: its own again and again. An expected answer that cannot follow is left out.
fn with_rows(mut sample: Sample, count: usize) -> Sample {
    let Some(have) = rows(&sample.request.inputs).filter(|rows| *rows > 0) else { return sample };
    let repeat = |tensors: Vec<NamedTensor>| -> Option<Vec<_>> {
        tensors.into_iter().map(|named| repeat(named, count)).collect()
    };
    sample.expected = sample.expected.filter(|expected| rows(expected) == Some(have)).and_then(repeat);
    if let Some(inputs) = repeat(sample.request.inputs.clone()) {
        sample.request.inputs = inputs;
    }
    sample
}

fn repeat(NamedTensor { name, tensor }: NamedTensor, count: usize) -> Option<NamedTensor> {
    let have = *tensor.shape().first()?;
    let rest = tensor.rows(0..count % have);
    let mut pieces = vec![&tensor; count / have];
    pieces.push(&rest);
    Some(NamedTensor { name, tensor: Tensor::concat(&pieces)? })
}

#[cfg(test)]
mod tests {
    use loadonce_core::sample::Tolerance;
    use loadonce_core::{InferRequest, Shape};

    use super::*;

    fn named(shape: [usize; 2], elements: &[i64]) -> Vec<NamedTensor> {
        vec![NamedTensor {
            name: "x".to_owned(),
            tensor: Tensor::from_vec(Shape::new(shape), elements.to_vec()).unwrap(),
        }]
    }

    fn sample(inputs: Vec<NamedTensor>, expected: Option<Vec<NamedTensor>>) -> Sample {
        let request = InferRequest { inputs, ..InferRequest::default() };
        Sample { name: "s".to_owned(), request, expected, tolerance: Tolerance::default() }
    }

    #[test]
    fn rows_are_repeated_or_cut_and_answers_with_them() {
        let two = sample(named([2, 2], &[1, 2, 3, 4]), Some(named([2, 1], &[5, 6])));
        let three = with_rows(two.clone(), 3);
        assert_eq!(three.request.inputs, named([3, 2], &[1, 2, 3, 4, 1, 2]));
        assert_eq!(three.expected, Some(named([3, 1], &[5, 6, 5])));
        let one = with_rows(two.clone(), 1);
        assert_eq!((one.request.inputs, one.expected), (named([1, 2], &[1, 2]), Some(named([1, 1], &[5]))));
        let odd = with_rows(sample(named([2, 1], &[1, 2]), Some(named([1, 1], &[3]))), 4);
        assert_eq!((odd.request.inputs, odd.expected), (named([4, 1], &[1, 2, 1, 2]), None));
    }

    #[test]
    fn metadata_is_a_signature() {
        let tensor = |datatype: &str| TensorMetadata {
            name: "x".to_owned(),
            datatype: datatype.to_owned(),
            shape: vec![-1, 2],
            columns: vec!["a".to_owned(), "b".to_owned()],
            json: datatype == "BYTES",
        };
        assert!(tensor("BYTES").spec().unwrap().content.is_json());
        let spec = tensor("FP32").spec().unwrap();
        assert_eq!(spec.dims, Some(vec![Dim::ANY, Dim::Fixed(2)]));
        assert_eq!(spec.columns, ["a", "b"]);
        assert!(tensor("STRING").spec().unwrap_err().starts_with("'x': "));
    }
}
