//! YAML texts become trees that know the place of every key and value.

mod node;

pub use node::{Entry, Key, Kind, Node, Style};
