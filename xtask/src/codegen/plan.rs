//! What is generated: the operations with types, the shapes they need, and the places where the model is not taken
//! literally.

use std::collections::BTreeSet;

use super::model::{Kind, Location, Member, Model, Shape};
use super::names;

/// The operations that get input and output types. To serve another one, add it here and generate.
pub(super) const OPERATIONS: &[&str] = &[
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateBucket",
    "CreateMultipartUpload",
    "DeleteBucket",
    "DeleteObject",
    "DeleteObjects",
    "GetBucketLocation",
    "GetObject",
    "HeadBucket",
    "HeadObject",
    "ListBuckets",
    "ListMultipartUploads",
    "ListObjects",
    "ListObjectsV2",
    "ListParts",
    "PutObject",
    "UploadPart",
    "UploadPartCopy",
];

/// Root elements of answers. The model does not name them.
const ROOTS: &[(&str, &str)] = &[
    ("CompleteMultipartUpload", "CompleteMultipartUploadResult"),
    ("CreateMultipartUpload", "InitiateMultipartUploadResult"),
    ("CreateSession", "CreateSessionResult"),
    ("DeleteObjects", "DeleteResult"),
    ("GetBucketAccelerateConfiguration", "AccelerateConfiguration"),
    ("GetBucketAcl", "AccessControlPolicy"),
    ("GetBucketCors", "CORSConfiguration"),
    ("GetBucketLifecycleConfiguration", "LifecycleConfiguration"),
    ("GetBucketLocation", "LocationConstraint"),
    ("GetBucketLogging", "BucketLoggingStatus"),
    ("GetBucketNotificationConfiguration", "NotificationConfiguration"),
    ("GetBucketRequestPayment", "RequestPaymentConfiguration"),
    ("GetBucketTagging", "Tagging"),
    ("GetBucketVersioning", "VersioningConfiguration"),
    ("GetBucketWebsite", "WebsiteConfiguration"),
    ("GetObjectAcl", "AccessControlPolicy"),
    ("GetObjectAttributes", "GetObjectAttributesResponse"),
    ("GetObjectTagging", "Tagging"),
    ("ListBucketAnalyticsConfigurations", "ListBucketAnalyticsConfigurationResult"),
    ("ListBucketIntelligentTieringConfigurations", "ListBucketIntelligentTieringConfigurationsOutput"),
    ("ListBucketInventoryConfigurations", "ListInventoryConfigurationsResult"),
    ("ListBucketMetricsConfigurations", "ListMetricsConfigurationsResult"),
    ("ListBuckets", "ListAllMyBucketsResult"),
    ("ListDirectoryBuckets", "ListAllMyDirectoryBucketsResult"),
    ("ListMultipartUploads", "ListMultipartUploadsResult"),
    ("ListObjectAnnotations", "ListObjectAnnotationsResult"),
    ("ListObjectVersions", "ListVersionsResult"),
    ("ListObjects", "ListBucketResult"),
    ("ListObjectsV2", "ListBucketResult"),
    ("ListParts", "ListPartsResult"),
    ("PutObjectAnnotation", "PutObjectAnnotationResult"),
];

/// Shapes that are another shape to us: the sets of storage classes differ only in what a handler checks anyway.
const SAME: &[(&str, &str)] = &[
    ("ObjectStorageClass", "StorageClass"),
    ("ObjectVersionStorageClass", "StorageClass"),
    ("TransitionStorageClass", "StorageClass"),
];

/// Structures with a name of their own here, because the model's says too little or is taken in Rust.
const RENAMED: &[(&str, &str)] = &[
    ("Bucket", "ListedBucket"),
    ("Error", "DeleteError"),
    ("Object", "ListedObject"),
    ("Part", "ListedPart"),
];

/// Shapes that are plain texts to us: any region is taken, and S3 gives `response-expires` back as it came.
const TEXTS: &[&str] = &["BucketLocationConstraint", "ResponseExpires"];

