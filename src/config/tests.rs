mod capacity;

use super::*;
use crate::model::{Bytes, Millicores};
use crate::routing::{CapacitySource, Order, Policy};

const WHOLE: &str = r#"
domain: default
intake:
  - queueName: spark-jobs
    deadLetterQueueName: spark-jobs-dlq
    defaultQueue: dev
store: {table: spark-broker, retention: 30d}
api: {listen: "127.0.0.1:8080"}
health: {listen: "0.0.0.0:8081"}
shutdownGrace: 25s
lease: {duration: 12s}
timing: {createSettle: 90s, submitSettle: 3m, endSettle: 10m}
defaults: {sparkConf: {spark.eventLog.enabled: "true"}}
overrides: {}
images: [{sparkVersion: 3.5.0, types: [Java, Scala, Python], image: "registry.example/spark:3.5.0"}]
queues:
  - name: dev
    weight: 30
    policy: least-utilized
    order: strict-fifo
    limits: {maxLive: 200, cores: 800, memory: 4Ti, maxExecutors: 200}
    defaults: {labels: {team: data}}
    overrides: {}
    allow: {senders: ["arn:aws:iam::1:role/a"], images: [a], serviceAccounts: [b]}
    deny: {sparkConf: ["^spark\\.kubernetes\\.authenticate"]}
  - name: prod
clusters:
  - name: spark-cluster-a
    weight: 50
    type: spark-operator
    namespace: spark-jobs
    connect: {kubeContext: a}
    queues: [dev]
    sparkVersions: ["3.5.0"]
    capacity: {sources: [nodes], provisionable: {cores: 200, memory: 1Ti, largestNode: {cores: 16, memory: 64Gi}}}
    pacing: {submissionsPerMinute: 25, burst: 5, maxPending: 20}
    limits: {maxLive: 2000}
    onUnreachable: wait
    commit: one-phase
    timeToLive: 24h
  - {name: b, namespace: n, connect: {eks: {name: x, region: eu-west-1, roleArn: "arn:aws:iam::1:role/a"}}}
  - {name: c, namespace: n, connect: {inCluster: true}}
  - {name: d, namespace: n, connect: {server: "https://10.0.0.1:6443", certificateAuthority: /ca.crt, tokenFile: /token}}
  - {name: e, type: simulated, simulated: {nodes: 2, cores: 8, memory: 32Gi}}
aws: {endpoints: {sqs: "http://127.0.0.1:9324", dynamodb: "http://127.0.0.1:8000"}}
"#;

/// Faults as `path: found`.
fn faults(text: &str) -> Vec<String> {
    let Faults(faults) = Config::check(text).unwrap_err();
    faults
        .iter()
        .map(|f| format!("{}: {}", f.path, f.found))
        .collect()
}

/// The faults of a right configuration with `change` in place of `part`.
fn faults_with(part: &str, change: &str) -> Vec<String> {
    assert!(SMALL.contains(part), "{part}");
    faults(&SMALL.replace(part, change))
}

const SMALL: &str = "
api: {}
intake: [{queueName: jobs, defaultQueue: dev}]
queues: [{name: dev}]
clusters: [{name: a, namespace: n, connect: {kubeContext: a}}]
";

/// A file with a fault of every kind.
const FAULTY: &str = r#"
domian: default
intake:
  - {queueName: jobs.fifo, defaultQueue: dve}
  - {}
store: {table: a, retention: a month}
api: {listen: "0.0.0.0:8080"}
health: {listen: nowhere}
lease: {duration: 12}
images: [{sparkVersion: 3.5, types: [Java], image: a}]
queues:
  - {name: dev, weight: 0, policy: wieghted, limits: {cores: lots, maxLive: -1}, deny: {sparkConf: ["("]}}
  - {name: dev}
  - {weight: 5}
  - 7
clusters:
  - name: a
    namespace: n
    connect: {kubeContext: a, inCluster: true}
    queues: [dev, prdo]
    capacity: {sources: [nodes, quotas, nodes, static], yunikorn: {queue: spark}, static: {memory: lots}}
    onUnreachable: flee
    commit: three-phase
    timeToLive: 1 day
  - {name: B, type: spark-operator, pacing: {burst: 3}}
aws: {endpoints: {sqs: "ftp://x"}}
"#;

