//! The shapes that a message may have, in the order in which they are tried.

use serde_json::{Map, Value};

use super::{Envelope, ID_ATTRIBUTE, Request, Submission, Undecodable, fingerprint, kind, spark_application};
use crate::error::Violation;
use crate::model::SubmissionId;
use crate::submission::Reason;

type Object = Map<String, Value>;

/// One shape: how it is recognised, and how it is read.
struct Shape {
    is: fn(&Object) -> bool,
    read: fn(Object, &Envelope<'_>) -> Result<Request, Undecodable>,
}

/// Attributes that the SQS extended client sets beside a pointer, the second by older versions.
const CLAIM_CHECK_ATTRIBUTES: &[&str] = &["ExtendedPayloadSize", "SQSLargePayloadSize"];

/// What isn't recognised by any other is a raw job spec.
const SHAPES: &[Shape] = &[
    Shape {
        is: |o| o.contains_key("cancel"),
        read: cancel,
    },
    Shape {
        is: is_spark_application,
        read: read_spark_application,
    },
    Shape {
        is: |o| o.get("source").and_then(Value::as_str) == Some("aws.s3") && o.contains_key("detail-type"),
        read: |o, _| {
            let id = o.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
            Err(Undecodable {
                id,
                ..not_built("detail", "an event of S3")
            })
        },
    },
    Shape {
        is: |o| o.contains_key("detail-type"),
        read: event,
    },
    Shape {
        is: |o| o.get("Event").and_then(Value::as_str) == Some("s3:TestEvent"),
        read: |_, _| {
            Ok(Request::Ignore {
                why: "an S3 test event",
            })
        },
    },
    Shape {
        is: |o| o.contains_key("Records"),
        read: |_, _| Err(not_built("Records", "an S3 notification")),
    },
    Shape {
        is: |o| o.get("Type").and_then(Value::as_str) == Some("Notification") && o.contains_key("TopicArn"),
        read: |_, _| {
            Err(not_built(
                "Type",
                "an SNS notification (raw message delivery works)",
            ))
        },
    },
    Shape {
        is: |o| o.contains_key("SystemMetadata"),
        read: |_, _| {
            Err(not_built(
                "SystemMetadata",
                "an EventBridge V2 event with metadata",
            ))
        },
    },
    Shape {
        is: |o| o.contains_key("template") || o.contains_key("parameters"),
        read: |_, _| Err(not_built("template", "a job template")),
    },
    Shape {
        is: |_| true,
        read: |object, envelope| submit(object, envelope, None),
    },
];

/// Whether `items` point to a body that the SQS extended client left in S3: `[<class>, {s3BucketName, s3Key}]`.
pub fn is_claim_check(items: &[Value], envelope: &Envelope<'_>) -> bool {
    let class = items.first().and_then(Value::as_str).unwrap_or_default();
    class.ends_with("S3Pointer")
        || CLAIM_CHECK_ATTRIBUTES
            .iter()
            .any(|name| envelope.attributes.contains_key(*name))
}

/// The fault of a body that stands in S3.
pub fn claim_check() -> Undecodable {
    not_built("", "a claim-check pointer to a body in S3")
}

/// Reads `object` by the first shape that it has.
pub fn read(object: Object, envelope: &Envelope<'_>) -> Result<Request, Undecodable> {
    match SHAPES.iter().find(|shape| (shape.is)(&object)) {
        Some(shape) => (shape.read)(object, envelope),
        None => Err(not_built("", "an unknown shape")),
    }
}

fn not_built(path: &str, what: &str) -> Undecodable {
    let violation = Violation::new(
        path,
        what,
        "a form that is supported: a job spec, an EventBridge event with the spec in `detail`, a SparkApplication, a cancel",
    );
    Undecodable {
        reason: Reason::UnsupportedField,
        id: None,
        violations: vec![violation],
    }
}

fn cancel(object: Object, _: &Envelope<'_>) -> Result<Request, Undecodable> {
    if let Some(extra) = object.keys().find(|key| *key != "cancel") {
        return Err(Undecodable::invalid(Violation::new(
            extra,
            "a field beside `cancel`",
            "`cancel` alone",
        )));
    }
    let id = object.get("cancel").unwrap_or(&Value::Null);
    read_id("cancel", id)
        .map(|id| Request::Cancel { id })
        .map_err(Undecodable::invalid)
}

/// An EventBridge event (the envelope of classic buses) with the job spec in its `detail`.
fn event(mut object: Object, envelope: &Envelope<'_>) -> Result<Request, Undecodable> {
    let id = object.get("id").and_then(Value::as_str).map(str::to_owned);
    match object.remove("detail") {
        Some(Value::Object(detail)) => submit(detail, envelope, id.as_deref()),
        found => {
            let found = found.as_ref().map_or("nothing", kind);
            let violation = Violation::new("detail", found, "an object: the job spec");
            let id = id.and_then(|id| id.parse().ok());
            Err(Undecodable {
                id,
                ..Undecodable::invalid(violation)
            })
        }
    }
}

fn is_spark_application(object: &Object) -> bool {
    object.contains_key("apiVersion") && object.contains_key("kind")
}

fn read_spark_application(object: Object, envelope: &Envelope<'_>) -> Result<Request, Undecodable> {
    let spec = spark_application::to_spec(object).map_err(|violations| Undecodable {
        reason: Reason::InvalidSpec,
        id: None,
        violations,
    })?;
    submit(spec, envelope, None)
}

/// The ID is the first of: the spec's own, the message attribute, the event's, the message's.
fn submit(spec: Object, envelope: &Envelope<'_>, event_id: Option<&str>) -> Result<Request, Undecodable> {
    let id = match (
        spec.get("submissionId").filter(|id| !id.is_null()),
        envelope.attributes.get(ID_ATTRIBUTE),
    ) {
        (Some(own), _) => read_id("submissionId", own),
        (None, Some(attribute)) => {
            read_id("messageAttributes.submissionId", &Value::from(attribute.as_str()))
        }
        (None, None) => match event_id {
            Some(event_id) => read_id("id", &Value::from(event_id)),
            None => read_id("messageId", &Value::from(envelope.message_id)),
        },
    };
    match id {
        Ok(id) => {
            let value = Value::Object(spec);
            let fingerprint = fingerprint(&value);
            let Value::Object(spec) = value else {
                return Err(not_built("", "an unknown shape"));
            };
            Ok(Request::Submit(Submission {
                id,
                spec,
                fingerprint,
            }))
        }
        Err(violation) => {
            // Every fault is told at once: those of the rest of the spec too.
            let mut violations = vec![violation];
            violations.extend(
                crate::spec::check(&spec)
                    .into_iter()
                    .filter(|v| v.path != "submissionId"),
            );
            Err(Undecodable {
                reason: Reason::InvalidSpec,
                id: None,
                violations,
            })
        }
    }
}

fn read_id(path: &str, value: &Value) -> Result<SubmissionId, Violation> {
    let expected = "1 to 128 characters of [A-Za-z0-9._:-], the first a letter or a digit";
    match value {
        Value::String(text) => text.parse().map_err(|_| {
            Violation::new(
                path,
                format!("{text:?} ({} characters)", text.chars().count()),
                expected,
            )
        }),
        other => Err(Violation::new(
            path,
            format!("{}: {other}", kind(other)),
            expected,
        )),
    }
}
