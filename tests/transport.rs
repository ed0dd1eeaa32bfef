//! Every way in which an exchange goes wrong on the wire has its own class, words and bound; and
//! what goes right is measured and told as it was.

#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up fails, and bounds are held against a real clock"
)]

#[path = "support/misbehaving.rs"]
mod misbehaving;
#[path = "support/tls.rs"]
mod tls;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use misbehaving::Misbehaving;
use planrun::http::{
    AllowOrigins, Answer, Barrier, Body, Client, Connection, Dial, Exchanged, HttpVersion, Jar,
    Options, Origin, ProxyChoice, Request, RequestFault, Tls,
};
use planrun::outcome::{Phase, Transport, TransportClass};
use tls::{Flaw, TlsServer};
use url::Url;

fn get(url: &str) -> Request {
    ask("GET", url)
}

fn ask(method: &str, url: &str) -> Request {
    Request::new(method, Url::parse(url).expect("a URL of the test"))
}

async fn send(request: &Request) -> Exchanged {
    send_with(&Client::new(&Options::default()), request).await
}

async fn send_with(client: &Client, request: &Request) -> Exchanged {
    client.exchange(request, None).await.expect("a request that can be sent")
}

fn answered(exchanged: Exchanged) -> Answer {
    exchanged.answer.expect("an answer")
}

fn broke(exchanged: Exchanged) -> Transport {
    exchanged.answer.expect_err("a transport error")
}

/// Asks for a misbehaviour and gives what came of it.
async fn misbehave(path: &str) -> Transport {
    let server = Misbehaving::start();
    let mut request = get(&server.url(path));
    request.timeout = Duration::from_millis(400);
    broke(send(&request).await)
}

fn allow(urls: &[&str]) -> Arc<AllowOrigins> {
    let origins = urls.iter().filter_map(|url| Origin::of(&Url::parse(url).expect("a URL")));
    Arc::new(origins.collect())
}

// ---- what goes right -------------------------------------------------------------------------

#[tokio::test]
async fn an_answer_comes_with_its_digests_address_and_phases() {
    let server = Misbehaving::start();
    let client = Client::new(&Options::default());
    let mut request = get(&server.url("/ok"));
    request.digests.md5 = true;
    let first = send_with(&client, &request).await;
    let answer = answered(first.clone());
    assert_eq!((answer.status, answer.http), (200, "1.1"));
    assert_eq!(&answer.body[..], b"{\"ok\":true}");
    assert_eq!(
        answer.sha256.as_deref(),
        Some("4062edaf750fb8074e7e83e0c9028c94e32468a8b6f1614774328ef045150f93")
    );
    assert_eq!(answer.md5.as_deref(), Some("82380d1e263b6093f3c7535690fcdd75"));
    assert_eq!(answer.remote, Some(server.address()));
    assert_eq!(answer.header("Content-Type").collect::<Vec<_>>(), ["application/json"]);
    assert!(!first.reused);
    let phases = first.phases;
    assert!(phases.connect.is_some() && phases.send.is_some() && phases.wait.is_some());
    assert_eq!((phases.dns, phases.tls), (None, None), "an address in the clear needs neither");
    let parts = [phases.connect, phases.send, phases.wait, phases.receive];
    assert!(parts.into_iter().flatten().sum::<Duration>() <= phases.total.expect("a total"));

    let second = send_with(&client, &request).await;
    assert!(second.reused);
    assert_eq!(second.phases.connect, None, "no connection was made");
    assert!(second.phases.wait.is_some());
    assert_eq!(server.log()[1].connection, 0);
}

#[tokio::test]
async fn a_name_is_resolved_and_that_is_measured() {
    let server = Misbehaving::start();
    let mut request = get(&format!("http://registry.test:{}/ok", server.address().port()));
    request.dial = Arc::new(Dial {
        resolve: vec![("registry.test".into(), vec!["127.0.0.1:0".parse().expect("an address")])],
        ..Dial::default()
    });
    let exchanged = send(&request).await;
    assert!(exchanged.phases.dns.is_some());
    assert_eq!(answered(exchanged).status, 200);
    let seen = server.only("/ok");
    assert_eq!(seen.header("host"), Some(&*format!("registry.test:{}", server.address().port())));
}

#[tokio::test]
async fn waiting_is_told_apart_from_the_rest() {
    let server = Misbehaving::start();
    let exchanged = send(&get(&server.url("/slow/80"))).await;
    assert!(exchanged.phases.wait.expect("a wait") >= Duration::from_millis(75));
    assert_eq!(exchanged.phases.longest().map(|(phase, _)| phase), Some(Phase::Wait));
}

#[tokio::test]
async fn a_fresh_connection_is_not_kept() {
    let server = Misbehaving::start();
    let client = Client::new(&Options::default());
    let mut request = get(&server.url("/ok"));
    request.connection = Connection::Fresh;
    for _ in 0..2 {
        let exchanged = send_with(&client, &request).await;
        assert!(!exchanged.reused && exchanged.phases.connect.is_some());
    }
    let log = server.log();
    assert_ne!(log[0].connection, log[1].connection);
}

