//! API server, scheduler and KWOK.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::cluster::{ControlPlane, Driver, Node, Options, eventually};

fn phase(pod: &k8s_openapi::api::core::v1::Pod) -> String {
    pod.status
        .as_ref()
        .and_then(|status| status.phase.clone())
        .unwrap_or_default()
}

/// Name of the pod, how it is told to end; then phase, exit code and reason that it must show.
fn drivers() -> [(&'static str, Driver, &'static str, i32, &'static str); 4] {
    [
        (
            "success",
            Driver::succeeds_after("500ms"),
            "Succeeded",
            0,
            "Completed",
        ),
        ("failure", Driver::fails_after("1s", 3), "Failed", 3, "Error"),
        (
            "memory",
            Driver::out_of_memory_after("1s"),
            "Failed",
            137,
            "OOMKilled",
        ),
        ("evicted", Driver::evicted_after("1s"), "Failed", 137, "Error"),
    ]
}

#[tokio::test]
async fn a_pod_is_bound_to_a_node_runs_and_ends_as_its_annotations_tell() {
    let plane = ControlPlane::start(Options::whole()).await;
    let namespace = plane.create_namespace("pods").await;
    plane.add_node(&Node::new("node-1", "4", "8Gi")).await;
    for (name, driver, ..) in drivers() {
        let metadata = json!({"labels": {"spark-role": "driver"}, "annotations": driver.annotations()});
        plane
            .create_pod(&namespace, name, metadata, json!({"cpu": "1", "memory": "1Gi"}))
            .await;
    }
    plane
        .create_pod(&namespace, "waiting", json!({}), json!({"cpu": "1"}))
        .await;
    eventually("all drivers have ended", async || {
        let pods = plane.pods(&namespace).await;
        pods.iter()
            .filter(|pod| ["Succeeded", "Failed"].contains(&phase(pod).as_str()))
            .count()
            == 4
    })
    .await;
    let pods = plane.pods(&namespace).await;
    for (name, _, wanted_phase, code, reason) in drivers() {
        let pod = pods
            .iter()
            .find(|pod| pod.metadata.name.as_deref() == Some(name))
            .unwrap();
        let status = serde_json::to_value(pod.status.as_ref().unwrap()).unwrap();
        let end = &status["containerStatuses"][0]["state"]["terminated"];
        assert_eq!(phase(pod), wanted_phase, "{name}");
        assert_eq!(
            (&end["exitCode"], &end["reason"]),
            (&json!(code), &json!(reason)),
            "{name}"
        );
        assert_eq!(status["reason"] == "Evicted", name == "evicted", "{name}");
    }
    eventually("the pod that found no room runs in its turn", async || {
        plane
            .pods(&namespace)
            .await
            .iter()
            .any(|pod| phase(pod) == "Running")
    })
    .await;
}

#[tokio::test]
async fn nodes_have_room_on_a_bare_api_server_too() {
    let plane = ControlPlane::shared().await;
    plane.add_node(&Node::new("bare-1", "4", "8Gi")).await;
}

#[tokio::test]
async fn an_api_server_comes_back_at_the_same_address_with_the_same_objects() {
    let plane = ControlPlane::start(Options::default()).await;
    let namespace = plane.create_namespace("outage").await;
    plane.create_pod(&namespace, "kept", json!({}), json!({})).await;
    let url = plane.url();

    plane.pause_api_server();
    let held = tokio::time::timeout(Duration::from_secs(1), plane.admin().await.apiserver_version()).await;
    assert!(held.is_err(), "a held API server answers nothing");
    plane.resume_api_server();
    plane.admin().await.apiserver_version().await.unwrap();

    plane.stop_api_server();
    assert!(plane.admin().await.apiserver_version().await.is_err());
    plane.start_api_server().await;
    assert_eq!(plane.url(), url);
    assert_eq!(plane.pods(&namespace).await.len(), 1);
}

#[tokio::test]
async fn nothing_is_left_behind() {
    let start = Instant::now();
    let plane = ControlPlane::start(Options::default()).await;
    eprintln!("an API server is ready after {:?}", start.elapsed());
    let (folder, port) = (plane.folder().to_owned(), plane.port());
    assert!(folder.exists());
    drop(plane);
    assert!(!folder.exists(), "the folder goes with its control plane");
    assert!(
        std::net::TcpStream::connect(("127.0.0.1", port)).is_err(),
        "the port is free"
    );
}
