//! Metrics in the OpenMetrics text format, for Prometheus, and in the older one, for what reads no other.
//!
//! Requests are counted as they are answered; everything that has a state (models, queues, loads) is read from its owner
//! at the moment of the scrape, so that a metric cannot disagree with the truth.

use std::collections::HashSet;
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use loadonce_core::ModelHandle;
use loadonce_core::status::{ComponentStatus, Stage, StatusView};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, text};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// OpenMetrics 1.0, which a client must ask for.
    OpenMetrics,
    /// Prometheus' own text format 0.0.4.
    Text,
}

impl Format {
    /// The best format for a client with this header `Accept`.
    pub(crate) fn accepted(accept: &str) -> Self {
        if accept.contains("application/openmetrics-text") { Self::OpenMetrics } else { Self::Text }
    }

    /// The `Content-Type` of it.
    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// What metrics may come as.
pub(crate) const MEDIA_TYPES: &[&str] = &[Format::OpenMetrics.content_type(), Format::Text.content_type()];

/// Every metric of the process.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<ModelLabels, Histogram, fn() -> Histogram>,
    handles: std::sync::Arc<OnceLock<Vec<ModelHandle>>>,
}

/// Labels of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct RequestLabels {
    pub(crate) model: String,
    pub(crate) protocol: &'static str,
    pub(crate) outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ModelLabels {
    model: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    model: String,
    version: String,
    state: &'static str,
}

/// Reads the status and the queues when a scrape asks.
struct StateCollector {
    status: StatusView,
    handles: std::sync::Arc<OnceLock<Vec<ModelHandle>>>,
}

impl Metrics {
    pub(crate) fn new(status: StatusView) -> Self {
        let mut registry = Registry::with_prefix("loadonce");
        let requests = Family::default();
        registry.register("requests", "Predictions answered, by outcome", requests.clone());
        let durations = Family::new_with_constructor(request_histogram as fn() -> Histogram);
        let help = "Time from the head of a prediction request to its answer";
        registry.register_with_unit("request_duration", help, Unit::Seconds, durations.clone());
        let handles = std::sync::Arc::new(OnceLock::new());
        registry.register_collector(Box::new(StateCollector { status, handles: handles.clone() }));
        Self { registry, requests, durations, handles }
    }

    /// Reads these models' queues from now on.
    pub(crate) fn watch(&self, handles: Vec<ModelHandle>) {
        // Set once, when loading has ended; a second set of models would be a second server.
        let _ = self.handles.set(handles);
    }

    pub(crate) fn count(&self, labels: &RequestLabels, time: Duration) {
        let model = ModelLabels { model: labels.model.clone() };
        self.durations.get_or_create(&model).observe(time.as_secs_f64());
        self.requests.get_or_create(labels).inc();
    }

    pub(crate) fn encode(&self, format: Format) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(match format {
            Format::OpenMetrics => text,
            Format::Text => in_text_format(&text),
        })
    }
}

/// Gives the description of a counter the name that its samples have, as the older format wants it.
fn in_text_format(open_metrics: &str) -> String {
    let types = open_metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let counters: HashSet<&str> = types.filter_map(|line| line.strip_suffix(" counter")).collect();
    let mut text = String::with_capacity(open_metrics.len());
    for line in open_metrics.lines().filter(|line| !line.starts_with("# UNIT ") && *line != "# EOF") {
        let described = line.strip_prefix("# ").and_then(|line| line.split(' ').nth(1));
        match described.filter(|name| counters.contains(name)) {
            Some(name) => text.push_str(&line.replacen(name, &format!("{name}_total"), 1)),
            None => text.push_str(line),
        }
        text.push('\n');
    }
    text
}

/// 100 us to 26 s.
fn request_histogram() -> Histogram {
    Histogram::new(exponential_buckets(1e-4, 2.0, 19))
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl fmt::Debug for StateCollector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("StateCollector").finish_non_exhaustive()
    }
}

