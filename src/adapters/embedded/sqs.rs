//! The SQS endpoint: rustack's queues behind HTTP.
//!
//! What it doesn't emulate: retention (messages stay until deleted), fair queues (a group ID is passed over), and the
//! 12 hours in total that a message may be hidden.

use std::io;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use rustack_sqs_core::{config::SqsConfig, provider::RustackSqs};
use rustack_sqs_http::service::{SqsHttpConfig, SqsHttpService};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::corrected::Corrected;
use super::endpoint::Stop;

type Service = SqsHttpService<Corrected>;

/// Serves until `stop`; long polls under way are cut off, which takes no message from the queue.
pub(super) async fn serve(listener: TcpListener, mut stop: Stop) -> io::Result<()> {
    let address = listener.local_addr()?;
    // Queue URLs carry host and port, and SDKs send where the queue URL says.
    let config = SqsConfig {
        host: address.ip().to_string(),
        port: address.port(),
        ..SqsConfig::default()
    };
    let provider = Arc::new(RustackSqs::new(config));
    let service = Service::new(Arc::new(Corrected::over(provider)), SqsHttpConfig::default());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { connections.spawn(connection(stream, service.clone())); }
                // Out of file descriptors, or the peer is gone again: neither ends the endpoint.
                Err(error) => {
                    tracing::warn!(%error, "accepting a connection failed");
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next() => {}
            _ = &mut stop => return Ok(()),
        }
    }
}

/// hyper drops the request's future when the client hangs up, so a long poll that nobody waits for receives nothing.
async fn connection(stream: TcpStream, service: Service) {
    let _ = stream.set_nodelay(true);
    if let Err(error) = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await
    {
        tracing::debug!(%error, "connection ended");
    }
}
