//! Documents as people write them.

use serde_json::{Value, json};

use super::*;

const MANIFEST: &str = "
apiVersion: sparkoperator.k8s.io/v1beta2
kind: SparkApplication
metadata: {name: pi, namespace: spark}
spec:
  type: Python
  sparkVersion: \"3.10\"
  mainApplicationFile: local:///pi.py
";

const JOB: &str = "{\"mainApplicationFile\": \"local:///a.py\", \"type\": \"Python\"}";

fn read_text(text: &str) -> Result<Vec<Document>, Failure> {
    read(&[("jobs.yaml".to_owned(), text.as_bytes().to_vec())], None)
}

fn body(document: &Document) -> Value {
    serde_json::from_slice(&document.body).unwrap()
}

/// The lines in which the faults of `text` are told.
fn faults(text: &str) -> Vec<String> {
    let told = read_text(text).unwrap_err().to_string();
    told.lines().map(|line| line.trim().to_owned()).collect()
}

#[test]
fn json_is_sent_as_it_is_written() {
    let documents = read_text(JOB).unwrap();
    assert_eq!(documents.len(), 1);
    assert_eq!(documents[0].body, JOB.as_bytes());
    assert_eq!(documents[0].place.to_string(), "jobs.yaml");
}

#[test]
fn a_file_holds_manifests_and_job_specs_and_empty_documents_are_passed_over() {
    let text = format!("# first\n---\n{MANIFEST}\n---\n# nothing\n---\n{JOB}\n---\n");
    let documents = read_text(&text).unwrap();
    let places: Vec<_> = documents.iter().map(|d| d.place.to_string()).collect();
    assert_eq!(
        places,
        [
            "jobs.yaml, document 1 (SparkApplication pi)",
            "jobs.yaml, document 2"
        ]
    );
    assert_eq!(body(&documents[0])["spec"]["sparkVersion"], "3.10");
    assert_eq!(body(&documents[1])["type"], "Python");
}

#[test]
fn every_document_that_cannot_go_is_told_before_anything_is_sent() {
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\n";
    let bad = MANIFEST.replace("name: pi,", "name: bad, finalizers: [x], uid: u,") + "status: {}\n";
    let text = format!("{config}---\n{MANIFEST}---\n{bad}");
    let told = faults(&text);
    assert_eq!(told[0], "nothing was sent: 2 of 3 documents can't be submitted");
    assert!(
        told[1].starts_with("jobs.yaml, document 1 (ConfigMap settings): kind: found a ConfigMap")
            && told[1].contains("kubectl"),
        "{told:#?}"
    );
    let place = "jobs.yaml, document 3 (SparkApplication bad): ";
    for (line, path, advice) in [
        (
            2,
            "metadata.finalizers",
            "the broker makes and removes the object",
        ),
        (3, "metadata.uid", "the API server writes it"),
        (4, "status", "the operator writes it"),
    ] {
        assert!(
            told[line].starts_with(&format!("{place}{path}: ")) && told[line].contains(advice),
            "{told:#?}"
        );
    }
    assert_eq!(told.len(), 5);
}

#[test]
fn the_fields_of_each_document_are_checked_before_the_first_is_sent() {
    let named = format!("{MANIFEST}  driver: {{podName: mine}}\n");
    let told = faults(&format!("{MANIFEST}---\n{named}"));
    assert!(
        told[1].contains("document 2 (SparkApplication pi): driver.podName"),
        "{told:#?}"
    );
}

#[test]
fn a_number_where_a_text_belongs_is_told_with_what_to_write() {
    let version = MANIFEST.replace("\"3.10\"", "3.10");
    let told = faults(&format!("{MANIFEST}---\n{version}"));
    assert!(
        told[1].ends_with("sparkVersion: found 3.1, expected a text: put it in quotes, as \"3.1\""),
        "{told:#?}"
    );
    let arguments = format!("{MANIFEST}  arguments: [5000, true]\n");
    let told = faults(&format!("{MANIFEST}---\n{arguments}"));
    assert!(
        told[1].ends_with("arguments[0]: found 5000, expected a text: write \"5000\""),
        "{told:#?}"
    );
    assert!(
        told[2].ends_with("arguments[1]: found true, expected a text: write \"true\""),
        "{told:#?}"
    );
}

#[test]
fn scalars_mean_what_kubectl_makes_of_them_or_are_told() {
    let text = "a: 0644\nb: yes\nc: on\nd: true\ne: 1e3\nf: \"0644\"\ng: 4.0.0\nh: ~\ni: 512m\nj: 0x10\n";
    let values = parsed(text.as_bytes()).unwrap();
    let expected = json!({
        "a": 420, "b": "yes", "c": "on", "d": true, "e": 1000.0, "f": "0644", "g": "4.0.0", "h": null, "i": "512m", "j": 16,
    });
    assert_eq!(values[0].value, expected);
}

#[test]
fn anchors_and_merge_keys_are_resolved() {
    let text = "x: &pod {cores: 1}\ndriver: {<<: *pod, memory: 1g}\n";
    let values = parsed(text.as_bytes()).unwrap();
    assert_eq!(values[0].value["driver"], json!({"cores": 1, "memory": "1g"}));
}

#[test]
fn what_is_no_yaml_is_told_with_its_place() {
    for (text, word) in [
        ("a: [1", "line"),
        ("image: {REGISTRY}/spark\n", "line"),
        ("a: 1\na: 2\n", "duplicate"),
        ("{\"a\": 1", "line"),
    ] {
        let told = faults(text);
        assert_eq!(told[0], "nothing was sent");
        assert!(told[1..].concat().contains(word), "{told:#?}");
    }
    let binary = read(&[("x".to_owned(), vec![b'a', 0xff])], None).unwrap_err();
    assert!(binary.to_string().contains("offset 1"), "{binary}");
}

#[test]
fn files_without_a_document_are_wrong_usage() {
    for text in ["", "---\n---\n", "# only a comment\n"] {
        let failure = read_text(text).unwrap_err();
        assert!(matches!(failure, Failure::Usage(_)), "{failure}");
    }
}

#[test]
fn a_queue_is_given_to_documents_that_name_none() {
    let named = MANIFEST.replace("namespace: spark", "labels: {spark-broker/queue: prod}");
    let text = format!("{MANIFEST}---\n{named}---\n{JOB}\n---\n{{queue: prod, mainApplicationFile: a.py}}\n");
    let files = [("jobs.yaml".to_owned(), text.into_bytes())];
    let documents = read(&files, Some("dev")).unwrap();
    let queues = documents.iter().map(|document| {
        let sent = message::decode_spec(&document.body, "any").unwrap();
        sent.spec["queue"].clone()
    });
    assert_eq!(queues.collect::<Vec<_>>(), ["dev", "prod", "dev", "prod"]);
}

#[test]
fn a_list_and_a_schedule_are_told_what_to_write_instead() {
    let told = faults(
        "{kind: List, apiVersion: v1, items: []}\n---\n{kind: ScheduledSparkApplication, metadata: {name: nightly}}\n",
    );
    assert!(
        told[1].contains("document 1 (List): kind: found a List, expected its items"),
        "{told:#?}"
    );
    assert!(
        told[2].contains("(ScheduledSparkApplication nightly)") && told[2].contains("EventBridge Scheduler"),
        "{told:#?}"
    );
}
