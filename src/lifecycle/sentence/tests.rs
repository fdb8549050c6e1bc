//! What clusters really said, by operator 2.4.0 and Spark 3.5.6, and what comes of it.

use super::*;

/// An `errorMessage` as the operator wrote it, and the sentence that says why.
const SAID: [(&str, &str); 4] = [
    (
        include_str!("said/unknown-service-account.txt"),
        "pods \"sb-nosa-a1-driver\" is forbidden: error looking up service account spark-jobs/nobody: serviceaccount \
         \"nobody\" not found",
    ),
    (
        include_str!("said/full-quota.txt"),
        "pods \"sb-full-a2-driver\" is forbidden: exceeded quota: full, requested: pods=1, used: pods=10, limited: pods=0",
    ),
    (
        include_str!("said/unresolved-package.txt"),
        "java.lang.RuntimeException: [unresolved dependency: com.example#nothing;1.0: not found]",
    ),
    (
        include_str!("said/no-upload-path.txt"),
        "org.apache.spark.SparkException: Please specify spark.kubernetes.file.upload.path property.",
    ),
];

#[test]
fn the_standard_error_of_spark_submit_becomes_the_sentence_that_says_why() {
    for (raw, expected) in SAID {
        let (sentence, detail) = sentence(raw);
        assert_eq!(sentence, expected);
        assert_eq!(
            detail.as_deref(),
            Some(cut(raw.trim())),
            "all of it stands beside the sentence"
        );
    }
}

#[test]
fn a_single_sentence_is_told_whole_and_once() {
    for raw in [
        "failed to submit spark application: failed to run spark-submit: driver pod already exist",
        "driver container failed with ExitCode: 3, Reason: Error",
        "driver pod not found",
        "the driver ended with exit code 137 (OOMKilled)",
        "admission webhook \"validate\" denied the request: node selector cannot be defined at both levels",
        "",
    ] {
        assert_eq!(sentence(raw), (raw.to_owned(), None));
    }
}

#[test]
fn the_innermost_cause_goes_before_the_exception_and_that_before_an_error() {
    let trace = "Exception in thread \"main\" a.Outer: it failed\n\tat a.b(C.java:1)\nCaused by: a.Middle: x\n\tat a.b(C.java:2)\n\
                 Caused by: java.net.ConnectException: Connection refused\n\t... 12 more\n";
    assert_eq!(sentence(trace).0, "java.net.ConnectException: Connection refused");
    let without = trace.split("Caused by").next().unwrap();
    assert_eq!(sentence(without).0, "a.Outer: it failed");
    let error = "26/11/23 15:00:00 WARN Utils: x\nError: Missing application resource.\n\nRun with --help\n";
    assert_eq!(sentence(error).0, "Missing application resource.");
}

#[test]
fn without_an_exception_the_last_line_that_tells_something_is_told() {
    let log = "26/11/23 15:00:00 WARN Utils: a\nsomething broke\n\tat x.y(Z.java)\n26/11/23 15:00:01 INFO Utils: b\n\n";
    assert_eq!(sentence(log).0, "something broke");
    let chatter = "26/11/23 15:00:00 INFO A: a\n26/11/23 15:00:00 INFO B: b";
    assert_eq!(sentence(chatter).0, "26/11/23 15:00:00 INFO A: a");
}

#[test]
fn the_status_that_an_older_client_repeats_is_left_out() {
    let line = "Failure executing: POST at: https://10.0.0.1/api/v1/namespaces/a/pods. Message: pods \"x\" is forbidden: \
                exceeded quota: q. Received status: Status(apiVersion=v1, code=403, message=pods \"x\").";
    let (sentence, detail) = sentence(line);
    assert_eq!(sentence, "pods \"x\" is forbidden: exceeded quota: q");
    assert_eq!(detail.as_deref(), Some(line));
}

#[test]
fn both_are_cut_at_whole_characters() {
    let long = "ä€😀".repeat(4_000);
    let (sentence, detail) = sentence(&long);
    assert_eq!(sentence.chars().count(), SENTENCE_MAX);
    assert!(sentence.ends_with('…'));
    let detail = detail.unwrap();
    assert!(
        detail.len() <= DETAIL_MAX && detail.len() > DETAIL_MAX - 4,
        "{}",
        detail.len()
    );
    assert!(long.starts_with(&detail));
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_it(raw in "(Caused by: |Failure executing: |Message: |\n|\tat |Forbidden!|ä|[a-z. ]{0,5}){0,40}") {
        let (sentence, detail) = sentence(&raw);
        proptest::prop_assert!(sentence.chars().count() <= SENTENCE_MAX);
        proptest::prop_assert!(!sentence.contains('\n'));
        proptest::prop_assert_eq!(sentence.is_empty(), raw.trim().is_empty() && detail.is_none());
    }
}
