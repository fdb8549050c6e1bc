//! The Helm chart, rendered by helm.

use std::process::Command;

use serde_json::{Value, json};

use crate::cluster::ControlPlane;
use crate::tools;

fn helm(arguments: &[&str]) -> String {
    let program = tools::go_tool("helm", "helm.sh/helm/v3/cmd/helm");
    tools::run(
        Command::new(program)
            .current_dir(tools::project().join("deploy/chart"))
            .args(arguments),
    )
}

/// The objects that the chart renders with its own values, changed by `settings` (each as for `--set-json`).
pub fn rendered(settings: &[&str]) -> Vec<Value> {
    let mut arguments = vec!["template", "spark-broker", "spark-broker"];
    // Without a cluster helm assumes the version that it was linked for.
    arguments.extend(["--namespace", "spark-broker", "--kube-version", "1.36.3"]);
    arguments.extend(settings.iter().flat_map(|setting| ["--set-json", setting]));
    serde_saphyr::from_multiple(&helm(&arguments)).unwrap()
}

/// The one object of `kind` among `objects`.
pub fn object<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    let mut found = objects.iter().filter(|object| object["kind"] == kind);
    let first = found.next().unwrap_or_else(|| panic!("no {kind}"));
    assert!(found.next().is_none(), "more than one {kind}");
    first
}

/// The broker's configuration in the rendered ConfigMap.
pub fn configuration(objects: &[Value]) -> String {
    object(objects, "ConfigMap")["data"]["config.yaml"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn pod(objects: &[Value]) -> &Value {
    &object(objects, "Deployment")["spec"]["template"]
}

fn container(objects: &[Value]) -> &Value {
    &pod(objects)["spec"]["containers"][0]
}

#[test]
fn the_chart_is_free_of_lint() {
    helm(&["lint", "--strict", "spark-broker"]);
}

#[test]
fn two_pods_run_without_rights_over_their_node() {
    let objects = rendered(&[]);
    assert_eq!(object(&objects, "Deployment")["spec"]["replicas"], 2);
    assert_eq!(
        object(&objects, "PodDisruptionBudget")["spec"]["maxUnavailable"],
        1
    );
    let spec = &pod(&objects)["spec"];
    assert_eq!(spec["securityContext"]["runAsNonRoot"], true);
    assert_eq!(
        spec["serviceAccountName"],
        object(&objects, "ServiceAccount")["metadata"]["name"]
    );
    let context = &container(&objects)["securityContext"];
    assert_eq!(context["readOnlyRootFilesystem"], true);
    assert_eq!(context["allowPrivilegeEscalation"], false);
    assert_eq!(context["capabilities"]["drop"], json!(["ALL"]));
    assert!(container(&objects)["resources"]["limits"]["memory"].is_string());
}

#[test]
fn the_probes_ask_the_port_that_the_configuration_opens() {
    let objects = rendered(&[]);
    let configuration: Value = serde_saphyr::from_str(&configuration(&objects)).unwrap();
    let port = configuration["health"]["listen"]
        .as_str()
        .unwrap()
        .split(':')
        .nth(1)
        .unwrap();
    let ports = container(&objects)["ports"].as_array().unwrap();
    assert!(ports.contains(&json!({"name": "health", "containerPort": port.parse::<u16>().unwrap()})));
    for (probe, path) in [("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")] {
        assert_eq!(
            container(&objects)[probe]["httpGet"],
            json!({"path": path, "port": "health"})
        );
    }
}

#[test]
fn a_pod_has_longer_to_stop_than_the_broker_takes() {
    let objects = rendered(&[]);
    let configuration: Value = serde_saphyr::from_str(&configuration(&objects)).unwrap();
    let grace: u64 = configuration["shutdownGrace"]
        .as_str()
        .unwrap()
        .trim_end_matches('s')
        .parse()
        .unwrap();
    assert!(
        pod(&objects)["spec"]["terminationGracePeriodSeconds"]
            .as_u64()
            .unwrap()
            > grace
    );
}

#[test]
fn the_configuration_goes_in_verbatim_and_leaves_the_pods_which_reload_it() {
    let (before, after) = (
        rendered(&[]),
        rendered(&[r#"config.queues=[{"name":"prod","weight":1000000}]"#]),
    );
    let configuration: Value = serde_saphyr::from_str(&configuration(&after)).unwrap();
    assert_eq!(
        configuration["queues"],
        json!([{"name": "prod", "weight": 1_000_000}])
    );
    assert_eq!(object(&before, "Deployment"), object(&after, "Deployment"));
}

#[test]
fn the_configuration_that_it_renders_passes_check_config() {
    let file = tools::target("delivery").join(format!("rendered-{}.yaml", std::process::id()));
    std::fs::write(&file, configuration(&rendered(&[]))).unwrap();
    let broker = env!("CARGO_BIN_EXE_spark-broker");
    tools::run(Command::new(broker).args(["check-config", "--config"]).arg(&file));
}

#[tokio::test]
async fn a_real_api_server_takes_what_it_renders() {
    let plane = ControlPlane::shared().await;
    plane.ensure_namespace("spark-broker").await;
    let role =
        r#"serviceAccount.annotations={"eks.amazonaws.com/role-arn":"arn:aws:iam::123456789012:role/r"}"#;
    let all = rendered(&["service.api=true", role]);
    assert!(all.len() >= 5, "{all:#?}");
    for object in &all {
        let taken = plane.dry_run(object, Some("spark-broker")).await;
        assert!(taken.metadata.uid.is_some(), "{object:#}");
    }
}

#[test]
fn the_api_is_offered_only_when_told() {
    let ports = |objects: &[Value]| {
        object(objects, "Service")["spec"]["ports"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(ports(&rendered(&[])), 1);
    assert_eq!(ports(&rendered(&["service.api=true"])), 2);
}

#[test]
fn the_service_account_carries_the_role() {
    let role =
        r#"serviceAccount.annotations={"eks.amazonaws.com/role-arn":"arn:aws:iam::123456789012:role/r"}"#;
    let objects = rendered(&[role]);
    let annotations = &object(&objects, "ServiceAccount")["metadata"]["annotations"];
    assert_eq!(
        annotations["eks.amazonaws.com/role-arn"],
        "arn:aws:iam::123456789012:role/r"
    );
}
