use serde_json::json;

use super::*;

use crate::report::fixture;
use crate::report::style::width;

fn show(events: &[Event], style: Style, options: Options) -> String {
    let mut terminal = Terminal::new(style, options);
    terminal.stored_at(".planrun/runs/20261122T153100-a1b2");
    events.iter().map(|event| terminal.take(event)).collect()
}

fn plain(events: &[Event]) -> String {
    show(events, Style::default(), Options::default())
}

/// Lines that are long on purpose: they are to be copied.
fn copied(line: &str) -> bool {
    line.starts_with("  curl ") || line.starts_with("  again ")
}

/// What every line must hold: no control character, at most 80 columns unless it is to be copied.
fn fits(text: &str) {
    for line in text.lines() {
        assert!(!line.chars().any(char::is_control), "{line:?}");
        assert!(copied(line) || width(line) <= 80, "{line}");
    }
}

#[test]
fn a_run_in_which_everything_happens() {
    let text = plain(&fixture::run());
    fits(&text);
    insta::assert_snapshot!(text);
}

#[test]
fn a_run_that_passes_is_short() {
    let mut events = fixture::beginning(1);
    events.extend(fixture::job(0, vec![fixture::direct(200, &json!({"is_valid": true}))]));
    events.push(fixture::end());
    insta::assert_snapshot!(plain(&events));
}
