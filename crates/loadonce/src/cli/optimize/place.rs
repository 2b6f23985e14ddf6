//! Where the model is written: under a hidden name beside its place, and renamed when it is whole and proven, so that
//! nobody finds half of one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use loadonce_core::LoadErrorKind;

use super::write::FILES;
use crate::cli::Failure;

/// The folder that is to be, and a draft of it. What is left of the draft goes when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    target: PathBuf,
    /// A hidden folder beside the target, so that both are on one file system.
    draft: PathBuf,
    name: PathBuf,
}

impl Place {
    /// Makes an empty draft. Nothing is there yet at `output`, but an empty folder, or with `overwrite` a model that this
    /// command wrote or could have written; and it has nothing to do with the folder of `model`.
    pub(super) fn new(output: &Path, model: &Path, overwrite: bool) -> Result<Self, Failure> {
        let target = std::path::absolute(output).map_err(|error| unwritable(output, &error))?;
        let (Some(name), Some(parent)) = (target.file_name(), target.parent()) else {
            return Err(wrong(format!("--output {}: expected the path of a folder to write", output.display())));
        };
        expect_apart(&target, model)?;
        expect_free(&target, overwrite)?;
        let draft = parent.join(format!(".{}.partial", name.to_string_lossy()));
        let place = Self { name: name.into(), draft, target: target.clone() };
        // What a run left that was killed.
        place.clear();
        place.make(place.draft.clone())?;
        Ok(place)
    }

    /// Makes a draft of the folder, under the name that the model will have.
    pub(super) fn folder(&self, draft: &str) -> Result<PathBuf, Failure> {
        self.make(self.draft.join(draft).join(&self.name))
    }

    /// Makes a folder for what is needed on the way.
    pub(super) fn scratch(&self) -> Result<PathBuf, Failure> {
        self.make(self.draft.join("scratch"))
    }

    fn make(&self, folder: PathBuf) -> Result<PathBuf, Failure> {
        fs::create_dir_all(&folder).map_err(|error| unwritable(&self.target, &error))?;
        Ok(folder)
    }

    /// Puts that draft into its place.
    pub(super) fn publish(self, folder: &Path) -> Result<(), Failure> {
        let former = self.draft.join("former");
        let failed = |error: io::Error| unwritable(&self.target, &error);
        let has_former = self.target.exists();
        if has_former {
            fs::rename(&self.target, &former).map_err(failed)?;
        }
        if let Err(error) = fs::rename(folder, &self.target) {
            if has_former {
                let _ = fs::rename(&former, &self.target);
            }
            return Err(failed(error));
        }
        Ok(())
    }

    fn clear(&self) {
        let _ = fs::remove_dir_all(&self.draft);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The model that is read and the one that is written share no folder.
fn expect_apart(target: &Path, model: &Path) -> Result<(), Failure> {
    let (Ok(target), Ok(model)) = (fs::canonicalize(existing(target)), fs::canonicalize(model)) else { return Ok(()) };
    if target.starts_with(&model) {
        let (target, model) = (target.display(), model.display());
        return Err(wrong(format!(
            "--output {target} is in the folder of the model itself, {model}; name one beside it"
        )));
    }
    Ok(())
}

/// The path, or of one that is not there, the nearest above it that is.
fn existing(path: &Path) -> &Path {
    path.ancestors().find(|path| path.exists()).unwrap_or(path)
}

fn expect_free(target: &Path, overwrite: bool) -> Result<(), Failure> {
    let entries = match fs::read_dir(target) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(wrong(format!("--output {} is a file; expected a folder, or nothing yet", target.display())));
        }
        Err(error) => return Err(unwritable(target, &error)),
    };
    let names: Vec<_> =
        entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect();
    let stranger = names.iter().find(|name| !FILES.contains(&name.as_str()));
    match stranger {
        Some(stranger) if overwrite => Err(wrong(format!(
            "--output {} has '{stranger}', which is no part of a model as this command writes it; remove it, or name another folder",
            target.display()
        ))),
        _ if !names.is_empty() && !overwrite => Err(wrong(format!(
            "--output {} is there already, and not empty; name another folder, or replace the model in it with --overwrite",
            target.display()
        ))),
        _ => Ok(()),
    }
}

fn wrong(message: String) -> Failure {
    Failure::new(LoadErrorKind::Configuration.into(), message)
}

/// Why a folder or file could not be written.
pub(super) fn unwritable(path: &Path, error: &io::Error) -> Failure {
    wrong(format!("{}: cannot be written: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(output: &Path, model: &Path, overwrite: bool) -> String {
        Place::new(output, model, overwrite).unwrap_err().message
    }

    #[test]
    fn a_draft_is_hidden_and_gone_unless_it_is_published() {
        let folder = tempfile::tempdir().unwrap();
        let (target, model) = (folder.path().join("deep/fast"), folder.path().join("model"));
        fs::create_dir(&model).unwrap();
        let names = || fs::read_dir(folder.path().join("deep")).unwrap().map(|entry| entry.unwrap().file_name());
        let place = Place::new(&target, &model, false).unwrap();
        fs::write(place.folder("a").unwrap().join("model.onnx"), "1").unwrap();
        assert_eq!(names().collect::<Vec<_>>(), [".fast.partial"]);
        drop(place);
        assert_eq!(names().count(), 0);
        let place = Place::new(&target, &model, false).unwrap();
        let drafts = ["a", "b"].map(|draft| place.folder(draft).unwrap());
        fs::write(drafts[1].join("model.onnx"), "2").unwrap();
        place.publish(&drafts[1]).unwrap();
        assert_eq!(fs::read_to_string(target.join("model.onnx")).unwrap(), "2");
        assert_eq!(names().collect::<Vec<_>>(), ["fast"]);
    }

    #[test]
    fn what_is_there_is_replaced_only_when_asked_and_only_a_model() {
        let folder = tempfile::tempdir().unwrap();
        let (target, model) = (folder.path().join("fast"), folder.path().join("model"));
        fs::create_dir(&model).unwrap();
        fs::create_dir(&target).unwrap();
        fs::write(target.join("model.onnx"), "old").unwrap();
        assert!(refusal(&target, &model, false).contains("is there already, and not empty"));
        let place = Place::new(&target, &model, true).unwrap();
        let draft = place.folder("a").unwrap();
        fs::write(draft.join("model.onnx"), "new").unwrap();
        place.publish(&draft).unwrap();
        assert_eq!(fs::read_to_string(target.join("model.onnx")).unwrap(), "new");
        fs::write(target.join("thesis.txt"), "").unwrap();
        assert!(refusal(&target, &model, true).contains("has 'thesis.txt', which is no part of a model"));
        assert!(refusal(&target.join("thesis.txt"), &model, true).contains("is a file; expected a folder"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no draft is left");
    }

    #[test]
    fn the_model_itself_is_no_place() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("model");
        fs::create_dir(&model).unwrap();
        fs::write(model.join("model.onnx"), "1").unwrap();
        for output in [model.clone(), model.join("fast"), model.join("../model")] {
            assert!(refusal(&output, &model, true).contains("is in the folder of the model itself"), "{output:?}");
        }
        assert!(refusal(Path::new("/"), &model, true).contains("expected the path of a folder"));
    }
}
