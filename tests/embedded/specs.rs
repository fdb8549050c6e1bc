//! The contract of the port `Store`: specs in the record and beside it.

use aws_sdk_dynamodb::types::AttributeValue;
use spark_broker::error::{Class, Classify};
use spark_broker::ports::store::{Create, Store};
use spark_broker::submission::{SpecTexts, State};

use crate::fixture::{Table, done, large, moved, record};

#[tokio::test]
async fn large_specs_stand_apart_and_expire_with_their_record() {
    let t = Table::new().await;
    let mut big = record("job-1");
    big.spec = SpecTexts {
        user: Some(large(1, 200_000)),
        effective: Some(large(2, 200_000)),
    };
    t.created(&big).await;
    let pk = format!("spec#job-1#{}", big.incarnation.as_str());

    let stored = t.stored(&big).await;
    assert_eq!(stored.spec, SpecTexts::default());
    assert_eq!(t.store.specs(&stored).await.unwrap(), big.spec);
    let kept = AttributeValue::N((big.updated_at.as_second() + 400 * 86_400).to_string());
    assert_eq!(t.item(pk.clone()).await.unwrap()["expiresAt"], kept);

    let mut loser = record("job-1");
    loser.spec = big.spec.clone();
    assert!(matches!(t.store.create(&loser).await.unwrap(), Create::Exists(_)));
    assert_eq!(
        t.item(format!("spec#job-1#{}", loser.incarnation.as_str())).await,
        None
    );

    let mut ended = moved(&stored, State::Failed);
    ended.expires_at = Some(1_900_000_000);
    done(t.write(&stored, &ended, None).await);
    assert_eq!(
        t.item(pk).await.unwrap()["expiresAt"],
        AttributeValue::N("1900000000".into())
    );
}

#[tokio::test]
async fn a_spec_that_no_item_can_hold_is_refused_for_good() {
    let t = Table::new().await;
    let mut huge = record("job-1");
    huge.spec.user = Some(large(3, 600_000));
    let error = t.store.create(&huge).await.unwrap_err();
    assert_eq!(error.class(), Class::Permanent);
    assert!(error.is_too_large(), "{error}");
    assert_eq!(t.store.get(&huge.id).await.unwrap(), None);
    assert!(t.requests.take().iter().all(|r| r == "GetItem"));
}