#[tokio::test]
async fn the_plans_headers_go_out_and_the_defaults_beside_them() {
    let server = Misbehaving::start();
    let mut request = ask("POST", &server.url("/echo?a=b%20c"));
    request.headers = vec![
        ("X-One".into(), "1".into()),
        ("X-One".into(), "2".into()),
        ("Content-Type".into(), "text/csv".into()),
    ];
    request.body = Body::from("a,b\n".to_owned());
    let exchanged = send(&request).await;
    let sent = exchanged.sent.clone();
    assert_eq!(answered(exchanged).status, 200);
    let seen = server.only("/echo");
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/echo?a=b%20c"));
    assert_eq!(seen.body, b"a,b\n");
    assert_eq!(seen.header("accept"), Some("*/*"));
    assert_eq!(seen.header("accept-encoding"), Some("gzip, br, deflate, zstd"));
    assert_eq!(seen.header("content-length"), Some("4"));
    let mut told = sent.headers.clone();
    let mut came = seen.headers.clone();
    told.sort();
    came.sort();
    assert_eq!(told, came, "what is told is what went over the wire");
    assert_eq!(sent.size, 4);
    assert_eq!(sent.sha256, Some(digest(b"a,b\n")));
}

#[tokio::test]
async fn a_post_without_a_body_says_that_it_is_empty() {
    let server = Misbehaving::start();
    send(&ask("POST", &server.url("/echo"))).await;
    assert_eq!(server.only("/echo").header("content-length"), Some("0"));
    let mut empty = ask("PUT", &server.url("/echo"));
    empty.body = Body::Bytes(bytes::Bytes::new());
    send(&empty).await;
    assert_eq!(server.log()[1].header("content-length"), Some("0"));
    send(&get(&server.url("/ok"))).await;
    assert_eq!(server.only("/ok").header("content-length"), None);
}

#[tokio::test]
async fn a_streamed_body_goes_out_whole_and_is_digested_on_the_way() {
    let server = Misbehaving::start();
    for size in [Some(300_000), None] {
        let mut request = ask("PUT", &server.url("/echo"));
        request.body = Body::Stream {
            size,
            open: Arc::new(|| Ok(Box::new(std::io::Cursor::new(vec![b'x'; 300_000])))),
        };
        let exchanged = send(&request).await;
        assert_eq!(exchanged.sent.size, 300_000);
        assert_eq!(exchanged.sent.sha256.as_deref(), Some(digest(&vec![b'x'; 300_000]).as_str()));
        assert_eq!(answered(exchanged).status, 200);
    }
    let log = server.log();
    assert!(log.iter().all(|seen| seen.body.len() == 300_000));
    assert_eq!(log[0].header("content-length"), Some("300000"));
    assert_eq!(log[1].header("transfer-encoding"), Some("chunked"));
}

#[tokio::test]
async fn a_body_that_ends_before_its_size_or_cannot_be_opened_is_said() {
    let server = Misbehaving::start();
    let mut request = ask("PUT", &server.url("/echo"));
    request.body = Body::Stream {
        size: Some(300_000),
        open: Arc::new(|| Ok(Box::new(std::io::Cursor::new(vec![b'x'; 299_999])))),
    };
    let error = send(&request).await.answer.expect_err("it is too short");
    assert!(error.message.contains("shorter than its 300000 bytes"), "{}", error.message);
    request.body = Body::Stream {
        size: None,
        open: Arc::new(|| Err(std::io::Error::from(std::io::ErrorKind::NotFound))),
    };
    let error = send(&request).await.answer.expect_err("it is not there");
    assert!(error.message.contains("could not be sent whole: entity not found"), "{error:?}");
}

