//! TLS as each request asks for it; the system's roots are read when a TLS request is made, not before.

use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{ActiveKeyExchange, CryptoProvider, SupportedKxGroup};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, DigitallySignedStruct, NamedGroup, ProtocolVersion, RootCertStore,
    SignatureScheme,
};

use super::request::{HttpVersion, Identity, RequestFault, Tls};
use super::trace::mark_tls;

/// The configuration of a client that makes TLS connections.
pub(crate) fn config(tls: &Tls, http: HttpVersion) -> Result<ClientConfig, RequestFault> {
    let verifier = verifier(tls)?;
    let builder = builder()?.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = match &tls.identity {
        None => builder.with_no_client_auth(),
        Some(Identity { chain, key }) => {
            let chain = certificates(chain, "the client certificate")?;
            with_identity(builder, chain, private_key(key)?)?
        }
    };
    config.alpn_protocols = match http {
        HttpVersion::Any => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        HttpVersion::One => vec![b"http/1.1".to_vec()],
        HttpVersion::Two => vec![b"h2".to_vec()],
    };
    Ok(config)
}

/// Which file of TLS settings is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsPart {
    /// The certificates that are trusted.
    Ca,
    /// The client's own certificate.
    Certificate,
    /// Its key.
    Key,
}

/// What is wrong with the files of TLS settings, as far as they are known: each with which it is.
/// Nothing is sent for it.
#[must_use]
pub fn check_tls(
    ca: Option<&[u8]>,
    chain: Option<&[u8]>,
    key: Option<&[u8]>,
) -> Vec<(TlsPart, RequestFault)> {
    let chain = chain.map(|pem| certificates(pem, "the client certificate"));
    let key = key.map(private_key);
    let mut wrong = Vec::new();
    wrong.extend(
        ca.and_then(|pem| certificates(pem, "the CA file").err()).map(|it| (TlsPart::Ca, it)),
    );
    match (chain, key) {
        (Some(Ok(chain)), Some(Ok(key))) => {
            let fits = no_roots().and_then(|builder| with_identity(builder, chain, key));
            wrong.extend(fits.err().map(|fault| (TlsPart::Key, fault)));
        }
        (chain, key) => {
            wrong.extend(chain.and_then(Result::err).map(|fault| (TlsPart::Certificate, fault)));
            wrong.extend(key.and_then(Result::err).map(|fault| (TlsPart::Key, fault)));
        }
    }
    wrong
}

/// The configuration of a client that makes none: it trusts nobody and reads nothing.
pub(crate) fn no_tls() -> Result<ClientConfig, RequestFault> {
    Ok(no_roots()?.with_no_client_auth())
}

type Builder = rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>;

fn no_roots() -> Result<Builder, RequestFault> {
    Ok(builder()?.with_root_certificates(RootCertStore::empty()))
}

fn with_identity(
    builder: Builder,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<ClientConfig, RequestFault> {
    builder.with_client_auth_cert(chain, key).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => fault("the private key does not fit the certificate"),
        error => fault(&error.to_string()),
    })
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, RequestFault> {
    use rustls::pki_types::pem::Error;
    PrivateKeyDer::from_pem_slice(pem).map_err(|error| match error {
        Error::NoItemsFound => fault("there is no private key in PEM"),
        _ => fault("the private key is not PEM"),
    })
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, RequestFault> {
    ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(&error.to_string()))
}

/// ring, with each key exchange marking when it starts.
fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| {
        let mut provider = rustls::crypto::ring::default_provider();
        for group in &mut provider.kx_groups {
            // rustls wants them for the life of the process: there are three, made once.
            *group = Box::leak(Box::new(Marking(*group)));
        }
        Arc::new(provider)
    }))
}

/// The signatures that this client understands.
pub(super) fn schemes() -> Vec<SignatureScheme> {
    provider().signature_verification_algorithms.supported_schemes()
}

fn verifier(tls: &Tls) -> Result<Arc<dyn ServerCertVerifier>, RequestFault> {
    if tls.insecure {
        return Ok(Arc::new(Anyone));
    }
    let extra = match &tls.ca {
        Some(pem) => certificates(pem, "the CA file")?,
        None => Vec::new(),
    };
    match rustls_platform_verifier::Verifier::new_with_extra_roots(extra.clone(), provider()) {
        Ok(verifier) => Ok(Arc::new(verifier)),
        // A container without a certificate store: then nobody is trusted, or only the CA file,
        // and the handshake says so.
        Err(error) if extra.is_empty() => Err(fault(&error.to_string())),
        Err(_) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(extra);
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
                .build()
                .map_err(|error| fault(&error.to_string()))?;
            Ok(verifier)
        }
    }
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, RequestFault> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|_| fault(&format!("{what} is not PEM")))?;
    if found.is_empty() {
        return Err(fault(&format!("{what} holds no certificate")));
    }
    Ok(found)
}

fn fault(seen: &str) -> RequestFault {
    RequestFault::Tls { seen: seen.to_owned() }
}

/// A key exchange that marks the begin of the handshake.
#[derive(Debug)]
struct Marking(&'static dyn SupportedKxGroup);

impl SupportedKxGroup for Marking {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, rustls::Error> {
        mark_tls();
        self.0.start()
    }

    fn name(&self) -> NamedGroup {
        self.0.name()
    }

    fn fips(&self) -> bool {
        self.0.fips()
    }

    fn usable_for_version(&self, version: ProtocolVersion) -> bool {
        self.0.usable_for_version(version)
    }
}

/// `tls: {insecure: true}`: every certificate will do.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        provider().signature_verification_algorithms.supported_schemes()
    }
}
