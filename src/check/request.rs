//! A request with its defaults becomes one that can be rendered.

use std::time::Duration;

use super::types::{Auth, Cookies, Header, Late, OAuth2, Redirects, Request, Retry};
use super::values::Checker;
use crate::finding::{Code, Finding};
use crate::outcome::is_framing;
use crate::plan::{self, Backoff, Connection, CookiesAst, RequestAst, RequestOptions};
use crate::source::Place;
use crate::template::Template;
use crate::yaml::{Kind, Node};

/// The limit of a whole exchange, where none is stated.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The limit of making a connection, where none is stated.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The largest decoded body, where none is stated.
const MAX_BODY: u64 = 16 << 20;

impl Checker<'_> {
    /// Lowers a request over its defaults, the nearest first.
    pub(super) fn request(
        &mut self,
        request: &RequestAst,
        defaults: &[&RequestOptions],
    ) -> Option<Request> {
        let before = self.findings.len();
        let own = &request.options;
        let all = || std::iter::once(own).chain(defaults.iter().copied());
        let used = self.uses.captures.len();
        let url = self.template(&request.url);
        let base = all().find_map(|options| options.base_url.as_ref());
        let base_url = base.and_then(|node| Some((self.template(node)?, node.place)));
        if let Some(url) = &url {
            self.check_url(url, &request.url, base.is_some());
        }
        if let (Some((template, _)), Some(node)) = (&base_url, base) {
            self.check_base_url(template, node);
        }
        let mut captured: Vec<String> =
            self.uses.captures.iter().skip(used).map(|(name, ..)| name.clone()).collect();
        let templates = url.iter().chain(base_url.iter().map(|(template, _)| template));
        let roots = templates.flat_map(Template::names).filter_map(|name| name.path.first());
        captured.extend(roots.filter(|root| self.names.is_of_a_response(root)).cloned());
        if base.is_none() {
            self.check_goes_nowhere(defaults);
        }
        let query = self.entries(&request.query);
        let mut urls: Vec<(&Template, &Node)> = Vec::new();
        urls.extend(url.iter().map(|url| (url, &request.url)));
        urls.extend(base_url.iter().zip(base).map(|((template, _), node)| (template, node)));
        self.secrets_in_url(&urls, &query);
        let headers = self.headers(own, defaults);
        let cookies = self.cookies(own, defaults);
        let auth = self.auth(own, defaults);
        let body = request.body.as_ref().and_then(|body| self.body(&body.value));
        let save = request.save.as_ref().and_then(|node| self.save(node));
        let timeout = self.nearest_late(all().map(|o| &o.timeout), TIMEOUT);
        let connect_timeout = self.nearest_late(all().map(|o| &o.connect_timeout), CONNECT_TIMEOUT);
        let redirects = all().map(|o| &o.follow_redirects);
        let follow_redirects = match self.nearest_late_as::<_, Redirects>(redirects, 0) {
            Late::Known(most) => Late::Known(Redirects(most)),
            Late::Template(template, place) => Late::Template(template, place),
        };
        let max_body = self.nearest_late(all().map(|o| &o.max_body), MAX_BODY);
        let connection = self.nearest_late(all().map(|o| &o.connection), Connection::Reuse);
        let dial = self.dial(own, defaults);
        let url = url?;
        self.insecure((own, defaults), &url, base_url.as_ref().map(|(template, _)| template));
        if self.findings.iter().skip(before).any(Finding::is_error) {
            return None;
        }
        Some(Request {
            method: request.method.value.clone(),
            method_place: request.method.place,
            url,
            url_place: request.url.place,
            base_url,
            routes: Vec::new(),
            captured,
            query,
            headers,
            cookies,
            auth,
            body,
            written: super::written::parts(request),
            save,
            timeout,
            connect_timeout,
            follow_redirects,
            max_body,
            connection,
            dial,
        })
    }

    /// What can be known of a URL before it is rendered.
    fn check_url(&mut self, url: &Template, node: &Node, has_base: bool) {
        let head = head(url);
        let whole = node.place;
        if head.starts_with('/') && !head.starts_with("//") {
            if !has_base {
                self.report(
                    Finding::error(
                        Code::NoBaseUrl,
                        format!("`{}` begins with `/`, and there is no `base_url`", url.text()),
                    )
                    .at(whole, "needs a base_url")
                    .help("add `defaults: {base_url: …}`, or write the whole URL"),
                );
            }
        } else if !head.is_empty() || url.is_literal().is_some() {
            self.check_absolute(head, url, whole);
        }
        self.check_segments(url, node);
    }

    pub(super) fn check_base_url(&mut self, url: &Template, node: &Node) {
        // Nearly every step goes to the same one.
        if !self.bases.insert(node.place) {
            return;
        }
        let head = head(url);
        if !head.is_empty() || url.is_literal().is_some() {
            self.check_absolute(head, url, node.place);
        }
        self.check_segments(url, node);
    }

    /// What `defaults` send goes to the origin of `base_url`; without one it would be lost.
    fn check_goes_nowhere(&mut self, defaults: &[&RequestOptions]) {
        for options in defaults {
            let auth = options.auth.as_ref().filter(|auth| auth.value != plan::Auth::None);
            let cookies = match &options.cookies {
                Some(CookiesAst::Send(entries)) => entries.first(),
                Some(CookiesAst::None) | None => None,
            };
            let lost = [
                auth.map(|auth| ("auth", auth.place)),
                options.headers.first().map(|entry| ("headers", entry.key.place)),
                cookies.map(|entry| ("cookies", entry.key.place)),
            ];
            for (word, place) in lost.into_iter().flatten() {
                self.report(
                    Finding::warning(
                        Code::NoBaseUrl,
                        format!("`{word}` of `defaults` goes to the origin of `base_url`, and there is none"),
                    )
                    .at(place, "sent nowhere")
                    .help("add `base_url` to `defaults`, or move this to the steps"),
                );
            }
        }
    }

    fn check_absolute(&mut self, head: &str, url: &Template, place: Place) {
        let lower = head.to_ascii_lowercase();
        let rest = ["http://", "https://"].iter().find_map(|scheme| lower.strip_prefix(scheme));
        let bad = |message: String, help: &str| {
            Finding::error(Code::BadUrl, message).at(place, "").help(help)
        };
        match rest {
            None if lower.contains("://") => {
                let scheme = head.split("://").next().unwrap_or_default();
                let near = crate::finding::nearest(scheme, ["http", "https"]).unwrap_or("https");
                self.report(bad(
                    format!("`{scheme}` is not a scheme that planrun can request"),
                    &format!("did you mean `{near}://`?"),
                ));
            }
            None if url.is_literal().is_some() || !head.is_empty() => self.report(bad(
                format!("`{}` is not a URL", url.text()),
                "a URL begins with `http://`, `https://`, or with `/` after `base_url`",
            )),
            None => {}
            Some(rest) => {
                let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
                if host.contains('@') {
                    self.report(bad(
                        "a user name in a URL ends up in every log".into(),
                        "write `auth: {basic: {user: …, password: …}}`",
                    ));
                } else if let (false, Some(literal)) = (host.is_empty(), url.is_literal()) {
                    if let Err(error) = url::Url::parse(literal) {
                        self.report(bad(
                            format!("`{literal}` is not a URL: {error}"),
                            "look at the host and the port",
                        ));
                    }
                } else if host.is_empty() && url.is_literal().is_some() {
                    self.report(bad(
                        format!("`{}` has no host", url.text()),
                        "write the host after `//`",
                    ));
                }
            }
        }
    }

    /// A literal `..` segment would be removed by any client before it is sent.
    fn check_segments(&mut self, url: &Template, node: &Node) {
        if !url.text().contains(['.', '%']) {
            return;
        }
        // A template is one segment or a part of one, whatever stands in it.
        let mut known = url.text().to_owned();
        let expressions: Vec<_> = url.expressions().collect();
        for range in expressions.into_iter().rev() {
            if known.get(range.clone()).is_some() {
                known.replace_range(range, "{}");
            }
        }
        let path = known.split(['?', '#']).next().unwrap_or_default();
        for segment in path.split('/') {
            let decoded = segment.to_ascii_lowercase().replace("%2e", ".");
            if decoded == ".." || decoded == "." && segment != "." {
                let content = node.content_place(self.text(node.place));
                let place = match (content, node.as_str().and_then(|text| text.find(segment))) {
                    (Some(content), Some(at)) => content.inward(at..at + segment.len()),
                    _ => node.place,
                };
                self.report(
                    Finding::error(
                        Code::BadUrl,
                        format!("the segment `{segment}` would be removed before it is sent"),
                    )
                    .at(place, "a client resolves this segment")
                    .help("to test a traversal, encode the slash: `..%2f`"),
                );
                return;
            }
        }
    }

    fn headers(&mut self, own: &RequestOptions, defaults: &[&RequestOptions]) -> Vec<Header> {
        let mut headers: Vec<Header> = Vec::new();
        let levels = std::iter::once((own, false)).chain(defaults.iter().map(|d| (*d, true)));
        for (options, from_defaults) in levels {
            let known: Vec<String> =
                headers.iter().map(|header| header.name.to_ascii_lowercase()).collect();
            for entry in &options.headers {
                let name = &entry.key.value;
                if known.contains(&name.to_ascii_lowercase()) {
                    continue;
                }
                if !is_token(name) {
                    self.report(
                        Finding::error(Code::BadValue, format!("`{name}` is not a header name"))
                            .at(entry.key.place, "letters, digits and `-`")
                            .help("the value goes after the colon, in the same line"),
                    );
                    continue;
                }
                if is_framing(name) {
                    self.report(
                        Finding::error(Code::BadValue, format!("`{name}` is set by planrun"))
                            .at(entry.key.place, "a plan may not state this header")
                            .help("delete the line: it follows from the body and the connection"),
                    );
                    continue;
                }
                if let Some(value) = self.texts(&entry.value) {
                    headers.push(Header { name: name.clone(), value, from_defaults });
                }
            }
        }
        headers
    }

    fn cookies(&mut self, own: &RequestOptions, defaults: &[&RequestOptions]) -> Cookies {
        match &own.cookies {
            Some(CookiesAst::None) => return Cookies::None,
            Some(CookiesAst::Send(entries)) => return Cookies::Jar(self.entries(entries), false),
            None => {}
        }
        match defaults.iter().find_map(|options| options.cookies.as_ref()) {
            Some(CookiesAst::None) => Cookies::None,
            Some(CookiesAst::Send(entries)) => Cookies::Jar(self.entries(entries), true),
            None => Cookies::Jar(Vec::new(), false),
        }
    }

    fn auth(&mut self, own: &RequestOptions, defaults: &[&RequestOptions]) -> Option<(Auth, bool)> {
        if let Some(auth) = &own.auth {
            return Some((self.one_auth(&auth.value)?, false));
        }
        let auth = defaults.iter().find_map(|options| options.auth.as_ref())?;
        Some((self.one_auth(&auth.value)?, true))
    }

    fn one_auth(&mut self, auth: &plan::Auth) -> Option<Auth> {
        match auth {
            plan::Auth::None => None,
            plan::Auth::Template(node) => Some(Auth::Template(self.value(node)?, node.place)),
            plan::Auth::Bearer(node) => Some(Auth::Bearer(self.value(node)?)),
            plan::Auth::Basic { user, password } => {
                Some(Auth::Basic(self.value(user)?, self.value(password)?))
            }
            plan::Auth::Digest { user, password } => {
                Some(Auth::Digest(self.value(user)?, self.value(password)?))
            }
            plan::Auth::OAuth2 { token_url, client_id, client_secret, scope } => {
                let used = |uses: &super::types::Uses| (uses.captures.len(), uses.seen.len());
                let before = used(&self.uses);
                let place = token_url.place;
                let token_url = self.texts(token_url)?;
                let captured = used(&self.uses) != before;
                let mut optional = |node: &Option<Node>| match node {
                    Some(node) => Some(Some(self.texts(node)?)),
                    None => Some(None),
                };
                let (client_secret, scope) = (optional(client_secret)?, optional(scope)?);
                let client_id = self.texts(client_id)?;
                Some(Auth::OAuth2(Box::new(OAuth2 {
                    token_url,
                    place,
                    captured,
                    client_id,
                    client_secret,
                    scope,
                })))
            }
            plan::Auth::ApiKey { place, name, value } => {
                Some(Auth::ApiKey(*place, name.value.clone(), self.value(value)?))
            }
        }
    }

    /// `retry`: the step's own, or that of the defaults where repeating is safe.
    pub(super) fn retry(
        &mut self,
        request: &RequestAst,
        defaults: &[&RequestOptions],
    ) -> Option<Retry> {
        let own = request.options.retry.as_ref();
        let inherited = || {
            let retry = defaults.iter().find_map(|options| options.retry.as_ref())?;
            request.method.value.is_idempotent().then_some(retry)
        };
        let retry = &own.or_else(inherited)?.value;
        Some(Retry {
            times: self.late(&retry.times)?,
            delay: match &retry.delay {
                Some(delay) => self.late(delay)?,
                None => Late::Known(super::retries::DELAY),
            },
            backoff: match &retry.backoff {
                Some(backoff) => self.late(backoff)?,
                None => Late::Known(Backoff::Fixed),
            },
            max_delay: match &retry.max_delay {
                Some(delay) => self.late(delay)?,
                None => Late::Known(super::retries::MAX_DELAY),
            },
            jitter: match &retry.jitter {
                Some(jitter) => self.late(jitter)?,
                None => Late::Known(false),
            },
            when: retry.when.clone(),
        })
    }
}

/// The literal text that a template begins with; empty where an expression comes first.
pub(super) fn head(template: &Template) -> &str {
    if template.starts_with_expression() {
        return "";
    }
    template.literals().next().unwrap_or_default()
}

/// Whether a text can be a header name (RFC 9110 §5.6.2).
fn is_token(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Whether a node holds nothing at all.
pub(super) fn is_blank(node: &Node) -> bool {
    matches!(node.kind, Kind::Empty)
}
