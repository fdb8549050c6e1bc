//! A scheduler's wiring: what it reads, sees, sends and makes of answers. Everything is decided by the program's own
//! functions (`plan`, `Attempt`, `Rules::step`, `Strangers`); this file mirrors only the loop around them
//! (`src/broker/scheduler`, `src/broker/hands.rs`).

use std::time::Duration;

use spark_broker::broker::attempt::Attempt;
use spark_broker::broker::plan::{Act, Circumstances, Settling, Wished, plan};
use spark_broker::lifecycle::{Event, Happening, Rules, Step};
use spark_broker::model::{Epoch, ObjectUid};
use spark_broker::ports::cluster::CreateError;
use spark_broker::submission::{BacklogEntry, Placement, Record, State};

use super::cluster::{Object, Owner, cluster_name, installation, shown, sight};
use super::dispatch::{Dispatch, Rule};
use super::mind::{Mind, NOW, Rec, SETTLE};
use super::store::Written;
use super::world::{Answer, Ask, Call, Slot, World, wall};

pub const DAY: i64 = 24 * 3600;

pub fn number(uid: &ObjectUid) -> u8 {
    uid.as_str()[1..].parse().unwrap()
}

pub fn place_of(record: &Record) -> Option<usize> {
    (0..2).find(|c| record.cluster.as_ref() == Some(&cluster_name(*c)))
}

fn slot(attempt: Attempt) -> Slot {
    Slot {
        mind: Mind::new(attempt),
        busy: false,
        unconfirmed: None,
        aged: false,
    }
}

/// Reads backlog, live records and wishes: what stands now.
pub fn read(model: &Dispatch, world: &mut World, b: usize) -> bool {
    let (stored, broker) = (world.record.clone(), &mut world.brokers[b]);
    let record = (*stored.0).clone();
    let ours = record.epoch.map(|e| e.0) == broker.epoch;
    match &mut broker.slot {
        Some(slot) if slot.busy || slot.mind.attempt.record.version >= record.version => return false,
        Some(slot) if slot.mind.attempt.record.incarnation == record.incarnation => {
            let mut attempt = (*slot.mind.attempt).clone();
            attempt.stands_as(record);
            slot.mind = Mind::with(attempt, None);
        }
        Some(_) => return false,
        // Without the rule, what stands in the own epoch was written by somebody who looks after it.
        None if record.state.is_live() && ours && model.without == Some(Rule::ReplyLost) => return false,
        None if record.state.is_live() => broker.slot = Some(slot(Attempt::found(record, NOW))),
        None if record.state == State::Queued && record.cancel_requested => {
            broker.entry = None;
            broker.slot = Some(slot(Attempt::found(record, NOW)));
        }
        None if record.state == State::Queued => broker.entry = Some(stored),
        None => return false,
    }
    true
}

fn placed(c: usize, epoch: u64) -> Happening {
    let placement = Placement::default();
    Happening::Placed {
        cluster: cluster_name(c),
        namespace: "spark".into(),
        epoch: Epoch(epoch),
        placement: Box::new(placement),
    }
}

/// Places what its backlog shows, however old that is.
pub fn place(model: &Dispatch, world: &mut World, b: usize, c: usize) -> bool {
    let cluster = &world.clusters[c];
    let left = |o: &Object| {
        let name = cluster_name(c);
        world
            .record
            .0
            .abandoned
            .iter()
            .any(|a| a.cluster == name && a.attempt.0 == o.owner.1)
            && !o.gone
    };
    let broker = &mut world.brokers[b];
    if cluster.cut_off || cluster.objects.iter().any(left) || broker.slot.is_some() {
        return false;
    }
    let (Some(entry), Some(epoch)) = (broker.entry.take(), broker.epoch) else {
        return false;
    };
    let outline = BacklogEntry::from(entry.0.as_ref()).outline(&entry.0.domain);
    let happening = placed(c, epoch);
    let Step::Next(next) = Rules::default().step(
        &outline,
        &Event {
            at: wall(),
            happening,
        },
    ) else {
        return false;
    };
    let (known, next) = (Rec::new(outline), Rec::new(*next));
    let intended = Attempt::intended((*next.0).clone());
    let mut slot = Slot {
        unconfirmed: Some(known.clone()),
        busy: true,
        ..slot(intended)
    };
    if model.without == Some(Rule::Intent) {
        slot.busy = false;
    } else {
        world.calls.push(Call {
            from: Some(b),
            ask: Ask::Write { known, next },
            answer: None,
        });
    }
    world.brokers[b].slot = Some(slot);
    true
}

