//! The rule that chooses an engine for an ONNX model: a function of what is known before anything is loaded.

use std::fmt;

use loadonce_core::{LoadError, LoadErrorKind};
use loadonce_engines::onnx::advice;

/// What the choice depends on.
#[derive(Clone, Debug)]
pub(super) struct Question<'a> {
    /// The engine that `model.toml` asks for.
    pub(super) asked: Option<&'a str>,
    /// Names of the engines that this build has, without ONNX Runtime.
    pub(super) embedded: &'a [&'static str],
    /// Whether the ONNX Runtime library is there.
    pub(super) onnx_runtime: Availability,
    /// Whether some operator is of `ai.onnx.ml`, the domain of classical models.
    pub(super) is_classical: bool,
    /// Operators of the model that the tabular engine lacks.
    pub(super) tabular_lacks: Vec<String>,
    /// Why rten cannot be trusted with the model, if so.
    pub(super) rten_refuses: Option<String>,
    /// A domain of some operator that no engine has.
    pub(super) custom_domain: Option<String>,
}

/// What is known of the ONNX Runtime library before it is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(all(not(feature = "onnxruntime"), not(test)), expect(dead_code, reason = "this build looks for none"))]
pub(super) enum Availability {
    /// It was found.
    Found,
    /// It was looked for in vain, there.
    Missing(Vec<String>),
    /// It is not to be used, for this reason.
    Without(&'static str),
}

/// The settings say to do without.
#[cfg_attr(
    all(not(feature = "onnxruntime"), not(test)),
    expect(dead_code, reason = "this build has none to switch off")
)]
pub(super) const SWITCHED_OFF: Availability = Availability::Without("ONNX Runtime is switched off");

/// This build cannot use it.
#[cfg_attr(all(feature = "onnxruntime", not(test)), expect(dead_code, reason = "this build can"))]
pub(super) const NOT_BUILT: Availability = Availability::Without("this build is without ONNX Runtime");

pub(super) const TABULAR: &str = "tabular";
pub(super) const RTEN: &str = "rten";
pub(super) const ONNX_RUNTIME: &str = "onnxruntime";

/// The command that gets ONNX Runtime where Python is.
pub(super) const INSTALL: &str = advice::INSTALL_ONNX_RUNTIME;

impl Question<'_> {
    /// The engine and why, in a clause. Nothing falls back later: a model whose engine cannot load it fails.
    pub(super) fn choose(&self) -> Result<(&'static str, String), LoadError> {
        if let Some(asked) = self.asked {
            return self.asked_for(asked).map(|engine| (engine, format!("model.toml asks for {asked}")));
        }
        if self.is_classical && self.tabular_runs() {
            return Ok((TABULAR, "tabular has every operator, and is fastest".to_owned()));
        }
        if self.onnx_runtime == Availability::Found {
            return Ok((ONNX_RUNTIME, "ONNX Runtime runs all of ONNX".to_owned()));
        }
        if !self.is_classical && self.embedded.contains(&RTEN) && self.rten_refuses.is_none() {
            return Ok((RTEN, format!("a neural network; {}", self.onnx_runtime)));
        }
        if self.tabular_runs() {
            return Ok((TABULAR, format!("tabular has every operator; {}", self.onnx_runtime)));
        }
        Err(self.nobody())
    }

    fn tabular_runs(&self) -> bool {
        self.embedded.contains(&TABULAR) && self.tabular_lacks.is_empty()
    }

    fn asked_for(&self, asked: &str) -> Result<&'static str, LoadError> {
        if let Some(engine) = self.embedded.iter().find(|engine| **engine == asked) {
            return Ok(engine);
        }
        if asked != ONNX_RUNTIME {
            let known: Vec<_> = self.embedded.iter().chain([&ONNX_RUNTIME]).copied().collect();
            let detail = format!("engine '{asked}' is not there; this build has {}", known.join(", "));
            return Err(missing(detail).advise("correct 'engine' in model.toml, or remove it"));
        }
        let asks = "model.toml asks for engine 'onnxruntime', but";
        match &self.onnx_runtime {
            Availability::Found => Ok(ONNX_RUNTIME),
            Availability::Missing(tried) => {
                let detail = format!("{asks} ONNX Runtime was not found in {}", tried.join(", "));
                Err(missing(detail).advise(format!("{INSTALL}, or name the library with --onnxruntime")))
            }
            Availability::Without(reason) => {
                Err(missing(format!("{asks} {reason}")).advise("change that, or remove 'engine' from model.toml"))
            }
        }
    }

    /// No engine of those that are there runs the model.
    fn nobody(&self) -> LoadError {
        let mut reasons = Vec::new();
        if !self.tabular_lacks.is_empty() && self.is_classical {
            reasons.push(format!("tabular lacks {}", self.tabular_lacks.join(", ")));
        }
        if let Some(reason) = self.rten_refuses.as_ref().filter(|_| !self.is_classical) {
            reasons.push(format!("rten: {reason}"));
        }
        let detail = format!("no engine here runs this model; {}", reasons.join("; "));
        let advice = match (&self.custom_domain, &self.onnx_runtime) {
            (Some(domain), _) => advice::no_engine(domain),
            (None, Availability::Without(reason)) => format!("ONNX Runtime runs it, but {reason}"),
            _ => format!("install ONNX Runtime, which runs it: {INSTALL}"),
        };
        LoadError::new(LoadErrorKind::Unsupported, detail.trim_end_matches("; ")).advise(advice)
    }
}

