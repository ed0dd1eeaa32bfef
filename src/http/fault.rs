//! Tells transport errors apart: reqwest says "error sending request" or "decode error" for most of
//! them, so the chain of sources is walked down to hyper, rustls and the operating system.

mod connecting;

use std::error::Error;
use std::io;
use std::time::Duration;

use url::Url;

use self::connecting::{connect_timed_out, handshake, unconnected, unresolved};
use super::decode::DecodeFault;
use super::reading::BodyUnreadable;
use super::redirect::RedirectFault;
use super::trace::{ConnectTimedOut, Marks, NameFault};
use crate::outcome::{Phase, Transport, TransportClass};
use crate::units::{show_duration, show_size};

/// What is known about an exchange at the moment when it breaks off.
#[derive(Debug, Clone)]
pub(crate) struct Scene<'a> {
    pub(crate) url: &'a Url,
    pub(crate) marks: &'a Marks,
    /// Whether the connection was a kept one.
    pub(crate) reused: bool,
    /// Whether a response head came.
    pub(crate) headed: bool,
    /// Bytes of the body that came over the wire.
    pub(crate) received: u64,
    /// Bytes that `Content-Length` announced.
    pub(crate) announced: Option<u64>,
    pub(crate) connect_timeout: Duration,
    pub(crate) timeout: Duration,
    /// The proxy, its password masked.
    pub(crate) proxy: Option<&'a str>,
}

impl Scene<'_> {
    /// The phase that had been reached.
    pub(crate) fn phase(&self) -> Phase {
        let marks = self.marks;
        if self.headed {
            Phase::Receive
        } else if self.reused || marks.connected.is_some() {
            if marks.all_sent { Phase::Wait } else { Phase::Send }
        } else if marks.dns_started.is_some() && marks.dns_ended.is_none() {
            Phase::Dns
        } else if marks.tls_started.is_some() {
            Phase::Tls
        } else {
            Phase::Connect
        }
    }

    /// Host and port as they stand in the URL.
    fn authority(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port_or_known_default() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// The addresses that were tried, each with its port.
    fn addresses(&self) -> Vec<String> {
        if let (Some(remote), true) = (self.marks.remote, self.marks.resolved.is_empty()) {
            return vec![remote.to_string()];
        }
        let port = self.url.port_or_known_default().unwrap_or_default();
        let literal = match self.url.host() {
            Some(url::Host::Ipv4(address)) => Some(address.into()),
            Some(url::Host::Ipv6(address)) => Some(address.into()),
            Some(url::Host::Domain(_)) | None => None,
        };
        self.marks
            .resolved
            .iter()
            .copied()
            .chain(literal)
            .map(|ip| std::net::SocketAddr::new(ip, port).to_string())
            .collect()
    }

    pub(crate) fn error(
        &self,
        class: TransportClass,
        message: impl Into<String>,
        help: &[&str],
    ) -> Transport {
        Transport {
            class,
            message: message.into(),
            host: self.url.host_str().unwrap_or_default().to_owned(),
            addresses: self.addresses(),
            phase: Some(self.phase()),
            help: help.iter().map(|line| (*line).to_owned()).collect(),
        }
    }

    /// Whom we talked to: the proxy where there is one.
    fn peer(&self) -> String {
        match self.proxy {
            Some(proxy) => format!("the proxy `{proxy}`"),
            None => format!("`{}`", self.authority()),
        }
    }
}

/// What a chain of errors comes down to.
#[derive(Debug, Default)]
struct Causes<'a> {
    connect: bool,
    timed_out: bool,
    name: Option<&'a NameFault>,
    tls: Option<&'a rustls::Error>,
    hyper: Option<&'a hyper::Error>,
    body: Option<&'a BodyUnreadable>,
    io: Option<io::ErrorKind>,
    /// The innermost words.
    words: String,
}