fn planned(model: &Dispatch, world: &World, b: usize) -> Option<Act> {
    let broker = &world.brokers[b];
    let slot = broker.slot.as_ref().filter(|slot| !slot.busy)?;
    let record = &slot.mind.attempt.record;
    let late = if slot.aged { DAY } else { 0 };
    let double = model.without != Some(Rule::DoubleAbsence);
    let settling = Settling {
        create: if double { SETTLE } else { Duration::ZERO },
        submit: SETTLE,
        end: SETTLE,
        lost: SETTLE,
        failover: SETTLE,
    };
    let place = place_of(record);
    Some(plan(
        &slot.mind.attempt,
        &Circumstances {
            rules: &Rules::default(),
            settling: &settling,
            installation: &installation(),
            epoch: Epoch(broker.epoch?),
            wall: wall().checked_add(jiff::SignedDuration::from_secs(late)).unwrap(),
            now: NOW,
            in_sight: place.is_none_or(|c| !world.clusters[c].cut_off),
            other_cluster: model.clusters > 1,
            failover: model.moves.then_some(SETTLE),
            wished: Wished::default(),
            fails_all: false,
            jitter: 0.5,
        },
    ))
}

/// Does what the program's own plan says.
pub fn act(model: &Dispatch, world: &mut World, b: usize) -> bool {
    let Some(act) = planned(model, world, b) else {
        return false;
    };
    let Some(mut slot) = world.brokers[b].slot.take() else {
        return false;
    };
    let record = slot.mind.attempt.record.clone();
    let ask = match act {
        Act::Rest => return false,
        Act::Forget => return true,
        Act::Wait(_) => return wait(model, world, b, slot),
        Act::Write(next) => match write(model, &mut slot, &record, *next) {
            Some(ask) => Some(ask),
            None => {
                world.brokers[b].slot = Some(slot);
                return true;
            }
        },
        act => place_of(&record).map(|c| call(model, world, &record, c, act)),
    };
    let Some(ask) = ask else { return false };
    slot.mind = Mind::with((*slot.mind.attempt).clone(), Some(NOW));
    slot.busy = true;
    world.brokers[b].slot = Some(slot);
    world.calls.push(Call {
        from: Some(b),
        ask,
        answer: None,
    });
    true
}

/// The write, but for what a rule that is taken out would have it be.
fn write(model: &Dispatch, slot: &mut Slot, record: &Record, next: Record) -> Option<Ask> {
    let stamps = next.state == record.state && next.epoch != record.epoch;
    if stamps && model.without == Some(Rule::Restamp) {
        let mut attempt = (*slot.mind.attempt).clone();
        attempt.record.epoch = next.epoch;
        slot.mind = Mind::new(attempt);
        return None;
    }
    let known = slot
        .unconfirmed
        .clone()
        .filter(|_| model.without == Some(Rule::Intent));
    let known = known.unwrap_or_else(|| Rec::new(record.clone()));
    Some(Ask::Write {
        known,
        next: Rec::new(next),
    })
}

fn call(model: &Dispatch, world: &World, record: &Record, cluster: usize, act: Act) -> Ask {
    let (owner, name) = (World::owner_of(record), (record.attempt.0, 0));
    match act {
        Act::Create => {
            let copies = world.clusters[cluster]
                .objects
                .iter()
                .filter(|o| o.name.0 == name.0)
                .count();
            let copy = if model.without == Some(Rule::Name) {
                u8::try_from(copies).unwrap()
            } else {
                0
            };
            Ask::Create {
                cluster,
                name: (name.0, copy),
                owner,
                two_phase: model.two_phase,
            }
        }
        Act::Look => Ask::Look { cluster, name },
        Act::ListPods => Ask::List { cluster },
        Act::Release(uid) => Ask::Release {
            cluster,
            uid: number(&uid),
        },
        Act::DeleteObject(uid) => Ask::Delete {
            cluster,
            uid: number(&uid),
        },
        Act::DeletePods(pods) => {
            let uids = pods.iter().map(|(_, uid)| number(uid)).collect();
            Ask::DeletePods { cluster, uids }
        }
        Act::Rest | Act::Wait(_) | Act::Write(_) | Act::Forget => unreachable!("no call"),
    }
}

/// A settling time passes. It is longer than anything stays under way: a create in flight lands no more (unless that very
/// exception is looked at), and a spark-submit has returned.
fn wait(model: &Dispatch, world: &mut World, b: usize, mut slot: Slot) -> bool {
    let record = &slot.mind.attempt.record;
    let owner = World::owner_of(record);
    let submitting = |o: &Object| o.owner == owner && o.gone && o.submits > 0;
    if world.clusters.iter().any(|c| c.objects.iter().any(submitting)) {
        return false;
    }
    if !model.late_creates {
        creates_expire(world, owner);
    }
    slot.aged |= record.state.is_terminal();
    slot.mind = slot.mind.later();
    world.brokers[b].slot = Some(slot);
    true
}

pub fn creates_expire(world: &mut World, owner: Owner) {
    let landing = |call: &Call| matches!(&call.ask, Ask::Create { owner: of, .. } if *of == owner);
    world
        .calls
        .retain(|call| call.answer.is_some() || call.from.is_some() || !landing(call));
}

