//! Where capacity is read from.

use super::*;

/// The faults of a cluster's capacity, without the path before them.
fn faults_of_capacity(kind: &str, capacity: &str) -> Vec<String> {
    let clusters = format!("clusters: [{{name: a, {kind}, capacity: {capacity}}}]");
    let text = SMALL.split("clusters:").next().unwrap().to_owned() + &clusters;
    match Config::check(&text) {
        Ok(_) => Vec::new(),
        Err(faults) => faults
            .0
            .iter()
            .map(|f| f.to_string().replace("clusters[0].capacity", ""))
            .collect(),
    }
}

/// Capacities that are refused, and with what words.
const WRONG: [(&str, &str); 11] = [
    (
        "{sources: [yunikorn]}",
        ".yunikorn: found nothing, expected {queue, url} or {queue, service}",
    ),
    (
        "{sources: [static]}",
        ".static: found nothing, expected some of cores, memory, pods, extended",
    ),
    (
        "{sources: [static], static: {}}",
        ".static: found no amount, expected some of cores, memory, pods, extended",
    ),
    (
        "{sources: [yunikorn], yunikorn: {queue: root.a}}",
        ".yunikorn: found neither url nor service, expected one of them",
    ),
    (
        "{sources: [yunikorn], yunikorn: {queue: root.a, url: \"http://y\", service: {}}}",
        ".yunikorn: found url and service, expected one of them",
    ),
    (
        "{sources: [yunikorn], yunikorn: {queue: spark, service: {}}}",
        ".yunikorn.queue: found \"spark\", expected a queue's full path, such as root.spark",
    ),
    (
        "{sources: [yunikorn], yunikorn: {queue: root, service: {name: a/b}}}",
        ".yunikorn.service.name: found \"a/b\", expected a DNS label: at most 63 of a-z, 0-9 and -",
    ),
    (
        "{sources: [yunikorn], yunikorn: {queue: root.a, service: {port: 70000}}}",
        ".yunikorn.service.port: found 70000, expected a whole number of 1 to 65535",
    ),
    (
        "{sources: [nods]}",
        ".sources[0]: found \"nods\", expected one of nodes, quota, yunikorn, static, did you mean nodes?",
    ),
    (
        "{sources: [quota], provisionable: {cores: 1, memory: 1Gi, largestNode: {cores: 1, memory: 1Gi}}}",
        ".provisionable: found a setting without sources: [nodes], expected no such key, or sources: [nodes]",
    ),
    (
        "{sources: [nodes], provisionable: {cores: 64, memory: 256Gi, largestNode: {cores: 16, memory: 64Gi, \
         extended: {nvidia.com/gpu: 4}}}}",
        ".provisionable.largestNode.extended[\"nvidia.com/gpu\"]: found 4, expected at most 0, as extended has altogether",
    ),
];

#[test]
fn each_capacity_source_has_what_it_needs_and_nothing_else() {
    let real = |capacity: &str| faults_of_capacity("namespace: n, connect: {kubeContext: a}", capacity);
    for right in [
        "{sources: [quota, nodes]}",
        "{sources: [yunikorn], yunikorn: {queue: root.a.b, url: \"http://y:9080\"}}",
        "{sources: [yunikorn], yunikorn: {queue: root, partition: gpu, service: {}}}",
        "{sources: [static], static: {cores: 10, memory: 1Ti, pods: 5, extended: {nvidia.com/gpu: 2}}}",
    ] {
        assert_eq!(real(right), Vec::<String>::new(), "{right}");
    }
    for (capacity, told) in WRONG {
        assert_eq!(real(capacity), [told], "{capacity}");
    }
    let simulated = faults_of_capacity("type: simulated", "{sources: [quota]}");
    assert_eq!(
        simulated,
        [".sources[0]: found \"quota\" of a simulated cluster, expected nodes or static there"]
    );
}
