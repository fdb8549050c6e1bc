//! Job specs of known size.

use serde_json::{Value, json};
use spark_broker::model::{Bytes, Demand, Millicores, Resources};

/// A job whose demand the test knows by its own arithmetic.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its submission ID.
    pub id: String,
    /// Its job queue.
    pub queue: &'static str,
    /// How many executors it has.
    pub executors: u64,
    /// Cores of each executor.
    pub cores: u64,
    /// `memory` of each executor in MiB, overhead not included.
    pub memory: u64,
    /// Cores and `memory` of the driver; none: as an executor's.
    pub driver_size: Option<(u64, u64)>,
    /// What the simulated cluster does with it, without the prefix.
    pub behaviour: Vec<(&'static str, String)>,
    /// What KWOK does with its driver, as annotations of the driver; none: null.
    pub driver: Value,
    /// The clusters that it selects; none: any.
    pub clusters: &'static [&'static str],
    /// `timeouts.queue`.
    pub queue_timeout: Option<&'static str>,
    /// `retry.maxAttempts`.
    pub max_attempts: Option<u32>,
}

impl Job {
    /// One core and 1 GiB for the driver and for its one executor; runs for a moment.
    pub fn small(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            queue: "dev",
            executors: 1,
            cores: 1,
            memory: 1024,
            driver_size: None,
            behaviour: vec![("submit-delay", "50ms".into()), ("start-delay", "50ms".into())],
            driver: Value::Null,
            clusters: &[],
            queue_timeout: None,
            max_attempts: None,
        }
    }

    /// With another behaviour on the simulated cluster.
    pub fn does(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.behaviour.retain(|(known, _)| *known != key);
        self.behaviour.push((key, value.into()));
        self
    }

    /// The spec as a client writes it.
    pub fn spec(&self) -> Value {
        let named = |(key, value): &(&str, String)| (format!("simulated.spark-broker/{key}"), json!(value));
        let annotations: serde_json::Map<String, Value> = self.behaviour.iter().map(named).collect();
        let memory = format!("{}m", self.memory);
        let (driver_cores, driver_memory) = self.driver_size();
        let mut spec = json!({
            "submissionId": self.id, "applicationName": "Spine", "queue": self.queue, "sparkVersion": "3.5.0",
            "type": "Java", "mainClass": "com.example.Main", "mainApplicationFile": "s3://example-jobs/main.jar",
            "annotations": annotations,
            "driver": {"cores": driver_cores, "memory": format!("{driver_memory}m")},
            "executor": {"instances": self.executors, "cores": self.cores, "memory": memory},
        });
        if !self.driver.is_null() {
            spec["driver"]["annotations"] = self.driver.clone();
        }
        if !self.clusters.is_empty() {
            spec["clusters"] = json!(self.clusters);
        }
        if let Some(timeout) = self.queue_timeout {
            spec["timeouts"] = json!({"queue": timeout});
        }
        if let Some(attempts) = self.max_attempts {
            spec["retry"] = json!({"maxAttempts": attempts});
        }
        spec
    }

    fn driver_size(&self) -> (u64, u64) {
        self.driver_size.unwrap_or((self.cores, self.memory))
    }

    /// What its driver requests.
    pub fn driver_pod(&self) -> Resources {
        pod(self.driver_size())
    }

    /// What each of its executors requests.
    pub fn executor_pod(&self) -> Resources {
        pod((self.cores, self.memory))
    }

    /// What its pods request together.
    pub fn demand(&self) -> Resources {
        self.parts().total()
    }

    /// The same, pod by pod.
    pub fn parts(&self) -> Demand {
        Demand {
            driver: self.driver_pod(),
            executor: self.executor_pod(),
            executors: u32::try_from(self.executors).unwrap(),
            ..Demand::default()
        }
    }

    /// What its driver requests and what each executor does, as Kubernetes writes it.
    pub fn requests(&self) -> [Value; 2] {
        [self.driver_size(), (self.cores, self.memory)].map(
            |(cores, memory)| json!({"cpu": cores.to_string(), "memory": format!("{}Mi", requested(memory))}),
        )
    }
}

/// What a pod with this `memory` requests, in MiB: Spark adds the larger of 384 MiB and a tenth (JVM).
fn requested(memory: u64) -> u64 {
    memory + (memory / 10).max(384)
}

fn pod((cores, memory): (u64, u64)) -> Resources {
    Resources::new(Millicores(cores * 1000), Bytes::mib(requested(memory)), 1)
}
