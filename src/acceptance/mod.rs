//! From a request to its record: layers, checks, guard rails and demand; and from a record to the object that its
//! attempt creates.

mod rejection;

use std::collections::HashMap;
use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::{Map, Value};

use crate::admission::{self, Policy};
use crate::error::Violation;
use crate::message::Submission;
use crate::model::{Clock, ClusterName, Domain, InstallationId, QueueName, SubmissionId};
use crate::spec::{self, Image, JobSpec, ObjectMarks};
use crate::submission::{NewRecord, Reason, Record, SpecTexts, State};
use crate::watch::marks;

pub use rejection::Rejection;

type Object = Map<String, Value>;

/// Partial job specs of one level of the configuration.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Layers {
    /// Yields to the user's spec.
    pub defaults: Object,
    /// Wins over the user's spec.
    pub overrides: Object,
}

/// What the configuration says of a job queue, as far as acceptance needs it.
#[derive(Debug, Clone, Default)]
pub struct QueueRules {
    /// Partial job specs.
    pub layers: Layers,
    /// Guard rails.
    pub policy: Policy,
}

/// What the configuration says of a cluster, as far as acceptance needs it.
#[derive(Debug, Clone)]
pub struct ClusterRules {
    /// Its name.
    pub name: ClusterName,
    /// The namespace of its objects.
    pub namespace: String,
    /// The Spark versions that it serves; empty: all.
    pub spark_versions: Vec<String>,
    /// Whether its objects are created suspended and released once their record is SUBMITTED.
    pub two_phase: bool,
    /// Seconds that its ended objects stay.
    pub time_to_live: Option<u64>,
    /// Partial job specs.
    pub layers: Layers,
}

/// Makes records of requests, and objects of records.
#[derive(Clone)]
pub struct Acceptor {
    /// The scheduling domain.
    pub domain: Domain,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// Seconds that a REJECTED record is kept.
    pub retention: i64,
    /// Partial job specs for every submission.
    pub layers: Layers,
    /// Images by type and version.
    pub images: Vec<Image>,
    /// The job queues.
    pub queues: HashMap<QueueName, QueueRules>,
    /// The clusters.
    pub clusters: Vec<ClusterRules>,
}

impl Acceptor {
    /// The QUEUED record of `submission`, or everything that is wrong with it.
    pub fn accept(
        &self,
        submission: &Submission,
        default_queue: Option<&QueueName>,
        sender: Option<&str>,
    ) -> Result<Record, Rejection> {
        let user = &submission.spec;
        let mut faults = spec::check(user);
        let named = user.get("queue").and_then(Value::as_str);
        let queue = self.queue(named, default_queue, &mut faults);
        let nothing = QueueRules::default();
        let rules = queue
            .as_ref()
            .and_then(|name| self.queues.get(name))
            .unwrap_or(&nothing);
        let effective = self.effective(user, rules);
        let job = JobSpec::of(&effective);
        let demand = spec::demand(&effective);
        // Every fault is told at once: those of the whole beside those of its fields, each place once.
        let mut of_the_whole = admission::check(&rules.policy, &effective, &demand, sender);
        self.complete(&effective, &job, &mut of_the_whole);
        of_the_whole.retain(|fault| !faults.iter().any(|known| known.path == fault.path));
        faults.extend(of_the_whole);
        let faults = spec::limited(faults);
        let (Some(queue), true) = (queue, faults.is_empty()) else {
            return Err(Rejection {
                id: submission.id.clone(),
                reason: Reason::InvalidSpec,
                violations: faults,
                fingerprint: submission.fingerprint.clone(),
                user: Some(Value::Object(user.clone()).to_string()),
            });
        };
        let mut record = self.record(submission.id.clone(), queue, submission.fingerprint.clone());
        record.sender = sender.map(str::to_owned);
        record.demand = demand;
        record.spec = SpecTexts {
            user: Some(Value::Object(user.clone()).to_string()),
            effective: Some(Value::Object(effective).to_string()),
        };
        self.fill(&mut record, job);
        Ok(record)
    }

    /// The REJECTED record of a request.
    pub fn rejected(&self, rejection: &Rejection, sender: Option<&str>) -> Record {
        let mut record = self.record(
            rejection.id.clone(),
            QueueName::none(),
            rejection.fingerprint.clone(),
        );
        let sentence = rejection.violations.first().map(ToString::to_string);
        record.sender = sender.map(str::to_owned);
        record.state = State::Rejected;
        record.verdict.reason = Some(rejection.reason);
        record.verdict.message = sentence.map(|text| crate::error::shorten(&text, 512));
        record.verdict.reason_at = Some(record.accepted_at);
        record.violations = rejection.violations.clone();
        record.spec.user = rejection.user.clone();
        record.finished_at = Some(record.accepted_at);
        record.expires_at = Some(record.accepted_at.as_second().saturating_add(self.retention));
        for transition in &mut record.history {
            transition.to = State::Rejected;
            transition.reason = record.verdict.reason;
            transition.message = record.verdict.message.clone();
        }
        record
    }

