//! The layers, laid over each other.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::keys::{KEYS, Key};
use super::value::PATH_SEPARATOR;
use super::{Settings, Source, platform};

const PREFIX: &str = "LOADONCE_";

/// The file that is read when none is named.
const DEFAULT_FILE: &str = "loadonce.toml";

/// What was given, before anything is resolved.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers {
    /// The configuration file named by `--config`.
    pub(crate) file: Option<PathBuf>,
    /// The environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// Flags by the name of their setting.
    pub(crate) flags: Vec<(&'static str, String)>,
}

/// Where programs keep what they know of the user's machine (XDG Base Directory Specification, `XDG_STATE_HOME`).
fn state_folder(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    let folder = |name: &str| environment.get(name).filter(|path| !path.is_empty()).map(PathBuf::from);
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    Some(state.join("loadonce"))
}

/// Everything that is wrong with the settings, a line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistakes(pub(crate) Vec<String>);

/// A layer as text by key.
pub(super) type Entries = Vec<(String, String, Source)>;

impl Layers {
    /// Resolves the layers; the error has every mistake in all of them.
    pub(crate) fn resolve(self) -> Result<Settings, Mistakes> {
        let mut mistakes = Vec::new();
        let mut entries = self.file_entries(&mut mistakes);
        let given = self.given();
        entries.extend(platform::entries(&self.environment));
        entries.extend(self.environment_entries());
        entries.extend(self.flags.into_iter().map(|(key, text)| {
            let flag = match key {
                "models" => "PATH".to_owned(),
                "grpc" => "--no-grpc".to_owned(),
                _ => format!("--{}", key.replace('_', "-")),
            };
            (key.to_owned(), text, Source::Flag(flag))
        }));
        let mut settings = Settings::default();
        for (name, text, source) in entries {
            if let Err(mistake) = apply(&mut settings, &name, &text, source) {
                mistakes.push(mistake);
            }
        }
        settings.given = given;
        settings.state = settings.state.take().or_else(|| state_folder(&self.environment));
        mistakes.extend(settings.contradictions());
        if mistakes.is_empty() { Ok(settings) } else { Err(Mistakes(mistakes)) }
    }

    fn given(&self) -> BTreeMap<String, String> {
        let flags = self.flags.iter().filter(|(key, _)| *key != "models");
        let flags = flags.map(|(key, text)| (format!("{PREFIX}{}", key.to_ascii_uppercase()), text.clone()));
        let file = self.file.iter().map(|file| ("LOADONCE_CONFIG".to_owned(), file.display().to_string()));
        flags.chain(file).collect()
    }

    fn file_entries(&self, mistakes: &mut Vec<String>) -> Entries {
        let named = self.file.clone().or_else(|| self.environment.get("LOADONCE_CONFIG").map(PathBuf::from));
        let path = named.clone().unwrap_or_else(|| DEFAULT_FILE.into());
        match std::fs::read_to_string(&path) {
            Ok(text) => parse_file(&path, &text, mistakes),
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                mistakes.push(format!("{}: cannot be read: {error}", path.display()));
                Vec::new()
            }
        }
    }

    fn environment_entries(&self) -> Entries {
        let ours = self.environment.iter().filter(|(name, _)| name.starts_with(PREFIX) && *name != "LOADONCE_CONFIG");
        ours.map(|(name, text)| {
            let key = name[PREFIX.len()..].to_ascii_lowercase();
            (key.clone(), listed(&key, text), Source::Environment(name.clone()))
        })
        .collect()
    }
}

/// In the environment, paths are separated as in `$PATH`.
fn listed(key: &str, text: &str) -> String {
    match key {
        "models" => text.split(':').collect::<Vec<_>>().join(PATH_SEPARATOR),
        _ => text.to_owned(),
    }
}

fn parse_file(path: &Path, text: &str, mistakes: &mut Vec<String>) -> Entries {
    let table: toml::Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            mistakes.push(format!("{}: not valid TOML: {}", path.display(), error.message().replace('\n', ", ")));
            return Vec::new();
        }
    };
    let mut entries = Vec::new();
    for (key, value) in table {
        match as_text(&value) {
            Some(text) => entries.push((key, text, Source::File(path.to_owned()))),
            None => mistakes.push(format!("{}: '{key}' cannot be a {}", path.display(), value.type_str())),
        }
    }
    entries
}

/// A scalar as it stands, a list of strings as paths.
fn as_text(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(_) | toml::Value::Float(_) | toml::Value::Boolean(_) => Some(value.to_string()),
        toml::Value::Array(items) => {
            let paths: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
            Some(paths?.join(PATH_SEPARATOR))
        }
        toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}

