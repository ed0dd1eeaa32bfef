//! The files of the schemas for editors are what the binary prints.
//!
//! `PLANRUN_BLESS=1 cargo test --test schemas drift` writes the files anew.

#![cfg(all(unix, feature = "demo"))]
#![allow(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up fails; it reads the repository and runs the command"
)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use planrun::schema::{SchemaKind, text};

#[test]
fn drift() {
    for kind in SchemaKind::ALL {
        let name = kind.as_str();
        let path = root().join("schemas").join(format!("{name}.schema.json"));
        let printed = planrun(&["schema", name]);
        assert_eq!(printed, text(kind), "the command prints another schema than the library has");
        if fs::read_to_string(&path).is_ok_and(|there| there == printed) {
            continue;
        }
        assert!(
            std::env::var_os("PLANRUN_BLESS").is_some(),
            "schemas/{name}.schema.json is not what `planrun schema {name}` prints now; this \
             command writes it anew:\n\n    PLANRUN_BLESS=1 cargo test --test schemas drift\n"
        );
        fs::create_dir_all(root().join("schemas")).expect("a folder");
        fs::write(&path, printed).expect("the schema can be written");
    }
}

fn planrun(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_planrun"))
        .args(args)
        .stdin(Stdio::null())
        .output()
        .expect("planrun starts");
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
