//! What was given up on a cluster keeps it closed until it is seen absent, and is looked after until its record is told.

use jiff::Timestamp;

use super::*;
use crate::submission::NewRecord;

const SETTLE: Duration = Duration::from_secs(90);

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn cluster(name: &str) -> ClusterName {
    name.parse().unwrap()
}

/// In this version; these attempts were given up on the cluster `a`.
fn record(version: u64, attempts: &[u32]) -> Record {
    let mut record = Record::queued(NewRecord {
        id: "job-1".parse().unwrap(),
        domain: "default".parse().unwrap(),
        queue: "dev".parse().unwrap(),
        fingerprint: "f".into(),
        at: Timestamp::UNIX_EPOCH,
    });
    record.incarnation = "inc-1".parse().unwrap();
    record.version = crate::model::Version(version);
    let given_up = |attempt: &u32| Abandoned {
        attempt: Attempt(*attempt),
        cluster: cluster("a"),
    };
    record.abandoned = attempts.iter().map(given_up).collect();
    record
}

/// With the first attempt given up.
fn one() -> Abandonments {
    let mut all = Abandonments::default();
    assert!(all.note(&record(5, &[1])));
    all
}

fn due(all: &mut Abandonments, now: u64) -> Vec<Clearing> {
    all.due(&cluster("a"), secs(now), SETTLE)
}

/// The one clearing that is due.
fn only(all: &mut Abandonments, now: u64) -> Clearing {
    let mut due = due(all, now);
    assert_eq!(due.len(), 1);
    due.remove(0)
}

#[test]
fn a_cluster_takes_nothing_new_until_what_was_given_up_there_is_seen_absent() {
    let mut all = one();
    assert!(all.blocks(&cluster("a")) && !all.blocks(&cluster("b")));
    assert!(all.due(&cluster("b"), secs(10), SETTLE).is_empty());
    let look = only(&mut all, 10);
    assert!(!look.confirm);
    assert!(due(&mut all, 11).is_empty(), "one at a time");
    assert!(all.blocks(&cluster("a")), "nothing is known yet");
    all.came_to(&look, &Cleared::Absent, secs(12));
    assert!(!all.blocks(&cluster("a")));
    assert!(all.stands_on(&cluster("a")), "it may still land");
}

#[test]
fn what_may_still_land_is_looked_for_once_more_after_the_settling_time() {
    let mut all = one();
    let look = only(&mut all, 10);
    all.came_to(&look, &Cleared::Absent, secs(12));
    assert!(due(&mut all, 101).is_empty());
    let last = only(&mut all, 102);
    assert!(last.confirm);
    // A further look that finds nothing doesn't begin the settling time anew.
    all.came_to(&last, &Cleared::Absent, secs(103));
    assert!(only(&mut all, 104).confirm);
}

#[test]
fn what_shows_itself_after_all_closes_the_cluster_again() {
    let mut all = one();
    let look = only(&mut all, 10);
    all.came_to(&look, &Cleared::Absent, secs(12));
    let last = only(&mut all, 102);
    all.came_to(&last, &Cleared::NotYet, secs(103));
    assert!(all.blocks(&cluster("a")));
    let again = only(&mut all, 104);
    assert!(!again.confirm, "absence is to be shown anew");
    all.came_to(&again, &Cleared::Absent, secs(105));
    assert!(due(&mut all, 194).is_empty());
    assert!(only(&mut all, 195).confirm);
}

#[test]
fn what_could_not_be_cleared_is_tried_again_after_a_second_and_blocks_on() {
    let mut all = one();
    let look = only(&mut all, 10);
    all.came_to(&look, &Cleared::NotYet, secs(12));
    assert!(all.blocks(&cluster("a")));
    assert!(
        all.due(&cluster("a"), Duration::from_millis(12_999), SETTLE)
            .is_empty()
    );
    only(&mut all, 13);
}

#[test]
fn each_attempt_given_up_is_cleared_by_itself() {
    let mut all = Abandonments::default();
    all.note(&record(9, &[1, 2]));
    let clearings = due(&mut all, 10);
    assert_eq!(clearings.len(), 2);
    all.came_to(&clearings[0], &Cleared::Absent, secs(11));
    assert!(all.blocks(&cluster("a")), "the other may stand there");
    all.came_to(&clearings[1], &Cleared::Absent, secs(11));
    assert!(!all.blocks(&cluster("a")));
}

#[test]
fn nothing_is_left_once_the_record_says_so_or_is_gone() {
    let mut all = one();
    assert!(all.note(&record(6, &[])));
    assert!(!all.blocks(&cluster("a")) && !all.stands_on(&cluster("a")));
    assert!(!all.note(&record(6, &[])), "nothing of it is known any more");
    // What an index shows late says nothing about what is known to be open.
    let mut all = one();
    all.note(&record(4, &[]));
    assert!(all.blocks(&cluster("a")));
    let look = only(&mut all, 10);
    all.came_to(&look, &Cleared::Vanished, secs(11));
    assert!(!all.blocks(&cluster("a")) && !all.stands_on(&cluster("a")));
}

#[test]
fn on_a_cluster_that_is_gone_for_good_nothing_is_looked_for() {
    let mut all = one();
    let busy = only(&mut all, 10);
    assert!(all.gone(&cluster("a"), secs(10)).is_empty(), "one at a time");
    all.came_to(&busy, &Cleared::NotYet, secs(10));
    let closing = all.gone(&cluster("a"), secs(11));
    assert!(closing.len() == 1 && closing[0].gone && closing[0].confirm);
    assert_eq!(closing[0].id(), record(5, &[1]).id);
}
