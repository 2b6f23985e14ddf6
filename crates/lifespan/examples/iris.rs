//! A model behind an axum route: `cargo run -p loadonce-lifespan --example iris`, then
//! `curl localhost:8080/predict -H 'content-type: application/json' -d '[5.1, 3.5, 1.4, 0.2]'`.

use std::{collections::BTreeMap, fs, io, sync::Arc};

use axum::extract::{FromRef, State};
use axum::{Json, Router, routing::post};
use loadonce_lifespan::{Config, Progress, Report, RunError, Startup, StartupError, run};

/// What the handler needs of a model; a test puts a fake in.
pub(crate) trait Classifier: Send + Sync {
    fn classify(&self, flower: [f32; 4]) -> &str;
}

/// The mean flower of each kind; the nearest one decides.
struct Means(BTreeMap<String, [f32; 4]>);

impl Classifier for Means {
    fn classify(&self, flower: [f32; 4]) -> &str {
        let distance = |mean: &[f32; 4]| -> f32 { mean.iter().zip(flower).map(|(a, b)| (a - b).powi(2)).sum() };
        self.0.iter().min_by(|(_, a), (_, b)| distance(a).total_cmp(&distance(b))).map_or("", |(name, _)| name)
    }
}

/// Everything that requests share; built once, before the first of them.
#[derive(Clone)]
pub(crate) struct App {
    pub(crate) model: Arc<dyn Classifier>,
}

impl FromRef<App> for Arc<dyn Classifier> {
    fn from_ref(app: &App) -> Self {
        Arc::clone(&app.model)
    }
}

pub(crate) async fn startup(startup: &Startup) -> Result<App, StartupError> {
    Ok(App { model: Arc::new(startup.blocking("iris", load).await?) })
}

fn load(progress: &Progress) -> io::Result<Means> {
    let file = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/iris.json"))?;
    progress.advance(file.len() as u64);
    Ok(Means(serde_json::from_slice(&file)?))
}

pub(crate) fn routes(app: App) -> Router {
    Router::new().route("/predict", post(predict)).with_state(app)
}

async fn predict(State(model): State<Arc<dyn Classifier>>, Json(flower): Json<[f32; 4]>) -> Json<String> {
    Json(model.classify(flower).to_owned())
}

#[tokio::main]
async fn main() -> Result<Report, RunError> {
    run(Config::default(), startup, routes).await
}