/// Numbers whose negative values have an error of their own, so that a handler must see them.
const SIGNED: &[&str] = &["Days", "Priority"];

/// Headers of HTTP itself, of which a wrong value counts as not sent.
const LENIENT: &[&str] = &["if-modified-since", "if-unmodified-since"];

/// The type of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Type {
    /// A scalar, by the name of its Rust type.
    Scalar(String),
    /// A time, by the name of its format.
    Time(&'static str),
    /// A structure, by the name of its shape.
    Structure(String),
    /// A list, with the name of an item's element.
    List { item: Box<Type>, element: String, flattened: bool },
    /// User metadata.
    Map,
    /// The body as it is.
    Blob,
}

impl Type {
    /// The Rust type of one value.
    pub(super) fn rust(&self) -> String {
        match self {
            Self::Scalar(name) => name.clone(),
            Self::Time(_) => "Timestamp".to_string(),
            Self::Structure(shape) => type_name(shape),
            Self::List { item, .. } => format!("Vec<{}>", item.rust()),
            Self::Map => "BTreeMap<String, String>".to_string(),
            Self::Blob => "Vec<u8>".to_string(),
        }
    }
}

/// A field of a generated structure.
pub(super) struct Field<'a> {
    pub(super) member: &'a Member,
    pub(super) name: String,
    pub(super) ty: Type,
    pub(super) required: bool,
}

impl Field<'_> {
    /// Whether the field is an `Option`.
    pub(super) fn is_option(&self) -> bool {
        match &self.ty {
            Type::Map => false,
            Type::List { flattened, .. } => {
                !flattened && !self.required && self.member.location == Location::Body
            }
            _ => !self.required,
        }
    }

    /// The Rust type of the field.
    pub(super) fn rust(&self) -> String {
        let one = self.ty.rust();
        if self.is_option() { format!("Option<{one}>") } else { one }
    }

    /// Whether a wrong value of the header counts as not sent.
    pub(super) fn is_lenient(&self) -> bool {
        LENIENT.contains(&self.member.wire_name.as_str())
    }
}

/// The fields of a shape, without a streaming body.
pub(super) fn fields<'a>(model: &Model, shape: &'a Shape) -> Result<Vec<Field<'a>>, String> {
    let members = shape.members.iter().filter(|member| !member.streaming);
    members
        .map(|member| {
            Ok(Field {
                member,
                name: names::field(&member.name),
                ty: type_of(model, member)?,
                required: shape.requires(member),
            })
        })
        .collect()
}

/// The type of a member.
fn type_of(model: &Model, member: &Member) -> Result<Type, String> {
    let shape = model.shape(&member.shape)?;
    if shape.kind != Kind::List {
        return type_of_shape(model, &member.shape, member.location);
    }
    let (item, element) = shape.item.as_ref().ok_or("a list without items")?;
    let flattened = shape.flattened || member.flattened;
    let element = match element {
        Some(element) => element.clone(),
        None if flattened => member.wire_name.clone(),
        None => "member".to_string(),
    };
    let item = Box::new(type_of_shape(model, item, member.location)?);
    Ok(Type::List { item, element, flattened })
}

fn type_of_shape(model: &Model, name: &str, location: Location) -> Result<Type, String> {
    let name = SAME.iter().find(|(from, _)| *from == name).map_or(name, |(_, to)| to);
    let shape = model.shape(name)?;
    let scalar = |rust: &str| Ok(Type::Scalar(rust.to_string()));
    if TEXTS.contains(&name) {
        return scalar("String");
    }
    match shape.kind {
        Kind::Text if !shape.words.is_empty() => scalar(name),
        Kind::Text if shape.sensitive => scalar("Secret"),
        Kind::Text => scalar("String"),
        Kind::Integer if SIGNED.contains(&name) => scalar("i32"),
        Kind::Integer => scalar("u32"),
        Kind::Long => scalar("u64"),
        Kind::Boolean => scalar("bool"),
        Kind::Timestamp => Ok(Type::Time(time_format(shape, location)?)),
        Kind::Structure => Ok(Type::Structure(name.to_string())),
        Kind::Map => Ok(Type::Map),
        Kind::Blob => Ok(Type::Blob),
        Kind::List => Err(format!("{name}: a list of lists")),
    }
}

