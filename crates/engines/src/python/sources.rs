//! The Python side, as text in this build.

/// The script that an interpreter is started with: it takes the modules from the control socket.
pub(super) const BOOT: &str = include_str!("../../../../python/loadonce_worker/boot.py");

macro_rules! module {
    ($file:literal) => {
        include_str!(concat!("../../../../python/loadonce_worker/", $file, ".py"))
    };
}

/// The modules by name.
pub(super) const MODULES: [(&str, &str); 23] = [
    ("loadonce_worker", module!("__init__")),
    ("loadonce_worker.channel", module!("channel")),
    ("loadonce_worker.checks", module!("checks")),
    ("loadonce_worker.columns", module!("columns")),
    ("loadonce_worker.discover", module!("discover")),
    ("loadonce_worker.elements", module!("elements")),
    ("loadonce_worker.errors", module!("errors")),
    ("loadonce_worker.estimator", module!("estimator")),
    ("loadonce_worker.exchange", module!("exchange")),
    ("loadonce_worker.frames", module!("frames")),
    ("loadonce_worker.loading", module!("loading")),
    ("loadonce_worker.logs", module!("logs")),
    ("loadonce_worker.messages", module!("messages")),
    ("loadonce_worker.pickled", module!("pickled")),
    ("loadonce_worker.process", module!("process")),
    ("loadonce_worker.rows", module!("rows")),
    ("loadonce_worker.signature", module!("signature")),
    ("loadonce_worker.template", module!("template")),
    ("loadonce_worker.tensors", module!("tensors")),
    ("loadonce_worker.threads", module!("threads")),
    ("loadonce_worker.typed", module!("typed")),
    ("loadonce_worker.values", module!("values")),
    ("loadonce_worker.worker", module!("worker")),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_module_is_forgotten() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../python/loadonce_worker");
        let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "py"));
        let files: BTreeSet<_> = files.map(|file| file.file_stem().unwrap().display().to_string()).collect();
        let known = MODULES.iter().map(|(name, _)| match name.split_once('.') {
            Some((_, module)) => module.to_owned(),
            None => "__init__".to_owned(),
        });
        assert_eq!(known.chain(["boot".to_owned()]).collect::<BTreeSet<_>>(), files);
    }
}
