//! What a pod takes from its node (kubernetes.io, "Init containers: resource sharing within containers", "Sidecar
//! containers", "Pod overhead").

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};

use super::quantity::resources;
use crate::model::Resources;

/// The pod's effective requests, itself as one pod included.
pub(super) fn of_pod(pod: &Pod) -> Resources {
    let mut sum = pod.spec.as_ref().map(of_spec).unwrap_or_default();
    sum.pods = 1;
    sum
}

fn of_spec(spec: &PodSpec) -> Resources {
    let mut sidecars = Resources::default();
    let mut peak = Resources::default();
    for container in spec.init_containers.iter().flatten() {
        let request = of_container(container);
        if container.restart_policy.as_deref() == Some("Always") {
            sidecars = sidecars.plus(&request);
            peak = peak.max(&sidecars);
        } else {
            // An init container runs beside the sidecars that were started before it.
            peak = peak.max(&sidecars.plus(&request));
        }
    }
    let running = spec
        .containers
        .iter()
        .map(of_container)
        .fold(sidecars, |sum, one| sum.plus(&one));
    let effective = with_pod_level(spec, running.max(&peak));
    match &spec.overhead {
        Some(overhead) => effective.plus(&resources(overhead)),
        None => effective,
    }
}

fn of_container(container: &Container) -> Resources {
    let requests = container.resources.as_ref().and_then(|r| r.requests.as_ref());
    requests.map(resources).unwrap_or_default()
}

/// Requests of the pod as a whole stand in the place of its containers'.
fn with_pod_level(spec: &PodSpec, mut sum: Resources) -> Resources {
    let Some(requests) = spec.resources.as_ref().and_then(|r| r.requests.as_ref()) else {
        return sum;
    };
    let whole = resources(requests);
    if requests.contains_key("cpu") {
        sum.cpu = whole.cpu;
    }
    if requests.contains_key("memory") {
        sum.memory = whole.memory;
    }
    sum
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn cpu_of(spec: Value) -> u64 {
        let pod = json!({"metadata": {"name": "p"}, "spec": spec});
        of_pod(&serde_json::from_value(pod).unwrap()).cpu.0
    }

    fn container(cpu: &str) -> Value {
        json!({"name": "c", "resources": {"requests": {"cpu": cpu}}})
    }

    fn sidecar(cpu: &str) -> Value {
        json!({"name": "s", "restartPolicy": "Always", "resources": {"requests": {"cpu": cpu}}})
    }

    #[test]
    fn containers_add_up_and_the_largest_init_container_counts_where_it_exceeds_them() {
        assert_eq!(
            cpu_of(json!({"containers": [container("1"), container("500m")]})),
            1500
        );
        assert_eq!(
            cpu_of(json!({"containers": [container("1")], "initContainers": [container("3")]})),
            3000
        );
    }

    #[test]
    fn sidecars_run_beside_what_is_started_after_them() {
        let spec = json!({"containers": [container("1")], "initContainers": [sidecar("1"), container("3")]});
        assert_eq!(cpu_of(spec), 4000);
        let spec = json!({"containers": [container("4")], "initContainers": [container("3"), sidecar("1")]});
        assert_eq!(cpu_of(spec), 5000);
    }

    #[test]
    fn overhead_is_added_and_requests_of_the_whole_pod_win() {
        assert_eq!(
            cpu_of(json!({"containers": [container("1")], "overhead": {"cpu": "250m"}})),
            1250
        );
        let spec = json!({"containers": [container("1")], "resources": {"requests": {"cpu": "2"}}});
        assert_eq!(cpu_of(spec), 2000);
    }
}
