//! A tap as written: where it listens, what it stands for, and what its requests are held against.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::parse::web_address;
use crate::finding::{Code, Finding};
use crate::plan::{Reader, keys};
use crate::source::{Place, Spanned};
use crate::yaml::{Kind, Node};

/// A recording proxy between the system under test and one of its dependencies.
#[derive(Debug, Clone, PartialEq)]
pub struct TapAst {
    /// Its name: `taps.NAME.url` here, `hops: {NAME: …}` in plans.
    pub name: Spanned<String>,
    /// `listen:`, an address on loopback; port 0 is a free one.
    pub listen: Option<Spanned<SocketAddr>>,
    /// `forward:`, a URL.
    pub forward: Node,
    /// `contract:`, the name of one that plans or the project have.
    pub contract: Option<Spanned<String>>,
    /// `mode:`.
    pub mode: Mode,
    /// Where the mode is written.
    pub mode_place: Option<Place>,
}

/// What a tap does with a request that breaks its contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Passes it on all the same.
    #[default]
    Observe,
    /// Answers 502 itself.
    Enforce,
}

/// The taps of an environment file.
pub(super) fn taps(reader: &mut Reader, node: &Node) -> Vec<TapAst> {
    let write = "taps: {auth: {forward: \"${{ env.auth_url }}\"}}";
    let entries = reader.entries(node, "a mapping of taps", write).to_vec();
    let mut taps = Vec::new();
    for entry in &entries {
        let name = reader.name(&entry.key.value, entry.key.place, "a tap");
        let fields = reader.fields(&entry.value, "a tap", &[keys::TAP]);
        if !matches!(entry.value.kind, Kind::Map(_)) {
            continue;
        }
        let listen = fields.value("listen").and_then(|node| listen(reader, node));
        let contract = fields.value("contract");
        let contract = contract.and_then(|node| reader.spanned(node, "the name of a contract"));
        let words = [("observe", Mode::Observe), ("enforce", Mode::Enforce)];
        let mode = fields.value("mode").and_then(|node| reader.word(node, &words));
        let mode_place = fields.value("mode").map(|node| node.place);
        if let (Some(Mode::Enforce), None, Some(place)) = (mode, &contract, mode_place)
            && !fields.names("contract")
        {
            let finding = Finding::error(Code::Conflict, "there is no contract to enforce")
                .at(place, "")
                .help("name one beside it: `contract: auth`");
            reader.push(finding);
        }
        if !fields.names("forward") {
            let example = "forward: ${{ env.auth_url }}";
            reader.missing(entry.key.place, "a tap", "forward", example);
        }
        let forward = fields.value("forward").and_then(|node| web_address(reader, node));
        let mode = mode.unwrap_or_default();
        taps.extend(forward.map(|forward| TapAst {
            name,
            listen,
            forward,
            contract,
            mode,
            mode_place,
        }));
    }
    taps
}

/// An address on loopback: whoever reaches a tap speaks to the dependency.
fn listen(reader: &mut Reader, node: &Node) -> Option<Spanned<SocketAddr>> {
    let text = reader.spanned(node, "an address")?;
    let written = text.value.trim();
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let (host, port) = match written.rsplit_once(':') {
        Some((host, port)) => (host, port),
        None => ("", written),
    };
    let host = match host.trim_matches(['[', ']']) {
        "" | "localhost" => Some(local),
        host => host.parse().ok(),
    };
    match (host, port.parse::<u16>()) {
        (Some(host), Ok(port)) if host.is_loopback() => {
            Some(Spanned::new(SocketAddr::new(host, port), text.place))
        }
        (Some(host), Ok(port)) => {
            let message = format!("a tap listens on loopback alone, not on `{host}`");
            let finding = Finding::error(Code::BadValue, message)
                .at(text.place, "")
                .help(format!("write `127.0.0.1:{port}`"));
            reader.push(finding);
            None
        }
        _ => {
            let message = format!("`{written}` is not an address to listen on");
            let finding = Finding::error(Code::BadValue, message)
                .at(text.place, "")
                .help("write `127.0.0.1:9100`, or leave it out: a free port is taken then");
            reader.push(finding);
            None
        }
    }
}
