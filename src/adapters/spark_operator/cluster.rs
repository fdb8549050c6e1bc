//! The port, fulfilled by single requests.
//!
//! Reads carry no resource version, so that none is older than the call. An absence is believed only from a Status that
//! names what was asked for: a CRD that is missing, or a proxy in between, answers 404 too.

use std::time::Duration;

use async_trait::async_trait;
use http::Request;
use k8s_openapi::List;
use k8s_openapi::api::core::v1::Pod;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::SparkOperatorCluster;
use super::request::{Failure, Refusal, call};
use super::watch;
use crate::model::{ObjectUid, SubmissionId};
use crate::ports::Error;
use crate::ports::cluster::{Cluster, ClusterEvent, CreateError, Deleted, PodSight};
use crate::watch::{ObjectState, Ownership, marks, read_driver, read_object};

/// How long a call waits that names no deadline of its own.
const LIMIT: Duration = Duration::from_secs(20);
/// The namespace is looked at so often: several times while a driver's end waits for what becomes of its object.
const NAMESPACE_EVERY: Duration = Duration::from_secs(10);
/// Pods per page; a submission may have a thousand executors.
const PAGE: u32 = 500;

impl SparkOperatorCluster {
    fn objects_path(&self) -> String {
        format!(
            "/apis/sparkoperator.k8s.io/v1beta2/namespaces/{}/sparkapplications",
            self.namespace
        )
    }

    fn pods_path(&self) -> String {
        format!("/api/v1/namespaces/{}/pods", self.namespace)
    }

    async fn send(&self, request: Result<Request<Vec<u8>>, http::Error>) -> Result<Value, Failure> {
        let client = tokio::time::timeout(LIMIT, self.client())
            .await
            .map_err(|_| Failure::NotSent(format!("no connection within {} s", LIMIT.as_secs())))?
            .map_err(|error| Failure::NotSent(error.to_string()))?;
        call(client, request, LIMIT).await
    }

    async fn delete_at(&self, path: &str, name: &str, uid: &ObjectUid) -> Result<Deleted, Error> {
        let options = json!({
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": "Background",
            "preconditions": {"uid": uid.as_str()},
        });
        let request = Request::delete(format!("{path}/{name}"))
            .header("content-type", "application/json")
            .body(options.to_string().into_bytes());
        match self.send(request).await {
            Ok(_) => Ok(Deleted::Done),
            Err(failure) if failure.says_absent(name) || failure.says_other_uid() => Ok(Deleted::Absent),
            Err(failure) => Err(failure.into()),
        }
    }

    /// The UID of a namespace that isn't being deleted.
    async fn uid_of_namespace(&self, name: &str) -> Result<String, Error> {
        let namespace = self.read_namespace(name).await?;
        if is_deleting(&namespace) {
            return Err(Error::transient(going(name)));
        }
        let uid = namespace["metadata"]["uid"].as_str();
        uid.map(str::to_owned)
            .ok_or_else(|| Error::transient(format!("namespace {name} has no UID")))
    }

    async fn read_namespace(&self, name: &str) -> Result<Value, Failure> {
        let request = Request::get(format!("/api/v1/namespaces/{name}")).body(Vec::new());
        self.send(request).await
    }

    /// Comes back once the namespace is being deleted, is gone or is another one, and says so. Kubernetes deletes pods first
    /// then, and objects as long after as the pods' grace lasts (`OrderedNamespaceDeletion`, since 1.33): what is seen there
    /// tells nothing of jobs, and a list of what isn't there is empty.
    pub(super) async fn namespace_goes(&self) -> String {
        let name = &self.namespace;
        let mut first = None;
        loop {
            match self.read_namespace(name).await {
                Ok(namespace) if is_deleting(&namespace) => return going(name),
                Ok(namespace) => {
                    let uid = namespace["metadata"]["uid"].clone();
                    if *first.get_or_insert_with(|| uid.clone()) != uid {
                        return format!("its namespace {name} was made anew");
                    }
                }
                Err(failure) if failure.says_absent(name) => {
                    return format!("its namespace {name} doesn't exist");
                }
                // What can't be read now says nothing.
                Err(_) => {}
            }
            tokio::time::sleep(NAMESPACE_EVERY).await;
        }
    }
}

fn is_deleting(namespace: &Value) -> bool {
    namespace["metadata"]["deletionTimestamp"].is_string()
}

fn going(namespace: &str) -> String {
    format!("its namespace {namespace} is being deleted")
}

#[async_trait]
impl Cluster for SparkOperatorCluster {
    fn namespace(&self) -> &str {
        &self.namespace
    }

