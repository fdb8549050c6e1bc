//! DISPATCHING: the intent is written; whether the object exists is found out and settled (the design's §9).

use std::time::Duration;

use jiff::SignedDuration;

use super::{Act, Circumstances, backoff_secs, take};
use crate::broker::attempt::Attempt;
use crate::broker::refusal::{Refusal, refusal};
use crate::lifecycle::Happening;
use crate::ports::cluster::CreateError;
use crate::submission::Reason;

pub(super) fn next(attempt: &Attempt, at: &Circumstances<'_>) -> Act {
    let record = &attempt.record;
    if let Some(object) = &attempt.sight.object {
        if attempt.owns(at.installation, object) {
            return take(
                record,
                at,
                Happening::Created {
                    uid: object.uid.clone(),
                },
            )
            .unwrap_or(Act::Rest);
        }
        return name_taken(attempt, at, object.owner.is_ours(at.installation, record));
    }
    if attempt.sight.driver.is_some() {
        let seen = Happening::Observed(Box::new(attempt.observation()));
        return take(record, at, seen).unwrap_or(Act::Rest);
    }
    // It has existed, whoever deleted it: it isn't created again, and whether it ran is found out as for any other.
    let gone = attempt
        .sight
        .object_gone
        .as_ref()
        .and_then(|gone| gone.seen.as_ref());
    if let Some(seen) = gone.filter(|seen| attempt.owns(at.installation, seen)) {
        let uid = seen.uid.clone();
        return take(record, at, Happening::Created { uid }).unwrap_or(Act::Rest);
    }
    let memory = &attempt.memory;
    if memory.own_intent && memory.creates == 0 {
        return unsent(attempt, at);
    }
    match &memory.create_error {
        // The sole create ever sent was refused for sure.
        Some(error) if memory.own_intent && memory.ambiguous_at.is_none() && refusal(error).is_some() => {
            refused(attempt, at, error)
        }
        Some(_) | None => unresolved(attempt, at),
    }
}

/// Nothing was ever sent for the attempt.
fn unsent(attempt: &Attempt, at: &Circumstances<'_>) -> Act {
    if attempt.record.cancel_requested {
        return nothing_done(
            attempt,
            at,
            Reason::Cancelled,
            "cancelled before the create was sent".into(),
            false,
        );
    }
    if let Some(why) = &attempt.memory.unmade {
        return unmade(attempt, at, why);
    }
    if let Some(emptied) = &at.wished.emptied {
        return nothing_done(attempt, at, Reason::Drained, emptied.message.clone(), false);
    }
    if !at.in_sight {
        // Who would answer isn't known, and nothing was sent: it goes where somebody is.
        let message = "its cluster went out of sight before the create was sent".into();
        return nothing_done(attempt, at, Reason::ClusterUnhealthy, message, false);
    }
    Act::Create
}

/// It isn't known whether a create went through: ask for the object, and create again by the same name while it is
/// absent.
fn unresolved(attempt: &Attempt, at: &Circumstances<'_>) -> Act {
    let memory = &attempt.memory;
    if let Some(act) = given_up(attempt, at) {
        return act;
    }
    // Another cluster may answer under this name: that nothing is there says nothing, and nothing is sent.
    if !at.in_sight {
        return Act::Look;
    }
    let Some(looked) = attempt.sight.looked else {
        return Act::Look;
    };
    let sent = memory.ambiguous_at.unwrap_or(Duration::ZERO);
    if looked <= sent {
        return Act::Look;
    }
    let refused_since = memory
        .create_error
        .as_ref()
        .and_then(refusal)
        .is_some_and(|kind| kind != Refusal::NameExists);
    let wants_end = attempt.record.cancel_requested || refused_since || memory.unmade.is_some();
    if !wants_end {
        return Act::Create;
    }
    let absent = memory.absent_at.unwrap_or(looked);
    if looked < absent + at.settling.create {
        let again = absent + at.settling.create;
        return if at.now >= again {
            Act::Look
        } else {
            Act::Wait(again)
        };
    }
    match (&memory.create_error, &memory.unmade) {
        (Some(error), _) if refused_since => refused(attempt, at, error),
        (_, Some(why)) if !attempt.record.cancel_requested => unmade(attempt, at, why),
        (Some(_) | None, _) => nothing_done(
            attempt,
            at,
            Reason::Cancelled,
            "cancelled; its object never appeared".into(),
            false,
        ),
    }
}

