//! The embedded images are those of the sources as they stand: checked by hashes, with no compiler.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

const REMEDY: &str = "run scripts/kernels build and commit what it writes";

/// The newest PTX that the oldest supported driver, R535, reads.
const NEWEST_PTX: (u32, u32) = (8, 2);

/// One image, as scripts/kernels names it.
struct Image {
    /// Beside its source.
    path: PathBuf,
    source: PathBuf,
    title: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// As the file is named in the repository.
fn name(path: &Path) -> String {
    let name = path.strip_prefix(root()).expect("a file of the repository");
    name.to_str().expect("a name in UTF-8").replace('\\', "/")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Files with one of these extensions in a folder and those within it.
fn files(folder: &Path, extensions: &[&str]) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            found.extend(files(&path, extensions));
        } else if path.extension().is_some_and(|own| extensions.iter().any(|other| own == *other)) {
            found.insert(path);
        }
    }
    found
}

/// The element types of kernels/flags.
fn elements() -> Vec<String> {
    let flags = read(&root().join("kernels/flags"));
    let line = flags.lines().find_map(|line| line.strip_prefix("elements:")).expect("elements");
    line.split_whitespace().map(str::to_owned).collect()
}

/// Every image there has to be: a codec.cu has one for each element type, other sources have one.
fn expected() -> Vec<Image> {
    let elements = elements();
    let mut images = Vec::new();
    for source in files(&root().join("crates"), &["cu"]) {
        let text = read(&source);
        let codec = text.lines().find_map(|line| line.strip_prefix("// codec: "));
        let codec = codec.unwrap_or_else(|| panic!("{}: no '// codec: NAME'", name(&source)));
        let mut add = |file: &str, element: &str| {
            images.push(Image {
                path: source.with_file_name(format!("{file}.ptx")),
                source: source.clone(),
                title: format!("// prelu-mem kernels: {codec} {element}"),
            });
        };
        if source.ends_with("codec.cu") {
            elements.iter().for_each(|element| add(element, element));
        } else {
            let file = source.file_stem().and_then(|stem| stem.to_str()).expect("a name");
            add(file, "any");
        }
    }
    assert!(!images.is_empty(), "no sources found");
    images
}

/// As scripts/kernels.py computes it: over everything that an image was made from.
fn hash(image: &Image) -> String {
    let root = root();
    let headers = files(&root.join("kernels"), &["cuh", "h"]);
    let sources = [root.join("kernels/flags"), image.source.clone()];
    let mut digest = Sha256::new();
    digest.update(format!("{}\n", image.title));
    for path in sources.into_iter().chain(headers) {
        let text = read(&path);
        digest.update(format!("{}\n{}\n{text}", name(&path), text.len()));
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_image_is_of_its_sources() {
    let mut stale = Vec::new();
    for image in expected() {
        let begins = format!("{}\n// sources: sha256:{}\n", image.title, hash(&image));
        let is = fs::read_to_string(&image.path);
        if !is.is_ok_and(|text| text.starts_with(&begins)) {
            stale.push(name(&image.path));
        }
    }
    assert!(stale.is_empty(), "{REMEDY}; missing or older than the sources:\n{}", stale.join("\n"));
}

#[test]
fn every_image_has_a_source() {
    let known: BTreeSet<PathBuf> = expected().into_iter().map(|image| image.path).collect();
    let there = files(&root().join("crates"), &["ptx"]);
    let strangers: Vec<_> = there.difference(&known).map(|path| name(path)).collect();
    assert!(strangers.is_empty(), "images without a source, to be removed: {strangers:?}");
}

#[test]
fn the_oldest_supported_driver_and_device_take_every_image() {
    for path in files(&root().join("crates"), &["ptx"]) {
        let text = read(&path);
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
        let version = value(".version ").expect("a version").split_once('.').expect("two numbers");
        let version: (u32, u32) =
            (version.0.parse().expect("a number"), version.1.parse().expect("a number"));
        assert!(version <= NEWEST_PTX, "{}: PTX {version:?}", name(&path));
        assert_eq!(value(".target "), Some("sm_75"), "{}", name(&path));
    }
}

#[test]
fn nothing_of_the_machine_that_compiled_is_in_an_image() {
    for path in files(&root().join("crates"), &["ptx"]) {
        let text = read(&path);
        let told = text.lines().skip(2).find(|line| line.contains("//") || line.contains(".file"));
        assert_eq!(told, None, "{}", name(&path));
    }
}
