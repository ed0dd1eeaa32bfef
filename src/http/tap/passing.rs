//! One request through a tap: recorded, passed on, and its answer given back.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response, StatusCode, Version};
use tokio::sync::watch;
use url::Url;

use super::super::fault::{self, Scene};
use super::super::head::texts;
use super::super::request::{Connection, Dial, HttpVersion};
use super::super::trace::{Marks, Trace, now};
use super::TapWork;
use super::hub::{Answered, Arrived};
use super::recorded::{Down, Recorded, Up, Upward};
use crate::outcome::{Transport, TransportClass};

/// What belongs to one connection and is not passed on (RFC 9110 §7.6.1).
const OF_ONE_CONNECTION: [HeaderName; 8] = [
    header::CONNECTION,
    header::EXPECT,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// How long a connection to the dependency may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The most of a body that is read before it is passed on, where it is judged first.
const JUDGED: usize = 64 * 1024;

/// What a tap does with every request.
pub(super) struct Passing {
    name: Arc<str>,
    work: TapWork,
    to: watch::Receiver<Option<Url>>,
    dial: Arc<Dial>,
}

impl Passing {
    pub(super) fn new(name: Arc<str>, work: TapWork, to: watch::Receiver<Option<Url>>) -> Self {
        // What is recorded is HTTP/1.1 on both sides.
        let dial = Arc::new(Dial { http: HttpVersion::One, ..Dial::default() });
        Self { name, work, to, dial }
    }

    /// Passes a request on, and gives the answer back.
    pub(super) async fn pass(&self, request: Request<Incoming>) -> Response<Down> {
        let (head, incoming) = request.into_parts();
        let asked = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let forward = self.to.borrow().clone();
        let url = forward.as_ref().and_then(|forward| joined(forward, asked));
        let sent = texts(&head.headers);
        let recorded = Recorded::new(&encoding(&head.headers));
        let ends = Ends {
            arrived: self.work.hub.arrive(Arrived {
                tap: Arc::clone(&self.name),
                contract: self.work.contract.clone(),
                method: head.method.to_string(),
                url: url.as_ref().map_or_else(|| asked.to_owned(), Url::to_string),
                path: asked.to_owned(),
                headers: sent.clone(),
                body: recorded.clone(),
            }),
            over: false,
        };
        let Some(url) = url else {
            let seen = "it is not known yet where this tap forwards to";
            return own(ends, unanswered(seen, String::new()), seen);
        };
        let mut source = Upward::Caller(std::sync::Mutex::new(incoming));
        if let Some(refuse) = &self.work.refuse {
            let Upward::Caller(incoming) = source else { return own_failure(ends) };
            let incoming = incoming.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            let (read, rest) = read(incoming, &recorded).await;
            let why = if rest {
                Some(format!("its body has more than {JUDGED} bytes, which is not judged"))
            } else {
                refuse(head.method.as_str(), asked, &sent, &read)
            };
            if let Some(why) = why {
                ends.arrived.refused(&why);
                return answer_of_own(ends, &format!("the tap `{}` refused it: {why}", self.name));
            }
            source = Upward::Read(read);
        }
        let body = Up { source, recorded };
        self.ask((head.method, url, head.headers), body, ends).await
    }

    async fn ask(
        &self,
        (method, url, mut headers): (hyper::Method, Url, HeaderMap),
        body: Up,
        mut ends: Ends,
    ) -> Response<Down> {
        strip(&mut headers);
        // The dependency is known under its own name.
        headers.remove(header::HOST);
        let client = &self.work.client;
        let route = client.route(&self.dial, &url);
        let made = route
            .and_then(|route| client.reqwest(&self.dial, &url, Connection::Reuse, &route, false));
        let reqwest = match made {
            Ok(reqwest) => reqwest,
            Err(fault) => {
                let host = url.host_str().unwrap_or_default().to_owned();
                return own(ends, unanswered(&fault.to_string(), host), &fault.to_string());
            }
        };
        let mut message = reqwest::Request::new(method, url.clone());
        *message.headers_mut() = headers;
        if !body.is_end_stream() {
            *message.body_mut() = Some(reqwest::Body::wrap(body));
        }
        let trace = Trace::new(CONNECT_TIMEOUT, None);
        let response = match trace.follow(reqwest.execute(message)).await {
            Ok(response) => response,
            Err(error) => {
                let marks = trace.marks();
                let transport = fault::before_head(&scene(&url, &marks), error);
                let told = transport.message.clone();
                return own(ends, transport, &told);
            }
        };
        let response: Response<reqwest::Body> = response.into();
        let (mut head, body) = response.into_parts();
        let recorded = Recorded::new(&encoding(&head.headers));
        ends.arrived.answered(Answered {
            status: head.status.as_u16(),
            headers: texts(&head.headers),
            body: recorded.clone(),
            remote: trace.marks().remote.map(|remote| remote.to_string()),
        });
        if body.is_end_stream() {
            ends.whole();
        }
        strip(&mut head.headers);
        head.version = Version::HTTP_11;
        head.extensions.clear();
        Response::from_parts(head, Down::Dependency { body: Box::new(body), recorded, ends })
    }
}

/// An exchange that is under way; it is over when this says so or is dropped.
pub(super) struct Ends {
    arrived: super::hub::Entered,
    over: bool,
}

impl Ends {
    /// Everything came.
    pub(super) fn whole(&mut self) {
        if !std::mem::replace(&mut self.over, true) {
            self.arrived.over(None);
        }
    }

    /// The dependency's answer broke off.
    pub(super) fn broke_off(&mut self, seen: &str) {
        if !std::mem::replace(&mut self.over, true) {
            let message = format!("the answer of the dependency broke off: {seen}");
            let class = TransportClass::Truncated;
            self.arrived.over(Some(Transport { class, ..unanswered(&message, String::new()) }));
        }
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        if !self.over {
            let seen = "the caller went away before the answer was there";
            self.arrived.over(Some(unanswered(seen, String::new())));
        }
    }
}

/// Reads a body that is judged before it is passed on, and whether there is more of it.
async fn read(mut incoming: Incoming, recorded: &Recorded) -> (Bytes, bool) {
    let mut read = Vec::new();
    while let Some(Ok(frame)) = next(&mut incoming).await {
        let Some(bytes) = frame.data_ref() else { continue };
        recorded.feed(bytes);
        read.extend_from_slice(bytes);
        if read.len() > JUDGED {
            return (Bytes::from(read), true);
        }
    }
    (Bytes::from(read), false)
}

async fn next(incoming: &mut Incoming) -> Option<Result<hyper::body::Frame<Bytes>, hyper::Error>> {
    std::future::poll_fn(|cx| std::pin::Pin::new(&mut *incoming).poll_frame(cx)).await
}

/// The tap's own 502 where the dependency did not answer.
fn own(mut ends: Ends, transport: Transport, told: &str) -> Response<Down> {
    ends.over = true;
    ends.arrived.over(Some(transport));
    bad_gateway(told)
}

fn own_failure(ends: Ends) -> Response<Down> {
    let told = "the tap could not read the request";
    own(ends, unanswered(told, String::new()), told)
}

/// The tap's own 502 where it refused a request.
fn answer_of_own(mut ends: Ends, told: &str) -> Response<Down> {
    ends.whole();
    bad_gateway(told)
}

fn bad_gateway(told: &str) -> Response<Down> {
    let body = serde_json::json!({ "detail": format!("planrun: {told}") }).to_string();
    let mut response = Response::new(Down::Own(Bytes::from(body)));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn unanswered(message: &str, host: String) -> Transport {
    Transport {
        class: TransportClass::Other,
        message: message.to_owned(),
        host,
        addresses: Vec::new(),
        phase: None,
        help: Vec::new(),
    }
}

fn scene<'s>(url: &'s Url, marks: &'s Marks) -> Scene<'s> {
    Scene {
        url,
        marks,
        reused: marks.connect_started.is_none(),
        headed: false,
        received: 0,
        announced: None,
        connect_timeout: CONNECT_TIMEOUT,
        timeout: Duration::MAX,
        proxy: None,
    }
}

/// What the dependency is asked: its own path, and then what was asked of the tap.
fn joined(forward: &Url, asked: &str) -> Option<Url> {
    let mut base = forward.clone();
    base.set_query(None);
    base.set_fragment(None);
    let base = base.as_str().trim_end_matches('/');
    Url::parse(&format!("{base}{}", if asked.starts_with('/') { asked } else { "/" })).ok()
}

fn encoding(headers: &HeaderMap) -> String {
    let values = headers.get_all(header::CONTENT_ENCODING).into_iter();
    let values: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
    values.join(",")
}

/// Removes what belongs to one connection, and what `Connection` names (RFC 9110 §7.6.1).
fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&OF_ONE_CONNECTION) {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
}

/// When something happened.
pub(super) fn at() -> std::time::Instant {
    now()
}
