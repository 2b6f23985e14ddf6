//! Fake models on a board.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use loadonce_core::loader::{Declared, Engines, LoadOptions, Loading, Models};
use loadonce_core::status::{Board, Phase, ReadyRules};
use loadonce_core::testing::FakeEngine;
use loadonce_core::{
    DType, InferError, InferRequest, InferResponse, LoadError, ModelHandle, ModelSpec, NamedTensor, Shape, Tensor,
};

/// A state that has not come by then never does.
const DEADLINE: Duration = Duration::from_mins(1);

/// Waits for a state, but not for ever. Uses the machine's clock, which no test pauses.
pub(crate) async fn in_time<F: Future>(state: F) -> F::Output {
    let started = Instant::now();
    let mut state = pin!(state);
    poll_fn(|context| {
        assert!(started.elapsed() < DEADLINE, "the state that the test waits for does not come");
        // Polled again and again, so that the deadline is seen although nothing happens.
        context.waker().wake_by_ref();
        state.as_mut().poll(context)
    })
    .await
}

/// A board, and fakes by model name.
pub(crate) struct House {
    pub(crate) board: Board,
    pub(crate) fakes: BTreeMap<String, FakeEngine>,
}

impl House {
    pub(crate) fn new<const N: usize>(fakes: [(&str, FakeEngine); N]) -> Self {
        let board = Board::new(ReadyRules::default());
        board.enter(Phase::Loading);
        Self { board, fakes: fakes.into_iter().map(|(name, fake)| (name.to_owned(), fake)).collect() }
    }

    pub(crate) fn start(&self, specs: Vec<ModelSpec>, options: LoadOptions) -> Loading {
        let declare = |spec: ModelSpec| Declared { component: self.board.declare(&spec.name), spec };
        let engines: Arc<dyn Engines> = Arc::new(self.fakes.clone());
        Loading::start(specs.into_iter().map(declare).collect(), &engines, self.board.view(), options).unwrap()
    }

    /// Loads every fake with default options.
    pub(crate) async fn load(&self) -> Result<Models, LoadError> {
        let specs = self.fakes.keys().map(|name| ModelSpec::new(name, "")).collect();
        in_time(self.start(specs, LoadOptions::default()).finish()).await
    }
}

/// A loaded fake of one session with a queue of that length.
pub(crate) async fn single(fake: &FakeEngine, queue: usize) -> (House, Models, ModelHandle) {
    let house = House::new([("m", fake.clone())]);
    let mut spec = ModelSpec::new("m", "");
    spec.limits.sessions = Some(1);
    spec.limits.queue = queue;
    let models = house.start(vec![spec], LoadOptions::default()).finish().await.unwrap();
    let handle = models.running[0].handle();
    (house, models, handle)
}

pub(crate) type Pending<'a> = Pin<Box<dyn Future<Output = Result<InferResponse, InferError>> + 'a>>;

pub(crate) fn poll(pending: &mut Pending<'_>) -> Poll<Result<InferResponse, InferError>> {
    pending.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Asks while the only session is kept busy, so that all wait, then lets everything go; the answers in the order asked.
pub(crate) async fn ask_while_busy(
    fake: &FakeEngine,
    handle: &ModelHandle,
    busy: InferRequest,
    asked: Vec<InferRequest>,
) -> Vec<Result<InferResponse, InferError>> {
    let mut busy: Pending<'_> = Box::pin(handle.infer(busy));
    assert!(poll(&mut busy).is_pending());
    in_time(async {
        while handle.load().running == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let mut waiting: Vec<Pending<'_>> = Vec::new();
    for request in asked {
        waiting.push(Box::pin(handle.infer(request)));
        assert!(waiting.last_mut().map(poll).unwrap().is_pending());
    }
    fake.open_gate();
    busy.await.unwrap();
    let mut answers = Vec::new();
    for pending in waiting {
        answers.push(in_time(pending).await);
    }
    answers
}

pub(crate) fn tensor(rows: &[[f32; 2]]) -> Tensor {
    Tensor::from_vec(Shape::new([rows.len(), 2]), rows.concat()).unwrap()
}

pub(crate) fn request(rows: &[[f32; 2]]) -> InferRequest {
    let inputs = vec![NamedTensor { name: "x".to_owned(), tensor: tensor(rows) }];
    InferRequest { id: Some("7".to_owned()), inputs, ..InferRequest::default() }
}

/// A request that no signature here accepts.
pub(crate) fn wrong_dtype() -> InferRequest {
    let tensor = Tensor::zeros(DType::Int64, Shape::new([1, 2])).unwrap();
    InferRequest { inputs: vec![NamedTensor { name: "x".to_owned(), tensor }], ..InferRequest::default() }
}
