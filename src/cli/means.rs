//! What a command needs before it does anything: a runtime, a client, a number that nobody can guess.

use super::inputs::Process;
use crate::http::{Client, Options};

/// What makes exchanges, through the proxies that the process names.
pub(super) fn client(process: &Process) -> Client {
    let option = |name: &str| {
        let lower = process.get(&name.to_ascii_lowercase());
        lower.or_else(|| process.get(name)).map(str::to_owned)
    };
    Client::new(&Options {
        http_proxy: option("HTTP_PROXY"),
        https_proxy: option("HTTPS_PROXY"),
        all_proxy: option("ALL_PROXY"),
        no_proxy: option("NO_PROXY"),
    })
}

/// A number that nobody can guess.
pub(super) fn random() -> u64 {
    use ring::rand::SecureRandom;
    let mut bytes = [0; 8];
    let _ = ring::rand::SystemRandom::new().fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// One job needs no second thread; many share what the machine has.
pub(super) fn runtime(jobs: usize) -> std::io::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if jobs <= 1 {
        tokio::runtime::Builder::new_current_thread().enable_all().build()
    } else {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(cores.min(jobs))
            .enable_all()
            .build()
    }
}
