//! An exchange as it was becomes an exchange as it is told: raw still, the gate comes after.

use super::body::Told;
use super::render::Rendered;
use crate::finding::Code;
use crate::http::{self, Answer, Exchanged};
use crate::outcome::{Body, Content, Exchange, Phases, Request, Response, TransportClass, UrlPart};

/// What the renderer of a request knows beyond what was sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Provenance {
    /// Which variables gave parts of the URL.
    pub(super) url_from: Vec<UrlPart>,
    /// Which secrets went where.
    pub(super) secrets_sent: Vec<(String, String)>,
    /// Which ids of the request the plan decides.
    pub(super) plans_ids: Vec<String>,
    /// The body as it was rendered.
    pub(super) body: Told,
}

/// An exchange of which nothing is known.
pub(super) fn nothing() -> Exchange {
    let body = Body { content: Content::Empty, size: 0, sha256: None, cut: false };
    let request = Request { method: String::new(), url: String::new(), headers: Vec::new(), body };
    Exchange {
        request,
        hops: Vec::new(),
        response: None,
        error: None,
        phases: Phases::default(),
        reused: false,
        repeated: false,
        proxy: None,
        unverified: false,
        url_from: Vec::new(),
        secrets_sent: Vec::new(),
        plans_ids: Vec::new(),
        secret_shapes: Vec::new(),
        sent_from: Vec::new(),
    }
}

/// How much of a body that is not text is shown, in bytes.
const HEX_SHOWN: usize = 64;

pub(super) fn exchange(exchanged: &Exchanged, provenance: Provenance) -> Exchange {
    let sent = &exchanged.sent;
    let answer = exchanged.answer.as_ref().ok().or(exchanged.partial.as_ref());
    Exchange {
        request: Request {
            method: sent.method.clone(),
            url: sent.url.to_string(),
            headers: sent.headers.clone(),
            body: told(provenance.body, sent.size, sent.sha256.clone()),
        },
        hops: exchanged.hops.clone(),
        response: answer.map(response),
        error: exchanged.answer.as_ref().err().cloned(),
        phases: exchanged.phases,
        reused: exchanged.reused,
        repeated: exchanged.repeated,
        proxy: exchanged.proxy.clone(),
        unverified: exchanged.unverified,
        url_from: provenance.url_from,
        secrets_sent: provenance.secrets_sent,
        plans_ids: provenance.plans_ids,
        secret_shapes: Vec::new(),
        sent_from: Vec::new(),
    }
}

/// A request that is not sent, as an exchange without a response.
pub(super) fn preview(rendered: &Rendered) -> Exchange {
    let request = &rendered.request;
    let mut headers = request.headers.clone();
    if !request.cookies.is_empty() {
        let pairs: Vec<String> =
            request.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        headers.push(("Cookie".into(), pairs.join("; ")));
    }
    let url = placeholders_shown(request.url.as_str());
    let size = match &request.body {
        http::Body::Empty => 0,
        http::Body::Bytes(bytes) => bytes.len() as u64,
        http::Body::Stream { size, .. } => size.unwrap_or_default(),
    };
    let mut content = told(rendered.provenance.body.clone(), size, None);
    let is_form = |(name, value): &(String, String)| {
        name.eq_ignore_ascii_case("content-type") && value.contains("urlencoded")
    };
    if let Content::Text(text) = &mut content.content
        && headers.iter().any(is_form)
    {
        *text = placeholders_shown(text);
    }
    Exchange {
        request: Request { method: request.method.clone(), url, headers, body: content },
        hops: Vec::new(),
        response: None,
        error: None,
        phases: Phases::default(),
        reused: false,
        repeated: false,
        proxy: None,
        unverified: false,
        url_from: rendered.provenance.url_from.clone(),
        secrets_sent: rendered.provenance.secrets_sent.clone(),
        plans_ids: rendered.provenance.plans_ids.clone(),
        secret_shapes: Vec::new(),
        sent_from: Vec::new(),
    }
}

