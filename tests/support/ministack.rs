//! An AWS account of the tests' own: `ministack` (PyPI), an independent second implementation of SQS, DynamoDB,
//! EventBridge, IAM and more, on a free port of this machine.

use std::fs::File;
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::cluster::free_ports;
use crate::tools;

/// A running account; it ends with this value.
pub struct Ministack {
    process: Child,
    port: u16,
}

impl Ministack {
    /// Starts one, empty, and waits until it answers.
    pub fn start() -> Self {
        let programs = tools::python("ministack", &["ministack==1.5.33"]);
        let [port] = free_ports();
        let log = File::create(tools::target("logs").join(format!("ministack-{port}.log"))).unwrap();
        let process = Command::new(programs.join("ministack"))
            .envs([("BIND_HOST", "127.0.0.1"), ("GATEWAY_PORT", &port.to_string())])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut account = Self { process, port };
        account.wait_until_it_answers();
        account
    }

    /// The endpoint of all its services.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What points a program of the AWS SDKs at it.
    pub fn environment(&self) -> [(&'static str, String); 5] {
        [
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_ACCESS_KEY_ID", "test".into()),
            ("AWS_SECRET_ACCESS_KEY", "test".into()),
            ("AWS_REGION", "us-east-1".into()),
            ("AWS_DEFAULT_REGION", "us-east-1".into()),
        ]
    }

    /// Calls `action` (such as `DynamoDB_20120810.DescribeTable`) as the JSON protocols of AWS do, without an SDK.
    pub fn call(&self, action: &str, body: &Value) -> Value {
        let answer = tools::run(
            Command::new("curl")
                .args(["--silent", "--show-error", "--fail-with-body", "--max-time", "30"])
                .args(["--header", "Content-Type: application/x-amz-json-1.1"])
                .args(["--header", &format!("X-Amz-Target: {action}")])
                .args(["--data", &body.to_string(), &self.endpoint()]),
        );
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{action}: {error} in {answer:?}"))
    }

    fn wait_until_it_answers(&mut self) {
        for _ in 0..600 {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok() {
                return;
            }
            assert!(
                self.process.try_wait().unwrap().is_none(),
                "ministack ended at its start"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("ministack doesn't answer");
    }
}

impl Drop for Ministack {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
