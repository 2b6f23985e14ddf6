//! Metrics in the OpenMetrics text format, for Prometheus, and in the older one, for what reads no other.
//!
//! Requests are counted as they are answered; everything that has a state (models, queues, loads) is read from its owner
//! at the moment of the scrape, so that a metric cannot disagree with the truth.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use loadonce_core::ledger::Sharing;
use loadonce_core::status::{ComponentStatus, Stage, StatusView};
use loadonce_core::{ModelHandle, QueueLoad};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};

use crate::api::Served;
use crate::counts::{self, Counts, Histogram, ModelCounts};
use crate::ledger::Reading;

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
    status: StatusView,
    served: Arc<OnceLock<Models>>,
}

/// What there is once loading has ended.
type Models = Arc<ArcSwap<Served>>;

/// A model and its version.
type ModelLabels<'a> = [(&'static str, &'a str); 2];

/// Reads the status, the queues and the counts when a scrape asks.
struct StateCollector {
    status: StatusView,
    served: Arc<OnceLock<Models>>,
    reading: Arc<Reading>,
}

impl Metrics {
    pub(crate) fn new(status: StatusView) -> Self {
        Self { status, served: Arc::default() }
    }

    /// Reads these models' queues and counts from now on.
    pub(crate) fn watch(&self, served: Models) {
        // Set once, when loading has ended; a second set of models would be a second server.
        let _ = self.served.set(served);
    }

    /// Handles of the models that are served; none before loading has ended. Not to be kept.
    pub(crate) fn handles(&self) -> Vec<ModelHandle> {
        let handles = |served: &Models| served.load().registry.handles().cloned().collect();
        self.served.get().map(handles).unwrap_or_default()
    }

    pub(crate) fn encode(&self, format: Format, reading: Arc<Reading>) -> Result<String, fmt::Error> {
        let (status, served) = (self.status.clone(), Arc::clone(&self.served));
        let mut registry = Registry::with_prefix("loadonce");
        registry.register_collector(Box::new(StateCollector { status, served, reading }));
        let mut text = String::new();
        text::encode(&mut text, &registry)?;
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
        let ready = gauge(u8::from(self.status.readiness().is_ready()));
        encode_one(&mut encoder, "ready", "1 when the server is ready", None, Some(ready))?;
        let components = self.status.snapshot().components;
        encode_loads(&mut encoder, &components, &self.reading)?;
        encode_copies(&mut encoder, &components, &self.reading)?;
        encode_processes(&mut encoder, &self.reading)?;
        encode_states(&mut encoder, &components)?;
        let Some(served) = self.served.get().map(|served| served.load()) else { return Ok(()) };
        let handles: Vec<_> = served.registry.handles().collect();
        encode_queues(&mut encoder, &handles)?;
        encode_requests(&mut encoder, &served.counts)?;
        encode_runs(&mut encoder, &handles, &served.counts)
    }
}

fn encode_loads(encoder: &mut DescriptorEncoder<'_>, components: &[ComponentStatus], reading: &Reading) -> fmt::Result {
    let named = || components.iter().map(|status| ([("model", status.name.as_str())], status));
    let loads = named().map(|(name, status)| (name, ConstCounter::new(status.record.loads_until(reading.of(status)))));
    encode(encoder, "model_loads", "How often the model's weights were loaded", None, loads)?;
    let seconds = named().map(|(name, status)| (name, ConstGauge::new(status.startup_time().as_secs_f64())));
    let help = "Time from the start of loading until ready or failed";
    encode(encoder, "model_load", help, Some(&Unit::Seconds), seconds)
}

fn encode_copies(
    encoder: &mut DescriptorEncoder<'_>,
    components: &[ComponentStatus],
    reading: &Reading,
) -> fmt::Result {
    let memories =
        || components.iter().filter_map(|model| Some(([("model", model.name.as_str())], reading.of(model)?)));
    let copies = memories().map(|(name, memory)| (name, gauge(memory.copies())));
    encode(encoder, "model_copies", "Sets of the model's weights in memory", None, copies)?;
    let bytes = memories().filter_map(|(name, memory)| Some((name, gauge(memory.weight_bytes?))));
    encode(encoder, "model_weight", "Size of one set of weights", Some(&Unit::Bytes), bytes)
}

/// What the server and the processes of models take.
fn encode_processes(encoder: &mut DescriptorEncoder<'_>, reading: &Reading) -> fmt::Result {
    let bytes = Some(&Unit::Bytes);
    let server = reading.server.map(|memory| gauge(memory.proportional_bytes));
    let help = "Memory of the server's process, its part of what it shares";
    encode_one(encoder, "process_proportional", help, bytes, server)?;
    let limit = reading.group.and_then(|group| group.max).map(gauge);
    encode_one(encoder, "memory_limit", "What the control group allows", bytes, limit)?;
    let models = || {
        let with_processes = reading.models().filter(|(.., memory)| memory.sharing != Sharing::InProcess);
        with_processes.map(|(name, version, memory)| (labels(name, version), memory))
    };
    let preload = models().map(|(labels, memory)| (labels, gauge(u8::from(memory.sharing == Sharing::CopyOnWrite))));
    let help = "1 when the model is loaded once for all workers, 0 when each worker loads it";
    encode(encoder, "model_preload", help, None, preload)?;
    let workers = models().map(|(labels, memory)| (labels, gauge(memory.workers.len())));
    encode(encoder, "model_workers", "Processes that run the model", None, workers)?;
    let deaths = models().map(|(labels, memory)| (labels, ConstCounter::new(memory.deaths)));
    encode(encoder, "model_worker_deaths", "Workers that were lost", None, deaths)?;
    let peaks = models().filter_map(|(labels, memory)| Some((labels, gauge(memory.load_peak?))));
    let help = "Largest working set of the process that loaded the model, until it was loaded";
    encode(encoder, "model_load_peak", help, bytes, peaks)?;
    let shared = models().filter_map(|(labels, memory)| Some((labels, gauge(memory.shared_bytes?))));
    encode(encoder, "model_shared", "Memory that all processes of the model have together", bytes, shared)?;
    let private = models().flat_map(|(labels, memory)| {
        let known = memory.workers.iter().filter_map(|worker| Some((worker.slot, worker.memory?)));
        known.map(move |(slot, memory)| ((labels, [("worker", slot)]), gauge(memory.private_bytes)))
    });
    encode(encoder, "model_private", "Memory that a worker shares with nobody", bytes, private)
}

