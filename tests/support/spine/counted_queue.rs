//! A submission queue behind the port, with the sizes of its batches noted.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use spark_broker::ports::Error;
use spark_broker::ports::queue::{Message, Parking, QueueFacts, Receipt, SubmissionQueue};

/// The sizes of batches, in order; receives that brought nothing are left out.
#[derive(Debug, Clone, Default)]
pub struct Batches {
    /// Messages of each receive.
    pub received: Vec<usize>,
    /// Receipts of each delete.
    pub deleted: Vec<usize>,
}

/// Notes what passes through `inner`.
pub struct CountedQueue {
    inner: Arc<dyn SubmissionQueue>,
    batches: Arc<Mutex<Batches>>,
}

impl CountedQueue {
    /// Wraps `inner`.
    pub fn over(inner: Arc<dyn SubmissionQueue>, batches: Arc<Mutex<Batches>>) -> Self {
        Self { inner, batches }
    }
}

#[async_trait]
impl SubmissionQueue for CountedQueue {
    async fn receive(&self, wait: Duration, visibility: Duration) -> Result<Vec<Message>, Error> {
        let messages = self.inner.receive(wait, visibility).await?;
        if !messages.is_empty() {
            self.batches.lock().unwrap().received.push(messages.len());
        }
        Ok(messages)
    }

    async fn delete(&self, receipts: &[Receipt]) -> Result<Vec<Receipt>, Error> {
        self.batches.lock().unwrap().deleted.push(receipts.len());
        self.inner.delete(receipts).await
    }

    async fn extend(&self, receipts: &[Receipt], visibility: Duration) -> Result<Vec<Receipt>, Error> {
        self.inner.extend(receipts, visibility).await
    }

    async fn park(&self, message: &Message, why: &Parking) -> Result<(), Error> {
        self.inner.park(message, why).await
    }

    async fn send(&self, body: &str) -> Result<String, Error> {
        self.inner.send(body).await
    }

    async fn describe(&self) -> Result<QueueFacts, Error> {
        self.inner.describe().await
    }
}
