//! A cluster that is away or refuses the broker: its jobs wait and say why, the others go on, and it joins again.

use k8s_openapi::api::rbac::v1::RoleBinding;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::DeleteParams;
use serde_json::json;

use crate::bed::{Bed, spark_pi};
use crate::cluster::{ControlPlane, Options, User, eventually};
use crate::clusters::{namespace_for, real, rights, simulated};
use crate::lost::running;

/// Sends a job for the cluster that is away, which waits and says why, while one for the other cluster runs to its end.
async fn waits_while_another_goes_on(bed: &Bed<'_>, why: &str) -> String {
    let (mut waiting, mut going) = (spark_pi(), spark_pi());
    waiting["clusters"] = json!(["real"]);
    going["clusters"] = json!(["other"]);
    going["annotations"] = json!({"simulated.spark-broker/run-time": "200ms"});
    let (waiting, going) = (bed.send(&waiting).await, bed.send(&going).await);
    bed.until(&waiting, &format!("it waits: {why}"), |status| {
        let message = status["message"].as_str().unwrap_or_default();
        status["state"] == "QUEUED" && status["reason"] == "ClusterUnhealthy" && message.contains(why)
    })
    .await;
    bed.in_state(&going, "SUCCEEDED").await;
    assert_ne!(bed.status(&waiting).await["terminal"], true);
    waiting
}

/// Lets the job that waited run to its end.
async fn runs_now(bed: &Bed<'_>, id: &str) {
    let status = bed.in_state(id, "SUBMITTED").await;
    let name = status["objectName"].as_str().unwrap();
    bed.operator_says(name, "COMPLETED", "").await;
    bed.in_state(id, "SUCCEEDED").await;
    let walk = bed.walk(id).await;
    let legal = ["QUEUED", "DISPATCHING", "SUBMITTED", "SUCCEEDED"];
    assert!(
        walk.iter().all(|state| legal.contains(&state.as_str())),
        "{walk:?}"
    );
}

/// The cluster is away later, a job of it running.
async fn away_with_a_job_running(bed: &Bed<'_>) {
    let mut spec = spark_pi();
    spec["clusters"] = json!(["real"]);
    let (running, object) = bed.submitted(&spec).await;
    let name = object.metadata.name.unwrap();
    bed.operator_says(&name, "RUNNING", "").await;
    bed.in_state(&running, "RUNNING").await;
    bed.plane.stop_api_server();
    let id = waits_while_another_goes_on(bed, "").await;
    assert_eq!(bed.status(&running).await["state"], "RUNNING");
    bed.plane.start_api_server().await;
    bed.operator_says(&name, "COMPLETED", "").await;
    bed.in_state(&running, "SUCCEEDED").await;
    runs_now(bed, &id).await;
}

#[tokio::test]
async fn jobs_of_a_cluster_that_is_away_or_refuses_us_wait_while_the_others_go_on() {
    let plane = ControlPlane::start(Options::default()).await;
    plane.apply_spark_crd().await;
    let namespace = namespace_for(&plane, User::Broker).await;
    let clusters = [real(&plane, "real", &namespace, User::Broker), simulated("other")];
    let mut bed = Bed::prepare(&plane, &namespace, &clusters).await;

    // Away at the start.
    plane.stop_api_server();
    bed.start();
    let id = waits_while_another_goes_on(&bed, "").await;
    plane.start_api_server().await;
    runs_now(&bed, &id).await;

    away_with_a_job_running(&bed).await;

    // 401: the token isn't known any more.
    let tokens = plane.folder().join("tokens.csv");
    let known = std::fs::read_to_string(&tokens).unwrap();
    let others: Vec<&str> = known.lines().filter(|line| !line.contains(",broker,")).collect();
    std::fs::write(&tokens, others.join("\n") + "\n").unwrap();
    plane.stop_api_server();
    plane.start_api_server().await;
    let id = waits_while_another_goes_on(&bed, "401").await;
    std::fs::write(&tokens, known).unwrap();
    plane.stop_api_server();
    plane.start_api_server().await;
    runs_now(&bed, &id).await;

    // 403: the rights are taken away.
    let bindings: Api<RoleBinding> = Api::namespaced(plane.admin().await, &namespace);
    bindings
        .delete("spark-broker", &DeleteParams::default())
        .await
        .unwrap();
    let id = waits_while_another_goes_on(&bed, "403").await;
    for object in rights(&namespace, User::Broker) {
        plane.apply(&object, Some(&namespace)).await;
    }
    runs_now(&bed, &id).await;

    // 404: the operator's CRD isn't there.
    let crds: Api<CustomResourceDefinition> = Api::all(plane.admin().await);
    let crd = "sparkapplications.sparkoperator.k8s.io";
    crds.delete(crd, &DeleteParams::default()).await.unwrap();
    eventually("the CRD is gone", async || {
        crds.get_opt(crd).await.unwrap().is_none()
    })
    .await;
    let id = waits_while_another_goes_on(&bed, "404").await;
    plane.apply_spark_crd().await;
    runs_now(&bed, &id).await;
}

