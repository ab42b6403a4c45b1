//! The files that records are looked for in.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::record::MOST_BYTES;

/// What lies in a folder, and whether it is a folder itself.
pub(super) type Entry = (PathBuf, bool);

/// A file, or a folder and why it cannot be read.
pub(super) type Found = (PathBuf, Result<(), String>);

/// Every `.json` file in `folder` and in the folders right below it, in the order of their names; in place of a folder's
/// files the folder and why it cannot be read.
///
/// # Errors
/// `folder` itself cannot be read.
pub(super) fn below(
    folder: &Path,
    list: impl Fn(&Path) -> io::Result<Vec<Entry>>,
) -> Result<Vec<Found>, String> {
    let json = |path: &Path| path.extension().is_some_and(|extension| extension == "json");
    let entries = list(folder)
        .map_err(|error| format!("{}: {error}; name a folder of records", folder.display()))?;
    let mut found = Vec::new();
    for (path, is_folder) in entries {
        if !is_folder {
            found.extend(json(&path).then_some((path, Ok(()))));
            continue;
        }
        match list(&path) {
            Ok(inside) => {
                let files = inside.into_iter().filter(|(path, is_folder)| json(path) && !is_folder);
                found.extend(files.map(|(path, _)| (path, Ok(()))));
            }
            Err(error) => found.push((path, Err(unreadable(error)))),
        }
    }
    Ok(found)
}

/// In the order of their names.
pub(super) fn list(folder: &Path) -> io::Result<Vec<Entry>> {
    let entry = |entry: io::Result<fs::DirEntry>| {
        let entry = entry?;
        let path = entry.path();
        // A folder whose parent lets nobody look at it is one all the same; what is linked to is looked at.
        let is_folder = entry.file_type()?.is_dir() || path.is_dir();
        Ok((path, is_folder))
    };
    let mut entries = fs::read_dir(folder)?.map(entry).collect::<io::Result<Vec<Entry>>>()?;
    entries.sort();
    Ok(entries)
}

/// What a file holds, where it can be a record.
///
/// # Errors
/// Why it cannot.
pub(super) fn bytes(file: &Path) -> Result<Vec<u8>, String> {
    let data = fs::metadata(file).map_err(unreadable)?;
    if !data.is_file() {
        return Err("is no regular file".into());
    }
    if data.len() > MOST_BYTES {
        return Err(format!("has {} bytes, and a record has 64 MiB at most", data.len()));
    }
    fs::read(file).map_err(unreadable)
}

fn unreadable(error: io::Error) -> String {
    format!("cannot be read: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A closed folder and a file beside it. Not a real one: permissions keep nothing from the super-user.
    fn shut(folder: &Path) -> io::Result<Vec<Entry>> {
        match folder.to_str() {
            Some("records") => {
                let entry = |name, is_folder| (folder.join(name), is_folder);
                Ok(vec![entry("box", true), entry("loose.json", false), entry("notes.txt", false)])
            }
            _ => Err(io::ErrorKind::PermissionDenied.into()),
        }
    }

    #[test]
    fn a_closed_folder_is_named_in_place_of_its_files() {
        let found = below(Path::new("records"), shut).expect("the folder itself is open");
        let refused = "cannot be read: permission denied".to_owned();
        let expected = [
            (PathBuf::from("records/box"), Err(refused)),
            (PathBuf::from("records/loose.json"), Ok(())),
        ];
        assert_eq!(found, expected);
        let error = below(Path::new("elsewhere"), shut).expect_err("closed");
        assert_eq!(error, "elsewhere: permission denied; name a folder of records");
    }

    #[test]
    fn folders_are_looked_into_once_and_not_taken_for_files() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let inside = folder.path().join("box");
        fs::create_dir_all(inside.join("deep.json"))?;
        fs::create_dir(folder.path().join("named.json"))?;
        fs::write(inside.join("one.json"), "")?;
        fs::write(inside.join("deep.json/two.json"), "")?;
        fs::write(folder.path().join("loose.json"), "")?;
        let found = below(folder.path(), list).expect("a folder");
        let expected = [inside.join("one.json"), folder.path().join("loose.json")];
        assert_eq!(found, expected.map(|path| (path, Ok(()))));
        Ok(())
    }
}
