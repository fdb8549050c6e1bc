//! Sixty jobs at once, on two clusters with the real operator. A binary of its own: nothing else takes the cores then.

#![cfg(test)]
#![allow(clippy::unwrap_used, reason = "a test may stop at a fault")]

#[allow(dead_code, reason = "the suite on real API servers uses more of it")]
#[path = "../real/bed.rs"]
mod bed;
#[allow(
    dead_code,
    unused_imports,
    reason = "the suite on real API servers uses more of it"
)]
#[path = "../support/burst/mod.rs"]
mod bursts;
#[path = "../support/cluster/mod.rs"]
mod cluster;
#[allow(dead_code, reason = "the suite on real API servers uses more of it")]
#[path = "../real/clusters.rs"]
mod clusters;

use bursts::Job;

/// Whether the record moved before the object showed it, to RUNNING and to its end: under `Never` the driver's word is
/// enough. An object that ends before its driver tells of a spark-submit that tried twice, not of the driver.
fn is_ahead(job: &Job) -> bool {
    let ahead = |record, object| Option::zip(record, object).is_none_or(|(record, object)| record <= object);
    let object_ended = job.object.ended.filter(|ended| Some(*ended) >= job.driver.ended);
    ahead(job.record.running, job.object.running) && ahead(job.record.ended, object_ended)
}

#[tokio::test]
async fn a_burst_on_two_operators_ends_without_a_second_driver_and_ahead_of_the_objects() {
    let jobs = bursts::run(60).await;
    println!("{}", bursts::table(&jobs));
    assert_eq!(jobs.len(), 60);
    for job in &jobs {
        assert_eq!(job.status["state"], "SUCCEEDED", "{:#}", job.status);
        assert_eq!((job.drivers, &job.status["attempts"]), (1, &1.into()), "{job:?}");
        assert!(job.object.ended.is_some(), "{job:?}");
    }
    let behind: Vec<&Job> = jobs.iter().filter(|job| !is_ahead(job)).collect();
    assert!(behind.is_empty(), "{behind:#?}");
    let on = |name: &str| jobs.iter().filter(|job| job.cluster == name).count();
    assert_eq!((on("one"), on("two")), (30, 30), "equal weights");
}
