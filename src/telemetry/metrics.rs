//! Figures for Prometheus. Each is changed by one method, whose name is the event.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

use super::once::Once;
use crate::model::ObjectUid;

type Labelled<M> = Family<Labels, M>;
type Seconds = Gauge<f64, AtomicU64>;

/// Names and values of labels; a family uses the same names always.
type Labels = Vec<(&'static str, String)>;

fn labels<const N: usize>(pairs: [(&'static str, &str); N]) -> Labels {
    pairs.map(|(name, value)| (name, value.to_owned())).into()
}

/// What came of a received submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A new record.
    Accepted,
    /// The same submission again.
    Duplicate,
    /// Another spec under a taken ID.
    Conflict,
    /// Not decodable or not valid: parked, or refused over HTTP.
    Rejected,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Conflict => "conflict",
            Self::Rejected => "rejected",
        }
    }
}

/// All figures of the process. Cheap to share behind an `Arc`.
pub struct Metrics {
    registry: Registry,
    messages: Counter,
    submissions: Labelled<Counter>,
    transitions: Labelled<Counter>,
    placements: Labelled<Counter>,
    creates: Labelled<Counter>,
    create_seconds: Labelled<Histogram>,
    queue_seconds: Labelled<Histogram>,
    cycle_seconds: Histogram,
    waiting: Labelled<Gauge>,
    queue_live: Labelled<Gauge>,
    oldest: Labelled<Seconds>,
    cluster_live: Labelled<Gauge>,
    cluster_healthy: Labelled<Gauge>,
    lease_held: Gauge,
    epoch: Gauge,
    intake_paused: Gauge,
    clock_correction: Seconds,
    leftovers: Labelled<Counter>,
    removed: Once,
    second_runs: Labelled<Counter>,
    config_reloads: Labelled<Counter>,
    config_refused: Gauge,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

fn register<M: Metric + Clone>(registry: &mut Registry, name: &str, help: &str, metric: M) -> M {
    registry.register(name, help, metric.clone());
    metric
}

/// 1 ms to 1 min.
fn short_times() -> Histogram {
    Histogram::new([0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0])
}

/// 100 ms to 1 day.
fn long_times() -> Histogram {
    Histogram::new([
        0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0,
    ])
}

impl Metrics {
    /// Every figure at nought. Names get the prefix `spark_broker_`, counters the suffix `_total`.
    #[expect(clippy::too_many_lines, reason = "one line for each figure: a table")]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("spark_broker");
        let r = &mut registry;
        Self {
            messages: register(r, "messages_received", "Messages received", Counter::default()),
            submissions: register(
                r,
                "submissions",
                "Submissions taken in, by outcome",
                Family::default(),
            ),
            transitions: register(
                r,
                "transitions",
                "Transitions written, by new state",
                Family::default(),
            ),
            placements: register(r, "placements", "Placements decided", Family::default()),
            creates: register(r, "creates", "Creates sent, by outcome", Family::default()),
            create_seconds: register(
                r,
                "create_seconds",
                "Time that creates took",
                Family::new_with_constructor(short_times),
            ),
            queue_seconds: register(
                r,
                "queue_wait_seconds",
                "Time from acceptance to the intent",
                Family::new_with_constructor(long_times),
            ),
            cycle_seconds: register(r, "cycle_seconds", "Time of a scheduling cycle", short_times()),
            waiting: register(
                r,
                "waiting",
                "Submissions QUEUED, as the active scheduler sees them",
                Family::default(),
            ),
            queue_live: register(r, "queue_live", "Live submissions of a queue", Family::default()),
            oldest: register(
                r,
                "oldest_queued_age_seconds",
                "Age of the oldest QUEUED submission",
                Family::default(),
            ),
            cluster_live: register(
                r,
                "cluster_live",
                "Live submissions on a cluster",
                Family::default(),
            ),
            cluster_healthy: register(
                r,
                "cluster_healthy",
                "1 while the cluster answers and isn't resting after a fault, cordoned or drained all the same",
                Family::default(),
            ),
            lease_held: register(
                r,
                "lease_held",
                "1 while this process schedules",
                Gauge::default(),
            ),
            epoch: register(r, "epoch", "The epoch of the lease last seen", Gauge::default()),
            intake_paused: register(
                r,
                "intake_paused",
                "1 while receiving waits for the store",
                Gauge::default(),
            ),
            clock_correction: register(
                r,
                "clock_correction_seconds",
                "What the machine's clock lacks to the store's: added to it; nought where it may be right",
                Gauge::default(),
            ),
            removed: Once::default(),
            leftovers: register(
                r,
                "leftovers_removed",
                "Objects and pods of past attempts removed",
                Family::default(),
            ),
            second_runs: register(
                r,
                "second_runs_removed",
                "Objects and drivers removed that began an ended job again, by what they were",
                Family::default(),
            ),
            config_reloads: register(
                r,
                "config_reloads",
                "Configurations read again, by outcome",
                Family::default(),
            ),
            config_refused: register(
                r,
                "config_refused",
                "1 while the configuration's file isn't what is in force",
                Gauge::default(),
            ),
            registry,
        }
    }

    /// Messages came from a submission queue.
    pub fn messages_received(&self, count: u64) {
        self.messages.inc_by(count);
    }

    /// A submission was taken in; `queue` is absent where its spec names none that is known.
    pub fn submission(&self, queue: Option<&str>, outcome: Outcome) {
        let labels = labels([("queue", queue.unwrap_or("")), ("outcome", outcome.as_str())]);
        self.submissions.get_or_create(&labels).inc();
    }

