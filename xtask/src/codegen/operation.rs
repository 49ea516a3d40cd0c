//! One file of the output for each operation: its input with `parse` and its output with `write`.

use std::fmt::Write as _;

use super::docs::comment;
use super::head;
use super::model::{Location, Member, Model, OperationModel, Shape};
use super::plan::{Field, Needed, Type, fields, root};
use super::types::{structure, write_statement};

/// The file of an operation.
pub(super) fn file(model: &Model, needed: &Needed, name: &str) -> Result<String, String> {
    let operation = model.operations.get(name).ok_or_else(|| format!("the model has no operation {name}"))?;
    let mut body = String::new();
    body.push_str(&input(model, operation)?);
    body.push_str(&output(model, operation)?);
    let mut out = head(&format!("`{name}`: what comes in and what goes out."));
    out.push_str(&imports(needed, &body));
    out.push_str(&body);
    Ok(out)
}

/// Only what the file uses: an import too many is a warning.
fn imports(needed: &Needed, body: &str) -> String {
    let mut out = String::new();
    let code = without_comments(body);
    let uses = |word: &str| {
        let is_name = |c: char| c.is_alphanumeric() || c == '_';
        code.match_indices(word).any(|(at, _)| {
            let before = code[..at].chars().next_back();
            let after = code[at + word.len()..].chars().next();
            !before.is_some_and(is_name) && !after.is_some_and(is_name)
        })
    };
    if uses("BTreeMap") {
        out.push_str("use std::collections::BTreeMap;\n\n");
    }
    out.push_str(if uses("HeaderName") {
        "use ::http::{HeaderMap, HeaderName};\n"
    } else {
        "use ::http::HeaderMap;\n"
    });
    if uses("Timestamp") {
        out.push_str("use model::time::Timestamp;\n");
    }
    let types = needed.type_names();
    let types: Vec<&str> = types.iter().map(String::as_str).filter(|name| uses(name)).collect();
    out.push('\n');
    if !types.is_empty() {
        let _ = writeln!(out, "use super::types::{{{}}};", types.join(", "));
    }
    out.push_str("use super::{Input, Operation, Output};\n");
    out.push_str("use crate::error::S3Error;\n");
    let names = ["RequestParts", "Secret", "TimeFormat", "ToXml", "XmlReader"];
    let names: Vec<&str> = names
        .into_iter()
        .filter(|name| uses(name) || (*name == "ToXml" && code.contains(".to_xml(")))
        .collect();
    let itself = if body.contains("wire::") { "self, " } else { "" };
    let _ = writeln!(out, "use crate::wire::{{{itself}{}}};\n", names.join(", "));
    out
}