fn apply(settings: &mut Settings, name: &str, text: &str, source: Source) -> Result<(), String> {
    let Some(key) = KEYS.iter().find(|key| key.name == name) else {
        return Err(format!("{source}: unknown setting '{name}'{}", hint(name)));
    };
    (key.set)(settings, text).map_err(|mistake| match &source {
        Source::File(_) => format!("{source}: {name}: {mistake}"),
        _ => format!("{source}: {mistake}"),
    })?;
    settings.sources.insert(key.name, source);
    Ok(())
}

/// The nearest known name, where one is near.
fn hint(name: &str) -> String {
    let near = |key: &&Key| key.name.starts_with(name) || name.starts_with(key.name) || same_letters(key.name, name);
    match KEYS.iter().find(near) {
        Some(key) => format!("; did you mean '{}'?", key.name),
        None => format!("; known are {}", KEYS.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")),
    }
}

fn same_letters(one: &str, other: &str) -> bool {
    let letters = |text: &str| {
        let mut letters: Vec<_> = text.bytes().filter(u8::is_ascii_alphabetic).collect();
        letters.sort_unstable();
        letters
    };
    letters(one) == letters(other)
}

impl fmt::Display for Mistakes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use super::*;

    fn layers(
        file: &str,
        environment: &[(&str, &str)],
        flags: &[(&'static str, &str)],
    ) -> (tempfile::NamedTempFile, Layers) {
        let mut on_disk = tempfile::NamedTempFile::new().unwrap();
        on_disk.write_all(file.as_bytes()).unwrap();
        let environment = environment.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let flags = flags.iter().map(|(name, text)| (*name, (*text).to_owned())).collect();
        let layers = Layers { file: Some(on_disk.path().to_owned()), environment, flags };
        (on_disk, layers)
    }

    #[test]
    fn later_layers_win_and_the_source_is_kept() {
        let file = "port = 1\nthreads = 3\ndrain_delay = 2.5\nmodels = ['a', 'b']";
        let environment = [("LOADONCE_PORT", "2"), ("LOADONCE_KEEP_GOING", "true"), ("PATH", "/bin")];
        let (on_disk, layers) = layers(file, &environment, &[("port", "3")]);
        let settings = layers.resolve().unwrap();
        assert_eq!((settings.port, settings.threads, settings.keep_going), (Some(3), 3, true));
        assert_eq!(settings.drain_delay, Duration::from_millis(2500));
        assert_eq!(settings.models, [PathBuf::from("a"), PathBuf::from("b")]);
        let printed = settings.print();
        let path = on_disk.path().display().to_string();
        for line in ["port = 3", "threads = 3", "models = [\"a\", \"b\"]", "# startup_timeout is not set"] {
            assert!(printed.contains(line), "{line} in {printed}");
        }
        let source = |key: &str| printed.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
        assert!(source("port").ends_with("# --port"));
        assert!(source("keep_going").ends_with("# LOADONCE_KEEP_GOING"));
        assert!(source("threads").ends_with(&path));
        assert!(source("host").ends_with("# default"));
    }

    #[test]
    fn what_is_printed_is_a_configuration_file() {
        let (_file, layers) = layers("", &[], &[("models", "x"), ("startup_timeout", "90s")]);
        let settings = layers.resolve().unwrap();
        let mut again = tempfile::NamedTempFile::new().unwrap();
        again.write_all(settings.print().as_bytes()).unwrap();
        let reread = Layers { file: Some(again.path().to_owned()), ..Layers::default() }.resolve().unwrap();
        // Where they come from is another matter.
        let values = |settings| Settings { sources: BTreeMap::new(), given: BTreeMap::new(), ..settings };
        assert_eq!(values(reread), values(settings));
    }

    #[test]
    fn all_mistakes_of_all_layers_are_told_at_once() {
        let (_file, layers) = layers(
            "prot = 1\nport = 'x'\nlog = 'loud'\n[section]",
            &[("LOADONCE_THREADS", "0"), ("LOADONCE_NONSENSE", "1")],
            &[("drain_delay", "soon")],
        );
        let Mistakes(mistakes) = layers.resolve().unwrap_err();
        let expected = [
            "'section' cannot be a table",
            "unknown setting 'prot'; did you mean 'port'?",
            "port: expected a port from 0 to 65535, or off, got 'x'",
            "log: expected text or json, got 'loud'",
            "LOADONCE_THREADS: expected a whole number from 1 to 1024, got '0'",
            "LOADONCE_NONSENSE: unknown setting 'nonsense'; known are",
            "--drain-delay: expected a time such as 500ms, 30s or 5m, got 'soon'",
        ];
        assert_eq!(mistakes.len(), expected.len(), "{mistakes:?}");
        for text in expected {
            assert!(mistakes.iter().any(|mistake| mistake.contains(text)), "{text} in {mistakes:?}");
        }
    }
}
