//! Taps over real sockets: what the caller gets, what the dependency sees, and what is kept of both.

mod wire;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::{Barrier, mpsc, oneshot};

use self::wire::{Message, Wire, answering, dependency};
use super::*;
use crate::http::Options;
use crate::outcome::{Tie, TransportClass};

const MIB: usize = 1 << 20;
/// Less than fits into the buffers of two sockets would prove nothing.
const LARGE: usize = 5 * MIB;
/// How much of a body is kept.
const KEPT: usize = 64 * 1024;

// ---- what stands around a tap ----------------------------------------------------------------

const NO_CONTENT: &str = "HTTP/1.1 204 No Content\r\n\r\n";

async fn tap(forward: &Url) -> (Tap, Hub) {
    tap_with(forward, None).await
}

async fn tap_with(forward: &Url, refuse: Option<Refuse>) -> (Tap, Hub) {
    let hub = Hub::default();
    hub.expect_taps();
    let client = Client::new(&Options::default());
    let listener = TapListener::bind("auth", None).await.unwrap();
    let work = TapWork { hub: hub.clone(), client, contract: None, refuse };
    let tap = listener.serve(work);
    tap.forward_to(forward.clone(), &Dial::default());
    (tap, hub)
}

/// What is sent to a tap while a step is under way, what comes back, and what the tap saw of it.
async fn through(forward: &Url, request: impl AsRef<[u8]>) -> (Message, Seen) {
    let (tap, hub) = tap(forward).await;
    let watching = hub.watch(None, "a step").unwrap();
    let mut caller = Wire::to(tap.address).await;
    caller.say(request).await;
    let answer = caller.message().await.unwrap();
    let mut seen = watching.end().await.0;
    assert_eq!(seen.len(), 1, "{seen:?}");
    (answer, seen.remove(0))
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: tap\r\n\r\n")
}

fn post(body: &[u8]) -> Vec<u8> {
    let mut request =
        format!("POST /keys HTTP/1.1\r\nHost: tap\r\nContent-Length: {}\r\n\r\n", body.len())
            .into_bytes();
    request.extend_from_slice(body);
    request
}

fn traceparent(span: u8) -> String {
    format!("00-0af7651916cd43dd8448eb211c80319c-b7ad6b71692033{span:02x}-01")
}

/// Bytes that no encoding and no buffer leaves as they are by chance.
fn varied(size: usize) -> Vec<u8> {
    (0..size).map(|at| u8::try_from((at * 31 + at / 251) % 253).unwrap()).collect()
}

fn sha256(bytes: &[u8]) -> String {
    crate::units::hex(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref())
}

fn kept(seen: &(bytes::Bytes, u64, Option<String>), of: &[u8]) {
    assert_eq!(seen.1, of.len() as u64);
    assert_eq!(seen.2.as_deref(), Some(&*sha256(of)));
    assert!(seen.0 == of[..of.len().min(KEPT)], "{} bytes are kept", seen.0.len());
}

// ---- what passes -----------------------------------------------------------------------------

#[tokio::test]
async fn a_large_body_passes_whole_both_ways_and_its_beginning_is_kept() {
    let url = dependency(|mut wire, _| async move {
        let message = wire.message().await.unwrap();
        wire.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", message.body.len()))
            .await;
        wire.say(message.body).await;
    });
    let body = varied(LARGE);
    let (tap, hub) = tap(&url.await).await;
    let watching = hub.watch(None, "a step").unwrap();
    let mut caller = Wire::to(tap.address).await;
    caller.say(post(&body)).await;
    let answer = caller.message().await.unwrap();
    assert!(answer.whole && answer.body == body);
    let seen = watching.end().await.0;
    kept(&seen[0].body, &body);
    kept(&seen[0].answer.as_ref().unwrap().body, &body);
    assert!(seen[0].error.is_none());
}

