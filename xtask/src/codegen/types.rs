//! `types.rs` of the output: enumerations and the structures inside of requests and answers.

use std::fmt::Write as _;

use super::docs::comment;
use super::imports::Identifiers;
use super::model::{Model, Shape};
use super::plan::{Field, Needed, Type, fields, has_default, type_name};
use super::{head, names};

/// `types.rs`.
pub(super) fn file(model: &Model, needed: &Needed) -> Result<String, String> {
    let mut out = String::new();
    for name in &needed.words {
        out.push_str(&words(name, model.shape(name)?));
    }
    for name in needed.read.union(&needed.written) {
        let shape = model.shape(name)?;
        let fields = fields(model, shape)?;
        let type_name = type_name(name);
        let docs = comment("", &shape.docs, &format!("`{name}` of the model."));
        out.push_str(&structure(&type_name, &docs, &fields, has_default(model, &fields)?));
        if needed.read.contains(name) {
            out.push_str(&from_xml(&type_name, &fields));
        }
        if needed.written.contains(name) {
            out.push_str(&to_xml(&type_name, shape, &fields));
        }
    }
    let identifiers = Identifiers::of(&out);
    let wire =
        ["FromXml", "Secret", "TimeFormat", "ToXml", "XmlError", "XmlReader", "XmlWriter", "token_enum"];
    let mut file = head("Words and structures that requests and answers share.");
    file.push_str(&identifiers.import("model::time", &["Timestamp"]));
    file.push('\n');
    file.push_str(&identifiers.import("crate::wire", &wire));
    file.push('\n');
    file.push_str(&out);
    Ok(file)
}

fn words(name: &str, shape: &Shape) -> String {
    let mut out = String::from("token_enum! {\n");
    out.push_str(&comment("    ", &shape.docs, &format!("`{name}` of the model.")));
    let _ = writeln!(out, "    {name} {{");
    for word in &shape.words {
        let _ = writeln!(out, "        {} = {word:?},", names::variant(word));
    }
    out.push_str("    }\n}\n\n");
    out
}

