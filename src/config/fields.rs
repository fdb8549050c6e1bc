//! Readers of single fields, each telling its own fault.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use super::faults::Checks;
use super::quantity;
use super::raw::RawQuantity;
use crate::lookup::parse_duration;
use crate::model::{Bytes, InvalidName, Millicores};

/// The largest duration that is believed: 10 years.
const DURATION_MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

impl Checks {
    /// A name by its own rule.
    pub(super) fn name<T: FromStr<Err = InvalidName>>(
        &mut self,
        path: &str,
        text: Option<&str>,
    ) -> Option<T> {
        let text = self.required(path, text, "a name: a DNS label")?;
        text.parse()
            .map_err(|e: InvalidName| self.fault(path, format!("{text:?}"), e.expected))
            .ok()
    }

    /// A duration above nought.
    pub(super) fn duration(&mut self, path: &str, text: Option<&str>, default: Duration) -> Duration {
        let Some(text) = text else {
            return default;
        };
        match parse_duration(text) {
            Ok(d) if !d.is_zero() && d <= DURATION_MAX => d,
            Ok(_) | Err(_) => {
                let expected = "a duration above 0 and below 10 years, such as 30d, 24h, 15m, 25s";
                self.fault(path, format!("{text:?}"), expected);
                default
            }
        }
    }

    /// An address with a port.
    pub(super) fn address(&mut self, path: &str, text: Option<&str>, default: SocketAddr) -> SocketAddr {
        let Some(text) = text else {
            return default;
        };
        text.parse().unwrap_or_else(|_| {
            let expected = "an IP address and a port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080";
            self.fault(path, format!("{text:?}"), expected);
            default
        })
    }

    /// Cores above nought.
    pub(super) fn cores(&mut self, path: &str, raw: Option<&RawQuantity>) -> Option<Millicores> {
        let raw = raw?;
        let cores = quantity::cores(raw).filter(|c| c.0 > 0);
        if cores.is_none() {
            self.fault(
                path,
                shown(raw),
                "cores as a Kubernetes quantity above 0, such as 800, 0.5 or 500m",
            );
        }
        cores
    }

    /// Memory above nought.
    pub(super) fn memory(&mut self, path: &str, raw: Option<&RawQuantity>) -> Option<Bytes> {
        let raw = raw?;
        let memory = quantity::memory(raw).filter(|m| m.0 > 0);
        if memory.is_none() {
            self.fault(
                path,
                shown(raw),
                "memory as a Kubernetes quantity above 0, such as 64Gi or 4Ti",
            );
        }
        memory
    }

    /// A text that isn't empty.
    pub(super) fn text(&mut self, path: &str, text: Option<String>) -> Option<String> {
        let text = text?;
        if text.trim().is_empty() {
            self.fault(path, "an empty text", "a text that isn't empty, or no such key");
            return None;
        }
        Some(text)
    }

    /// An HTTP URL.
    pub(super) fn url(&mut self, path: &str, text: Option<String>, schemes: &[&str]) -> Option<String> {
        let text = self.text(path, text)?;
        let host = schemes
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme)?.strip_prefix("://"));
        if host
            .is_none_or(|host| host.is_empty() || host.starts_with('/') || text.contains(char::is_whitespace))
        {
            self.fault(
                path,
                format!("{text:?}"),
                format!("a URL with {}://", schemes.join(":// or ")),
            );
            return None;
        }
        Some(text)
    }

    /// Names that occur more than once: the later one is the fault.
    pub(super) fn unique<'a>(&mut self, names: impl Iterator<Item = (String, Option<&'a str>)>) {
        let mut seen: BTreeMap<&str, String> = BTreeMap::new();
        for (path, name) in names {
            let Some(name) = name else {
                continue;
            };
            match seen.get(name) {
                Some(first) => self.fault(
                    &path,
                    format!("{name:?} again"),
                    format!("another than {first} has"),
                ),
                None => {
                    seen.insert(name, path);
                }
            }
        }
    }
}

fn shown(raw: &RawQuantity) -> String {
    match raw {
        RawQuantity::Number(number) => number.to_string(),
        RawQuantity::Text(text) => format!("{text:?}"),
    }
}
