//! The environment file as typed data, and what is known of an environment once it is put together.

#[cfg(test)]
mod corpus;
mod merged;
mod parse;
mod taps;

pub use merged::Environment;
pub use parse::parse;
pub use taps::{Mode, TapAst};

use std::time::Duration;

use crate::plan::{RequestOptions, Templated};
use crate::source::{Place, SourceId, Spanned};
use crate::yaml::{Entry, Node};

/// An environment file as written.
#[derive(Debug, Clone, PartialEq)]
pub struct EnvironmentFile {
    /// The file.
    pub source: SourceId,
    /// `environment:`, the name.
    pub name: Spanned<String>,
    /// Another environment, merged under this one.
    pub extends: Option<Spanned<String>>,
    /// Variables: any value, templates over `services` and `env` inside.
    pub vars: Vec<Entry>,
    /// Where secrets come from.
    pub secrets: Vec<SecretSource>,
    /// What requests have in common; a plan's own come over them.
    pub defaults: RequestOptions,
    /// The only origins that a URL out of a response may lead to, where they are stated; templates
    /// inside.
    pub allow_origins: Option<Vec<Node>>,
    /// What is started before the run.
    pub services: Vec<ServiceAst>,
    /// What stands between the system under test and its dependencies.
    pub taps: Vec<TapAst>,
    /// Whether requests that may write need `--allow-writes`.
    pub protected: Option<Spanned<bool>>,
}

/// Where one secret comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct SecretSource {
    /// The secret's name.
    pub name: Spanned<String>,
    /// Its source.
    pub source: SourceOfSecret,
    /// Where the source is written.
    pub place: Place,
}

/// The kinds of sources that an environment can name.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceOfSecret {
    /// `{env_var: NAME}`: a variable of the process.
    EnvVar(String),
    /// `{file: path}`, relative to the environment file.
    File(String),
    /// `{value: "${{ services.… }}"}`: what a service gives.
    Value(Node),
    /// `{command: [program, argument, …]}`: what it prints; templates inside.
    Command(Vec<Node>),
    /// `{prompt: true}`: asked for on the terminal.
    Prompt,
}

/// A service that an environment needs.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceAst {
    /// Its name, for `services.NAME.…`.
    pub name: Spanned<String>,
    /// What it is.
    pub work: ServiceWork,
}

/// What a service is.
#[derive(Debug, Clone, PartialEq)]
pub enum ServiceWork {
    /// `builtin: demo`, the only one that is built in.
    Demo {
        /// Where that is written.
        place: Place,
        /// `fault:`, a text.
        fault: Option<Node>,
        /// `auth_url:`, a URL.
        auth_url: Option<Node>,
    },
    /// `run: [program, argument, …]`.
    Command {
        /// Where that is written.
        place: Place,
        /// The program with its arguments; templates inside.
        run: Vec<Node>,
        /// `ready:`, a URL.
        ready: Node,
        /// `timeout:`; 60 s if absent.
        timeout: Option<Spanned<Templated<Duration>>>,
    },
}

/// What the check phase knows of an environment: names, not values.
///
/// Without an environment nothing is known of it, and what is unknown is never wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvironmentShape {
    /// Its name.
    pub name: String,
    /// The variables that it has, those from `--var` and the process included.
    pub vars: Vec<String>,
    /// The secrets that have a value.
    pub secrets: Vec<String>,
    /// Its taps.
    pub taps: Vec<TapShape>,
}

/// A tap, as far as plans have a say in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapShape {
    /// Its name, where it is written.
    pub name: Spanned<String>,
    /// The contract that its requests are held against, where it names one.
    pub contract: Option<Spanned<String>>,
}
