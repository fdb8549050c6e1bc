//! Ports for programs that must be told theirs.

use std::net::{Ipv4Addr, TcpListener};

use rand::Rng;

/// Ports that nobody listens on, below the range from which the system takes ports for outgoing connections.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let held: [TcpListener; N] = std::array::from_fn(|_| {
        let mut tries = (0..200).map(|_| rand::rng().random_range(10_000..32_000));
        let bound = tries.find_map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok());
        bound.expect("one of many ports is free")
    });
    held.map(|listener| listener.local_addr().expect("a listener has an address").port())
}
