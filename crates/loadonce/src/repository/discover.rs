//! From the paths that the operator named to the models that they hold.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use loadonce_core::{LoadErrorKind, ModelFile, ModelSpec};
use loadonce_server::SampleFolder;

use super::model_toml::ModelToml;
use super::{RepositoryError, RepositoryErrors};

/// File names that make a folder a model, in the order in which they are looked for. Not every format has an engine yet;
/// the engine's choice says so.
const MODEL_FILES: [&str; 8] =
    ["model.onnx", "model.json", "model.ubj", "model.txt", "model.py", "model.joblib", "model.pkl", "model.pt"];

/// Extensions that make a file in a repository a model of its own. A `.json` or a `.txt` there may be anything.
const MODEL_EXTENSIONS: [&str; 2] = ["onnx", "ubj"];

/// Finds the models at `paths`: each a model file, a model folder, or a folder of those.
///
/// # Errors
/// All mistakes of all models at once: paths that do not exist, folders without a model, names that come twice,
/// `model.toml` files that cannot be read.
pub fn discover(paths: &[PathBuf]) -> Result<Vec<ModelSpec>, RepositoryErrors> {
    let mut models = Vec::new();
    let mut errors = Vec::new();
    for path in paths {
        match places(path) {
            Ok(places) => places.into_iter().map(Place::read).for_each(|result| match result {
                Ok(spec) => models.push(spec),
                Err(error) => errors.push(error),
            }),
            Err(error) => errors.push(error),
        }
    }
    errors.extend(twice(&models));
    if errors.is_empty() { Ok(models) } else { Err(RepositoryErrors(errors)) }
}

/// Where the files of each model lie that can be found at `paths`: its folder, or its only file.
pub fn roots(paths: &[PathBuf]) -> BTreeMap<String, PathBuf> {
    let places = paths.iter().filter_map(|path| places(path).ok()).flatten();
    places.map(|Place { name, file, folder, .. }| (name, folder.unwrap_or(file))).collect()
}

/// Where a model lies.
struct Place {
    name: String,
    version: Option<String>,
    file: PathBuf,
    /// The folder of `model.toml` and the samples; none for a bare file.
    folder: Option<PathBuf>,
}

fn places(path: &Path) -> Result<Vec<Place>, RepositoryError> {
    let metadata = fs::metadata(path).map_err(|error| not_found(path, format!("cannot be opened: {error}")))?;
    if !metadata.is_dir() {
        return Ok(vec![bare_file(path)]);
    }
    if let Some(place) = model_folder(path)? {
        return Ok(vec![place]);
    }
    let mut places = Vec::new();
    for entry in entries(path)? {
        if entry.is_dir() {
            places.push(model_folder(&entry)?.ok_or_else(|| no_model(&entry))?);
        } else if has_model_extension(&entry) {
            places.push(bare_file(&entry));
        }
    }
    Ok(places)
}

/// A file of its own is named after itself; `model.onnx` after its folder, whose `model.toml` and samples it has.
fn bare_file(path: &Path) -> Place {
    let is_folders_model = path.file_name().is_some_and(|name| MODEL_FILES.iter().any(|known| *known == name));
    let parent = path.parent().filter(|parent| is_folders_model && !parent.as_os_str().is_empty());
    let name = match parent {
        Some(folder) => name_of(folder),
        None => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
    };
    Place { name, version: None, file: path.to_owned(), folder: parent.map(Path::to_owned) }
}

fn model_folder(folder: &Path) -> Result<Option<Place>, RepositoryError> {
    let place = |version: Option<String>, file: PathBuf| Place {
        name: name_of(folder),
        version,
        file,
        folder: Some(folder.to_owned()),
    };
    if let Some(file) = model_file(folder) {
        return Ok(Some(place(None, file)));
    }
    let mut versions: Vec<(u64, PathBuf)> = Vec::new();
    for entry in entries(folder)? {
        let number = entry.file_name().and_then(|name| name.to_str()?.parse().ok());
        if let (Some(number), Some(file)) = (number, model_file(&entry)) {
            versions.push((number, file));
        }
    }
    versions.sort();
    Ok(versions.pop().map(|(number, file)| place(Some(number.to_string()), file)))
}

fn model_file(folder: &Path) -> Option<PathBuf> {
    MODEL_FILES.iter().map(|name| folder.join(name)).find(|file| file.exists())
}

/// What a folder holds, in alphabetical order, without hidden entries.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, RepositoryError> {
    let unreadable = |error: std::io::Error| not_found(folder, format!("cannot be listed: {error}"));
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if !entry.file_name().to_string_lossy().starts_with(['.', '_']) {
            entries.push(entry.path());
        }
    }
    entries.sort();
    Ok(entries)
}

fn has_model_extension(path: &Path) -> bool {
    path.extension().is_some_and(|extension| MODEL_EXTENSIONS.iter().any(|known| *known == extension))
}