/// A structure with its fields.
pub(super) fn structure(name: &str, docs: &str, fields: &[Field<'_>], has_default: bool) -> String {
    let mut out = docs.to_string();
    let default = if has_default { "Default, " } else { "" };
    let _ = writeln!(out, "#[derive(Clone, Debug, {default}PartialEq)]\npub struct {name} {{");
    for field in fields {
        let fallback = format!("`{}`.", field.member.wire_name);
        out.push_str(&comment("    ", &field.member.docs, &fallback));
        let _ = writeln!(out, "    pub {}: {},", field.name, field.rust());
    }
    out.push_str("}\n\n");
    out
}

fn from_xml(name: &str, fields: &[Field<'_>]) -> String {
    let mut out = format!(
        "impl FromXml for {name} {{\n    fn from_xml(xml: &mut XmlReader<'_>) -> Result<Self, XmlError> {{\n"
    );
    for field in fields {
        let start = match &field.ty {
            _ if field.member.is_attribute => {
                let local = field.member.wire_name.rsplit(':').next().unwrap_or_default();
                let _ = writeln!(out, "let {} = xml.attribute({local:?})?;", field.name);
                continue;
            }
            Type::List { flattened: true, .. } => "Vec::new()",
            _ => "None",
        };
        let _ = writeln!(out, "        let mut {} = {start};", field.name);
    }
    let elements: Vec<_> = fields.iter().filter(|field| !field.member.is_attribute).collect();
    if elements.is_empty() {
        out.push_str("while xml.child()?.is_some() {\nxml.skip()?;\n}\n");
    } else {
        out.push_str("while let Some(element_name) = xml.child()? {\nmatch element_name {\n");
        for field in elements {
            let _ = writeln!(out, "{},", read_arm(field));
        }
        out.push_str("_ => xml.skip()?,\n}\n}\n");
    }
    out.push_str("Ok(Self {\n");
    for field in fields {
        let _ = writeln!(out, "{},", read_result(field));
    }
    out.push_str("})\n}\n}\n\n");
    out
}

fn read_arm(field: &Field<'_>) -> String {
    let (slot, wire) = (&field.name, &field.member.wire_name);
    match &field.ty {
        Type::Scalar(_) => format!("{wire:?} => xml.once(&mut {slot}, {wire:?})?"),
        Type::Time(_) => format!("{wire:?} => xml.time_once(&mut {slot}, {wire:?})?"),
        Type::Structure(_) => format!("{wire:?} => xml.structure_once(&mut {slot}, {wire:?})?"),
        Type::List { item, element, flattened: true } => match item.as_ref() {
            Type::Structure(_) => format!("{element:?} => {slot}.push(FromXml::from_xml(xml)?)"),
            _ => format!("{element:?} => {slot}.push(xml.value()?)"),
        },
        Type::List { item, element, .. } => {
            let is_structure = matches!(item.as_ref(), Type::Structure(_));
            let read = if is_structure { "list_once" } else { "value_list_once" };
            format!("{wire:?} => xml.{read}(&mut {slot}, {wire:?}, {element:?})?")
        }
        Type::Map | Type::Blob => format!("{wire:?} => xml.skip()?"),
    }
}

fn read_result(field: &Field<'_>) -> String {
    let (slot, wire) = (&field.name, &field.member.wire_name);
    match &field.ty {
        Type::List { element, flattened: true, .. } if field.required => {
            format!("{slot}: XmlReader::required_list({slot}, {element:?})?")
        }
        Type::List { flattened: true, .. } => slot.clone(),
        _ if field.required => format!("{slot}: XmlReader::required({slot}, {wire:?})?"),
        _ => slot.clone(),
    }
}

fn to_xml(name: &str, shape: &Shape, fields: &[Field<'_>]) -> String {
    let xml = if fields.iter().any(|field| !field.member.is_attribute) { "xml" } else { "_xml" };
    let mut out = format!("impl ToXml for {name} {{\n fn to_xml(&self, {xml}: &mut XmlWriter<'_>) {{\n");
    for field in fields.iter().filter(|field| !field.member.is_attribute) {
        out.push_str(&write_statement(field));
    }
    out.push_str("}\n");
    let attributes: Vec<_> = fields.iter().filter(|field| field.member.is_attribute).collect();
    if !attributes.is_empty() {
        out.push_str("\nfn push_attributes(&self, xml: &mut XmlWriter<'_>) {\n");
        if let Some((prefix, uri)) = &shape.namespace {
            let _ = writeln!(out, "xml.attribute(\"xmlns:{prefix}\", &{uri:?}.to_owned());");
        }
        for field in attributes {
            let _ = writeln!(out, "xml.attribute({:?}, &self.{});", field.member.wire_name, field.name);
        }
        out.push_str("}\n");
    }
    out.push_str("}\n\n");
    out
}

/// The statement that writes a field as an element.
pub(super) fn write_statement(field: &Field<'_>) -> String {
    let (name, wire) = (&field.name, &field.member.wire_name);
    let many = |item: &Type| if matches!(item, Type::Structure(_)) { "structures" } else { "values" };
    let (option, value) = if field.is_option() {
        ("_option", format!("self.{name}.as_ref()"))
    } else {
        ("", format!("&self.{name}"))
    };
    match &field.ty {
        Type::Scalar(_) => format!("xml.value{option}({wire:?}, {value});\n"),
        Type::Time(format) => format!("xml.time{option}({wire:?}, self.{name}, TimeFormat::{format});\n"),
        Type::Structure(_) => format!("xml.structure{option}({wire:?}, {value});\n"),
        Type::List { item, element, flattened: true } => {
            format!("xml.{}({element:?}, &self.{name});\n", many(item))
        }
        Type::List { item, element, .. } => {
            let inner = format!("xml.element({wire:?}, |xml| xml.{}({element:?}, list))", many(item));
            if field.is_option() {
                format!("if let Some(list) = &self.{name} {{\n{inner};\n}}\n")
            } else {
                format!("let list = &self.{name};\n{inner};\n")
            }
        }
        Type::Map | Type::Blob => String::new(),
    }
}
