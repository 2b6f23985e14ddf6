//! A loaded model that answers: its owner, and the handle that requests go through.

use std::num::NonZeroU32;
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::time::error::Elapsed;
use tracing::Span;

use crate::budget::Budget;
use crate::engine::{Batch, Contract, Model, Session};
use crate::error::{InferError, LoadError, LoadErrorKind, RunError};
use crate::ledger::Memory;
use crate::queue::{Answer, Job, Queue, QueueLoad, Refused, Rules, Sharing, Worker, unless_ended};
use crate::request::{InferRequest, InferResponse, NamedTensor, Timing};
use crate::sample::Example;
use crate::signature::Signature;
use crate::spec::ModelSpec;
use crate::status::{Component, Stage};
use crate::trial::Subject;

/// Between two looks at whether a model that was replaced is still asked.
const LOOK: Duration = Duration::from_millis(10);

/// The owner of a loaded model and its sessions' threads. Dropping it finishes what waits and unloads the model.
pub struct RunningModel {
    handle: ModelHandle,
    threads: Vec<JoinHandle<()>>,
    component: Arc<Component>,
    model: Arc<dyn Model>,
    contract: Contract,
}

/// The way to a loaded model; cheap to clone.
#[derive(Clone, Debug)]
pub struct ModelHandle(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    version: String,
    engine: &'static str,
    signature: Arc<Signature>,
    example: Option<Example>,
    /// Whether requests may share runs.
    shares_runs: bool,
    timeout: Duration,
    /// Of requests that name none.
    priority: NonZeroU32,
    queue: Arc<Queue>,
    /// Its sessions' threads own it: a handle keeps no model in memory.
    model: Weak<dyn Model>,
}

/// What makes a model answer, once it is loaded and has proven itself.
pub(crate) struct Parts<'a> {
    pub(crate) spec: &'a ModelSpec,
    pub(crate) engine: &'static str,
    pub(crate) model: Arc<dyn Model>,
    pub(crate) contract: Contract,
    pub(crate) signature: Arc<Signature>,
    pub(crate) example: Option<Example>,
    pub(crate) sessions: Vec<Box<dyn Session>>,
    pub(crate) sharing: Sharing,
    pub(crate) budget: Budget,
}

impl RunningModel {
    pub(crate) fn start(parts: Parts<'_>, component: Arc<Component>) -> Result<Self, LoadError> {
        let Parts { spec, engine, model, contract, signature, example, sessions, sharing, budget } = parts;
        let rules = Rules { capacity: spec.limits.queue, sharing, direct: !model.may_block() };
        let threads = sessions.len();
        let queue = Arc::new(Queue::new(rules, sessions));
        let for_handle = Arc::downgrade(&model);
        let worker = Arc::new(Worker {
            queue: Arc::clone(&queue),
            share: budget.share(model.run_threads()),
            model: Arc::clone(&model),
            signature: Arc::clone(&signature),
            component: Arc::clone(&component),
        });
        let handle = ModelHandle(Arc::new(Inner {
            name: spec.name.clone(),
            version: spec.version.clone(),
            engine,
            signature,
            example,
            shares_runs: sharing.rows > 1,
            timeout: spec.limits.timeout,
            priority: spec.limits.priority,
            queue,
            model: for_handle,
        }));
        let mut running = Self { handle, threads: Vec::with_capacity(threads), component, model, contract };
        for _ in 0..threads {
            running.threads.push(spawn(&worker, &spec.name)?);
        }
        Ok(running)
    }

    /// A handle for requests.
    pub fn handle(&self) -> ModelHandle {
        self.handle.clone()
    }

    /// The model as a trial sees it: with sessions of its own beside those that serve.
    pub fn subject(&self) -> Subject {
        Subject {
            model: Arc::clone(&self.model),
            signature: Arc::clone(&self.handle.0.signature),
            contract: self.contract,
            sessions: self.threads.len(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        self.handle.name()
    }

    pub(crate) fn component(&self) -> &Arc<Component> {
        &self.component
    }

    /// Says that the model answers; only the loader knows when that is true.
    pub(crate) fn claim_ready(&self) {
        self.component.enter(Stage::Ready);
    }

    /// Takes no more requests, answers those that wait, and unloads the model. Blocks until that is done.
    pub fn stop(self) {
        drop(self);
    }

    /// The same once nobody has a handle any more, so that no request finds the model gone; requests hold theirs no longer
    /// than they may take.
    pub(crate) async fn retire(self) {
        let unasked = async {
            while Arc::strong_count(&self.handle.0) > 1 {
                tokio::time::sleep(LOOK).await;
            }
        };
        let _ = tokio::time::timeout(self.handle.0.timeout, unasked).await;
        let (done, unloaded) = oneshot::channel::<()>();
        let unload = move || drop((self, done));
        if let Err(error) = std::thread::Builder::new().name("unload".to_owned()).spawn(unload) {
            tracing::warn!(%error, "cannot start a thread to unload a model");
        }
        // An error is the sign: nothing is ever sent.
        let _ = unloaded.await;
    }
}

impl Drop for RunningModel {
    fn drop(&mut self) {
        self.component.enter(Stage::Draining);
        self.handle.0.queue.close("it is being unloaded");
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!(model = self.handle.name(), "a thread of the model panicked");
            }
        }
        self.handle.0.queue.drop_sessions();
    }
}

fn spawn(worker: &Arc<Worker>, name: &str) -> Result<JoinHandle<()>, LoadError> {
    let worker = Arc::clone(worker);
    std::thread::Builder::new()
        .name(format!("run-{name}"))
        .spawn(move || worker.serve())
        .map_err(|error| LoadError::new(LoadErrorKind::Internal, "cannot start a thread of the model").caused_by(error))
}

