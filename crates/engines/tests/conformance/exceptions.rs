//! What is known to go wrong, and why: `exceptions/ENGINE.toml`.

use serde::Deserialize;

use super::judge::Outcome;
use super::pattern::Pattern;

/// The exceptions of an engine.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exceptions {
    #[serde(default)]
    exception: Vec<Exception>,
}

/// Cases that go wrong in one way and for one reason.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    /// Patterns of `GROUP/CASE`.
    cases: Vec<String>,
    /// The outcome, by its name.
    outcome: String,
    /// For people.
    reason: String,
}

impl Exceptions {
    /// # Panics
    /// If the text is no list of exceptions, or one of them names no outcome or no reason.
    pub(crate) fn parse(text: &str) -> Self {
        let exceptions: Self = toml::from_str(text).expect("the exceptions are TOML");
        for Exception { cases, outcome, reason } in &exceptions.exception {
            assert!(
                Outcome::NAMES[1..].contains(&outcome.as_str()),
                "'{outcome}' is no outcome that needs an exception"
            );
            assert!(!reason.is_empty() && !cases.is_empty(), "an exception has cases and a reason");
        }
        exceptions
    }

    /// Whether it is known that this case has this outcome.
    pub(crate) fn allow(&self, case: &str, outcome: &str) -> bool {
        let of_outcome = self.exception.iter().filter(|exception| exception.outcome == outcome);
        of_outcome.flat_map(|exception| &exception.cases).any(|pattern| Pattern::new(pattern).matches(case))
    }

    /// Patterns that no case fits any more, with their outcome; `seen` are all cases with their outcomes.
    pub(crate) fn stale(&self, seen: &[(String, &str)]) -> Vec<String> {
        let mut stale = Vec::new();
        for Exception { cases, outcome, .. } in &self.exception {
            for pattern in cases.iter().map(|text| Pattern::new(text)) {
                let fits = |(case, got): &(String, &str)| got == outcome && pattern.matches(case);
                if !seen.iter().any(fits) {
                    stale.push(format!("{} ({outcome})", pattern.as_str()));
                }
            }
        }
        stale
    }
}

#[test]
fn an_exception_allows_its_outcome_only_and_grows_stale() {
    let text = r#"
        [[exception]]
        cases = ["node/test_a*", "node/test_b"]
        outcome = "wrong"
        reason = "it is"
    "#;
    let exceptions = Exceptions::parse(text);
    assert!(exceptions.allow("node/test_abs", "wrong"));
    assert!(!exceptions.allow("node/test_abs", "panicked"));
    assert!(!exceptions.allow("node/test_c", "wrong"));
    let seen = [("node/test_abs".to_owned(), "wrong"), ("node/test_b".to_owned(), "passed")];
    assert_eq!(exceptions.stale(&seen), ["node/test_b (wrong)"]);
}