fn digest(bytes: &[u8]) -> String {
    misbehaving::hex(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref())
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_anything_is() {
    let server = Misbehaving::start();
    let client = Client::new(&Options::default());
    let mut request = get(&server.url("/ok"));
    request.headers = vec![("X-Name".into(), "a\r\nX-Other: b".into())];
    let fault = client.exchange(&request, None).await.expect_err("it is refused");
    assert!(matches!(fault, RequestFault::HeaderValue { character: '\r', .. }), "{fault}");
    for name in ["Content-Length", "Transfer-Encoding", "Connection"] {
        request.headers = vec![(name.into(), "3".into())];
        let fault = client.exchange(&request, None).await.expect_err("it is refused");
        assert!(matches!(fault, RequestFault::FramingHeader { .. }), "{fault}");
    }
    request.headers.clear();
    request.cookies = vec![("a".into(), "1; b=2".into())];
    assert!(client.exchange(&request, None).await.is_err());
    let userinfo = get(&server.url("/ok").replace("//", "//user:pass@"));
    assert_eq!(client.exchange(&userinfo, None).await.err(), Some(RequestFault::Userinfo));
    assert!(server.log().is_empty(), "a refused request went out");
}

// ---- cookies ---------------------------------------------------------------------------------

#[tokio::test]
async fn a_jar_gives_back_what_a_response_set_and_an_empty_one_nothing() {
    let server = Misbehaving::start();
    let client = Client::new(&Options::default());
    let jar = Jar::new();
    for (path, jar) in [("/set-cookie", &jar), ("/ok", &jar), ("/echo", &Jar::new())] {
        let request = get(&server.url(path));
        client.exchange(&request, Some(jar)).await.expect("a request");
    }
    assert_eq!(server.only("/ok").header("cookie"), Some("session=abc"));
    assert_eq!(server.only("/echo").header("cookie"), None);
}

// ---- redirects -------------------------------------------------------------------------------

#[tokio::test]
async fn a_redirect_is_the_result_unless_it_is_to_be_followed() {
    let server = Misbehaving::start();
    let exchanged = send(&get(&server.url("/redirect/2"))).await;
    assert!(exchanged.hops.is_empty());
    assert_eq!(answered(exchanged).status, 302);
    let mut request = get(&server.url("/redirect/2"));
    request.follow_redirects = 10;
    let exchanged = send(&request).await;
    let hops: Vec<_> =
        exchanged.hops.iter().map(|hop| (hop.status, hop.location.clone())).collect();
    assert_eq!(hops, [(302, server.url("/redirect/1")), (302, server.url("/redirect/0"))]);
    let answer = answered(exchanged);
    assert_eq!((answer.status, answer.url.as_str()), (200, &*server.url("/redirect/0")));
}

#[tokio::test]
async fn one_redirect_too_many_is_an_error_and_just_enough_is_not() {
    let server = Misbehaving::start();
    let mut request = get(&server.url("/redirect/3"));
    request.follow_redirects = 3;
    assert_eq!(answered(send(&request).await).status, 200);
    request.follow_redirects = 2;
    let exchanged = send(&request).await;
    assert_eq!(exchanged.hops.len(), 2);
    let error = broke(exchanged);
    assert_eq!(error.class, TransportClass::Redirect);
    assert_eq!(error.message, "more than 2 redirects");
}

#[tokio::test]
async fn nothing_secret_crosses_to_another_origin() {
    let (here, there) = (Misbehaving::start(), Misbehaving::start());
    let jar = Jar::new();
    let mut request = get(&here.url(&format!("/redirect-to?u={}", there.url("/echo"))));
    request.follow_redirects = 1;
    request.allow = allow(&[&there.url("/")]);
    request.credentials = vec!["x-tenant".into()];
    request.cookies = vec![("mine".into(), "1".into())];
    for name in ["Authorization", "X-Api-Key", "X-Tenant", "X-Auth-Token", "Referer", "X-Plain"] {
        request.headers.push((name.into(), "value".into()));
    }
    let client = Client::new(&Options::default());
    let exchanged = client.exchange(&request, Some(&jar)).await.expect("a request");
    assert_eq!(answered(exchanged).status, 200);
    let first = here.log().remove(0);
    assert_eq!(first.header("authorization"), Some("value"));
    assert_eq!(first.header("cookie"), Some("mine=1"));
    let seen = there.only("/echo");
    for name in ["authorization", "x-api-key", "x-tenant", "x-auth-token", "referer", "cookie"] {
        assert_eq!(seen.header(name), None, "{name} crossed");
    }
    assert_eq!(seen.header("x-plain"), Some("value"));
    assert_eq!(seen.header("host"), Some(&*there.address().to_string()));
}

#[tokio::test]
async fn a_credential_stays_with_a_redirect_on_the_same_origin() {
    let server = Misbehaving::start();
    let mut request = get(&server.url("/redirect-to?u=/echo"));
    request.follow_redirects = 1;
    request.headers = vec![("Authorization".into(), "value".into())];
    send(&request).await;
    assert_eq!(server.only("/echo").header("authorization"), Some("value"));
}

#[tokio::test]
async fn a_307_keeps_method_and_body_and_a_302_does_not() {
    let server = Misbehaving::start();
    for (path, method, body) in
        [("/redirect-307", "POST", "x=1"), ("/redirect-to?u=/echo", "GET", "")]
    {
        let mut request = ask("POST", &server.url(path));
        request.body = Body::from("x=1".to_owned());
        request.headers = vec![("Content-Type".into(), "text/plain".into())];
        request.follow_redirects = 1;
        send(&request).await;
        let seen = server.log().pop().expect("a request");
        assert_eq!((seen.method.as_str(), &seen.body[..]), (method, body.as_bytes()));
        assert_eq!(seen.header("content-type").is_some(), !body.is_empty());
    }
}

#[tokio::test]
async fn a_body_with_a_secret_does_not_cross_and_another_does() {
    let (here, there) = (Misbehaving::start(), Misbehaving::start());
    let mut request = ask("POST", &here.url(&format!("/redirect-307?u={}", there.url("/echo"))));
    request.body = Body::from("x=1".to_owned());
    request.follow_redirects = 1;
    request.allow = allow(&[&there.url("/")]);
    request.body_is_secret = true;
    let error = broke(send(&request).await);
    assert_eq!(error.class, TransportClass::Redirect);
    assert!(error.message.contains("would carry a body with a secret"), "{}", error.message);
    assert!(there.log().is_empty());
    request.body_is_secret = false;
    assert_eq!(answered(send(&request).await).status, 200);
    assert_eq!(there.only("/echo").body, b"x=1");
}

#[tokio::test]
async fn a_location_that_leads_nowhere_is_an_error() {
    let server = Misbehaving::start();
    for (path, words) in [
        ("/redirect-nowhere", "a 302 without a `Location`"),
        ("/redirect-to?u=", "a 302 without a `Location`"),
        ("/redirect-to?u=file:///etc/passwd", "the scheme `file`"),
        ("/redirect-to?u=javascript:alert(1)", "the scheme `javascript`"),
        ("/redirect-to?u=http://[", "not a URL"),
    ] {
        let mut request = get(&server.url(path));
        request.follow_redirects = 5;
        let error = broke(send(&request).await);
        assert_eq!(error.class, TransportClass::Redirect, "{path}");
        assert!(error.message.contains(words), "{path}: {}", error.message);
        assert!(!error.help.is_empty());
    }
}

#[tokio::test]
async fn a_response_leads_only_to_allowed_origins_and_never_inwards() {
    let (here, there) = (Misbehaving::start(), Misbehaving::start());
    let named = format!("http://inward.test:{}/echo", there.address().port());
    for (to, words) in [
        (there.url("/echo"), "not among the allowed origins"),
        ("http://169.254.169.254/latest/meta-data".to_owned(), "link-local or metadata"),
        ("http://metadata.google.internal/".to_owned(), "link-local or metadata"),
        (named.clone(), "`inward.test`, which is 169.254.169.254"),
    ] {
        let mut request = get(&here.url(&format!("/redirect-to?u={to}")));
        request.follow_redirects = 5;
        request.allow =
            allow(&[&named, "http://169.254.169.254/", "http://metadata.google.internal/"]);
        request.dial = Arc::new(Dial {
            resolve: vec![(
                "inward.test".into(),
                vec!["169.254.169.254:0".parse().expect("an address")],
            )],
            ..Dial::default()
        });
        let error = broke(send(&request).await);
        assert_eq!(error.class, TransportClass::Origin, "{to}");
        assert!(error.message.contains(words), "{to}: {}", error.message);
    }
    assert!(there.log().is_empty());
    // The first URL of an exchange may come out of a response too.
    let mut request = get(&there.url("/echo"));
    request.url_from_response = true;
    assert_eq!(broke(send(&request).await).class, TransportClass::Origin);
    request.allow = allow(&[&there.url("/")]);
    assert_eq!(answered(send(&request).await).status, 200);
}

// ---- connections that are not made -----------------------------------------------------------

#[tokio::test]
async fn a_name_that_does_not_resolve_is_named() {
    let error = broke(send(&get("http://planrun-test.invalid/")).await);
    assert_eq!(error.class, TransportClass::Dns);
    assert_eq!(error.host, "planrun-test.invalid");
    assert!(error.message.starts_with("`planrun-test.invalid` could not be resolved"));
    assert_eq!(error.phase, Some(Phase::Dns));
}

#[tokio::test]
async fn a_refused_connection_names_every_address_that_was_tried() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    let error = broke(send(&get(&format!("http://{free}/"))).await);
    assert_eq!(error.class, TransportClass::Refused);
    assert_eq!(error.message, format!("nothing listens on {free}"));
    assert_eq!(error.addresses, [free.to_string()]);
    assert_eq!(error.phase, Some(Phase::Connect));
    let mut request = get(&format!("http://both.test:{}/", free.port()));
    request.dial = Arc::new(Dial {
        resolve: vec![(
            "both.test".into(),
            vec!["[::1]:0".parse().expect("v6"), "127.0.0.1:0".parse().expect("v4")],
        )],
        ..Dial::default()
    });
    let error = broke(send(&request).await);
    assert_eq!(error.addresses, [format!("[::1]:{}", free.port()), free.to_string()]);
}

