//! Owes the parsers typed values out of nodes: one finding for each bad value, none hidden.

use serde::de::DeserializeOwned;
use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use super::Templated;
use super::keys::{HOMES, KeyDoc, METHODS, REQUEST, RESERVED, STEP, habit};
use crate::finding::{Code, Finding, nearest};
use crate::source::{Place, Spanned};
use crate::units::{UnitFault, parse_duration, parse_size};
use crate::yaml::{Entry, Key, Kind, Node};

/// Collects what is wrong while nodes become typed values.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// In the order in which they were found.
    pub(crate) findings: Vec<Finding>,
}

/// The sound entries of a mapping: known, built, with a value.
#[derive(Debug)]
pub(crate) struct Fields<'n> {
    sound: Vec<&'n Entry>,
    /// All keys that are there, sound or not: what was meant by an unknown key included.
    named: Vec<&'n str>,
}

impl<'n> Fields<'n> {
    /// The entry under a key.
    pub(crate) fn get(&self, key: &str) -> Option<&'n Entry> {
        self.sound.iter().copied().find(|entry| entry.key.value == key)
    }

    /// The value under a key.
    pub(crate) fn value(&self, key: &str) -> Option<&'n Node> {
        self.get(key).map(|entry| &entry.value)
    }

    /// Whether a key is there, even with nothing behind it or misspelt.
    pub(crate) fn names(&self, key: &str) -> bool {
        self.named.contains(&key)
    }

    /// The entries whose keys are among those of a table.
    pub(crate) fn of(&self, table: &[KeyDoc]) -> Vec<&'n Entry> {
        let known = |entry: &&&Entry| table.iter().any(|key| key.name == entry.key.value);
        self.sound.iter().filter(known).copied().collect()
    }
}

impl Reader {
    /// Adds a finding.
    pub(crate) fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Adds a wrong type at a node: what is wanted, and how it is written.
    pub(crate) fn wrong(&mut self, node: &Node, wanted: impl Display, write: impl Display) {
        let mut finding = Finding::error(
            Code::WrongType,
            format!("{wanted} is wanted here, not {}", node.kind_name()),
        )
        .at(node.place, "")
        .help(format!("write `{write}`"));
        if let Some((name, rest)) = node.as_str().and_then(glued_colon) {
            finding = finding.help(format!("YAML wants a space after the colon: `{name}: {rest}`"));
        }
        self.push(finding);
    }

