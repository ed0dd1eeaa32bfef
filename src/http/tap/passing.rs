//! One request through a tap: recorded, passed on, and its answer given back.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming};
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};
use tokio::sync::watch;
use url::Url;

use super::super::fault::{self, Scene};
use super::super::head::texts;
use super::super::request::{Connection, Dial, RequestFault};
use super::super::trace::{Marks, Trace, ends, now};
use super::TapWork;
use super::hub::{Answered, Arrived};
use super::recorded::{Down, Recorded, Up, Upward};
use crate::outcome::{CALLER_LEFT, Transport, TransportClass};
use crate::units::show_size;

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

/// The most of a body that is read before it is passed on, where it is judged first; decoded.
const JUDGED: u64 = 64 * 1024;

/// What a tap does with every request.
pub(super) struct Passing {
    name: Arc<str>,
    work: TapWork,
    to: watch::Receiver<Option<Target>>,
}

/// What a tap stands for.
#[derive(Debug, Clone)]
pub(super) struct Target {
    /// Its URL.
    pub(super) url: Url,
    /// How connections to it are made.
    pub(super) dial: Arc<Dial>,
}

impl Passing {
    pub(super) fn new(name: Arc<str>, work: TapWork, to: watch::Receiver<Option<Target>>) -> Self {
        Self { name, work, to }
    }

    /// Passes a request on, and gives the answer back.
    pub(super) async fn pass(&self, request: Request<Incoming>) -> Response<Down> {
        let (head, incoming) = request.into_parts();
        let asked = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let target = self.to.borrow().clone();
        let target = target.and_then(|target| {
            let url = joined(&target.url, asked)?;
            Some(Target { url, ..target })
        });
        let sent = texts(&head.headers);
        let recorded = Recorded::new(&encoding(&head.headers));
        let ends = Ends {
            arrived: self.work.hub.arrive(Arrived {
                tap: Arc::clone(&self.name),
                contract: self.work.contract.clone(),
                method: head.method.to_string(),
                url: target.as_ref().map_or_else(|| asked.to_owned(), |to| to.url.to_string()),
                path: asked.to_owned(),
                headers: sent.clone(),
                body: recorded.clone(),
            }),
            is_answered: false,
            over: false,
        };
        let Some(target) = target else {
            let seen = "it is not known yet where this tap forwards to";
            drain(incoming, &recorded).await;
            return own(ends, unanswered(seen, String::new()), seen);
        };
        if head.method == Method::CONNECT {
            let seen = "a tap passes requests on, and opens no tunnels";
            return own(ends, unanswered(seen, String::new()), seen);
        }
        let source = match &self.work.refuse {
            None => Upward::Caller(Mutex::new(incoming)),
            Some(refuse) => {
                let read = match read(incoming, &recorded).await {
                    Read::Whole(read) => read,
                    Read::Over => {
                        let judged = show_size(JUDGED);
                        let why = format!("its body is larger than the {judged} that are judged");
                        return self.refuse(ends, &why);
                    }
                    // Half a request is not judged, and not passed on.
                    Read::Broken => return own(ends, broken(&recorded), CALLER_BROKE_OFF),
                };
                let judged = recorded.head();
                if let Some(why) = refuse(head.method.as_str(), asked, &sent, &judged) {
                    return self.refuse(ends, &why);
                }
                Upward::Read(read)
            }
        };
        let body = Up::new(source, recorded);
        self.ask((head.method, target, head.headers), body, ends).await
    }

    fn refuse(&self, ends: Ends, why: &str) -> Response<Down> {
        ends.arrived.refused(why);
        answer_of_own(ends, &format!("the tap `{}` refused it: {why}", self.name))
    }

    async fn ask(
        &self,
        (method, Target { url, dial }, mut headers): (Method, Target, HeaderMap),
        body: Up,
        mut ends: Ends,
    ) -> Response<Down> {
        strip(&mut headers);
        // The dependency is known under its own name.
        headers.remove(header::HOST);
        let is_empty = body.is_end_stream();
        let (recorded, ended) = (body.recorded.clone(), Arc::clone(&body.ended));
        let mut body = Some(body).filter(|_| !is_empty);
        // What the dependency closes while a request is on its way must not become an error of the
        // tap. So a body, which passes only once, goes over a connection of its own; a request
        // without one is sent again.
        let mut connection = if is_empty { Connection::Reuse } else { Connection::Fresh };
        let (response, marks) = loop {
            let client = match self.client((&url, &dial), connection) {
                Ok(client) => client,
                Err(fault) => {
                    let host = url.host_str().unwrap_or_default().to_owned();
                    return own(ends, unanswered(&fault.to_string(), host), &fault.to_string());
                }
            };
            let mut message = reqwest::Request::new(method.clone(), url.clone());
            message.headers_mut().clone_from(&headers);
            *message.body_mut() = body.take().map(reqwest::Body::wrap);
            let trace = Trace::new(CONNECT_TIMEOUT, None);
            let error = match trace.follow(client.execute(message)).await {
                Ok(response) => break (response, trace.marks()),
                Err(error) => error,
            };
            if ended.is_broken() {
                return own(ends, broken(&recorded), CALLER_BROKE_OFF);
            }
            let marks = Marks { all_sent: recorded.is_whole(), ..trace.marks() };
            let local = fault::local_end(&error);
            let reused = local.map_or(marks.connect_started.is_none(), |l| marks.local != Some(l));
            if reused && connection == Connection::Reuse && fault::is_closed(&error) {
                connection = Connection::Fresh;
                continue;
            }
            let transport = fault::before_head(&scene(&url, &marks, reused), error);
            // What was not asked for is still what the caller sends.
            if let Some(rest) = ended.rest() {
                drain(rest, &recorded).await;
            }
            let told = transport.message.clone();
            return own(ends, transport, &told);
        };
        let remote = remote_of(&response).or(marks.remote);
        let response: Response<reqwest::Body> = response.into();
        let (mut head, body) = response.into_parts();
        let recorded = Recorded::new(&encoding(&head.headers));
        ends.answered(Answered {
            status: head.status.as_u16(),
            headers: texts(&head.headers),
            body: recorded.clone(),
            remote: remote.map(|remote| remote.to_string()),
        });
        if body.is_end_stream() {
            ends.whole();
        }
        let announced = length(&head.headers);
        strip(&mut head.headers);
        head.version = Version::HTTP_11;
        head.extensions.clear();
        let coming = Coming { body, url, marks, announced, received: 0 };
        Response::from_parts(head, Down::Dependency { coming: Box::new(coming), recorded, ends })
    }