#[test]
fn every_documented_key_is_read() {
    let config = Config::check(WHOLE).unwrap();
    let dev = &config.queues[0];
    assert_eq!(
        (dev.settings.weight, dev.settings.policy),
        (30, Policy::LeastUtilized)
    );
    assert_eq!(dev.settings.order, Order::StrictFifo);
    let limits = dev.settings.limits.resources.as_ref().unwrap();
    assert_eq!((limits.cpu, limits.memory), (Millicores(800_000), Bytes(4 << 40)));
    assert_eq!(dev.rules.policy.max_executors, Some(200));
    assert_eq!(dev.rules.layers.defaults["labels"]["team"], "data");
    let a = &config.clusters[0];
    assert_eq!(a.settings.sources, [CapacitySource::Nodes]);
    let room = a.settings.provisionable.as_ref().unwrap();
    assert_eq!(
        (room.total.cpu, room.largest_node.pods - 110),
        (Millicores(200_000), 0)
    );
    assert_eq!(
        a.target,
        Target::SparkOperator(Connect::Kubeconfig {
            file: None,
            context: Some("a".into())
        })
    );
    assert!(matches!(
        config.clusters[1].target,
        Target::SparkOperator(Connect::Eks { .. })
    ));
    assert_eq!(
        config.clusters[2].target,
        Target::SparkOperator(Connect::InCluster)
    );
    assert!(matches!(
        config.clusters[3].target,
        Target::SparkOperator(Connect::Token { .. })
    ));
    assert!(matches!(
        config.clusters[4].target,
        Target::Simulated { nodes: 2, .. }
    ));
    assert_eq!(config.images[0].spark_version, "3.5.0");
    assert_eq!(config.endpoints.sqs.as_deref(), Some("http://127.0.0.1:9324"));
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn little_is_required() {
    let config = Config::check(SMALL).unwrap();
    assert_eq!(config.domain.as_str(), "default");
    assert_eq!(config.api.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.api.auth, AuthSettings::None);
    assert_eq!(config.store.table, "spark-broker");
    assert_eq!(config.clusters[0].settings.pacing.max_pending, Some(20));
}

#[test]
fn faults_of_every_kind_and_section_are_told_at_once() {
    let mut found = faults(FAULTY);
    found.sort();
    let mut expected = vec![
        "api.listen: 0.0.0.0:8080, beyond loopback, without auth",
        "aws.endpoints.sqs: \"ftp://x\"",
        "clusters[0].capacity.sources[1]: \"quotas\"",
        "clusters[0].capacity.sources[2]: \"nodes\" again",
        "clusters[0].capacity.static.memory: \"lots\"",
        "clusters[0].capacity.yunikorn: a setting without sources: [yunikorn]",
        "clusters[0].commit: \"three-phase\"",
        "clusters[0].connect: several at once",
        "clusters[0].onUnreachable: \"flee\"",
        "clusters[0].queues[1]: \"prdo\", an unknown job queue",
        "clusters[0].timeToLive: \"1 day\"",
        "clusters[1].connect: nothing",
        "clusters[1].name: \"B\"",
        "clusters[1].namespace: nothing",
        "clusters[1].pacing.burst: 3 without submissionsPerMinute",
        "domian: an unknown key",
        "health.listen: \"nowhere\"",
        "images[0].sparkVersion: 3.5",
        "intake[0].defaultQueue: \"dve\", an unknown job queue",
        "intake[0].queueName: \"jobs.fifo\", a FIFO queue",
        "intake[1]: neither queueName nor queueUrl",
        "lease.duration: 12",
        "queues[0].deny.sparkConf[0]: \"(\" (error: unclosed group)",
        "queues[0].limits.cores: \"lots\"",
        "queues[0].limits.maxLive: -1",
        "queues[0].policy: wieghted",
        "queues[0].weight: 0",
        "queues[1].name: \"dev\" again",
        "queues[2].name: nothing",
        "queues[3]: 7",
        "store.retention: \"a month\"",
        "store.table: \"a\"",
    ];
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn a_near_miss_gets_a_suggestion() {
    let Faults(faults) = Config::check(&SMALL.replace("queueName", "queuename")).unwrap_err();
    assert!(
        faults[0].expected.ends_with("did you mean queueName?"),
        "{faults:?}"
    );
    let Faults(faults) =
        Config::check(&SMALL.replace("name: dev}", "name: dev, policy: binpak}")).unwrap_err();
    assert!(
        faults[0].expected.ends_with("did you mean binpack?"),
        "{faults:?}"
    );
}

#[test]
fn an_api_beyond_loopback_needs_auth_or_its_explicit_absence() {
    let with = |api: &str| Config::check(&SMALL.replace("api: {}", api));
    assert!(with(r#"api: {listen: "0.0.0.0:80"}"#).is_err());
    assert_eq!(
        with(r#"api: {listen: "0.0.0.0:80", auth: none}"#)
            .unwrap()
            .api
            .auth,
        AuthSettings::None
    );
    let file = with(r#"api: {listen: "[::]:80", auth: {tokenFile: /token}}"#).unwrap();
    assert_eq!(file.api.auth, AuthSettings::TokenFile("/token".into()));
    assert!(with(r#"api: {listen: "[::1]:80"}"#).is_ok());
    assert_eq!(
        faults_with("api: {}", "api: {auth: oauth}"),
        [r#"api.auth: "oauth""#]
    );
    assert_eq!(
        faults_with("api: {}", "api: {auth: {oidc: {issuer: a}}}"),
        [
            "api.auth.oidc: a setting, which isn't built yet",
            "api.auth.tokenFile: nothing"
        ]
    );
}

#[test]
fn what_isnt_yaml_or_has_a_key_twice_is_refused() {
    for text in [
        "{",
        "a: [",
        "- 1",
        "just text",
        "domain: a\ndomain: b\n",
        "a: 1\n---\nb: 2\n",
    ] {
        assert!(Config::check(text).is_err(), "{text}");
    }
    assert_eq!(faults(""), ["queues: no job queue", "clusters: no cluster"]);
}

#[test]
fn what_may_be_a_mistake_is_a_warning() {
    let text = SMALL.replace("connect:", "timeToLive: 1h, queues: [dev], connect:")
        + "defaults: {timeouts: {run: 2h}}\nlease: {duration: 2s}\n";
    let text = text.replace("{name: dev}", "{name: dev}, {name: prod}");
    let warnings = Config::check(&text).unwrap().warnings.join("\n");
    for part in ["lease.duration: 2 s", "timeToLive of a", "job queue prod"] {
        assert!(warnings.contains(part), "{part} isn't in {warnings}");
    }
}

#[test]
fn the_schema_refuses_unknown_keys_and_describes_known_ones() {
    let schema = schema();
    assert_eq!(schema["additionalProperties"], false);
    assert!(schema["properties"]["clusters"]["description"].is_string());
    assert_eq!(schema["$defs"]["RawCluster"]["additionalProperties"], false);
}

#[test]
fn the_examples_are_right() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/config");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let config = Config::load(&path).unwrap_or_else(|faults| panic!("{}:\n{faults}", path.display()));
        assert_eq!(config.warnings, Vec::<String>::new(), "{}", path.display());
        seen += 1;
    }
    assert!(seen > 0);
}

#[test]
fn partial_job_specs_are_checked_like_job_specs() {
    let text = SMALL.replace(
        "{name: dev}",
        "{name: none, overrides: {submissionId: a}}, {name: dev}",
    ) + "defaults: {driver: {memory: 2 gigs}, sparkConfig: {}}\n";
    let text = text.replace(
        "connect:",
        "defaults: {timeouts: {run: 2h}, nodeSelector: {}, executor: {memory: 8g}}, connect:",
    );
    let mut found = faults(&text);
    found.sort();
    let expected = [
        "clusters[0].defaults.executor.memory: a setting",
        "clusters[0].defaults.timeouts: a setting",
        "defaults.driver.memory: \"2 gigs\"",
        "defaults.sparkConfig: an unknown field",
        "queues[0].name: none",
        "queues[0].overrides.submissionId: a setting",
    ];
    assert_eq!(found, expected);
}

#[test]
fn values_that_can_never_work_are_faults() {
    let text = SMALL.replace("namespace: n,", "namespace: Not A Namespace!,") + "lease: {duration: 1ms}\n";
    let found = faults(&text);
    assert!(
        found
            .iter()
            .any(|fault| fault.starts_with("clusters[0].namespace: ")),
        "{found:?}"
    );
    assert!(
        found.iter().any(|fault| fault.starts_with("lease.duration: ")),
        "{found:?}"
    );
}

#[test]
fn the_section_of_a_cluster_makes_it_again_whatever_became_of_its_job_queues() {
    let b = "clusters: [{name: b, type: simulated, namespace: jobs, queues: [dev], commit: two-phase, \
             defaults: {sparkConf: {x: \"1\"}}}, ";
    let text = SMALL.replace("clusters: [", b);
    let config = Config::check(&text).unwrap();
    let b = &config.clusters[0];
    let again = Cluster::removed(b.section.as_deref().unwrap()).unwrap();
    assert_eq!(again.target, b.target);
    assert_eq!(again.settings.name, b.settings.name);
    assert_eq!(again.rules.layers, b.rules.layers);
    assert!(again.rules.two_phase && again.settings.queues.is_none());
    for bad in [
        "",
        "[]",
        "{}",
        r#"{"name": "b", "type": "unknown"}"#,
        r#"{"name": "b", "later": 1}"#,
    ] {
        assert!(Cluster::removed(bad).is_err(), "{bad}");
    }
}
