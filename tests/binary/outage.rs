//! The store away: nothing is lost, parked or moved to the dead-letter queue, and work resumes by itself.

use std::time::Duration;

use crate::harness::{Account, Broker, eventually, job, serve_at};
use crate::proxy::{Mode, Proxy};

/// How long connections are refused, and how long after that calls are throttled: each longer than the holder's lease
/// is good for, together longer than the 60 s for which a receive hides a message.
const REFUSED: Duration = Duration::from_secs(30);
const THROTTLED: Duration = Duration::from_secs(40);
/// Sent while the store is away; fewer than a receive can bring.
const MEANWHILE: usize = 9;

async fn not_ready(broker: &Broker) {
    let answer = eventually("503 of /readyz", async || {
        broker.readiness().ok().filter(|answer| answer.status == 503)
    });
    let body = answer.await.body;
    let missing = body["missing"][0].as_str().unwrap();
    assert!(missing.contains("store takes no writes"), "{body}");
}

async fn assert_ran_once(broker: &Broker, id: &str) {
    let ended = broker.ended(id).await;
    assert_eq!(ended["state"], "SUCCEEDED", "{ended:#}");
    assert_eq!(ended["attempts"], 1, "{ended:#}");
    broker.walk(id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_store_is_away_messages_are_held_and_afterwards_all_jobs_end() {
    let account = Account::new().await;
    account.set_max_receive_count(3).await;
    let proxy = Proxy::before(account.dynamodb_url()).await;
    let broker = serve_at(&account, &proxy.url(), "").await;
    let mut ids = Vec::new();
    let mut send = async |id: String, run_time: &str| {
        account.send(&job(&id, run_time).to_string()).await;
        ids.push(id);
    };
    for n in 0..4 {
        send(format!("before-{n}"), "5s").await;
    }
    broker.reaches("before-0", "RUNNING").await;

    proxy.set(Mode::Refuse);
    send("taken".into(), "1s").await;
    not_ready(&broker).await;
    for n in 0..MEANWHILE {
        send(format!("refused-{n}"), "1s").await;
    }
    let refused = broker.submit(job("over-http", "1s").to_string());
    assert_eq!(refused.status, 503, "{:#}", refused.body);
    tokio::time::sleep(REFUSED).await;
    not_ready(&broker).await;
    assert_eq!(
        account.waiting().await,
        (9, 1),
        "intake stops taking and holds what it took"
    );

    proxy.set(Mode::Throttle);
    send("throttled".into(), "1s").await;
    tokio::time::sleep(THROTTLED).await;
    not_ready(&broker).await;
    assert_eq!(account.waiting().await, (10, 1));
    assert!(account.parked().await.is_empty());

    proxy.set(Mode::Pass);
    broker.ready().await;
    account.drained().await;
    for id in &ids {
        assert_ran_once(&broker, id).await;
    }
    assert_eq!(
        broker.status("over-http"),
        None,
        "what was answered 503 wasn't taken"
    );
    assert!(account.parked().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_message_is_parked_before_its_record_is_written_and_deleted_last() {
    let account = Account::new().await;
    let proxy = Proxy::before(account.dynamodb_url()).await;
    let broker = serve_at(&account, &proxy.url(), "").await;
    proxy.set(Mode::Refuse);
    let id = account.send("run my job please").await;
    assert_eq!(account.parked_as(&id).await.attribute("reason"), "InvalidMessage");
    not_ready(&broker).await;
    // A crash now loses nothing: the message is still there, and comes again.
    let pk = format!("submission#{id}");
    assert!(account.item(&pk).await.is_none());
    assert_eq!(account.waiting().await, (0, 1));

    proxy.set(Mode::Pass);
    assert_eq!(broker.ended(&id).await["state"], "REJECTED");
    account.drained().await;
    assert_eq!(account.parked().await.len(), 1, "parked once");
}
