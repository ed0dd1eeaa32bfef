//! The `planrun` command.

fn main() {}