fn without_comments(body: &str) -> String {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    body.lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

fn input(model: &Model, operation: &OperationModel) -> Result<String, String> {
    let name = format!("{}Input", operation.name);
    let fields = match &operation.input {
        Some(shape) => fields(model, model.shape(shape)?)?,
        None => Vec::new(),
    };
    let docs = comment("", &operation.docs, &format!("The input of `{}`.", operation.name));
    let mut out = structure(&name, &docs, &fields);
    let _ = writeln!(
        out,
        "impl Input for {name} {{\nconst OPERATION: Operation = Operation::{0};\ntype Output = {0}Output;\n",
        operation.name
    );
    let payload = payload(model, operation.input.as_deref())?;
    let body = if payload.is_some() { "body" } else { "_body" };
    let _ = writeln!(
        out,
        "fn parse(request: &RequestParts<'_>, {body}: Option<&[u8]>) -> Result<Self, S3Error> {{"
    );
    out.push_str(&start(&fields));
    out.push_str(&bind_query(&fields));
    out.push_str(&bind_headers(&fields));
    for field in late(&fields) {
        let location = if field.member.location == Location::Query { "query" } else { "header" };
        let _ = writeln!(
            out,
            "input.{0} = wire::require_{location}({0}, {1:?})?;",
            field.name, field.member.wire_name
        );
    }
    if let Some(payload) = payload {
        out.push_str(&bind_payload(&fields, payload)?);
    }
    out.push_str("Ok(input)\n}\n}\n\n");
    Ok(out)
}

/// Scalars that must be sent: they are gathered beside the input first.
fn late<'a>(fields: &'a [Field<'a>]) -> impl Iterator<Item = &'a Field<'a>> {
    fields.iter().filter(|field| {
        let is_bound = matches!(field.member.location, Location::Query | Location::Header);
        is_bound && field.required && !matches!(field.ty, Type::List { .. })
    })
}

fn start(fields: &[Field<'_>]) -> String {
    let mut out = String::new();
    let uri: Vec<&Field<'_>> = fields.iter().filter(|field| field.member.location == Location::Uri).collect();
    let is_changed = fields.len() > uri.len();
    let _ = writeln!(out, "let {}input = Self {{", if is_changed { "mut " } else { "" });
    for field in &uri {
        let _ = writeln!(out, "{}: request.require_{}()?,", field.name, field.name);
    }
    out.push_str(if is_changed { "..Self::default()\n};\n" } else { "};\n" });
    for field in late(fields) {
        let _ = writeln!(out, "let mut {} = None;", field.name);
    }
    out
}

fn bind_query(fields: &[Field<'_>]) -> String {
    let mut arms = String::new();
    for field in fields.iter().filter(|field| field.member.location == Location::Query) {
        let bind = if matches!(field.ty, Type::Time(_)) { "query_time" } else { "from_query" };
        let wire = &field.member.wire_name;
        let _ = writeln!(arms, "{wire:?} => wire::{bind}(&mut {}, {wire:?}, value)?,", slot(field));
    }
    if arms.is_empty() {
        return arms;
    }
    format!("for (name, value) in request.query.iter() {{\nmatch name {{\n{arms}_ => {{}}\n}}\n}}\n")
}

fn bind_headers(fields: &[Field<'_>]) -> String {
    let mut arms = String::new();
    for field in fields.iter().filter(|field| field.member.location == Location::Header) {
        let wire = &field.member.wire_name;
        let slot = slot(field);
        let _ = match &field.ty {
            Type::Time(_) if field.is_lenient() => {
                writeln!(arms, "{wire:?} => wire::lenient_header_time(&mut {slot}, value),")
            }
            Type::Time(_) => writeln!(arms, "{wire:?} => wire::header_time(&mut {slot}, {wire:?}, value)?,"),
            Type::List { .. } => {
                writeln!(arms, "{wire:?} => wire::list_from_header(&mut {slot}, {wire:?}, value)?,")
            }
            _ => writeln!(arms, "{wire:?} => wire::from_header(&mut {slot}, {wire:?}, value)?,"),
        };
    }
    let prefixed = fields.iter().find(|field| field.member.location == Location::PrefixHeaders);
    if arms.is_empty() && prefixed.is_none() {
        return arms;
    }
    let rest = match prefixed {
        Some(field) => format!(
            "name => if let Some(key) = name.strip_prefix({:?}) {{\n\
             wire::metadata_from_header(&mut input.{}, key, value);\n}}\n",
            field.member.wire_name, field.name
        ),
        None => "_ => {}\n".to_string(),
    };
    format!("for (name, value) in request.headers {{\nmatch name.as_str() {{\n{arms}{rest}}}\n}}\n")
}

/// Where a value is put: the field, or for one that must be sent the variable beside the input.
fn slot(field: &Field<'_>) -> String {
    if field.required && !matches!(field.ty, Type::List { .. }) {
        field.name.clone()
    } else {
        format!("input.{}", field.name)
    }
}

/// The member that is the whole body, unless it streams.
fn payload<'a>(model: &'a Model, shape: Option<&str>) -> Result<Option<&'a Member>, String> {
    let Some(shape) = shape else {
        return Ok(None);
    };
    let shape = model.shape(shape)?;
    let payload = shape.members.iter().find(|member| Some(&member.name) == shape.payload.as_ref());
    Ok(payload.filter(|member| !member.streaming))
}

fn bind_payload(fields: &[Field<'_>], payload: &Member) -> Result<String, String> {
    let field = fields.iter().find(|field| field.member.name == payload.name);
    let field = field.ok_or_else(|| format!("no field for {}", payload.name))?;
    let value = match &field.ty {
        Type::Structure(_) => format!("XmlReader::document(body, {:?})?", payload.wire_name),
        Type::Scalar(rust) if rust == "String" => "wire::text_body(body)?".to_string(),
        other => return Err(format!("{}: a payload of type {other:?}", payload.name)),
    };
    let value = if field.is_option() { format!("Some({value})") } else { value };
    let mut out = format!(
        "if let Some(body) = body.filter(|body| !body.is_empty()) {{\ninput.{} = {value};\n}}",
        field.name
    );
    if field.required {
        out.push_str(" else {\nreturn Err(wire::missing_body());\n}");
    }
    out.push('\n');
    Ok(out)
}

fn output(model: &Model, operation: &OperationModel) -> Result<String, String> {
    let name = format!("{}Output", operation.name);
    let shape = match &operation.output {
        Some(shape) => Some(model.shape(shape)?),
        None => None,
    };
    let fields = match shape {
        Some(shape) => fields(model, shape)?,
        None => Vec::new(),
    };
    let docs = format!("/// What `{}` answers.\n", operation.name);
    let mut out = structure(&name, &docs, &fields);
    let mut statements = String::new();
    for field in &fields {
        statements.push_str(&write_header(field));
    }
    if let Some(shape) = shape {
        statements.push_str(&write_body(operation, shape, &fields)?);
    }
    let uses = |word: &str| if statements.contains(word) { "" } else { "_" };
    let _ = writeln!(
        out,
        "impl Output for {name} {{\nfn write(&self, {}headers: &mut HeaderMap, {}body: &mut Vec<u8>) {{\n{statements}}}\n}}",
        uses("headers"),
        uses("body")
    );
    Ok(out)
}

fn write_header(field: &Field<'_>) -> String {
    let name = format!("const {{ HeaderName::from_static({:?}) }}", field.member.wire_name);
    let value = if field.is_option() {
        format!("self.{}.as_ref()", field.name)
    } else {
        format!("Some(&self.{})", field.name)
    };
    match (field.member.location, &field.ty) {
        (Location::PrefixHeaders, _) => format!("wire::set_metadata(headers, &self.{});\n", field.name),
        (Location::Header, Type::Time(format)) => {
            let time = if field.is_option() {
                format!("self.{}", field.name)
            } else {
                format!("Some(self.{})", field.name)
            };
            format!("wire::set_header_time(headers, {name}, {time}, TimeFormat::{format});\n")
        }
        (Location::Header, Type::List { .. }) => {
            format!("wire::set_header_list(headers, {name}, &self.{});\n", field.name)
        }
        (Location::Header, _) => format!("wire::set_header(headers, {name}, {value});\n"),
        _ => String::new(),
    }
}

fn write_body(operation: &OperationModel, shape: &Shape, fields: &[Field<'_>]) -> Result<String, String> {
    if let Some(payload) = &shape.payload {
        let Some(field) = fields.iter().find(|field| field.member.name == *payload) else {
            return Ok(String::new());
        };
        return write_payload(operation, field);
    }
    let inside: Vec<&Field<'_>> =
        fields.iter().filter(|field| field.member.location == Location::Body).collect();
    if inside.is_empty() {
        return Ok(String::new());
    }
    let root = root(&operation.name)?;
    let mut out = format!("wire::start_xml(headers, body).root({root:?}, |xml| {{\n");
    if operation.name == "GetBucketLocation" {
        // The model has an element inside of the root; S3 answers the text in the root itself.
        out.push_str("if let Some(region) = &self.location_constraint {\nxml.text(region);\n}\n");
    } else {
        for field in inside {
            out.push_str(&write_statement(field));
        }
    }
    out.push_str("});\n");
    Ok(out)
}

fn write_payload(operation: &OperationModel, field: &Field<'_>) -> Result<String, String> {
    let (name, wire) = (&field.name, &field.member.wire_name);
    if !matches!(field.ty, Type::Structure(_)) {
        return Err(format!("{}: a payload that is no structure", operation.name));
    }
    let write =
        |value: &str| format!("wire::start_xml(headers, body).root({wire:?}, |xml| {value}.to_xml(xml));\n");
    Ok(if field.is_option() {
        format!("if let Some(payload) = &self.{name} {{\n{}}}\n", write("payload"))
    } else {
        write(&format!("self.{name}"))
    })
}
