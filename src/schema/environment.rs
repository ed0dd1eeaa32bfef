//! Owes the shapes of environments and of the project file.

use serde_json::json;

use super::plan;
use super::request::defaults;
use super::shape::{
    Keys, Shape, any, boolean, duration, list, mapping, named, object, one_of, shape, string, text,
    title, word,
};
use crate::plan::keys;

/// The top level of an environment.
pub(super) const ENVIRONMENT: Keys = Keys { table: keys::ENVIRONMENT, shape: environment };
/// The top level of a project file.
pub(super) const PROJECT: Keys = Keys { table: keys::PROJECT, shape: project };

const DEFAULTS: Keys = Keys { table: keys::ENVIRONMENT_DEFAULTS_ONLY, shape: of_defaults };
const SECRET_SOURCE: Keys = Keys { table: keys::SECRET_SOURCE, shape: source };
const TAP: Keys = Keys { table: keys::TAP, shape: tap };
const SERVICE: Keys = Keys { table: keys::SERVICE, shape: service };

fn environment(key: &str) -> Option<Shape> {
    Some(match key {
        "environment" => title(),
        "extends" => text(),
        "vars" => {
            named("A variable: `env.NAME` in plans.", json!("https://registry.example.com"), any())
        }
        "secrets" => named(
            "Where the secret comes from: one source.",
            json!({"env_var": "API_KEY"}),
            one_of(&[SECRET_SOURCE]),
        ),
        "defaults" => defaults(&[DEFAULTS]),
        "allow_origins" => list(string(), 0),
        "services" => named(
            "What is started: the built-in registry, or a command.",
            json!({"builtin": "demo"}),
            object(&[SERVICE], &[]),
        ),
        "taps" => named(
            "A proxy that records what it passes on.",
            json!({"forward": "${{ env.auth_url }}"}),
            object(&[TAP], &["forward"]),
        ),
        "protected" => boolean(),
        _ => return None,
    })
}

fn project(key: &str) -> Option<Shape> {
    Some(match key {
        "project" => title(),
        "default_environment" | "requirements" => text(),
        "defaults" => defaults(&[]),
        "contracts" => plan::contracts(),
        "hints" => plan::hints(),
        _ => return None,
    })
}

fn of_defaults(key: &str) -> Option<Shape> {
    Some(match key {
        "proxy" => string(),
        "resolve" => mapping("The address of the host.", json!("127.0.0.1"), string()),
        _ => return None,
    })
}

fn source(key: &str) -> Option<Shape> {
    Some(match key {
        "env_var" | "file" => text(),
        "value" => shape(json!({"type": "string", "pattern": super::shape::TEMPLATE})),
        "prompt" => shape(json!({"enum": [true]})),
        "command" => list(text(), 1),
        _ => return None,
    })
}

fn service(key: &str) -> Option<Shape> {
    Some(match key {
        "builtin" => word(&["demo"]),
        "fault" => word(keys::FAULTS),
        "run" => list(text(), 1),
        "ready" | "auth_url" => string(),
        "timeout" => duration(),
        _ => return None,
    })
}

fn tap(key: &str) -> Option<Shape> {
    Some(match key {
        "listen" => shape(json!({"type": ["string", "integer"]})),
        "forward" => string(),
        "contract" => text(),
        "mode" => shape(json!({"enum": ["observe", "enforce"]})),
        _ => return None,
    })
}

/// Every table of this file, for the test that none of its keys lacks a shape.
#[cfg(test)]
pub(super) const TABLES: [Keys; 6] = [ENVIRONMENT, PROJECT, DEFAULTS, SECRET_SOURCE, SERVICE, TAP];
