//! Examines the places that plans ask, layer by layer, without carrying a plan out: the name, the
//! connection, TLS, HTTP, the clock. Only GET is sent, and no secret.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use super::preview::Preview;
use super::render::Rendered;
use crate::check::{CheckedPlan, Work};
use crate::http::{self, Answer, Certificate, Client, Connection, Dial};
use crate::outcome::{Phases, Transport, TransportClass, UrlPart};
use crate::units::show_duration;

/// A place that plans ask: an origin, and how it is connected to.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The origin with the path `/`, or what a variable names.
    pub url: Url,
    /// The variables that name it.
    pub named_by: Vec<UrlPart>,
    /// Whether tokens are got there.
    pub gives_tokens: bool,
    /// How the connection is made.
    dial: Arc<Dial>,
}

/// A layer of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LayerName {
    /// The name was resolved.
    Dns,
    /// The connection was made.
    Tcp,
    /// The handshake.
    Tls,
    /// A request was answered.
    Http,
    /// The two clocks agree.
    Clock,
}

impl LayerName {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Http => "http",
            Self::Clock => "clock",
        }
    }
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Good,
    /// It works, and will not for long, or not everywhere.
    Doubtful,
    /// It does not work.
    Bad,
    /// It was not looked at, or is not there.
    Skipped,
}

impl State {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Doubtful => "doubtful",
            Self::Bad => "fails",
            Self::Skipped => "skipped",
        }
    }
}

/// What was found of a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Which one.
    pub name: LayerName,
    /// How it is.
    pub state: State,
    /// What was seen, a fact each.
    pub said: Vec<String>,
    /// How long it took.
    pub took: Option<Duration>,
    /// What to do about it.
    pub next: Option<String>,
}

impl Layer {
    fn new(name: LayerName, state: State, said: impl IntoIterator<Item = String>) -> Self {
        Self { name, state, said: said.into_iter().collect(), took: None, next: None }
    }
}

/// How long the whole may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How far the clocks may be apart before it is doubtful, and before tokens fail by it, in seconds.
const APART: [i64; 2] = [5, 120];
/// How long a certificate should still be good.
const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

impl Preview<'_> {
    /// The places that a plan and those that it includes ask, each once, as far as they are known
    /// before it runs.
    #[must_use]
    pub fn endpoints(&self, plan: &CheckedPlan) -> Vec<Endpoint> {
        let mut found: Vec<Endpoint> = Vec::new();
        let mut add = |endpoint: Endpoint| {
            let same = |known: &&mut Endpoint| known.url.origin() == endpoint.url.origin();
            match found.iter_mut().find(same) {
                Some(known) => known.join(&endpoint),
                None => found.push(endpoint),
            }
        };
        for step in plan.steps() {
            let Work::Request(request) = &step.work else { continue };
            for rendered in self.rendered(plan, step, request) {
                asked(&rendered).into_iter().for_each(&mut add);
            }
        }
        for (_, include, values) in self.inside(plan) {
            let inner = Preview { values: &values, seed: self.seed, now: self.now };
            inner.endpoints(&include.plan).into_iter().for_each(&mut add);
        }
        found
    }
}

/// The places that one request asks: where its token is got, and where it goes.
fn asked(rendered: &Rendered) -> Vec<Endpoint> {
    let base = rendered.request.url.as_str();
    let names = |part: &&UrlPart| base.starts_with(part.value.trim_end_matches('/'));
    let named_by: Vec<UrlPart> =
        rendered.provenance.url_from.iter().filter(names).cloned().collect();
    let root = |url: &Url| {
        let mut url = url.clone();
        url.set_path("/");
        url.set_query(None);
        url.set_fragment(None);
        url
    };
    let place = |url: &Url, named_by: Vec<UrlPart>, gives_tokens: bool| Endpoint {
        url: root(url),
        named_by,
        gives_tokens,
        dial: Arc::clone(&rendered.request.dial),
    };
    let tokens = rendered.login.as_ref().and_then(super::login::Login::asks);
    let tokens = tokens.map(|url| place(url, Vec::new(), true));
    tokens.into_iter().chain([place(&rendered.request.url, named_by, false)]).collect()
}

