//! The store's time. Every answer of DynamoDB bears it in its `Date` header; the pod's clock is corrected by it, so that
//! pods whose machines disagree stamp by one clock.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_dynamodb::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use aws_smithy_types::date_time::Format;
use jiff::{SignedDuration, Timestamp};

use crate::model::{Clock, CorrectedClock, Dated, Offsets, Remark, Said};
use crate::telemetry::Metrics;

/// Watches the answers of a client, and corrects a clock by them.
#[derive(Debug)]
pub struct StoreTime {
    clock: Arc<CorrectedClock>,
    metrics: Arc<Metrics>,
    learnt: Mutex<(Offsets, Said)>,
}

/// When a try was sent, by the monotonic clock.
#[derive(Debug)]
struct Sent(Duration);

impl Storable for Sent {
    type Storer = StoreReplace<Self>;
}

impl StoreTime {
    /// Corrects `clock`.
    pub fn for_clock(clock: Arc<CorrectedClock>, metrics: Arc<Metrics>) -> Self {
        Self {
            clock,
            metrics,
            learnt: Mutex::default(),
        }
    }

    fn learn(&self, answer: &Dated) {
        let mut learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        let (offsets, said) = &mut *learnt;
        offsets.learn(answer);
        let offset = offsets.nearest();
        self.clock.correct_by(offset);
        self.metrics.clock_corrected(offset.as_secs_f64());
        if let Some(remark) = said.remark(offset) {
            tell(remark, offset);
        }
    }
}

/// An offset is what the clock lacks.
fn tell(remark: Remark, offset: SignedDuration) {
    let seconds = offset.abs().as_secs();
    match remark {
        Remark::Off if offset.is_positive() => {
            tracing::warn!(seconds, "this machine's clock is slow; times are the store's");
        }
        Remark::Off => tracing::warn!(seconds, "this machine's clock is fast; times are the store's"),
        Remark::WellAgain => tracing::info!("this machine's clock agrees with the store's again"),
    }
}

#[dyn_dispatch_hint]
impl Intercept for StoreTime {
    fn name(&self) -> &'static str {
        "StoreTime"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        state: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        state.interceptor_state().store_put(Sent(self.clock.monotonic()));
        Ok(())
    }

    fn read_after_transmit(
        &self,
        answer: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        state: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let received = self.clock.machine().now();
        let date = answer.response().headers().get("date").and_then(whole_seconds);
        if let (Some(date), Some(Sent(sent))) = (date, state.load::<Sent>()) {
            // Read after the wall clock: rather too long than too short.
            let took = self.clock.monotonic().saturating_sub(*sent);
            self.learn(&Dated { date, received, took });
        }
        Ok(())
    }
}

/// The time of a `Date` header; RFC 9110, 5.6.7.
fn whole_seconds(text: &str) -> Option<Timestamp> {
    let time = DateTime::from_str(text, Format::HttpDate).ok()?;
    Timestamp::from_second(time.secs()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_header_is_read_and_anything_else_is_not() {
        let time = whole_seconds("Mon, 23 Nov 2026 05:31:50 GMT");
        assert_eq!(time, "2026-11-23T05:31:50Z".parse().ok());
        for text in ["", "now", "2026-11-23T05:31:50Z"] {
            assert_eq!(whole_seconds(text), None, "{text}");
        }
    }
}
