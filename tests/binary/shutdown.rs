//! SIGTERM: nothing received is lost, the lease is given up, and the process ends with 0; a second signal ends it at
//! once.

use crate::harness::{Account, eventually, job, serve, serve_at};
use crate::proxy::{Mode, Proxy};

/// A lease so long that only one that was given up can be taken over in a test's time.
const LONG_LEASE: &str = "lease: {duration: 1h}";

async fn holder(account: &Account) -> Option<String> {
    account.attribute("lease#default", "holder").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopped_broker_gives_its_lease_and_its_messages_to_the_next() {
    let account = Account::new().await;
    let mut first = serve(&account, LONG_LEASE).await;
    let held = eventually("a holder", async || holder(&account).await).await;
    let second = serve(&account, LONG_LEASE).await;
    assert_eq!(holder(&account).await.as_ref(), Some(&held));

    let ids: Vec<String> = (0..40).map(|n| format!("at-the-stop-{n}")).collect();
    for id in &ids {
        account.send(&job(id, "1s").to_string()).await;
    }
    first.process.signal("TERM");
    assert_eq!(first.process.exit_code().await, Some(0));
    let next = eventually("the next holder", async || {
        holder(&account).await.filter(|holder| *holder != held)
    });
    assert_ne!(next.await, held);
    account.drained().await;
    // Each broker simulates clusters of its own, so what the first had begun can't end here; all of it stands.
    for id in &ids {
        assert!(second.status(id).is_some(), "{id}");
    }
    account.send(&job("after-it", "500ms").to_string()).await;
    second.reaches("after-it", "SUCCEEDED").await;
    assert!(account.parked().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_takes_no_longer_than_its_grace_and_a_second_signal_ends_it_at_once() {
    let account = Account::new().await;
    let proxy = Proxy::before(account.dynamodb_url()).await;
    let mut graceful = serve_at(&account, &proxy.url(), "shutdownGrace: 2s").await;
    let mut hasty = serve_at(&account, &proxy.url(), "shutdownGrace: 1h").await;
    // Giving up the lease, and asking for it, now takes longer than any grace here.
    proxy.set(Mode::Stall);
    for id in ["one", "two", "three"] {
        account.send(&job(id, "1s").to_string()).await;
    }
    eventually("messages in hand", async || {
        (account.waiting().await.1 > 0).then_some(())
    })
    .await;
    graceful.process.signal("TERM");
    hasty.process.signal("TERM");
    assert_eq!(graceful.process.exit_code().await, Some(0));
    hasty.process.signal("TERM");
    assert_eq!(hasty.process.exit_code().await, Some(130));
}
