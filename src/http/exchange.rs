//! Carries one exchange out: hop by hop, each hop once, or twice where a kept connection was stale.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use hyper::http::Version;
use hyper::{HeaderMap, Method, header};
use url::Url;

use super::answer::{Answer, Exchanged, Sent, phases, sha256};
use super::barrier::{Barrier, Ticket};
use super::client::{Client, Route};
use super::decode::{DecodeFault, Decoded, Decoder, Wanted};
use super::fault::{self, Scene};
use super::head;
use super::jar::Jar;
use super::probe;
use super::redirect::{self, Origin, RedirectFault};
use super::request::{Body, Connection, Copying, Part, Request, RequestFault};
use super::sending::Sending;
use super::trace::{Marks, Trace, ends, now};
use crate::outcome::{Headers, Hop, Transport, TransportClass};

/// How much of a redirect's own body is read, so that its connection can be kept.
const REDIRECT_BODY: u64 = 64 * 1024;

/// Carries an exchange out; see [`Client::exchange`].
pub(crate) async fn carry_out(
    client: &Client,
    request: &Request,
    jar: Option<&Jar>,
) -> Result<Exchanged, RequestFault> {
    // Taken first, so that a request that is refused does not hold up the others of its wave.
    let ticket = request.barrier.as_ref().map(Barrier::ticket);
    let mut walk = Walk::start(client, request, jar)?;
    walk.ticket = ticket;
    let in_time = tokio::time::timeout(request.timeout, walk.go()).await;
    let ended = in_time.unwrap_or_else(|_| Err(walk.timed_out()));
    Ok(walk.finish(ended))
}

/// An exchange on its way, with all that is told of it when it breaks off.
struct Walk<'a> {
    client: &'a Client,
    request: &'a Request,
    jar: Option<&'a Jar>,
    started: Instant,
    hop_started: Instant,
    first_byte: Option<Instant>,
    trace: Arc<Trace>,
    ticket: Option<Ticket>,
    method: Method,
    url: Url,
    /// The plan's headers and the defaults; the Cookie header is made for each hop.
    headers: HeaderMap,
    cookies: &'a [(String, String)],
    body: Body,
    route: Route,
    /// Whether the URL, or the redirect to it, came out of a response and led to another origin.
    supplied: bool,
    sent: Option<Headers>,
    hops: Vec<Hop>,
    reused: bool,
    repeated: bool,
    head: Option<Head>,
    decoder: Option<Decoder>,
    received: u64,
}

/// The head of a response.
struct Head {
    status: u16,
    version: Version,
    headers: HeaderMap,
    remote: Option<SocketAddr>,
}

impl Head {
    /// The text of a header, the first if it is repeated.
    fn text(&self, name: header::HeaderName) -> Option<String> {
        let value = self.headers.get(name)?;
        Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// What `Content-Length` announced.
    fn announced(&self) -> Option<u64> {
        self.text(header::CONTENT_LENGTH)?.trim().parse().ok()
    }

    /// All values of `Content-Encoding`, joined.
    fn encoding(&self) -> String {
        let values = self.headers.get_all(header::CONTENT_ENCODING).iter();
        let texts: Vec<_> =
            values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).collect();
        texts.join(", ")
    }
}

impl<'a> Walk<'a> {
    fn start(
        client: &'a Client,
        request: &'a Request,
        jar: Option<&'a Jar>,
    ) -> Result<Self, RequestFault> {
        head::check_url(&request.url)?;
        let method = head::method(&request.method)?;
        let mut url = request.url.clone();
        url.set_fragment(None);
        let started = now();
        let route = client.route(&request.dial, &url)?;
        let walk = Self {
            client,
            request,
            jar,
            started,
            hop_started: started,
            first_byte: None,
            trace: Trace::new(request.connect_timeout, None),
            ticket: None,
            headers: head::headers(&request.headers, &method, &request.body)?,
            method,
            url,
            cookies: &request.cookies,
            body: request.body.clone(),
            route,
            supplied: request.url_from_response,
            sent: None,
            hops: Vec::new(),
            reused: false,
            repeated: false,
            head: None,
            decoder: None,
            received: 0,
        };
        head::check_cookies(walk.cookies)?;
        // A CA file that is none is told before anything is sent.
        walk.reqwest(request.connection)?;
        Ok(walk)
    }

