//! How the connection of a request is made: version, TLS, proxy, addresses.

use std::net::IpAddr;

use serde_json::Value;

use super::body::FilePath;
use super::late::word;
use super::types::{Late, LateValue};
use super::values::Checker;
use crate::finding::{Code, Finding};
use crate::plan::{HttpWord, RequestOptions, TlsAst};
use crate::source::Place;
use crate::template::ValueTemplate;
use crate::yaml::Node;

/// How a connection is made.
#[derive(Debug, Default)]
pub struct Dial {
    /// The version of HTTP; whatever is negotiated if absent.
    pub http: Option<Late<HttpWord>>,
    /// TLS settings.
    pub tls: Option<TlsSettings>,
    /// The proxy, or `none`; what the process says if absent.
    pub proxy: Option<(ValueTemplate, Place)>,
    /// Addresses of hosts.
    pub resolve: Vec<(String, ValueTemplate, Place)>,
}

/// What the TLS handshake does differently.
#[derive(Debug)]
pub struct TlsSettings {
    /// Where it is written.
    pub place: Place,
    /// Accepts any certificate.
    pub insecure: Option<Late<bool>>,
    /// Certificates that are trusted beside the system's.
    pub ca_file: Option<FilePath>,
    /// The client's certificate.
    pub cert: Option<FilePath>,
    /// Its key.
    pub key: Option<FilePath>,
    /// The name that the certificate must bear.
    pub server_name: Option<ValueTemplate>,
}

impl LateValue for bool {
    fn read(value: &Value) -> Result<Self, (Code, String)> {
        let text = value.as_str().and_then(|text| text.parse().ok());
        value
            .as_bool()
            .or(text)
            .ok_or_else(|| (Code::WrongType, format!("`{value}` is neither true nor false")))
    }
}

impl LateValue for HttpWord {
    fn read(value: &Value) -> Result<Self, (Code, String)> {
        word(value, &Self::WORDS)
    }
}

/// Whether a text names a proxy that can be gone through.
#[must_use]
pub fn is_proxy(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some_and(|host| !host.is_empty())
    })
}

impl Checker<'_> {
    /// What the nearest of several options say, each key by itself.
    pub(super) fn dial(&mut self, own: &RequestOptions, defaults: &[&RequestOptions]) -> Dial {
        let all = || std::iter::once(own).chain(defaults.iter().copied());
        let http = all().find_map(|options| options.http.as_ref());
        let http = http.and_then(|http| self.late(&http.value));
        let tls = all().find_map(|options| options.tls.as_ref());
        let tls = tls.and_then(|tls| self.tls(&tls.value, tls.place));
        let proxy = all().find_map(|options| options.proxy.as_ref());
        let proxy = proxy.and_then(|node| self.proxy(node));
        let resolve = all().find(|options| !options.resolve.is_empty());
        let resolve = resolve.map(|options| {
            let entries = options.resolve.iter();
            entries
                .filter_map(|entry| {
                    let address = self.address(&entry.value)?;
                    Some((entry.key.value.clone(), address, entry.value.place))
                })
                .collect()
        });
        Dial { http, tls, proxy, resolve: resolve.unwrap_or_default() }
    }

    fn tls(&mut self, tls: &TlsAst, place: Place) -> Option<TlsSettings> {
        let insecure = match &tls.insecure {
            Some(insecure) => Some(self.late(&insecure.value)?),
            None => None,
        };
        let mut file = |node: &Option<Node>| match node {
            Some(node) => Some(Some(self.file_path(node)?)),
            None => Some(None),
        };
        let (ca_file, cert, key) = (file(&tls.ca_file), file(&tls.cert), file(&tls.key));
        let server_name = match &tls.server_name {
            Some(node) => Some(self.texts(node)?),
            None => None,
        };
        Some(TlsSettings {
            place,
            insecure,
            ca_file: ca_file?,
            cert: cert?,
            key: key?,
            server_name,
        })
    }

    fn proxy(&mut self, node: &Node) -> Option<(ValueTemplate, Place)> {
        let value = self.texts(node)?;
        if let Some(Value::String(text)) = value.as_literal()
            && text != "none"
            && !is_proxy(text)
        {
            // It may hold a password: it is not repeated.
            self.report(
                Finding::error(Code::BadUrl, "not the URL of a proxy")
                    .at(node.place, "")
                    .help("write `http://proxy.example.com:3128`, or `none`"),
            );
        }
        Some((value, node.place))
    }

    fn address(&mut self, node: &Node) -> Option<ValueTemplate> {
        let value = self.texts(node)?;
        if let Some(Value::String(text)) = value.as_literal()
            && text.parse::<IpAddr>().is_err()
        {
            self.report(
                Finding::error(Code::BadValue, format!("`{text}` is not an address"))
                    .at(node.place, "")
                    .help("write an IPv4 or IPv6 address such as `127.0.0.1`; the port is that of the URL"),
            );
        }
        Some(value)
    }
}