/// There is nothing that could be sent, and nothing was, or is there.
fn unmade(attempt: &Attempt, at: &Circumstances<'_>, why: &str) -> Act {
    let happening = Happening::Refused {
        reason: Reason::InvalidSpec,
        message: why.to_owned(),
    };
    take(&attempt.record, at, happening).unwrap_or(Act::Rest)
}

/// Under `onUnreachable: move`, an attempt whose cluster has given no answer for too long is given up: what it may have
/// left there is removed when the cluster is back.
fn given_up(attempt: &Attempt, at: &Circumstances<'_>) -> Option<Act> {
    let silent = at.now.saturating_sub(attempt.memory.silent_since?);
    if attempt.record.cancel_requested || silent < at.failover? {
        return None;
    }
    let message = format!("its cluster has given no answer for {} s", silent.as_secs());
    take(&attempt.record, at, Happening::Abandoned { message })
}

/// A refusal that proves that nothing was made. Out of sight it may be another cluster's, and says nothing of the job.
fn refused(attempt: &Attempt, at: &Circumstances<'_>, error: &CreateError) -> Act {
    let message = attempt.create_sentence();
    match refusal(error).map(|kind| if at.in_sight { kind } else { Refusal::Cluster }) {
        Some(Refusal::Spec) => {
            let happening = Happening::Refused {
                reason: Reason::InvalidSpec,
                message,
            };
            take(&attempt.record, at, happening).unwrap_or(Act::Rest)
        }
        Some(Refusal::UnknownField) if !at.other_cluster => {
            let happening = Happening::Refused {
                reason: Reason::UnsupportedField,
                message,
            };
            take(&attempt.record, at, happening).unwrap_or(Act::Rest)
        }
        Some(Refusal::NameExists) | None => Act::Look,
        Some(kind @ (Refusal::Cluster | Refusal::NoRoom | Refusal::UnknownField | Refusal::Webhook)) => {
            nothing_done(attempt, at, kind.reason(), message, kind == Refusal::Webhook)
        }
    }
}

fn nothing_done(
    attempt: &Attempt,
    at: &Circumstances<'_>,
    reason: Reason,
    message: String,
    counted: bool,
) -> Act {
    let waits = if reason == Reason::NoCapacity {
        Some(15)
    } else {
        (reason == Reason::InvalidSpec).then(|| backoff_secs(attempt.record.tries, at.jitter))
    };
    let not_before = waits.and_then(|secs| at.wall.checked_add(SignedDuration::from_secs(secs)).ok());
    let exclude_cluster = reason == Reason::UnsupportedField;
    let happening = Happening::NothingDone {
        reason,
        message,
        counted,
        exclude_cluster,
        not_before,
    };
    take(&attempt.record, at, happening).unwrap_or(Act::Rest)
}

fn name_taken(attempt: &Attempt, at: &Circumstances<'_>, earlier_of_ours: bool) -> Act {
    if !at.in_sight {
        return given_up(attempt, at).unwrap_or(Act::Look);
    }
    // Once the name is free again, a create that is still under way would make the object after all.
    let landed = attempt.landed_by(at.settling.create);
    if at.now < landed {
        return Act::Wait(landed);
    }
    if !landed.is_zero() && attempt.sight.looked.is_none_or(|looked| looked < landed) {
        return Act::Look;
    }
    let name = attempt.record.intended_object_name();
    if earlier_of_ours {
        let message = format!("{name} is left of an earlier submission under the same ID");
        return nothing_done(attempt, at, Reason::NameTaken, message, false);
    }
    let message = format!("an object called {name} that isn't this submission's stands on the cluster");
    if attempt.record.cancel_requested {
        return nothing_done(attempt, at, Reason::Cancelled, message, false);
    }
    take(
        &attempt.record,
        at,
        Happening::Refused {
            reason: Reason::NameTaken,
            message,
        },
    )
    .unwrap_or(Act::Rest)
}
