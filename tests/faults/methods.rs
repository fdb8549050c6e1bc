//! The methods of the ports, as their sources declare them: none can be forgotten here.

const PORTS: [(&str, &str, &str); 4] = [
    (
        "store",
        "pub trait Store:",
        include_str!("../../src/ports/store.rs"),
    ),
    (
        "coordination",
        "pub trait Coordination:",
        include_str!("../../src/ports/store.rs"),
    ),
    (
        "cluster",
        "pub trait Cluster:",
        include_str!("../../src/ports/cluster.rs"),
    ),
    (
        "queue",
        "pub trait SubmissionQueue:",
        include_str!("../../src/ports/queue.rs"),
    ),
];

/// All that can fail: `port.method`. What isn't `async` calls nobody.
pub fn methods() -> Vec<String> {
    PORTS
        .iter()
        .flat_map(|(port, declared, source)| of(port, declared, source))
        .collect()
}

fn of(port: &str, declared: &str, source: &str) -> Vec<String> {
    let (_, rest) = source.split_once(declared).unwrap();
    let (body, _) = rest.split_once("\n}").unwrap();
    let named = body
        .lines()
        .filter_map(|line| line.trim().strip_prefix("async fn "));
    let names = named.filter_map(|line| line.split_once('('));
    names.map(|(name, _)| format!("{port}.{name}")).collect()
}
