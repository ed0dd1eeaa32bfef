//! TLS servers with certificates that are wrong in one way each, all issued by one authority of their own.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::match_same_arms,
    clippy::missing_panics_doc,
    clippy::too_many_lines,
    reason = "each test binary that includes this file uses its own part; the answers are a table"
)]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// What is wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    None,
    Expired,
    NotYetValid,
    WrongName,
    SelfSigned,
    /// The server wants a certificate of the client, too.
    WantsClient,
}

/// A server that answers every request with `{"ok":true}` over TLS.
#[derive(Debug)]
pub struct TlsServer {
    pub address: SocketAddr,
    /// The PEM certificate of the authority that issued its own; not for a self-signed one.
    pub ca: Vec<u8>,
    /// The PEM certificate of a client that the authority knows, and its key.
    pub client: [String; 2],
}

impl TlsServer {
    pub fn start(flaw: Flaw) -> Self {
        let (server, config, listener) = Self::ready(flaw, b"http/1.1");
        std::thread::spawn(move || {
            // It ends with the process: a thread that waits costs a test nothing.
            for stream in listener.incoming() {
                let (Ok(mut stream), Ok(mut session)) =
                    (stream, rustls::ServerConnection::new(Arc::clone(&config)))
                else {
                    return;
                };
                std::thread::spawn(move || {
                    let mut tls = rustls::Stream::new(&mut session, &mut stream);
                    let mut seen = Vec::new();
                    let mut piece = [0; 4096];
                    while let Ok(length @ 1..) = tls.read(&mut piece) {
                        seen.extend_from_slice(&piece[..length]);
                        if seen.ends_with(b"\r\n\r\n") {
                            seen.clear();
                            let _ = tls.write_all(
                                b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"ok\":true}",
                            );
                        }
                    }
                });
            }
        });
        server
    }

    /// The same over HTTP/2, and over nothing else.
    pub fn http_2() -> Self {
        let (server, config, listener) = Self::ready(Flaw::None, b"h2");
        listener.set_nonblocking(true).expect("a socket of tokio");
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                let acceptor = tokio_rustls::TlsAcceptor::from(config);
                while let Ok((stream, _)) = listener.accept().await {
                    let acceptor = acceptor.clone();
                    tokio::spawn(async move {
                        let Ok(tls) = acceptor.accept(stream).await else { return };
                        let Ok(mut connection) = h2::server::handshake(tls).await else { return };
                        while let Some(Ok((_, mut respond))) = connection.accept().await {
                            let head = hyper::Response::new(());
                            let mut body = respond.send_response(head, false).expect("a head");
                            let json = bytes::Bytes::from_static(b"{\"ok\":true}");
                            body.send_data(json, true).expect("a body");
                        }
                    });
                }
            });
        });
        server
    }

    /// Certificates for a server that speaks one protocol, and its socket.
    fn ready(flaw: Flaw, protocol: &[u8]) -> (Self, Arc<rustls::ServerConfig>, TcpListener) {
        let mut authority = CertificateParams::new(Vec::<String>::new()).expect("parameters");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().expect("a key"))
                .expect("an authority");
        let name = if flaw == Flaw::WrongName { "other.test" } else { "localhost" };
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        match flaw {
            Flaw::Expired => {
                params.not_before = date_time_ymd(2000, 1, 1);
                params.not_after = date_time_ymd(2001, 1, 1);
            }
            Flaw::NotYetValid => params.not_before = date_time_ymd(4000, 1, 1),
            Flaw::None | Flaw::WrongName | Flaw::SelfSigned | Flaw::WantsClient => {}
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = if flaw == Flaw::SelfSigned {
            params.self_signed(&key).expect("a certificate")
        } else {
            params.signed_by(&key, &authority).expect("a certificate")
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client_key = KeyPair::generate().expect("a key");
        let client = CertificateParams::new(vec!["client.test".to_owned()]).expect("parameters");
        let client = client.signed_by(&client_key, &authority).expect("a certificate");
        let builder = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("protocol versions");
        let builder = if flaw == Flaw::WantsClient {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(authority.der().clone()).expect("a root");
            let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
                Arc::new(roots),
                provider,
            );
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        } else {
            builder.with_no_client_auth()
        };
        let mut config = builder
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .expect("a configuration");
        config.alpn_protocols = vec![protocol.to_vec()];
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let client = [client.pem(), client_key.serialize_pem()];
        let server = Self { address, ca: authority.pem().into_bytes(), client };
        (server, config, listener)
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}/", self.address.port())
    }
}
