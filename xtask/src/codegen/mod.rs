//! `cargo xtask codegen`: the types of S3's requests and answers, from AWS's own service model.
//!
//! Always true: the output depends on nothing but the model in `xtask/model` and this code; `--check` writes nothing.

mod docs;
mod imports;
mod json;
mod model;
mod names;
mod operation;
mod operations;
mod plan;
mod source;
mod types;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use crate::arguments::{Accepts, Arguments};
use crate::failure::Failure;
use crate::process;

/// What `cargo xtask help codegen` prints.
pub(crate) const HELP: &str = "\
Usage: cargo xtask codegen [--check] [--update-model]

Writes crates/s3/src/generated from the service model in xtask/model.

  --check          write nothing; fail if the committed code differs
  --update-model   first make xtask/model anew from the pinned release of botocore (needs Python with pip)
";

/// Where the output stands.
const FOLDER: &str = "crates/s3/src/generated";

/// Files to be, by name.
type Files = BTreeMap<String, String>;

/// Runs the command.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let accepts =
        Accepts { command: "codegen", switches: &["--check", "--update-model"], values: &[], rest: false };
    let arguments = Arguments::parse(&accepts, arguments)?;
    let root = process::root()?;
    if arguments.has("--update-model") {
        source::update(&root)?;
    }
    let files = generate(&root)?;
    if arguments.has("--check") {
        check(&root.join(FOLDER), &files)
    } else {
        write(&root.join(FOLDER), &files)
    }
}

/// All files, formatted.
fn generate(root: &Path) -> Result<Files, Failure> {
    let model = source::load(root)?;
    let needed = plan::Needed::of(&model, plan::OPERATIONS).map_err(Failure::failed)?;
    let mut files = Files::new();
    files.insert("mod.rs".to_string(), operations::module_file());
    files.insert("operation.rs".to_string(), operations::file(&model).map_err(Failure::failed)?);
    files.insert("types.rs".to_string(), types::file(&model, &needed).map_err(Failure::failed)?);
    for name in plan::OPERATIONS {
        let text = operation::file(&model, &needed, name).map_err(Failure::failed)?;
        files.insert(format!("{}.rs", names::snake(name)), text);
    }
    for text in files.values_mut() {
        *text = format(root, text)?;
    }
    Ok(files)
}

/// The comment at the start of every file.
fn head(about: &str) -> String {
    format!(
        "// @{} by `cargo xtask codegen` from the S3 service model of botocore {} (Apache-2.0). Do not edit.\n\n\
         //! {about}\n\n",
        "generated",
        source::BOTOCORE
    )
}

/// Formats as the workspace is formatted.
fn format(root: &Path, text: &str) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("cannot run rustfmt: {error}"));
    let mut command = process::program("rustfmt", root);
    command.args(["--edition", "2024", "--emit", "stdout"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes()).map_err(failed)?;
    }
    let output = child.wait_with_output().map_err(failed)?;
    if !output.status.success() {
        return Err(Failure::failed("rustfmt refuses the generated code"));
    }
    String::from_utf8(output.stdout).map_err(|error| Failure::failed(error.to_string()))
}

fn write(folder: &Path, files: &Files) -> Result<(), Failure> {
    for name in existing(folder)? {
        if !files.contains_key(&name) {
            let path = folder.join(name);
            fs::remove_file(&path).map_err(|error| Failure::io("remove", &path, &error))?;
        }
    }
    for (name, text) in files {
        let path = folder.join(name);
        if fs::read_to_string(&path).ok().as_ref() != Some(text) {
            fs::write(&path, text).map_err(|error| Failure::io("write", &path, &error))?;
        }
    }
    Ok(())
}

fn check(folder: &Path, files: &Files) -> Result<(), Failure> {
    let mut stale: Vec<String> =
        existing(folder)?.into_iter().filter(|name| !files.contains_key(name)).collect();
    for (name, text) in files {
        if fs::read_to_string(folder.join(name)).ok().as_ref() != Some(text) {
            stale.push(name.clone());
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    let list = stale.join(", ");
    Err(Failure::failed(format!("not as generated: {list}; run `cargo xtask codegen`")))
}

fn existing(folder: &Path) -> Result<Vec<String>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| Failure::io("list", folder, &error))?;
    Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_that_is_routed_can_be_generated() {
        // An event stream, and the deprecated twins of other operations.
        let left_out = ["SelectObjectContent", "GetBucketLifecycle", "GetBucketNotification"];
        let model = source::load(&process::root().unwrap()).unwrap();
        let names = model.operations.keys().map(String::as_str);
        let names: Vec<&str> = names.filter(|name| !left_out.contains(name)).collect();
        let needed = plan::Needed::of(&model, &names).unwrap();
        types::file(&model, &needed).unwrap();
        for name in names {
            operation::file(&model, &needed, name).unwrap();
        }
    }

    #[test]
    fn the_committed_code_is_what_is_generated_now() {
        run(&["--check".to_string()]).unwrap();
    }
}
