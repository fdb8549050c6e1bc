//! Sixty jobs at once, on two clusters with the real operator.

use crate::bursts;

#[tokio::test]
async fn a_burst_on_two_operators_ends_without_a_second_driver_and_ahead_of_the_objects() {
    let jobs = bursts::run(60).await;
    println!("{}", bursts::table(&jobs));
    assert_eq!(jobs.len(), 60);
    for job in &jobs {
        assert_eq!(job.status["state"], "SUCCEEDED", "{:#}", job.status);
        assert_eq!((job.drivers, &job.status["attempts"]), (1, &1.into()), "{job:?}");
        // Under `Never` the driver's word is enough: the record has moved before the object shows it.
        let ahead =
            |record, object| Option::zip(record, object).is_none_or(|(record, object)| record <= object);
        assert!(ahead(job.record.running, job.object.running), "{job:?}");
        assert!(
            job.record.ended.is_some() && job.object.ended.is_some(),
            "{job:?}"
        );
        assert!(ahead(job.record.ended, job.object.ended), "{job:?}");
    }
    let on = |name: &str| jobs.iter().filter(|job| job.cluster == name).count();
    assert_eq!((on("one"), on("two")), (30, 30), "equal weights");
}