    /// The entries of a mapping whose keys the tables know; the others are findings.
    pub(crate) fn fields<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        tables: &[&'static [KeyDoc]],
    ) -> Fields<'n> {
        let mut fields = Fields { sound: Vec::new(), named: Vec::new() };
        if !matches!(node.kind, Kind::Map(_)) {
            let example =
                tables.iter().copied().flatten().next().map_or("key: value", |k| k.example);
            if node.kind != Kind::Empty {
                self.wrong(node, format_args!("a mapping ({what})"), example);
            }
            return fields;
        }
        for entry in node.entries() {
            let name = entry.key.value.as_str();
            let known = tables.iter().copied().flatten().find(|key| key.name == name);
            match known {
                Some(key) if !key.built => {
                    fields.named.push(key.name);
                    self.not_yet(&entry.key);
                }
                Some(key) => {
                    fields.named.push(key.name);
                    if entry.value.kind != Kind::Empty {
                        fields.sound.push(entry);
                    }
                }
                None => fields.named.extend(self.unknown_key(&entry.key, what, tables)),
            }
        }
        fields
    }

    /// A key of the language that this version does not carry out.
    pub(crate) fn not_yet(&mut self, key: &Key) {
        let finding = Finding::error(
            Code::NotYet,
            format!(
                "`{}` belongs to the language, but this version does not run it yet",
                key.value
            ),
        )
        .at(key.place, "")
        .help("remove it: a key that is ignored would pass by accident");
        self.push(finding);
    }

    /// An unknown key; gives the key that was probably meant.
    pub(crate) fn unknown_key(
        &mut self,
        key: &Key,
        what: &str,
        tables: &[&'static [KeyDoc]],
    ) -> Option<&'static str> {
        let names = || tables.iter().copied().flatten().map(|key| key.name);
        let mut finding =
            Finding::error(Code::UnknownKey, format!("unknown key `{}` in {what}", key.value))
                .at(key.place, "");
        let habit = habit(&key.value, names());
        let home = if habit.is_none() { home(&key.value, tables) } else { None };
        let meant = if home.is_none() { nearest(&key.value, names()) } else { None };
        if let Some((_, called)) = habit {
            finding = finding.help(format!("here it is called `{called}`"));
        } else if let Some((home, known)) = home {
            finding = finding.help(format!("it is a key of {home}: `{}`", known.example));
        } else if let Some(meant) = meant {
            finding = finding.help(format!("did you mean `{meant}`?"));
        }
        let built: Vec<&str> =
            tables.iter().copied().flatten().filter(|key| key.built).map(|key| key.name).collect();
        // A long list beside a good suggestion would only hide it.
        if finding.help.is_empty() || (home.is_none() && built.len() <= 12) {
            finding = finding.help(format!("known here: {}", built.join(", ")));
        }
        self.push(finding);
        habit.map_or(meant, |(name, _)| Some(name))
    }

    /// A key that must be there.
    pub(crate) fn missing(&mut self, place: Place, what: &str, key: &str, example: &str) {
        let finding = Finding::error(Code::MissingKey, format!("{what} needs `{key}`"))
            .at(place, "")
            .help(format!("add `{example}`"));
        self.push(finding);
    }

    /// A text as it is sent; a number that YAML changed is a warning.
    pub(crate) fn text<'n>(&mut self, node: &'n Node, wanted: &str) -> Option<Cow<'n, str>> {
        let Some(text) = node.text_of() else {
            if node.kind != Kind::Empty {
                self.wrong(node, wanted, "\"…\"");
            }
            return None;
        };
        if let Kind::Number { written, .. } = &node.kind
            && *written != *text
        {
            let finding = Finding::warning(
                Code::YamlTrap,
                format!("`{written}` is a number for YAML: it is sent as `{text}`"),
            )
            .at(node.place, "")
            .help(format!("write `\"{written}\"` if the text is meant"));
            self.push(finding);
        }
        Some(text)
    }

    /// A text with its place.
    pub(crate) fn spanned(&mut self, node: &Node, wanted: &str) -> Option<Spanned<String>> {
        let text = self.text(node, wanted)?;
        Some(Spanned::new(text.into_owned(), node.place))
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, node: &Node, wanted: &str) -> Vec<Spanned<String>> {
        if !matches!(node.kind, Kind::List(_)) {
            let example = node.text_of().map_or("[…]".to_owned(), |text| format!("[{text}]"));
            self.wrong(node, format_args!("a list of {wanted}"), example);
            return Vec::new();
        }
        node.items().iter().filter_map(|item| self.spanned(item, wanted)).collect()
    }

    /// The entries of a mapping of names to values.
    pub(crate) fn entries<'n>(&mut self, node: &'n Node, wanted: &str, write: &str) -> &'n [Entry] {
        if !matches!(node.kind, Kind::Map(_) | Kind::Empty) {
            self.wrong(node, wanted, write);
        }
        node.entries()
    }

    /// Names with a scalar, or with a list of scalars that repeats the name.
    pub(crate) fn pairs(&mut self, node: &Node, wanted: &str, write: &str) -> Vec<Entry> {
        let mut pairs = Vec::new();
        for entry in self.entries(node, wanted, write) {
            let sound = match &entry.value.kind {
                Kind::List(items) => items.iter().all(|item| self.text(item, "a text").is_some()),
                Kind::Empty => false,
                Kind::Null
                | Kind::Bool(_)
                | Kind::Number { .. }
                | Kind::String(_)
                | Kind::Map(_) => self.text(&entry.value, "a text or a list of texts").is_some(),
            };
            if sound {
                pairs.push(entry.clone());
            }
        }
        pairs
    }

    /// The name of a file, a plan or an environment: a text that is not empty.
    pub(crate) fn title(&mut self, node: &Node, wanted: &str) -> Option<Spanned<String>> {
        let title = self.spanned(node, wanted)?;
        if title.value.trim().is_empty() {
            let finding = Finding::error(Code::BadValue, format!("{wanted} is empty"))
                .at(node.place, "")
                .help("write a name: reports show it");
            self.push(finding);
        }
        Some(title)
    }

    /// Headers: names that HTTP allows (RFC 9110 §5.6.2), each once, values without line breaks.
    pub(crate) fn headers(&mut self, node: &Node) -> Vec<Entry> {
        let headers = self.pairs(node, "a mapping of headers", "headers: {Accept: text/html}");
        for (n, entry) in headers.iter().enumerate() {
            let name = entry.key.value.as_str();
            if name.is_empty() || !name.chars().all(is_token) {
                let finding =
                    Finding::error(Code::BadValue, format!("`{name}` is no name of a header"))
                        .at(entry.key.place, "")
                        .help("letters, digits and `-`, such as `X-Request-Id`");
                self.push(finding);
            }
            let same = |other: &&Entry| other.key.value.eq_ignore_ascii_case(name);
            if let Some(first) = headers.iter().take(n).find(same) {
                let finding = Finding::error(
                    Code::Conflict,
                    format!("`{name}` and `{}` are the same header", first.key.value),
                )
                .at(entry.key.place, "")
                .at(first.key.place, "the first")
                .help("delete one; a list sends a header several times");
                self.push(finding);
            }
            for value in std::iter::once(&entry.value).chain(entry.value.items()) {
                if value.as_str().is_some_and(|text| text.contains(['\n', '\r'])) {
                    let finding =
                        Finding::error(Code::BadValue, "a header cannot hold a line break")
                            .at(value.place, "")
                            .help("write it in one line; `|-` and `>-` end without a line break");
                    self.push(finding);
                }
            }
        }
        headers
    }

    /// A single value as a Rust type, through `serde_yaml`.
    pub(crate) fn typed<T: DeserializeOwned>(
        &mut self,
        node: &Node,
        wanted: &str,
        write: &str,
    ) -> Option<T> {
        match serde_path_to_error::deserialize(node.to_yaml()) {
            Ok(value) => Some(value),
            Err(error) => {
                let mut bad = node;
                for segment in error.path() {
                    if let serde_path_to_error::Segment::Seq { index } = segment
                        && let Some(item) = bad.items().get(*index)
                    {
                        bad = item;
                    }
                }
                if let Kind::Number { written, .. } = &bad.kind {
                    let message = format!("`{written}` is not {wanted}");
                    let finding = Finding::error(Code::BadValue, message).at(bad.place, "");
                    self.push(finding.help(format!("write `{write}`")));
                } else {
                    self.wrong(bad, wanted, write);
                }
                None
            }
        }
    }

    /// A typed value, or a template that will give it.
    pub(crate) fn templated<T: DeserializeOwned>(
        &mut self,
        node: &Node,
        wanted: &str,
        write: &str,
    ) -> Option<Templated<T>> {
        if node.has_template() {
            return Some(Templated::Template(Box::new(node.clone())));
        }
        self.typed(node, wanted, write).map(Templated::Known)
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&mut self, node: &Node, words: &[(&str, T)]) -> Option<T> {
        let text = node.text_of().unwrap_or_default();
        let found = words.iter().find(|(word, _)| *word == text);
        if let Some((_, value)) = found {
            return Some(*value);
        }
        let names = || words.iter().map(|(word, _)| *word);
        let list = names().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ");
        if node.has_template() {
            let finding = Finding::error(Code::BadValue, "no template can stand here")
                .at(node.place, "")
                .help(format!("write {list}"));
            self.push(finding);
            return None;
        }
        let shown = if text.is_empty() { node.kind_name().to_owned() } else { format!("`{text}`") };
        let mut finding =
            Finding::error(Code::BadValue, format!("{shown} is not {list}")).at(node.place, "");
        if let Some(meant) = nearest(&text, names()) {
            finding = finding.help(format!("did you mean `{meant}`?"));
        }
        self.push(finding);
        None
    }

    /// One of a few words, or a template that will give it.
    pub(crate) fn templated_word<T: Copy>(
        &mut self,
        node: &Node,
        words: &[(&str, T)],
    ) -> Option<Spanned<Templated<T>>> {
        let word = if node.has_template() {
            Templated::Template(Box::new(node.clone()))
        } else {
            Templated::Known(self.word(node, words)?)
        };
        Some(Spanned::new(word, node.place))
    }

    /// A duration, or a template that will give it.
    pub(crate) fn duration(&mut self, node: &Node) -> Option<Templated<Duration>> {
        self.unit(node, Code::BadDuration, "a duration", parse_duration, ["s", "ms"])
    }

    /// A duration with its place.
    pub(crate) fn duration_at(&mut self, node: &Node) -> Option<Spanned<Templated<Duration>>> {
        self.duration(node).map(|value| Spanned::new(value, node.place))
    }

    /// A duration that is more than nothing, or a template that will give it.
    pub(crate) fn positive(&mut self, node: &Node, example: &str) -> Option<Templated<Duration>> {
        let duration = self.duration(node)?;
        if duration == Templated::Known(Duration::ZERO) {
            let finding = Finding::error(Code::BadDuration, "nothing is done in no time")
                .at(node.place, "")
                .help(format!("write for example `{example}`, or delete it"));
            self.push(finding);
        }
        Some(duration)
    }

    /// A limit in time with its place.
    pub(crate) fn limit_at(
        &mut self,
        node: &Node,
        example: &str,
    ) -> Option<Spanned<Templated<Duration>>> {
        self.positive(node, example).map(|value| Spanned::new(value, node.place))
    }

    /// What would pass whatever the server answers.
    pub(crate) fn asserts_nothing(&mut self, place: Place, message: &str, help: &str) {
        self.push(Finding::error(Code::EmptyValue, message).at(place, "").help(help));
    }

    /// A size in bytes, or a template that will give it.
    pub(crate) fn size(&mut self, node: &Node) -> Option<Templated<u64>> {
        self.unit(node, Code::BadSize, "a size", parse_size, ["MiB", "KiB"])
    }

    fn unit<T>(
        &mut self,
        node: &Node,
        code: Code,
        what: &str,
        parse: fn(&str) -> Result<T, UnitFault>,
        units: [&str; 2],
    ) -> Option<Templated<T>> {
        if node.has_template() {
            return Some(Templated::Template(Box::new(node.clone())));
        }
        let text = match &node.kind {
            Kind::Number { written, .. } => written.as_str(),
            Kind::String(text) => text.as_str(),
            Kind::Empty | Kind::Null | Kind::Bool(_) | Kind::List(_) | Kind::Map(_) => {
                self.wrong(node, what, format_args!("30{}", units[0]));
                return None;
            }
        };
        match parse(text) {
            Ok(value) => Some(Templated::Known(value)),
            Err(fault) => {
                let help = match &fault {
                    UnitFault::MissingUnit { number } => {
                        format!("write `{number}{}` or `{number}{}`", units[0], units[1])
                    }
                    UnitFault::Empty
                    | UnitFault::UnknownUnit { .. }
                    | UnitFault::NotANumber { .. }
                    | UnitFault::TooLarge => {
                        format!("write a number with a unit: `30{}`, `500{}`", units[0], units[1])
                    }
                };
                let finding = Finding::error(code, format!("not {what}: {fault}"))
                    .at(node.place, "")
                    .help(help);
                self.push(finding);
                None
            }
        }
    }

    /// A name or id that templates can use: `[a-z_][a-z0-9_]*`.
    pub(crate) fn name(&mut self, name: &str, place: Place, what: &str) -> Spanned<String> {
        // A template in a key has its finding.
        if !is_name(name) && !crate::yaml::has_template(name) {
            let finding =
                Finding::error(Code::BadName, format!("{what} cannot be called `{name}`"))
                    .at(place, "")
                    .help(match repaired(name) {
                        Some(better) => {
                            format!("write `{better}`: lower-case letters, digits and `_`")
                        }
                        None => {
                            "lower-case letters, digits and `_`, a letter or `_` first".to_owned()
                        }
                    });
            self.push(finding);
        }
        Spanned::new(name.to_owned(), place)
    }

    /// A bare name of a plan, which may not be one of the reserved words.
    pub(crate) fn own_name(&mut self, name: &str, place: Place, what: &str) -> Spanned<String> {
        if RESERVED.contains(&name) {
            let finding =
                Finding::error(Code::ReservedName, format!("`{name}` has a meaning of its own"))
                    .at(place, "")
                    .help(format!("choose another name, such as `my_{name}`"));
            self.push(finding);
        }
        self.name(name, place, what)
    }
}

