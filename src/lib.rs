//! planrun runs API test plans written in YAML and points at the line that failed.
//!
//! The rooms below stand in their order: a room uses only rooms that stand before it
//! (`tests/tidy.rs` holds the list). Data goes one way: files → plan → checked plan → events →
//! record → reports.

pub mod units;

pub mod json;

pub mod source;

pub mod secret;

pub mod finding;

pub mod yaml;

pub mod plan;

pub mod environment;

pub mod outcome;

pub mod template;

pub mod query;

pub mod predicate;

pub mod budget;

pub mod contract;

pub mod schema;

pub mod check;

pub mod event;

pub mod record;

pub mod compare;

pub mod requirement;

pub mod schedule;

pub mod project;

pub mod http;

#[cfg(feature = "demo")]
pub mod demo;

pub mod services;

pub mod run;

pub mod diagnose;

pub mod report;

pub mod cli;