    /// The object of the record's attempt on its cluster, whose own layers come on top.
    pub fn object(
        &self,
        record: &Record,
        specs: &SpecTexts,
        installation: &InstallationId,
    ) -> Result<Value, String> {
        let text = specs
            .effective
            .as_deref()
            .ok_or("the record has no effective spec")?;
        let effective: Object = serde_json::from_str(text).map_err(|e| format!("the effective spec: {e}"))?;
        let cluster = self
            .clusters
            .iter()
            .find(|c| Some(&c.name) == record.cluster.as_ref());
        let effective = match cluster {
            // The cluster's defaults yield to all else, its overrides win over all else.
            Some(cluster) => spec::merge([&cluster.layers.defaults, &effective, &cluster.layers.overrides]),
            None => effective,
        };
        let mut effective = Value::Object(effective);
        let (attempt, name) = (
            record.attempt.to_string(),
            record.cluster.as_ref().map_or("", ClusterName::as_str),
        );
        let placeholders = [
            ("submission-id", record.id.as_str()),
            ("queue", record.queue.as_str()),
            ("attempt", &attempt),
            ("cluster", name),
        ];
        spec::expand(&mut effective, &placeholders);
        let mut marks = self.marks(record, installation);
        let mut effective = effective.as_object().cloned().unwrap_or_default();
        if cluster.is_some_and(|cluster| cluster.two_phase) {
            hold(&mut effective, &mut marks)?;
        }
        Ok(spec::object(
            &effective,
            &marks,
            cluster.and_then(|c| c.time_to_live),
        ))
    }

    fn marks(&self, record: &Record, installation: &InstallationId) -> ObjectMarks {
        let labels = [
            (marks::INSTALLATION, installation.to_string()),
            (marks::DOMAIN, record.domain.to_string()),
            (marks::SUBMISSION, record.id.dns_form()),
            (marks::INCARNATION, record.incarnation.to_string()),
            (marks::ATTEMPT, record.attempt.to_string()),
            (marks::QUEUE, record.queue.to_string()),
        ];
        ObjectMarks {
            name: record.intended_object_name(),
            namespace: record.namespace.clone().unwrap_or_default(),
            labels: labels
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
            annotations: [(marks::SUBMISSION_ID.to_owned(), record.id.to_string())].into(),
        }
    }

    fn queue(
        &self,
        named: Option<&str>,
        default: Option<&QueueName>,
        faults: &mut Vec<Violation>,
    ) -> Option<QueueName> {
        let known = || {
            let mut names: Vec<&str> = self.queues.keys().map(QueueName::as_str).collect();
            names.sort_unstable();
            format!("one of the job queues: {}", names.join(", "))
        };
        let queue = match named {
            Some(name) => name.parse().ok().filter(|name| self.queues.contains_key(name)),
            None => default.cloned(),
        };
        if queue.is_none() && !faults.iter().any(|fault| fault.path == "queue") {
            faults.push(Violation::new("queue", named.unwrap_or("nothing"), known()));
        }
        queue
    }

    /// Overrides over the user's spec over defaults; what depends on the cluster comes at dispatch.
    fn effective(&self, user: &Object, rules: &QueueRules) -> Object {
        let nearer = spec::merge([
            &rules.layers.defaults,
            user,
            &rules.layers.overrides,
            &self.layers.overrides,
        ]);
        let mut effective = spec::merge([
            &self.layers.defaults,
            &rules.layers.defaults,
            user,
            &rules.layers.overrides,
            &self.layers.overrides,
        ]);
        spec::fill_image(&mut effective, &nearer, &self.images);
        effective
    }

