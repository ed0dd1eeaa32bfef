//! What goes wrong before there is a connection: names, refusals, timeouts, TLS handshakes.

use std::io;

use super::{Causes, Scene, is_reset};
use crate::outcome::{Phase, Transport, TransportClass};
use crate::units::show_duration;

pub(super) fn connect_timed_out(scene: &Scene<'_>) -> Transport {
    let within = show_duration(scene.connect_timeout);
    let message = match scene.phase() {
        Phase::Dns => format!("`{}` was not resolved within {within}", scene.authority()),
        Phase::Tls => {
            format!("the TLS handshake with {} did not end within {within}", scene.peer())
        }
        Phase::Connect | Phase::Send | Phase::Wait | Phase::Receive | Phase::Total => {
            format!("no connection to {} within {within}", scene.peer())
        }
    };
    scene.error(
        TransportClass::ConnectTimeout,
        message,
        &[
            "packets seem to be dropped on the way: a firewall, a VPN that is off, a wrong address",
            "`connect_timeout` sets how long it may take",
        ],
    )
}

pub(super) fn unresolved(scene: &Scene<'_>, seen: &str) -> Transport {
    let host = scene.url.host_str().unwrap_or_default();
    scene.error(
        TransportClass::Dns,
        format!("`{host}` could not be resolved: {seen}"),
        &["look for a typo in the host, a VPN that is off, or a name that only a cluster knows"],
    )
}

pub(super) fn unconnected(scene: &Scene<'_>, causes: &Causes<'_>) -> Transport {
    let tried = scene.addresses();
    let tried = if tried.is_empty() { scene.authority() } else { tried.join(" nor on ") };
    // hyper-util's error for a CONNECT that was refused is private; these are its words.
    if let Some(why) = causes.words.strip_prefix("tunnel error: ") {
        return scene.error(
            TransportClass::Other,
            format!("{} made no tunnel to `{}`: {why}", scene.peer(), scene.authority()),
            &["look at the proxy's credentials, or list the host in NO_PROXY"],
        );
    }
    match causes.io {
        Some(io::ErrorKind::ConnectionRefused) if scene.proxy.is_none() => scene.error(
            TransportClass::Refused,
            format!("nothing listens on {tried}"),
            &["the host answers and the port does not: is the service up, is the port right?"],
        ),
        Some(io::ErrorKind::ConnectionRefused) => scene.error(
            TransportClass::Refused,
            format!("nothing listens at {}", scene.peer()),
            &["look at HTTP_PROXY, HTTPS_PROXY and NO_PROXY"],
        ),
        Some(io::ErrorKind::TimedOut) => connect_timed_out(scene),
        Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) => scene.error(
            TransportClass::Refused,
            format!("there is no way to {tried}: {}", causes.words),
            &["look at the network, a VPN that is off, an address family that is not there"],
        ),
        Some(kind)
            if scene.marks.tls_started.is_some()
                && (is_reset(kind) || kind == io::ErrorKind::UnexpectedEof) =>
        {
            scene.error(
                TransportClass::Tls,
                format!("{} closed the connection during the TLS handshake", scene.peer()),
                &["it may not speak TLS on this port, or want another TLS version or a client certificate"],
            )
        }
        Some(_) | None => scene.error(
            TransportClass::Other,
            format!("no connection to {}: {}", scene.peer(), causes.words),
            &[],
        ),
    }
}

pub(super) fn handshake(scene: &Scene<'_>, error: &rustls::Error) -> Transport {
    use rustls::CertificateError as Certificate;
    let peer = scene.peer();
    let host = scene.url.host_str().unwrap_or_default();
    let (message, help) = match error {
        rustls::Error::InvalidCertificate(
            Certificate::Expired | Certificate::ExpiredContext { .. },
        ) => (
            format!("the certificate of {peer} has expired"),
            "renew it, or look at this machine's clock",
        ),
        rustls::Error::InvalidCertificate(
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. },
        ) => (
            format!("the certificate of {peer} is not valid yet"),
            "look at this machine's clock, or wait",
        ),
        rustls::Error::InvalidCertificate(Certificate::NotValidForName) => (
            format!("the certificate of {peer} is for another name than `{host}`"),
            "ask for the name that it bears, or state it: `tls: {server_name: …}`",
        ),
        rustls::Error::InvalidCertificate(Certificate::NotValidForNameContext {
            expected,
            presented,
        }) => (
            format!(
                "the certificate of {peer} is for {}, not for `{}`",
                names(presented).escape_debug(),
                expected.to_str()
            ),
            "ask for the name that it bears, or state it: `tls: {server_name: …}`",
        ),
        rustls::Error::InvalidCertificate(
            Certificate::UnknownIssuer | Certificate::BadSignature,
        ) => (
            format!("the certificate of {peer} was issued by nobody that is trusted here"),
            "name its CA: `tls: {ca_file: …}`",
        ),
        rustls::Error::InvalidCertificate(Certificate::Revoked) => {
            (format!("the certificate of {peer} was revoked"), "it has to be replaced")
        }
        rustls::Error::InvalidCertificate(other) => (
            format!("the certificate of {peer} is not accepted: {other}"),
            "a self-signed one that is also a CA certificate can be trusted with `tls: {ca_file: …}`",
        ),
        rustls::Error::InvalidMessage(_) => (
            format!("{peer} does not speak TLS on this port"),
            "is it plain HTTP? then begin the URL with `http://`",
        ),
        rustls::Error::AlertReceived(rustls::AlertDescription::CertificateRequired) => (
            format!("{peer} wants a certificate of the client, and was shown none"),
            "name it: `tls: {cert: client.pem, key: client.key}`",
        ),
        rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol)
        | rustls::Error::NoApplicationProtocol => (
            format!("{peer} speaks no HTTP version that the request allows"),
            "leave `http` out, then either will do",
        ),
        rustls::Error::AlertReceived(alert) => (
            format!("{peer} ended the TLS handshake with the alert {alert:?}"),
            "it may want a client certificate (`tls: {cert, key}`), another name or another TLS version",
        ),
        other => (
            format!("the TLS handshake with {peer} failed: {other}"),
            "compare with `openssl s_client -connect HOST:PORT`",
        ),
    };
    let mut transport = scene.error(TransportClass::Tls, message, &[help]);
    transport.phase = Some(Phase::Tls);
    transport
}

/// The names of a certificate, which rustls gives as `DnsName("other.test")`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| match name.split('"').nth(1) {
        Some(inner) => format!("`{inner}`"),
        None => name.clone(),
    };
    if presented.is_empty() {
        return "no name".to_owned();
    }
    presented.iter().map(bare).collect::<Vec<_>>().join(", ")
}