#[tokio::test]
async fn a_connection_that_is_not_made_in_time_ends_at_its_own_timeout() {
    let full = Full::start().await;
    let mut request = get(&format!("http://{}/", full.address));
    request.connect_timeout = Duration::from_millis(100);
    let begun = Instant::now();
    let error = broke(send(&request).await);
    assert_eq!(error.class, TransportClass::ConnectTimeout, "{}", error.message);
    assert!(error.message.contains("within 100 ms"), "{}", error.message);
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_timeout_says_which_phase_had_been_reached() {
    let full = Full::start().await;
    let mut request = get(&format!("http://{}/", full.address));
    request.timeout = Duration::from_millis(100);
    let error = broke(send(&request).await);
    assert_eq!((error.class, error.phase), (TransportClass::Timeout, Some(Phase::Connect)));
    assert!(error.message.ends_with("no connection was made"), "{}", error.message);

    // Over a kept connection there is nothing to connect.
    let server = Misbehaving::start();
    let client = Client::new(&Options::default());
    send_with(&client, &get(&server.url("/ok"))).await;
    let mut request = get(&server.url("/hang"));
    request.timeout = Duration::from_millis(100);
    let exchanged = send_with(&client, &request).await;
    assert!(exchanged.reused);
    let error = broke(exchanged);
    assert_eq!((error.class, error.phase), (TransportClass::Timeout, Some(Phase::Wait)));

    // A server that reads nothing takes what fits into the buffers of the sockets, and no more.
    let mut request = ask("PUT", &server.url("/early-stall"));
    request.timeout = Duration::from_millis(300);
    request.body = Body::Bytes(bytes::Bytes::from(vec![b'x'; 64 << 20]));
    let error = broke(send(&request).await);
    assert_eq!((error.class, error.phase), (TransportClass::Timeout, Some(Phase::Send)));
    assert!(error.message.contains("was not taken whole"), "{}", error.message);
}

/// A listener whose backlog is full: it drops what comes, as a firewall does.
struct Full {
    address: std::net::SocketAddr,
    _listener: tokio::net::TcpListener,
    _held: Vec<tokio::net::TcpStream>,
}

impl Full {
    async fn start() -> Self {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let listener = socket.listen(0).expect("a listener");
        let address = listener.local_addr().expect("an address");
        let mut held = Vec::new();
        for _ in 0..3 {
            let connecting = tokio::net::TcpStream::connect(address);
            let soon = tokio::time::timeout(Duration::from_millis(50), connecting).await;
            held.extend(soon.ok().and_then(Result::ok));
        }
        Self { address, _listener: listener, _held: held }
    }
}

// ---- answers that break off ------------------------------------------------------------------

#[tokio::test]
async fn each_misbehaviour_has_a_class_and_words_of_its_own() {
    for (path, class, words) in [
        ("/empty-reply", TransportClass::EmptyReply, "closed the connection without a whole"),
        ("/cut-headers", TransportClass::EmptyReply, "without a whole response head"),
        ("/reset-before", TransportClass::Reset, "before the response head was whole"),
        ("/reset-headers", TransportClass::Reset, "before the response head was whole"),
        ("/reset-body", TransportClass::Reset, "in the body, after 8 of 1000 bytes"),
        ("/truncated", TransportClass::Truncated, "100 of 1000 bytes came"),
        ("/truncated-chunks", TransportClass::Truncated, "without its last chunk, after 11 bytes"),
        ("/bad-chunk", TransportClass::Framing, "badly framed after 11 bytes"),
        ("/double-length", TransportClass::Framing, "not well-formed"),
        ("/bad-header", TransportClass::Framing, "not well-formed"),
        ("/ssh", TransportClass::NotHttp, "SSH-2.0-OpenSSH_9.6\\x1b[31m"),
        ("/huge-headers", TransportClass::HeadersTooLarge, "100 response headers"),
        ("/hang", TransportClass::Timeout, "the request was sent, and no response head came"),
        ("/stall-headers", TransportClass::Timeout, "no response head came"),
        ("/stall-body", TransportClass::Timeout, "8 B of 1000 B of the body"),
        ("/trickle", TransportClass::Timeout, "the head came"),
        ("/bad-gzip", TransportClass::BadEncoding, "does not decode as `gzip`"),
        ("/half-gzip", TransportClass::BadEncoding, "does not decode as `gzip`"),
    ] {
        let begun = Instant::now();
        let error = misbehave(path).await;
        assert_eq!(error.class, class, "{path}: {}", error.message);
        assert!(error.message.contains(words), "{path}: {}", error.message);
        assert!(!error.help.is_empty(), "{path} has no help");
        assert!(begun.elapsed() < Duration::from_millis(1400), "{path} outlived its timeout");
    }
}

#[tokio::test]
async fn endless_interim_responses_end_at_the_timeout_and_a_few_are_fine() {
    let server = Misbehaving::start();
    assert_eq!(answered(send(&get(&server.url("/early-hints"))).await).status, 200);
    // hyper works through all that it may read in one poll, which is slow without optimisation and on
    // a machine that does much else: that it ends, and by what, is what counts.
    let ended = tokio::time::timeout(Duration::from_mins(2), misbehave("/endless-1xx")).await;
    let error = ended.expect("it goes on for ever");
    assert_eq!(error.class, TransportClass::Timeout, "{}", error.message);
}

#[tokio::test]
async fn what_greets_first_is_shown_even_where_asking_twice_would_not_be_safe() {
    let server = Misbehaving::greeting(b"220 mail.test ESMTP\r\n");
    let mut request = ask("POST", &server.url("/"));
    request.body = Body::from("x".to_owned());
    let error = broke(send(&request).await);
    assert_eq!(error.class, TransportClass::NotHttp, "{}", error.message);
    assert!(error.message.contains("`220 mail.test ESMTP`"), "{}", error.message);
    // What goes on may repeat what was sent, and would be cut here.
    let server =
        Misbehaving::greeting(b"-ERR unknown command `POST`, with args beginning with: `/`");
    let error = broke(send(&ask("POST", &server.url("/"))).await);
    assert!(error.message.ends_with("begins with `-ERR`"), "{}", error.message);
}

#[tokio::test]
async fn what_came_before_the_end_is_kept_beside_the_error() {
    let server = Misbehaving::start();
    let exchanged = send(&get(&server.url("/truncated"))).await;
    let partial = exchanged.partial.clone().expect("a part of the response");
    assert_eq!((partial.status, partial.body.len()), (200, 100));
    assert_eq!(broke(exchanged).class, TransportClass::Truncated);
}

// ---- encodings and sizes ---------------------------------------------------------------------

#[tokio::test]
async fn every_encoding_is_undone_and_the_headers_stay_as_they_came() {
    let server = Misbehaving::start();
    for path in ["/gzip", "/br", "/zstd", "/deflate", "/raw-deflate", "/twice"] {
        let exchanged = send(&get(&server.url(path))).await;
        let answer = answered(exchanged);
        assert_eq!(&answer.body[..], b"{\"ok\":true}", "{path}");
        assert_eq!(answer.header("content-encoding").count(), 1);
    }
    let answer = answered(send(&get(&server.url("/unknown-encoding"))).await);
    assert_eq!(&answer.body[..], b"abc", "an encoding that is not known leaves the body as it is");
    let head = answered(send(&ask("HEAD", &server.url("/status/204"))).await);
    assert!(head.body.is_empty());
}

#[tokio::test]
async fn a_bomb_ends_at_the_cap() {
    for path in ["/gzip-bomb", "/br-bomb", "/zstd-bomb", "/deflate-bomb"] {
        let server = Misbehaving::start();
        let mut request = get(&server.url(path));
        request.max_body = 1 << 20;
        let exchanged = send(&request).await;
        let partial = exchanged.partial.clone().expect("what came");
        assert!(partial.body.len() <= 1 << 20);
        let error = broke(exchanged);
        assert_eq!(error.class, TransportClass::BodyTooLarge, "{path}: {}", error.message);
        assert!(error.message.contains("larger than 1 MiB"), "{}", error.message);
    }
}

#[tokio::test]
async fn a_body_of_just_the_cap_is_accepted_and_one_byte_more_is_not() {
    let server = Misbehaving::start();
    let mut request = get(&server.url("/big/100000"));
    request.max_body = 100_000;
    assert_eq!(answered(send(&request).await).body.len(), 100_000);
    request.max_body = 99_999;
    assert_eq!(broke(send(&request).await).class, TransportClass::BodyTooLarge);
}

// ---- kept connections and early answers ------------------------------------------------------

#[tokio::test]
async fn a_stale_connection_repeats_a_get_once_and_fails_a_post() {
    let server = Misbehaving::start();
    let client = Client::new(&Options::default());
    let request = get(&server.url("/stale"));
    assert!(!send_with(&client, &request).await.repeated);
    let second = send_with(&client, &request).await;
    assert!(second.repeated && !second.reused);
    assert_eq!(answered(second).status, 200);
    assert_eq!(server.log().len(), 3, "two requests, one of them twice");

    send_with(&client, &request).await;
    let mut post = ask("POST", &server.url("/stale"));
    post.body = Body::from("x".to_owned());
    let exchanged = send_with(&client, &post).await;
    assert!(!exchanged.repeated);
    let error = broke(exchanged);
    assert_eq!(error.class, TransportClass::StaleConnection, "{}", error.message);
    assert_eq!(server.log().iter().filter(|seen| seen.method == "POST").count(), 1);
}

#[tokio::test]
async fn an_early_answer_to_a_large_upload_is_the_result() {
    let server = Misbehaving::start();
    for _ in 0..5 {
        let mut request = ask("POST", &server.url("/early-401"));
        request.body = Body::Bytes(bytes::Bytes::from(vec![b'x'; 32 << 20]));
        let exchanged = send(&request).await;
        let answer = exchanged.answer.expect("the early answer, not a broken pipe");
        assert_eq!((answer.status, &answer.body[..]), (401, &b"{\"error\":\"no\"}"[..]));
    }
}

#[tokio::test]
async fn a_request_that_expects_a_100_gets_its_answer() {
    let server = Misbehaving::start();
    let mut request = ask("POST", &server.url("/echo"));
    request.headers = vec![("Expect".into(), "100-continue".into())];
    request.body = Body::from("x=1".to_owned());
    assert_eq!(answered(send(&request).await).status, 200);
    assert_eq!(server.only("/echo").body, b"x=1");
}

#[tokio::test]
async fn a_barrier_lets_all_go_together() {
    let server = Misbehaving::start();
    let client = Client::new(&Options::default());
    let barrier = Barrier::new(8);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let mut request = get(&server.url("/ok"));
            request.barrier = Some(barrier.clone());
            let client = client.clone();
            tokio::spawn(async move { send_with(&client, &request).await })
        })
        .collect();
    let mut released = Vec::new();
    for task in tasks {
        let exchanged = task.await.expect("a task");
        released.push(exchanged.released.expect("a moment"));
        assert_eq!(answered(exchanged).status, 200);
    }
    let spread = *released.iter().max().expect("one") - *released.iter().min().expect("one");
    assert!(spread < Duration::from_millis(100), "{spread:?}");
}

