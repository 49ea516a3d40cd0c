//! A writer for the XML that S3 answers: no indentation, the prologue of S3, exact escapes.

use model::time::Timestamp;

use super::time::{TimeFormat, push_time};
use super::value::WireValue;

/// A structure that is written as the children of the current element.
pub trait ToXml {
    /// Writes the children.
    fn to_xml(&self, xml: &mut XmlWriter<'_>);

    /// Writes the attributes of the element itself, each with a space before it.
    fn push_attributes(&self, _xml: &mut XmlWriter<'_>) {}
}

/// Appends XML to a buffer.
pub struct XmlWriter<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> XmlWriter<'a> {
    /// Writes the prologue.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        out.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        Self { out }
    }

    /// The root element in S3's name space around what `content` writes.
    pub fn root(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.root_in(super::S3_NAMESPACE, name, content);
    }

    /// The root element in a name space around what `content` writes.
    pub fn root_in(&mut self, name_space: &str, name: &str, content: impl FnOnce(&mut Self)) {
        self.push("<");
        self.push(name);
        self.push(" xmlns=\"");
        self.push(name_space);
        self.push("\">");
        content(self);
        self.close(name);
    }

    /// An element around what `content` writes.
    pub fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.open(name);
        content(self);
        self.close(name);
    }

    /// A structure as an element.
    pub fn structure<T: ToXml>(&mut self, name: &str, value: &T) {
        self.push("<");
        self.push(name);
        value.push_attributes(self);
        self.push(">");
        value.to_xml(self);
        self.close(name);
    }

    /// A structure as an element, if it is there.
    pub fn structure_option<T: ToXml>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.structure(name, value);
        }
    }

    /// Structures side by side, each as an element: a flattened list.
    pub fn structures<T: ToXml>(&mut self, name: &str, list: &[T]) {
        for value in list {
            self.structure(name, value);
        }
    }

    /// A scalar as an element.
    pub fn value<T: WireValue>(&mut self, name: &str, value: &T) {
        self.open(name);
        value.push_xml(self.out);
        self.close(name);
    }

    /// A scalar as an element, if it is there.
    pub fn value_option<T: WireValue>(&mut self, name: &str, value: Option<&T>) {
        if let Some(value) = value {
            self.value(name, value);
        }
    }

    /// Scalars side by side, each as an element: a flattened list.
    pub fn values<T: WireValue>(&mut self, name: &str, list: &[T]) {
        for value in list {
            self.value(name, value);
        }
    }

    /// A scalar as the text of the current element.
    pub fn text<T: WireValue>(&mut self, value: &T) {
        value.push_xml(self.out);
    }

    /// A text as an element.
    pub fn text_element(&mut self, name: &str, text: &str) {
        self.open(name);
        escape_into(text, self.out);
        self.close(name);
    }

    /// A time as an element.
    pub fn time(&mut self, name: &str, time: Timestamp, format: TimeFormat) {
        self.open(name);
        push_time(time, format, self.out);
        self.close(name);
    }

    /// A time as an element, if it is there.
    pub fn time_option(&mut self, name: &str, time: Option<Timestamp>, format: TimeFormat) {
        if let Some(time) = time {
            self.time(name, time, format);
        }
    }

    /// An attribute of the element that is being opened.
    pub fn attribute<T: WireValue>(&mut self, name: &str, value: &T) {
        self.push(" ");
        self.push(name);
        self.push("=\"");
        value.push_xml(self.out);
        self.push("\"");
    }

    fn open(&mut self, name: &str) {
        self.push("<");
        self.push(name);
        self.push(">");
    }

    fn close(&mut self, name: &str) {
        self.push("</");
        self.push(name);
        self.push(">");
    }

    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }
}

/// Appends text with everything escaped that has a meaning in XML or would not survive reading: a carriage return would
/// be read as a line feed, and other control characters have no plain form at all.
pub(super) fn escape_into(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut written = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if !needs_escape(*byte) {
            continue;
        }
        out.extend_from_slice(&bytes[written..at]);
        written = at + 1;
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\'' => out.extend_from_slice(b"&apos;"),
            control => out.extend_from_slice(format!("&#{control};").as_bytes()),
        }
    }
    out.extend_from_slice(&bytes[written..]);
}

const fn needs_escape(byte: u8) -> bool {
    matches!(byte, b'&' | b'<' | b'>' | b'"' | b'\'') || (byte < b' ' && byte != b'\t' && byte != b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_or_would_not_survive_is_escaped() {
        let mut out = Vec::new();
        escape_into("a&<>\"'\r\n\t\u{1}\u{1f}é😀", &mut out);
        let wanted = "a&amp;&lt;&gt;&quot;&apos;&#13;\n\t&#1;&#31;é😀";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }

    #[test]
    fn elements_nest_without_indentation() {
        let mut out = Vec::new();
        XmlWriter::new(&mut out).element("A", |xml| {
            xml.value_option::<String>("B", None);
            xml.text_element("C", "");
            xml.time("D", Timestamp::ZERO, TimeFormat::Xml);
        });
        let wanted =
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<A><C></C><D>1970-01-01T00:00:00.000Z</D></A>";
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }
}
