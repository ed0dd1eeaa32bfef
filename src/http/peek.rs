//! Looks at the certificate that an address shows, also one that is not accepted.

use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConnection, DigitallySignedStruct, SignatureScheme};
use url::Url;

use super::certificate::Certificate;
use super::request::{Dial, RequestFault};
use super::tls;

/// How long a handshake may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The certificate that an address shows to who asks for the host of a URL; nothing where it shows
/// none that can be read. Whether it is accepted is not said here.
///
/// # Errors
/// A [`RequestFault`] where the plan's own TLS settings are not what they should be.
pub async fn certificate(
    address: SocketAddr,
    url: &Url,
    dial: &Dial,
) -> Result<Option<Certificate>, RequestFault> {
    let mut config = tls::config(&dial.tls, dial.http)?;
    let seen = Arc::new(Seen::default());
    config.dangerous().set_certificate_verifier(Arc::clone(&seen) as Arc<dyn ServerCertVerifier>);
    let host = dial.tls.server_name.as_deref().or_else(|| url.host_str()).unwrap_or_default();
    let Ok(name) = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()) else {
        return Ok(None);
    };
    let Ok(mut session) = ClientConnection::new(Arc::new(config), name) else { return Ok(None) };
    // rustls speaks over anything that reads and writes; a thread of its own may wait for it.
    let asked = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.set_write_timeout(Some(PATIENCE)).ok()?;
        while session.is_handshaking() {
            session.complete_io(&mut stream).ok()?;
        }
        Some(())
    });
    let _ = asked.await;
    let der = seen.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(der.and_then(|der| Certificate::read(&der)))
}

/// Keeps the certificate that is shown, and accepts it: nothing is sent over this connection.
#[derive(Debug, Default)]
struct Seen(Mutex<Option<Vec<u8>>>);

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(certificate.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        tls::schemes()
    }
}