    /// What asks the dependency.
    fn client(
        &self,
        (url, dial): (&Url, &Arc<Dial>),
        connection: Connection,
    ) -> Result<reqwest::Client, RequestFault> {
        let client = &self.work.client;
        let route = client.route(dial, url)?;
        client.reqwest(dial, url, connection, &route, false)
    }
}

fn remote_of(response: &reqwest::Response) -> Option<SocketAddr> {
    ends(response.extensions()).map(|(_, remote)| remote)
}

/// An answer of the dependency that is on its way.
pub(super) struct Coming {
    body: reqwest::Body,
    url: Url,
    marks: Marks,
    announced: Option<u64>,
    received: u64,
}

impl Coming {
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Transport>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            self.received += frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
        }
        Poll::Ready(frame.map(|frame| {
            frame.map_err(|error| {
                let scene = Scene {
                    headed: true,
                    received: self.received,
                    announced: self.announced,
                    ..scene(&self.url, &self.marks, false)
                };
                fault::in_body(&scene, error)
            })
        }))
    }

    pub(super) fn body(&self) -> &reqwest::Body {
        &self.body
    }
}

/// An exchange that is under way; it is over when this says so or is dropped.
pub(super) struct Ends {
    arrived: super::hub::Entered,
    is_answered: bool,
    over: bool,
}

impl Ends {
    fn answered(&mut self, answered: Answered) {
        self.is_answered = true;
        self.arrived.answered(answered);
    }

    /// Everything came.
    pub(super) fn whole(&mut self) {
        self.over(None);
    }

    /// The dependency's answer broke off.
    pub(super) fn broke_off(&mut self, transport: Transport) {
        let message = format!("the answer of the dependency broke off: {}", transport.message);
        self.over(Some(Transport { message, ..transport }));
    }

    fn over(&mut self, error: Option<Transport>) {
        if !std::mem::replace(&mut self.over, true) {
            self.arrived.over(error);
        }
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        let before =
            if self.is_answered { "it had the whole answer" } else { "there was an answer" };
        self.over(Some(unanswered(&format!("{CALLER_LEFT} before {before}"), String::new())));
    }
}

/// A body that is judged before it is passed on.
enum Read {
    Whole(Bytes),
    /// There is more of it than is judged.
    Over,
    /// The caller broke it off.
    Broken,
}

async fn read(mut incoming: Incoming, recorded: &Recorded) -> Read {
    let mut read = Vec::new();
    while let Some(frame) = next(&mut incoming).await {
        let Ok(frame) = frame else { return Read::Broken };
        let Some(bytes) = frame.data_ref() else { continue };
        recorded.feed(bytes);
        read.extend_from_slice(bytes);
        if recorded.size() > JUDGED {
            return Read::Over;
        }
    }
    recorded.ended();
    Read::Whole(Bytes::from(read))
}

/// Reads what a caller sends and nobody else wants, as far as it is kept.
async fn drain(incoming: Incoming, recorded: &Recorded) {
    let _ = read(incoming, recorded).await;
}

async fn next(incoming: &mut Incoming) -> Option<Result<Frame<Bytes>, hyper::Error>> {
    std::future::poll_fn(|cx| Pin::new(&mut *incoming).poll_frame(cx)).await
}

const CALLER_BROKE_OFF: &str = "the caller broke its request off";

fn broken(recorded: &Recorded) -> Transport {
    let came = show_size(recorded.size());
    unanswered(&format!("{CALLER_BROKE_OFF}, after {came} of its body"), String::new())
}

/// The tap's own 502 where the dependency did not answer.
fn own(mut ends: Ends, transport: Transport, told: &str) -> Response<Down> {
    ends.over(Some(transport));
    bad_gateway(told)
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

fn scene<'s>(url: &'s Url, marks: &'s Marks, reused: bool) -> Scene<'s> {
    Scene {
        url,
        marks,
        reused,
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

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
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