impl<'a> Causes<'a> {
    fn of(error: &'a (dyn Error + 'static)) -> Self {
        let mut causes = Self::default();
        let mut next = Some(error);
        while let Some(error) = next {
            causes.words = error.to_string();
            if let Some(error) = error.downcast_ref::<reqwest::Error>() {
                causes.connect |= error.is_connect();
            } else if error.is::<ConnectTimedOut>() {
                causes.timed_out = true;
            } else if let Some(fault) = error.downcast_ref::<NameFault>() {
                causes.name = Some(fault);
            } else if let Some(fault) = error.downcast_ref::<BodyUnreadable>() {
                causes.body = Some(fault);
            } else if let Some(error) = error.downcast_ref::<rustls::Error>() {
                causes.tls = Some(error);
            } else if let Some(error) = error.downcast_ref::<hyper::Error>() {
                causes.hyper = Some(error);
            } else if let Some(error) = error.downcast_ref::<io::Error>() {
                causes.io = Some(error.kind());
                // `source` of an io::Error skips the error that it holds.
                if let Some(held) = error.get_ref() {
                    next = Some(held);
                    continue;
                }
            }
            next = error.source();
        }
        causes
    }
}

/// Whether an error means that the other side had closed the connection, or did so now.
pub(crate) fn is_closed(error: &reqwest::Error) -> bool {
    let causes = Causes::of(error);
    !causes.connect
        && (causes.hyper.is_some_and(|error| {
            error.is_incomplete_message() || error.is_closed() || error.is_canceled()
        }) || causes.io.is_some_and(is_reset))
}

/// The end of our side of the connection that an error happened on.
pub(crate) fn local_end(error: &reqwest::Error) -> Option<std::net::SocketAddr> {
    let mut next: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
            return super::trace::ends_of(error.connect_info()?).map(|(local, _)| local);
        }
        next = error.source();
    }
    None
}

fn is_reset(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset};
    matches!(kind, ConnectionReset | BrokenPipe | ConnectionAborted)
}

/// An error before a response head came.
pub(crate) fn before_head(scene: &Scene<'_>, error: reqwest::Error) -> Transport {
    let error = error.without_url();
    let causes = Causes::of(&error);
    if causes.timed_out {
        return connect_timed_out(scene);
    }
    if let Some(fault) = causes.name {
        return match fault {
            NameFault::Internal { address } => redirect(
                scene,
                &RedirectFault::Internal {
                    host: scene.url.host_str().unwrap_or_default().to_owned(),
                    address: Some(*address),
                },
            ),
            NameFault::Unknown { seen } => unresolved(scene, seen),
        };
    }
    if let Some(fault) = causes.tls {
        return handshake(scene, fault);
    }
    if let Some(BodyUnreadable(why)) = causes.body {
        return scene.error(
            TransportClass::Other,
            format!("the body could not be sent whole: {why}"),
            &["look at the file that is sent: is something writing to it?"],
        );
    }
    if causes.connect {
        return unconnected(scene, &causes);
    }
    if scene.reused && is_closed(&error) {
        return scene.error(
            TransportClass::StaleConnection,
            format!("{} had closed the kept connection when the request was sent", scene.peer()),
            &[
                "the request may have taken effect, so it was not repeated by itself",
                "`retry: {times: 1, when: [transport]}` repeats it, `connection: fresh` avoids it",
            ],
        );
    }
    if let Some(hyper) = causes.hyper {
        if let Some(transport) = malformed(scene, hyper) {
            return transport;
        }
        if hyper.is_incomplete_message() {
            return scene.error(
                TransportClass::EmptyReply,
                format!("{} closed the connection without a whole response head", scene.peer()),
                &[
                    "the server may have crashed on this request: look at its log",
                    "a port that speaks another protocol, TLS too, answers like this",
                ],
            );
        }
    }
    if causes.io.is_some_and(is_reset) {
        let doing = if scene.marks.all_sent {
            "before the response head was whole"
        } else {
            "while the request was sent"
        };
        return scene.error(
            TransportClass::Reset,
            format!("{} reset the connection {doing}", scene.peer()),
            &["the server or something before it (proxy, firewall) gave up on this request: look at its log"],
        );
    }
    if let Some(transport) = http_2(scene, &causes, "before the response head came") {
        return transport;
    }
    scene.error(
        TransportClass::Other,
        format!("the exchange with {} broke off: {}", scene.peer(), causes.words),
        &[],
    )
}