    async fn create(&self, object: &Value, deadline: Duration) -> Result<ObjectState, CreateError> {
        let path = self.objects_path();
        let request = Request::post(format!("{path}?fieldValidation=Strict&fieldManager=spark-broker"))
            .header("content-type", "application/json")
            .body(object.to_string().into_bytes());
        let sending = async {
            let client = self
                .client()
                .await
                .map_err(|error| Failure::NotSent(error.to_string()))?;
            call(client, request, deadline).await
        };
        // Making the first client counts too.
        let answer = tokio::time::timeout(deadline, sending).await;
        let answer = answer.map_err(|_| CreateError::Ambiguous(format!("no answer within {deadline:?}")))?;
        let value = answer.map_err(create_error)?;
        read_object(&value).map_err(|error| CreateError::Ambiguous(error.to_string()))
    }

    async fn get(&self, name: &str) -> Result<Option<ObjectState>, Error> {
        let request = Request::get(format!("{}/{name}", self.objects_path())).body(Vec::new());
        match self.send(request).await {
            Ok(value) => read_object(&value)
                .map(Some)
                .map_err(|error| Error::transient(error.to_string())),
            Err(failure) if failure.says_absent(name) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn release(&self, name: &str, uid: &ObjectUid) -> Result<(), Error> {
        let patch = json!([
            {"op": "test", "path": "/metadata/uid", "value": uid.as_str()},
            {"op": "test", "path": "/spec/suspend", "value": true},
            {"op": "replace", "path": "/spec/suspend", "value": false},
        ]);
        let request = Request::patch(format!(
            "{}/{name}?fieldManager=spark-broker",
            self.objects_path()
        ))
        .header("content-type", "application/json-patch+json")
        .body(patch.to_string().into_bytes());
        match self.send(request).await {
            Ok(_) => Ok(()),
            Err(failure) if failure.says_absent(name) || failure.says_test_failed() => Ok(()),
            Err(failure) => Err(failure.into()),
        }
    }

    async fn delete(&self, name: &str, uid: &ObjectUid) -> Result<Deleted, Error> {
        self.delete_at(&self.objects_path(), name, uid).await
    }

    async fn pods(&self, id: &SubmissionId) -> Result<Vec<PodSight>, Error> {
        let path = self.pods_path();
        // Those of another installation, of which this one's table may be a copy, are none of ours.
        let is = |mark: &str, value: &str| format!("{}%3D{value}", mark.replace('/', "%2F"));
        let selector = [
            is(marks::SUBMISSION, &id.dns_form()),
            is(marks::INSTALLATION, self.installation.as_str()),
        ]
        .join("%2C");
        let mut sights = Vec::new();
        let mut next = String::new();
        loop {
            let uri = format!("{path}?labelSelector={selector}&limit={PAGE}{next}");
            let page = self.send(Request::get(uri).body(Vec::new())).await?;
            let page: List<Pod> =
                serde_json::from_value(page).map_err(|error| Error::transient(error.to_string()))?;
            for pod in &page.items {
                sights.push(sight(pod).ok_or_else(|| Error::transient("a pod without name or UID"))?);
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => next = format!("&continue={token}"),
                None => return Ok(sights),
            }
        }
    }

    async fn delete_pod(&self, name: &str, uid: &ObjectUid) -> Result<Deleted, Error> {
        self.delete_at(&self.pods_path(), name, uid).await
    }

    async fn watch(&self, events: mpsc::Sender<ClusterEvent>) {
        watch::run(self, &events).await;
    }

    async fn identity(&self) -> Result<String, Error> {
        let system = self.uid_of_namespace("kube-system").await?;
        let ours = self.uid_of_namespace(&self.namespace).await?;
        Ok(format!("{system}/{ours}"))
    }
}

fn create_error(failure: Failure) -> CreateError {
    match failure {
        Failure::NotSent(message) => CreateError::NotConnected(message),
        Failure::Refused(Refusal {
            code,
            reason,
            message,
            name: _,
            retry_after,
        }) => CreateError::Answered {
            status: code,
            reason,
            message,
            retry_after,
        },
        // Admission runs before anything is stored: where a webhook can't be called, nothing was.
        Failure::Unclear { message, retry_after }
            if message.starts_with("500 ") && message.contains("failed calling webhook") =>
        {
            CreateError::Answered {
                status: 500,
                reason: "InternalError".to_owned(),
                message,
                retry_after,
            }
        }
        Failure::Unclear {
            message,
            retry_after: _,
        } => CreateError::Ambiguous(message),
    }
}

fn sight(pod: &Pod) -> Option<PodSight> {
    let labels = pod.metadata.labels.clone().unwrap_or_default();
    let is_driver = labels.get("spark-role").is_some_and(|role| role == "driver");
    Some(PodSight {
        name: pod.metadata.name.clone()?,
        uid: pod.metadata.uid.as_deref()?.parse().ok()?,
        owner: Ownership::from_labels(&labels),
        driver: if is_driver { read_driver(pod) } else { None },
    })
}
