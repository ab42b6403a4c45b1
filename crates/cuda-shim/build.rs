//! Compiles the CUDA kernels and a driver for them with the C++ compiler, to a library of the driver's
//! name, and a program that tries what the library is to find out.
//!
//! Kernels are found where `scripts/kernels` finds them: every `.cu` below `crates`.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Of the driver and of the program that tries it.
const COMMON: [&str; 5] = ["block", "devices", "memory", "settings", "streams"];

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=cpp");
    if std::env::var_os("CARGO_CFG_UNIX").is_none() {
        return Ok(());
    }
    let own = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let root = own.join("../..").canonicalize()?;
    let kernels = root.join("kernels");
    println!("cargo::rerun-if-changed={}", kernels.display());

    let mut sources = Vec::new();
    find_sources(&root.join("crates"), &mut sources)?;
    sources.sort();
    let elements = elements(&kernels)?;
    let mut units = Vec::new();
    for source in &sources {
        println!("cargo::rerun-if-changed={}", source.display());
        units.extend(write_units(source, &elements, &out)?);
    }
    let own_file = |name: &str| own.join("cpp").join(name).with_extension("cpp");
    units.extend(COMMON.map(own_file));
    units.push(own_file("checks"));

    let mut compiler = cc::Build::new();
    compiler.cpp(true).std("c++17").opt_level(2).pic(true).cargo_metadata(false);
    // The arithmetic of the kernels as they are written, and jumps between stacks.
    for flag in [
        "-ffp-contract=off",
        // Columns are staged in shared memory of another type.
        "-fno-strict-aliasing",
        "-fvisibility=hidden",
        "-pthread",
        "-U_FORTIFY_SOURCE",
        "-Wno-unknown-pragmas",
    ] {
        compiler.flag(flag);
    }
    compiler.include(&kernels).include(own.join("cpp")).define("PRELU_MEM_SHIM", None);
    let objects = compiler.files(&units).try_compile_intermediates().map_err(|error| {
        format!(
            "the CUDA shim needs a C++ compiler: install a C++ compiler (g++ or clang++): {error}"
        )
    })?;

    let (checks, driver): (Vec<&Path>, Vec<&Path>) =
        objects.iter().map(PathBuf::as_path).partition(|object| is(object, "checks"));
    let common = || driver.iter().filter(|object| COMMON.iter().any(|name| is(object, name)));
    let library = out.join("lib");
    fs::create_dir_all(&library)?;
    for name in ["libcuda.so", "libcuda.so.1"] {
        link(&compiler, &["-shared"], &driver, &library.join(name))?;
    }
    let program: Vec<&Path> = checks.iter().chain(common()).copied().collect();
    link(&compiler, &[], &program, &out.join("checks"))?;
    println!("cargo::rustc-env=PRELU_MEM_CUDA_SHIM={}", library.display());
    println!("cargo::rustc-env=PRELU_MEM_CUDA_SHIM_CHECKS={}", out.join("checks").display());
    Ok(())
}

/// Whether an object was made from the file of this name; the compiler puts a hash before it.
fn is(object: &Path, name: &str) -> bool {
    object.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| {
        stem == name || stem.strip_suffix(name).is_some_and(|rest| rest.ends_with('-'))
    })
}

fn link(compiler: &cc::Build, flags: &[&str], objects: &[&Path], to: &Path) -> Result<()> {
    let mut command: Command = compiler.try_get_compiler()?.to_command();
    let status = command.args(flags).args(objects).arg("-o").arg(to).status()?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}").into()) }
}

fn find_sources(folder: &Path, sources: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find_sources(&path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "cu") {
            sources.push(path);
        }
    }
    Ok(())
}

/// The element types that every codec is compiled for.
fn elements(kernels: &Path) -> Result<Vec<String>> {
    let flags = fs::read_to_string(kernels.join("flags"))?;
    let line = flags.lines().find_map(|line| line.strip_prefix("elements:"));
    let names = line.ok_or("kernels/flags has no line 'elements:'")?;
    Ok(names.split_whitespace().map(str::to_owned).collect())
}

/// A file to compile for each element type, or for none, that includes the source.
fn write_units(source: &Path, elements: &[String], out: &Path) -> Result<Vec<PathBuf>> {
    let text = fs::read_to_string(source)?;
    let codec = text.lines().find_map(|line| line.strip_prefix("// codec: "));
    let codec = codec.ok_or_else(|| format!("{}: no line '// codec: NAME'", source.display()))?;
    let any = ["any".to_owned()];
    let is_codec = source.file_name().is_some_and(|name| name == "codec.cu");
    let elements = if is_codec { elements } else { &any };
    let mut units = Vec::new();
    for element in elements {
        let unit = out.join(format!("kernels-{codec}-{element}.cpp"));
        let text = format!(
            "#define PRELU_MEM_CODEC {codec}\n#define PRELU_MEM_ELEMENT {element}\n#include {source:?}\n"
        );
        fs::write(&unit, text)?;
        units.push(unit);
    }
    Ok(units)
}