/// What hyper calls a parse error; none where it was something else.
fn malformed(scene: &Scene<'_>, error: &hyper::Error) -> Option<Transport> {
    let words = error.to_string();
    if words.contains("message head is too large") {
        return Some(scene.error(
            TransportClass::HeadersTooLarge,
            format!(
                "{} sent more than 100 response headers, or more than 400 KiB of them",
                scene.peer()
            ),
            &["look for a header that grows with every request: a cookie, a trace"],
        ));
    }
    let other_protocol =
        words.contains("invalid HTTP version") || words.contains("received unexpected message");
    if other_protocol {
        return Some(not_http(scene, None));
    }
    error.is_parse().then(|| {
        scene.error(
            TransportClass::Framing,
            format!("{} sent a response head that is not well-formed: {words}", scene.peer()),
            &["the server, or a proxy before it, writes HTTP by hand: look at its raw answer with `curl -v --raw`"],
        )
    })
}

/// What the HTTP/2 layer saw, if it was that. Its errors are private, only their words are to be had.
fn http_2(scene: &Scene<'_>, causes: &Causes<'_>, place: &str) -> Option<Transport> {
    let words = &causes.words;
    if words.starts_with("stream error") || words.contains("stream no longer needed") {
        return Some(scene.error(
            TransportClass::Reset,
            format!("{} reset the HTTP/2 stream {place}: {words}", scene.peer()),
            &["the server or something before it gave up on this request: look at its log"],
        ));
    }
    words.starts_with("connection error").then(|| {
        scene.error(
            TransportClass::Framing,
            format!("{} broke the HTTP/2 connection {place}: {words}", scene.peer()),
            &["does it speak HTTP/2 on this port? `http: \"1.1\"` asks for the older version"],
        )
    })
}

/// So much of what a server says that speaks no HTTP is shown, in bytes.
const GREETING: usize = 40;

/// What answers does not speak HTTP; its first bytes, if they were seen.
pub(crate) fn not_http(scene: &Scene<'_>, first: Option<&[u8]>) -> Transport {
    let mut help = vec!["look whether host and port are the ones that were meant"];
    let message = match first {
        Some([0x15 | 0x16, 0x03, ..]) => {
            help = vec!["begin the URL with `https://`"];
            format!("{} speaks TLS, and was asked in the clear", scene.peer())
        }
        Some(bytes) if !bytes.is_empty() => {
            // A line that goes on may repeat what was sent, and stand here cut, so that nobody would
            // know a secret in it: of such a one the first word is shown.
            let line = bytes.split(|b| matches!(b, b'\r' | b'\n')).next().unwrap_or_default();
            let word = bytes.split(u8::is_ascii_whitespace).find(|word| !word.is_empty());
            let is_whole = !line.is_empty() && line.len() < bytes.len() && line.len() <= GREETING;
            let shown = if is_whole { line } else { word.unwrap_or(bytes) };
            format!(
                "{} does not speak HTTP; it begins with `{}`",
                scene.peer(),
                shown.get(..shown.len().min(GREETING)).unwrap_or(shown).escape_ascii()
            )
        }
        Some(_) | None => format!("{} answered with something that is not HTTP", scene.peer()),
    };
    scene.error(TransportClass::NotHttp, message, &help)
}

