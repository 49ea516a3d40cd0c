//! One file of the output for each operation: its input with `parse` and its output with `write`.

use std::fmt::Write as _;

use super::docs::comment;
use super::head;
use super::imports::Identifiers;
use super::model::{Location, Member, Model, OperationModel, Shape};
use super::plan::{Field, Needed, Type, fields, has_default, root};
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

fn imports(needed: &Needed, body: &str) -> String {
    let identifiers = Identifiers::of(body);
    let types = needed.type_names();
    let types: Vec<&str> = types.iter().map(String::as_str).collect();
    let mut out = identifiers.import("std::collections", &["BTreeMap"]);
    out.push('\n');
    out.push_str(&identifiers.import("::http", &["HeaderMap", "HeaderName"]));
    out.push_str(&identifiers.import("model::time", &["Timestamp"]));
    out.push('\n');
    out.push_str(&identifiers.import("super::types", &types));
    out.push_str("use super::{Input, Operation, Output};\nuse crate::error::S3Error;\n");
    let mut names = vec!["RequestParts", "Secret", "TimeFormat", "XmlReader"];
    names.retain(|name| identifiers.has(name));
    if identifiers.has("wire") {
        names.push("self");
    }
    if identifiers.has("to_xml") {
        names.push("ToXml");
    }
    let _ = writeln!(out, "use crate::wire::{{{}}};\n", names.join(", "));
    out
}

fn input(model: &Model, operation: &OperationModel) -> Result<String, String> {
    let name = format!("{}Input", operation.name);
    let fields = match &operation.input {
        Some(shape) => fields(model, model.shape(shape)?)?,
        None => Vec::new(),
    };
    let docs = comment("", &operation.docs, &format!("The input of `{}`.", operation.name));
    let has_default = has_default(model, &fields)?;
    let mut out = structure(&name, &docs, &fields, has_default);
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
    out.push_str(&start(&fields, payload, has_default)?);
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
    let optional = |field: &&Field<'_>| {
        field.is_option() && payload.is_some_and(|payload| payload.name == field.member.name)
    };
    if let Some(field) = fields.iter().find(optional) {
        out.push_str(&bind_payload(field)?);
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

/// The input with what must be there; all else has no value yet.
fn start(fields: &[Field<'_>], payload: Option<&Member>, has_default: bool) -> Result<String, String> {
    let mut out = String::new();
    let mut values = String::new();
    let mut rest = Vec::new();
    for field in fields {
        if field.member.location == Location::Uri {
            let _ = writeln!(values, "{}: request.require_{}()?,", field.name, field.name);
        } else if field.required && payload.is_some_and(|payload| payload.name == field.member.name) {
            out.push_str("let Some(body) = body.filter(|body| !body.is_empty()) else {\n");
            out.push_str("return Err(wire::missing_body());\n};\n");
            let _ = writeln!(values, "{}: {},", field.name, read_payload(field)?);
        } else {
            rest.push(field);
        }
    }
    if !rest.is_empty() && has_default {
        values.push_str("..Self::default()\n");
    } else {
        for field in &rest {
            let _ = writeln!(values, "{}: Default::default(),", field.name);
        }
    }
    let is_changed = if rest.is_empty() { "" } else { "mut " };
    let _ = writeln!(out, "let {is_changed}input = Self {{\n{values}}};");
    for field in late(fields) {
        let _ = writeln!(out, "let mut {} = None;", field.name);
    }
    Ok(out)
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

/// A body that may be empty.
fn bind_payload(field: &Field<'_>) -> Result<String, String> {
    Ok(format!(
        "if let Some(body) = body.filter(|body| !body.is_empty()) {{\ninput.{} = Some({});\n}}\n",
        field.name,
        read_payload(field)?
    ))
}

fn read_payload(field: &Field<'_>) -> Result<String, String> {
    match &field.ty {
        Type::Structure(_) => Ok(format!("XmlReader::document(body, {:?})?", field.member.wire_name)),
        Type::Scalar(rust) if rust == "String" => Ok("wire::text_body(body)?".to_string()),
        other => Err(format!("{}: a payload of type {other:?}", field.name)),
    }
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
    let mut out = structure(&name, &docs, &fields, has_default(model, &fields)?);
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
    if field.ty == Type::Scalar("String".to_string()) && field.is_option() {
        return Ok(format!(
            "if let Some(text) = &self.{name} {{\nbody.extend_from_slice(text.as_bytes());\n}}\n"
        ));
    }
    if !matches!(field.ty, Type::Structure(_)) {
        return Err(format!("{}: a payload of type {:?}", operation.name, field.ty));
    }
    let write =
        |value: &str| format!("wire::start_xml(headers, body).root({wire:?}, |xml| {value}.to_xml(xml));\n");
    Ok(if field.is_option() {
        format!("if let Some(payload) = &self.{name} {{\n{}}}\n", write("payload"))
    } else {
        write(&format!("self.{name}"))
    })
}
