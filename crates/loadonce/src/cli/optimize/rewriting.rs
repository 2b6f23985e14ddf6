//! What became of a graph that an engine has rewritten.

use std::collections::BTreeSet;

use loadonce_engines::onnx::Summary;
use serde::Serialize;

/// A graph that was rewritten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Rewriting {
    /// The engine, with its version.
    pub(super) by: String,
    /// Nodes before and after.
    pub(super) nodes: [usize; 2],
    /// Operators of domains that the graph did not use before: only this engine has them.
    pub(super) own_operators: Vec<String>,
}

impl Rewriting {
    pub(super) fn new(by: String, before: &Summary, after: &Summary) -> Self {
        let nodes = |summary: &Summary| summary.operators.iter().map(|used| used.count).sum();
        let known: BTreeSet<_> = before.operators.iter().map(|used| &used.domain).collect();
        let own = after.operators.iter().filter(|used| !known.contains(&used.domain) && used.domain != STANDARD);
        Self {
            by,
            nodes: [nodes(before), nodes(after)],
            own_operators: own.map(|used| format!("{}.{}", used.domain, used.name)).collect(),
        }
    }

    /// Whether the model runs on no other engine any more.
    pub(super) fn binds(&self) -> bool {
        !self.own_operators.is_empty()
    }
}

/// The domain that every engine has.
const STANDARD: &str = "ai.onnx";

#[cfg(test)]
mod tests {
    use loadonce_engines::onnx::OperatorUse;

    use super::*;

    fn summary(operators: &[(&str, &str, usize)]) -> Summary {
        let used = |&(domain, name, count): &(&str, &str, usize)| OperatorUse {
            domain: domain.to_owned(),
            name: name.to_owned(),
            version: Some(1),
            count,
            node: String::new(),
        };
        Summary { operators: operators.iter().map(used).collect(), ..Summary::default() }
    }

    #[test]
    fn operators_of_a_new_domain_bind_the_model() {
        let before = summary(&[("ai.onnx.ml", "Scaler", 1), ("own", "Mine", 2), ("ai.onnx.ml", "Normalizer", 3)]);
        let after = summary(&[("ai.onnx", "Gemm", 1), ("own", "Mine", 2), ("vendor", "FusedGemm", 1)]);
        let rewriting = Rewriting::new("an engine".to_owned(), &before, &after);
        assert_eq!((rewriting.nodes, rewriting.binds()), ([6, 4], true));
        assert_eq!(rewriting.own_operators, ["vendor.FusedGemm"]);
        assert!(!Rewriting::new(String::new(), &after, &before).own_operators.contains(&"own.Mine".to_owned()));
        assert!(!Rewriting::new(String::new(), &before, &before).binds());
    }
}
