//! The files that a run writes: no two options may name the same one.

use std::path::{Path, PathBuf};

use super::curves;
use super::options::TrainOptions;
use crate::draft::folder_of;
use crate::failure::Failure;

/// Refuses `--save`, `--output` and `--curves` where one would replace what another wrote.
pub(super) fn refuse_equal(options: &TrainOptions, output: Option<&Path>) -> Result<(), Failure> {
    let mut targets: Vec<(&str, PathBuf)> = Vec::new();
    let save = options.save.as_deref().map(|path| ("--save", path.to_owned()));
    let output = output.map(|path| ("--output", path.to_owned()));
    let folder = options.curves.as_deref();
    let files = folder.into_iter().flat_map(curves::files);
    let curves = folder.map(Path::to_owned).into_iter().chain(files);
    let curves = curves.map(|path| ("--curves", path));
    for (option, path) in save.into_iter().chain(output).chain(curves) {
        let path = place(&path);
        let equal = targets.iter().find(|(other, there)| *other != option && *there == path);
        if let Some((other, _)) = equal {
            return Err(Failure::Usage(format!(
                "{other} and {option} both write {}; name another place for one of them",
                path.display()
            )));
        }
        targets.push((option, path));
    }
    Ok(())
}

/// The same for all ways to write a path, links followed; the file need not exist yet.
fn place(path: &Path) -> PathBuf {
    let in_folder = || Some(folder_of(path).canonicalize().ok()?.join(path.file_name()?));
    path.canonicalize().ok().or_else(in_folder).unwrap_or_else(|| path.to_owned())
}