/// The attempt's cluster has given no answer for `failoverAfter`.
pub fn silence(world: &mut World, b: usize) -> bool {
    let Some(slot) = &mut world.brokers[b].slot else {
        return false;
    };
    let attempt = &slot.mind.attempt;
    let silent = attempt
        .memory
        .silent_since
        .is_some_and(|since| NOW - since < SETTLE);
    let cut_off = place_of(&attempt.record).is_some_and(|c| world.clusters[c].cut_off);
    if slot.busy || !silent || !cut_off || attempt.record.state != State::Dispatching {
        return false;
    }
    slot.mind = slot.mind.later();
    true
}

/// A create lands.
pub fn create(world: &mut World, c: usize, name: (u32, u8), owner: Owner, two_phase: bool) -> Answer {
    if world.clusters[c].named(name).is_some() {
        return Answer::AlreadyExists;
    }
    world.uid += 1;
    let object = Object {
        uid: world.uid,
        name,
        owner,
        raw: spark_broker::submission::RawState::New,
        already: false,
        suspended: two_phase,
        two_phase,
        submits: 0,
        gone: false,
    };
    world.clusters[c].objects.push(object.clone());
    Answer::Created(object)
}

/// What came of a call; without an answer it was lost.
pub fn came_to(model: &Dispatch, world: &mut World, b: usize, ask: &Ask, answer: Option<Answer>) {
    let Some(mut slot) = world.brokers[b].slot.take() else {
        return;
    };
    let asked = slot.mind.asked.unwrap_or(NOW);
    let mut attempt = (*slot.mind.attempt).clone();
    slot.busy = false;
    slot.unconfirmed = None;
    match (answer, ask) {
        (Some(Answer::Written(written)), _) => return wrote(model, world, b, slot, written),
        (Some(Answer::Created(object)), _) => _ = attempt.create_came_to(asked, Ok(shown(&object)), NOW),
        (Some(Answer::AlreadyExists), _) => {
            _ = attempt.create_came_to(asked, Err(answered(409, "AlreadyExists", "exists")), NOW)
        }
        (Some(Answer::OverQuota), _) => {
            _ = attempt.create_came_to(asked, Err(answered(403, "Forbidden", "exceeded quota")), NOW);
        }
        (Some(Answer::Seen(object)), _) => {
            attempt.answered();
            attempt.looked(object.as_ref().map(shown), asked, NOW);
        }
        (Some(Answer::Pods(pods)), _) => {
            attempt.answered();
            attempt.listed(pods.iter().map(sight).collect(), asked, NOW);
        }
        (Some(Answer::Done), Ask::Release { .. }) => attempt.answered(),
        (Some(Answer::Done), _) => attempt.deleted(NOW),
        (None, Ask::Create { .. }) => {
            _ = attempt.create_came_to(asked, Err(CreateError::Ambiguous("lost".into())), NOW)
        }
        (None, Ask::Write { .. }) => attempt.unwritten(NOW),
        (None, _) => attempt.unanswered(NOW),
    }
    slot.mind = Mind::new(attempt);
    world.brokers[b].slot = Some(slot);
}

fn answered(status: u16, reason: &str, message: &str) -> CreateError {
    CreateError::Answered {
        status,
        reason: reason.into(),
        message: message.into(),
        retry_after: None,
    }
}

/// The record stands as planned, or somebody else wrote before (`written` and `overtaken` of the scheduler).
fn wrote(model: &Dispatch, world: &mut World, b: usize, mut slot: Slot, written: Written) {
    let broker = &mut world.brokers[b];
    let mut attempt = (*slot.mind.attempt).clone();
    let (done, stored) = match written {
        Written::Done(record) | Written::WasDone(record) => (true, record),
        Written::Stale(record) => (false, record),
    };
    let (known, record) = (&attempt.record, &stored.0);
    let same = record.incarnation == known.incarnation
        && record.attempt == known.attempt
        && record.cluster == known.cluster
        && record.epoch == known.epoch;
    let continued = same && record.state.is_live() && model.without != Some(Rule::ReplyLost);
    if done && record.state == State::Queued && !record.cancel_requested {
        broker.entry = Some(stored);
    } else if done || continued {
        attempt.stands_as((**record).clone());
        slot.mind = Mind::new(attempt);
        broker.slot = Some(slot);
    } else if record.epoch.is_some_and(|epoch| Some(epoch.0) > broker.epoch) {
    } else if record.state == State::Queued && !record.cancel_requested {
        broker.entry = Some(stored);
    } else if record.state.is_live() && model.without != Some(Rule::ReplyLost)
        || record.state == State::Queued
    {
        broker.slot = Some(self::slot(Attempt::found((**record).clone(), NOW)));
    }
}