    /// What the effective spec must have, and what must exist for it.
    fn complete(&self, effective: &Object, job: &JobSpec, faults: &mut Vec<Violation>) {
        faults.extend(spec::missing(effective));
        let versions: Vec<&str> = self
            .clusters
            .iter()
            .flat_map(|c| &c.spark_versions)
            .map(String::as_str)
            .collect();
        let anywhere = self.clusters.iter().any(|c| c.spark_versions.is_empty());
        if let Some(version) = job
            .spark_version
            .as_deref()
            .filter(|v| !anywhere && !versions.contains(v))
        {
            let expected = format!("a Spark version that a cluster serves: {}", versions.join(", "));
            faults.push(Violation::new("sparkVersion", version, expected));
        }
        // Without a list of images here, the cluster's operator may have a default of its own.
        let listed = !self.images.is_empty();
        if listed && !faults.iter().any(|fault| fault.path == "sparkVersion") && !self.has_image(effective) {
            let pairs = self
                .images
                .iter()
                .map(|i| format!("{} {}", i.types.join("/"), i.spark_version));
            let expected = format!(
                "an image, or a type and Spark version for which one is configured: {}",
                pairs.collect::<Vec<_>>().join(", ")
            );
            let found = format!("nothing, for type {}", spec::application_type(effective));
            faults.push(Violation::new("image", found, expected));
        }
        self.places(job, faults);
    }

    /// The clusters and the namespace asked for must exist, and have something in common.
    fn places(&self, job: &JobSpec, faults: &mut Vec<Violation>) {
        let names: Vec<&str> = self.clusters.iter().map(|c| c.name.as_str()).collect();
        for (index, name) in job
            .clusters
            .iter()
            .enumerate()
            .filter(|(_, name)| !names.contains(&name.as_str()))
        {
            let expected = format!("one of the clusters: {}", names.join(", "));
            faults.push(Violation::new(format!("clusters[{index}]"), name, expected));
        }
        if let Some(namespace) = job
            .namespace
            .as_deref()
            .filter(|n| !self.clusters.iter().any(|c| c.namespace == *n))
        {
            faults.push(Violation::new(
                "namespace",
                namespace,
                "the namespace of a configured cluster",
            ));
        } else if let Some(namespace) = &job.namespace
            && self.of_namespace(namespace, &job.clusters).is_empty()
            && !job.clusters.is_empty()
        {
            let found = job.clusters.iter().map(ClusterName::as_str).collect::<Vec<_>>();
            let expected = format!("clusters of the namespace {namespace}");
            faults.push(Violation::new("clusters", found.join(", "), expected));
        }
    }

    /// Whether the spec has an image, or a cluster may bring one.
    fn has_image(&self, effective: &Object) -> bool {
        let layers = self.clusters.iter().map(|cluster| &cluster.layers);
        spec::has_image(effective)
            || layers
                .flat_map(|layers| [&layers.defaults, &layers.overrides])
                .any(spec::has_image)
    }

    fn record(&self, id: SubmissionId, queue: QueueName, fingerprint: String) -> Record {
        Record::queued(NewRecord {
            id,
            domain: self.domain.clone(),
            queue,
            fingerprint,
            at: self.clock.now(),
        })
    }

    fn fill(&self, record: &mut Record, job: JobSpec) {
        let timeout = job
            .timeouts
            .queue
            .and_then(|secs| i64::try_from(secs).ok())
            .map(SignedDuration::from_secs);
        record.queue_timeout_at = timeout.and_then(|t| record.accepted_at.checked_add(t).ok());
        record.selector = match job.namespace {
            Some(namespace) => self.of_namespace(&namespace, &job.clusters),
            None => job.clusters,
        };
        record.application_name = job.application_name;
        record.spark_version = job.spark_version;
        record.priority = job.priority;
        record.timeouts = job.timeouts;
        record.retry = job.retry;
        record.restart_policy = job.restart_policy;
    }

    /// The clusters of `namespace`, those of `named` alone where any are named.
    fn of_namespace(&self, namespace: &str, named: &[ClusterName]) -> Vec<ClusterName> {
        let fits =
            |c: &&ClusterRules| c.namespace == namespace && (named.is_empty() || named.contains(&c.name));
        self.clusters
            .iter()
            .filter(fits)
            .map(|c| c.name.clone())
            .collect()
    }
}

/// Makes the object one that is created suspended, for the broker alone to release.
fn hold(effective: &mut Object, marks: &mut ObjectMarks) -> Result<(), String> {
    let labels = effective.get("labels").and_then(Value::as_object);
    if labels.is_some_and(|labels| labels.contains_key(spec::KUEUE_QUEUE)) {
        let message =
            "labels: Kueue would manage this job by its suspend field, which `commit: two-phase` needs";
        return Err(format!("{message}; leave the label {} out", spec::KUEUE_QUEUE));
    }
    effective.insert("suspend".to_owned(), Value::Bool(true));
    let (name, word) = (marks::COMMIT.to_owned(), marks::TWO_PHASE.to_owned());
    marks.annotations.insert(name, word);
    Ok(())
}

#[cfg(test)]
mod tests;
