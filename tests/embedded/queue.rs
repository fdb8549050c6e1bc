//! The contract of the port `SubmissionQueue`.

use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_sqs::types::{MessageAttributeValue, QueueAttributeName};
use spark_broker::adapters::sqs::{QueueAddress, SqsQueue, create_queues};
use spark_broker::error::{Class, Classify};
use spark_broker::ports::queue::{Message, Parking, Receipt, SubmissionQueue};

use crate::Harness;

const NO_WAIT: Duration = Duration::ZERO;
const HIDDEN: Duration = Duration::from_secs(600);

struct Queue {
    harness: Harness,
    queue: SqsQueue,
}

impl Queue {
    async fn new() -> Self {
        let harness = Harness::start().await;
        let (name, dead_letters) = (harness.name("jobs"), harness.name("jobs-dlq"));
        create_queues(&harness.aws.sqs(), &name, &dead_letters)
            .await
            .unwrap();
        let name = QueueAddress::Name(name);
        let queue = SqsQueue::connect(harness.aws.sqs(), name, None).await.unwrap();
        Self { harness, queue }
    }

    fn dead_letters(&self) -> QueueAddress {
        QueueAddress::Name(self.harness.name("jobs-dlq"))
    }

    async fn receive(&self) -> Vec<Message> {
        self.queue.receive(NO_WAIT, HIDDEN).await.unwrap()
    }

    async fn parked(&self) -> Vec<Message> {
        let name = self.dead_letters();
        let dead_letters = SqsQueue::connect(self.harness.aws.sqs(), name, None)
            .await
            .unwrap();
        dead_letters.receive(NO_WAIT, HIDDEN).await.unwrap()
    }
}

fn receipts(messages: &[Message]) -> Vec<Receipt> {
    messages.iter().map(|m| m.receipt.clone()).collect()
}

fn why() -> Parking {
    Parking {
        reason: "InvalidSpec".into(),
        detail: "driver.memory: found 1.5g".into(),
        submission_id: "job-1".into(),
    }
}

#[tokio::test]
async fn a_received_message_is_what_was_sent_and_hidden_until_given_back() {
    let q = Queue::new().await;
    let body = "{\"odd\": \"\\ud800 \u{FFFD} \u{1F980}\"}";
    let id = q.queue.send(body).await.unwrap();

    let first = q.receive().await;
    assert_eq!(
        (first.len(), first[0].id.as_str(), first[0].body.as_str()),
        (1, id.as_str(), body)
    );
    assert_eq!(first[0].receive_count, 1);
    assert!(first[0].sent_at.is_some() && first[0].sender.is_some());
    assert!(q.receive().await.is_empty());

    assert!(
        q.queue
            .extend(&receipts(&first), Duration::ZERO)
            .await
            .unwrap()
            .is_empty()
    );
    let second = q.receive().await;
    assert_eq!((second[0].id.as_str(), second[0].receive_count), (id.as_str(), 2));
    assert_ne!(second[0].receipt, first[0].receipt);
}

#[tokio::test]
async fn a_message_comes_again_when_its_time_is_over_and_not_before() {
    let q = Queue::new().await;
    let left = q.queue.send("left").await.unwrap();
    let first = q.queue.receive(NO_WAIT, Duration::from_secs(1)).await.unwrap();
    assert_eq!(first.len(), 1);
    let again = q.queue.receive(Duration::from_secs(20), HIDDEN).await.unwrap();
    assert_eq!((again[0].id.as_str(), again[0].receive_count), (left.as_str(), 2));

    let extended = q.queue.send("extended").await.unwrap();
    let second = q.receive().await;
    assert_eq!(second[0].id, extended);
    for (received, time) in [(&second, HIDDEN), (&again, Duration::from_secs(1))] {
        let failed = q.queue.extend(&receipts(received), time).await.unwrap();
        assert!(failed.is_empty());
    }
    let third = q.queue.receive(Duration::from_secs(20), HIDDEN).await.unwrap();
    assert_eq!((third.len(), third[0].id.as_str()), (1, left.as_str()));
}

#[tokio::test]
async fn twenty_five_messages_go_in_batches_of_ten() {
    let q = Queue::new().await;
    for n in 0..25 {
        q.queue.send(&n.to_string()).await.unwrap();
    }
    let mut all = Vec::new();
    for expected in [10, 10, 5, 0] {
        let messages = q.receive().await;
        assert_eq!(messages.len(), expected);
        all.extend(messages);
    }
    assert_eq!(all.iter().map(|m| &m.body).collect::<HashSet<_>>().len(), 25);
    assert!(q.queue.delete(&receipts(&all)).await.unwrap().is_empty());
    let gone = receipts(&all);
    assert_eq!(q.queue.extend(&gone, Duration::ZERO).await.unwrap(), gone);
    assert!(q.receive().await.is_empty());
}

#[tokio::test]
async fn parking_folds_ten_attributes_into_one() {
    let q = Queue::new().await;
    let sqs = q.harness.aws.sqs();
    let mut send = sqs
        .send_message()
        .queue_url(q.queue.url())
        .message_body("the body");
    for n in 0..10 {
        let value = MessageAttributeValue::builder()
            .data_type("Number")
            .string_value(n.to_string())
            .build()
            .unwrap();
        send = send.message_attributes(format!("attribute-{n}"), value);
    }
    send.send().await.unwrap();

    let messages = q.receive().await;
    assert_eq!(messages[0].attributes.len(), 10);
    q.queue.park(&messages[0], &why()).await.unwrap();

    let parked = q.parked().await.remove(0);
    assert_eq!(parked.body, "the body");
    assert_eq!(parked.attributes.len(), 4);
    assert_eq!(parked.attributes["reason"], "InvalidSpec");
    assert_eq!(parked.attributes["submissionId"], "job-1");
    assert_eq!(parked.attributes["detail"], "driver.memory: found 1.5g");
    let sender: serde_json::Value = serde_json::from_str(&parked.attributes["senderAttributes"]).unwrap();
    assert_eq!(sender["attribute-7"], "7");
    // Parking doesn't delete.
    assert_eq!(q.queue.extend(&receipts(&messages), HIDDEN).await.unwrap(), []);
}

