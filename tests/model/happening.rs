//! What happens around the schedulers: takeovers, crashes, calls answered and lost, outages, wishes.

use spark_broker::lifecycle::{Event, Happening, Rules, Step};

use super::cluster::{Cluster, Own};
use super::dispatch::Dispatch;
use super::mind::Rec;
use super::scheduler;
use super::store::{self, Written};
use super::world::{Answer, Ask, Broker, Call, World, wall};

pub fn take_over(world: &mut World, b: usize) -> bool {
    // By its own clock the term of the one before is over (see `lease.rs`): it begins nothing more. What it has begun
    // goes on.
    if let Some(other) = world.holder {
        leave(world, other);
    }
    world.epoch += 1;
    world.holder = Some(b);
    world.brokers[b] = Broker {
        epoch: Some(world.epoch),
        ..Broker::default()
    };
    true
}

pub fn crash(world: &mut World, b: usize) -> bool {
    leave(world, b);
    world.holder = None;
    true
}

/// Calls of `b` go on without it.
pub fn leave(world: &mut World, b: usize) {
    world.brokers[b] = Broker::default();
    world
        .calls
        .retain(|call| call.from != Some(b) || call.answer.is_none());
    world
        .calls
        .iter_mut()
        .filter(|call| call.from == Some(b))
        .for_each(|call| call.from = None);
    keep_what_matters(world);
}

/// A read that nobody waits for is nothing.
pub fn keep_what_matters(world: &mut World) {
    world
        .calls
        .retain(|call| call.from.is_some() || !matches!(call.ask, Ask::Look { .. } | Ask::List { .. }));
    world.calls.dedup();
}

pub fn answer(model: &Dispatch, world: &mut World, i: usize) -> bool {
    let call = world.calls.remove(i);
    let (Some(b), Some(answer)) = (call.from, call.answer) else {
        return false;
    };
    scheduler::came_to(model, world, b, &call.ask, Some(answer));
    true
}

pub fn time_out(model: &Dispatch, world: &mut World, i: usize) -> bool {
    let mut call = world.calls.remove(i);
    let Some(b) = call.from.take() else { return false };
    let ask = call.ask.clone();
    let retried = matches!(ask, Ask::Write { .. })
        && world.brokers[b]
            .slot
            .as_ref()
            .is_some_and(|s| s.unconfirmed.is_some());
    if call.answer.is_none() {
        world.calls.push(call);
    }
    if retried {
        // The intent is written again until an answer comes.
        world.calls.push(Call {
            from: Some(b),
            ask,
            answer: None,
        });
    } else {
        scheduler::came_to(model, world, b, &ask, None);
    }
    keep_what_matters(world);
    true
}

pub fn refuse(world: &mut World, i: usize) -> bool {
    let call = &mut world.calls[i];
    let refused = call.answer.is_none() && call.from.is_some() && matches!(call.ask, Ask::Create { .. });
    if refused {
        call.answer = Some(Answer::OverQuota);
    }
    refused
}

pub fn cut_off(cluster: &mut Cluster, cut_off: bool) -> bool {
    cluster.cut_off = cut_off;
    true
}

pub fn cancel(world: &mut World) -> bool {
    let at = wall();
    let event = Event {
        at,
        happening: Happening::CancelRequested,
    };
    let (true, Step::Next(next)) = (world.cancels > 0, Rules::default().step(&world.record.0, &event)) else {
        return false;
    };
    world.cancels -= 1;
    let Written::Done(record) = store::update(&world.record, &world.record, &Rec::new(*next)) else {
        return false;
    };
    world.record = record;
    true
}

pub fn operator(world: &mut World, c: usize, own: Own) -> bool {
    if let Own::Succeeds(uid) = own {
        let attempt = world.clusters[c]
            .pods
            .iter()
            .find(|pod| pod.uid == uid)
            .map(|pod| pod.owner.1);
        world.succeeded.extend(attempt);
        world.succeeded.sort_unstable();
        world.succeeded.dedup();
    }
    world.clusters[c].does(own, &mut world.uid);
    true
}