/// A URL or form whose placeholders, which were encoded with the rest of it, can be read: masks and
/// `{name}`.
fn placeholders_shown(url: &str) -> String {
    let mut shown = String::new();
    let mut rest = url;
    loop {
        let next = [("%C2%AB", "%C2%BB"), ("%7B", "%7D")]
            .into_iter()
            .filter_map(|(open, close)| {
                let start = rest.find(open)?;
                let end = start + rest.get(start..)?.find(close)? + close.len();
                Some((start, end))
            })
            .min();
        let Some((start, end)) = next else { break };
        shown.push_str(rest.get(..start).unwrap_or_default());
        let piece = rest.get(start..end).unwrap_or_default();
        let decoded = percent_encoding::percent_decode_str(piece).decode_utf8_lossy();
        let inner = decoded.trim_matches(['«', '»', '{', '}']);
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.');
        shown.push_str(if inner.chars().all(is_name) { &decoded } else { piece });
        rest = rest.get(end..).unwrap_or_default();
    }
    shown.push_str(rest);
    shown
}

fn response(answer: &Answer) -> Response {
    Response {
        status: answer.status,
        http: answer.http.to_owned(),
        headers: answer.headers.clone(),
        body: body(&answer.body, answer.size, answer.sha256.clone()),
        remote: answer.remote.map(|address| address.to_string()),
        saved: None,
    }
}

/// A body as data. The whole text goes on: the gate masks first and cuts then, so that no secret
/// survives at the cut.
pub(super) fn body(bytes: &[u8], size: u64, sha256: Option<String>) -> Body {
    let (content, cut) = if bytes.is_empty() {
        (Content::Empty, size > 0)
    } else if let Some(text) = text_of(bytes, size) {
        (Content::Text(text.to_owned()), (text.len() as u64) < size)
    } else {
        let head = bytes.get(..HEX_SHOWN).unwrap_or(bytes);
        (Content::Hex(crate::units::hex(head)), bytes.len() > HEX_SHOWN)
    };
    Body { content, size, sha256, cut }
}

/// A body as text, or the beginning of one, which may end within a character.
fn text_of(bytes: &[u8], size: u64) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(fault) if fault.error_len().is_none() && (bytes.len() as u64) < size => {
            std::str::from_utf8(bytes.get(..fault.valid_up_to())?).ok()
        }
        Err(_) => None,
    }
}

/// The body of a request, as bytes or as what it was made of.
fn told(made: Told, size: u64, sha256: Option<String>) -> Body {
    match made {
        Told::Bytes(bytes) => body(&bytes, size, sha256),
        Told::Made(content) => Body { content, size, sha256, cut: false },
    }
}

/// The code of a transport error's class.
pub(super) fn code(class: TransportClass) -> Code {
    match class {
        TransportClass::Dns => Code::TransportDns,
        TransportClass::Refused => Code::TransportRefused,
        TransportClass::ConnectTimeout => Code::TransportConnectTimeout,
        TransportClass::Tls => Code::TransportTls,
        TransportClass::Timeout => Code::TransportTimeout,
        TransportClass::EmptyReply => Code::TransportEmptyReply,
        TransportClass::Reset => Code::TransportReset,
        TransportClass::Truncated => Code::TransportTruncated,
        TransportClass::Framing => Code::TransportFraming,
        TransportClass::NotHttp => Code::TransportNotHttp,
        TransportClass::HeadersTooLarge => Code::TransportHeaders,
        TransportClass::BodyTooLarge => Code::TransportBodyTooLarge,
        TransportClass::BadEncoding => Code::TransportEncoding,
        TransportClass::StaleConnection => Code::TransportStale,
        TransportClass::Redirect => Code::TransportRedirect,
        TransportClass::Origin => Code::TransportOrigin,
        TransportClass::Other => Code::TransportOther,
    }
}