/// An error while the body came.
pub(crate) fn in_body(scene: &Scene<'_>, error: reqwest::Error) -> Transport {
    let error = error.without_url();
    let causes = Causes::of(&error);
    let came = match scene.announced {
        Some(announced) => format!("{} of {announced} bytes", scene.received),
        None => format!("{} bytes", scene.received),
    };
    let kind = causes.io;
    if kind.is_some_and(is_reset) {
        return scene.error(
            TransportClass::Reset,
            format!("{} reset the connection in the body, after {came}", scene.peer()),
            &["the server or something before it gave up while it answered: look at its log"],
        );
    }
    if kind == Some(io::ErrorKind::UnexpectedEof)
        || causes.hyper.is_some_and(hyper::Error::is_incomplete_message)
    {
        return scene.error(
            TransportClass::Truncated,
            match scene.announced {
                Some(_) => format!("the response is truncated: {came} came"),
                None => format!(
                    "the response is truncated: it ended without its last chunk, after {came}"
                ),
            },
            &["the server, or a proxy before it, closed early: look at its log and its timeouts"],
        );
    }
    if matches!(kind, Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData)) {
        return scene.error(
            TransportClass::Framing,
            format!("the body is badly framed after {came}: {}", causes.words),
            &["what came so far is not judged, even if it looks whole"],
        );
    }
    if let Some(transport) = http_2(scene, &causes, &format!("in the body, after {came}")) {
        return transport;
    }
    scene.error(
        TransportClass::Other,
        format!("the body broke off after {came}: {}", causes.words),
        &[],
    )
}

/// The deadline of the whole exchange passed.
pub(crate) fn timed_out(scene: &Scene<'_>) -> Transport {
    let within = show_duration(scene.timeout);
    let reached = match scene.phase() {
        Phase::Dns => "the host name was not resolved".to_owned(),
        Phase::Connect => "no connection was made".to_owned(),
        Phase::Tls => "the TLS handshake did not end".to_owned(),
        Phase::Send => format!(
            "the request was not taken whole, {} of its body went out",
            show_size(scene.marks.sent_bytes)
        ),
        Phase::Wait => "the request was sent, and no response head came".to_owned(),
        Phase::Receive | Phase::Total => match scene.announced {
            Some(announced) => format!(
                "the head came, and {} of {} of the body",
                show_size(scene.received),
                show_size(announced)
            ),
            None => format!("the head came, and {} of the body", show_size(scene.received)),
        },
    };
    scene.error(
        TransportClass::Timeout,
        format!("no whole response within {within}: {reached}"),
        &["`timeout` sets how long the whole exchange may take"],
    )
}

/// The decoded body is too large, or does not decode.
pub(crate) fn undecoded(scene: &Scene<'_>, fault: &DecodeFault, cap: u64) -> Transport {
    match fault {
        DecodeFault::TooLarge => scene.error(
            TransportClass::BodyTooLarge,
            format!(
                "the decoded body is larger than {}; {} had come over the wire",
                show_size(cap),
                show_size(scene.received)
            ),
            &["`max_body` sets how much is accepted"],
        ),
        DecodeFault::Bad { encoding, seen } => scene.error(
            TransportClass::BadEncoding,
            format!("the body does not decode as `{}`: {seen}", encoding.escape_debug()),
            &["`Accept-Encoding: identity` in the request's headers asks for a plain body"],
        ),
    }
}

/// A URL out of a response that is not asked.
pub(crate) fn redirect(scene: &Scene<'_>, fault: &RedirectFault) -> Transport {
    let (class, help) = match fault {
        RedirectFault::Foreign { .. } => (
            TransportClass::Origin,
            "list the origin under `allow_origins` of the environment, if it is meant",
        ),
        RedirectFault::Internal { .. } => {
            (TransportClass::Origin, "such an address is asked only where the plan itself names it")
        }
        RedirectFault::TooMany { .. } => {
            (TransportClass::Redirect, "`follow_redirects` sets how many are followed")
        }
        RedirectFault::NoLocation { .. }
        | RedirectFault::BadLocation { .. }
        | RedirectFault::BadScheme { .. }
        | RedirectFault::Userinfo
        | RedirectFault::Downgrade { .. }
        | RedirectFault::SecretBody { .. } => (
            TransportClass::Redirect,
            "with `follow_redirects: false` the redirect itself is the result",
        ),
    };
    let mut transport = scene.error(class, fault.to_string(), &[help]);
    transport.phase = None;
    transport
}
