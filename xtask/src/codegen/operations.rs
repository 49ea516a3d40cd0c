//! `operation.rs` (all operations with their facts) and `mod.rs` of the output.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::docs::comment;
use super::model::{Kind, Location, Model, OperationModel};
use super::{head, names, plan};

/// `mod.rs`.
pub(super) fn module_file() -> String {
    let mut out =
        head("S3's operations, their inputs and their outputs, as AWS's service model describes them.");
    out.push_str(
        "#![expect(clippy::too_many_lines, clippy::single_match, reason = \"generated: one arm for each member\")]\n\n",
    );
    let modules: Vec<String> = plan::OPERATIONS.iter().map(|name| names::snake(name)).collect();
    let mut all: Vec<&str> = modules.iter().map(String::as_str).collect();
    all.extend(["operation", "types"]);
    all.sort_unstable();
    for module in all {
        let _ = writeln!(out, "mod {module};");
    }
    out.push('\n');
    for (name, module) in plan::OPERATIONS.iter().zip(&modules) {
        let _ = writeln!(out, "pub use {module}::{{{name}Input, {name}Output}};");
    }
    out.push_str(
        "pub(crate) use operation::is_marker;\npub use operation::Operation;\npub use types::*;\n\n",
    );
    out.push_str(TRAITS);
    out
}

const TRAITS: &str = "\
use crate::error::S3Error;
use crate::wire::RequestParts;

/// The input of an operation, without a streaming body.
pub trait Input: Sized {
    /// The operation.
    const OPERATION: Operation;
    /// What it answers.
    type Output: Output;

    /// Binds path, query, headers and, where the operation has one, the XML body.
    ///
    /// # Errors
    /// The S3 error for the first value that the operation cannot take.
    fn parse(request: &RequestParts<'_>, body: Option<&[u8]>) -> Result<Self, S3Error>;
}

/// The output of an operation, without a streaming body.
pub trait Output {
    /// Adds the headers, and appends the XML body where the operation has one.
    fn write(&self, headers: &mut ::http::HeaderMap, body: &mut Vec<u8>);
}
";

/// `operation.rs`.
pub(super) fn file(model: &Model) -> Result<String, String> {
    let mut out = head("All operations of S3 and what is known of each without looking at a request.");
    out.push_str("use ::http::Method;\n\nuse crate::wire::{BodyKind, OperationFacts, Scope};\n\n");
    out.push_str(
        "/// An operation of S3.\n#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]\n",
    );
    out.push_str("pub enum Operation {\n");
    for operation in model.operations.values() {
        out.push_str(&comment("    ", &operation.docs, &format!("`{}`.", operation.name)));
        let _ = writeln!(out, "    {},", operation.name);
    }
    out.push_str(
        "}\n\nimpl Operation {\n    /// Every operation, by name.\n    pub const ALL: &'static [Self] = &[\n",
    );
    for name in model.operations.keys() {
        let _ = writeln!(out, "        Self::{name},");
    }
    out.push_str("    ];\n\n    /// The name, as in AWS's documentation.\n    #[must_use]\n");
    out.push_str("    pub fn name(self) -> &'static str {\n        self.facts().name\n    }\n\n");
    out.push_str("    /// What is known of the operation.\n    #[must_use]\n");
    out.push_str(
        "    pub fn facts(self) -> &'static OperationFacts {\n        &FACTS[self as usize]\n    }\n}\n\n",
    );
    let _ = writeln!(
        out,
        "/// By operation, in the order of the enum.\nstatic FACTS: [OperationFacts; {}] = [",
        model.operations.len()
    );
    for operation in model.operations.values() {
        out.push_str(&facts(model, operation)?);
    }
    out.push_str("];\n\n");
    out.push_str(&is_marker(model));
    Ok(out)
}

/// The names that make a request one on a sub-resource. The kind of a listing is none.
fn is_marker(model: &Model) -> String {
    let operations = model.operations.values();
    let markers = operations.filter_map(|operation| operation.markers().first().map(|(name, _)| *name));
    let markers: BTreeSet<&str> = markers.filter(|name| *name != "list-type").collect();
    let markers: Vec<String> = markers.into_iter().map(|name| format!("{name:?}")).collect();
    format!(
        "/// Whether the name of a query parameter names a sub-resource of a bucket or an object.\n\
         pub(crate) fn is_marker(name: &str) -> bool {{\n    matches!(name, {})\n}}\n",
        markers.join(" | ")
    )
}

fn facts(model: &Model, operation: &OperationModel) -> Result<String, String> {
    let required = |location| required(model, operation, location);
    let markers: Vec<String> =
        operation.markers().iter().map(|(name, value)| format!("({name:?}, {value:?})")).collect();
    Ok(format!(
        "OperationFacts {{ name: {:?}, method: Method::{}, scope: Scope::{}, markers: &[{}], \
         required_query: &{:?}, required_headers: &{:?}, status: {}, request_body: BodyKind::{}, \
         response_body: BodyKind::{}, checksum_required: {} }},\n",
        operation.name,
        operation.method,
        scope(operation),
        markers.join(", "),
        required(Location::Query)?,
        required(Location::Header)?,
        operation.status,
        body(model, operation.input.as_deref())?,
        body(model, operation.output.as_deref())?,
        operation.checksum_required,
    ))
}

fn scope(operation: &OperationModel) -> &'static str {
    match operation.uri.split('?').next() {
        Some("/") => "Service",
        Some("/{Bucket}") => "Bucket",
        Some("/{Bucket}/{Key+}") => "Object",
        _ => "Other",
    }
}

/// Wire names of the members that must be there, without those that are in the URI already.
fn required(model: &Model, operation: &OperationModel, location: Location) -> Result<Vec<String>, String> {
    let Some(input) = &operation.input else {
        return Ok(Vec::new());
    };
    let shape = model.shape(input)?;
    let members = shape.members.iter().filter(|member| member.location == location);
    Ok(members.filter(|member| shape.requires(member)).map(|member| member.wire_name.clone()).collect())
}

fn body(model: &Model, shape: Option<&str>) -> Result<&'static str, String> {
    let Some(shape) = shape else {
        return Ok("None");
    };
    let shape = model.shape(shape)?;
    let payload = shape.members.iter().find(|member| Some(&member.name) == shape.payload.as_ref());
    if let Some(payload) = payload {
        return Ok(match model.shape(&payload.shape)?.kind {
            _ if payload.streaming => "Stream",
            Kind::Structure => "Xml",
            _ => "Text",
        });
    }
    let has_members = shape.members.iter().any(|member| member.location == Location::Body);
    Ok(if has_members { "Xml" } else { "None" })
}
