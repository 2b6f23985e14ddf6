//! A hand-written fake engine for tests: slow, failing, panicking or wrong on demand, and it counts what is done to it.

mod faults;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::engine::{Batch, Contract, Engine, Model, Outputs, Session};
use crate::error::{LoadError, LoadErrorKind, RowFault, RunError};
use crate::ledger::Memory;
use crate::loader::{Chosen, Engines};
use crate::progress::Progress;
use crate::signature::{Content, Dim, Signature, TensorSpec};
use crate::spec::ModelSpec;
use crate::tensor::{DType, Shape, Tensor, TensorError};

pub use self::faults::Fault;
use self::faults::Faults;

/// An engine whose models double their input: `x` FP32 `[batch,2]` to `y` FP32 `[batch,2]`.
///
/// A row whose first element is one of the `TRIGGER` constants makes a run misbehave.
#[derive(Clone, Debug, Default)]
pub struct FakeEngine {
    script: Script,
    counts: Arc<Counts>,
    gate: Arc<Gate>,
    faults: Arc<Faults>,
}

/// What a load does.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "a list of independent misdeeds")]
pub struct Script {
    /// Waits for [`FakeEngine::open_gate`] before the load ends.
    pub gated: bool,
    /// Fails with this kind.
    pub fails: Option<LoadErrorKind>,
    /// Panics.
    pub panics: bool,
    /// Bytes that the load claims to read.
    pub bytes: u64,
    /// Says that this is what the model takes in memory.
    pub memory: Option<Memory>,
    /// Allows one run at a time.
    pub exclusive: bool,
    /// Adds to each row how many others there are.
    pub mixes_rows: bool,
    /// Panics in a run of several rows.
    pub panics_together: bool,
    /// Does not claim that runs may block: then requests run where they arrive, and none may be told to wait.
    pub quick: bool,
    /// Is wrong in that way.
    pub fault: Option<Fault>,
    /// Takes and gives JSON: each of the `rows` is the only element of an array in `predictions`. A row that holds one of
    /// the `ROW` constants makes a run misbehave.
    pub rows: bool,
}

/// What was done to a fake engine.
#[derive(Debug, Default)]
pub struct Counts {
    /// Loads.
    pub loads: AtomicUsize,
    /// Sessions opened.
    pub sessions: AtomicUsize,
    /// Runs.
    pub runs: AtomicUsize,
    /// Models dropped.
    pub dropped: AtomicUsize,
    /// Times that a model was asked what it takes in memory.
    pub readings: AtomicUsize,
}

/// First element that makes a run panic.
pub const TRIGGER_PANIC: f32 = -1.0;
/// First element that makes a run fail.
pub const TRIGGER_FAIL: f32 = -2.0;
/// First element that makes a run lose a row.
pub const TRIGGER_LOSE_ROW: f32 = -3.0;
/// First element that makes a run wait for [`FakeEngine::open_gate`].
pub const TRIGGER_WAIT: f32 = -4.0;

/// In a row of JSON: it is refused, with `.refuse` as its field.
pub const ROW_REFUSE: &str = "refuse";
/// In a row of JSON: it has no answer.
pub const ROW_LOSE: &str = "lose";
/// In a row of JSON: the run waits for [`FakeEngine::open_gate`].
pub const ROW_WAIT: &str = "wait";
/// In a row of JSON: its answer is no JSON.
pub const ROW_GARBLE: &str = "garble";

#[derive(Debug, Default)]
struct Gate {
    open: Mutex<bool>,
    changed: Condvar,
}

struct FakeModel {
    engine: FakeEngine,
    signature: Signature,
}

struct FakeSession {
    engine: FakeEngine,
}

impl FakeEngine {
    /// A fake that behaves as the script says.
    pub fn new(script: Script) -> Self {
        Self { script, ..Self::default() }
    }

    /// What was done to it.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Lets everything through that waits.
    pub fn open_gate(&self) {
        *self.gate.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.gate.changed.notify_all();
    }

