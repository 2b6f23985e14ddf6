//! Latency and two-thread throughput of the same model in each engine that runs it, side by side in one run.
//!
//! `bench/engines.sh` makes the models and names their folder in `LOADONCE_BENCH`; a case is a folder of model files, one
//! a format, and the inputs of one request as in the conformance suite. The engines take turns in short windows, so that
//! what else happens on the machine happens to all; a figure is the median over the rounds. Engines share one loaded model
//! between the threads. Ratios are to ONNX Runtime.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement that cannot go on ends, and prints")]

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use loadonce_core::{Batch, DType, Engine, Model, ModelSpec, Progress, Session, Tensor};
use loadonce_engines::lightgbm::LightGbm;
use loadonce_engines::onnx::proto::TensorProto;
use loadonce_engines::onnxruntime::{Library, OnnxRuntime};
use loadonce_engines::rten_engine::Rten;
use loadonce_engines::tabular::Tabular;
use loadonce_engines::xgboost::XgBoost;
use prost::Message as _;

const ROUNDS: usize = 9;
const WINDOW: Duration = Duration::from_millis(150);
const THREADS: usize = 2;
const REFERENCE: &str = "onnxruntime";

/// A model in an engine.
struct Contender {
    engine: &'static str,
    model: Arc<dyn Model>,
    /// The request in the precision that the engine takes.
    batch: Batch,
    load: Duration,
    /// Microseconds of one run: of each round, the median.
    latency: Vec<f64>,
    /// Runs a second on all threads, by round.
    throughput: Vec<f64>,
}

fn main() {
    let folder =
        PathBuf::from(std::env::var_os("LOADONCE_BENCH").expect("LOADONCE_BENCH names a folder, see bench/engines.sh"));
    let engines = engines();
    println!("| model | rows | engine | load ms | latency µs | latency | runs/s, {THREADS} threads | throughput |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for case in sorted(&folder).into_iter().filter(|path| path.is_dir()) {
        let batch = batch(&case);
        let mut contenders = contenders(&case, &engines, &batch);
        for _ in 0..ROUNDS {
            for contender in &mut contenders {
                contender.measure();
            }
        }
        print(&case, &batch, &contenders);
    }
}

/// The engines and the extension of what they read.
fn engines() -> Vec<(&'static str, Arc<dyn Engine>)> {
    let library = std::env::var_os("LOADONCE_ONNXRUNTIME").expect("LOADONCE_ONNXRUNTIME names the library");
    let library = Library::open(Path::new(&library)).unwrap();
    vec![
        ("onnx", Arc::new(OnnxRuntime::new(library))),
        ("onnx", Arc::new(Tabular)),
        ("onnx", Arc::new(Rten)),
        ("json", Arc::new(XgBoost)),
        ("txt", Arc::new(LightGbm)),
    ]
}

fn contenders(case: &Path, engines: &[(&'static str, Arc<dyn Engine>)], batch: &Batch) -> Vec<Contender> {
    let files = sorted(case);
    let pairs = engines.iter().flat_map(|(format, engine)| {
        let models = files.iter().filter(move |path| path.extension().is_some_and(|extension| extension == *format));
        models.map(move |path| (path, engine))
    });
    pairs.filter_map(|(path, engine)| Contender::load(path, engine.as_ref(), batch)).collect()
}

impl Contender {
    /// Loads and warms up; nothing for an engine that cannot run the model.
    fn load(path: &Path, engine: &dyn Engine, request: &Batch) -> Option<Self> {
        let start = Instant::now();
        let model = engine.load(&ModelSpec::new("bench", path), &Progress::default()).ok()?;
        let load = start.elapsed();
        let batch = fitting(request, &*model);
        let mut session = model.open_session().unwrap();
        for _ in 0..20 {
            black_box(session.run(&batch).unwrap());
        }
        Some(Self { engine: engine.name(), model, batch, load, latency: Vec::new(), throughput: Vec::new() })
    }

    fn measure(&mut self) {
        let mut session = self.model.open_session().unwrap();
        self.latency.push(latency(&mut *session, &self.batch));
        self.throughput.push(throughput(&*self.model, &self.batch));
    }
}

/// The median time of one run in microseconds, over a window.
fn latency(session: &mut dyn Session, batch: &Batch) -> f64 {
    let mut times = Vec::new();
    let start = Instant::now();
    while start.elapsed() < WINDOW || times.len() < 3 {
        let before = Instant::now();
        black_box(session.run(batch).unwrap());
        times.push(before.elapsed().as_secs_f64() * 1e6);
    }
    median(&times)
}

/// Runs a second of all threads together, over a window.
fn throughput(model: &dyn Model, batch: &Batch) -> f64 {
    let work = || {
        let mut session = model.open_session().unwrap();
        let (mut runs, start) = (0_u32, Instant::now());
        while start.elapsed() < WINDOW {
            black_box(session.run(batch).unwrap());
            runs += 1;
        }
        f64::from(runs) / start.elapsed().as_secs_f64()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    })
}

fn print(case: &Path, batch: &Batch, contenders: &[Contender]) {
    let name = case.file_name().unwrap().to_string_lossy();
    let rows = batch.row_count().unwrap_or(1);
    let reference = contenders.iter().find(|contender| contender.engine == REFERENCE);
    for contender in contenders {
        let (latency, throughput) = (median(&contender.latency), median(&contender.throughput));
        // Above 1 is better than the reference in both.
        let faster = reference.map_or(1.0, |reference| median(&reference.latency) / latency);
        let more = reference.map_or(1.0, |reference| throughput / median(&reference.throughput));
        let load = contender.load.as_secs_f64() * 1e3;
        let engine = contender.engine;
        println!(
            "| {name} | {rows} | {engine} | {load:.1} | {latency:.1} | {faster:.2}x | {throughput:.0} | {more:.2}x |"
        );
    }
}

fn batch(case: &Path) -> Batch {
    let paths =
        (0..).map(|index| case.join(format!("test_data_set_0/input_{index}.pb"))).take_while(|path| path.exists());
    let tensor = |path: PathBuf| TensorProto::decode(&*fs::read(path).unwrap()).unwrap().to_tensor().unwrap();
    Batch::new(paths.map(tensor).collect())
}

/// The request in the model's own precision.
fn fitting(request: &Batch, model: &dyn Model) -> Batch {
    let inputs = model.signature().inputs.iter().zip(request.inputs()).map(|(spec, tensor)| match spec.dtype {
        DType::Fp64 => {
            let elements = tensor.as_slice::<f32>().unwrap().iter().copied().map(f64::from).collect();
            Tensor::from_vec(tensor.shape().clone(), elements).unwrap()
        }
        _ => tensor.clone(),
    });
    Batch::new(inputs.collect())
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn median(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