impl Collector for StateCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let ready = ConstGauge::new(i64::from(self.status.readiness().is_ready()));
        let metric = encoder.encode_descriptor("ready", "1 when the server is ready", None, ready.metric_type())?;
        ready.encode(metric)?;
        let components = self.status.snapshot().components;
        encode_loads(&mut encoder, &components)?;
        encode_states(&mut encoder, &components)?;
        self.encode_queues(&mut encoder)
    }
}

fn encode_loads(encoder: &mut DescriptorEncoder<'_>, components: &[ComponentStatus]) -> fmt::Result {
    let loads = components.iter().map(|status| (&status.name, ConstCounter::new(status.record.loads)));
    encode(encoder, "model_loads", "How often the model's weights were loaded", None, loads)?;
    let seconds = components.iter().map(|status| (&status.name, ConstGauge::new(status.startup_time().as_secs_f64())));
    let help = "Time from the start of loading until ready or failed";
    encode(encoder, "model_load", help, Some(&Unit::Seconds), seconds)?;
    let footprints = || components.iter().filter_map(|status| Some((&status.name, status.record.footprint?)));
    let copies = footprints().map(|(name, footprint)| (name, gauge(footprint.copies)));
    encode(encoder, "model_copies", "Sets of the model's weights in memory", None, copies)?;
    let bytes = footprints().map(|(name, footprint)| (name, gauge(footprint.weight_bytes)));
    encode(encoder, "model_weight", "Size of one set of weights", Some(&Unit::Bytes), bytes)
}

fn encode_states(encoder: &mut DescriptorEncoder<'_>, components: &[ComponentStatus]) -> fmt::Result {
    let kind = ConstGauge::new(0_i64).metric_type();
    let mut descriptor = encoder.encode_descriptor("model_state", "1 for the state in which a model is", None, kind)?;
    for status in components {
        for stage in Stage::ALL {
            let labels = StateLabels {
                model: status.name.clone(),
                version: status.record.version.clone().unwrap_or_default(),
                state: stage.as_str(),
            };
            let family = descriptor.encode_family(&labels)?;
            ConstGauge::new(i64::from(status.stage == stage)).encode(family)?;
        }
    }
    Ok(())
}

impl StateCollector {
    fn encode_queues(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let handles = self.handles.get().map(Vec::as_slice).unwrap_or_default();
        let loads: Vec<_> = handles.iter().map(|handle| (handle.name().to_owned(), handle.load())).collect();
        let waiting = loads.iter().map(|(name, load)| (name, gauge(load.waiting)));
        encode(encoder, "queue_depth", "Requests that wait for a session", None, waiting)?;
        let running = loads.iter().map(|(name, load)| (name, gauge(load.running)));
        encode(encoder, "in_flight", "Requests that a session is running", None, running)
    }
}

fn gauge(value: impl TryInto<i64>) -> ConstGauge<i64> {
    ConstGauge::new(value.try_into().unwrap_or(i64::MAX))
}

fn encode<'a, M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    metrics: impl Iterator<Item = (&'a String, M)>,
) -> fmt::Result {
    let metrics: Vec<_> = metrics.collect();
    let Some((_, first)) = metrics.first() else { return Ok(()) };
    let mut descriptor = encoder.encode_descriptor(name, help, unit, first.metric_type())?;
    for (model, metric) in metrics {
        let labels = ModelLabels { model: model.clone() };
        metric.encode(descriptor.encode_family(&labels)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_format_names_a_counter_as_its_samples() {
        let open_metrics = "# HELP a_seconds Time\n# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds 1\n\
                            # HELP a How often.\n# TYPE a counter\na_total{b=\"a\"} 2\n# EOF\n";
        let text = "# HELP a_seconds Time\n# TYPE a_seconds gauge\na_seconds 1\n\
                    # HELP a_total How often.\n# TYPE a_total counter\na_total{b=\"a\"} 2\n";
        assert_eq!(in_text_format(open_metrics), text);
    }
}