/// Whether a character may stand in a token of HTTP (RFC 9110 §5.6.2).
pub(crate) fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

/// Whether a name matches `[a-z_][a-z0-9_]*`.
#[must_use]
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// The nearest name that is one: `User-Id` becomes `user_id`, `modelName` becomes `model_name`.
/// Where a key stands that is not known in a mapping with these tables, but in another.
fn home(name: &str, tables: &[&[KeyDoc]]) -> Option<(&'static str, &'static KeyDoc)> {
    let is_home = |table: &[KeyDoc]| HOMES.iter().any(|(_, homes)| homes.contains(&table));
    if !tables.iter().any(|table| is_home(table)) {
        return None;
    }
    HOMES.iter().find_map(|(home, known)| {
        let key = known.iter().copied().flatten().find(|key| key.name == name)?;
        Some((*home, key))
    })
}

fn repaired(name: &str) -> Option<String> {
    let mut better = String::new();
    let mut before_lower = false;
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            if c.is_ascii_uppercase() && before_lower {
                better.push('_');
            }
            better.push(c.to_ascii_lowercase());
        } else if !better.is_empty() && !better.ends_with('_') {
            better.push('_');
        }
        before_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    let better = better.trim_end_matches('_');
    let better = if better.starts_with(|c: char| c.is_ascii_digit()) {
        format!("_{better}")
    } else {
        better.to_owned()
    };
    is_name(&better).then_some(better)
}

/// `GET:/health`, a text where a key was meant; other texts may be private and are not repeated.
fn glued_colon(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.split_once(':')?;
    let is_key = [METHODS, STEP, REQUEST].into_iter().flatten().any(|key| key.name == name);
    (is_key && !rest.is_empty() && !rest.starts_with(' ')).then_some((name, rest))
}