fn time_format(shape: &Shape, location: Location) -> Result<&'static str, String> {
    match (shape.timestamp_format.as_deref(), location) {
        (None, Location::Body | Location::Query) => Ok("Xml"),
        (None, _) | (Some("rfc822"), _) => Ok("Rfc822"),
        (Some("iso8601"), _) => Ok("Iso8601"),
        (Some("unixTimestamp"), _) => Ok("Unix"),
        (Some(other), _) => Err(format!("unknown time format {other}")),
    }
}

/// Whether a structure of the fields has a default: a word that must be there has none.
pub(super) fn has_default(model: &Model, members: &[Field<'_>]) -> Result<bool, String> {
    for field in members.iter().filter(|field| field.required) {
        let default = match &field.ty {
            Type::Scalar(name) => model.shapes.get(name).is_none_or(|shape| shape.words.is_empty()),
            Type::Structure(shape) => has_default(model, &fields(model, model.shape(shape)?)?)?,
            _ => true,
        };
        if !default {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The name of the Rust type of a structure.
pub(super) fn type_name(shape: &str) -> String {
    let renamed = RENAMED.iter().find(|(from, _)| *from == shape);
    renamed.map_or_else(|| shape.to_string(), |(_, to)| (*to).to_string())
}

/// The root element of an operation's answer.
pub(super) fn root(operation: &str) -> Result<&'static str, String> {
    let root = ROOTS.iter().find(|(name, _)| *name == operation);
    root.map(|(_, root)| *root).ok_or_else(|| format!("{operation}: add its root element to ROOTS"))
}

/// The shapes that the operations need besides their own inputs and outputs.
#[derive(Default)]
pub(super) struct Needed {
    /// Structures that requests hold.
    pub(super) read: BTreeSet<String>,
    /// Structures that answers hold.
    pub(super) written: BTreeSet<String>,
    /// Enumerations.
    pub(super) words: BTreeSet<String>,
}

impl Needed {
    /// Follows the members of the operations' inputs and outputs.
    pub(super) fn of(model: &Model, operations: &[&str]) -> Result<Self, String> {
        let mut needed = Self::default();
        for name in operations {
            let operation = model.operations.get(*name).ok_or_else(|| format!("no operation {name}"))?;
            if let Some(shape) = &operation.input {
                needed.follow(model, shape, true)?;
            }
            if let Some(shape) = &operation.output {
                needed.follow(model, shape, false)?;
            }
        }
        Ok(needed)
    }

    /// The names of all their Rust types.
    pub(super) fn type_names(&self) -> BTreeSet<String> {
        let structures = self.read.union(&self.written).map(|shape| type_name(shape));
        structures.chain(self.words.iter().cloned()).collect()
    }

    fn follow(&mut self, model: &Model, shape: &str, is_read: bool) -> Result<(), String> {
        for field in fields(model, model.shape(shape)?)? {
            self.follow_type(model, &field.ty, is_read)?;
        }
        Ok(())
    }

    fn follow_type(&mut self, model: &Model, ty: &Type, is_read: bool) -> Result<(), String> {
        match ty {
            Type::Structure(shape) => {
                let set = if is_read { &mut self.read } else { &mut self.written };
                if set.insert(shape.clone()) {
                    self.follow(model, shape, is_read)?;
                }
            }
            Type::List { item, .. } => self.follow_type(model, item, is_read)?,
            Type::Scalar(name) if model.shapes.get(name).is_some_and(|shape| !shape.words.is_empty()) => {
                self.words.insert(name.clone());
            }
            _ => {}
        }
        Ok(())
    }
}
