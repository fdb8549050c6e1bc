//! The README's first command.

use std::path::Path;

use crate::harness::Process;

fn line_with<'a>(lines: &'a [String], words: &[&str]) -> &'a str {
    let found = lines
        .iter()
        .find(|line| words.iter().all(|word| line.contains(word)));
    found.unwrap_or_else(|| panic!("no line has {words:?}:\n{}", lines.join("\n")))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_example_jobs_show_every_kind_of_outcome_and_how_to_look_one_up() {
    let jobs = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/jobs");
    let jobs = jobs.to_str().unwrap();
    let mut dev = Process::start(
        &[
            "dev",
            "--sqs-port=0",
            "--dynamodb-port=0",
            "--api-port=0",
            "--health-port=0",
            "--jobs",
            jobs,
        ],
        &[],
    );
    assert_eq!(dev.exit_code().await, Some(0));
    let lines = dev.out();
    assert!(
        lines.iter().all(|line| !line.contains('\x1b')),
        "plain lines where standard output is no terminal"
    );
    let failed = line_with(&lines, &["failure-demo", "FAILED"]);
    assert!(failed.ends_with(": exit code 3)"), "{failed}");
    line_with(&lines, &["out-of-memory-demo", "FAILED", "OutOfMemory"]);
    // Which of the three large ones waits is SQS's to say, which keeps no order.
    line_with(&lines, &["capacity-", "QUEUED", "NoCapacity"]);
    for name in ["fills-one", "fills-another", "waits"] {
        line_with(&lines, &["capacity-", name, "SUCCEEDED"]);
    }
    line_with(&lines, &["rejected-demo", "REJECTED", "InvalidSpec"]);
    line_with(&lines, &["cancelled-demo", "CANCELLED"]);
    line_with(&lines, &["6a7e8feb-b491-4cf7-a9f1-bf3703467718", "SUCCEEDED"]);
    let ends = ["SUCCEEDED", "FAILED", "CANCELLED", "REJECTED"];
    let ended = lines
        .iter()
        .filter(|line| line.split_whitespace().nth(2).is_some_and(|w| ends.contains(&w)));
    assert_eq!(ended.count(), 9, "one end for each job:\n{}", lines.join("\n"));
    let last = &lines[lines.len() - 4..];
    line_with(last, &["spark-broker status "]);
    let api = line_with(&lines, &["API  "]).split_whitespace().nth(1).unwrap();
    line_with(last, &[&format!("curl {api}/v1/submissions/")]);
    line_with(last, &["GetItem", "submission#<id>"]);
}
