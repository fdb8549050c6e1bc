//! Requests accepted and refused.

use serde_json::json;

use super::*;
use crate::model::FixedClock;
use crate::submission::RecordKey;

fn acceptor() -> Acceptor {
    let object = |value: Value| value.as_object().unwrap().clone();
    let dev = QueueRules {
        layers: Layers {
            defaults: object(json!({"executor": {"memory": "4g"}, "sparkConf": {"a": "queue"}})),
            overrides: object(json!({"proxyUser": "queue"})),
        },
        policy: Policy::default(),
    };
    Acceptor {
        domain: "default".parse().unwrap(),
        clock: Arc::new(FixedClock::at("2026-11-23T00:00:00Z".parse().unwrap())),
        retention: 60,
        layers: Layers {
            defaults: object(json!({"sparkConf": {"a": "global", "b": "global"}})),
            ..Layers::default()
        },
        images: vec![Image {
            spark_version: "3.5.0".into(),
            types: vec!["Java".into()],
            image: "jvm:3.5.0".into(),
        }],
        queues: HashMap::from([("dev".parse().unwrap(), dev)]),
        clusters: vec![ClusterRules {
            name: "a".parse().unwrap(),
            namespace: "spark".into(),
            spark_versions: vec!["3.5.0".into()],
            two_phase: false,
            time_to_live: Some(3600),
            layers: Layers {
                defaults: object(json!({"nodeSelector": {"pool": "x"}})),
                ..Layers::default()
            },
        }],
    }
}

fn submission(spec: Value) -> Submission {
    let fingerprint = crate::message::fingerprint(&spec);
    Submission {
        id: "job-1".parse().unwrap(),
        spec: spec.as_object().unwrap().clone(),
        fingerprint,
    }
}

fn good() -> Value {
    json!({"queue": "dev", "sparkVersion": "3.5.0", "mainClass": "A", "mainApplicationFile": "local:///a.jar",
           "arguments": ["{spark-broker:submission-id}"], "timeouts": {"queue": "1m"}, "labels": {"team": "x"}})
}

#[test]
fn an_accepted_request_has_its_layers_its_image_and_its_demand() {
    let record = acceptor().accept(&submission(good()), None, Some("me")).unwrap();
    let effective: Value = serde_json::from_str(record.spec.effective.as_deref().unwrap()).unwrap();
    assert_eq!(effective["sparkConf"], json!({"a": "queue", "b": "global"}));
    assert_eq!(
        (&effective["image"], &effective["proxyUser"]),
        (&json!("jvm:3.5.0"), &json!("queue"))
    );
    assert_eq!(
        record.demand.executor.memory,
        crate::model::Bytes::mib(4096 + 409)
    );
    assert_eq!(
        record.queue_timeout_at,
        Some("2026-11-23T00:01:00Z".parse().unwrap())
    );
}

#[test]
fn the_object_carries_our_marks_and_the_clusters_layers() {
    let acceptor = acceptor();
    let mut record = acceptor.accept(&submission(good()), None, None).unwrap();
    record.cluster = Some("a".parse().unwrap());
    record.namespace = Some("spark".into());
    let object = acceptor
        .object(&record, &record.spec, &"installation-1".parse().unwrap())
        .unwrap();
    assert_eq!(object["metadata"]["name"], "sb-job-1-a1");
    assert_eq!(
        object["metadata"]["annotations"]["spark-broker/submission-id"],
        "job-1"
    );
    let labels = json!({
        "team": "x", "spark-broker/installation": "installation-1", "spark-broker/domain": "default",
        "spark-broker/submission": "job-1", "spark-broker/incarnation": record.incarnation.as_str(),
        "spark-broker/attempt": "1", "spark-broker/queue": "dev"
    });
    assert_eq!(object["metadata"]["labels"], labels);
    assert_eq!(
        object["spec"]["executor"]["labels"]["spark-broker/submission"],
        "job-1"
    );
    assert_eq!(object["spec"]["arguments"], json!(["job-1"]));
    assert_eq!(object["spec"]["nodeSelector"], json!({"pool": "x"}));
    assert_eq!(object["spec"]["timeToLiveSeconds"], 3600);
    for field in ["queue", "timeouts", "labels", "applicationName"] {
        assert!(object["spec"].get(field).is_none(), "{field} is the broker's own");
    }
}

#[test]
fn what_nothing_serves_is_told_with_what_is_served() {
    for (field, value, word) in [
        ("queue", "prodd", "dev"),
        ("sparkVersion", "2.4.0", "3.5.0"),
        ("clusters", "b", "a"),
    ] {
        let mut spec = good();
        spec[field] = if field == "clusters" {
            json!([value])
        } else {
            json!(value)
        };
        let rejection = acceptor().accept(&submission(spec), None, None).unwrap_err();
        assert_eq!(rejection.violations.len(), 1, "{rejection:?}");
        assert!(
            rejection.violations[0].path.starts_with(field)
                && rejection.violations[0].expected.contains(word)
        );
    }
}

