//! A person's word on a driver that doesn't go, as every pod writes it.

use std::sync::Arc;

use spark_broker::broker::storing::Records;
use spark_broker::lifecycle::Rules;
use spark_broker::model::SystemClock;
use spark_broker::ports::service::Confirmed;
use spark_broker::ports::store::Store;
use spark_broker::submission::{Overdue, Record, State};

use crate::fixture::{Table, record};

fn in_state(id: &str, state: State) -> Record {
    let mut record = record(id);
    record.state = state;
    record.cluster = Some("a".parse().unwrap());
    record
}

#[tokio::test]
async fn a_word_is_written_where_a_driver_does_not_go_and_refused_elsewhere() {
    let t = Table::new().await;
    let mut stuck = in_state("stuck", State::Running);
    stuck.overdue = Some(Overdue {
        driver: "pod-1".parse().unwrap(),
        message: "its driver doesn't go".into(),
        lost: None,
    });
    for record in [
        &stuck,
        &in_state("runs", State::Running),
        &in_state("ended", State::Succeeded),
    ] {
        t.created(record).await;
    }
    let records = Records {
        store: Arc::new(t.store.clone()),
        clock: Arc::new(SystemClock),
        rules: Rules::default(),
        domain: stuck.domain.clone(),
        cancel_memory: 60,
    };
    let say = async |id: &str| records.confirm_lost(&id.parse().unwrap(), "burnt (ann)").await;
    assert!(matches!(say("stuck").await, Ok(Confirmed::Taken(_))));
    let stored = t.stored(&stuck).await;
    let overdue = stored.overdue.as_ref().unwrap();
    assert_eq!(
        (overdue.driver.as_str(), overdue.lost.as_deref()),
        ("pod-1", Some("burnt (ann)"))
    );
    let wished = t.store.wishes(&stuck.domain, None).await.unwrap();
    assert_eq!(wished.items.len(), 1, "the scheduler finds it");
    assert!(matches!(say("stuck").await, Ok(Confirmed::Taken(_))));
    assert_eq!(t.stored(&stuck).await.version, stored.version, "written once");
    assert!(matches!(say("runs").await, Ok(Confirmed::NotInDoubt(_))));
    assert!(matches!(say("ended").await, Ok(Confirmed::NotInDoubt(_))));
    assert!(matches!(say("nobody").await, Ok(Confirmed::Unknown)));
}
