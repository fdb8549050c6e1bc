//! `dev --data-dir` killed with SIGKILL at random moments: every accepted submission ends, each by a legal walk.

use std::time::Duration;

use rand::Rng;

use crate::harness::{Dev, Folder, PATIENCE, configuration, job};

const JOBS: usize = 200;
const KILLS: usize = 20;

/// Submits until the broker has said that it stands, whatever happens meanwhile.
async fn submit(dev: &Dev, id: &str, run_time: &str) -> bool {
    let spec = job(id, run_time).to_string();
    matches!(dev.broker.try_submit(&spec), Ok(answer) if [200, 202].contains(&answer.status))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_accepted_submission_survives_kills_and_ends_once() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    // A killed holder is waited for; a short lease leaves the kills to hit work, not waiting.
    let config = configuration(0, 0, "lease: {duration: 2s}");
    // The simulated operators take them as they come: what waits for a pace isn't at work when the kill comes.
    let config = config.replace(
        "weight: 50,",
        "weight: 50, pacing: {submissionsPerMinute: 6000, burst: 100},",
    );
    let config = folder.file("dev.yaml", &config);
    let start = async || Dev::start(&["--data-dir", data.to_str().unwrap(), "--config", &config]).await;
    let mut dev = start().await;
    let mut accepted = Vec::new();
    for round in 0..KILLS {
        let pause = Duration::from_millis(rand::rng().random_range(0..2000));
        for n in 0..JOBS / KILLS {
            let id = format!("job-{round}-{n}");
            let run_time = ["300ms", "1s", "3s", "4s", "6s"][n % 5];
            assert!(submit(&dev, &id, run_time).await, "{id}");
            accepted.push(id);
        }
        tokio::time::sleep(pause).await;
        eprintln!("kill {round} after {pause:?}");
        dev.broker.process.kill();
        drop(dev);
        dev = start().await;
    }
    assert_eq!(accepted.len(), JOBS);
    for id in &accepted {
        let ended = dev.broker.ended(id).await;
        assert_eq!(ended["state"], "SUCCEEDED", "{ended:#}\nwithin {PATIENCE:?}");
        dev.broker.walk(id);
    }
    let listed = dev.broker.get("/v1/submissions?limit=200");
    assert_eq!(listed.body["submissions"].as_array().unwrap().len(), JOBS);
    assert!(
        listed.body.get("next").is_none_or(|next| next.is_null()),
        "no more than were sent"
    );
}
