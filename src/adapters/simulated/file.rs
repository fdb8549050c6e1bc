//! What outlives the process: one JSON file for each cluster, replaced as a whole, so that a process killed at any
//! moment leaves the older or the newer one.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::application::Application;
use super::machine::Machine;
use super::{Error, Settings};

/// The file of one cluster.
#[derive(Debug)]
pub(super) struct File {
    path: Option<PathBuf>,
    /// Stands for the UIDs of the namespaces.
    pub(super) identity: String,
}

#[derive(Deserialize)]
struct Read {
    identity: String,
    applications: Vec<Application>,
}

#[derive(Serialize)]
struct Written<'a> {
    identity: &'a str,
    applications: Vec<&'a Application>,
}

impl File {
    /// Reads the cluster, or begins an empty one.
    pub(super) fn open(settings: &Settings) -> Result<(Self, Machine), Error> {
        let path = settings
            .data_dir
            .as_ref()
            .map(|dir| dir.join(format!("{}.json", settings.name)));
        let read = match &path {
            Some(path) => read(path)?,
            None => None,
        };
        let identity = match &path {
            Some(_) => uuid::Uuid::new_v4().to_string(),
            // One that isn't kept begins anew with each process: under its name there was never anything else.
            None => format!("simulated/{}", settings.name),
        };
        let read = read.unwrap_or(Read {
            identity,
            applications: Vec::new(),
        });
        let file = Self {
            path,
            identity: read.identity,
        };
        let machine = Machine::new(&settings.nodes, read.applications);
        file.write(&machine)?;
        Ok((file, machine))
    }

    /// Writes the cluster as it is now.
    pub(super) fn write(&self, machine: &Machine) -> Result<(), Error> {
        let Some(path) = &self.path else { return Ok(()) };
        let whole = Written {
            identity: &self.identity,
            applications: machine.applications(),
        };
        let bytes = serde_json::to_vec(&whole).map_err(|source| Error::Content {
            path: path.clone(),
            source,
        })?;
        let beside = path.with_extension("json.new");
        let replaced = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
        replaced.map_err(|source| Error::File {
            path: path.clone(),
            source,
        })
    }
}

fn read(path: &Path) -> Result<Option<Read>, Error> {
    let failed = |source| Error::File {
        path: path.to_owned(),
        source,
    };
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(failed)?;
    }
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let read = serde_json::from_slice(&bytes);
    read.map(Some).map_err(|source| Error::Content {
        path: path.to_owned(),
        source,
    })
}