/// An API server on which the broker has its rights in the same namespace.
async fn another(namespace: &str) -> ControlPlane {
    let other = ControlPlane::start(Options::default()).await;
    other.apply_spark_crd().await;
    other.ensure_namespace(namespace).await;
    for object in rights(namespace, User::Broker) {
        other.apply(&object, Some(namespace)).await;
    }
    other
}

#[tokio::test]
async fn another_cluster_behind_the_same_name_makes_no_job_look_lost() {
    let plane = ControlPlane::start(Options::default()).await;
    plane.apply_spark_crd().await;
    let namespace = namespace_for(&plane, User::Broker).await;
    let cluster = real(&plane, "real", &namespace, User::Broker);
    let kubeconfig = cluster["connect"]["kubeconfig"].as_str().unwrap().to_owned();
    let mut bed = Bed::prepare(&plane, &namespace, &[cluster]).await;
    bed.start();
    let (id, object) = bed.submitted(&spark_pi()).await;
    let name = object.metadata.name.unwrap();

    let other = another(&namespace).await;
    let wrong = other.kubeconfig_with("wrong", &User::Broker.token());
    let right = std::fs::read(&kubeconfig).unwrap();
    bed.kill();
    std::fs::copy(wrong, &kubeconfig).unwrap();
    bed.start();
    bed.cluster_is("real", false, "another cluster answers").await;
    assert_eq!(bed.status(&id).await["state"], "SUBMITTED");

    bed.kill();
    std::fs::write(&kubeconfig, right).unwrap();
    bed.start();
    bed.cluster_is("real", true, "").await;
    bed.operator_says(&name, "COMPLETED", "").await;
    bed.in_state(&id, "SUCCEEDED").await;

    // Nothing is live there any more, so a new cluster may take the name.
    bed.kill();
    std::fs::copy(other.folder().join("wrong.kubeconfig"), &kubeconfig).unwrap();
    bed.start();
    bed.cluster_is("real", true, "").await;
}

/// Running jobs, two that were on their way when the broker was killed, and a kubeconfig that leads to another cluster.
#[tokio::test]
async fn another_cluster_behind_the_same_name_is_sent_nothing_and_ends_nothing_until_a_person_says_so() {
    let plane = ControlPlane::start(Options::default()).await;
    plane.apply_spark_crd().await;
    let namespace = namespace_for(&plane, User::Broker).await;
    let cluster = real(&plane, "real", &namespace, User::Broker);
    let kubeconfig = cluster["connect"]["kubeconfig"].as_str().unwrap().to_owned();
    let mut bed = Bed::prepare(&plane, &namespace, &[cluster]).await;
    bed.timing("lostSettle", "2s");
    bed.start();
    let mut jobs = running(&bed, &spark_pi(), 4).await;
    let mut again = spark_pi();
    again["retry"] = json!({"maxAttempts": 2, "on": ["Lost"]});
    jobs.extend(running(&bed, &again, 1).await);
    let other = another(&namespace).await;
    let wrong = other.kubeconfig_with("wrong", &User::Broker.token());
    let right = std::fs::read(&kubeconfig).unwrap();

    plane.pause_api_server();
    let (sent, cancelled) = (bed.send(&spark_pi()).await, bed.send(&spark_pi()).await);
    let before = bed.in_state(&sent, "DISPATCHING").await;
    bed.in_state(&cancelled, "DISPATCHING").await;
    bed.kill();
    plane.resume_api_server();
    std::fs::copy(&wrong, &kubeconfig).unwrap();
    bed.start();
    bed.cluster_is("real", false, "another cluster answers").await;
    bed.cancel(&cancelled).await;
    let stamped = |status: &serde_json::Value| status["version"].as_u64() > before["version"].as_u64();
    bed.until(&sent, "the next scheduler has made it its own", stamped)
        .await;
    // Longer than it takes to call an object lost, or a create absent for good.
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    for id in [&sent, &cancelled] {
        assert_eq!(bed.status(id).await["state"], "DISPATCHING");
    }
    for (id, _) in &jobs {
        assert_eq!(bed.walk(id).await.last().unwrap(), "RUNNING");
    }
    assert!(other.list_applications(&namespace).await.is_empty());

    bed.kill();
    std::fs::write(&kubeconfig, right).unwrap();
    bed.start();
    bed.in_state(&sent, "SUBMITTED").await;
    bed.in_state(&cancelled, "CANCELLED").await;
    for (id, _) in &jobs {
        assert_eq!(bed.walk(id).await.last().unwrap(), "RUNNING");
    }
    assert_eq!(plane.list_applications(&namespace).await.len(), jobs.len() + 1);

    bed.kill();
    std::fs::copy(&wrong, &kubeconfig).unwrap();
    bed.start();
    bed.cluster_is("real", false, "another cluster answers").await;
    bed.command(&["clusters", "confirm-lost", "real", "--reason", "rebuilt"])
        .await;
    for (id, _) in &jobs[..4] {
        let end = bed.in_state(id, "FAILED").await;
        assert_eq!((&end["reason"], &end["attempts"]), (&json!("Lost"), &json!(1)));
    }
    // Nothing lives on the one that was known: the rebuilt one takes its name.
    bed.until(&jobs[4].0, "sent again", |status| {
        status["attempt"] == 2 && status["state"] == "SUBMITTED"
    })
    .await;
    assert_eq!(other.list_applications(&namespace).await.len(), 1);
}
