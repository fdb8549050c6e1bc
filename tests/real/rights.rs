//! The rights that `deploy/` ships are the ones that are needed: each verb taken away is missed.

use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::bed::{Bed, spark_pi};
use crate::cancel::{make_driver, pods, set_driver};
use crate::cluster::{ControlPlane, Node, Options, QUEUE, StandInYunikorn, User, eventually, typed};
use crate::clusters::{headroom_rights, real, rights};

/// One verb of one rule of one role.
struct Right<'a> {
    bed: &'a mut Bed<'static>,
    /// The cluster on which it is missed, and whose user that is.
    cluster: &'static str,
    user: User,
    namespace: String,
    role: Value,
    rule: usize,
    resource: String,
    verb: String,
}

impl Right<'_> {
    /// Takes the right away, sees what fails for it, and gives it back.
    async fn is_missed(&mut self) {
        match (self.resource.as_str(), self.verb.as_str()) {
            ("sparkapplications", "patch") => self.nothing_is_released().await,
            ("sparkapplications", "create") => self.nothing_is_created().await,
            ("sparkapplications", "get") => self.a_stopped_driver_is_not_judged().await,
            ("services/proxy", "get") => self.the_headroom_is_not_read().await,
            ("sparkapplications" | "pods", "delete") => self.a_cancel_does_not_end().await,
            (_, "list" | "watch") | ("namespaces", "get") => self.the_cluster_is_unhealthy().await,
            (resource, verb) => panic!("{verb} of {resource} is granted, and nothing is known to miss it"),
        }
    }

    async fn take(&self) {
        let mut less = self.role.clone();
        let verbs = less["rules"][self.rule]["verbs"].as_array_mut().unwrap();
        verbs.retain(|verb| *verb != *self.verb);
        if verbs.is_empty() {
            // A rule without verbs is refused.
            less["rules"].as_array_mut().unwrap().remove(self.rule);
        }
        self.bed.plane.apply(&less, Some(&self.namespace)).await;
        self.until_allowed(false).await;
    }

    async fn give_back(&self) {
        self.bed.plane.apply(&self.role, Some(&self.namespace)).await;
        self.until_allowed(true).await;
    }

    /// The API server learns of roles by a watch of its own.
    async fn until_allowed(&self, wanted: bool) {
        let reviews: Api<SelfSubjectAccessReview> = Api::all(self.bed.plane.client(self.user).await);
        let (resource, subresource) = self.resource.split_once('/').unwrap_or((&self.resource, ""));
        let own = self.role["metadata"]["namespace"].as_str();
        let attributes = json!({
            "group": self.role["rules"][self.rule]["apiGroups"][0],
            "resource": resource,
            "subresource": subresource,
            "verb": self.verb,
            "name": self.role["rules"][self.rule]["resourceNames"][0].as_str().unwrap_or_default(),
            "namespace": own.unwrap_or_default(),
        });
        let review = typed(json!({"metadata": {}, "spec": {"resourceAttributes": attributes}}));
        eventually("the role is known", async || {
            let answer = reviews.create(&PostParams::default(), &review).await.unwrap();
            answer.status.unwrap().allowed == wanted
        })
        .await;
    }

    fn job(&self) -> Value {
        let mut spec = spark_pi();
        spec["clusters"] = json!([self.cluster]);
        spec
    }

    /// A new job waits for the cluster.
    async fn nothing_is_created(&mut self) {
        self.take().await;
        let id = self.bed.send(&self.job()).await;
        self.bed
            .until(&id, "it waits for the right to create", |status| {
                let message = status["message"].as_str().unwrap_or_default();
                status["state"] == "QUEUED"
                    && status["reason"] == "ClusterUnhealthy"
                    && message.contains("cannot create")
            })
            .await;
        self.give_back().await;
        self.bed.in_state(&id, "SUBMITTED").await;
    }

    /// Under two-phase an object stays suspended.
    async fn nothing_is_released(&mut self) {
        self.take().await;
        let id = self.bed.send(&self.job()).await;
        let status = self.bed.in_state(&id, "SUBMITTED").await;
        let name = status["objectName"].as_str().unwrap();
        let objects = self.bed.plane.applications(&self.namespace).await;
        let suspended = async || objects.get(name).await.unwrap().data["spec"]["suspend"] == true;
        self.bed.fence().await;
        assert!(suspended().await);
        self.give_back().await;
        eventually("the object is released", async || !suspended().await).await;
    }

    /// After a start, the cluster isn't healthy and says which right is missing.
    async fn the_cluster_is_unhealthy(&mut self) {
        self.take().await;
        self.bed.kill();
        self.bed.start();
        let words = format!("cannot {} resource", self.verb);
        self.bed.cluster_is(self.cluster, false, &words).await;
        self.give_back().await;
        self.bed.cluster_is(self.cluster, true, "").await;
        let id = self.bed.send(&self.job()).await;
        self.bed.in_state(&id, "SUBMITTED").await;
    }

    /// After a start, a job waits for what YuniKorn would say, and says which right is missing.
    async fn the_headroom_is_not_read(&mut self) {
        self.take().await;
        self.bed.kill();
        self.bed.start();
        let id = self.bed.send(&self.job()).await;
        self.bed
            .until(&id, "it waits for the right to ask YuniKorn", |status| {
                let message = status["message"].as_str().unwrap_or_default();
                status["state"] == "QUEUED"
                    && message.contains("its capacity by yunikorn isn't known yet")
                    && message.contains("cannot get resource \"services/proxy\"")
            })
            .await;
        self.give_back().await;
        self.bed.in_state(&id, "SUBMITTED").await;
    }

    /// A cancel doesn't come to its end while the object, or a pod of it, can't be removed.
    async fn a_cancel_does_not_end(&mut self) {
        let (id, object) = self.bed.submitted(&self.job()).await;
        let driver = make_driver(self.bed, &object).await;
        self.bed.in_state(&id, "RUNNING").await;
        self.take().await;
        self.bed.cancel(&id).await;
        self.bed.in_state(&id, "CANCELLING").await;
        self.bed.fence().await;
        assert_eq!(self.bed.status(&id).await["state"], "CANCELLING");
        assert!(pods(self.bed).await.get_opt(&driver).await.unwrap().is_some());
        self.give_back().await;
        self.bed.in_state(&id, "CANCELLED").await;
        assert!(pods(self.bed).await.get_opt(&driver).await.unwrap().is_none());
    }

    /// The end of a driver that was stopped from outside isn't judged without a look at the object.
    async fn a_stopped_driver_is_not_judged(&mut self) {
        let (id, object) = self.bed.submitted(&self.job()).await;
        let driver = make_driver(self.bed, &object).await;
        self.bed.in_state(&id, "RUNNING").await;
        self.take().await;
        let end = json!({"exitCode": 143, "reason": "Error", "finishedAt": "2026-11-23T05:31:00Z"});
        let condition =
            json!({"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"});
        let state = json!({"terminated": end});
        set_driver(self.bed, &driver, "Failed", state, json!([condition])).await;
        self.bed.fence().await;
        self.bed.fence().await;
        assert_eq!(self.bed.status(&id).await["state"], "RUNNING");
        self.give_back().await;
        self.bed.in_state(&id, "FAILED").await;
    }
}

