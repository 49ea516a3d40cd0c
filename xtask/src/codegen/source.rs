//! Where the model comes from. A trimmed copy stands in the repository, so that generating and checking need neither
//! Python nor a network; `--update-model` makes it anew from the pinned release of botocore.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::docs::first_sentence;
use super::json::Json;
use super::model::Model;
use crate::failure::Failure;
use crate::process;

/// The release of botocore whose model is used.
pub(super) const BOTOCORE: &str = "1.44.5";

/// Names of the model that the generator reads; all others are left out of the copy.
const KEPT: &[&str] = &[
    "name",
    "http",
    "method",
    "requestUri",
    "responseCode",
    "input",
    "output",
    "shape",
    "httpChecksum",
    "requestChecksumRequired",
    "documentation",
    "type",
    "required",
    "payload",
    "member",
    "flattened",
    "enum",
    "timestampFormat",
    "sensitive",
    "xmlNamespace",
    "prefix",
    "uri",
    "location",
    "locationName",
    "streaming",
    "xmlAttribute",
    "members",
    "operations",
    "shapes",
];

/// Reads the copy in the repository.
pub(super) fn load(root: &Path) -> Result<Model, Failure> {
    let path = path(root);
    let text = std::fs::read_to_string(&path).map_err(|error| Failure::io("read", &path, &error))?;
    let json = Json::parse(&text).map_err(Failure::failed)?;
    Model::new(&json).map_err(Failure::failed)
}

/// Makes the copy anew.
pub(super) fn update(root: &Path) -> Result<(), Failure> {
    let cache = root.join(".cache").join(format!("botocore-{BOTOCORE}"));
    let wheel = format!("botocore-{BOTOCORE}-py3-none-any.whl");
    let release = format!("botocore=={BOTOCORE}");
    let folder = cache.to_string_lossy();
    process::run(process::program("python3", root).args([
        "-m",
        "pip",
        "download",
        "--no-deps",
        "-d",
        &folder,
        &release,
    ]))?;
    process::run(process::program("python3", &cache).args(["-m", "zipfile", "-e", &wheel, "."]))?;
    let packed = cache.join("botocore/data/s3/2006-03-01/service-2.json.gz");
    let text = unpack(&packed)?;
    let json = Json::parse(&text).map_err(Failure::failed)?;
    let mut out = String::new();
    trim(&json, Level::Fixed).print(0, &mut out);
    out.push('\n');
    let path = path(root);
    std::fs::write(&path, out).map_err(|error| Failure::io("write", &path, &error))
}

fn path(root: &Path) -> PathBuf {
    root.join("xtask/model/s3-2006-03-01.json")
}

fn unpack(path: &Path) -> Result<String, Failure> {
    let file = std::fs::File::open(path).map_err(|error| Failure::io("open", path, &error))?;
    let mut text = String::new();
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut text)
        .map_err(|error| Failure::io("unpack", path, &error))?;
    Ok(text)
}

/// Whether the names of an object are the format's (only known ones are kept) or free (all are kept).
#[derive(Clone, Copy)]
enum Level {
    Fixed,
    Free,
}

fn trim(json: &Json, level: Level) -> Json {
    let Json::Object(entries) = json else {
        return json.clone();
    };
    let mut kept = Vec::new();
    for (name, value) in entries {
        if matches!(level, Level::Fixed) && !KEPT.contains(&name.as_str()) {
            continue;
        }
        let value = match (level, name.as_str(), value) {
            (Level::Fixed, "documentation", Json::Text(html)) => Json::Text(first_sentence(html)),
            (Level::Fixed, "operations" | "shapes" | "members", _) => trim(value, Level::Free),
            _ => trim(value, Level::Fixed),
        };
        kept.push((name.clone(), value));
    }
    Json::Object(kept)
}