    /// The signature of its models that take JSON.
    pub fn signature_of_rows() -> Signature {
        let rows = |name: &str, schema: &str| TensorSpec {
            content: Content::Json { schema: Some(schema.into()) },
            ..TensorSpec::new(name, DType::Bytes, [Dim::ANY])
        };
        let (row, answer) = (r#"{"type":"object"}"#, r#"{"type":"array"}"#);
        Signature { inputs: vec![rows("rows", row)], outputs: vec![rows("predictions", answer)] }
    }

    /// The signature of its other models.
    pub fn signature() -> Signature {
        let dims = [Dim::named("batch"), Dim::Fixed(2)];
        Signature {
            inputs: vec![TensorSpec::new("x", DType::Fp32, dims.clone())],
            outputs: vec![TensorSpec::new("y", DType::Fp32, dims)],
        }
    }
}

impl Gate {
    fn pass(&self, cancelled: impl Fn() -> bool) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        while !*open && !cancelled() {
            // The time only bounds how late a cancelled load notices.
            let waited = self.changed.wait_timeout(open, Duration::from_millis(10));
            open = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Engines for FakeEngine {
    fn choose(&self, _spec: &ModelSpec, _progress: &Progress) -> Result<Chosen, LoadError> {
        Ok(Chosen { engine: Arc::new(self.clone()), reason: "the test says so".to_owned() })
    }
}

/// One fake for each model, by name.
impl Engines for std::collections::BTreeMap<String, FakeEngine> {
    fn choose(&self, spec: &ModelSpec, progress: &Progress) -> Result<Chosen, LoadError> {
        match self.get(&spec.name) {
            Some(fake) => fake.choose(spec, progress),
            None => Err(LoadError::new(LoadErrorKind::EngineMissing, "no fake of that name")),
        }
    }
}

impl Engine for FakeEngine {
    fn name(&self) -> &'static str {
        "fake"
    }

    fn load(&self, _spec: &ModelSpec, progress: &Progress) -> Result<Arc<dyn Model>, LoadError> {
        self.counts.loads.fetch_add(1, Ordering::SeqCst);
        progress.expect(self.script.bytes);
        progress.advance(self.script.bytes / 2);
        if self.script.gated {
            self.gate.pass(|| progress.is_cancelled());
        }
        assert!(!self.script.panics, "the fake engine panics as it was told");
        if let Some(kind) = self.script.fails {
            return Err(LoadError::new(kind, "the fake engine fails as it was told"));
        }
        progress.advance(self.script.bytes - self.script.bytes / 2);
        let signature = if self.script.rows { Self::signature_of_rows() } else { Self::signature() };
        Ok(Arc::new(FakeModel { engine: self.clone(), signature }))
    }
}

impl Model for FakeModel {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn contract(&self) -> Contract {
        if self.engine.script.exclusive { Contract::Exclusive } else { Contract::Shared }
    }

    fn memory(&self) -> Memory {
        self.engine.counts.readings.fetch_add(1, Ordering::SeqCst);
        self.engine.script.memory.clone().unwrap_or_else(|| Memory::in_process(self.engine.script.bytes))
    }

    fn may_block(&self) -> bool {
        !self.engine.script.quick
    }

    fn open_session(&self) -> Result<Box<dyn Session>, LoadError> {
        self.engine.counts.sessions.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(FakeSession { engine: self.engine.clone() }))
    }
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        self.engine.counts.dropped.fetch_add(1, Ordering::SeqCst);
    }
}

impl Session for FakeSession {
    fn run(&mut self, batch: &Batch) -> Result<Outputs, RunError> {
        let FakeEngine { script, counts, gate, faults } = &self.engine;
        counts.runs.fetch_add(1, Ordering::SeqCst);
        let input = &batch.inputs()[0];
        if script.rows {
            return answer_rows(input, gate);
        }
        let elements = input.as_slice::<f32>().map_err(|error| RunError::Failed(error.to_string()))?;
        let trigger = elements.first().copied().unwrap_or_default();
        assert!(trigger != TRIGGER_PANIC, "the fake model panics as it was told");
        assert!(!script.panics_together || elements.len() == 2, "the fake model panics on several rows");
        if trigger == TRIGGER_FAIL {
            return Err(RunError::Failed("as it was told".to_owned()));
        }
        if trigger == TRIGGER_WAIT {
            gate.pass(|| false);
        }
        let others =
            if script.mixes_rows { f32::from(u16::try_from(elements.len() / 2 - 1).unwrap_or(0)) } else { 0.0 };
        let wrong = script.fault.map_or(0.0, |fault| faults.happen(fault, trigger));
        let doubled = elements.iter().map(|element| element * 2.0 + others + wrong).collect();
        let output =
            Tensor::from_vec(input.shape().clone(), doubled).map_err(|error| RunError::Failed(error.to_string()))?;
        if trigger == TRIGGER_LOSE_ROW {
            return Ok(vec![output.rows(1..input.shape()[0])]);
        }
        Ok(vec![output])
    }
}

fn answer_rows(input: &Tensor, gate: &Gate) -> Result<Outputs, RunError> {
    let failed = |error: TensorError| RunError::Failed(error.to_string());
    let rows: Vec<_> =
        input.as_strings().map_err(failed)?.iter().map(|row| String::from_utf8_lossy(row).into_owned()).collect();
    if rows.iter().any(|row| row.contains(ROW_WAIT)) {
        gate.pass(|| false);
    }
    let refused = rows.iter().enumerate().filter(|(_, row)| row.contains(ROW_REFUSE));
    let faults: Vec<_> = refused
        .map(|(row, _)| RowFault { row, path: format!(".{ROW_REFUSE}"), message: "as it was told".to_owned() })
        .collect();
    if !faults.is_empty() {
        return Err(RunError::InvalidRows { rows: faults });
    }
    let answered = rows.iter().filter(|row| !row.contains(ROW_LOSE));
    let answers: Vec<_> =
        answered.map(|row| if row.contains(ROW_GARBLE) { "[NaN".to_owned() } else { format!("[{row}]") }).collect();
    Ok(vec![Tensor::from_strings(Shape::new([answers.len()]), answers).map_err(failed)?])
}
