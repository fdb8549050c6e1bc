//! What a scheduler sees of a cluster, and what it removes there, by the program's own judgement.

use spark_broker::broker::strangers::Strangers;
use spark_broker::lifecycle::{Event, Happening, Rules, Step};
use spark_broker::model::Epoch;

use super::cluster::{cluster_name, driver, installation, shown};
use super::dispatch::{Dispatch, Look};
use super::mind::{Mind, NOW, Rec, SETTLE};
use super::scheduler::{DAY, creates_expire, number, place_of};
use super::store::{self, Written};
use super::world::{Ask, Call, World, wall};

/// The watch shows what stands under the attempt's name.
pub fn see(world: &mut World, b: usize, c: usize, look: Look) -> bool {
    let cluster = &world.clusters[c];
    let Some(slot) = world.brokers[b].slot.as_mut().filter(|_| !cluster.cut_off) else {
        return false;
    };
    if place_of(&slot.mind.attempt.record) != Some(c) {
        return false;
    }
    let (mut attempt, asked) = ((*slot.mind.attempt).clone(), slot.mind.asked);
    let known = attempt.sight.object.as_ref().map(|o| number(&o.uid));
    let name = (attempt.record.attempt.0, 0);
    let stands = cluster
        .named(name)
        .filter(|_| known.is_none_or(|uid| cluster.named(name).is_some_and(|o| o.uid == uid)));
    let gone = cluster.objects.iter().find(|o| Some(o.uid) == known && o.gone);
    match (look, stands, gone) {
        (Look::Object, Some(object), _) if attempt.sight.object.as_ref() != Some(&shown(object)) => {
            attempt.saw_object(shown(object), NOW);
        }
        (Look::Object, _, Some(gone)) => attempt.object_went(Some(shown(gone)), NOW),
        (Look::Relisted, _, Some(_)) => attempt.object_went(None, NOW),
        (Look::Driver, _, _) => {
            let pod = cluster.pods.iter().find(|pod| pod.name == name).map(driver);
            match (pod, attempt.sight.driver.clone()) {
                (Some(pod), seen) if seen.as_ref() != Some(&pod) => attempt.saw_driver(pod, NOW),
                (None, Some(seen)) if attempt.sight.pods.is_some() || !seen.has_ended() => {
                    attempt.driver_went(&seen)
                }
                (Some(_) | None, _) => return false,
            }
        }
        (Look::Object | Look::Relisted, _, _) => return false,
    }
    slot.mind = Mind::with(attempt, asked);
    true
}

/// Leftovers, by the program's own judgement of what no attempt accounts for.
pub fn sweep(world: &mut World, b: usize, c: usize) -> bool {
    let cluster = &world.clusters[c];
    let own = world.brokers[b]
        .slot
        .as_ref()
        .map(|slot| &slot.mind.attempt.record);
    let claimed = own.filter(|r| place_of(r) == Some(c)).map(|r| (r.attempt.0, 0));
    if cluster.cut_off {
        return false;
    }
    let mut strangers = Strangers::default();
    let stranger = |name: (u32, u8)| Some(name) != claimed;
    for object in cluster.objects.iter().filter(|o| !o.gone && stranger(o.name)) {
        strangers.object(&cluster_name(c), shown(object));
    }
    for pod in cluster.pods.iter().filter(|pod| stranger(pod.name)) {
        strangers.driver(&cluster_name(c), driver(pod));
    }
    if strangers.unchecked(NOW).is_empty() {
        return false;
    }
    let late = wall().checked_add(jiff::SignedDuration::from_secs(DAY)).unwrap();
    let record = std::slice::from_ref(world.record.0.as_ref());
    for removal in strangers.removals(record, &installation(), SETTLE, late) {
        let object = removal.object.as_ref().map(|(_, uid)| number(uid));
        let pod = removal.driver.as_ref().map(|(_, uid)| number(uid));
        let call = Call {
            from: None,
            ask: Ask::Remove {
                cluster: c,
                object,
                pod,
            },
            answer: None,
        };
        if !world.calls.contains(&call) {
            world.calls.push(call);
        }
    }
    true
}

/// What an attempt that was given up has left is removed, and once nothing is left the record is told.
pub fn clear(model: &Dispatch, world: &mut World, b: usize, k: usize) -> bool {
    let record = (*world.record.0).clone();
    let Some(abandoned) = record.abandoned.get(k) else {
        return false;
    };
    let owner = (World::owner_of(&record).0, abandoned.attempt.0);
    let Some(c) = (0..2).find(|c| cluster_name(*c) == abandoned.cluster) else {
        return false;
    };
    let cluster = &mut world.clusters[c];
    let submitting = cluster
        .objects
        .iter()
        .any(|o| o.owner == owner && o.gone && o.submits > 0);
    if cluster.cut_off || submitting {
        return false;
    }
    if let Some(object) = cluster.objects.iter_mut().find(|o| o.owner == owner && !o.gone) {
        object.gone = true;
        return true;
    }
    if cluster.pods.iter().any(|pod| pod.owner == owner) {
        cluster.pods.retain(|pod| pod.owner != owner);
        return true;
    }
    if !model.late_creates {
        creates_expire(world, owner);
    }
    let happening = Happening::AbandonedGone {
        attempt: abandoned.attempt,
    };
    let Step::Next(mut next) = Rules::default().step(
        &record,
        &Event {
            at: wall(),
            happening,
        },
    ) else {
        return false;
    };
    next.epoch = world.brokers[b].epoch.map(Epoch);
    if let Written::Done(written) = store::update(&world.record, &world.record, &Rec::new(*next)) {
        world.record = written;
    }
    true
}