fn encode_states(encoder: &mut DescriptorEncoder<'_>, components: &[ComponentStatus]) -> fmt::Result {
    let states = components.iter().flat_map(|status| {
        let version = status.record.version.as_deref().unwrap_or_default();
        Stage::ALL.map(|stage| {
            let labels = [("model", status.name.as_str()), ("version", version), ("state", stage.as_str())];
            (labels, gauge(u8::from(status.stage == stage)))
        })
    });
    encode(encoder, "model_state", "1 for the state in which a model is", None, states)
}

fn encode_queues(encoder: &mut DescriptorEncoder<'_>, handles: &[&ModelHandle]) -> fmt::Result {
    let loads: Vec<_> = handles.iter().map(|handle| (labels_of(handle), handle.load())).collect();
    let gauges = |count: fn(&QueueLoad) -> usize| loads.iter().map(move |(labels, load)| (*labels, gauge(count(load))));
    encode(encoder, "queue_depth", "Requests that wait for a session", None, gauges(|load| load.waiting))?;
    encode(encoder, "in_flight", "Requests that a session is running", None, gauges(|load| load.running))
}

/// What was asked, also of models that there are not, and what became of it.
fn encode_requests(encoder: &mut DescriptorEncoder<'_>, counts: &Counts) -> fmt::Result {
    let requests = counts.iter().flat_map(|(name, model)| {
        model.outcomes().map(move |(protocol, outcome, count)| {
            let [name, version] = labels(name, &model.version);
            let labels = [name, version, ("protocol", protocol.as_str()), ("outcome", outcome.as_str())];
            (labels, ConstCounter::new(count))
        })
    });
    encode(encoder, "requests", "Predictions that are over, by outcome", None, requests)?;
    let durations = counts.iter().map(|(name, model)| (labels(name, &model.version), model.duration.read()));
    let help = "Time from the head of a prediction request to its outcome";
    encode(encoder, "request_duration", help, Some(&Unit::Seconds), durations)
}

/// What came of runs, for the requests that they answered.
fn encode_runs(encoder: &mut DescriptorEncoder<'_>, handles: &[&ModelHandle], counts: &Counts) -> fmt::Result {
    let models: Vec<_> = handles.iter().map(|handle| (labels_of(handle), counts.of(handle.name()))).collect();
    let histograms = |histogram: fn(&ModelCounts) -> &Histogram| {
        models.iter().map(move |(labels, model)| (*labels, histogram(model).read()))
    };
    let seconds = Some(&Unit::Seconds);
    let help = "Time that an answered request waited for a session";
    encode(encoder, "queue_duration", help, seconds, histograms(|model| &model.queue))?;
    encode(encoder, "run_duration", "Time of a run in the model", seconds, histograms(|model| &model.run))?;
    encode(encoder, "run_rows", "Rows that a run had", None, histograms(|model| &model.run_rows))?;
    encode(encoder, "run_requests", "Requests that shared a run", None, histograms(|model| &model.run_requests))?;
    let direct = models.iter().map(|(labels, model)| (*labels, ConstCounter::new(model.direct_runs())));
    encode(encoder, "direct_runs", "Runs without a change of threads, where the request arrived", None, direct)
}

fn labels<'a>(model: &'a str, version: &'a str) -> ModelLabels<'a> {
    [("model", model), ("version", version)]
}

fn labels_of(handle: &ModelHandle) -> ModelLabels<'_> {
    labels(handle.name(), handle.version())
}

fn gauge(value: impl TryInto<i64>) -> ConstGauge<i64> {
    ConstGauge::new(value.try_into().unwrap_or(i64::MAX))
}

/// Writes a metric without labels, where it is known.
fn encode_one(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    metric: Option<ConstGauge<i64>>,
) -> fmt::Result {
    let Some(metric) = metric else { return Ok(()) };
    metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
}

/// Writes a metric with all its label sets; nothing where it has none.
fn encode<L: EncodeLabelSet, M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    unit: Option<&Unit>,
    metrics: impl Iterator<Item = (L, M)>,
) -> fmt::Result {
    let mut metrics = metrics.peekable();
    let Some((_, first)) = metrics.peek() else { return Ok(()) };
    let mut descriptor = encoder.encode_descriptor(name, help, unit, first.metric_type())?;
    for (labels, metric) in metrics {
        metric.encode(descriptor.encode_family(&labels)?)?;
    }
    Ok(())
}

impl EncodeMetric for counts::Reading {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        encoder.encode_histogram::<NoLabelSet>(self.sum, self.count, &self.buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
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
