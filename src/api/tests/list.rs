use super::*;

/// Twelve submissions of three days, oldest first.
fn filled() -> Arc<Fake> {
    let fake = shared();
    for n in 0..12_u32 {
        let day = 21 + n / 4;
        let mut record = record(&format!("job-{n:02}"), &format!("2026-11-{day}T10:00:{n:02}Z"));
        if n % 3 == 0 {
            record.state = State::Succeeded;
        }
        if n == 5 {
            record.queue = "prod".parse().unwrap();
        }
        fake.put(record);
    }
    fake
}

fn ids(body: &Value) -> Vec<String> {
    let submissions = body["submissions"].as_array().unwrap();
    submissions
        .iter()
        .map(|s| s["submissionId"].as_str().unwrap().to_owned())
        .collect()
}

/// Every page of a list.
async fn pages(fake: &Arc<Fake>, query: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let body = get(fake, &format!("/v1/submissions?{query}{cursor}")).await.body;
        pages.push(ids(&body));
        match body["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
        assert!(pages.len() < 50, "the list doesn't end");
    }
}

fn newest_first(numbers: impl DoubleEndedIterator<Item = u32>) -> Vec<String> {
    numbers.rev().map(|n| format!("job-{n:02}")).collect()
}

#[tokio::test]
async fn a_list_runs_from_the_newest_to_the_oldest_over_days_queues_and_shards() {
    let fake = filled();
    assert_eq!(pages(&fake, "limit=200").await.concat(), newest_first(0..12));
    for limit in [1, 2, 3, 5, 12] {
        let pages = pages(&fake, &format!("limit={limit}")).await;
        assert!(pages.iter().all(|page| page.len() <= limit));
        assert_eq!(pages.concat(), newest_first(0..12), "limit {limit}");
    }
}

#[tokio::test]
async fn a_list_is_narrowed_by_queue_state_and_time() {
    let fake = filled();
    let mut rejected = record("job-bad", "2026-11-23T11:00:00Z");
    (rejected.state, rejected.queue) = (State::Rejected, QueueName::none());
    fake.put(rejected);
    assert_eq!(pages(&fake, "state=REJECTED").await.concat(), ["job-bad"]);
    fake.records.lock().unwrap().remove(&"job-bad".parse().unwrap());
    assert_eq!(pages(&fake, "queue=prod").await.concat(), ["job-05"]);
    assert_eq!(
        pages(&fake, "state=SUCCEEDED&limit=2").await.concat(),
        newest_first([0, 3, 6, 9].into_iter())
    );
    assert_eq!(pages(&fake, "state=SUCCEEDED,QUEUED").await.concat().len(), 12);
    assert_eq!(
        pages(&fake, "since=2026-11-22T10:00:06Z").await.concat(),
        newest_first(6..12)
    );
    assert_eq!(pages(&fake, "since=24h").await.concat(), newest_first(8..12));
}

#[tokio::test]
async fn what_arrives_while_a_list_is_read_neither_repeats_nor_hides_anything() {
    let fake = filled();
    let first = get(&fake, "/v1/submissions?limit=3").await.body;
    for n in 90..99 {
        fake.put(record(&format!("job-{n}"), "2026-11-23T11:00:00Z"));
    }
    let next = first["nextCursor"].as_str().unwrap();
    let rest = get(&fake, &format!("/v1/submissions?limit=200&cursor={next}"))
        .await
        .body;
    assert_eq!([ids(&first), ids(&rest)].concat(), newest_first(0..12));
}

#[tokio::test]
async fn a_list_goes_on_although_the_last_entry_shown_is_gone() {
    let fake = filled();
    let first = get(&fake, "/v1/submissions?limit=2").await.body;
    for id in ids(&first) {
        fake.records.lock().unwrap().remove(&id.parse().unwrap());
    }
    let next = first["nextCursor"].as_str().unwrap();
    let rest = get(&fake, &format!("/v1/submissions?limit=200&cursor={next}"))
        .await
        .body;
    assert_eq!(ids(&rest), newest_first(0..10));
}

#[tokio::test]
async fn every_wrong_parameter_is_told_at_once() {
    let fake = shared();
    let query = "queue=No!&state=DONE&since=yesterday&cursor=x&limit=0&colour=red&queue=dev";
    let answer = get(&fake, &format!("/v1/submissions?{query}")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let violations = answer.body["violations"].as_array().unwrap();
    let mut paths: Vec<_> = violations.iter().map(|v| v["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["colour", "cursor", "limit", "queue", "since", "state"]);
}
