//! What memory this process holds, as Linux tells it.

/// Bytes of memory that this process holds.
pub fn resident() -> u64 {
    bytes_of("VmRSS:")
}

/// The most that it ever held.
pub fn resident_at_most() -> u64 {
    bytes_of("VmHWM:")
}

fn bytes_of(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
