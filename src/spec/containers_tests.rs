//! What stands beside Spark's own container in its pods.

use serde_json::{Value, json};

use super::demand;
use super::demand_tests::of;
use crate::model::{Bytes, Millicores};

fn driver(field: Value) -> (u64, u64, u64) {
    let spec = json!({"mainApplicationFile": "a.jar", "driver": field});
    let demand = of(spec);
    (
        demand.driver.cpu.0,
        demand.driver.memory.0 / Bytes::mib(1).0,
        demand.driver.get("nvidia.com/gpu"),
    )
}

fn container(name: &str, cpu: &str, memory: &str) -> Value {
    json!({"name": name, "resources": {"requests": {"cpu": cpu, "memory": memory}}})
}

#[test]
fn sidecars_add_up() {
    // 1 core and 1408 MiB of Spark's own, with 500m and 1 GiB.
    assert_eq!(
        driver(json!({"sidecars": [container("s", "500m", "1Gi")]})),
        (1500, 2432, 0)
    );
    // A limit without a request counts as one.
    let limited = json!({"sidecars": [{"name": "s", "resources": {"limits": {"cpu": 2}}}]});
    assert_eq!(driver(limited), (3000, 1408, 0));
}

#[test]
fn an_init_container_counts_where_it_needs_more_than_all_others() {
    assert_eq!(
        driver(json!({"initContainers": [container("i", "3", "100Mi")]})),
        (3000, 1408, 0)
    );
    let mut restarted = container("i", "3", "100Mi");
    restarted["restartPolicy"] = json!("Always");
    assert_eq!(driver(json!({"initContainers": [restarted]})), (4000, 1508, 0));
}

#[test]
fn a_template_adds_its_containers_but_not_sparks_own_cpu_and_memory() {
    let mut own = container("spark-kubernetes-driver", "7", "7Gi");
    own["resources"]["limits"] = json!({"nvidia.com/gpu": 1});
    let template = json!({"template": {"spec": {"containers": [own, container("x", "250m", "256Mi")]}}});
    assert_eq!(driver(template), (1250, 1664, 1));
    assert_eq!(Millicores(1000), demand(&serde_json::Map::new()).driver.cpu);
}
