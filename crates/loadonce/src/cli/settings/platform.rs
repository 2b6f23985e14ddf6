//! Variables by which a hosting platform tells a container where to answer: Vertex AI ("Custom container requirements",
//! "`AIP_*` variables") and SageMaker ("Deploy multi-container endpoints", the label `accept-bind-to-port`).

use std::collections::BTreeMap;

use super::Source;
use super::layers::Entries;

/// Variables that are settings under another name.
const VARIABLES: [(&str, &str); 4] = [
    ("AIP_HTTP_PORT", "port"),
    ("AIP_HEALTH_ROUTE", "health_path"),
    ("AIP_PREDICT_ROUTE", "predict_path"),
    ("SAGEMAKER_BIND_TO_PORT", "port"),
];

/// The settings that the platform makes. One that names a port asks from outside of the container.
pub(super) fn entries(environment: &BTreeMap<String, String>) -> Entries {
    let mut entries = Entries::new();
    for (variable, key) in VARIABLES {
        let Some(text) = environment.get(variable).filter(|text| !text.is_empty()) else { continue };
        let source = || Source::Environment(variable.to_owned());
        entries.push((key.to_owned(), text.clone(), source()));
        if key == "port" {
            entries.push(("host".to_owned(), "0.0.0.0".to_owned(), source()));
        }
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_platform_makes_settings_and_an_empty_variable_none() {
        let variables = [("AIP_HTTP_PORT", "8080"), ("AIP_PREDICT_ROUTE", "/p"), ("SAGEMAKER_BIND_TO_PORT", "")];
        let environment = variables.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let made: Vec<_> = entries(&BTreeMap::from(environment));
        let shown: Vec<_> = made.iter().map(|(key, text, source)| format!("{key}={text} {source}")).collect();
        assert_eq!(
            shown,
            ["port=8080 AIP_HTTP_PORT", "host=0.0.0.0 AIP_HTTP_PORT", "predict_path=/p AIP_PREDICT_ROUTE"]
        );
    }
}