#[tokio::test]
async fn what_passes_is_streamed_both_ways() {
    // Each side goes on only when the other has what came so far.
    let url = dependency(|mut wire, _| async move {
        wire.head().await.unwrap();
        assert_eq!(wire.chunk().await.unwrap(), b"one");
        wire.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n").await;
        assert_eq!(wire.chunk().await.unwrap(), b"three");
        assert!(wire.chunk().await.unwrap().is_empty());
        wire.say("4\r\nfour\r\n0\r\n\r\n").await;
    });
    let (tap, hub) = tap(&url.await).await;
    let watching = hub.watch(None, "a step").unwrap();
    let mut caller = Wire::to(tap.address).await;
    caller.say("POST / HTTP/1.1\r\nHost: tap\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    caller.say("3\r\none\r\n").await;
    assert_eq!(caller.head().await.unwrap().status(), "200");
    assert_eq!(caller.chunk().await.unwrap(), b"two");
    caller.say("5\r\nthree\r\n0\r\n\r\n").await;
    assert_eq!(caller.chunk().await.unwrap(), b"four");
    assert!(caller.chunk().await.unwrap().is_empty());
    let seen = watching.end().await.0;
    assert_eq!(&seen[0].body.0[..], b"onethree");
    assert_eq!(&seen[0].answer.as_ref().unwrap().body.0[..], b"twofour");
}

#[tokio::test]
async fn what_belongs_to_one_connection_is_not_passed_on_and_all_else_is() {
    let (url, mut told) = answering(
        "HTTP/1.1 200 Fine\r\nConnection: X-Theirs, keep-alive\r\nKeep-Alive: timeout=5\r\nX-Theirs: 1\r\nProxy-Authenticate: Basic\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nServer: theirs\r\nDate: then\r\nContent-Length: 2\r\n\r\n{}",
    )
    .await;
    let url = url.join("/base/").unwrap();
    let request = "POST /keys?q=a%20b&q=c HTTP/1.1\r\nHost: tap.test:1\r\nConnection: close, X-Own\r\nX-Own: 1\r\nKeep-Alive: 5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: Basic eA==\r\nTE: trailers\r\nUpgrade: h2c\r\nAuthorization: Bearer abc\r\nX-Twice: 1\r\nX-Twice: 2\r\nAccept: text/csv\r\nContent-Length: 3\r\n\r\none";
    let (answer, seen) = through(&url, request).await;
    let got = told.recv().await.unwrap();
    assert_eq!(got.first, "POST /base/keys?q=a%20b&q=c HTTP/1.1");
    let mut names: Vec<&str> = got.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let all = ["accept", "authorization", "content-length", "host", "x-twice", "x-twice"];
    assert_eq!(names, all, "{got:?}");
    assert_eq!(got.header("host"), Some(&*url.authority().to_owned()));
    assert_eq!(got.all("x-twice"), ["1", "2"]);
    assert_eq!((got.text(), got.header("accept")), ("one".to_owned(), Some("text/csv")));
    let mut names: Vec<&str> = answer.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.retain(|name| *name != "connection");
    names.sort_unstable();
    assert_eq!(names, ["content-length", "date", "server", "set-cookie", "set-cookie"]);
    assert_eq!(answer.all("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(answer.header("date"), Some("then"));
    // What came is told as it came.
    let sent: Vec<&str> = seen.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert!(sent.contains(&"x-own") && sent.contains(&"proxy-authorization"), "{sent:?}");
    assert_eq!(seen.path, "/keys?q=a%20b&q=c");
    assert_eq!(seen.url, url.join("keys?q=a%20b&q=c").unwrap().as_str());
    let theirs = seen.answer.unwrap();
    assert!(theirs.headers.iter().any(|(name, _)| name == "x-theirs"), "{theirs:?}");
    assert_eq!(theirs.remote.as_deref(), Some(url.authority()));
}

#[tokio::test]
async fn answers_without_a_body_keep_their_heads_and_the_connection() {
    let url = dependency(|mut wire, _| async move {
        while let Some(message) = wire.message().await {
            wire.say(match message.first.split(' ').next() {
                Some("HEAD") => "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n",
                Some("DELETE") => NO_CONTENT,
                Some("GET") => "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n",
                Some("POST") => {
                    "HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"
                }
                _ => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            })
            .await;
        }
    });
    let (tap, hub) = tap(&url.await).await;
    let watching = hub.watch(None, "a step").unwrap();
    // All of it over one connection.
    let mut caller = Wire::to(tap.address).await;
    for (method, status, header) in [
        ("HEAD", "200", ("content-length", Some("12345"))),
        ("DELETE", "204", ("content-length", None)),
        ("GET", "304", ("etag", Some("\"a\""))),
        ("POST", "302", ("location", Some("/there"))),
        ("OPTIONS", "200", ("transfer-encoding", Some("chunked"))),
        ("HEAD", "200", ("content-length", Some("12345"))),
    ] {
        caller.say(format!("{method} /a HTTP/1.1\r\nHost: tap\r\n\r\n")).await;
        let answer = if method == "OPTIONS" { caller.message().await } else { caller.head().await };
        let answer = answer.unwrap();
        assert_eq!(answer.status(), status, "{method}: {answer:?}");
        assert_eq!(answer.header(header.0), header.1, "{method}: {answer:?}");
        assert_eq!(answer.text(), if method == "OPTIONS" { "ok" } else { "" });
    }
    let seen = watching.end().await.0;
    assert_eq!(seen.len(), 6);
    for seen in &seen {
        let size = seen.answer.as_ref().unwrap().body.1;
        assert_eq!(size, if seen.method == "OPTIONS" { 2 } else { 0 }, "{seen:?}");
        assert!(seen.error.is_none() && seen.body.1 == 0, "{seen:?}");
    }
}

#[tokio::test]
async fn a_caller_of_http_1_0_gets_what_it_understands() {
    // So nginx asks by default.
    let (url, mut told) = answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n",
    )
    .await;
    let (tap, _) = tap(&url).await;
    let mut caller = Wire::to(tap.address).await;
    caller.say("GET /auth HTTP/1.0\r\nHost: tap\r\nConnection: close\r\n\r\n").await;
    let head = caller.head().await.unwrap();
    assert_eq!(head.header("transfer-encoding"), None, "{head:?}");
    while caller.more().await {}
    assert_eq!(caller.ahead, b"onetwo");
    assert_eq!(told.recv().await.unwrap().first, "GET /auth HTTP/1.1");
}

#[tokio::test]
async fn whoever_waits_to_be_told_to_go_on_is_told() {
    let (url, mut told) = answering(NO_CONTENT).await;
    let (tap, _) = tap(&url).await;
    let mut caller = Wire::to(tap.address).await;
    caller
        .say("PUT /a HTTP/1.1\r\nHost: tap\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        .await;
    assert_eq!(caller.head().await.unwrap().status(), "100");
    caller.say("one").await;
    assert_eq!(caller.head().await.unwrap().status(), "204");
    let got = told.recv().await.unwrap();
    assert_eq!((got.text(), got.header("expect")), ("one".to_owned(), None));
}

#[tokio::test]
async fn an_encoded_body_passes_as_it_is_and_is_told_decoded() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    io::Write::write_all(&mut encoder, b"{\"api_key\":\"abc\"}").unwrap();
    let body = encoder.finish().unwrap();
    let request = |body: &[u8]| {
        let mut request = format!(
            "POST /a HTTP/1.1\r\nHost: tap\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        request
    };
    let (url, mut told) = answering(NO_CONTENT).await;
    let (_, seen) = through(&url, request(&body)).await;
    assert_eq!(told.recv().await.unwrap().body, body);
    assert_eq!(&seen.body.0[..], b"{\"api_key\":\"abc\"}");
    // What only says that it is encoded passes too.
    let (answer, seen) = through(&url, request(b"this is no gzip at all")).await;
    assert_eq!((answer.status(), seen.error), ("204", None));
    assert_eq!(told.recv().await.unwrap().text(), "this is no gzip at all");
    // And what a tap judges before it passes it on is what it tells.
    let (judged, was_judged) = std::sync::mpsc::channel();
    let refuse: Refuse = Arc::new(move |_, _, _, body| {
        judged.send(body.to_vec()).unwrap();
        None
    });
    let (tap, _) = tap_with(&url, Some(refuse)).await;
    let mut caller = Wire::to(tap.address).await;
    caller.say(request(&body)).await;
    assert_eq!(caller.head().await.unwrap().status(), "204");
    assert_eq!(was_judged.recv().unwrap(), b"{\"api_key\":\"abc\"}");
    assert_eq!(told.recv().await.unwrap().body, body);
}

#[tokio::test]
async fn a_kept_connection_that_the_dependency_closed_is_no_error_of_the_tap() {
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let url = dependency(move |mut wire, _| {
        count.fetch_add(1, Ordering::Relaxed);
        async move {
            // The second request over a connection gets no answer.
            wire.message().await.unwrap();
            wire.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
            wire.message().await;
        }
    });
    let (tap, hub) = tap(&url.await).await;
    let watching = hub.watch(None, "a step").unwrap();
    let mut caller = Wire::to(tap.address).await;
    for request in [get("/a").into_bytes(), get("/a").into_bytes(), post(b"one"), post(b"two")] {
        caller.say(request).await;
        assert_eq!(caller.message().await.unwrap().text(), "ok");
    }
    let seen = watching.end().await.0;
    assert_eq!(seen.len(), 4, "one for each request of the caller");
    assert!(seen.iter().all(|seen| seen.error.is_none()), "{seen:?}");
    assert_eq!(connections.load(Ordering::Relaxed), 4);
}

// ---- what goes wrong -------------------------------------------------------------------------

#[tokio::test]
async fn a_dependency_that_is_down_is_a_502_that_says_so() {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", gone.local_addr().unwrap())).unwrap();
    drop(gone);
    let (answer, seen) = through(&url, post(b"one")).await;
    assert_eq!(answer.status(), "502");
    let error = seen.error.unwrap();
    assert_eq!(error.class, TransportClass::Refused);
    let told: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(told["detail"], format!("planrun: {}", error.message));
    assert!(seen.answer.is_none());
    // What nobody took is told all the same.
    assert!(seen.is_whole && &seen.body.0[..] == b"one");
}

#[tokio::test]
async fn a_dependency_that_ends_before_its_answer_is_told_by_what_it_did() {
    for (answer, class) in [
        ("", TransportClass::EmptyReply),
        ("HTTP/1.1 200 OK\r\nContent-", TransportClass::EmptyReply),
        ("SSH-2.0-OpenSSH_9.6\r\n", TransportClass::NotHttp),
    ] {
        let url = dependency(move |mut wire, _| async move {
            wire.message().await.unwrap();
            wire.say(answer).await;
        });
        let (told, seen) = through(&url.await, post(b"one")).await;
        assert_eq!(told.status(), "502", "{answer:?}");
        assert_eq!(seen.error.unwrap().class, class, "{answer:?}");
        assert_eq!(&seen.body.0[..], b"one");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_the_caller_too() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let url = dependency(move |mut wire, _| async move {
            wire.message().await.unwrap();
            wire.say(answer).await;
        });
        let (told, seen) = through(&url.await, get("/a")).await;
        assert_eq!((told.status(), told.text(), told.whole), ("200", "half".to_owned(), false));
        let error = seen.error.unwrap();
        assert_eq!(error.class, TransportClass::Truncated, "{error:?}");
        assert!(error.message.contains("the answer of the dependency broke off"), "{error:?}");
        assert!(error.message.contains("after 4 bytes") || error.message.contains("4 of 1000"));
        let answer = seen.answer.unwrap();
        assert_eq!((answer.status, &answer.body.0[..]), (200, &b"half"[..]));
    }
}

#[tokio::test]
async fn a_request_that_its_caller_breaks_off_is_never_passed_on_as_a_whole_one() {
    for enforces in [false, true] {
        let (tell, mut told) = mpsc::unbounded_channel();
        let url = dependency(move |mut wire, _| {
            let tell = tell.clone();
            async move {
                let message = wire.message().await;
                let _ = tell.send(message.clone());
                if message.is_some_and(|message| message.whole) {
                    wire.say(NO_CONTENT).await;
                }
            }
        });
        let refuse: Refuse = Arc::new(|_, _, _, _| None);
        let (tap, hub) = tap_with(&url.await, enforces.then_some(refuse)).await;
        let watching = hub.watch(None, "a step").unwrap();
        let mut caller = Wire::to(tap.address).await;
        caller.say("POST /a HTTP/1.1\r\nHost: tap\r\nContent-Length: 1000\r\n\r\n").await;
        caller.say("half").await;
        until(|| hub.came() == 4).await;
        drop(caller);
        let seen = watching.end().await.0;
        let error = seen[0].error.as_ref().unwrap();
        assert!(error.message.contains("the caller"), "{error:?}");
        assert!(seen[0].answer.is_none() && !seen[0].is_whole, "{seen:?}");
        assert_eq!(&seen[0].body.0[..], b"half");
        if !enforces {
            let got = told.recv().await.unwrap();
            assert!(got.is_none_or(|got| !got.whole), "half of a request passed as a whole one");
        }
        // The dependency of a tap that enforces was never asked; both work on.
        let mut caller = Wire::to(tap.address).await;
        caller.say(post(b"one")).await;
        assert_eq!(caller.head().await.unwrap().status(), "204");
        assert_eq!(told.recv().await.unwrap().unwrap().text(), "one");
    }
}

/// Lets everything else go on until something is so.
async fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_caller_that_goes_away_is_told_and_its_dependency_sees_it_go() {
    let (gone, was_left) = oneshot::channel();
    let gone = Arc::new(std::sync::Mutex::new(Some(gone)));
    let url = dependency(move |mut wire, _| {
        let gone = gone.lock().unwrap().take();
        async move {
            wire.message().await.unwrap();
            wire.say("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf").await;
            // Nothing more is said before the other side has gone.
            let ended = wire.ends().await;
            let _ = gone.unwrap().send(ended);
        }
    });
    let (tap, hub) = tap(&url.await).await;
    let watching = hub.watch(None, "a step").unwrap();
    let mut caller = Wire::to(tap.address).await;
    caller.say(get("/a")).await;
    caller.head().await.unwrap();
    assert_eq!(caller.exactly(4).await.unwrap(), b"half");
    drop(caller);
    assert!(was_left.await.unwrap());
    let seen = watching.end().await.0;
    let error = seen[0].error.as_ref().unwrap();
    assert_eq!(error.message, "the caller went away before it had the whole answer");
    assert_eq!(&seen[0].answer.as_ref().unwrap().body.0[..], b"half");
}

#[tokio::test]
async fn a_tap_that_does_not_know_its_dependency_yet_says_so() {
    let hub = Hub::default();
    hub.expect_taps();
    let client = Client::new(&Options::default());
    let work = TapWork { hub: hub.clone(), client, contract: None, refuse: None };
    let tap = TapListener::bind("auth", None).await.unwrap().serve(work);
    let mut caller = Wire::to(tap.address).await;
    caller.say(get("/a")).await;
    let answer = caller.message().await.unwrap();
    assert_eq!(answer.status(), "502");
    assert!(answer.text().contains("not known yet where this tap forwards to"));
    // From then on it passes everything on.
    let (url, _told) = answering(NO_CONTENT).await;
    tap.forward_to(url, &Dial::default());
    caller.say(get("/a")).await;
    assert_eq!(caller.head().await.unwrap().status(), "204");
    let address = tap.address;
    tap.stop().await;
    assert!(caller.ends().await);
    TcpListener::bind(address).await.expect("a port that is free again");
}

#[tokio::test]
async fn a_tunnel_is_not_opened() {
    let (url, mut told) = answering(NO_CONTENT).await;
    let (answer, seen) =
        through(&url, "CONNECT else.test:443 HTTP/1.1\r\nHost: else.test:443\r\n\r\n").await;
    assert_eq!(answer.status(), "502");
    assert!(seen.error.unwrap().message.contains("tunnel"));
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn a_tap_that_refuses_answers_itself_and_does_not_judge_what_is_too_large() {
    let (url, mut told) = answering(NO_CONTENT).await;
    let refuse: Refuse =
        Arc::new(|_, path, _, body| (body == b"bad").then(|| format!("{path} is bad")));
    let (tap, hub) = tap_with(&url, Some(refuse)).await;
    let mut caller = Wire::to(tap.address).await;
    for (body, status, refused) in [
        (b"good".to_vec(), "204", None),
        (b"bad".to_vec(), "502", Some("/keys is bad")),
        (varied(KEPT), "204", None),
        (varied(KEPT + 1), "502", Some("its body is larger than the 64 KiB that are judged")),
    ] {
        let watching = hub.watch(None, "a step").unwrap();
        caller.say(post(&body)).await;
        let answer = caller.message().await.unwrap();
        assert_eq!(answer.status(), status, "{}", answer.text());
        let seen = watching.end().await.0.remove(0);
        assert_eq!(seen.refused.as_deref(), refused);
        if let Some(refused) = refused {
            assert!(answer.text().contains(refused), "{}", answer.text());
            assert!(seen.answer.is_none() && seen.error.is_none(), "{seen:?}");
        } else {
            assert_eq!(told.recv().await.unwrap().body, body);
        }
    }
    assert!(told.try_recv().is_err());
}

// ---- which step it belongs to ----------------------------------------------------------------

#[tokio::test]
async fn two_callers_at_once_are_told_apart_by_their_traces() {
    // The dependency answers when both are there.
    let both = Arc::new(Barrier::new(2));
    let url = dependency(move |mut wire, _| {
        let both = Arc::clone(&both);
        async move {
            let message = wire.message().await.unwrap();
            both.wait().await;
            let body = message.header("x-own").unwrap().to_owned();
            wire.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()))
                .await;
        }
    });
    let (tap, hub) = tap(&url.await).await;
    let ask = async |own: u8| {
        let watching = hub.watch(Some(&traceparent(own)), "a step").unwrap();
        let mut caller = Wire::to(tap.address).await;
        let trace = traceparent(own);
        caller
            .say(format!("GET /{own} HTTP/1.1\r\ntraceparent: {trace}\r\nX-Own: {own}\r\n\r\n"))
            .await;
        let answer = caller.message().await.unwrap();
        assert_eq!(answer.text(), own.to_string());
        let seen = watching.end().await.0;
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert_eq!((seen[0].tie, seen[0].path.clone()), (Tie::Trace, format!("/{own}")));
        assert_eq!(&seen[0].answer.as_ref().unwrap().body.0[..], own.to_string().as_bytes());
    };
    tokio::join!(ask(1), ask(2));
    assert!(hub.strays(true).is_empty());
}

#[tokio::test]
async fn without_a_trace_two_steps_at_once_are_not_told_apart() {
    let (url, _told) = answering(NO_CONTENT).await;
    let (tap, hub) = tap(&url).await;
    let first = hub.watch(Some(&traceparent(1)), "the first").unwrap();
    let second = hub.watch(Some(&traceparent(2)), "the second").unwrap();
    let mut caller = Wire::to(tap.address).await;
    caller.say(get("/a")).await;
    caller.head().await.unwrap();
    assert!(first.end().await.0.is_empty());
    // Now the second is alone, and what comes belongs to it.
    caller.say(get("/b")).await;
    caller.head().await.unwrap();
    let seen = second.end().await.0;
    assert_eq!((seen.len(), seen[0].tie), (1, Tie::Time));
    let strays = hub.strays(true);
    assert_eq!((strays.len(), &*strays[0].seen.path), (1, "/a"));
    assert_eq!((strays[0].seen.tie, &strays[0].late), (Tie::None, &None));
}

#[tokio::test]
async fn what_comes_after_its_step_is_told_with_the_name_of_that_step() {
    let (url, _told) = answering(NO_CONTENT).await;
    let (tap, hub) = tap(&url).await;
    let watching = hub.watch(Some(&traceparent(1)), "Log in").unwrap();
    assert!(watching.end().await.0.is_empty());
    // Another step is under way: it is not that one's, by its trace.
    let other = hub.watch(None, "Log out").unwrap();
    let mut caller = Wire::to(tap.address).await;
    let trace = traceparent(1);
    caller.say(format!("GET /late HTTP/1.1\r\ntraceparent: {trace}\r\n\r\n")).await;
    caller.head().await.unwrap();
    assert!(other.end().await.0.is_empty());
    let strays = hub.strays(false);
    assert_eq!(strays.len(), 1);
    assert_eq!(strays[0].late.as_deref(), Some("Log in"));
    assert_eq!(strays[0].seen.answer.as_ref().unwrap().status, 204);
}
