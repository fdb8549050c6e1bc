//! Kinds of Kubernetes objects that `submit` doesn't send: each is refused by name, with what to do with it.

use serde_json::Value;

use crate::error::Violation;

/// Kind and name of a document that has a kind.
pub(super) fn named(document: &Value) -> Option<String> {
    let kind = document.get("kind")?.as_str()?;
    let name = document.pointer("/metadata/name").and_then(Value::as_str);
    Some(match name {
        Some(name) => format!("{kind} {name}"),
        None => kind.to_owned(),
    })
}

/// The fault of a document that is an object of another kind than `SparkApplication`.
pub(super) fn refused(document: &Value) -> Option<Violation> {
    let kind = document.get("kind")?.as_str()?;
    let advice = match kind {
        "SparkApplication" => return None,
        "ScheduledSparkApplication" => {
            "no schedule: make one in EventBridge Scheduler with the submission queue as its target and `spec.template` \
             as the job spec in its input"
        }
        "SparkConnect" => {
            "an application that ends: apply a server with kubectl to the cluster that is to run it"
        }
        "List" => "its items as documents of their own, parted by `---`",
        "ConfigMap"
        | "Secret"
        | "ServiceAccount"
        | "Role"
        | "RoleBinding"
        | "PersistentVolumeClaim"
        | "Service"
        | "ResourceQuota" => {
            "SparkApplications alone: apply it with kubectl in the job namespace of each cluster that may run the job"
        }
        _ => "SparkApplications alone: apply it with kubectl where it is needed",
    };
    let article = if kind.starts_with(['A', 'E', 'I', 'O']) {
        "an"
    } else {
        "a"
    };
    Some(Violation::new("kind", format!("{article} {kind}"), advice))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kind_is_refused_with_what_to_do_with_it() {
        for (kind, word) in [
            ("ConfigMap", "kubectl in the job namespace"),
            ("Secret", "kubectl in the job namespace"),
            ("ScheduledSparkApplication", "EventBridge Scheduler"),
            ("List", "documents of their own"),
            ("Ingress", "an Ingress"),
        ] {
            let fault = refused(&json!({"kind": kind})).unwrap().to_string();
            assert!(fault.contains(word) && fault.contains(kind), "{fault}");
        }
        assert_eq!(refused(&json!({"kind": "SparkApplication"})), None);
        assert_eq!(refused(&json!({"mainApplicationFile": "a.py"})), None);
    }
}
