//! What generated code stands on: strict bounded XML, header values, query strings, time formats.
//!
//! Always true: nothing here panics on any input; nothing here knows an operation; reading is exact or an error,
//! except where AWS itself is known to be lenient, which is said at the place.

mod bind;
mod body;
mod facts;
mod header;
mod query;
mod request;
mod secret;
mod time;
mod token;
mod uri;
mod value;
mod xml_reader;
mod xml_writer;

pub use bind::{from_header, from_query, list_from_header, metadata_from_header, query_time};
pub use bind::{header_time, lenient_header_time, require_header, require_query};
pub use body::{missing_body, start_xml, text_body};
pub use facts::{BodyKind, OperationFacts, Scope};
pub use header::{header_text, set_header, set_header_list, set_header_time, set_metadata};
pub use query::Query;
pub use request::RequestParts;
pub use secret::Secret;
pub use time::{TimeFormat, parse_time, print_time};
pub(crate) use token::token_enum;
pub use uri::{percent_decode, url_encode};
pub use value::WireValue;
pub use xml_reader::{FromXml, XmlError, XmlReader};
pub use xml_writer::{ToXml, XmlWriter};

/// The XML name space of everything that S3 answers.
pub const S3_NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

#[cfg(test)]
mod tests;
