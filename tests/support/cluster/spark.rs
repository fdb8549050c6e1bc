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
    assert_java();
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

fn assert_java() {
    let fault = "spark-submit needs a Java runtime: install JDK 17 and have `java` in PATH";
    let output = Command::new("java").arg("-version").output();
    assert!(output.is_ok_and(|output| output.status.success()), "{fault}");
}
