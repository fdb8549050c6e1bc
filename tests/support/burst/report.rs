//! How far each witness lies behind the driver's own times, job by job and as percentiles.

use std::fmt::Write;

use jiff::Timestamp;

use super::{Job, Times};

/// The table as Markdown.
pub fn table(jobs: &[Job]) -> String {
    let mut text = String::from(
        "| job | cluster | record RUNNING | object RUNNING | polled RUNNING | record end | object end | polled end |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    let lags: Vec<[Option<f64>; 6]> = jobs.iter().map(lags).collect();
    for (n, (job, lags)) in jobs.iter().zip(&lags).enumerate() {
        let cells = lags.map(cell);
        writeln!(text, "| {} | {} | {} |", n + 1, job.cluster, cells.join(" | ")).unwrap();
    }
    for (name, part) in [("p50", 50), ("p90", 90), ("p99", 99), ("most", 100)] {
        let cells: Vec<String> = (0..6)
            .map(|column| cell(percentile(&lags, column, part)))
            .collect();
        writeln!(text, "| **{name}** | | {} |", cells.join(" | ")).unwrap();
    }
    text
}

/// Seconds behind the driver: RUNNING and end, each by record, object and polling client.
fn lags(job: &Job) -> [Option<f64>; 6] {
    let witnesses = [&job.record, &job.object, &job.polled];
    let running = witnesses.map(|w| behind(job.driver.running, w.running));
    let ended = witnesses.map(|w: &Times| behind(job.driver.ended, w.ended));
    [running[0], running[1], running[2], ended[0], ended[1], ended[2]]
}

fn behind(driver: Option<Timestamp>, witness: Option<Timestamp>) -> Option<f64> {
    Some(witness?.duration_since(driver?).as_secs_f64())
}

/// Of the sorted figures of a column, the one below which `part` hundredths lie.
fn percentile(lags: &[[Option<f64>; 6]], column: usize, part: usize) -> Option<f64> {
    let mut figures: Vec<f64> = lags.iter().filter_map(|row| row[column]).collect();
    figures.sort_by(f64::total_cmp);
    let rank = (figures.len() * part).div_ceil(100);
    figures.get(rank.checked_sub(1)?).copied()
}

fn cell(seconds: Option<f64>) -> String {
    seconds.map_or("never seen".to_owned(), |seconds| format!("{seconds:.1} s"))
}
