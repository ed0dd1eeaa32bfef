//! The rules of redirects and origins: where a response may send a request, and what it may take along.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// A scheme, host and port: `https://registry.example.com`, `http://127.0.0.1:5000`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

impl Origin {
    /// The origin of an `http` or `https` URL; none for any other.
    #[must_use]
    pub fn of(url: &Url) -> Option<Self> {
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        Some(Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str()?.to_ascii_lowercase(),
            port: url.port_or_known_default()?,
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        let usual = if self.scheme == "https" { 443 } else { 80 };
        if self.port == usual { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// The origins that a URL out of a response may lead to (`allow_origins`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowOrigins(BTreeSet<Origin>);

impl AllowOrigins {
    /// Whether this origin is among them.
    #[must_use]
    pub fn contains(&self, origin: &Origin) -> bool {
        self.0.contains(origin)
    }

    /// Adds the origin of a URL, if it has one.
    pub fn add(&mut self, url: &Url) {
        self.0.extend(Origin::of(url));
    }

    /// All of them, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &Origin> {
        self.0.iter()
    }
}

impl FromIterator<Origin> for AllowOrigins {
    fn from_iter<I: IntoIterator<Item = Origin>>(origins: I) -> Self {
        Self(origins.into_iter().collect())
    }
}

/// Why a URL out of a response is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RedirectFault {
    /// A redirect without a `Location`, or with an empty one.
    NoLocation { status: u16 },
    /// A `Location` that is no URL.
    BadLocation { location: String },
    /// A scheme other than `http` and `https`.
    BadScheme { scheme: String },
    /// A user name or password in the URL.
    Userinfo,
    /// From `https` down to `http`.
    Downgrade { to: Origin },
    /// One redirect more than allowed.
    TooMany { limit: u32 },
    /// A 307 or 308 would carry a body that holds a secret to another origin.
    SecretBody { to: Origin },
    /// An origin that is not allowed.
    Foreign { to: Origin },
    /// A link-local or metadata address.
    Internal { host: String, address: Option<IpAddr> },
}

impl fmt::Display for RedirectFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLocation { status } => write!(f, "a {status} without a `Location`"),
            Self::BadLocation { location } => {
                write!(f, "the `Location` is not a URL: `{}`", location.escape_debug())
            }
            Self::BadScheme { scheme } => {
                write!(f, "the `Location` has the scheme `{scheme}`, which is never followed")
            }
            Self::Userinfo => f.write_str("the `Location` holds a user name"),
            Self::Downgrade { to } => write!(f, "the redirect leads from https down to `{to}`"),
            Self::TooMany { limit } => write!(f, "more than {limit} redirects"),
            Self::SecretBody { to } => {
                write!(f, "the redirect would carry a body with a secret to `{to}`")
            }
            Self::Foreign { to } => {
                write!(f, "a response leads to `{to}`, which is not among the allowed origins")
            }
            Self::Internal { host, address: None } => {
                write!(f, "a response leads to `{host}`, a link-local or metadata address")
            }
            Self::Internal { host, address: Some(address) } => write!(
                f,
                "a response leads to `{host}`, which is {address}, a link-local or metadata address"
            ),
        }
    }
}

/// Whether a status is one that a `Location` may follow.
pub(crate) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Resolves a `Location` against the URL that answered it.
pub(crate) fn target(
    from: &Url,
    status: u16,
    location: Option<&str>,
) -> Result<Url, RedirectFault> {
    let location = location.map(str::trim).filter(|text| !text.is_empty());
    let location = location.ok_or(RedirectFault::NoLocation { status })?;
    let to = from
        .join(location)
        .map_err(|_| RedirectFault::BadLocation { location: location.to_owned() })?;
    let Some(origin) = Origin::of(&to) else {
        return Err(RedirectFault::BadScheme { scheme: to.scheme().to_owned() });
    };
    if !to.username().is_empty() || to.password().is_some() {
        return Err(RedirectFault::Userinfo);
    }
    if from.scheme() == "https" && to.scheme() == "http" {
        return Err(RedirectFault::Downgrade { to: origin });
    }
    Ok(to)
}

/// The method after a redirect, as browsers do it: 303 turns all but HEAD into GET, 301 and 302
/// turn POST into GET, 307 and 308 keep it. The flag says whether the body goes along.
pub(crate) fn method_after(status: u16, method: &str) -> (&str, bool) {
    match (status, method) {
        (307 | 308, method) => (method, true),
        (_, "HEAD") => ("HEAD", false),
        (303, _) | (301 | 302, "POST") => ("GET", false),
        (_, method) => (method, true),
    }
}

/// Whether a header may go to another origin: nothing that names a credential does.
pub(crate) fn crosses_origins(name: &str, credentials: &[String]) -> bool {
    let known = ["authorization", "proxy-authorization", "cookie", "x-api-key", "referer", "host"];
    let telling = ["token", "secret", "password", "api-key", "apikey", "api_key", "credential"];
    !known.contains(&name)
        && !telling.iter().any(|part| name.contains(part))
        && !credentials.iter().any(|credential| credential.eq_ignore_ascii_case(name))
}

