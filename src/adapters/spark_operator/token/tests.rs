use std::collections::BTreeMap;

use aws_credential_types::Credentials;

use super::*;
use crate::model::FixedClock;

const NOW: &str = "2026-11-23T05:31:50Z";

fn source(expires: Option<SystemTime>) -> (TokenSource, Arc<FixedClock>) {
    let clock = Arc::new(FixedClock::at(NOW.parse().unwrap()));
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", Some("session".into()), expires, "test");
    let source = TokenSource::new(
        "analytics",
        "eu-central-1",
        SharedCredentialsProvider::new(credentials),
        clock.clone(),
    );
    (source, clock)
}

fn url_of(token: &str) -> (String, BTreeMap<String, String>) {
    let url = URL_SAFE_NO_PAD
        .decode(token.strip_prefix(PREFIX).unwrap())
        .unwrap();
    let url = String::from_utf8(url).unwrap();
    let (base, query) = url.split_once('?').unwrap();
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
    (
        base.to_owned(),
        pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
    )
}

#[tokio::test]
async fn a_token_is_a_presigned_url_of_the_regional_sts_bound_to_the_cluster() {
    let (source, _) = source(None);
    let (base, query) = url_of(&source.token().await.unwrap());
    assert_eq!(base, "https://sts.eu-central-1.amazonaws.com/");
    assert_eq!(query["Action"], "GetCallerIdentity");
    assert_eq!(query["Version"], "2011-06-15");
    assert_eq!(query["X-Amz-Algorithm"], "AWS4-HMAC-SHA256");
    assert_eq!(
        query["X-Amz-Credential"],
        "AKIDEXAMPLE%2F20261123%2Feu-central-1%2Fsts%2Faws4_request"
    );
    assert_eq!(query["X-Amz-Date"], "20261123T053150Z");
    assert_eq!(query["X-Amz-Expires"], "60");
    assert_eq!(query["X-Amz-SignedHeaders"], "host%3Bx-k8s-aws-id");
    assert_eq!(query["X-Amz-Security-Token"], "session");
    // What botocore 1.43 signs for the same cluster, credentials and time.
    let signature = "5592d3e8a3bed112f0a33479c7644c01d1b91628f3724dd29f43d69bf7624701";
    assert_eq!(query["X-Amz-Signature"], signature);
}

#[tokio::test]
async fn a_token_is_kept_and_renewed_before_its_fourteenth_minute() {
    let (source, clock) = source(None);
    let start: Timestamp = NOW.parse().unwrap();
    let first = source.token().await.unwrap();
    clock.set(start + SignedDuration::from_secs(12 * 60 + 59));
    assert_eq!(source.token().await.unwrap(), first);
    clock.set(start + SignedDuration::from_mins(13));
    let second = source.token().await.unwrap();
    assert_ne!(second, first);
    assert_eq!(url_of(&second).1["X-Amz-Date"], "20261123T054450Z");
}

#[tokio::test]
async fn a_token_does_not_outlive_its_credentials() {
    let start: Timestamp = NOW.parse().unwrap();
    let (source, clock) = source(Some((start + SignedDuration::from_mins(5)).into()));
    let first = source.token().await.unwrap();
    clock.set(start + SignedDuration::from_mins(4));
    assert_ne!(source.token().await.unwrap(), first);
}

#[tokio::test]
async fn a_refused_token_is_dropped_once() {
    let (source, clock) = source(None);
    let layer = TokenLayer::new(Arc::new(source));
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = seen.clone();
    let mut service = layer.layer(tower::service_fn(move |request: Request<()>| {
        kept.lock()
            .unwrap()
            .push(request.headers()[AUTHORIZATION].to_str().unwrap().to_owned());
        let status = if kept.lock().unwrap().len() == 1 { 401 } else { 200 };
        async move { Ok::<_, BoxError>(Response::builder().status(status).body(()).unwrap()) }
    }));
    let mut call = async |seconds: i64| {
        let start: Timestamp = NOW.parse().unwrap();
        clock.set(start + SignedDuration::from_secs(seconds));
        service.call(Request::new(())).await.unwrap().status().as_u16()
    };
    assert_eq!([call(0).await, call(1).await, call(2).await], [401, 200, 200]);
    let seen = seen.lock().unwrap();
    assert!(seen[0].starts_with("Bearer k8s-aws-v1."));
    assert_ne!(seen[0], seen[1]);
    assert_eq!(seen[1], seen[2]);
}
