//! Where an ONNX Runtime may lie, in the order in which it is looked for.
//!
//! Nothing is run and nothing opened here: the candidates are paths in the file system, so that looking costs next to
//! nothing and says all that it looked at.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::library::check_header;

/// What the search depends on, read once by whoever starts the program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The library that the configuration names: then no other is looked for.
    pub configured: Option<PathBuf>,
    /// The value of `ORT_DYLIB_PATH`.
    pub variable: Option<PathBuf>,
    /// The program's own file.
    pub executable: Option<PathBuf>,
    /// The configured Python: an interpreter, or the folder of an environment.
    pub python: Option<PathBuf>,
    /// Folders of Python environments that are active (`VIRTUAL_ENV`, `CONDA_PREFIX`).
    pub environments: Vec<PathBuf>,
    /// The home folder, for packages that a user installed for themselves.
    pub home: Option<PathBuf>,
    /// The folder that the program was started in.
    pub folder: Option<PathBuf>,
    /// Folders of `PATH`, for the Python in use.
    pub path: Vec<PathBuf>,
    /// Folders of `LD_LIBRARY_PATH`.
    pub library_path: Vec<PathBuf>,
}

/// A place that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The configuration: a flag, `LOADONCE_ONNXRUNTIME`, or `loadonce.toml`.
    Configuration,
    /// `ORT_DYLIB_PATH`.
    Variable,
    /// Beside the executable, and in `../lib`.
    Executable,
    /// The package of a Python environment.
    Python,
    /// The package of Node.js.
    Node,
    /// The system's library path.
    System,
}

/// A library that looks right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it was found.
    pub place: Place,
    /// The file.
    pub path: PathBuf,
}

/// A path that was looked at and holds no library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Why it was looked at.
    pub place: Place,
    /// A file, or a folder of which one was expected.
    pub path: PathBuf,
    /// What is wrong with it: `is not there`.
    pub problem: String,
}

/// What the search came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// The library, if there is one.
    pub found: Option<Found>,
    /// What was looked at before, in order.
    pub attempts: Vec<Attempt>,
}

impl Surroundings {
    /// Looks for the library.
    pub fn search(&self) -> Search {
        let mut search = Search::default();
        if let Some(path) = &self.configured {
            search.try_file(Place::Configuration, path);
            return search;
        }
        if let Some(path) = &self.variable {
            search.try_file(Place::Variable, path);
        }
        let places = [
            (Place::Executable, self.executable_folders()),
            (Place::Python, self.python_folders()),
            (Place::Node, self.node_folders()),
            (Place::System, self.system_folders()),
        ];
        for (place, folders) in places {
            for folder in folders {
                search.try_folder(place, &folder);
            }
        }
        search
    }

    fn executable_folders(&self) -> Vec<PathBuf> {
        let Some(folder) = self.executable.as_deref().and_then(Path::parent) else { return Vec::new() };
        let beside = folder.parent().map(|parent| parent.join("lib"));
        [Some(folder.to_owned()), beside].into_iter().flatten().collect()
    }

    /// The packages' folders of every Python that the program may mean, the configured one first.
    fn python_folders(&self) -> Vec<PathBuf> {
        let mut found: Vec<PathBuf> = self.python.iter().flat_map(|python| prefixes(python)).collect();
        if found.is_empty() {
            found.extend(self.environments.iter().cloned());
            found.extend(self.path.iter().flat_map(|folder| prefixes(&folder.join("python3"))));
            found.extend(self.home.iter().map(|home| home.join(".local")));
        }
        let folders = distinct(found.iter().flat_map(|prefix| packages(prefix)));
        folders.into_iter().map(|packages| packages.join("onnxruntime/capi")).collect()
    }

    /// The packages' folders from here to the root, as Node.js itself looks for them.
    fn node_folders(&self) -> Vec<PathBuf> {
        let machine = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };
        let ancestors = self.folder.iter().flat_map(|folder| folder.ancestors());
        let packages = ancestors.map(|folder| folder.join("node_modules/onnxruntime-node/bin"));
        packages
            .filter(|folder| folder.is_dir())
            .flat_map(|folder| children(&folder))
            .map(|version| version.join("linux").join(machine))
            .collect()
    }

    fn system_folders(&self) -> Vec<PathBuf> {
        let machine = if cfg!(target_arch = "aarch64") { "aarch64-linux-gnu" } else { "x86_64-linux-gnu" };
        let multiarch = format!("/usr/lib/{machine}");
        let usual = ["/usr/local/lib", multiarch.as_str(), "/usr/lib64", "/usr/lib"];
        distinct(self.library_path.iter().cloned().chain(usual.into_iter().map(PathBuf::from)))
    }
}

