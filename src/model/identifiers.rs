//! Names and numbers that must not be mixed up with each other.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A name that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found {found:?}, expected {expected}")]
pub struct InvalidName {
    /// The text that was given.
    pub found: String,
    /// The rule it breaks.
    pub expected: &'static str,
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $valid:expr, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidName { found: crate::error::shorten(text, 140), expected: $expected })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;

            fn try_from(text: String) -> Result<Self, InvalidName> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0.as_ref().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// The ID of a submission: 1 to 128 characters of `[A-Za-z0-9._:-]`, the first a letter or digit.
    SubmissionId,
    is_submission_id,
    "1 to 128 characters of [A-Za-z0-9._:-], the first a letter or a digit"
);
name!(
    /// The name of a job queue: a DNS label of at most 63 characters.
    QueueName,
    is_dns_label,
    "a DNS label: 1 to 63 of [a-z0-9-], a letter or digit at both ends"
);
name!(
    /// The name of a cluster: a DNS label of at most 63 characters.
    ClusterName,
    is_dns_label,
    "a DNS label: 1 to 63 of [a-z0-9-], a letter or digit at both ends"
);
name!(
    /// The name of a scheduling domain: a DNS label of at most 63 characters.
    Domain,
    is_dns_label,
    "a DNS label: 1 to 63 of [a-z0-9-], a letter or digit at both ends"
);
name!(
    /// The random value made with each record, so that a later record under the same ID is never taken for an earlier one.
    Incarnation,
    |text| !text.is_empty(),
    "a text that isn't empty"
);
name!(
    /// The UUID of a table and what belongs to it; a label on every object that we create.
    InstallationId,
    |text| !text.is_empty(),
    "a text that isn't empty"
);
name!(
    /// The UID that an API server gave an object or a pod.
    ObjectUid,
    |text| !text.is_empty(),
    "a text that isn't empty"
);

fn is_submission_id(text: &str) -> bool {
    let bytes = text.as_bytes();
    (1..=128).contains(&bytes.len())
        && bytes[0].is_ascii_alphanumeric()
        && bytes
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"._:-".contains(b))
}

fn is_dns_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    bytes.len() <= 63
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

/// The longest object name from which the operator can still derive `<name>-ui-svc` and `<name>-driver`.
const OBJECT_NAME_MAX: usize = 50;

impl SubmissionId {
    /// An ID for a message whose own `MessageId` isn't one: a digest of it.
    pub fn of_message(message_id: &str) -> Self {
        let digest = BASE32_NOPAD
            .encode(&Sha256::digest(message_id))
            .to_ascii_lowercase();
        Self(format!("message-{}", &digest[..26]).into())
    }

    /// The form of the ID that is legal as a label's value: the ID itself where it is a DNS label, else
    /// 26 base32 characters of its SHA-256.
    pub fn dns_form(&self) -> String {
        if is_dns_label(self.as_str()) {
            self.as_str().to_owned()
        } else {
            self.digest()
        }
    }

    /// The name of the object that `attempt` of this submission has on its cluster: `sb-<id>-a<attempt>` where that
    /// is DNS text of at most 50 characters, else `sbx-<digest>-a<attempt>`.
    pub fn object_name(&self, attempt: Attempt) -> String {
        let plain = format!("sb-{self}-a{attempt}");
        if is_dns_label(self.as_str()) && plain.len() <= OBJECT_NAME_MAX {
            return plain;
        }
        format!("sbx-{}-a{attempt}", self.digest())
    }

    fn digest(&self) -> String {
        let digest = BASE32_NOPAD
            .encode(&Sha256::digest(self.as_str()))
            .to_ascii_lowercase();
        digest[..26].to_owned()
    }

    /// The shard of an index that this submission belongs to, below `shards`.
    pub fn shard(&self, shards: u32) -> u32 {
        let digest = Sha256::digest(self.as_str());
        u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) % shards.max(1)
    }
}

impl QueueName {
    /// The name in records that belong to no queue: of a message that names none that is known.
    pub fn none() -> Self {
        Self("none".into())
    }
}

impl Incarnation {
    /// A new random value.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string().into())
    }
}

impl InstallationId {
    /// A new random value.
    pub fn random() -> Self {
        Self(uuid::Uuid::new_v4().to_string().into())
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $int:ty) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, schemars::JsonSchema,
        )]
        #[serde(transparent)]
        pub struct $name(pub $int);

        impl $name {
            /// The number after this one.
            #[must_use]
            pub fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// The number of an intent to run a submission, from 1; each has an object name of its own.
    Attempt,
    u32
);
number!(
    /// Grows by one each time another pod takes the lease over.
    Epoch,
    u64
);
number!(
    /// Grows by one with each write of a record.
    Version,
    u64
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_name_never_exceeds_what_the_operator_can_extend() {
        for text in [
            "a",
            "a-b",
            "UPPER",
            &"x".repeat(40),
            &"x".repeat(41),
            &"x".repeat(128),
            "0-1.2:3",
        ] {
            let id: SubmissionId = text.parse().unwrap();
            let name = id.object_name(Attempt(99_999));
            assert!(name.len() <= OBJECT_NAME_MAX, "{name}");
            assert!(is_dns_label(&name), "{name}");
        }
    }

    #[test]
    fn a_plain_id_is_legible_in_the_object_name() {
        let id: SubmissionId = "nightly-7".parse().unwrap();
        assert_eq!(id.object_name(Attempt(2)), "sb-nightly-7-a2");
        let id: SubmissionId = "Nightly.7".parse().unwrap();
        assert!(id.object_name(Attempt(1)).starts_with("sbx-"));
    }

    #[test]
    fn ids_outside_the_rule_are_refused() {
        for text in ["", "-a", "a/b", "a b", "ü", &"x".repeat(129)] {
            assert!(text.parse::<SubmissionId>().is_err(), "{text}");
        }
    }
}