impl ModelHandle {
    /// The model's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The version served.
    pub fn version(&self) -> &str {
        &self.0.version
    }

    /// The engine that runs the model.
    pub fn engine(&self) -> &'static str {
        self.0.engine
    }

    /// What the model takes and gives, with declared columns and labels.
    pub fn signature(&self) -> &Signature {
        &self.0.signature
    }

    /// A request that the model answered while it was started, for people to try: of its samples the smallest, else zeros.
    /// None if it has no sample and did not take zeros.
    pub fn example(&self) -> Option<&Example> {
        self.0.example.as_ref()
    }

    /// How much the model has to do now.
    pub fn load(&self) -> QueueLoad {
        self.0.queue.load()
    }

    /// What the model takes in memory now; none once it is unloaded. Reads from the kernel, which may take milliseconds.
    pub fn memory(&self) -> Option<Memory> {
        self.0.model.upgrade().map(|model| model.memory())
    }

    /// Why the model answers no more, if it does not.
    pub fn closed(&self) -> Option<String> {
        self.0.queue.closed()
    }

    /// Refuses where the queue is full now; for callers who would have to decode a large request first.
    pub fn expect_room(&self) -> Result<(), InferError> {
        self.0.queue.expect_room().map_err(|refused| self.refusal(refused, self.0.timeout))
    }

    /// Predicts: checks the request against the signature, queues it, and waits for its answer no longer than the
    /// request and the model allow. A caller that drops the future is dropped from the queue.
    pub async fn infer(&self, request: InferRequest) -> Result<InferResponse, InferError> {
        let timeout = request.timeout.map_or(self.0.timeout, |timeout| timeout.min(self.0.timeout));
        if timeout.is_zero() {
            return Err(self.late(timeout));
        }
        let selection = self.signature().select(&request.outputs)?;
        let batch = self.signature().arrange(request.inputs)?;
        let Answer { outputs, timing } = match self.0.queue.borrow(&batch) {
            Some(session) => self.run(session, &batch)?,
            None => self.queue(batch, timeout, request.priority).await?,
        };
        let outputs = selection.into_iter().map(|position| self.named(position, &outputs)).collect();
        Ok(InferResponse { id: request.id, outputs, timing })
    }

    /// Runs a quick request where it arrived.
    fn run(&self, mut session: Box<dyn Session>, batch: &Batch) -> Result<Answer, RunError> {
        let (outcome, run) = self.0.queue.run(&mut *session, batch, self.signature());
        self.0.queue.done(unless_ended(session, &outcome), 1);
        let timing = Timing { queue: Duration::ZERO, run, shared: batch.own_run(), is_direct: true };
        outcome.map(|outputs| Answer { outputs, timing })
    }

    async fn queue(&self, batch: Batch, timeout: Duration, priority: Option<NonZeroU32>) -> Result<Answer, InferError> {
        let (reply, answer) = oneshot::channel();
        let priority = priority.unwrap_or(self.0.priority).get();
        let rows = self.0.shares_runs.then(|| batch.common_rows()).flatten();
        let job = Job { batch, rows, priority, reply, arrived: Instant::now(), span: Span::current() };
        self.0.queue.push(job, timeout).map_err(|refused| self.refusal(refused, timeout))?;
        let mut place = Place { answer: Some(answer), queue: &self.0.queue };
        let outcome = tokio::time::timeout(timeout, place.answer()).await;
        self.judge(outcome, timeout)
    }

    fn judge(
        &self,
        outcome: Result<Option<Result<Answer, RunError>>, Elapsed>,
        timeout: Duration,
    ) -> Result<Answer, InferError> {
        match outcome {
            Ok(Some(outcome)) => Ok(outcome?),
            Ok(None) => Err(self.not_ready(self.closed().unwrap_or_else(|| "its session ended".to_owned()))),
            Err(_) => Err(self.late(timeout)),
        }
    }

    fn named(&self, position: usize, outputs: &[crate::Tensor]) -> NamedTensor {
        // Both lists were checked against the signature, so the position is in range.
        NamedTensor { name: self.signature().outputs[position].name.clone(), tensor: outputs[position].clone() }
    }

    fn refusal(&self, refused: Refused, deadline: Duration) -> InferError {
        let model = self.name().to_owned();
        match refused {
            Refused::Full { capacity, expected } => InferError::QueueFull { model, capacity, expected },
            Refused::Late { waiting, expected } => InferError::TooLate { model, deadline, waiting, expected },
            Refused::Closed { reason } => self.not_ready(reason),
        }
    }

    fn late(&self, deadline: Duration) -> InferError {
        InferError::DeadlineExceeded { model: self.name().to_owned(), deadline }
    }

    fn not_ready(&self, reason: String) -> InferError {
        InferError::NotReady { model: self.name().to_owned(), reason }
    }
}

/// A caller's place in the queue, given up when the caller leaves.
struct Place<'a> {
    /// None once it has come.
    answer: Option<oneshot::Receiver<Result<Answer, RunError>>>,
    queue: &'a Queue,
}

impl Place<'_> {
    /// The answer; none where the session ended without one.
    async fn answer(&mut self) -> Option<Result<Answer, RunError>> {
        let answer = self.answer.as_mut()?.await.ok();
        self.answer = None;
        answer
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(answer) = self.answer.take() {
            drop(answer);
            self.queue.forget_gone();
        }
    }
}

impl std::fmt::Debug for RunningModel {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("RunningModel").field("name", &self.handle.name()).finish_non_exhaustive()
    }
}
