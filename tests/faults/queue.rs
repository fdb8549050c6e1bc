//! A submission queue in memory: at least once, every fifth message once more after it was deleted.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use spark_broker::ports::Error;
use spark_broker::ports::queue::{Message, Parking, QueueFacts, Receipt, SubmissionQueue};
use tokio::time::Instant;

use crate::fault::Faults;

#[derive(Debug)]
struct Held {
    id: usize,
    body: String,
    visible_at: Instant,
    receives: u32,
    /// How often it is still delivered after it was deleted.
    again: u32,
}

/// The queue and what was parked.
#[derive(Debug)]
pub struct MemoryQueue {
    messages: Mutex<Vec<Held>>,
    /// How many there ever were.
    sent: AtomicUsize,
    parked: Mutex<Vec<Parking>>,
    faults: Faults,
}

impl MemoryQueue {
    /// A queue that holds these messages.
    pub fn of(bodies: Vec<String>, faults: Faults) -> Self {
        let held = |(id, body)| Held {
            id,
            body,
            visible_at: Instant::now(),
            receives: 0,
            again: u32::from(id % 5 == 0),
        };
        Self {
            sent: AtomicUsize::new(bodies.len()),
            messages: Mutex::new(bodies.into_iter().enumerate().map(held).collect()),
            parked: Mutex::default(),
            faults,
        }
    }

    /// Puts one more into the queue, delivered once.
    pub fn put(&self, body: String) {
        self.add(body, |_| 0);
    }

    fn add(&self, body: String, again: impl FnOnce(usize) -> u32) -> usize {
        let mut messages = self.messages.lock().unwrap();
        let id = self.sent.fetch_add(1, Ordering::Relaxed);
        messages.push(Held {
            id,
            body,
            visible_at: Instant::now(),
            receives: 0,
            again: again(id),
        });
        id
    }

    /// What was parked.
    pub fn parked(&self) -> Vec<Parking> {
        self.parked.lock().unwrap().clone()
    }

    /// How many messages are left, and how many were parked.
    pub fn left(&self) -> (usize, usize) {
        (
            self.messages.lock().unwrap().len(),
            self.parked.lock().unwrap().len(),
        )
    }

    fn take(&self, visibility: Duration) -> Vec<Message> {
        let now = Instant::now();
        let mut messages = self.messages.lock().unwrap();
        let visible = messages.iter_mut().filter(|held| held.visible_at <= now).take(10);
        let receive = |held: &mut Held| {
            held.visible_at = now + visibility;
            held.receives += 1;
            Message {
                id: format!("message-{}", held.id),
                receipt: Receipt(format!("{}/{}", held.id, held.receives)),
                body: held.body.clone(),
                attributes: Default::default(),
                sender: None,
                sent_at: None,
                receive_count: held.receives,
            }
        };
        visible.map(receive).collect()
    }

    fn with<T>(&self, receipt: &Receipt, change: impl FnOnce(&mut Vec<Held>, usize) -> T) -> Option<T> {
        let id: usize = receipt.0.split_once('/').unwrap().0.parse().unwrap();
        let mut messages = self.messages.lock().unwrap();
        let index = messages.iter().position(|held| held.id == id)?;
        Some(change(&mut messages, index))
    }
}

#[async_trait]
impl SubmissionQueue for MemoryQueue {
    async fn receive(&self, wait: Duration, visibility: Duration) -> Result<Vec<Message>, Error> {
        let receiving = async {
            let until = Instant::now() + wait;
            loop {
                let taken = self.take(visibility);
                if !taken.is_empty() || Instant::now() >= until {
                    return Ok(taken);
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        };
        self.faults.around("queue.receive", receiving).await
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<Vec<Receipt>, Error> {
        let deleting = async {
            for receipt in receipts {
                self.with(receipt, |messages, index| match &mut messages[index] {
                    held if held.again > 0 => held.again -= 1,
                    _ => drop(messages.remove(index)),
                });
            }
            Ok(Vec::new())
        };
        self.faults.around("queue.delete", deleting).await
    }

    async fn extend(&self, receipts: &[Receipt], visibility: Duration) -> Result<Vec<Receipt>, Error> {
        let extending = async {
            for receipt in receipts {
                self.with(receipt, |messages, index| {
                    messages[index].visible_at = Instant::now() + visibility
                });
            }
            Ok(Vec::new())
        };
        self.faults.around("queue.extend", extending).await
    }

    async fn park(&self, _: &Message, why: &Parking) -> Result<(), Error> {
        let parking = async {
            self.parked.lock().unwrap().push(why.clone());
            Ok(())
        };
        self.faults.around("queue.park", parking).await
    }

    async fn send(&self, body: &str) -> Result<String, Error> {
        let sending = async {
            let id = self.add(body.to_owned(), |id| u32::from(id % 5 == 0));
            Ok(format!("message-{id}"))
        };
        self.faults.around("queue.send", sending).await
    }

    async fn describe(&self) -> Result<QueueFacts, Error> {
        let facts = async {
            Ok(QueueFacts {
                fifo: false,
                dead_letter_url: Some("memory:dead".into()),
                max_receive_count: Some(1_000),
                retention: Duration::from_secs(345_600),
                dead_letter_retention: Some(Duration::from_secs(1_209_600)),
            })
        };
        self.faults.around("queue.describe", facts).await
    }
}
