//! Names of cases, with `*` for any run of characters.

/// A pattern such as `node-1.17.0/test_dft*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern(String);

impl Pattern {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole of `name` fits.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

#[test]
fn a_star_stands_for_any_run_of_characters() {
    let cases = [
        ("node/test_abs", "node/test_abs", true),
        ("node/test_abs", "node/test_abs2", false),
        ("node/test_dft*", "node/test_dft_axis", true),
        ("node/test_dft*", "node/test_dft", true),
        ("node*/test_*_expanded", "node-1.17.0/test_a_b_expanded", true),
        ("node*/test_*_expanded", "node-1.17.0/test_a_b", false),
        ("*ab", "a", false),
        ("a*a", "a", false),
        ("*", "", true),
    ];
    for (pattern, name, expected) in cases {
        assert_eq!(Pattern::new(pattern).matches(name), expected, "{pattern} and {name}");
    }
}