#[tokio::test]
async fn a_barrier_does_not_wait_for_what_fails_before_it() {
    let server = Misbehaving::start();
    let client = Client::new(&Options::default());
    let barrier = Barrier::new(4);
    let barred = |url: &str| {
        let mut request = get(url);
        request.barrier = Some(barrier.clone());
        request
    };
    let good = barred(&server.url("/ok"));
    let refused = barred("http://planrun-test.invalid/");
    let mut unsendable = barred(&server.url("/ok"));
    unsendable.headers.push(("x".into(), "a\nb".into()));
    barrier.skip();
    let (good, refused, unsendable) = tokio::join!(
        client.exchange(&good, None),
        client.exchange(&refused, None),
        client.exchange(&unsendable, None),
    );
    assert_eq!(answered(good.expect("a request")).status, 200);
    assert_eq!(broke(refused.expect("a request")).class, TransportClass::Dns);
    assert!(unsendable.is_err());
}

// ---- TLS -------------------------------------------------------------------------------------

fn trusting(server: &TlsServer) -> Arc<Dial> {
    let tls = Tls { ca: Some(server.ca.clone().into()), ..Tls::default() };
    Arc::new(Dial { tls, ..Dial::default() })
}

#[tokio::test]
async fn a_trusted_certificate_is_accepted_and_the_handshake_measured() {
    let server = TlsServer::start(Flaw::None);
    let mut request = get(&server.url());
    request.dial = trusting(&server);
    let exchanged = send(&request).await;
    assert!(exchanged.phases.tls.is_some_and(|tls| tls > Duration::ZERO));
    assert!(exchanged.phases.connect.is_some() && exchanged.phases.dns.is_some());
    assert_eq!(answered(exchanged).status, 200);
}

