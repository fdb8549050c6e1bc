//! The network between one broker and one cluster: a TCP proxy that cuts, stalls, and delivers late.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Between two parts of what was held: a request must be read before its sender is seen to have gone.
const APART: Duration = Duration::from_millis(300);

/// No other request is as large, and no create smaller.
const CREATE: usize = 1_200;
/// A TLS client says so much before its first request.
const OPENING: u64 = 2;

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Carries everything.
    Fair,
    /// Ends every connection, new ones too.
    Cut,
    /// Carries nothing and ends nothing; connections can be opened.
    Stalled,
    /// The same, but from the next create on, which is the first that isn't carried.
    StalledByCreate,
    /// Holds every second of what is as large as a create; all else is carried.
    CreatesHeld,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ToServer,
    ToClient,
}

#[derive(Default)]
struct Counts {
    open: AtomicU64,
    held: AtomicU64,
    /// A create has come since the weather changed.
    create_came: AtomicBool,
}

/// Between a client and a server; ends with its owner.
pub struct Wire {
    pub address: SocketAddr,
    weather: watch::Sender<Weather>,
    counts: Arc<Counts>,
    _tasks: JoinSet<()>,
}

impl Wire {
    /// To the server that listens on `port` of this machine.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let weather = watch::Sender::new(Weather::Fair);
        let counts: Arc<Counts> = Arc::default();
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, server, weather.subscribe(), Arc::clone(&counts)));
        Self {
            address,
            weather,
            counts,
            _tasks: tasks,
        }
    }

    /// The weather from now on; how many connections it hits.
    pub fn set(&self, weather: Weather) -> u64 {
        self.counts.create_came.store(false, Ordering::Relaxed);
        self.weather.send_replace(weather);
        self.open()
    }

    /// How many times something was held since this was last asked.
    pub fn take_held(&self) -> u64 {
        self.counts.held.swap(0, Ordering::Relaxed)
    }

    /// How many connections are open.
    pub fn open(&self) -> u64 {
        self.counts.open.load(Ordering::Relaxed)
    }
}

async fn accept(
    listener: TcpListener,
    server: SocketAddr,
    weather: watch::Receiver<Weather>,
    counts: Arc<Counts>,
) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        // Out of descriptors for a moment: the next one may be had.
        let Ok((client, _)) = listener.accept().await else {
            tokio::time::sleep(APART).await;
            continue;
        };
        let (weather, counts) = (weather.clone(), Arc::clone(&counts));
        connections.spawn(async move {
            counts.open.fetch_add(1, Ordering::Relaxed);
            carry(client, server, weather, &counts).await;
            counts.open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

async fn carry(
    client: TcpStream,
    server: SocketAddr,
    mut weather: watch::Receiver<Weather>,
    counts: &Counts,
) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let said = AtomicU64::new(0);
    let pump = |way, weather| Pump {
        way,
        said: &said,
        weather,
        counts,
    };
    tokio::select! {
        () = pump(Way::ToServer, weather.clone()).carry(from_client, to_server) => {}
        () = pump(Way::ToClient, weather.clone()).carry(from_server, to_client) => {}
        _ = weather.wait_for(|now| *now == Weather::Cut) => {}
    }
}

/// One way of a connection.
struct Pump<'a> {
    way: Way,
    /// How often the client has said something.
    said: &'a AtomicU64,
    weather: watch::Receiver<Weather>,
    counts: &'a Counts,
}

impl Pump<'_> {
    /// Carries bytes. What comes while the weather doesn't carry is delivered when it is fair again, though its sender
    /// may have gone by then.
    async fn carry(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let Ok(n @ 1..) = from.read(&mut buffer).await else {
                return;
            };
            if self.carries(n) {
                if to.write_all(&buffer[..n]).await.is_err() {
                    return;
                }
                continue;
            }
            self.counts.held.fetch_add(1, Ordering::Relaxed);
            for part in self.hold(&mut from, buffer[..n].to_vec()).await {
                if to.write_all(&part).await.is_err() {
                    return;
                }
                tokio::time::sleep(APART).await;
            }
        }
    }

    /// Whether what was read now, of so many bytes, is carried. The opening of a connection always is, so that requests
    /// are sent whose fate is unclear.
    fn carries(&self, bytes: usize) -> bool {
        let said = match self.way {
            Way::ToServer => self.said.fetch_add(1, Ordering::Relaxed) + 1,
            Way::ToClient => self.said.load(Ordering::Relaxed),
        };
        let create = self.way == Way::ToServer && said > OPENING && bytes >= CREATE;
        let weather = *self.weather.borrow();
        match weather {
            Weather::Fair => true,
            Weather::Cut => false,
            Weather::Stalled => said <= OPENING,
            Weather::StalledByCreate => {
                let came = &self.counts.create_came;
                let stalled = came.fetch_or(create, Ordering::Relaxed) || create;
                !stalled || said <= OPENING
            }
            Weather::CreatesHeld => !create || rand::random::<bool>(),
        }
    }

    /// Gathers what comes until the weather is fair again.
    async fn hold(&mut self, from: &mut OwnedReadHalf, first: Vec<u8>) -> Vec<Vec<u8>> {
        let mut parts = vec![first];
        let mut buffer = vec![0; 16 * 1024];
        let mut open = true;
        loop {
            tokio::select! {
                _ = self.weather.wait_for(|now| *now == Weather::Fair) => return parts,
                read = from.read(&mut buffer), if open => match read {
                    Ok(n @ 1..) => parts.push(buffer[..n].to_vec()),
                    Ok(0) | Err(_) => open = false,
                },
            }
        }
    }
}