    /// A transition to `state` was written.
    pub fn transition(&self, state: &str) {
        self.transitions.get_or_create(&labels([("state", state)])).inc();
    }

    /// A submission that had waited for `waited` was placed on `cluster`.
    pub fn placement(&self, queue: &str, cluster: &str, waited: Duration) {
        let both = labels([("queue", queue), ("cluster", cluster)]);
        self.placements.get_or_create(&both).inc();
        let wait = self.queue_seconds.get_or_create(&labels([("queue", queue)]));
        wait.observe(waited.as_secs_f64());
    }

    /// A create was sent to `cluster`; `outcome` is a word such as `created`, `refused`, `ambiguous`.
    pub fn create(&self, cluster: &str, outcome: &str, took: Duration) {
        let both = labels([("cluster", cluster), ("outcome", outcome)]);
        self.creates.get_or_create(&both).inc();
        let time = self.create_seconds.get_or_create(&labels([("cluster", cluster)]));
        time.observe(took.as_secs_f64());
    }

    /// A scheduling cycle ended.
    pub fn cycle(&self, took: Duration) {
        self.cycle_seconds.observe(took.as_secs_f64());
    }

    /// What the active scheduler sees of a queue; `oldest` is nought where none waits.
    pub fn queue(&self, queue: &str, waiting: u64, live: u64, oldest: Duration) {
        let labels = labels([("queue", queue)]);
        self.waiting.get_or_create(&labels).set(signed(waiting));
        self.queue_live.get_or_create(&labels).set(signed(live));
        self.oldest.get_or_create(&labels).set(oldest.as_secs_f64());
    }

    /// What the active scheduler sees of a cluster.
    pub fn cluster(&self, cluster: &str, live: u64, healthy: bool) {
        let labels = labels([("cluster", cluster)]);
        self.cluster_live.get_or_create(&labels).set(signed(live));
        let health = self.cluster_healthy.get_or_create(&labels);
        health.set(i64::from(healthy));
    }

    /// Nothing is told of a cluster any more.
    pub fn cluster_forgotten(&self, cluster: &str) {
        let labels = labels([("cluster", cluster)]);
        self.cluster_live.remove(&labels);
        self.cluster_healthy.remove(&labels);
    }

    /// The lease was won, kept or lost. A pod that lost it forgets what only the active scheduler knows.
    pub fn lease(&self, held: bool, epoch: u64) {
        self.lease_held.set(i64::from(held));
        self.epoch.set(signed(epoch));
        if !held {
            self.waiting.clear();
            self.queue_live.clear();
            self.oldest.clear();
            self.cluster_live.clear();
            self.cluster_healthy.clear();
        }
    }

    /// Intake stopped or resumed receiving.
    pub fn intake_paused(&self, paused: bool) {
        self.intake_paused.set(i64::from(paused));
    }

    /// `seconds` are added to what the machine's clock shows.
    pub fn clock_corrected(&self, seconds: f64) {
        self.clock_correction.set(seconds);
    }

    /// An object or a pod of a past attempt was removed from `cluster`; told again of the same one, it counts once.
    pub fn leftover_removed(&self, cluster: &str, uid: &ObjectUid) {
        if self.removed.is_first(uid.as_str()) {
            self.leftovers
                .get_or_create(&labels([("cluster", cluster)]))
                .inc();
        }
    }

    /// An object or a driver (`what`) of a job that had ended was removed from `cluster`: it stood there under another
    /// UID than the record's.
    pub fn second_run_removed(&self, cluster: &str, what: &str) {
        self.second_runs
            .get_or_create(&labels([("cluster", cluster), ("what", what)]))
            .inc();
    }

    /// The configuration was read again; whether it is in force now.
    pub fn config_reloaded(&self, applied: bool) {
        let outcome = if applied { "applied" } else { "refused" };
        self.config_reloads
            .get_or_create(&labels([("outcome", outcome)]))
            .inc();
        self.config_refused.set(i64::from(!applied));
    }

    /// Every figure in the OpenMetrics text format.
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a String can't fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_carry_their_labels_and_only_those() {
        let metrics = Metrics::new();
        metrics.submission(Some("dev"), Outcome::Accepted);
        metrics.submission(Some("dev"), Outcome::Accepted);
        metrics.placement("dev", "a", Duration::from_secs(3));
        metrics.create("a", "created", Duration::from_millis(20));
        let text = metrics.render();
        for line in [
            r#"spark_broker_submissions_total{queue="dev",outcome="accepted"} 2"#,
            r#"spark_broker_placements_total{queue="dev",cluster="a"} 1"#,
            r#"spark_broker_creates_total{cluster="a",outcome="created"} 1"#,
            "spark_broker_lease_held 0",
        ] {
            assert!(text.contains(line), "{line} isn't in\n{text}");
        }
    }

    #[test]
    fn a_pod_that_lost_the_lease_tells_nothing_of_queues_and_clusters() {
        let metrics = Metrics::new();
        metrics.lease(true, 4);
        metrics.queue("dev", 7, 1, Duration::from_secs(9));
        metrics.cluster("a", 1, true);
        assert!(
            metrics
                .render()
                .contains(r#"spark_broker_waiting{queue="dev"} 7"#)
        );
        metrics.lease(false, 5);
        let text = metrics.render();
        assert!(!text.contains("queue=\"dev\""), "{text}");
        assert!(text.contains("spark_broker_epoch 5"), "{text}");
    }
}