impl Search {
    fn try_file(&mut self, place: Place, path: &Path) {
        if path.is_dir() {
            self.try_folder(place, path);
        } else if self.found.is_none() {
            self.try_library(place, path);
        }
    }

    fn try_folder(&mut self, place: Place, folder: &Path) {
        if self.found.is_some() {
            return;
        }
        let problem = if folder.is_dir() { "no libonnxruntime.so" } else { "no such folder" };
        let mut libraries: Vec<_> = children(folder).into_iter().filter(|file| is_library_name(file)).collect();
        // The plain name is a link to the newest, where there is one; else the highest version comes last.
        libraries.sort_by_key(|file| file.extension().is_some_and(|extension| extension == "so"));
        match libraries.pop() {
            Some(library) => self.try_library(place, &library),
            None => self.attempts.push(Attempt { place, path: folder.to_owned(), problem: problem.to_owned() }),
        }
    }

    fn try_library(&mut self, place: Place, path: &Path) {
        match check_header(path) {
            Ok(()) => self.found = Some(Found { place, path: path.to_owned() }),
            Err(error) => {
                let problem = error.to_string();
                let path_text = path.display().to_string();
                let problem = problem.strip_prefix(&path_text).unwrap_or(&problem).trim_start_matches(": ").to_owned();
                self.attempts.push(Attempt { place, path: path.to_owned(), problem });
            }
        }
    }
}

impl Place {
    /// For people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Variable => "ORT_DYLIB_PATH",
            Self::Executable => "executable",
            Self::Python => "Python",
            Self::Node => "Node.js",
            Self::System => "system",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// `libonnxruntime.so`, or that with a version; not its providers.
fn is_library_name(file: &Path) -> bool {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name == "libonnxruntime.so" || name.starts_with("libonnxruntime.so.")
}

/// Folders with a `lib` of packages that an interpreter uses, or an environment's folder itself.
///
/// A virtual environment (`pyvenv.cfg`, PEP 405) has its own; another interpreter may be a link to where its packages
/// are; a shim of pyenv runs the versions that the file `version` names.
fn prefixes(python: &Path) -> Vec<PathBuf> {
    if python.is_dir() {
        return vec![python.to_owned()];
    }
    let Some((folder, prefix)) = python.parent().and_then(|folder| Some((folder, folder.parent()?))) else {
        return Vec::new();
    };
    if !python.exists() || prefix.join("pyvenv.cfg").exists() {
        return python.exists().then(|| prefix.to_owned()).into_iter().collect();
    }
    if folder.ends_with("shims") {
        let versions = fs::read_to_string(prefix.join("version")).unwrap_or_default();
        return versions.lines().map(|version| prefix.join("versions").join(version.trim())).collect();
    }
    let real = python.canonicalize().ok().and_then(|real| real.parent()?.parent().map(Path::to_owned));
    [Some(prefix.to_owned()), real].into_iter().flatten().collect()
}

/// `lib/python3.11/site-packages` and its like under a prefix.
fn packages(prefix: &Path) -> Vec<PathBuf> {
    let versions = ["lib", "lib64"].into_iter().flat_map(|lib| children(&prefix.join(lib)));
    let pythons = versions.filter(|folder| {
        folder.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("python3"))
    });
    let packages = pythons.flat_map(|folder| ["site-packages", "dist-packages"].map(|name| folder.join(name)));
    packages.filter(|folder| folder.is_dir()).collect()
}

