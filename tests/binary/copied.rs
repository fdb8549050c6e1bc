//! A restored or copied table is known, and `serve` does nothing on it until it is told what it is.

use crate::harness::{Account, Broker, job, serve, serve_with};

async fn installation(account: &Account) -> Option<String> {
    account.attribute("installation", "installationId").await
}

/// Leaves no receive behind that would still take a message.
async fn stop(broker: &mut Broker) {
    broker.process.signal("TERM");
    assert_eq!(broker.process.exit_code().await, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copied_table_is_refused_with_78_until_told_to_keep_it_or_to_be_a_new_one() {
    let account = Account::new().await;
    let mut first = serve(&account, "").await;
    let id = installation(&account).await;
    assert!(id.is_some());
    stop(&mut first).await;

    for (told, how) in [("keep", "--installation=keep"), ("new", "--installation=new")] {
        account.copy_table().await;
        account.send(&job(told, "500ms").to_string()).await;
        let mut refused = serve_with(&account, &[]);
        assert_eq!(refused.process.exit_code().await, Some(78));
        let said = refused.process.err().join("\n");
        for words in [
            "is a restore or a copy",
            "--installation keep",
            "--installation new",
        ] {
            assert!(said.contains(words), "{said}");
        }
        assert_eq!(account.waiting().await, (1, 0), "nothing was received");

        let mut served = serve_with(&account, &[how]);
        served.ready().await;
        served.reaches(told, "SUCCEEDED").await;
        let now = installation(&account).await;
        assert_eq!(now == id, told == "keep", "{now:?}");
        stop(&mut served).await;
    }
    // It has been told: the table is no copy any more.
    serve(&account, "").await;
}
