//! Makes exchanges: one pool of connections for the whole run, one reqwest client for each way to connect.

use std::sync::{Arc, Mutex, PoisonError};

use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

use super::answer::Exchanged;
use super::exchange;
use super::jar::Jar;
use super::request::{Connection, Dial, HttpVersion, ProxyChoice, Request, RequestFault};
use super::tls;
use super::trace::{ConnectLayer, Names};

/// What a run sets once; the process environment is read by `cli`.
#[derive(Clone, Default)]
pub struct Options {
    /// `HTTP_PROXY`.
    pub http_proxy: Option<String>,
    /// `HTTPS_PROXY`.
    pub https_proxy: Option<String>,
    /// `ALL_PROXY`.
    pub all_proxy: Option<String>,
    /// `NO_PROXY`: names, suffixes, addresses and networks, separated by commas, or `*`.
    pub no_proxy: Option<String>,
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The proxies' URLs may hold passwords.
        f.debug_struct("Options").field("no_proxy", &self.no_proxy).finish_non_exhaustive()
    }
}

/// Makes exchanges. A clone shares connections and all else.
#[derive(Debug, Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    proxies: Option<Matcher>,
    /// A run has a handful of them: one that is compared is found sooner than one that is hashed.
    made: Mutex<Vec<(Key, reqwest::Client)>>,
}

/// What tells one reqwest client from another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    dial: Arc<Dial>,
    /// Whether it can speak TLS: one that cannot reads no roots.
    secure: bool,
    /// Whether it keeps no connections.
    fresh: bool,
    /// The host that is meant where the URL bears another name for TLS.
    behind: Option<String>,
    /// The proxy's URL.
    proxy: Option<String>,
    /// Whether it is for URLs out of responses: none of its connections leads to a link-local or
    /// metadata address, whatever a name resolves to.
    guarded: bool,
}

/// Where a request goes through, decided before it is sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Route {
    /// The proxy's URL, password and all.
    proxy: Option<String>,
    /// The same, to be shown.
    pub(crate) shown: Option<String>,
}

impl Client {
    /// A client with nothing made yet.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let any = [&options.http_proxy, &options.https_proxy, &options.all_proxy]
            .into_iter()
            .any(|proxy| proxy.as_deref().is_some_and(|text| !text.trim().is_empty()));
        let proxies = any.then(|| {
            let text = |option: &Option<String>| option.clone().unwrap_or_default();
            Matcher::builder()
                .all(text(&options.all_proxy))
                .http(text(&options.http_proxy))
                .https(text(&options.https_proxy))
                .no(text(&options.no_proxy))
                .build()
        });
        Self { inner: Arc::new(Inner { proxies, made: Mutex::default() }) }
    }

    /// Carries one exchange out, redirects included. A transport error is part of the result.
    ///
    /// # Errors
    /// A [`RequestFault`] for what cannot be sent at all; then nothing was.
    pub async fn exchange(
        &self,
        request: &Request,
        jar: Option<&Jar>,
    ) -> Result<Exchanged, RequestFault> {
        // An exchange on its way is large, and every future that awaits one would be copied with it.
        Box::pin(exchange::carry_out(self, request, jar)).await
    }

    /// The proxy for a URL, if any.
    pub(crate) fn route(&self, dial: &Dial, url: &Url) -> Result<Route, RequestFault> {
        let proxy = match &dial.proxy {
            ProxyChoice::Direct => return Ok(Route::default()),
            ProxyChoice::Url(text) => Url::parse(text).map_err(|_| RequestFault::Proxy)?,
            ProxyChoice::Environment => {
                let Some(proxies) = &self.inner.proxies else {
                    return Ok(Route::default());
                };
                let uri: hyper::Uri = url.as_str().parse().map_err(|_| RequestFault::Url)?;
                let Some(chosen) = proxies.intercept(&uri) else {
                    return Ok(Route::default());
                };
                let mut proxy =
                    Url::parse(&chosen.uri().to_string()).map_err(|_| RequestFault::Proxy)?;
                if let Some((user, password)) = basic(chosen.basic_auth()) {
                    let _ = proxy.set_username(&user);
                    let _ = proxy.set_password(Some(&password));
                }
                proxy
            }
        };
        if !matches!(proxy.scheme(), "http" | "https") || proxy.host_str().is_none() {
            return Err(RequestFault::Proxy);
        }
        let mut shown = proxy.clone();
        if !shown.username().is_empty() || shown.password().is_some() {
            let _ = shown.set_username("");
            let _ = shown.set_password(None);
            let bare = shown.as_str().replacen("://", "://***@", 1);
            return Ok(Route { proxy: Some(proxy.into()), shown: Some(bare) });
        }
        Ok(Route { proxy: Some(proxy.into()), shown: Some(shown.into()) })
    }

    /// The reqwest client for a request, made when it is first needed.
    pub(crate) fn reqwest(
        &self,
        dial: &Arc<Dial>,
        url: &Url,
        connection: Connection,
        route: &Route,
        guarded: bool,
    ) -> Result<reqwest::Client, RequestFault> {
        let secure = url.scheme() == "https"
            || route.proxy.as_deref().is_some_and(|proxy| proxy.starts_with("https:"));
        let behind = (url.scheme() == "https" && dial.tls.server_name.is_some())
            .then(|| url.host_str().unwrap_or_default().to_owned());
        let key = Key {
            dial: Arc::clone(dial),
            secure,
            fresh: connection == Connection::Fresh,
            behind,
            proxy: route.proxy.clone(),
            guarded,
        };
        // Held while a client is made, so that the system's roots are read once and not by
        // everyone who waits for them. Nothing awaits here.
        let mut made = self.inner.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = made.iter().find(|(known, _)| *known == key) {
            return Ok(client.clone());
        }
        let client = build(&key)?;
        made.push((key, client.clone()));
        Ok(client)
    }
}

fn build(key: &Key) -> Result<reqwest::Client, RequestFault> {
    let dial = &key.dial;
    let tls = if key.secure { tls::config(&dial.tls, dial.http)? } else { tls::no_tls()? };
    let names = Names::new(
        dial.resolve.clone(),
        dial.tls.server_name.clone().zip(key.behind.clone()),
        key.guarded,
    );
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .dns_resolver(names)
        .connector_layer(ConnectLayer)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .retry(reqwest::retry::never())
        .no_proxy()
        .tcp_nodelay(true);
    if key.fresh {
        builder = builder.pool_max_idle_per_host(0);
    }
    builder = match dial.http {
        HttpVersion::Any => builder,
        HttpVersion::One => builder.http1_only(),
        HttpVersion::Two => builder.http2_prior_knowledge(),
    };
    if let Some(proxy) = &key.proxy {
        builder = builder.proxy(reqwest::Proxy::all(proxy).map_err(|_| RequestFault::Proxy)?);
    }
    // What can fail here is the TLS backend, and that is ours.
    builder.build().map_err(|error| RequestFault::Tls { seen: error.without_url().to_string() })
}

/// User and password out of a `Basic …` value.
fn basic(value: Option<&hyper::header::HeaderValue>) -> Option<(String, String)> {
    use base64::Engine as _;
    let encoded = value?.to_str().ok()?.strip_prefix("Basic ")?;
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
