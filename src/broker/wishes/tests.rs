//! Wishes as they stand, and the brake.

use super::*;
use crate::ports::store::{Cordon, Drain, DrainThen};
use crate::submission::{NewRecord, State};

fn settling() -> Settling {
    Settling {
        lost: secs(60),
        submit: secs(180),
        ..Settling::default()
    }
}

fn wall(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn cluster() -> ClusterName {
    "a".parse().unwrap()
}

fn record(id: &str) -> Record {
    let mut record = Record::queued(NewRecord {
        id: id.parse().unwrap(),
        domain: "default".parse().unwrap(),
        queue: "dev".parse().unwrap(),
        fingerprint: "f".into(),
        at: wall(0),
    });
    record.state = State::Running;
    record.cluster = Some(cluster());
    record
}

fn loss(at: i64) -> ClusterWishes {
    ClusterWishes {
        lost_confirmed: Some(LostConfirmed {
            reason: "burnt down".into(),
            author: None,
            at: wall(at),
        }),
        ..ClusterWishes::default()
    }
}

fn told(wishes: &mut Wishes, second: i64) -> Option<Told> {
    let mut news = wishes.news(wall(second), secs(second.unsigned_abs()), &settling());
    news.pop().map(|(_, told)| told)
}

#[test]
fn a_cordon_closes_until_its_end_and_a_drain_until_it_is_taken_away() {
    let mut wishes = Wishes::default();
    let read = ClusterWishes {
        cordon: Some(Cordon {
            reason: "upgrade".into(),
            author: None,
            at: wall(0),
            until: Some(wall(60)),
        }),
        ..ClusterWishes::default()
    };
    wishes.read(&cluster(), read, std::iter::empty());
    let closed = |told: Option<Told>| told.map(|told| told.closed);
    let expected = Some(Some("cordoned: upgrade".to_owned()));
    assert_eq!(closed(told(&mut wishes, 1)), expected);
    assert_eq!(closed(told(&mut wishes, 59)), None, "no news");
    assert_eq!(closed(told(&mut wishes, 60)), Some(None));

    let read = ClusterWishes {
        drain: Some(Drain {
            reason: "to be rebuilt".into(),
            author: None,
            at: wall(60),
            deadline: wall(400),
            then: DrainThen::Leave,
        }),
        ..ClusterWishes::default()
    };
    wishes.read(&cluster(), read, std::iter::empty());
    assert!(
        told(&mut wishes, 61)
            .unwrap()
            .closed
            .unwrap()
            .contains("to be rebuilt")
    );
    assert_eq!(wishes.of(&record("job-1")).emptied, None);
    assert_eq!(told(&mut wishes, 159), None, "no news");
    assert!(told(&mut wishes, 160).is_some(), "its deadline is near");
    assert!(wishes.of(&record("job-1")).emptied.is_some());
    assert_eq!(told(&mut wishes, 400), None, "no news");
    wishes.read(&cluster(), ClusterWishes::default(), std::iter::empty());
    assert_eq!(closed(told(&mut wishes, 401)), Some(None));
}

#[test]
fn a_drain_withdraws_and_cancels_early_enough_to_be_over_by_its_deadline() {
    let emptied = |deadline: i64, then: DrainThen, second: i64| {
        let mut wishes = Wishes::default();
        let drain = Drain {
            reason: "to be rebuilt".into(),
            author: None,
            at: wall(0),
            deadline: wall(deadline),
            then,
        };
        let read = ClusterWishes {
            drain: Some(drain),
            ..ClusterWishes::default()
        };
        wishes.read(&cluster(), read, std::iter::empty());
        told(&mut wishes, second);
        wishes.of(&record("job-1")).emptied.map(|emptied| emptied.then)
    };
    let (leave, cancel) = (Some(DrainThen::Leave), Some(DrainThen::Cancel));
    for (deadline, then, second, expected) in [
        (3600, DrainThen::Cancel, 3359, None),
        (3600, DrainThen::Cancel, 3360, leave),
        (3600, DrainThen::Cancel, 3539, leave),
        (3600, DrainThen::Cancel, 3540, cancel),
        (3600, DrainThen::Leave, 3359, None),
        (3600, DrainThen::Leave, 3600, leave),
        (180, DrainThen::Cancel, 0, leave),
        (180, DrainThen::Cancel, 120, cancel),
        (60, DrainThen::Cancel, 0, cancel),
        (-60, DrainThen::Cancel, 0, cancel),
    ] {
        let found = emptied(deadline, then, second);
        assert_eq!(found, expected, "{then:?} by {deadline} at {second}");
    }
}

#[test]
fn the_brake_needs_more_than_three_and_more_than_a_tenth() {
    for (missing, of, expected) in [
        (3, 3, false),
        (4, 40, false),
        (4, 39, true),
        (5, 5, true),
        (2, 40, false),
    ] {
        assert_eq!(
            Missing { missing, of }.is_too_many(),
            expected,
            "{missing} of {of}"
        );
    }
    let mut wishes = Wishes::default();
    let five = Missing { missing: 5, of: 5 };
    wishes.counted([(cluster(), five)].into());
    assert!(matches!(wishes.of(&record("job-1")).loss, Loss::Doubted(_)));
    wishes.read(&cluster(), loss(1), ["job-1".parse().unwrap()].into_iter());
    assert_eq!(wishes.of(&record("job-1")).loss, Loss::Proven);
    let later = wishes.of(&record("job-2")).loss;
    assert!(matches!(later, Loss::Doubted(_)), "nobody spoke of that one");
    // Two of them were cancelled: that says nothing of the others.
    let three = Missing { missing: 3, of: 3 };
    wishes.counted([(cluster(), three)].into());
    let mut doubted = record("job-2");
    assert_eq!(wishes.of(&doubted).loss, Loss::Proven);
    doubted.verdict.reason = Some(Reason::LostUnconfirmed);
    assert!(matches!(wishes.of(&doubted).loss, Loss::Doubted(_)));
    doubted.id = "job-1".parse().unwrap();
    assert_eq!(wishes.of(&doubted).loss, Loss::Proven, "a person spoke of it");
}

#[test]
fn a_confirmed_loss_means_a_whole_cluster_only_after_it_was_out_of_sight_for_long() {
    let mut wishes = Wishes::default();
    wishes.read(&cluster(), loss(1), ["job-1".parse().unwrap()].into_iter());
    told(&mut wishes, 1);
    assert_eq!(wishes.of(&record("job-1")).loss, Loss::Proven);
    wishes.out_of_sight(&cluster(), secs(10));
    told(&mut wishes, 69);
    assert_eq!(wishes.of(&record("job-1")).loss, Loss::Proven);
    wishes.in_sight(&cluster());
    wishes.out_of_sight(&cluster(), secs(69));
    told(&mut wishes, 128);
    assert_eq!(wishes.of(&record("job-1")).loss, Loss::Proven);
    told(&mut wishes, 129);
    assert!(matches!(wishes.of(&record("job-1")).loss, Loss::Gone(_)));
    assert_eq!(wishes.of(&record("job-2")).loss, Loss::Proven, "it came later");
}

#[test]
fn a_loss_that_was_carried_out_is_not_carried_out_again() {
    let mut wishes = Wishes::default();
    wishes.read(&cluster(), loss(1), std::iter::empty());
    assert_eq!(wishes.carried_out(&cluster()).unwrap().at, wall(1));
    wishes.read(&cluster(), loss(1), ["job-1".parse().unwrap()].into_iter());
    assert_eq!(wishes.confirmed().count(), 0);
    assert_eq!(wishes.left_over().count(), 1, "it is to be taken away again");
    wishes.read(&cluster(), loss(2), ["job-1".parse().unwrap()].into_iter());
    assert_eq!(wishes.confirmed().count(), 1, "a new one counts");
}
