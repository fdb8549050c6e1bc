//! Statuses as tables for people.

use comfy_table::presets::NOTHING;
use comfy_table::{ColumnConstraint, ContentArrangement, Table};

use crate::api::{ClusterLine, QueueLine};
use crate::lookup::{CancelOutcome, Cancellations, ClusterAnswer, Status};
use crate::model::{Resources, timestamp_text};
use crate::routing::Answer;

/// The first columns, which are never wrapped: an ID in two parts can't be copied.
const WHOLE: usize = 2;

/// One line for each submission, at most `width` columns wide where that is known.
pub(super) fn of_many(statuses: &[Status], width: Option<u16>) -> String {
    let mut table = plain(width);
    table.set_header(["SUBMISSION", "STATE", "QUEUE", "CLUSTER", "APPLICATION", "WHY"]);
    for status in statuses {
        table.add_row([
            status.submission_id.as_str(),
            status.state.as_str(),
            status.queue.as_str(),
            status.cluster.as_ref().map_or("", |c| c.as_str()),
            status.application_name.as_deref().unwrap_or(""),
            &why(status),
        ]);
    }
    text(table)
}

/// How many submissions match.
pub(super) fn matching(count: u64) -> String {
    match count {
        0 => "no submission matches.".to_owned(),
        1 => "1 submission matches.".to_owned(),
        more => format!("{more} submissions match."),
    }
}

/// One line for each submission that was cancelled together with others, and what came of all.
pub(super) fn of_cancellations(all: &Cancellations) -> String {
    let mut table = plain(None);
    table.set_header([
        "SUBMISSION",
        "STATE",
        "QUEUE",
        "CLUSTER",
        "APPLICATION",
        "OUTCOME",
    ]);
    for one in &all.submissions {
        let outcome = match one.outcome {
            None => "would be cancelled",
            Some(CancelOutcome::Cancelled) => "cancelled",
            Some(CancelOutcome::Cancelling) => "cancelling",
            Some(CancelOutcome::Ended) => "had ended",
            Some(CancelOutcome::Failed) => "failed",
        };
        let why = one.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        table.add_row([
            one.submission_id.as_str(),
            one.state.as_str(),
            one.queue.as_str(),
            one.cluster.as_ref().map_or("", |c| c.as_str()),
            one.application_name.as_deref().unwrap_or(""),
            &format!("{outcome}{why}"),
        ]);
    }
    let mut lines = Vec::new();
    if !all.submissions.is_empty() {
        lines.push(text(table));
    }
    if all.truncated {
        lines.push(format!("… of which {} are listed", all.submissions.len()));
    }
    lines.push(summary(all));
    lines.join("\n")
}

