//! What a simulated job does, told by annotations of the object or of its driver.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What every annotation's name begins with.
const PREFIX: &str = "simulated.spark-broker/";

/// An end that isn't an exit of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// The driver is killed for want of memory.
    OutOfMemory,
    /// The operator can't submit: no driver is ever made.
    SubmissionFailed,
    /// The driver's pod is evicted.
    DriverEvicted,
    /// The driver's node goes.
    NodeLost,
}

/// What the operator and the driver of one object do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Behaviour {
    /// `simulated.spark-broker/submit-delay`: from the create until the operator has made the driver's pod; 300 ms.
    pub submit_delay: SignedDuration,
    /// `simulated.spark-broker/start-delay`: from the driver's binding until it runs; 200 ms.
    pub start_delay: SignedDuration,
    /// `simulated.spark-broker/run-time`: how long the driver runs; 5 s.
    pub run_time: SignedDuration,
    /// `simulated.spark-broker/exit-code`: the driver's exit code, 0 to 255; 0.
    pub exit_code: i32,
    /// `simulated.spark-broker/failure`: `OutOfMemory`, `SubmissionFailed`, `DriverEvicted` or `NodeLost`.
    pub failure: Option<Failure>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            submit_delay: SignedDuration::from_millis(300),
            start_delay: SignedDuration::from_millis(200),
            run_time: SignedDuration::from_secs(5),
            exit_code: 0,
            failure: None,
        }
    }
}

impl Behaviour {
    /// Reads the annotations of `object`, which win, and of its `spec.driver`. An unknown or unreadable one is refused:
    /// it would be ignored.
    pub fn of(object: &Value) -> Result<Self, String> {
        let mut behaviour = Self::default();
        for pointer in ["/spec/driver/annotations", "/metadata/annotations"] {
            let Some(Value::Object(annotations)) = object.pointer(pointer) else {
                continue;
            };
            for (name, value) in annotations {
                if let Some(key) = name.strip_prefix(PREFIX) {
                    behaviour
                        .set(key, value.as_str().unwrap_or_default())
                        .map_err(|expected| {
                            format!("annotation {name}: found {value}, expected {expected}")
                        })?;
                }
            }
        }
        Ok(behaviour)
    }

    /// When the operator has made the driver's pod of what it takes up at `now`.
    pub(super) fn submits_at(&self, now: Timestamp) -> Timestamp {
        now.saturating_add(self.submit_delay).unwrap_or(Timestamp::MAX)
    }

    fn set(&mut self, key: &str, text: &str) -> Result<(), &'static str> {
        match key {
            "submit-delay" => self.submit_delay = duration(text)?,
            "start-delay" => self.start_delay = duration(text)?,
            "run-time" => self.run_time = duration(text)?,
            "exit-code" => {
                let code = text.parse::<u8>().map_err(|_| "a number from 0 to 255")?;
                self.exit_code = i32::from(code);
            }
            "failure" => self.failure = Some(failure(text)?),
            _ => return Err("one of submit-delay, start-delay, run-time, exit-code, failure"),
        }
        Ok(())
    }
}

fn duration(text: &str) -> Result<SignedDuration, &'static str> {
    const EXPECTED: &str = "a duration such as 300ms, 8s or 2m";
    let duration = text.parse::<SignedDuration>().map_err(|_| EXPECTED)?;
    if duration.is_negative() {
        Err(EXPECTED)
    } else {
        Ok(duration)
    }
}

fn failure(text: &str) -> Result<Failure, &'static str> {
    match text {
        "OutOfMemory" => Ok(Failure::OutOfMemory),
        "SubmissionFailed" => Ok(Failure::SubmissionFailed),
        "DriverEvicted" => Ok(Failure::DriverEvicted),
        "NodeLost" => Ok(Failure::NodeLost),
        _ => Err("OutOfMemory, SubmissionFailed, DriverEvicted or NodeLost"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_object_wins_over_its_driver() {
        let object = json!({
            "metadata": {"annotations": {"simulated.spark-broker/run-time": "8s", "other": "x"}},
            "spec": {"driver": {"annotations": {
                "simulated.spark-broker/run-time": "1m", "simulated.spark-broker/exit-code": "3",
            }}},
        });
        let found = Behaviour::of(&object).unwrap();
        assert_eq!(
            (found.run_time, found.exit_code),
            (SignedDuration::from_secs(8), 3)
        );
        assert_eq!(found.start_delay, SignedDuration::from_millis(200));
    }

    #[test]
    fn what_would_be_ignored_is_refused() {
        for (key, value) in [
            ("run-time", "8"),
            ("run-time", "-1s"),
            ("exit-code", "256"),
            ("failure", "no"),
            ("x", ""),
        ] {
            let object = json!({"metadata": {"annotations": {format!("{PREFIX}{key}"): value}}});
            assert!(Behaviour::of(&object).is_err(), "{key}={value}");
        }
    }
}