impl fmt::Display for Availability {
    /// As the second half of a reason.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Found => "ONNX Runtime is installed",
            Self::Missing(_) => "ONNX Runtime is not installed",
            Self::Without(reason) => reason,
        })
    }
}

fn missing(detail: String) -> LoadError {
    LoadError::new(LoadErrorKind::EngineMissing, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONV: &[&str] = &["ai.onnx.Conv"];
    const CUSTOM: &[&str] = &["com.acme.Foo"];
    const NONE: &[&str] = &[];

    /// A model: whether it is classical, what tabular lacks of it, whether rten takes it.
    type Model = (bool, &'static [&'static str], bool);

    const CLASSICAL: Model = (true, NONE, false);
    const CLASSICAL_WITH_CONV: Model = (true, CONV, false);
    const CLASSICAL_WITH_CUSTOM: Model = (true, CUSTOM, false);
    const NETWORK: Model = (false, CONV, true);
    const OLD_NETWORK: Model = (false, CONV, false);
    const OLD_PERCEPTRON: Model = (false, NONE, false);

    fn verdict(asked: Option<&str>, (is_classical, lacks, rten): Model, onnx_runtime: Availability) -> String {
        let question = Question {
            asked,
            embedded: &[TABULAR, RTEN],
            onnx_runtime,
            is_classical,
            tabular_lacks: lacks.iter().map(|name| (*name).to_owned()).collect(),
            rten_refuses: (!rten).then(|| "opset 9 is too old".to_owned()),
            custom_domain: lacks.contains(&"com.acme.Foo").then(|| "com.acme".to_owned()),
        };
        match question.choose() {
            Ok((engine, reason)) => format!("{engine}: {reason}"),
            Err(error) => format!("{error}"),
        }
    }

    #[test]
    fn the_rule_as_a_table() {
        let missing = || Availability::Missing(vec!["/opt/lib".to_owned()]);
        let cases = [
            (CLASSICAL, Availability::Found, "tabular: tabular has every operator, and is fastest"),
            (CLASSICAL, missing(), "tabular: tabular has every operator, and is fastest"),
            (CLASSICAL_WITH_CONV, Availability::Found, "onnxruntime: ONNX Runtime runs all of ONNX"),
            (
                CLASSICAL_WITH_CONV,
                missing(),
                "no engine here runs this model; tabular lacks ai.onnx.Conv; install ONNX Runtime, which runs it: \
                 pip install onnxruntime",
            ),
            (
                CLASSICAL_WITH_CUSTOM,
                missing(),
                "no engine here runs this model; tabular lacks com.acme.Foo; export the model without operators of the \
                 domain 'com.acme', which no engine has",
            ),
            (NETWORK, Availability::Found, "onnxruntime: ONNX Runtime runs all of ONNX"),
            (NETWORK, missing(), "rten: a neural network; ONNX Runtime is not installed"),
            (NETWORK, SWITCHED_OFF, "rten: a neural network; ONNX Runtime is switched off"),
            (NETWORK, NOT_BUILT, "rten: a neural network; this build is without ONNX Runtime"),
            (
                OLD_NETWORK,
                missing(),
                "no engine here runs this model; rten: opset 9 is too old; install ONNX Runtime, which runs it: \
                 pip install onnxruntime",
            ),
            (
                OLD_NETWORK,
                SWITCHED_OFF,
                "no engine here runs this model; rten: opset 9 is too old; ONNX Runtime runs it, but ONNX \
                 Runtime is switched off",
            ),
            (OLD_PERCEPTRON, missing(), "tabular: tabular has every operator; ONNX Runtime is not installed"),
        ];
        for (model, onnx_runtime, expected) in cases {
            assert_eq!(verdict(None, model, onnx_runtime), expected);
        }
    }

    #[test]
    fn what_model_toml_asks_for_is_taken_or_missing() {
        let missing = || Availability::Missing(vec!["/opt/lib".to_owned(), "/usr/lib".to_owned()]);
        let cases = [
            ("rten", CLASSICAL, missing(), "rten: model.toml asks for rten"),
            ("tabular", NETWORK, Availability::Found, "tabular: model.toml asks for tabular"),
            ("onnxruntime", CLASSICAL, Availability::Found, "onnxruntime: model.toml asks for onnxruntime"),
            (
                "onnxruntime",
                CLASSICAL,
                missing(),
                "model.toml asks for engine 'onnxruntime', but ONNX Runtime was not found in /opt/lib, /usr/lib; pip \
                 install onnxruntime, or name the library with --onnxruntime",
            ),
            (
                "onnxruntime",
                CLASSICAL,
                SWITCHED_OFF,
                "model.toml asks for engine 'onnxruntime', but ONNX Runtime is switched off; change that, or \
                 remove 'engine' from model.toml",
            ),
            (
                "onnxruntime",
                CLASSICAL,
                NOT_BUILT,
                "model.toml asks for engine 'onnxruntime', but this build is without ONNX Runtime; change that, or \
                 remove 'engine' from model.toml",
            ),
            (
                "tensorrt",
                NETWORK,
                Availability::Found,
                "engine 'tensorrt' is not there; this build has tabular, rten, onnxruntime; correct 'engine' in \
                 model.toml, or remove it",
            ),
        ];
        for (asked, model, onnx_runtime, expected) in cases {
            assert_eq!(verdict(Some(asked), model, onnx_runtime), expected);
        }
    }
}
