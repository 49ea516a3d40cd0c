//! AWS's service model as types: operations, and shapes with their members in order.

use std::collections::BTreeMap;

use super::json::Json;

/// The model of a service.
pub(super) struct Model {
    /// By name.
    pub(super) operations: BTreeMap<String, OperationModel>,
    /// By name.
    pub(super) shapes: BTreeMap<String, Shape>,
}

/// An operation.
pub(super) struct OperationModel {
    pub(super) name: String,
    pub(super) method: String,
    /// `/{Bucket}/{Key+}?uploads`.
    pub(super) uri: String,
    pub(super) status: u16,
    pub(super) input: Option<String>,
    pub(super) output: Option<String>,
    pub(super) checksum_required: bool,
    pub(super) docs: String,
}

/// What a shape is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Structure,
    List,
    Map,
    Text,
    Integer,
    Long,
    Boolean,
    Timestamp,
    Blob,
}

/// A type of the model.
pub(super) struct Shape {
    pub(super) kind: Kind,
    pub(super) members: Vec<Member>,
    pub(super) required: Vec<String>,
    /// The member that is the whole body.
    pub(super) payload: Option<String>,
    /// Of a list: the shape of its items, and the name of their elements.
    pub(super) item: Option<(String, Option<String>)>,
    pub(super) flattened: bool,
    pub(super) words: Vec<String>,
    pub(super) timestamp_format: Option<String>,
    pub(super) sensitive: bool,
    /// `xmlns:xsi` and the like, to be declared on every element of the shape.
    pub(super) namespace: Option<(String, String)>,
    pub(super) docs: String,
}

/// Where a member travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Location {
    Uri,
    Query,
    Header,
    PrefixHeaders,
    Status,
    Body,
}

/// A member of a structure.
pub(super) struct Member {
    pub(super) name: String,
    pub(super) shape: String,
    pub(super) location: Location,
    /// The name on the wire.
    pub(super) wire_name: String,
    pub(super) streaming: bool,
    pub(super) flattened: bool,
    pub(super) is_attribute: bool,
    pub(super) docs: String,
}

impl Model {
    /// Reads the model.
    pub(super) fn new(json: &Json) -> Result<Self, String> {
        let mut model = Self { operations: BTreeMap::new(), shapes: BTreeMap::new() };
        for (name, value) in json.get("operations").map(Json::entries).unwrap_or_default() {
            model.operations.insert(name.clone(), OperationModel::new(name, value)?);
        }
        for (name, value) in json.get("shapes").map(Json::entries).unwrap_or_default() {
            model.shapes.insert(name.clone(), Shape::new(name, value)?);
        }
        Ok(model)
    }

    /// The shape of that name.
    pub(super) fn shape(&self, name: &str) -> Result<&Shape, String> {
        self.shapes.get(name).ok_or_else(|| format!("the model has no shape {name}"))
    }
}

impl OperationModel {
    fn new(name: &str, json: &Json) -> Result<Self, String> {
        let http = json.get("http").ok_or_else(|| format!("{name} has no http"))?;
        let shape = |side: &str| json.get(side)?.text("shape").map(str::to_string);
        let status = match http.get("responseCode") {
            Some(Json::Number(number)) => number.parse().map_err(|_| format!("status of {name}"))?,
            _ => 200,
        };
        Ok(Self {
            name: name.to_string(),
            method: http.text("method").unwrap_or_default().to_string(),
            uri: http.text("requestUri").unwrap_or_default().to_string(),
            status,
            input: shape("input"),
            output: shape("output"),
            checksum_required: json
                .get("httpChecksum")
                .is_some_and(|checksum| checksum.flag("requestChecksumRequired")),
            docs: docs(json),
        })
    }

    /// The part of the URI behind the question mark, as names and values.
    pub(super) fn markers(&self) -> Vec<(&str, &str)> {
        let query = self.uri.split_once('?').map_or("", |(_, query)| query);
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect()
    }
}

impl Shape {
    fn new(name: &str, json: &Json) -> Result<Self, String> {
        let kind = match json.text("type").unwrap_or_default() {
            "structure" => Kind::Structure,
            "list" => Kind::List,
            "map" => Kind::Map,
            "string" => Kind::Text,
            "integer" => Kind::Integer,
            "long" => Kind::Long,
            "boolean" => Kind::Boolean,
            "timestamp" => Kind::Timestamp,
            "blob" => Kind::Blob,
            other => return Err(format!("the shape {name} has the unknown type {other}")),
        };
        let members = json.get("members").map(Json::entries).unwrap_or_default();
        let item = json.get("member").and_then(|item| {
            let element = item.text("locationName").map(str::to_string);
            Some((item.text("shape")?.to_string(), element))
        });
        let namespace = json.get("xmlNamespace").and_then(|namespace| {
            Some((namespace.text("prefix")?.to_string(), namespace.text("uri")?.to_string()))
        });
        Ok(Self {
            kind,
            members: members.iter().map(|(name, json)| Member::new(name, json)).collect::<Result<_, _>>()?,
            required: words(json, "required"),
            payload: json.text("payload").map(str::to_string),
            item,
            flattened: json.flag("flattened"),
            words: words(json, "enum"),
            timestamp_format: json.text("timestampFormat").map(str::to_string),
            sensitive: json.flag("sensitive"),
            namespace,
            docs: docs(json),
        })
    }

    /// Whether the member must be there.
    pub(super) fn requires(&self, member: &Member) -> bool {
        self.required.contains(&member.name)
    }
}

impl Member {
    fn new(name: &str, json: &Json) -> Result<Self, String> {
        let location = match json.text("location") {
            None => Location::Body,
            Some("uri") => Location::Uri,
            Some("querystring") => Location::Query,
            Some("header") => Location::Header,
            Some("headers") => Location::PrefixHeaders,
            Some("statusCode") => Location::Status,
            Some(other) => return Err(format!("the member {name} has the unknown location {other}")),
        };
        let wire_name = json.text("locationName").unwrap_or(name);
        let is_header = matches!(location, Location::Header | Location::PrefixHeaders);
        Ok(Self {
            name: name.to_string(),
            shape: json.text("shape").unwrap_or_default().to_string(),
            location,
            wire_name: if is_header { wire_name.to_lowercase() } else { wire_name.to_string() },
            streaming: json.flag("streaming"),
            flattened: json.flag("flattened"),
            is_attribute: json.flag("xmlAttribute"),
            docs: docs(json),
        })
    }
}

fn words(json: &Json, name: &str) -> Vec<String> {
    let items = json.get(name).map(Json::items).unwrap_or_default();
    let text = |item: &Json| match item {
        Json::Text(text) => Some(text.clone()),
        _ => None,
    };
    items.iter().filter_map(text).collect()
}

fn docs(json: &Json) -> String {
    json.text("documentation").unwrap_or_default().to_string()
}
