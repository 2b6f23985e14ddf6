//! The two streams. What a person or script asked for goes to stdout, what went wrong to stderr; a reader who closed
//! the pipe has seen enough.

use std::io::{Write as _, stderr, stdout};

pub(super) fn say(line: &str) {
    let _ = writeln!(stdout(), "{line}");
}

pub(super) fn complain(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}