#[tokio::test]
async fn each_flaw_of_a_certificate_has_words_of_its_own() {
    for (flaw, words) in [
        (Flaw::Expired, "has expired"),
        (Flaw::NotYetValid, "is not valid yet"),
        (Flaw::WrongName, "other.test"),
        (Flaw::SelfSigned, "issued by nobody that is trusted"),
    ] {
        let server = TlsServer::start(flaw);
        let mut request = get(&server.url());
        request.dial = trusting(&server);
        let error = broke(send(&request).await);
        assert_eq!(error.class, TransportClass::Tls, "{flaw:?}: {}", error.message);
        assert_eq!(error.phase, Some(Phase::Tls));
        assert!(error.message.contains(words), "{flaw:?}: {}", error.message);
        assert!(!error.help.is_empty());
        let tls = Tls { insecure: true, ..Tls::default() };
        request.dial = Arc::new(Dial { tls, ..Dial::default() });
        assert_eq!(answered(send(&request).await).status, 200, "insecure accepts all");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_is_accepted_where_the_plan_names_it() {
    let server = TlsServer::start(Flaw::WrongName);
    let mut request = get(&server.url());
    let tls = Tls {
        ca: Some(server.ca.clone().into()),
        server_name: Some("other.test".into()),
        ..Tls::default()
    };
    request.dial = Arc::new(Dial { tls, ..Dial::default() });
    let answer = answered(send(&request).await);
    assert_eq!((answer.status, answer.url.as_str()), (200, &*server.url()));
}

#[tokio::test]
async fn the_wrong_scheme_for_a_port_is_said() {
    let server = Misbehaving::start();
    let request = get(&server.url("/ok").replace("http:", "https:"));
    let error = broke(send(&request).await);
    assert_eq!(error.class, TransportClass::Tls, "{}", error.message);
    let server = TlsServer::start(Flaw::None);
    let error = broke(send(&get(&server.url().replace("https:", "http:"))).await);
    assert_eq!(error.class, TransportClass::NotHttp, "{}", error.message);
    assert!(error.message.contains("speaks TLS"), "{}", error.message);
}

#[tokio::test]
async fn a_ca_file_that_is_none_is_refused_before_anything_is_sent() {
    let mut request = get("https://127.0.0.1:9/");
    let tls = Tls { ca: Some(b"no certificate".to_vec().into()), ..Tls::default() };
    request.dial = Arc::new(Dial { tls, ..Dial::default() });
    let client = Client::new(&Options::default());
    let fault = client.exchange(&request, None).await.expect_err("it is refused");
    assert!(matches!(fault, RequestFault::Tls { .. }), "{fault}");
}

// ---- proxies and versions --------------------------------------------------------------------

#[tokio::test]
async fn a_proxy_of_the_environment_is_used_masked_and_passed_by_where_it_says_so() {
    let proxy = Misbehaving::start();
    let options = Options {
        http_proxy: Some(proxy.url("").replace("//", "//user:sesame@")),
        no_proxy: Some("127.0.0.1".into()),
        ..Options::default()
    };
    let client = Client::new(&options);
    let exchanged = send_with(&client, &get("http://registry.test/ok")).await;
    let shown = exchanged.proxy.clone().expect("a proxy");
    assert!(shown.starts_with("http://***@127.0.0.1") && !shown.contains("sesame"), "{shown}");
    assert!(!exchanged.sent.headers.iter().any(|(name, _)| name == "proxy-authorization"));
    let seen = proxy.log().remove(0);
    assert_eq!(seen.target, "http://registry.test/ok");
    assert_eq!(seen.header("proxy-authorization"), Some("Basic dXNlcjpzZXNhbWU="));
    let direct = Misbehaving::start();
    let exchanged = send_with(&client, &get(&direct.url("/ok"))).await;
    assert_eq!((exchanged.proxy, exchanged.answer.map(|a| a.status)), (None, Ok(200)));
}

#[tokio::test]
async fn a_proxy_that_is_down_is_named_and_not_the_host() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address");
    let mut request = get("http://registry.test/ok");
    request.dial = Arc::new(Dial {
        proxy: ProxyChoice::Url(format!("http://user:sesame@{free}")),
        ..Dial::default()
    });
    let error = broke(send(&request).await);
    assert_eq!(error.class, TransportClass::Refused);
    assert!(error.message.contains(&free.to_string()), "{}", error.message);
    assert!(!error.message.contains("sesame"));
}

#[tokio::test]
async fn a_proxy_that_makes_no_tunnel_is_named() {
    let proxy = Misbehaving::start();
    let mut request = get("https://registry.test/ok");
    request.dial = Arc::new(Dial { proxy: ProxyChoice::Url(proxy.url("")), ..Dial::default() });
    let error = broke(send(&request).await);
    assert_eq!(error.class, TransportClass::Other);
    assert!(error.message.contains("made no tunnel to `registry.test:443`"), "{}", error.message);
    assert!(error.message.contains(&proxy.address().to_string()), "{}", error.message);
    assert_eq!(proxy.log().remove(0).method, "CONNECT");
}

/// A server that speaks only HTTP/2, and resets every stream whose path is `/reset`.
async fn http_2_server() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.expect("a handshake");
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    if request.uri().path() == "/reset" {
                        respond.send_reset(h2::Reason::INTERNAL_ERROR);
                        continue;
                    }
                    let head = hyper::Response::new(());
                    let mut body = respond.send_response(head, false).expect("a head");
                    body.send_data(bytes::Bytes::from_static(b"two"), true).expect("a body");
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn http_2_is_spoken_where_it_is_demanded_over_one_connection() {
    let address = http_2_server().await;
    let client = Client::new(&Options::default());
    let mut request = ask("POST", &format!("http://{address}/"));
    request.body = Body::from("x".to_owned());
    request.dial = Arc::new(Dial { http: HttpVersion::Two, ..Dial::default() });
    let first = send_with(&client, &request).await;
    let second = send_with(&client, &request).await;
    assert!(!first.reused && first.phases.connect.is_some());
    assert!(second.reused && second.phases.connect.is_none());
    assert!(second.phases.send.is_some() && second.phases.wait.is_some());
    let answer = answered(second);
    assert_eq!((answer.http, &answer.body[..]), ("2", &b"two"[..]));
    request.url.set_path("/reset");
    let error = broke(send_with(&client, &request).await);
    assert_eq!(error.class, TransportClass::Reset, "{}", error.message);
}

#[tokio::test]
async fn a_server_without_http_2_is_told_when_it_is_demanded() {
    let server = Misbehaving::start();
    let mut request = get(&server.url("/ok"));
    request.timeout = Duration::from_millis(500);
    request.dial = Arc::new(Dial { http: HttpVersion::Two, ..Dial::default() });
    let error = broke(send(&request).await);
    assert_eq!(error.class, TransportClass::Framing, "{}", error.message);
    assert!(error.message.contains("broke the HTTP/2 connection"), "{}", error.message);
}