/// Entries of a folder in alphabetical order; none where it cannot be listed.
fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The same folder by two ways, such as `lib` and a link `lib64` to it, is looked at once.
fn distinct(folders: impl Iterator<Item = PathBuf>) -> Vec<PathBuf> {
    let mut seen = Vec::new();
    let mut distinct = Vec::new();
    for folder in folders {
        let real = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        if !seen.contains(&real) {
            seen.push(real);
            distinct.push(folder);
        }
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(root: &Path, place: &str) -> PathBuf {
        let path = root.join(place);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let machine: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
        let mut header = b"\x7fELF".to_vec();
        header.resize(16, 0);
        header.extend([3, 0]);
        header.extend(machine.to_le_bytes());
        fs::write(&path, header).unwrap();
        path
    }

    fn surroundings(root: &Path) -> Surroundings {
        Surroundings {
            executable: Some(root.join("opt/bin/loadonce")),
            environments: vec![root.join("venv")],
            folder: Some(root.join("project/app")),
            library_path: vec![root.join("libraries")],
            ..Surroundings::default()
        }
    }

    const MACHINE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };

    #[test]
    fn the_first_place_that_has_one_wins() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let node = format!("project/node_modules/onnxruntime-node/bin/napi-v6/linux/{MACHINE}/libonnxruntime.so.1");
        // From the last place to the first: each new library comes before those that are there.
        let cases = [
            ("libraries/libonnxruntime.so.1", Place::System),
            (node.as_str(), Place::Node),
            ("venv/lib/python3.12/site-packages/onnxruntime/capi/libonnxruntime.so.1.31.1", Place::Python),
            ("opt/lib/libonnxruntime.so", Place::Executable),
            ("opt/bin/libonnxruntime.so", Place::Executable),
        ];
        for (file, place) in cases {
            let path = library(root, file);
            let search = surroundings(root).search();
            assert_eq!(search.found, Some(Found { place, path }), "{search:?}");
        }
        let variable = library(root, "elsewhere/ort.so");
        let with_variable = Surroundings { variable: Some(variable.clone()), ..surroundings(root) };
        assert_eq!(with_variable.search().found, Some(Found { place: Place::Variable, path: variable }));
        let configured = library(root, "named/libonnxruntime.so.1.20.1");
        let named = Surroundings { configured: Some(root.join("named")), ..with_variable };
        assert_eq!(named.search().found, Some(Found { place: Place::Configuration, path: configured }));
    }

    #[test]
    fn a_configured_library_that_is_not_there_is_not_replaced() {
        let root = tempfile::tempdir().unwrap();
        library(root.path(), "opt/bin/libonnxruntime.so");
        let configured = Some(root.path().join("nowhere.so"));
        let search = Surroundings { configured, ..surroundings(root.path()) }.search();
        assert_eq!(search.found, None);
        assert_eq!(search.attempts.len(), 1);
        assert!(search.attempts[0].problem.starts_with("cannot be read"), "{search:?}");
    }

    #[test]
    fn what_is_no_library_is_passed_over_and_told() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("opt/bin")).unwrap();
        fs::write(root.join("opt/bin/libonnxruntime.so"), "<html>not found</html>").unwrap();
        fs::write(root.join("opt/bin/libonnxruntime_providers_shared.so"), "").unwrap();
        let path = library(root, "opt/lib/libonnxruntime.so.1.31.1");
        let search = surroundings(root).search();
        assert_eq!(search.found, Some(Found { place: Place::Executable, path }));
        let told: Vec<_> = search.attempts.iter().map(|attempt| attempt.problem.as_str()).collect();
        assert_eq!(told, ["is no shared library for this machine"]);
    }

    #[test]
    fn an_interpreter_leads_to_its_packages() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let write = |path: &str| {
            fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            fs::write(root.join(path), "3.11.7\n").unwrap();
        };
        ["real/bin/python3.11", "venv/pyvenv.cfg", "pyenv/shims/python3", "pyenv/version"].into_iter().for_each(write);
        for bin in ["linked/bin", "venv/bin"] {
            fs::create_dir_all(root.join(bin)).unwrap();
            std::os::unix::fs::symlink(root.join("real/bin/python3.11"), root.join(bin).join("python3")).unwrap();
        }
        let found = |python: &str| prefixes(&root.join(python));
        let real = root.canonicalize().unwrap().join("real");
        assert_eq!(found("linked/bin/python3"), [root.join("linked"), real]);
        assert_eq!(found("venv/bin/python3"), [root.join("venv")]);
        assert_eq!(found("pyenv/shims/python3"), [root.join("pyenv/versions/3.11.7")]);
        assert_eq!(found("venv"), [root.join("venv")]);
        assert!(found("nowhere/bin/python3").is_empty());
    }

    #[test]
    fn the_configured_python_is_the_only_one_that_counts() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        library(root, "venv/lib/python3.12/site-packages/onnxruntime/capi/libonnxruntime.so.1.31.1");
        let mine = library(root, "mine/lib/python3.11/site-packages/onnxruntime/capi/libonnxruntime.so.1.30.0");
        fs::create_dir_all(root.join("mine/bin")).unwrap();
        fs::write(root.join("mine/bin/python3"), "").unwrap();
        for python in ["mine", "mine/bin/python3"] {
            let named = Surroundings { python: Some(root.join(python)), ..surroundings(root) };
            assert_eq!(named.search().found, Some(Found { place: Place::Python, path: mine.clone() }), "{python}");
        }
    }
}