/// What came of all, in one line.
fn summary(all: &Cancellations) -> String {
    let parts = [
        (all.cancelled, "cancelled"),
        (all.cancelling, "being cancelled"),
        (all.ended, "had ended"),
        (all.failed, "failed"),
        (all.asked_before, "more were being cancelled already"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<_> = parts.map(|(count, what)| format!("{count} {what}")).collect();
    let dry_run = if all.dry_run { " Nothing was done." } else { "" };
    let parts = if parts.is_empty() {
        String::new()
    } else {
        format!(" {}.", parts.join(", "))
    };
    format!("{}{parts}{dry_run}", matching(all.matched))
}

/// Every field of one submission.
pub(super) fn of_one(status: &Status) -> String {
    let time = |t: Option<jiff::Timestamp>| t.map(timestamp_text);
    let rows = [
        ("submission", Some(status.submission_id.to_string())),
        ("state", Some(status.state.to_string())),
        ("reason", status.reason.map(|r| r.to_string())),
        ("message", status.message.clone()),
        ("since", time(status.reason_at)),
        ("application", status.application_name.clone()),
        ("queue", Some(status.queue.to_string())),
        ("position", status.position.map(|position| position.to_string())),
        ("cluster", status.cluster.as_ref().map(ToString::to_string)),
        ("namespace", status.namespace.clone()),
        ("object", status.object_name.clone()),
        ("attempts", Some(status.attempts.to_string())),
        ("driver pod", status.driver_pod.clone()),
        ("spark application", status.spark_application_id.clone()),
        ("exit code", status.exit_code.map(|c| c.to_string())),
        ("raw state", status.raw_state.clone()),
        (
            "cancel requested",
            status.cancel_requested.then(|| "yes".to_owned()),
        ),
        ("rerun of", status.rerun_of.as_ref().map(ToString::to_string)),
        ("accepted", time(Some(status.accepted_at))),
        ("submitted", time(status.submitted_at)),
        ("started", time(status.started_at)),
        ("finished", time(status.finished_at)),
    ];
    let mut table = plain(None);
    for (name, value) in rows {
        if let Some(value) = value {
            table.add_row([name, &value]);
        }
    }
    for violation in &status.violations {
        table.add_row(["violation", &violation.to_string()]);
    }
    // Below the table: a stack trace has lines of its own.
    match &status.message_detail {
        Some(detail) => format!("{}\n\n{detail}", text(table)),
        None => text(table),
    }
}

/// One line for each cluster.
pub(super) fn of_clusters(clusters: &[ClusterLine]) -> String {
    let mut table = plain(None);
    table.set_header(["CLUSTER", "TAKES JOBS", "LIVE", "WHY"]);
    for line in clusters {
        let takes_jobs = match line.healthy {
            _ if line.removed || line.cordon.is_some() || line.drain.is_some() => "no",
            Some(true) => "yes",
            Some(false) => "no",
            None => "unknown",
        };
        let live = line.live.to_string();
        table.add_row([line.name.as_str(), takes_jobs, &live, &closed_for(line)]);
    }
    text(table)
}

/// Everything that is told of a cluster beside that it takes jobs.
fn closed_for(line: &ClusterLine) -> String {
    let by = |author: &Option<String>| author.as_ref().map(|a| format!(" ({a})")).unwrap_or_default();
    let cordon = line.cordon.as_ref().map(|cordon| {
        let until = cordon
            .until
            .map(|until| format!(" until {}", timestamp_text(until)));
        let (by, until) = (by(&cordon.author), until.unwrap_or_default());
        format!("cordoned{until}: {}{by}", cordon.reason)
    });
    let drain = line.drain.as_ref().map(|drain| {
        let deadline = timestamp_text(drain.deadline);
        format!("drained by {deadline}: {}{}", drain.reason, by(&drain.author))
    });
    let lost = line.lost_confirmed.as_ref();
    let lost = lost.map(|lost| format!("loss confirmed: {}{}", lost.reason, by(&lost.author)));
    let removed = "not in the configuration any more: what lives there is followed to its end";
    let removed = line.removed.then(|| removed.to_owned());
    let parts = [
        removed,
        line.message.clone(),
        line.brake.clone(),
        cordon,
        drain,
        lost,
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// One line for each cluster that was asked where a job would go.
pub(super) fn of_answers(answers: &[ClusterAnswer]) -> String {
    let mut table = plain(None);
    table.set_header(["CLUSTER", "ANSWER", "LIVE", "PENDING", "FREE", "VIEW", "WHY"]);
    for told in answers {
        let answer = match told.answer {
            Answer::Chosen => "chosen",
            Answer::Passes => "passes",
            Answer::Refuses => "refuses",
            Answer::NotAsked => "not asked",
            Answer::NotKnown => "not known",
        };
        let of = |most: Option<u64>, now: u64| most.map_or(now.to_string(), |most| format!("{now}/{most}"));
        let figures = told.figures.as_ref();
        let room = figures.and_then(|figures| figures.room.as_ref());
        table.add_row([
            told.name.to_string(),
            answer.to_owned(),
            figures.map_or(String::new(), |f| of(f.max_live, f.live)),
            figures.map_or(String::new(), |f| of(f.max_pending.map(u64::from), f.pending)),
            room.map_or(String::new(), |room| free(&room.free)),
            room.and_then(|room| room.age_ms)
                .map_or(String::new(), |age| format!("{} s", age / 1000)),
            told.why.clone().unwrap_or_default(),
        ]);
    }
    text(table)
}

fn free(free: &Resources) -> String {
    let gib = free.memory.0 / (1024 * 1024 * 1024);
    let mut text = format!("{} cores, {gib} GiB", free.cpu.0 / 1000);
    for (name, amount) in &free.extended {
        text.push_str(&format!(", {amount} {name}"));
    }
    text
}

/// One line for each job queue, with why its first head waits.
pub(super) fn of_queues(queues: &[QueueLine]) -> String {
    let mut table = plain(None);
    table.set_header(["QUEUE", "WAITING", "LIVE", "HEAD", "WHY"]);
    for line in queues {
        let (waiting, live) = (line.waiting.to_string(), line.live.to_string());
        let head = line.heads.first();
        let id = head.map_or("", |head| head.id.as_str());
        let why = head.map(|head| format!("{}: {}", head.reason, head.message));
        table.add_row([line.name.as_str(), &waiting, &live, id, &why.unwrap_or_default()]);
    }
    text(table)
}

/// Reason, message and exit code in one text.
pub(super) fn why(status: &Status) -> String {
    let code = status
        .exit_code
        .filter(|code| *code != 0)
        .map(|code| format!("exit code {code}"));
    let reason = status.reason.map(|r| r.to_string());
    let parts = [reason, status.message.clone(), code];
    parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
}

fn plain(width: Option<u16>) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    if let Some(width) = width {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width);
    }
    table
}

/// The table without a margin: its columns are parted by what pads them on the right.
fn text(mut table: Table) -> String {
    for (n, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if n < WHOLE {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::submission::{NewRecord, Record};

    #[test]
    fn an_id_is_never_wrapped() {
        let id = "c8de34f1-45aa-4750-bdc5-cf780241c786";
        let mut record = Record::queued(NewRecord {
            id: id.parse().unwrap(),
            domain: "default".parse().unwrap(),
            queue: "dev".parse().unwrap(),
            fingerprint: "f".into(),
            at: "2026-11-23T12:00:00Z".parse().unwrap(),
        });
        record.verdict.message = Some("a sentence that is much too long for so narrow a screen".into());
        let text = of_many(&[Status::of(&record, None)], Some(80));
        assert!(text.contains(&format!("\n{id}  QUEUED")), "{text}");
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    }
}
