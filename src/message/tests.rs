//! Messages as clients send them, good and bad.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn read(body: &[u8]) -> Result<Request, Undecodable> {
    let none = BTreeMap::new();
    decode(&Envelope {
        body,
        message_id: "message-1",
        attributes: &none,
    })
}

fn submitted(body: &Value) -> Submission {
    match read(body.to_string().as_bytes()) {
        Ok(Request::Submit(submission)) => submission,
        other => panic!("{other:?}"),
    }
}

fn fault(body: &[u8]) -> Violation {
    read(body).unwrap_err().violations.remove(0)
}

#[test]
fn the_id_is_the_specs_own_then_the_attributes_then_the_events_then_the_messages() {
    let event = |detail: Value| json!({"version": "0", "id": "event-1", "detail-type": "x", "source": "y", "detail": detail});
    assert_eq!(submitted(&json!({"queue": "dev"})).id.as_str(), "message-1");
    assert_eq!(submitted(&json!({"submissionId": "own-1"})).id.as_str(), "own-1");
    assert_eq!(submitted(&event(json!({"queue": "dev"}))).id.as_str(), "event-1");
    assert_eq!(
        submitted(&event(json!({"submissionId": "own-1"}))).id.as_str(),
        "own-1"
    );
    let attributes = BTreeMap::from([("submissionId".to_owned(), "attribute-1".to_owned())]);
    let body = event(json!({})).to_string();
    let envelope = Envelope {
        body: body.as_bytes(),
        message_id: "message-1",
        attributes: &attributes,
    };
    let Ok(Request::Submit(submission)) = decode(&envelope) else {
        panic!("not a submission")
    };
    assert_eq!(submission.id.as_str(), "attribute-1");
}

#[test]
fn the_same_spec_written_otherwise_has_the_same_fingerprint() {
    let a = submitted(&serde_json::from_str(r#"{"a":{"x":1,"y":[2.0]},"b":null}"#).unwrap());
    let b = submitted(&serde_json::from_str(r#"{ "b":null, "a":{"y":[2],"x":1.0} }"#).unwrap());
    let c = submitted(&json!({"a": {"x": 1, "y": [3]}, "b": null}));
    assert_eq!(a.fingerprint, b.fingerprint);
    assert_ne!(a.fingerprint, c.fingerprint);
}

#[test]
fn a_cancel_names_its_submission_and_nothing_else() {
    let id = "job-1".parse().unwrap();
    assert_eq!(read(br#"{"cancel":"job-1"}"#).unwrap(), Request::Cancel { id });
    assert_eq!(fault(br#"{"cancel":"a/b"}"#).path, "cancel");
    assert_eq!(fault(br#"{"cancel":"a","queue":"dev"}"#).path, "queue");
}

#[test]
fn what_is_not_a_json_object_is_refused_with_what_was_found() {
    assert!(fault(b"").found.contains("empty"));
    assert!(fault(b"x").found.contains("line 1"));
    assert!(fault(b"[1]").found.contains("an array"));
    assert!(fault(b"\"{}\"").found.contains("a string"));
    assert!(fault(b"{\"a\":\"\xff\"}").found.contains("offset 6"));
    let twice = fault(br#"{"a":1,"b":[{"c":1,"c":2}]}"#);
    assert!(twice.found.contains("\"c\""), "{twice}");
    assert_eq!(twice.path, "b[0]");
    assert!(fault(br#"{"a":1}x"#).found.contains("trailing"));
    assert!(fault(br#"{"a":1e999}"#).found.contains("range"));
}

#[test]
fn deep_nesting_is_refused_without_a_deep_stack() {
    let body = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
    assert!(fault(body.as_bytes()).found.contains("5000"));
    let quoted = format!("{{\"a\":\"{}\"}}", "[".repeat(5000));
    assert!(read(quoted.as_bytes()).is_ok());
}

#[test]
fn an_event_without_a_detail_is_refused_under_its_own_id() {
    let refused = read(br#"{"version":"0","id":"event-1","detail-type":"x"}"#).unwrap_err();
    assert_eq!(refused.violations[0].path, "detail");
    assert_eq!(refused.id.unwrap().as_str(), "event-1");
}

#[test]
fn a_bad_id_is_told_together_with_the_rest() {
    let long = "x".repeat(300);
    let body = json!({"submissionId": long, "driver": {"memory": "2 gigs"}}).to_string();
    let refused = read(body.as_bytes()).unwrap_err();
    let paths: Vec<_> = refused.violations.iter().map(|v| v.path.as_str()).collect();
    assert!(
        paths.contains(&"submissionId") && paths.contains(&"driver.memory"),
        "{paths:?}"
    );
}

#[test]
fn forms_that_are_not_built_are_refused_by_name() {
    for body in [
        json!({"Records": []}),
        json!({"Type": "Notification", "TopicArn": "arn", "Message": "{}"}),
        json!({"Data": {}, "Metadata": {}, "SystemMetadata": {}}),
        json!({"template": "t", "parameters": {}}),
        json!({"version": "0", "id": "e", "source": "aws.s3", "detail-type": "Object Created", "detail": {}}),
        json!(["software.amazon.payloadoffloading.PayloadS3Pointer", {"s3BucketName": "b", "s3Key": "k"}]),
    ] {
        assert_eq!(
            read(body.to_string().as_bytes()).unwrap_err().reason,
            Reason::UnsupportedField,
            "{body}"
        );
    }
    assert!(matches!(
        read(br#"{"Service":"Amazon S3","Event":"s3:TestEvent"}"#),
        Ok(Request::Ignore { .. })
    ));
}

#[test]
fn a_spark_application_is_read_as_a_job_spec() {
    let manifest = json!({
        "apiVersion": "sparkoperator.k8s.io/v1beta2", "kind": "SparkApplication",
        "metadata": {"name": "pi", "namespace": "spark", "labels": {"spark-broker/queue": "dev", "team": "a"}},
        "spec": {"type": "Scala", "mainApplicationFile": "local:///a.jar"}
    });
    let spec = submitted(&manifest).spec;
    assert_eq!(
        (&spec["applicationName"], &spec["queue"], &spec["namespace"]),
        (&json!("pi"), &json!("dev"), &json!("spark"))
    );
    assert_eq!(spec["labels"], json!({"team": "a"}));

    let mut twice = manifest.clone();
    twice["spec"]["queue"] = json!("prod");
    let refused = read(twice.to_string().as_bytes()).unwrap_err();
    assert_eq!(refused.violations[0].path, "metadata.labels.spark-broker/queue");

    let mut bad = manifest;
    bad["metadata"]["creationTimestamp"] = Value::Null;
    bad["metadata"]["finalizers"] = json!(["x"]);
    bad["status"] = json!({});
    bad["kind"] = json!("ScheduledSparkApplication");
    let refused = read(bad.to_string().as_bytes()).unwrap_err();
    let paths: Vec<_> = refused.violations.iter().map(|v| v.path.as_str()).collect();
    assert_eq!(paths, ["kind", "metadata.finalizers", "status"]);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&body);
    }

    #[test]
    fn no_text_of_json_characters_makes_it_panic(body in r#"[\{\}\[\]",:a0\\ .-]{0,60}"#) {
        let _ = read(body.as_bytes());
    }
}