    fn reqwest(&self, connection: Connection) -> Result<reqwest::Client, RequestFault> {
        self.client.reqwest(&self.request.dial, &self.url, connection, &self.route, self.supplied)
    }

    async fn go(&mut self) -> Result<Answer, Transport> {
        if self.supplied {
            self.may_ask(&self.url).map_err(|fault| self.refused(&fault))?;
        }
        loop {
            let mut response = self.ask().await?;
            let status = response.status().as_u16();
            let follows = self.request.follow_redirects > 0 && redirect::is_redirect(status);
            if !follows {
                self.read(&mut response).await?;
                return self.answer(true).ok_or_else(|| {
                    self.scene(&Marks::default()).error(TransportClass::Other, "no response", &[])
                });
            }
            let to = self.next_hop(status).map_err(|fault| self.refused(&fault))?;
            drain(&mut response).await;
            self.turn(status, to)?;
        }
    }

    /// Sends the request of this hop, and once more if a kept connection was stale.
    async fn ask(&mut self) -> Result<reqwest::Response, Transport> {
        let mut connection = if self.request.barrier.is_some() {
            Connection::Fresh
        } else {
            self.request.connection
        };
        loop {
            let error = match self.ask_once(connection).await? {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            if self.reused && !self.repeated && self.is_safe() && fault::is_closed(&error) {
                self.repeated = true;
                connection = Connection::Fresh;
                continue;
            }
            let marks = self.trace.marks();
            let mut transport = fault::before_head(&self.scene(&marks), error);
            if transport.class == TransportClass::NotHttp
                && self.url.scheme() == "http"
                && self.route.shown.is_none()
                && let Some(remote) = marks.remote
            {
                let first = probe::first_bytes(remote, &self.url, self.is_safe()).await;
                transport = fault::not_http(&self.scene(&marks), first.as_deref());
            }
            return Err(transport);
        }
    }

    async fn ask_once(
        &mut self,
        connection: Connection,
    ) -> Result<Result<reqwest::Response, reqwest::Error>, Transport> {
        self.trace = Trace::new(self.request.connect_timeout, self.ticket.take());
        self.head = None;
        self.first_byte = None;
        self.hop_started = now();
        let asked = self.reqwest(connection).and_then(|client| Ok((client, self.message()?)));
        let (client, message) = asked.map_err(|fault| {
            self.scene(&Marks::default()).error(TransportClass::Other, fault.to_string(), &[])
        })?;
        let result = self.trace.follow(client.execute(message)).await;
        self.first_byte = result.is_ok().then(now);
        let marks = self.trace.marks();
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                let local = fault::local_end(&error);
                self.reused = match local {
                    Some(local) => marks.local != Some(local),
                    None => marks.connect_started.is_none(),
                };
                return Ok(Err(error));
            }
        };
        let (local, remote) = ends(response.extensions()).unzip();
        self.reused = marks.local.is_none() || local.is_some() && marks.local != local;
        self.head = Some(Head {
            status: response.status().as_u16(),
            version: response.version(),
            headers: response.headers().clone(),
            remote,
        });
        if let Some(jar) = self.jar {
            for value in response.headers().get_all(header::SET_COOKIE) {
                jar.keep(&String::from_utf8_lossy(value.as_bytes()), &self.url);
            }
        }
        Ok(Ok(response))
    }

    /// The request of this hop as reqwest wants it.
    fn message(&mut self) -> Result<reqwest::Request, RequestFault> {
        let mut headers = self.headers.clone();
        let jar = self.jar.map(|jar| jar.cookies_for(&self.url)).unwrap_or_default();
        head::add_cookies(&mut headers, self.cookies, &jar)?;
        let mut url = self.url.clone();
        if let Some(name) = &self.request.dial.tls.server_name
            && url.scheme() == "https"
        {
            let authority = head::authority(&url).ok_or(RequestFault::Url)?;
            headers.entry(header::HOST).or_insert(authority);
            url.set_host(Some(name)).map_err(|_| RequestFault::Url)?;
        }
        if self.sent.is_none() {
            self.sent = Some(head::sent(&headers, &self.url, &self.body));
        }
        let mut message = reqwest::Request::new(self.method.clone(), url);
        *message.headers_mut() = headers;
        let (trace, moved) = (Arc::clone(&self.trace), self.request.moved.clone());
        let body = Sending::new((&self.body, self.request.digests.sent), trace, moved);
        *message.body_mut() = Some(reqwest::Body::wrap(body));
        Ok(message)
    }

    /// Where the redirect leads, if it may be followed.
    fn next_hop(&self, status: u16) -> Result<Url, RedirectFault> {
        let limit = self.request.follow_redirects;
        let location = self.head.as_ref().and_then(|head| head.text(header::LOCATION));
        let to = redirect::target(&self.url, status, location.as_deref())?;
        if self.hops.len() >= usize::try_from(limit).unwrap_or(usize::MAX) {
            return Err(RedirectFault::TooMany { limit });
        }
        if Origin::of(&to) != Origin::of(&self.url) {
            self.may_ask(&to)?;
            let (_, keeps_body) = redirect::method_after(status, self.method.as_str());
            if keeps_body
                && self.request.body_is_secret
                && !matches!(self.body, Body::Empty)
                && let Some(to) = Origin::of(&to)
            {
                return Err(RedirectFault::SecretBody { to });
            }
        }
        Ok(to)
    }

    /// Whether a URL out of a response may be asked.
    fn may_ask(&self, url: &Url) -> Result<(), RedirectFault> {
        redirect::refuse_internal(url)?;
        let Some(to) = Origin::of(url) else {
            return Err(RedirectFault::BadScheme { scheme: url.scheme().to_owned() });
        };
        if self.request.allow.contains(&to) { Ok(()) } else { Err(RedirectFault::Foreign { to }) }
    }

    /// Takes the turn to the next hop.
    fn turn(&mut self, status: u16, to: Url) -> Result<(), Transport> {
        self.hops.push(Hop {
            method: self.method.to_string(),
            url: self.url.to_string(),
            status,
            location: to.to_string(),
        });
        let (method, keeps_body) = redirect::method_after(status, self.method.as_str());
        // It was a method before, or is `GET`.
        self.method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::GET);
        if !keeps_body {
            self.body = Body::Empty;
            head::drop_body_headers(&mut self.headers);
        }
        if Origin::of(&to) != Origin::of(&self.url) {
            let stays: Vec<_> = self
                .headers
                .keys()
                .filter(|name| !redirect::crosses_origins(name.as_str(), &self.request.credentials))
                .cloned()
                .collect();
            for name in stays {
                self.headers.remove(name);
            }
            self.cookies = &[];
            self.supplied = true;
        }
        self.url = to;
        self.url.set_fragment(None);
        self.route = self.client.route(&self.request.dial, &self.url).map_err(|fault| {
            self.scene(&Marks::default()).error(TransportClass::Other, fault.to_string(), &[])
        })?;
        Ok(())
    }

    /// Reads the final body, decoding as it comes.
    async fn read(&mut self, response: &mut reqwest::Response) -> Result<(), Transport> {
        let encoding = self.head.as_ref().map(Head::encoding).unwrap_or_default();
        self.received = 0;
        if let Some(moved) = &self.request.moved {
            moved.begins_to_receive(self.head.as_ref().and_then(Head::announced));
        }
        let copy = self.request.copy.clone();
        if let Some(Copying(copy)) = &copy {
            copy(Part::Begin);
        }
        let (keep, md5) = (self.request.keep, self.request.digests.md5);
        let wanted = Wanted { keep, md5, copy };
        let decoder = match Decoder::new(&encoding, self.request.max_body, wanted) {
            Ok(decoder) => self.decoder.insert(decoder),
            Err(fault) => return Err(self.undecoded(&fault)),
        };
        let undecodable = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    self.received += chunk.len() as u64;
                    if let Some(moved) = &self.request.moved {
                        moved.received(chunk.len());
                    }
                    if let Err(fault) = decoder.feed(&chunk) {
                        break fault;
                    }
                }
                Ok(None) => match decoder.end() {
                    Ok(()) => return Ok(()),
                    Err(fault) => break fault,
                },
                Err(error) => {
                    return Err(fault::in_body(&self.scene(&self.trace.marks()), error));
                }
            }
        };
        Err(self.undecoded(&undecodable))
    }

    fn undecoded(&self, fault: &DecodeFault) -> Transport {
        fault::undecoded(&self.scene(&self.trace.marks()), fault, self.request.max_body)
    }

    /// The deadline passed. What was asked last may not have come back to say how it was connected.
    fn timed_out(&mut self) -> Transport {
        let marks = self.trace.marks();
        if self.head.is_none() {
            // No connection was asked for, or the request went out before there was a new one.
            self.reused = marks.connected.is_none()
                && (marks.connect_started.is_none() || marks.sent.is_some());
        }
        fault::timed_out(&self.scene(&marks))
    }

    fn refused(&self, fault: &RedirectFault) -> Transport {
        fault::redirect(&self.scene(&self.trace.marks()), fault)
    }

    /// What came, as far as it came; the digests only where it came whole.
    fn answer(&mut self, whole: bool) -> Option<Answer> {
        let head = self.head.as_ref()?;
        let body = self.decoder.as_mut().map(Decoder::take);
        let Decoded { kept, size, sha256, md5 } = body.unwrap_or_default();
        Some(Answer {
            status: head.status,
            http: match head.version {
                Version::HTTP_2 => "2",
                Version::HTTP_10 => "1.0",
                _ => "1.1",
            },
            headers: head::texts(&head.headers),
            wire_size: self.received,
            sha256,
            md5: md5.filter(|_| whole),
            size,
            body: Bytes::from(kept),
            url: self.url.clone(),
            remote: head.remote,
        })
    }

    fn is_safe(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS)
    }

    fn scene<'s>(&'s self, marks: &'s Marks) -> Scene<'s> {
        Scene {
            url: &self.url,
            marks,
            reused: self.reused,
            headed: self.head.is_some(),
            received: self.received,
            announced: self.head.as_ref().and_then(Head::announced),
            connect_timeout: self.request.connect_timeout,
            timeout: self.request.timeout,
            proxy: self.route.shown.as_deref(),
        }
    }

    fn finish(mut self, ended: Result<Answer, Transport>) -> Exchanged {
        let end = now();
        let marks = self.trace.marks();
        let partial = ended.is_err().then(|| self.answer(false)).flatten();
        let size = match (&self.request.body, self.hops.is_empty()) {
            (Body::Bytes(bytes), _) => bytes.len() as u64,
            (Body::Stream { .. }, true) => marks.sent_bytes,
            (Body::Stream { size, .. }, false) => size.unwrap_or_default(),
            (Body::Empty, _) => 0,
        };
        let digest = match &self.request.body {
            Body::Bytes(bytes) => sha256(bytes),
            Body::Stream { .. } => marks.sent_digest.clone(),
            Body::Empty => None,
        };
        let spoke_tls = self.url.scheme() == "https"
            || self.hops.iter().any(|hop| hop.url.starts_with("https:"));
        Exchanged {
            sent: Sent {
                method: self.request.method.clone(),
                url: self.request.url.clone(),
                headers: self.sent.take().unwrap_or_default(),
                size,
                sha256: digest,
            },
            phases: phases(
                &marks,
                !self.reused,
                self.hop_started,
                self.first_byte,
                end,
                self.started,
            ),
            hops: self.hops,
            answer: ended,
            partial,
            started: self.started,
            released: marks.released.or(marks.connected),
            reused: self.reused,
            repeated: self.repeated,
            proxy: self.route.shown,
            unverified: self.request.dial.tls.insecure && spoke_tls,
        }
    }
}

/// Reads a redirect's own body, if it is small: then its connection can be used again.
async fn drain(response: &mut reqwest::Response) {
    let mut left = REDIRECT_BODY;
    while let Ok(Some(chunk)) = response.chunk().await {
        let Some(less) = left.checked_sub(chunk.len() as u64) else { return };
        left = less;
    }
}