/// Whether a role is for a source of capacity, or for two-phase commits.
fn is_optional(role: &Value) -> bool {
    let name = role["metadata"]["name"].as_str().unwrap();
    let ends = ["-release", "-quota", "-yunikorn"];
    name.starts_with("capacity-") || ends.iter().any(|end| name.ends_with(end))
}

/// Two clusters, `plain` and `measured`, on one API server, and the RBAC objects and the namespace of each.
async fn two_clusters() -> (Bed<'static>, Vec<Value>, Vec<Value>, [String; 2]) {
    // Its own, so that no other test's rights count; for the test's life, as the statics of other tests are.
    let yunikorn: &'static StandInYunikorn =
        Box::leak(Box::new(StandInYunikorn::start(json!({"vcore": 100_000})).await));
    let options = Options {
        egress: Some(yunikorn.proxy.clone()),
        ..Options::default()
    };
    let plane: &'static ControlPlane = Box::leak(Box::new(ControlPlane::start(options).await));
    plane.apply_spark_crd().await;
    yunikorn.serve_in(plane).await;
    plane.add_node(&Node::new("node-1", "100", "1000Gi")).await;
    // Two clusters of two users, one of them without the rights and the settings for capacity and two-phase commits.
    let namespaces = [
        plane.create_namespace("plain").await,
        plane.create_namespace("measured").await,
    ];
    let mut plain = rights(&namespaces[0], User::Broker);
    plain.retain(|role| !is_optional(role));
    let mut measured = rights(&namespaces[1], User::Stranger);
    measured.extend(headroom_rights(User::Stranger));
    for (objects, namespace) in [(&plain, &namespaces[0]), (&measured, &namespaces[1])] {
        for object in objects {
            plane.apply(object, Some(namespace)).await;
        }
    }
    let mut clusters = [
        real(plane, "plain", &namespaces[0], User::Broker),
        real(plane, "measured", &namespaces[1], User::Stranger),
    ];
    clusters[1]["capacity"] = json!({
        "sources": ["nodes", "quota", "yunikorn"],
        "yunikorn": {"queue": QUEUE, "service": {}},
    });
    clusters[1]["commit"] = json!("two-phase");
    let mut bed = Bed::prepare(plane, &namespaces[0], &clusters).await;
    bed.start();
    bed.fence().await;
    (bed, plain, measured, namespaces)
}

#[tokio::test]
async fn each_verb_that_the_shipped_rbac_grants_is_missed_when_it_is_taken_away() {
    let (mut bed, plain, measured, namespaces) = two_clusters().await;
    let on_measured = measured.iter().filter(|role| is_optional(role));
    let all = plain
        .iter()
        .map(|role| ("plain", role))
        .chain(on_measured.map(|role| ("measured", role)));
    for (cluster, role) in all {
        let rules = role["rules"].as_array().cloned().unwrap_or_default();
        for (rule, content) in rules.iter().enumerate() {
            let resource = content["resources"][0].as_str().unwrap();
            for verb in content["verbs"].as_array().unwrap() {
                let verb = verb.as_str().unwrap();
                let (user, namespace) = match cluster {
                    "plain" => (User::Broker, &namespaces[0]),
                    _ => (User::Stranger, &namespaces[1]),
                };
                let mut right = Right {
                    bed: &mut bed,
                    cluster,
                    user,
                    namespace: namespace.clone(),
                    role: role.clone(),
                    rule,
                    resource: resource.to_owned(),
                    verb: verb.to_owned(),
                };
                right.is_missed().await;
            }
        }
    }
}
