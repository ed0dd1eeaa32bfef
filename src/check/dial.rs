//! How the connection of a request is made: version, TLS, proxy, addresses.

use std::net::IpAddr;

use serde_json::Value;

use super::body::FilePath;
use super::late::word;
use super::types::{Late, LateValue};
use super::values::Checker;
use crate::finding::{Code, Finding};
use crate::plan::{HttpWord, RequestOptions, Templated, TlsAst};
use crate::source::{Place, SourceSet, Spanned};
use crate::template::{self, Template, ValueTemplate};
use crate::yaml::Node;

/// How a connection is made.
#[derive(Debug, Default)]
pub struct Dial {
    /// The version of HTTP; whatever is negotiated if absent.
    pub http: Option<Late<HttpWord>>,
    /// TLS settings.
    pub tls: Option<Box<TlsSettings>>,
    /// The proxy, or `none`; what the process says if absent.
    pub proxy: Option<(ValueTemplate, Place)>,
    /// Addresses of hosts.
    pub resolve: Vec<(String, ValueTemplate, Place)>,
}

/// Files of certificates that are named literally: they are looked at before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificates that are trusted.
    pub ca_file: Option<Spanned<String>>,
    /// The client's certificate.
    pub cert: Option<Spanned<String>>,
    /// Its key; the file of the certificate holds it too where none is named.
    pub key: Option<Spanned<String>>,
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

impl Dial {
    /// How taps connect to what they stand for: as `defaults` of their environment say, the nearest
    /// file first. What is wrong with those is said where plans are checked, whose defaults they are.
    pub(super) fn of_environment(defaults: &[&RequestOptions], sources: &SourceSet) -> Self {
        let text = |node: &Node| sources.get(node.place.source).map_or("", |source| &source.text);
        let compile = |node: &Node| template::compile(node, text(node)).ok();
        let file = |node: &Option<Node>| {
            let node = node.as_ref()?;
            Some(FilePath { path: compile(node)?, place: node.place })
        };
        let tls = defaults.iter().find_map(|options| options.tls.as_ref()).map(|tls| {
            let insecure = tls.value.insecure.as_ref().and_then(|insecure| match &insecure.value {
                Templated::Known(insecure) => Some(Late::Known(*insecure)),
                Templated::Template(node) => {
                    let template = template::compile_text(node, text(node)).ok()?;
                    Some(Late::Template(Box::new(template), node.place))
                }
            });
            Box::new(TlsSettings {
                place: tls.place,
                insecure,
                ca_file: file(&tls.value.ca_file),
                cert: file(&tls.value.cert),
                key: file(&tls.value.key),
                server_name: tls.value.server_name.as_ref().and_then(compile),
            })
        });
        let proxy = defaults.iter().find_map(|options| options.proxy.as_ref());
        let proxy = proxy.and_then(|node| Some((compile(node)?, node.place)));
        let resolve = defaults.iter().find(|options| !options.resolve.is_empty());
        let resolve = resolve.into_iter().flat_map(|options| &options.resolve);
        let resolve = resolve.filter_map(|entry| {
            Some((entry.key.value.clone(), compile(&entry.value)?, entry.value.place))
        });
        Self { http: None, tls, proxy, resolve: resolve.collect() }
    }
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
        let tls = tls.and_then(|tls| self.tls(&tls.value, tls.place)).map(Box::new);
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
        self.tls_files(tls);
        Some(TlsSettings {
            place,
            insecure,
            ca_file: ca_file?,
            cert: cert?,
            key: key?,
            server_name,
        })
    }

    fn tls_files(&mut self, tls: &TlsAst) {
        let literal = |node: &Option<Node>| {
            let node = node.as_ref().filter(|node| !node.has_template())?;
            Some(Spanned::new(node.as_str()?.to_owned(), node.place))
        };
        let cert = literal(&tls.cert);
        let key = match &tls.key {
            // One file may hold both.
            None => cert.clone(),
            key => literal(key),
        };
        let files = TlsFiles { ca_file: literal(&tls.ca_file), cert, key };
        let names_any = [&files.ca_file, &files.cert, &files.key].iter().any(|it| it.is_some());
        // What stands in `defaults` is read for every step.
        if names_any && !self.tls_files.contains(&files) {
            self.tls_files.push(files);
        }
    }

    /// Whoever answers is believed: that is said, with the host that it is said of.
    pub(super) fn insecure(
        &mut self,
        (own, defaults): (&RequestOptions, &[&RequestOptions]),
        url: &Template,
        base: Option<&Template>,
    ) {
        let mut all = std::iter::once(own).chain(defaults.iter().copied());
        let tls = all.find_map(|options| options.tls.as_ref());
        let Some(insecure) = tls.and_then(|tls| tls.value.insecure.as_ref()) else { return };
        if insecure.value != Templated::Known(true) {
            return;
        }
        let asked = base.filter(|_| url.text().starts_with('/')).unwrap_or(url);
        self.report(
            Finding::warning(
                Code::InsecureTls,
                format!("the certificate of `{}` is not checked", host(asked.text())),
            )
            .at(insecure.place, "whoever answers is believed, and gets what is sent")
            .help("name who issued it: `tls: {ca_file: ca.pem}`"),
        );
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

/// The host of a URL as it is written; the template that gives it, where one does.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = match rest.strip_prefix("${{").and_then(|inner| inner.find("}}")) {
        Some(end) => end + "${{}}".len(),
        None => rest.find(['/', '?', '#']).unwrap_or(rest.len()),
    };
    rest.get(..end).unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn the_host_of_a_url_is_what_gives_it() {
        for (url, named) in [
            ("https://a.test:8443/x?y", "a.test:8443"),
            ("https://a.test", "a.test"),
            ("${{ env.url }}/x/${{ id }}", "${{ env.url }}"),
            ("https://${{ env.host }}:1/x", "${{ env.host }}"),
        ] {
            assert_eq!(host(url), named);
        }
    }
}