#[test]
fn every_fault_is_told_at_once() {
    let spec = json!({"queue": "dev", "sparkVersion": "3.5.0", "driver": {"memory": "2 gigs"}, "volumes": [
        {"name": "v", "hostPath": {"path": "/"}}
    ]});
    let rejection = acceptor().accept(&submission(spec), None, None).unwrap_err();
    let paths: Vec<_> = rejection.violations.iter().map(|v| v.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "driver.memory",
            "volumes[0].hostPath",
            "mainApplicationFile",
            "image"
        ]
    );
}

#[test]
fn a_cluster_may_bring_the_image() {
    let mut acceptor = acceptor();
    let mut spec = good();
    spec["type"] = json!("Python");
    let rejection = acceptor
        .accept(&submission(spec.clone()), None, None)
        .unwrap_err();
    assert_eq!(rejection.violations[0].path, "image");
    acceptor.clusters[0].layers.overrides = json!({"image": "cluster:1"}).as_object().unwrap().clone();
    assert!(acceptor.accept(&submission(spec.clone()), None, None).is_ok());
    acceptor.clusters[0].layers.overrides.clear();
    acceptor.images.clear();
    assert!(acceptor.accept(&submission(spec), None, None).is_ok());
}

#[test]
fn a_request_without_a_queue_goes_to_the_default_one() {
    let mut spec = good();
    spec.as_object_mut().unwrap().remove("queue");
    let default = "dev".parse().unwrap();
    assert_eq!(
        acceptor()
            .accept(&submission(spec.clone()), Some(&default), None)
            .unwrap()
            .queue,
        default
    );
    assert_eq!(
        acceptor()
            .accept(&submission(spec), None, None)
            .unwrap_err()
            .violations[0]
            .path,
        "queue"
    );
}

#[test]
fn a_rejected_record_holds_every_violation_and_expires() {
    let acceptor = acceptor();
    let rejection = acceptor
        .accept(&submission(json!({"x": 1, "y": 2})), None, None)
        .unwrap_err();
    let record = acceptor.rejected(&rejection, Some("me"));
    assert_eq!((record.state, record.violations.len()), (State::Rejected, 5));
    assert_eq!(record.expires_at, Some(record.accepted_at.as_second() + 60));
    assert_eq!(record.history[0].to, State::Rejected);
    assert_eq!(RecordKey::from(&record).id.as_str(), "job-1");
}

#[test]
fn clusters_that_are_not_in_the_namespace_asked_for_are_a_fault() {
    let mut acceptor = acceptor();
    let mut other = acceptor.clusters[0].clone();
    other.name = "b".parse().unwrap();
    other.namespace = "elsewhere".into();
    acceptor.clusters.push(other);
    let mut spec = good();
    spec["namespace"] = json!("spark");
    spec["clusters"] = json!(["a"]);
    let record = acceptor.accept(&submission(spec.clone()), None, None).unwrap();
    assert_eq!(record.selector, ["a".parse().unwrap()]);
    spec["clusters"] = json!(["b"]);
    let rejection = acceptor.accept(&submission(spec), None, None).unwrap_err();
    assert_eq!(
        rejection
            .violations
            .iter()
            .map(|v| v.path.as_str())
            .collect::<Vec<_>>(),
        ["clusters"]
    );
}

#[test]
fn what_is_reckoned_with_is_written_out() {
    for (field, value) in [
        (
            "sparkConf",
            json!({"spark.executor.instances": "{spark-broker:attempt}00"}),
        ),
        ("executor", json!({"memory": "{spark-broker:attempt}00g"})),
    ] {
        let mut spec = good();
        spec[field] = value;
        let rejection = acceptor().accept(&submission(spec), None, None).unwrap_err();
        assert!(rejection.violations[0].path.starts_with(field), "{rejection:?}");
    }
}

#[test]
fn a_record_can_hold_the_faults_of_any_spec() {
    let mut spec = good();
    let names: Vec<String> = (0..60_000).map(|n| format!("zz-{n}")).collect();
    spec["clusters"] = json!(names);
    let acceptor = acceptor();
    let rejection = acceptor.accept(&submission(spec), None, None).unwrap_err();
    assert_eq!(rejection.violations.len(), 201);
    let record = acceptor.rejected(&rejection, None);
    let size = serde_json::to_string(&record.violations).unwrap().len();
    assert!(size < 300_000, "{size} bytes");
}

#[test]
fn under_two_phase_an_object_is_created_suspended_and_kueue_keeps_away() {
    let mut acceptor = acceptor();
    acceptor.clusters[0].two_phase = true;
    let mut record = acceptor.accept(&submission(good()), None, None).unwrap();
    record.cluster = Some("a".parse().unwrap());
    let made = |spec: &SpecTexts| acceptor.object(&record, spec, &InstallationId::random());
    let object = made(&record.spec).unwrap();
    assert_eq!(object["spec"]["suspend"], true);
    assert_eq!(
        object["metadata"]["annotations"]["spark-broker/commit"],
        "two-phase"
    );

    let mut labelled = good();
    labelled["labels"] = json!({"kueue.x-k8s.io/queue-name": "team-a"});
    let labelled = acceptor.accept(&submission(labelled), None, None).unwrap();
    let refused = made(&labelled.spec).unwrap_err();
    assert!(refused.contains("kueue.x-k8s.io/queue-name"), "{refused}");
}
