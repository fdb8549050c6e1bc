//! A TCP proxy that cuts, stalls and swallows answers.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// Works.
    Open,
    /// Ends every connection, new ones too.
    Cut,
    /// Carries requests but no answers.
    NoAnswers,
    /// Carries nothing and ends nothing.
    Stalled,
}

/// Between a client and `server`; ends with its owner.
pub struct Proxy {
    pub address: SocketAddr,
    network: watch::Sender<Network>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let network = watch::Sender::new(Network::Open);
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server, network.subscribe()));
        Self {
            address,
            network,
            _tasks: tasks,
        }
    }

    pub fn set(&self, network: Network) {
        self.network.send_replace(network);
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, network: watch::Receiver<Network>) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        connections.spawn(carry(client, server, network.clone()));
    }
}

async fn carry(client: TcpStream, server: SocketAddr, mut network: watch::Receiver<Network>) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let requests = pump(
        from_client,
        to_server,
        network.clone(),
        &[Network::Open, Network::NoAnswers],
    );
    let answers = pump(from_server, to_client, network.clone(), &[Network::Open]);
    tokio::select! {
        () = requests => {}
        () = answers => {}
        _ = network.wait_for(|now| *now == Network::Cut) => {}
    }
}

/// Carries bytes one way while the network is one of `open`; what is read in another state waits.
async fn pump(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut network: watch::Receiver<Network>,
    open: &[Network],
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(n @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        if network.wait_for(|now| open.contains(now)).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..n]).await.is_err() {
            return;
        }
    }
}
