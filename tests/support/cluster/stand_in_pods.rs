//! The pods of the stand-in operator's applications, of the operator's and Spark's shape.

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::runtime::wait::await_condition;
use kube::{Error, ResourceExt};
use serde_json::{Value, json};

use super::objects::typed;
use super::stand_in::{Player, RawState, now};

/// Whether the pod's phase is one of `phases`.
fn is_in(pod: &Pod, phases: &[&str]) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    phase.is_some_and(|phase| phases.contains(&phase))
}

impl Player {
    pub(super) async fn make_driver(&self, requests: &Value) -> Result<(), Error> {
        let metadata = &self.object.metadata;
        let mut labels = json!(metadata.labels.clone().unwrap_or_default());
        labels["spark-role"] = json!("driver");
        labels["spark-app-selector"] = json!(format!("spark-{}", self.name));
        labels["sparkoperator.k8s.io/app-name"] = json!(self.name);
        labels["sparkoperator.k8s.io/launched-by-spark-operator"] = json!("true");
        let owner = json!({
            "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication",
            "name": self.name, "uid": metadata.uid, "controller": true,
        });
        let container =
            json!({"name": "spark-kubernetes-driver", "image": "none", "resources": {"requests": requests}});
        let pod = typed(json!({
            "metadata": {
                "name": self.driver, "labels": labels, "ownerReferences": [owner],
                "annotations": self.object.data["spec"]["driver"]["annotations"],
            },
            "spec": {"containers": [container], "restartPolicy": "Never"},
        }));
        self.pods.create(&PostParams::default(), &pod).await.map(drop)
    }

    pub(super) async fn write_driver(&self, phase: &str, state: &Value) -> Result<(), Error> {
        let container = json!({
            "name": "spark-kubernetes-driver", "image": "none", "imageID": "", "restartCount": 0,
            "ready": phase == "Running", "state": state,
        });
        let status = json!({"status": {"phase": phase, "containerStatuses": [container]}});
        self.pods
            .patch_status(&self.driver, &PatchParams::default(), &Patch::Merge(status))
            .await
            .map(drop)
    }

    /// When the driver's container began to run; now, if it never did.
    pub(super) async fn started(&self) -> Result<Value, Error> {
        let pod = serde_json::to_value(self.pods.get(&self.driver).await?).map_err(Error::SerdeError)?;
        let start = &pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"];
        Ok(if start.is_null() {
            json!(now())
        } else {
            start.clone()
        })
    }

    /// Returns when the driver's phase is one of `phases`; an error where it has gone.
    pub(super) async fn await_driver(&self, phases: &[&str]) -> Result<(), Error> {
        let there = |pod: Option<&Pod>| pod.is_none_or(|pod| is_in(pod, phases));
        loop {
            if is_in(&self.pods.get(&self.driver).await?, phases) {
                return Ok(());
            }
            // A watch that fails is begun anew.
            let _ = await_condition(self.pods.clone(), &self.driver, there).await;
        }
    }

    pub(super) async fn make_executors(&self, count: u64, requests: &Value) -> Result<(), Error> {
        let driver = self.pods.get(&self.driver).await?;
        let owner = json!({
            "apiVersion": "v1", "kind": "Pod", "name": self.driver, "uid": driver.uid(), "controller": true,
        });
        let mut labels = json!(driver.labels());
        labels["spark-role"] = json!("executor");
        let container = json!({"name": "spark-kubernetes-executor", "image": "none", "resources": {"requests": requests}});
        for n in 1..=count {
            let pod = typed(json!({
                "metadata": {"name": format!("{}-exec-{n}", self.name), "labels": labels, "ownerReferences": [owner]},
                "spec": {"containers": [container], "restartPolicy": "Never"},
            }));
            match self.pods.create(&PostParams::default(), &pod).await {
                Err(Error::Api(status)) if status.code == 409 => {}
                other => drop(other?),
            }
        }
        Ok(())
    }

    pub(super) async fn delete_executors(&self) -> Result<(), Error> {
        let selector = format!("sparkoperator.k8s.io/app-name={},spark-role=executor", self.name);
        let executors = ListParams::default().labels(&selector);
        self.pods
            .delete_collection(&DeleteParams::default().grace_period(0), &executors)
            .await
            .map(drop)
    }

    /// What the operator says of an application whose driver has ended as it did.
    pub(super) async fn state_of_end(&self) -> Result<(RawState, String), Error> {
        let pod = self.pods.get(&self.driver).await?;
        if is_in(&pod, &["Succeeded"]) {
            return Ok((RawState::Completed, String::new()));
        }
        let pod = serde_json::to_value(pod).map_err(Error::SerdeError)?;
        let end = &pod["status"]["containerStatuses"][0]["state"]["terminated"];
        let (code, reason) = (&end["exitCode"], end["reason"].as_str().unwrap_or("Error"));
        let message = format!("driver container failed with ExitCode: {code}, Reason: {reason}");
        Ok((RawState::Failed, message))
    }
}
