//! The real operator dies with jobs running and others in mid-submit, and comes back, or doesn't before they end.

use serde_json::{Value, json};

use crate::bed::{Bed, spark_pi};
use crate::bursts::Watchers;
use crate::cluster::{
    ControlPlane, DRIVER_ACCOUNT, Driver, Node, Operator, OperatorOptions, Options, User, eventually,
};
use crate::clusters::{real, rights};

const NAMESPACE: &str = "spark-jobs";

fn job(runs_for: &str) -> Value {
    let mut spec = spark_pi();
    spec["driver"]["serviceAccount"] = json!(DRIVER_ACCOUNT);
    spec["driver"]["annotations"] = Driver::succeeds_after(runs_for).annotations();
    spec
}

/// Jobs that do all they can to be run a second time.
fn inviting(runs_for: &str) -> Vec<Value> {
    let causes = [
        "Lost",
        "DriverEvicted",
        "NodeLost",
        "OutOfMemory",
        "ApplicationFailed",
    ];
    let (mut retried, mut rerun) = (job(runs_for), job(runs_for));
    retried["retry"] = json!({"maxAttempts": 3, "on": causes});
    rerun["restartPolicy"] = json!({
        "type": "OnFailure", "onFailureRetries": 3, "onFailureRetryInterval": 1,
        "onSubmissionFailureRetries": 5, "onSubmissionFailureRetryInterval": 1,
    });
    let mut both = rerun.clone();
    both["retry"] = json!({"on": causes});
    vec![job(runs_for), retried, rerun, both, job(runs_for)]
}

/// Sends `specs` and kills the operator while it submits them all; IDs and objects.
async fn killed_in_mid_submit(
    bed: &Bed<'_>,
    operator: &mut Operator,
    specs: &[Value],
) -> Vec<(String, String)> {
    let mut jobs = Vec::new();
    for spec in specs {
        jobs.push(bed.send(spec).await);
    }
    let mut named = Vec::new();
    for id in jobs {
        let status = bed
            .until(&id, "its object is named", |s| s["objectName"].is_string())
            .await;
        named.push((id, status["objectName"].as_str().unwrap().to_owned()));
    }
    let objects: Vec<&str> = named.iter().map(|(_, object)| object.as_str()).collect();
    operator.kill_in_mid_submit(&objects).await;
    for object in objects {
        let status = bed.object(object).await.unwrap().data["status"].clone();
        assert!(status.is_null(), "{object} was still being submitted: {status}");
    }
    named
}

async fn drivers(plane: &ControlPlane) -> Vec<String> {
    let pods = plane.pods(NAMESPACE).await.into_iter();
    let names = pods.filter_map(|pod| pod.metadata.name);
    names.filter(|name| name.ends_with("-driver")).collect()
}

/// Under the objects' FAILED the drivers run on.
async fn run_on(bed: &Bed<'_>, named: &[(String, String)]) {
    for (id, object) in named {
        eventually("the operator says FAILED", async || {
            let object = bed.object(object).await.unwrap();
            object.data["status"]["applicationState"]["state"] == "FAILED"
        })
        .await;
        let status = bed.status(id).await;
        assert_eq!(status["state"], "RUNNING", "{status:#}");
    }
}

#[tokio::test]
async fn an_operator_that_dies_ends_no_job_and_runs_none_again() {
    let plane = ControlPlane::start(Options::whole()).await;
    plane.add_node(&Node::new("node-1", "128", "512Gi")).await;
    let mut operator = Operator::start(&plane, OperatorOptions::of(NAMESPACE)).await;
    for object in rights(NAMESPACE, User::Broker) {
        plane.apply(&object, Some(NAMESPACE)).await;
    }
    let cluster = real(&plane, "real", NAMESPACE, User::Broker);
    let mut bed = Bed::prepare(&plane, NAMESPACE, &[cluster]).await;
    let watchers = Watchers::start(&[&plane], NAMESPACE).await;
    bed.start();

    // It doesn't come back before the driver's end.
    let ended = killed_in_mid_submit(&bed, &mut operator, &inviting("3s")).await;
    let mut all = Vec::new();
    for (id, object) in &ended {
        let end = bed.in_state(id, "SUCCEEDED").await;
        assert_eq!(
            (&end["attempts"], &end["exitCode"]),
            (&json!(1), &json!(0)),
            "{end:#}"
        );
        all.push((id.clone(), object.clone()));
    }
    operator.start_controller(&plane).await;

    // It comes back while twenty run and five are on their way.
    let mut running = Vec::new();
    for _ in 0..20 {
        running.push(bed.send(&job("130s")).await);
    }
    for id in &running {
        let status = bed.in_state(id, "RUNNING").await;
        all.push((id.clone(), status["objectName"].as_str().unwrap().to_owned()));
    }
    let submitted = killed_in_mid_submit(&bed, &mut operator, &inviting("90s")).await;
    eventually("their drivers are there all the same", async || {
        let drivers = drivers(&plane).await;
        submitted
            .iter()
            .all(|(_, object)| drivers.contains(&format!("{object}-driver")))
    })
    .await;
    operator.start_controller(&plane).await;
    run_on(&bed, &submitted).await;
    for (id, _) in &submitted {
        let end = bed.in_state(id, "SUCCEEDED").await;
        assert_eq!(
            end["rawState"], "FAILED",
            "what the object claims is shown: {end:#}"
        );
    }
    all.extend(submitted);
    for (id, _) in &all {
        let end = bed.in_state(id, "SUCCEEDED").await;
        assert_eq!(
            (&end["attempts"], &end["exitCode"]),
            (&json!(1), &json!(0)),
            "{end:#}"
        );
    }
    let seen = watchers.stop();
    for (_, object) in &all {
        assert_eq!(seen.drivers_of(object), 1, "{object}");
    }
}