/// The last part of a path, also of one such as `.`.
fn name_of(folder: &Path) -> String {
    let absolute = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    absolute.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

impl Place {
    fn read(self) -> Result<ModelSpec, RepositoryError> {
        let Self { name, version, file, folder } = self;
        check_name(&name, &file)?;
        let keys = folder
            .as_ref()
            .map_or_else(|| Ok(ModelToml::default()), |folder| ModelToml::read(&folder.join("model.toml")))?;
        let mut spec = ModelSpec::new(&name, &file);
        spec.version = version.or_else(|| keys.version.clone()).unwrap_or(spec.version);
        spec.options = keys.engine_options();
        spec.limits = keys.limits();
        spec.file = ModelFile::new(file, keys.checksum);
        spec.engine = keys.engine;
        spec.contract = keys.contract;
        spec.isolation = keys.isolation;
        spec.batching = keys.batching.apply();
        for (name, input) in keys.inputs {
            spec.missing.extend(input.missing.map(|value| (name.clone(), value)));
            spec.columns.extend(input.columns.map(|columns| (name, columns)));
        }
        spec.declared = keys.declared;
        let labels = keys.outputs.into_iter().map(|(name, output)| (name, output.labels));
        spec.labels = labels.filter(|(_, labels)| !labels.is_empty()).collect();
        if let Some(folder) = folder {
            spec.samples = Arc::new(SampleFolder::new(folder.join("samples")));
        }
        Ok(spec)
    }
}

/// Names stand in URLs, where `/` and `:` end them.
fn check_name(name: &str, file: &Path) -> Result<(), RepositoryError> {
    if !name.is_empty() && !name.contains(|character: char| "/:?#%".contains(character) || character.is_control()) {
        return Ok(());
    }
    let detail = format!("'{name}' cannot be a model's name; rename it without / : ? # %");
    Err(RepositoryError { kind: LoadErrorKind::Configuration, path: file.to_owned(), detail })
}

fn twice(models: &[ModelSpec]) -> Vec<RepositoryError> {
    let mut seen: BTreeMap<&str, &Path> = BTreeMap::new();
    let mut errors = Vec::new();
    for spec in models {
        let path = spec.file.path();
        if let Some(earlier) = seen.insert(&spec.name, path) {
            let detail = format!("the name '{}' is already taken by {}", spec.name, earlier.display());
            errors.push(RepositoryError { kind: LoadErrorKind::Configuration, path: path.to_owned(), detail });
        }
    }
    errors
}

fn not_found(path: &Path, detail: String) -> RepositoryError {
    RepositoryError { kind: LoadErrorKind::NotFound, path: path.to_owned(), detail }
}

fn no_model(folder: &Path) -> RepositoryError {
    let detail = format!(
        "holds no model; expected one of {}, or folders named 1, 2, ... with one (hide a folder with a leading '_')",
        MODEL_FILES.join(", ")
    );
    not_found(folder, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        folder
    }

    fn found(folder: &Path) -> Vec<(String, String, String)> {
        let models = discover(&[folder.to_owned()]).unwrap();
        models
            .into_iter()
            .map(|spec| {
                let file = spec.file.path().strip_prefix(folder).unwrap().display().to_string();
                (spec.name, spec.version, file)
            })
            .collect()
    }

    fn model(name: &str, version: &str, file: &str) -> (String, String, String) {
        (name.to_owned(), version.to_owned(), file.to_owned())
    }

    #[test]
    fn files_folders_and_versions_are_found() {
        let folder = repository(&[
            ("boosted.ubj", ""),
            ("churn/model.json", ""),
            ("credit/model.txt", ""),
            ("plain.onnx", ""),
            ("plain.json", ""),
            ("iris/model.onnx", ""),
            ("resnet/1/model.onnx", ""),
            ("resnet/10/model.onnx", ""),
            ("resnet/9/model.onnx", ""),
            ("named/model.onnx", ""),
            ("named/model.toml", "version = \"7\""),
            ("README.md", ""),
            ("_draft/notes.txt", ""),
        ]);
        let expected = [
            model("boosted", "1", "boosted.ubj"),
            model("churn", "1", "churn/model.json"),
            model("credit", "1", "credit/model.txt"),
            model("iris", "1", "iris/model.onnx"),
            model("named", "7", "named/model.onnx"),
            model("plain", "1", "plain.onnx"),
            model("resnet", "10", "resnet/10/model.onnx"),
        ];
        assert_eq!(found(folder.path()), expected);
        let single = discover(&[folder.path().join("iris"), folder.path().join("named/model.onnx")]).unwrap();
        let names: Vec<_> = single.iter().map(|spec| (spec.name.as_str(), spec.version.as_str())).collect();
        assert_eq!(names, [("iris", "1"), ("named", "7")]);
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        let folder = repository(&[
            ("a/notes.txt", ""),
            ("x/iris/model.onnx", ""),
            ("y/iris/model.onnx", ""),
            ("z/bad/model.onnx", ""),
            ("z/bad/model.toml", "engin = 1"),
        ]);
        let paths: Vec<_> = ["a", "x", "y", "z", "nowhere"].iter().map(|name| folder.path().join(name)).collect();
        let errors = discover(&paths).unwrap_err();
        assert_eq!(errors.kind(), LoadErrorKind::Configuration);
        let text = errors.to_string();
        for part in ["unknown field `engin`", "nowhere: cannot be opened", "'iris' is already taken"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let errors = discover(&[folder.path().to_owned()]).unwrap_err();
        assert_eq!(errors.kind(), LoadErrorKind::NotFound);
        assert!(errors.to_string().contains("holds no model"), "{errors}");
    }

    #[test]
    fn an_empty_folder_has_no_models() {
        assert!(discover(&[tempfile::tempdir().unwrap().path().to_owned()]).unwrap().is_empty());
    }
}
