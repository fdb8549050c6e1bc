//! Object and driver of a job, moved by the test itself as operator, kubelet and other people would.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::bed::Bed;
use crate::cluster::{eventually, try_set_status, typed};
use crate::table::{ObjectIs, PodIs};

/// One job on the cluster of a bed.
pub struct ByHand {
    objects: Api<DynamicObject>,
    pods: Api<Pod>,
    /// The object's name.
    pub object: String,
    /// The driver's name.
    pub driver: String,
    made_from: DynamicObject,
}

impl ByHand {
    /// Of the job `id`, once its object is there.
    pub async fn of(bed: &Bed<'_>, id: &str) -> Self {
        let status = bed.in_state(id, "SUBMITTED").await;
        let object = status["objectName"].as_str().unwrap().to_owned();
        Self {
            objects: bed.objects().clone(),
            pods: Api::namespaced(bed.plane.admin().await, &bed.namespace),
            driver: format!("{object}-driver"),
            made_from: bed.object(&object).await.unwrap(),
            object,
        }
    }

    /// Makes the object what it is to be; nothing where it has gone.
    pub async fn object_is(&self, is: &ObjectIs) {
        let (state, message, suspend) = match is {
            ObjectIs::AsBefore => return,
            ObjectIs::Gone => {
                let how = DeleteParams::default();
                return drop(self.objects.delete(&self.object, &how).await);
            }
            ObjectIs::In(state, message) => (*state, *message, None),
            ObjectIs::Suspended(state, suspend) => (*state, "", Some(*suspend)),
        };
        if let Some(suspend) = suspend {
            let patch = Patch::Merge(json!({"spec": {"suspend": suspend}}));
            let how = PatchParams::default();
            self.objects.patch(&self.object, &how, &patch).await.unwrap();
        }
        let status = json!({
            "driverInfo": {"podName": self.driver}, "applicationState": {"state": state, "errorMessage": message},
        });
        // The broker may have removed it by now, where its record has ended.
        drop(try_set_status(&self.objects, &self.object, &status).await);
    }

    /// Makes the driver what it is to be, owned by the object as it is now.
    pub async fn pod_is(&self, is: &PodIs) {
        let (pod, deleting) = match is {
            PodIs::AsBefore => return,
            PodIs::Gone => {
                let at_once = DeleteParams::default().grace_period(0);
                return drop(self.pods.delete(&self.driver, &at_once).await);
            }
            PodIs::There(pod) => (pod, false),
            PodIs::Deleting(pod) => (pod, true),
        };
        if self.pods.get_opt(&self.driver).await.unwrap().is_none() {
            self.make_driver(pod).await;
        }
        if deleting {
            // Nobody looks after its node, so it stays for as long.
            let graceful = DeleteParams::default().grace_period(3_600);
            self.pods.delete(&self.driver, &graceful).await.unwrap();
        }
        let patch = Patch::Merge(json!({"status": pod["status"]}));
        let how = PatchParams::default();
        self.pods.patch_status(&self.driver, &how, &patch).await.unwrap();
    }

    async fn make_driver(&self, like: &Value) {
        let object = self.objects.get_opt(&self.object).await.unwrap();
        let uid = object.unwrap_or_else(|| self.made_from.clone()).metadata.uid;
        let mut labels = self.made_from.metadata.labels.clone().unwrap();
        labels.insert("spark-role".into(), "driver".into());
        labels.insert("sparkoperator.k8s.io/app-name".into(), self.object.clone());
        let owner = json!({
            "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication", "name": self.object, "uid": uid,
        });
        let mut pod = json!({
            "metadata": {"name": self.driver, "labels": labels, "ownerReferences": [owner]}, "spec": like["spec"],
        });
        if pod["spec"]["schedulerName"].is_null() {
            pod["spec"]["nodeName"] = json!("nowhere");
        }
        pod["spec"]["restartPolicy"] = json!("Never");
        let made = self.pods.create(&PostParams::default(), &typed(pod)).await;
        made.unwrap();
    }

    /// The driver's pod.
    pub async fn pod(&self) -> Option<Pod> {
        self.pods.get_opt(&self.driver).await.unwrap()
    }

    /// Makes the object anew, as it was made first, with another UID. `finalizers` keep it while it is deleted.
    pub async fn make_object_anew(&self, finalizers: &[&str]) {
        self.object_is(&ObjectIs::Gone).await;
        eventually("the first object is gone", async || {
            self.objects.get_opt(&self.object).await.unwrap().is_none()
        })
        .await;
        let mut object = json!({
            "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication",
            "metadata": {
                "name": self.object, "labels": self.made_from.metadata.labels,
                "annotations": self.made_from.metadata.annotations, "finalizers": finalizers,
            },
        });
        object["spec"] = self.made_from.data["spec"].clone();
        let how = PostParams::default();
        self.objects.create(&how, &typed(object)).await.unwrap();
    }
}
