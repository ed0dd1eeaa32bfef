//! Renders how the connection of a request is made: files read, addresses parsed.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::context::{Context, PlanValues};
use super::files::{Absent, PlanFiles};
use super::render::{Fault, Renderer};
use crate::check::{self, FilePath, TlsSettings};
use crate::finding::{Code, Finding};
use crate::http::{Dial, HttpVersion, Identity, ProxyChoice, Tls};
use crate::plan::HttpWord;
use crate::template::{Scope, Seed};

/// How the taps of an environment connect to what they stand for.
///
/// # Errors
/// A template that cannot be evaluated, a file that cannot be read, at its place.
pub fn tap_dial(
    dial: &check::Dial,
    values: &PlanValues,
    context: &Context,
) -> Result<Dial, Box<Finding>> {
    let entropy = || context.entropy();
    let renderer = Renderer {
        scope: Scope {
            names: &*values.environment.names,
            seed: Seed::default(),
            now: context.started_at,
            entropy: &entropy,
            file: &|_| Err("files belong to plans".to_owned()),
        },
        gate: &context.gate,
        environment: &values.environment,
        literal_origins: &[],
        files: PlanFiles { values, absent: Absent::Refused },
    };
    renderer.dial(dial)
}

impl Renderer<'_> {
    pub(super) fn dial(&self, dial: &check::Dial) -> Result<Dial, Fault> {
        let http = match &dial.http {
            None => HttpVersion::Any,
            Some(word) => match self.late(word)? {
                HttpWord::One => HttpVersion::One,
                HttpWord::Two => HttpVersion::Two,
            },
        };
        let tls = match &dial.tls {
            None => Tls::default(),
            Some(tls) => self.tls(tls)?,
        };
        Ok(Dial { http, tls, proxy: self.proxy(dial)?, resolve: self.resolve(dial)? })
    }

    fn tls(&self, tls: &TlsSettings) -> Result<Tls, Fault> {
        let cert = self.pem(tls.cert.as_ref())?;
        let key = self.pem(tls.key.as_ref())?;
        Ok(Tls {
            ca: self.pem(tls.ca_file.as_ref())?,
            // One file may hold both.
            identity: cert
                .map(|chain| Identity { key: key.unwrap_or_else(|| Arc::clone(&chain)), chain }),
            server_name: match &tls.server_name {
                Some(name) => self.text(name)?.map(|(name, _)| name),
                None => None,
            },
            insecure: match &tls.insecure {
                Some(insecure) => self.late(insecure)?,
                None => false,
            },
        })
    }

    fn pem(&self, file: Option<&FilePath>) -> Result<Option<Arc<[u8]>>, Fault> {
        let Some(file) = file else { return Ok(None) };
        let Some((path, _)) = self.text(&file.path)? else { return Ok(None) };
        Ok(self.files.read(&path, file.place)?.map(Arc::from))
    }

    fn proxy(&self, dial: &check::Dial) -> Result<ProxyChoice, Fault> {
        let Some((value, place)) = &dial.proxy else { return Ok(ProxyChoice::Environment) };
        Ok(match self.text(value)? {
            None => ProxyChoice::Environment,
            Some((text, _)) if text == "none" => ProxyChoice::Direct,
            Some((text, _)) if check::is_proxy(&text) => ProxyChoice::Url(text),
            Some(_) => {
                return Err(Box::new(
                    Finding::error(Code::BadUrl, "not the URL of a proxy")
                        .at(*place, "what this rendered to")
                        .help("a proxy is written `http://proxy.example.com:3128`"),
                ));
            }
        })
    }

    fn resolve(&self, dial: &check::Dial) -> Result<Vec<(String, Vec<SocketAddr>)>, Fault> {
        let mut resolved = Vec::with_capacity(dial.resolve.len());
        for (host, value, place) in &dial.resolve {
            let Some((text, _)) = self.text(value)? else { continue };
            let Ok(address) = text.parse::<IpAddr>() else {
                return Err(Box::new(
                    Finding::error(Code::BadValue, format!("`{text}` is not an address"))
                        .at(*place, "what this rendered to")
                        .help("an address is written as `127.0.0.1` or `::1`"),
                ));
            };
            // The port is that of the URL.
            resolved.push((host.clone(), vec![SocketAddr::new(address, 0)]));
        }
        Ok(resolved)
    }
}
