//! Looks at the first bytes of what does not speak HTTP: hyper refuses them and does not show them.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

/// How long the other side has for its first bytes.
const PATIENCE: Duration = Duration::from_millis(300);

/// The first bytes that an address sends on a new connection. Protocols that greet (SSH, SMTP,
/// `MySQL`) need no question; a bare one, without headers, is asked only where asking is safe.
pub(crate) async fn first_bytes(address: SocketAddr, url: &Url, safe: bool) -> Option<Vec<u8>> {
    let look = async {
        let mut stream = TcpStream::connect(address).await.ok()?;
        if safe {
            let host = url.host_str().unwrap_or_default();
            let question =
                format!("GET {} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n", url.path());
            stream.write_all(question.as_bytes()).await.ok()?;
        }
        let mut first = [0; 64];
        let length = stream.read(&mut first).await.ok()?;
        first.get(..length).map(<[u8]>::to_vec)
    };
    tokio::time::timeout(PATIENCE, look).await.ok()?
}
