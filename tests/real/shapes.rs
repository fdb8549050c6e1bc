//! The table of driver shapes, each put on the API server by the test, with the object's agreement and without it.

use std::time::Duration;

use futures::future::join_all;
use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
use kube::Api;
use kube::api::PostParams;
use serde_json::{Value, json};

use crate::bed::{Bed, spark_pi};
use crate::by_hand::ByHand;
use crate::cluster::{ControlPlane, User, eventually, typed};
use crate::clusters::{real, rights};
use crate::lost::hasty;
use crate::table::{ObjectIs, Shape, shapes};

struct Case<'a> {
    shape: &'a Shape,
    lags: bool,
    id: String,
}

impl Case<'_> {
    fn name(&self) -> String {
        format!("{} ({}), lagging: {}", self.shape.name, self.id, self.lags)
    }

    /// Puts everything on the API server, one after the other, and looks at the record after each.
    async fn run(&self, bed: &Bed<'_>) {
        let hand = ByHand::of(bed, &self.id).await;
        let mut wanted = vec!["QUEUED", "DISPATCHING", "SUBMITTED"];
        for (pod, object, state) in &self.shape.shown {
            // The pod first: an operator tells of what is there already.
            hand.pod_is(pod).await;
            if !self.lags || matches!(object, ObjectIs::Gone) {
                hand.object_is(object).await;
            }
            // Of a record that isn't to move there is nothing to wait for; what it walked is looked at in the end.
            if wanted.last() != Some(state) {
                wanted.push(state);
                self.walked(bed, &wanted).await;
            }
        }
        if wanted.last() == Some(&"RETRYING") {
            // Another attempt follows.
            wanted.push("QUEUED");
        }
        self.walked(bed, &wanted).await;
        self.is_told(bed, &wanted).await;
    }

    /// Waits until the record has walked so far.
    async fn walked(&self, bed: &Bed<'_>, wanted: &[&str]) {
        let mut walk = Vec::new();
        for _ in 0..360 {
            walk = bed.walk(&self.id).await;
            if walk.len() >= wanted.len() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let so_far = &walk[..walk.len().min(wanted.len())];
        assert_eq!(
            so_far,
            wanted,
            "{}: {:#}",
            self.name(),
            bed.status(&self.id).await
        );
    }

    async fn is_told(&self, bed: &Bed<'_>, walk: &[&str]) {
        let (shape, name) = (self.shape, self.name());
        let history = bed
            .get(&format!("/v1/submissions/{}/history", self.id))
            .await
            .unwrap();
        if walk.last() == Some(&"QUEUED") {
            let retry = &history["transitions"][walk.len() - 2];
            assert_eq!(retry["reason"], json!(shape.reason), "{name}");
            return;
        }
        let status = bed.status(&self.id).await;
        assert_eq!(bed.walk(&self.id).await, walk, "{name}");
        let told = ["reason", "exitCode", "attempts"].map(|key| status[key].clone());
        let wanted = [json!(shape.reason), json!(shape.exit_code), json!(1)];
        assert_eq!(told, wanted, "{name}: {status:#}");
        if let Some((started, finished)) = shape.times {
            let times = [&status["startedAt"], &status["finishedAt"]].map(time);
            let wanted = [&json!(started), &json!(finished)].map(time);
            assert_eq!(times, wanted, "{name}: {status:#}");
        }
    }
}

fn time(text: &Value) -> jiff::Timestamp {
    text.as_str().unwrap().parse().unwrap()
}

/// More at once would be in doubt.
const MISSING_AT_ONCE: usize = 3;

#[tokio::test]
async fn each_shape_on_a_real_api_server_gives_its_record_whether_the_object_agrees_or_lags() {
    let bed = hasty().await;
    let all = shapes();
    let both = |shape| [false, true].map(|lags| (shape, lags));
    let cases = all
        .iter()
        .flat_map(both)
        .filter(|(shape, lags)| !lags || shape.lags);
    let loses = |shape: &Shape| {
        shape
            .shown
            .iter()
            .any(|(_, object, _)| matches!(object, ObjectIs::Gone))
    };
    let (missing, there): (Vec<_>, Vec<_>) = cases.partition(|(shape, _)| loses(shape));
    for cases in std::iter::once(&there[..]).chain(missing.chunks(MISSING_AT_ONCE)) {
        let mut sent = Vec::new();
        for (shape, lags) in cases.iter().copied() {
            let mut spec = spark_pi();
            spec["restartPolicy"] = shape.restart.clone();
            let id = bed.send(&spec).await;
            sent.push(Case { shape, lags, id });
        }
        for case in &sent {
            bed.in_state(&case.id, "SUBMITTED").await;
        }
        join_all(sent.iter().map(|case| case.run(&bed))).await;
    }
}

/// The shipped rights without those for capacity, which let pods be read everywhere; of a user that no other test on this
/// API server gives any.
fn narrow_rights(namespace: &str) -> Vec<Value> {
    let mut all = rights(namespace, User::Stranger);
    let is_for_capacity = |role: &Value| {
        role["metadata"]["name"]
            .as_str()
            .is_some_and(|n| n.starts_with("capacity-"))
    };
    all.retain(|role| !is_for_capacity(role));
    all
}

/// Takes the right to read pods away, and gives it back.
async fn let_list_pods(bed: &Bed<'_>, allowed: bool) {
    for mut role in narrow_rights(&bed.namespace) {
        let rules = role.get_mut("rules").and_then(Value::as_array_mut);
        for rule in rules.into_iter().flatten().filter(|_| !allowed) {
            if rule["resources"] == json!(["pods"]) {
                rule["verbs"] = json!(["delete"]);
            }
        }
        bed.plane.apply(&role, Some(&bed.namespace)).await;
    }
    // The API server learns of roles by a watch of its own.
    let reviews: Api<SelfSubjectAccessReview> = Api::all(bed.plane.client(User::Stranger).await);
    let attributes = json!({"resource": "pods", "verb": "list", "namespace": bed.namespace});
    let review = typed(json!({"metadata": {}, "spec": {"resourceAttributes": attributes}}));
    eventually("the role is known", async || {
        let answer = reviews.create(&PostParams::default(), &review).await.unwrap();
        answer.status.unwrap().allowed == allowed
    })
    .await;
}

#[tokio::test]
async fn while_pods_cannot_be_listed_nothing_is_decided_and_the_cluster_is_unhealthy() {
    let plane = ControlPlane::shared().await;
    let namespace = plane.create_namespace("jobs").await;
    for role in narrow_rights(&namespace) {
        plane.apply(&role, Some(&namespace)).await;
    }
    let cluster = real(plane, "real", &namespace, User::Stranger);
    let mut bed = Bed::prepare(plane, &namespace, &[cluster]).await;
    bed.timing("lostSettle", "2s");
    bed.start();
    let failed = bed.send(&spark_pi()).await;
    let hand = ByHand::of(&bed, &failed).await;
    let_list_pods(&bed, false).await;
    hand.object_is(&ObjectIs::In("FAILED", "driver pod not found"))
        .await;
    bed.cluster_is("real", false, "pods").await;
    assert_eq!(bed.status(&failed).await["state"], "SUBMITTED");
    let_list_pods(&bed, true).await;
    let end = bed.in_state(&failed, "FAILED").await;
    assert_eq!((&end["reason"], &end["attempts"]), (&json!("Lost"), &json!(1)));
    // After a fault it is probed by the next job.
    let probe = bed.send(&spark_pi()).await;
    bed.in_state(&probe, "SUBMITTED").await;
    bed.cluster_is("real", true, "").await;
}