/// Refuses a URL out of a response whose host is a link-local or metadata address.
pub(crate) fn refuse_internal(url: &Url) -> Result<(), RedirectFault> {
    let internal = match url.host() {
        Some(Host::Ipv4(address)) => is_internal(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => is_internal(IpAddr::V6(address)),
        Some(Host::Domain(name)) => is_metadata_name(name),
        None => false,
    };
    if !internal {
        return Ok(());
    }
    let host = url.host_str().unwrap_or_default().to_owned();
    Err(RedirectFault::Internal { host, address: None })
}

/// Whether an address is link-local, or one where clouds keep their metadata.
pub(crate) fn is_internal(address: IpAddr) -> bool {
    const METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    // Alibaba's and Oracle's; all others are link-local.
    const METADATA_V4: [Ipv4Addr; 2] =
        [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)];
    match address {
        IpAddr::V4(v4) => v4.is_link_local() || METADATA_V4.contains(&v4),
        IpAddr::V6(v6) => {
            v6.is_unicast_link_local()
                || v6 == METADATA_V6
                || embedded_v4(v6).is_some_and(|v4| is_internal(IpAddr::V4(v4)))
        }
    }
}

/// The IPv4 address inside a mapped (`::ffff:a.b.c.d`), NAT64 (RFC 6052) or 6to4 address.
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, a, b] | [0x64, 0xff9b, 0, 0, 0, 0, a, b] | [0x2002, a, b, ..] => {
            Some(of(a, b))
        }
        _ => None,
    }
}

fn is_metadata_name(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    matches!(
        name.as_str(),
        "metadata.google.internal" | "metadata" | "instance-data" | "metadata.azure.internal"
    ) || name.ends_with(".metadata.google.internal")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL of the test")
    }

    fn led(from: &str, location: &str) -> Result<String, RedirectFault> {
        target(&url(from), 302, Some(location)).map(String::from)
    }

    #[test]
    fn a_location_is_resolved_against_the_url_that_answered() {
        assert_eq!(led("http://a.test/x/y?q", "z"), Ok("http://a.test/x/z".into()));
        assert_eq!(led("https://a.test/", "//b.test/p"), Ok("https://b.test/p".into()));
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        let from = url("https://a.test/");
        assert_eq!(target(&from, 302, None), Err(RedirectFault::NoLocation { status: 302 }));
        assert_eq!(target(&from, 307, Some(" ")), Err(RedirectFault::NoLocation { status: 307 }));
        for (location, scheme) in
            [("file:///etc/passwd", "file"), ("javascript:alert(1)", "javascript")]
        {
            assert_eq!(
                led("https://a.test/", location),
                Err(RedirectFault::BadScheme { scheme: scheme.into() })
            );
        }
        assert!(matches!(
            led("https://a.test/", "http://a.test/"),
            Err(RedirectFault::Downgrade { .. })
        ));
        assert!(matches!(
            led("https://a.test/", "https://u:p@b.test/"),
            Err(RedirectFault::Userinfo)
        ));
        assert!(matches!(
            led("https://a.test/", "https://["),
            Err(RedirectFault::BadLocation { .. })
        ));
    }

    #[test]
    fn methods_change_as_in_browsers() {
        assert_eq!(method_after(302, "POST"), ("GET", false));
        assert_eq!(method_after(301, "PUT"), ("PUT", true));
        assert_eq!(method_after(303, "PUT"), ("GET", false));
        assert_eq!(method_after(303, "HEAD"), ("HEAD", false));
        assert_eq!(method_after(307, "POST"), ("POST", true));
        assert_eq!(method_after(308, "DELETE"), ("DELETE", true));
    }

    #[test]
    fn credentials_stay_at_home_and_other_headers_travel() {
        let named = ["x-tenant".to_owned()];
        for name in ["authorization", "cookie", "x-api-key", "x-auth-token", "referer", "x-tenant"]
        {
            assert!(!crosses_origins(name, &named), "{name} crossed");
        }
        for name in ["accept", "content-type", "x-request-id"] {
            assert!(crosses_origins(name, &named), "{name} stayed");
        }
    }

    #[test]
    fn link_local_and_metadata_addresses_are_internal_in_every_spelling() {
        for text in [
            "http://169.254.169.254/",
            "http://2852039166/",
            "http://0xa9.0xfe.0xa9.0xfe/",
            "http://[fe80::1]/",
            "http://[fd00:ec2::254]/",
            "http://[::ffff:169.254.169.254]/",
            "http://[64:ff9b::a9fe:a9fe]/",
            "http://metadata.google.internal./",
            "http://METADATA.google.internal/",
        ] {
            assert!(refuse_internal(&url(text)).is_err(), "{text} passed");
        }
        for text in ["http://127.0.0.1/", "http://[::1]/", "http://10.0.0.1/", "http://a.test/"] {
            assert_eq!(refuse_internal(&url(text)), Ok(()), "{text} was refused");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let shown = |text| Origin::of(&url(text)).map(|origin| origin.to_string());
        assert_eq!(shown("https://A.test:443/x"), Some("https://a.test".into()));
        assert_eq!(shown("http://a.test:8080/"), Some("http://a.test:8080".into()));
        assert_eq!(shown("file:///x"), None);
        let mut allowed = AllowOrigins::default();
        allowed.add(&url("http://a.test/x"));
        let origin = |text| Origin::of(&url(text)).expect("an origin");
        assert!(allowed.contains(&origin("http://a.test:80/")));
        assert!(!allowed.contains(&origin("http://a.test:81/")));
        assert!(!allowed.contains(&origin("https://a.test/")));
    }
}
