//! What an API server's refusal of a create means: the job's fault, the cluster's, or want of room.

use crate::ports::cluster::CreateError;
use crate::submission::Reason;

/// What to do about a create that surely made nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The name exists: look whose it is.
    NameExists,
    /// The cluster's fault: it backs off, the job goes on waiting, uncounted.
    Cluster,
    /// No room in a quota: the job waits, uncounted.
    NoRoom,
    /// This cluster's CRD doesn't know a field of the spec: excluded for this job.
    UnknownField,
    /// The admission webhook refused the job: counts as a try.
    Webhook,
    /// The job's spec is wrong: nothing to retry.
    Spec,
}

impl Refusal {
    /// The reason that goes into the record.
    pub fn reason(self) -> Reason {
        match self {
            Self::NameExists => Reason::NameTaken,
            Self::Cluster => Reason::ClusterUnhealthy,
            Self::NoRoom => Reason::NoCapacity,
            Self::UnknownField => Reason::UnsupportedField,
            Self::Webhook | Self::Spec => Reason::InvalidSpec,
        }
    }
}

/// Reads a definite answer; `None` for one that isn't definite.
///
/// The words are Kubernetes' own: `exceeded quota` of the ResourceQuota admission plugin, `unknown field` and
/// `strict decoding error` of strict field validation, `admission webhook … denied the request` of the webhook
/// dispatcher, `failed to validate resource quota` of the operator's webhook.
pub fn refusal(error: &CreateError) -> Option<Refusal> {
    let (status, reason, message) = match error {
        CreateError::NotConnected(_) => return Some(Refusal::Cluster),
        CreateError::Ambiguous(_) => return None,
        CreateError::Answered {
            status,
            reason,
            message,
            ..
        } => (*status, reason.as_str(), message.as_str()),
    };
    let says = |word: &str| message.contains(word);
    Some(match status {
        409 if reason == "AlreadyExists" => Refusal::NameExists,
        // Quota admission gave up on counting: many creates at once.
        409 => Refusal::NoRoom,
        _ if says("exceeded quota") || says("failed to validate resource quota") => Refusal::NoRoom,
        // A new quota that the controller manager hasn't counted for yet.
        _ if says("status unknown for quota") => Refusal::NoRoom,
        _ if says("admission webhook") && says("denied the request") => Refusal::Webhook,
        // `suspend` is the broker's own field, for `commit: two-phase`: the job has nothing to do with it.
        400 | 422 if says("unknown field \"spec.suspend\"") => Refusal::Cluster,
        400 | 422 if says("unknown field") || says("strict decoding error") => Refusal::UnknownField,
        400 | 413 | 422 => Refusal::Spec,
        408 => return None,
        _ => Refusal::Cluster,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: u16, message: &str) -> Option<Refusal> {
        refusal(&CreateError::Answered {
            status,
            reason: if status == 409 { "AlreadyExists" } else { "" }.into(),
            message: message.into(),
            retry_after: None,
        })
    }

    #[test]
    fn each_refusal_is_told_apart() {
        let quota = "pods is forbidden: exceeded quota: q, requested: count/sparkapplications=1";
        assert_eq!(answered(403, quota), Some(Refusal::NoRoom));
        let uncounted = "is forbidden: status unknown for quota: room, resources: count/sparkapplications";
        assert_eq!(answered(403, uncounted), Some(Refusal::NoRoom));
        let webhook = "admission webhook \"validate\" denied the request: node selector at both";
        assert_eq!(answered(403, webhook), Some(Refusal::Webhook));
        let webhook_quota =
            "admission webhook \"v\" denied the request: failed to validate resource quota \"a/b\": full";
        assert_eq!(answered(403, webhook_quota), Some(Refusal::NoRoom));
        assert_eq!(
            answered(403, "user cannot create resource"),
            Some(Refusal::Cluster)
        );
        assert_eq!(answered(401, "Unauthorized"), Some(Refusal::Cluster));
        assert_eq!(
            answered(404, "the server could not find the requested resource"),
            Some(Refusal::Cluster)
        );
        assert_eq!(answered(429, "too many"), Some(Refusal::Cluster));
        assert_eq!(
            answered(400, "strict decoding error: unknown field \"spec.x\""),
            Some(Refusal::UnknownField)
        );
        assert_eq!(
            answered(400, "strict decoding error: unknown field \"spec.suspend\""),
            Some(Refusal::Cluster)
        );
        assert_eq!(
            answered(422, "spec.driver.cores: Invalid value"),
            Some(Refusal::Spec)
        );
        assert_eq!(answered(409, "already exists"), Some(Refusal::NameExists));
        let contended = CreateError::Answered {
            status: 409,
            reason: "Conflict".into(),
            message: "Operation cannot be fulfilled on resourcequotas \"q\"".into(),
            retry_after: None,
        };
        assert_eq!(refusal(&contended), Some(Refusal::NoRoom));
        assert_eq!(refusal(&CreateError::Ambiguous("reset".into())), None);
        assert_eq!(
            refusal(&CreateError::NotConnected("refused".into())),
            Some(Refusal::Cluster)
        );
    }
}
