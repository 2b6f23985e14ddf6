//! Which Python runs a model: the one that `model.toml` names, else that of the server's settings, else that of the virtual
//! environment that is active, else `python3`.

use std::fmt;
use std::path::{Path, PathBuf};

/// A program to start, and who named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interpreter {
    pub(super) program: PathBuf,
    pub(super) named_by: &'static str,
}

impl fmt::Display for Interpreter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "'{}' (by {})", self.program.display(), self.named_by)
    }
}

/// Where interpreters are, besides what a model says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Surroundings<'a> {
    /// An interpreter, or an environment.
    pub(super) configured: Option<&'a Path>,
    /// An environment.
    pub(super) virtual_env: Option<&'a Path>,
}

/// Chooses; a relative path with a folder in it is one within the model's folder.
pub(super) fn choose(asked: Option<&str>, surroundings: Surroundings<'_>, folder: &Path) -> Interpreter {
    if let Some(asked) = asked {
        let path = Path::new(asked);
        let program = if path.components().count() > 1 { folder.join(path) } else { path.to_owned() };
        return Interpreter { program, named_by: "'python' in model.toml" };
    }
    match surroundings {
        Surroundings { configured: Some(path), .. } => Interpreter { program: within(path), named_by: "--python" },
        Surroundings { virtual_env: Some(path), .. } => Interpreter { program: within(path), named_by: "VIRTUAL_ENV" },
        Surroundings { .. } => Interpreter { program: PathBuf::from("python3"), named_by: "the default" },
    }
}

/// The interpreter of an environment; the path itself where it is one; a command where it is but a name.
fn within(path: &Path) -> PathBuf {
    if path.components().count() == 1 && !path.exists() {
        return path.to_owned();
    }
    // The process starts in another folder; a link is kept, for an environment is known by it.
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    if path.is_file() { path } else { path.join("bin/python") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_counts() {
        let program = |asked: Option<&str>, environment: Option<&str>| {
            let surroundings = Surroundings { configured: None, virtual_env: environment.map(Path::new) };
            choose(asked, surroundings, Path::new("/models/spam")).program.display().to_string()
        };
        assert_eq!(program(None, None), "python3");
        assert_eq!(program(None, Some("/venv")), "/venv/bin/python");
        assert_eq!(program(Some("python3.12"), Some("/venv")), "python3.12");
        assert_eq!(program(Some(".venv/bin/python"), None), "/models/spam/.venv/bin/python");
        assert_eq!(program(Some("/opt/bin/python"), None), "/opt/bin/python");
    }
}