impl Endpoint {
    /// The same place, asked in another plan or step.
    pub fn join(&mut self, other: &Self) {
        self.gives_tokens |= other.gives_tokens;
        for part in &other.named_by {
            if !self.named_by.iter().any(|known| known.name == part.name) {
                self.named_by.push(part.clone());
            }
        }
    }

    /// Examines it: one GET, and a look at its certificate.
    pub async fn examine(
        &self,
        client: &Client,
        now: &(dyn Fn() -> Timestamp + Sync),
    ) -> Vec<Layer> {
        let mut request = http::Request::new("GET", self.url.clone());
        request.timeout = TIMEOUT;
        request.connect_timeout = TIMEOUT / 2;
        request.connection = Connection::Fresh;
        request.dial = Arc::clone(&self.dial);
        request.headers.push(("Accept".into(), "application/json, */*;q=0.5".into()));
        request.keep = http::Keep::Head;
        let exchanged = match client.exchange(&request, None).await {
            Ok(exchanged) => exchanged,
            Err(fault) => {
                return vec![Layer::new(LayerName::Http, State::Bad, [fault.to_string()])];
            }
        };
        let (answer, error) = match &exchanged.answer {
            Ok(answer) => (Some(answer), None),
            // A body that breaks off or does not decode has a head all the same.
            Err(error) => (exchanged.partial.as_ref(), Some(error)),
        };
        let mut layers = Vec::new();
        if let Some(proxy) = &exchanged.proxy {
            layers.push(Layer::new(LayerName::Tcp, State::Skipped, [format!("through {proxy}")]));
        } else {
            layers.extend(self.below(error, answer, &exchanged.phases));
        }
        if self.url.scheme() == "https" {
            let address = answer.and_then(|answer| answer.remote).or_else(|| tried(error));
            let shown = match address.filter(|_| exchanged.proxy.is_none()) {
                Some(address) => http::certificate(address, &self.url, &self.dial).await,
                None => Ok(None),
            };
            layers.extend(secured(shown.ok().flatten().as_ref(), error, &exchanged.phases, now()));
        }
        layers.extend(spoken(answer, error, &exchanged.phases));
        layers.extend(answer.and_then(|answer| clock(answer, now())));
        layers
    }

    /// The name and the connection.
    fn below(
        &self,
        error: Option<&Transport>,
        answer: Option<&Answer>,
        phases: &Phases,
    ) -> Vec<Layer> {
        let class = error.map(|error| error.class);
        let host = self.url.host_str().unwrap_or_default();
        let addresses = || -> Vec<String> {
            match (answer.and_then(|answer| answer.remote), error) {
                (Some(remote), _) => vec![remote.to_string()],
                (None, Some(error)) => error.addresses.clone(),
                (None, None) => Vec::new(),
            }
        };
        let mut layers = Vec::new();
        let is_name = self.url.domain().is_some();
        if class == Some(TransportClass::Dns) {
            layers.push(failed(LayerName::Dns, error));
            return layers;
        }
        if is_name {
            let mut dns = Layer::new(LayerName::Dns, State::Good, [host.to_owned()]);
            dns.took = phases.dns;
            layers.push(dns);
        }
        if matches!(class, Some(TransportClass::Refused | TransportClass::ConnectTimeout)) {
            layers.push(failed(LayerName::Tcp, error));
            return layers;
        }
        let mut tcp = Layer::new(LayerName::Tcp, State::Good, addresses());
        tcp.took = phases.connect;
        layers.push(tcp);
        layers
    }
}

/// A layer that did not work.
fn failed(name: LayerName, error: Option<&Transport>) -> Layer {
    let said = error.map(|error| error.message.clone());
    let next = error.and_then(|error| error.help.first().cloned());
    Layer { next, ..Layer::new(name, State::Bad, said) }
}

/// The address of which an error tells.
fn tried(error: Option<&Transport>) -> Option<SocketAddr> {
    error?.addresses.iter().find_map(|address| address.parse().ok())
}

