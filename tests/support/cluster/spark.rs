//! Apache Spark's own spark-submit, and the Java that runs it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::folders::{once, run, support};

/// The unpacked Spark distribution (a `SPARK_HOME`), downloaded once by pip. Beside it lie the Python sources of
/// `pyspark`, for what is asked of Spark's classes.
///
/// # Panics
///
/// If this machine has no Python or no Java 17.
pub fn spark_home() -> PathBuf {
    java_version();
    let requirements = support().join("spark/requirements.txt");
    let recipe = fs::read(&requirements).expect("the tests' sources are there");
    let folder = once("spark", &[&recipe], |path| {
        eprintln!("downloading Apache Spark (once; 317 MB)");
        let download = path.with_file_name("spark-download");
        let mut pip = Command::new("python3");
        pip.args([
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--no-binary",
            ":all:",
            "--require-hashes",
            "-r",
        ]);
        run(
            pip.arg(&requirements).arg("-d").arg(&download),
            "Spark is downloaded by pip: install Python 3 with pip",
        );
        fs::create_dir_all(path).expect("the target folder can be written");
        let mut tar = Command::new("tar");
        tar.arg("-xzf")
            .arg(download.join("pyspark-3.5.6.tar.gz"))
            .arg("--strip-components=1")
            .arg("-C")
            .arg(path);
        run(&mut tar, "Spark is unpacked by `tar`");
        fs::remove_dir_all(download).expect("the download can be removed");
    });
    folder.join("deps")
}

/// What spark-submit's JVM is told (`SPARK_SUBMIT_OPTS`): it starts from an archive of its classes, made once, and compiles
/// no more than a program of some seconds needs. A spark-submit takes about a quarter of its processor time so.
pub fn spark_submit_options() -> String {
    let home = spark_home();
    let java = java_version();
    let archive = once("spark-submit.jsa", &[java.as_bytes(), b"1"], |path| {
        // Nothing listens there: it ends once it has built the driver's pod, with all classes loaded.
        let mut submit = Command::new(home.join("bin/spark-submit"));
        submit.env("SPARK_HOME", &home).env(
            "SPARK_SUBMIT_OPTS",
            format!("{SHORT_LIVED} -XX:ArchiveClassesAtExit={}", path.display()),
        );
        submit.args(["--master", "k8s://http://127.0.0.1:1", "--deploy-mode", "cluster"]);
        submit.args([
            "--class",
            "org.apache.spark.examples.SparkPi",
            "--name",
            "archive",
        ]);
        submit.args([
            "--conf",
            "spark.kubernetes.container.image=none",
            "local:///none.jar",
        ]);
        let output = submit.output().expect("spark-submit can be started");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            path.exists(),
            "spark-submit left no archive of its classes:\n{errors}"
        );
    });
    format!("{SHORT_LIVED} -XX:SharedArchiveFile={}", archive.display())
}

const SHORT_LIVED: &str = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC";

/// What `java -version` prints.
fn java_version() -> String {
    let fault = "spark-submit needs a Java runtime: install JDK 17 and have `java` in PATH";
    let output = Command::new("java").arg("-version").output();
    let output = output.unwrap_or_else(|error| panic!("{fault} ({error})"));
    assert!(output.status.success(), "{fault}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}
