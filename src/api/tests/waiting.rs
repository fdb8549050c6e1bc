//! What a waiting submission's status says.

use super::*;
use crate::ports::store::{QueueBoard, WaitingHead};

#[tokio::test]
async fn a_waiting_submission_says_why_by_its_queues_board() {
    let fake = shared();
    fake.put(record("job-1", NOW));
    fake.put(record("job-2", NOW));
    *fake.board.lock().unwrap() = Some(QueueBoard {
        waiting: 2,
        heads: vec![WaitingHead {
            id: "job-1".parse().unwrap(),
            position: Some(1),
            reason: Reason::NoCapacity,
            message: "a: 4 cores short".into(),
        }],
        at: Some("2026-11-23T12:00:05Z".parse().unwrap()),
        ..QueueBoard::default()
    });
    let head = get(&fake, "/v1/submissions/job-1").await.body;
    assert_eq!(
        (&head["reason"], &head["message"]),
        (&json!("NoCapacity"), &json!("a: 4 cores short"))
    );
    assert_eq!(head["reasonAt"], "2026-11-23T12:00:05.000Z");
    assert_eq!(head["position"], 1);
    let behind = get(&fake, "/v1/submissions/job-2").await.body;
    assert_eq!(behind["reason"], "Waiting");
    assert_eq!(behind.get("position"), None, "what isn't known isn't told");

    // One that was given back keeps its own reason while it waits for its turn.
    let mut again = record("job-3", NOW);
    again.verdict.reason = Some(Reason::PickupTimeout);
    again.verdict.message = Some("not picked up".into());
    fake.put(again);
    if let Some(board) = fake.board.lock().unwrap().as_mut() {
        board.heads.push(WaitingHead {
            id: "job-3".parse().unwrap(),
            position: Some(2),
            reason: Reason::Waiting,
            message: "waits for its turn".into(),
        });
    }
    let again = get(&fake, "/v1/submissions/job-3").await.body;
    assert_eq!(
        (&again["reason"], &again["position"]),
        (&json!("PickupTimeout"), &json!(2))
    );
    assert_eq!(again["message"], "not picked up");
}