#[tokio::test]
async fn parking_a_message_without_room_cuts_what_can_be_cut_and_else_fails() {
    let q = Queue::new().await;
    let sqs = q.harness.aws.sqs();
    let value = MessageAttributeValue::builder()
        .data_type("String")
        .string_value("v".repeat(300))
        .build()
        .unwrap();
    let room = "large".len() + "String".len() + 300;
    let message = sqs
        .send_message()
        .queue_url(q.queue.url())
        .message_attributes("large", value);
    message
        .message_body("x".repeat(1_048_576 - room))
        .send()
        .await
        .unwrap();

    let message = q.receive().await.remove(0);
    let long = Parking {
        detail: "ä".repeat(2000),
        ..why()
    };
    q.queue.park(&message, &long).await.unwrap();
    let parked = q.parked().await.remove(0);
    assert_eq!(parked.body.len(), message.body.len());
    assert_eq!(parked.attributes["reason"], "InvalidSpec");
    assert!((100..=1024).contains(&parked.attributes["detail"].len()));
    assert!(!parked.attributes.contains_key("senderAttributes"));

    let full = Message {
        body: "x".repeat(1_048_576),
        ..message
    };
    let error = q.queue.park(&full, &why()).await.unwrap_err();
    assert_eq!(error.class(), Class::Permanent);
}

#[tokio::test]
async fn characters_that_sqs_refuses_do_not_keep_a_message_from_being_parked() {
    let q = Queue::new().await;
    q.queue.send("body").await.unwrap();
    let message = q.receive().await.remove(0);
    let odd = Parking {
        detail: "a\u{0}b\u{FFFF}c".into(),
        submission_id: String::new(),
        ..why()
    };
    q.queue.park(&message, &odd).await.unwrap();
    let parked = q.parked().await.remove(0);
    assert_eq!(parked.attributes["detail"], "a\u{FFFD}b\u{FFFD}c");
    assert!(!parked.attributes.contains_key("submissionId"));
}

#[tokio::test]
async fn a_long_poll_gets_what_comes() {
    let q = Queue::new().await;
    let waiting = q.queue.receive(Duration::from_secs(20), HIDDEN);
    let (received, sent) = tokio::join!(waiting, async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        q.queue.send("late").await.unwrap()
    });
    assert_eq!(received.unwrap()[0].id, sent);
}

#[tokio::test]
async fn a_message_received_too_often_goes_to_the_dead_letter_queue() {
    let q = Queue::new().await;
    let sqs = q.harness.aws.sqs();
    let arn = sqs
        .get_queue_attributes()
        .queue_url(q.queue.describe().await.unwrap().dead_letter_url.unwrap())
        .attribute_names(QueueAttributeName::QueueArn)
        .send();
    let arn = &arn.await.unwrap().attributes.unwrap()[&QueueAttributeName::QueueArn];
    let policy = format!("{{\"deadLetterTargetArn\":\"{arn}\",\"maxReceiveCount\":\"2\"}}");
    let set = sqs
        .set_queue_attributes()
        .queue_url(q.queue.url())
        .attributes(QueueAttributeName::RedrivePolicy, policy);
    set.send().await.unwrap();
    assert_eq!(q.queue.describe().await.unwrap().max_receive_count, Some(2));

    let large = "x".repeat(300_000);
    let id = q.queue.send(&large).await.unwrap();
    for _ in 0..2 {
        let messages = q.receive().await;
        assert_eq!(messages.len(), 1);
        q.queue
            .extend(&receipts(&messages), Duration::ZERO)
            .await
            .unwrap();
    }
    assert!(q.receive().await.is_empty());
    let name = q.dead_letters();
    let dead_letters = SqsQueue::connect(sqs, name, None).await.unwrap();
    let parked = dead_letters
        .receive(Duration::from_secs(5), HIDDEN)
        .await
        .unwrap();
    assert_eq!(
        (parked[0].id.as_str(), parked[0].body.len()),
        (id.as_str(), large.len())
    );
}

#[tokio::test]
async fn a_queue_tells_what_start_up_checks() {
    let q = Queue::new().await;
    let facts = q.queue.describe().await.unwrap();
    assert!(!facts.fifo);
    assert!(
        facts
            .dead_letter_url
            .unwrap()
            .ends_with(&format!("/{}", q.harness.name("jobs-dlq")))
    );
    assert_eq!(facts.max_receive_count, Some(1000));
    assert_eq!(facts.retention, Duration::from_secs(4 * 86_400));
    assert_eq!(
        facts.dead_letter_retention,
        Some(Duration::from_secs(14 * 86_400))
    );
}

#[tokio::test]
async fn what_is_missing_is_permanent() {
    let q = Queue::new().await;
    let sqs = q.harness.aws.sqs();
    let absent = SqsQueue::connect(sqs.clone(), QueueAddress::Name("absent".into()), None)
        .await
        .unwrap_err();
    assert_eq!(absent.class(), Class::Permanent);
    assert!(absent.to_string().contains("absent"), "{absent}");

    let lone = SqsQueue::connect(sqs, q.dead_letters(), None).await.unwrap();
    q.queue.send("body").await.unwrap();
    let message = q.receive().await.remove(0);
    assert_eq!(
        lone.park(&message, &why()).await.unwrap_err().class(),
        Class::Permanent
    );
}