/// The handshake, and what the certificate says of itself.
fn secured(
    shown: Option<&Certificate>,
    error: Option<&Transport>,
    phases: &Phases,
    now: Timestamp,
) -> Option<Layer> {
    let class = error.map(|error| error.class);
    if matches!(
        class,
        Some(TransportClass::Dns | TransportClass::Refused | TransportClass::ConnectTimeout)
    ) {
        return None;
    }
    let mut layer = if class == Some(TransportClass::Tls) {
        failed(LayerName::Tls, error)
    } else {
        Layer::new(LayerName::Tls, State::Good, None)
    };
    layer.took = phases.tls;
    let Some(certificate) = shown else { return Some(layer) };
    layer.said.push(format!("issued by {}", certificate.issuer));
    layer.said.push(format!("for {}", certificate.names.join(", ")));
    if let Some(ends) = certificate.ends {
        let day = ends.strftime("%Y-%m-%d");
        let left = Duration::try_from(ends.duration_since(now)).ok();
        layer.said.push(match left {
            Some(left) => format!("until {day}, {} days", left.as_secs() / 86_400),
            None => format!("ended {day}"),
        });
        if layer.state == State::Good && left.is_none_or(|left| left < SOON) {
            layer.state = State::Doubtful;
            layer.next = Some("renew the certificate".to_owned());
        }
    }
    Some(layer)
}

/// Whether HTTP is spoken, and by whom.
fn spoken(answer: Option<&Answer>, error: Option<&Transport>, phases: &Phases) -> Option<Layer> {
    let below = [
        TransportClass::Dns,
        TransportClass::Refused,
        TransportClass::ConnectTimeout,
        TransportClass::Tls,
    ];
    if error.is_some_and(|error| below.contains(&error.class)) {
        return None;
    }
    let Some(answer) = answer else { return Some(failed(LayerName::Http, error)) };
    let header = |name: &str| answer.header(name).next().map(str::to_owned);
    let mut said = vec![format!("{} to GET /", answer.status)];
    said.extend(header("server").map(|server| format!("Server: {server}")));
    said.extend(header("www-authenticate").map(|asked| format!("asks for {asked}")));
    if answer.status >= 400
        && let Ok(serde_json::Value::Object(fields)) = crate::json::parse(&answer.body)
    {
        let names: Vec<&str> = fields.keys().take(8).map(String::as_str).collect();
        said.push(format!("errors hold {}", names.join(", ")));
    } else if let Some(kind) = header("content-type") {
        said.push(kind);
    }
    let state = match (answer.status, error) {
        (502..=504, _) | (_, Some(_)) => State::Bad,
        _ => State::Good,
    };
    said.extend(error.map(|error| error.message.clone()));
    let mut layer = Layer::new(LayerName::Http, state, said);
    layer.took = phases.wait;
    if state == State::Bad && error.is_none() {
        layer.next = Some("a gateway answers, and what stands behind it does not".to_owned());
    }
    Some(layer)
}

/// How far the server's clock is from ours; its `Date` has whole seconds.
fn clock(answer: &Answer, now: Timestamp) -> Option<Layer> {
    let date = answer.header("date").next()?;
    let theirs = httpdate::parse_http_date(date).ok()?;
    let theirs = theirs.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
    let apart = i64::try_from(theirs).ok()? - now.as_second();
    let [doubtful, bad] = APART;
    let state = match apart.abs() {
        apart if apart >= bad => State::Bad,
        apart if apart >= doubtful => State::Doubtful,
        _ => State::Good,
    };
    let word = if apart > 0 { "ahead" } else { "behind" };
    let seconds = Duration::from_secs(apart.unsigned_abs());
    let said = match state {
        State::Good | State::Skipped => "the clocks agree".to_owned(),
        State::Doubtful | State::Bad => {
            format!("the server's clock is {} {word}", show_duration(seconds))
        }
    };
    let mut layer = Layer::new(LayerName::Clock, state, [said]);
    if state != State::Good {
        layer.next = Some("set the clocks: tokens are refused before and after their time".into());
    }
    Some(layer)
}
