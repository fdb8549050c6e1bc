//! What a run did and found, for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use crate::audit::{Book, Findings};
use crate::aws_proxy::Hits;
use crate::faults::Fault;
use crate::load::Load;
use crate::world::Mode;

/// One fault, and what it hit.
pub struct Line {
    pub fault: Fault,
    pub hits: Hits,
}

/// All of a run.
pub struct Report {
    pub mode: Mode,
    pub lines: Vec<Line>,
    pub load: Load,
    pub findings: Findings,
    /// Messages left in the submission queue, and in the dead-letter queue.
    pub left: u64,
    pub parked: u64,
    pub records: BTreeMap<String, Value>,
    pub book: Book,
    pub logs: Vec<String>,
}

impl Report {
    /// As Markdown.
    pub fn text(&self) -> String {
        let mut text = format!("### {}\n\n", self.mode.name());
        let sent: Vec<String> = self
            .load
            .sent
            .iter()
            .map(|(what, n)| format!("{n} {what}"))
            .collect();
        let mut ends: BTreeMap<&str, u64> = BTreeMap::new();
        for record in self.records.values() {
            *ends
                .entry(record["state"].as_str().unwrap_or("none"))
                .or_default() += 1;
        }
        let more = |record: &&Value| record["attempt"].as_u64() > Some(1);
        let again = self.records.values().filter(more).count();
        let _ = writeln!(
            text,
            "{} submissions ({}); ends {ends:?}; {again} in more than one attempt; {} objects, {} drivers, {} relists.\n",
            self.load.jobs.len(),
            sent.join(", "),
            self.book.objects.len(),
            self.book.drivers.len(),
            self.book.relists,
        );
        text.push_str("| fault | times | hit |\n|---|---|---|\n");
        for (fault, (times, hits)) in self.injected() {
            let hits: Vec<String> = hits.iter().map(|(what, n)| format!("{what} {n}")).collect();
            let _ = writeln!(text, "| {} | {times} | {} |", fault.name(), hits.join(", "));
        }
        text + &self.found()
    }

    fn found(&self) -> String {
        let found = &self.findings;
        let lists = [
            ("lost", &found.lost),
            ("doubled", &found.doubled),
            ("doubled by what landed late under one-phase", &found.exceptions),
            (
                "cancelled while the operator submitted them again, whose driver came back for a moment",
                &found.resubmitted,
            ),
            (
                "objects that landed after their attempt was given up",
                &found.late,
            ),
            ("orphans", &found.orphans),
            ("illegal histories", &found.illegal),
            ("other ends than asked for", &found.unexpected),
        ];
        let mut text = String::from("\n");
        for (what, list) in lists {
            let _ = writeln!(text, "{what}: {}", list.len());
            for line in list.iter().take(20) {
                let _ = writeln!(text, "  - {line}");
            }
        }
        let _ = writeln!(text, "messages left: {}, parked: {}", self.left, self.parked);
        text
    }

    /// Each fault: how often, and what was hit in all.
    fn injected(&self) -> BTreeMap<Fault, (u64, Hits)> {
        let mut faults: BTreeMap<Fault, (u64, Hits)> = BTreeMap::new();
        for line in &self.lines {
            let (times, hits) = faults.entry(line.fault).or_default();
            *times += 1;
            for (what, n) in &line.hits {
                *hits.entry(what.clone()).or_default() += n;
            }
        }
        faults
    }

    /// What is wrong: what was found, what is left, and faults that hit nothing. Where there is something, the brokers'
    /// logs are kept.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = self.findings.faults();
        if (self.left, self.parked) != (0, 0) {
            faults.push(format!("{} messages are left, {} parked", self.left, self.parked));
        }
        for (fault, (_, hits)) in self.injected() {
            if hits.values().sum::<u64>() == 0 {
                faults.push(format!("{}: hit nothing", fault.name()));
            }
        }
        for (n, log) in self.logs.iter().enumerate().filter(|_| !faults.is_empty()) {
            let path = format!(
                "{}/chaos-{}-{n}.log",
                env!("CARGO_TARGET_TMPDIR"),
                self.mode.keys().0
            );
            let kept = std::fs::write(&path, log).is_ok();
            println!("a broker's log is kept as {path}: {kept}");
        }
        faults
    }
}
