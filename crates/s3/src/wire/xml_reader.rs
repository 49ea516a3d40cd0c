//! A pull reader for the small XML bodies of S3 requests.
//!
//! Always true: nesting is bounded; there is no DTD and no entity besides the five of XML; names are compared without
//! their name space; elements nobody asked for are skipped; a scalar that comes twice is an error. The caller bounds
//! the size.

use model::time::Timestamp;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use thiserror::Error;

use super::time::parse_time;
use super::value::WireValue;

/// How deep elements may nest, the root included.
const DEPTH_MAX: usize = 16;

/// Why a body is not the XML that was expected. All of them are `MalformedXML` to the client.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum XmlError {
    /// Not well-formed, or not UTF-8.
    #[error("the body is not well-formed XML")]
    Syntax,
    /// Nested deeper than any document of S3.
    #[error("the XML is nested more than 16 levels deep")]
    TooDeep,
    /// A DTD, or an entity besides the five of XML.
    #[error("the XML has a DTD or an unknown entity")]
    Entity,
    /// The root element has another name.
    #[error("the root element is not {expected}")]
    Root {
        /// The name that the operation takes.
        expected: &'static str,
    },
    /// A scalar element came twice.
    #[error("the element {0} occurs more than once")]
    Duplicate(&'static str),
    /// A required element is not there.
    #[error("the element {0} is missing")]
    Missing(&'static str),
    /// A text is not a value of its type.
    #[error("the text of an element is no value of its type")]
    Value,
}

/// A structure that is read from the children of the current element.
pub trait FromXml: Sized {
    /// Reads up to and with the end of the current element.
    ///
    /// # Errors
    /// What is wrong with the document.
    fn from_xml(xml: &mut XmlReader<'_>) -> Result<Self, XmlError>;
}

/// The reader. It stands inside of an element; [`child`](Self::child) enters the next one.
pub struct XmlReader<'a> {
    inner: Reader<&'a [u8]>,
    name: String,
    attributes: String,
    depth: usize,
}

impl<'a> XmlReader<'a> {
    /// Reads a whole document: prologue, the root of the expected name, nothing behind it.
    ///
    /// # Errors
    /// What is wrong with the document.
    pub fn document<T: FromXml>(body: &'a [u8], root: &'static str) -> Result<T, XmlError> {
        let text = std::str::from_utf8(body).map_err(|_| XmlError::Syntax)?;
        // The one character that no version of XML has, neither as it is nor escaped; the parser does not look for it.
        if text.contains('\0') {
            return Err(XmlError::Syntax);
        }
        let mut xml = Self {
            inner: Reader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text)),
            name: String::new(),
            attributes: String::new(),
            depth: 0,
        };
        xml.inner.config_mut().expand_empty_elements = true;
        xml.enter_root(root)?;
        let value = T::from_xml(&mut xml)?;
        xml.expect_end()?;
        Ok(value)
    }

    /// Enters the next child and gives its local name; `None` when the current element has ended. Text between
    /// children must be white space.
    ///
    /// # Errors
    /// What is wrong with the document.
    pub fn child(&mut self) -> Result<Option<&str>, XmlError> {
        loop {
            match self.event()? {
                Event::Start(start) => {
                    self.enter(&start)?;
                    return Ok(Some(&self.name));
                }
                Event::End(_) => {
                    self.depth -= 1;
                    return Ok(None);
                }
                Event::Text(text) if is_blank(&text) => {}
                Event::Comment(_) | Event::PI(_) => {}
                _ => return Err(XmlError::Syntax),
            }
        }
    }

    /// Reads the text of the current element up to its end. White space counts.
    ///
    /// # Errors
    /// Child elements, and all else that is wrong with the document.
    pub fn text(&mut self) -> Result<String, XmlError> {
        let mut text = String::new();
        loop {
            match self.event()? {
                Event::Text(part) => text.push_str(&part.xml10_content()),
                Event::CData(part) => text.push_str(&part.xml10_content()),
                Event::GeneralRef(reference) => match reference.resolve_char_ref() {
                    Ok(Some(character)) => text.push(character),
                    Ok(None) => text.push(entity(&reference)?),
                    Err(_) => return Err(XmlError::Entity),
                },
                Event::End(_) => {
                    self.depth -= 1;
                    return Ok(text);
                }
                Event::Comment(_) | Event::PI(_) => {}
                _ => return Err(XmlError::Value),
            }
        }
    }

    /// Reads past the end of the current element.
    ///
    /// # Errors
    /// What is wrong with the document.
    pub fn skip(&mut self) -> Result<(), XmlError> {
        let outer = self.depth - 1;
        while self.depth > outer {
            match self.event()? {
                Event::Start(start) => self.enter(&start)?,
                Event::End(_) => self.depth -= 1,
                Event::Eof => return Err(XmlError::Syntax),
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads a scalar.
    ///
    /// # Errors
    /// Text that is no such value; all else that is wrong with the document.
    pub fn value<T: WireValue>(&mut self) -> Result<T, XmlError> {
        let text = self.text()?;
        T::from_wire(&text).or_else(|| T::from_wire(text.trim())).ok_or(XmlError::Value)
    }

    /// Reads a scalar that may come once.
    ///
    /// # Errors
    /// As [`value`](Self::value); [`XmlError::Duplicate`] for the second one.
    pub fn once<T: WireValue>(&mut self, slot: &mut Option<T>, name: &'static str) -> Result<(), XmlError> {
        let value = self.value()?;
        fill(slot, value, name)
    }

    /// Reads a time that may come once, in any format of S3.
    ///
    /// # Errors
    /// As [`once`](Self::once).
    pub fn time_once(&mut self, slot: &mut Option<Timestamp>, name: &'static str) -> Result<(), XmlError> {
        let time = parse_time(&self.text()?).ok_or(XmlError::Value)?;
        fill(slot, time, name)
    }

    /// Reads a structure that may come once.
    ///
    /// # Errors
    /// As [`once`](Self::once).
    pub fn structure_once<T: FromXml>(
        &mut self,
        slot: &mut Option<T>,
        name: &'static str,
    ) -> Result<(), XmlError> {
        let value = T::from_xml(self)?;
        fill(slot, value, name)
    }

    /// Reads a wrapped list of structures that may come once: `<TagSet><Tag/>...</TagSet>`.
    ///
    /// # Errors
    /// As [`once`](Self::once).
    pub fn list_once<T: FromXml>(
        &mut self,
        slot: &mut Option<Vec<T>>,
        name: &'static str,
        item: &str,
    ) -> Result<(), XmlError> {
        let list = self.items(item, T::from_xml)?;
        fill(slot, list, name)
    }

    /// Reads a wrapped list of scalars that may come once.
    ///
    /// # Errors
    /// As [`once`](Self::once).
    pub fn value_list_once<T: WireValue>(
        &mut self,
        slot: &mut Option<Vec<T>>,
        name: &'static str,
        item: &str,
    ) -> Result<(), XmlError> {
        let list = self.items(item, |xml| xml.value())?;
        fill(slot, list, name)
    }

    /// The attribute of the element that was entered last, by its local name.
    ///
    /// # Errors
    /// [`XmlError::Syntax`] where the attributes are not well-formed.
    pub fn attribute<T: WireValue>(&self, local_name: &str) -> Result<Option<T>, XmlError> {
        let tag = BytesStart::from_content(self.attributes.as_str(), 0);
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|_| XmlError::Syntax)?;
            let matches = AsRef::<str>::as_ref(&attribute.key.local_name()) == local_name;
            if matches {
                let text = attribute
                    .normalized_value(quick_xml::XmlVersion::Explicit1_0)
                    .map_err(|_| XmlError::Entity)?;
                return T::from_wire(&text).ok_or(XmlError::Value).map(Some);
            }
        }
        Ok(None)
    }

    fn items<T>(
        &mut self,
        item: &str,
        mut read: impl FnMut(&mut Self) -> Result<T, XmlError>,
    ) -> Result<Vec<T>, XmlError> {
        let mut list = Vec::new();
        while let Some(name) = self.child()? {
            if name == item {
                list.push(read(self)?);
            } else {
                self.skip()?;
            }
        }
        Ok(list)
    }

    fn enter_root(&mut self, root: &'static str) -> Result<(), XmlError> {
        loop {
            match self.event()? {
                Event::Start(start) => {
                    self.enter(&start)?;
                    let matches = self.name == root;
                    return matches.then_some(()).ok_or(XmlError::Root { expected: root });
                }
                Event::Text(text) if is_blank(&text) => {}
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
                _ => return Err(XmlError::Syntax),
            }
        }
    }

    fn expect_end(&mut self) -> Result<(), XmlError> {
        loop {
            match self.event()? {
                Event::Eof => return Ok(()),
                Event::Text(text) if is_blank(&text) => {}
                Event::Comment(_) | Event::PI(_) => {}
                _ => return Err(XmlError::Syntax),
            }
        }
    }

    fn enter(&mut self, start: &BytesStart<'_>) -> Result<(), XmlError> {
        if self.depth == DEPTH_MAX {
            return Err(XmlError::TooDeep);
        }
        self.depth += 1;
        self.name.clear();
        self.name.push_str(start.local_name().as_ref());
        self.attributes.clear();
        self.attributes.push_str(start.attributes_raw());
        Ok(())
    }

    fn event(&mut self) -> Result<Event<'a>, XmlError> {
        match self.inner.read_event() {
            Ok(Event::DocType(_)) => Err(XmlError::Entity),
            Ok(Event::Eof) if self.depth > 0 => Err(XmlError::Syntax),
            Ok(event) => Ok(event),
            Err(_) => Err(XmlError::Syntax),
        }
    }
}

impl XmlReader<'_> {
    /// The value that must have come.
    ///
    /// # Errors
    /// [`XmlError::Missing`] where it did not.
    pub fn required<T>(slot: Option<T>, name: &'static str) -> Result<T, XmlError> {
        slot.ok_or(XmlError::Missing(name))
    }

    /// The flattened list that must have an element.
    ///
    /// # Errors
    /// [`XmlError::Missing`] where it has none.
    pub fn required_list<T>(list: Vec<T>, name: &'static str) -> Result<Vec<T>, XmlError> {
        if list.is_empty() { Err(XmlError::Missing(name)) } else { Ok(list) }
    }
}

fn fill<T>(slot: &mut Option<T>, value: T, name: &'static str) -> Result<(), XmlError> {
    if slot.is_some() {
        return Err(XmlError::Duplicate(name));
    }
    *slot = Some(value);
    Ok(())
}

fn entity(name: &str) -> Result<char, XmlError> {
    match name {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err(XmlError::Entity),
    }
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::{ToXml, XmlWriter};

    /// A structure with every kind of member.
    #[derive(Debug, Clone, Default, PartialEq)]
    struct Sample {
        name: String,
        size: Option<u64>,
        tags: Vec<Sample>,
        words: Option<Vec<String>>,
    }

    impl FromXml for Sample {
        fn from_xml(xml: &mut XmlReader<'_>) -> Result<Self, XmlError> {
            let (mut name, mut size, mut tags, mut words) = (None, None, Vec::new(), None);
            while let Some(child) = xml.child()? {
                match child {
                    "Name" => xml.once(&mut name, "Name")?,
                    "Size" => xml.once(&mut size, "Size")?,
                    "Tag" => tags.push(Sample::from_xml(xml)?),
                    "Words" => xml.value_list_once(&mut words, "Words", "Word")?,
                    _ => xml.skip()?,
                }
            }
            Ok(Self { name: XmlReader::required(name, "Name")?, size, tags, words })
        }
    }

    impl ToXml for Sample {
        fn to_xml(&self, xml: &mut XmlWriter<'_>) {
            xml.value("Name", &self.name);
            xml.value_option("Size", self.size.as_ref());
            xml.structures("Tag", &self.tags);
            if let Some(words) = &self.words {
                xml.element("Words", |xml| xml.values("Word", words));
            }
        }
    }

    fn read(body: &str) -> Result<Sample, XmlError> {
        XmlReader::document(body.as_bytes(), "Sample")
    }

    fn named(name: &str) -> Sample {
        Sample { name: name.to_owned(), ..Sample::default() }
    }

    #[test]
    fn name_spaces_prologue_comments_and_unknown_elements_do_not_matter() {
        let body = "\u{feff}<?xml version='1.0'?>\n<!-- c --><x:Sample xmlns:x='urn:x' a='1'>
            <x:Other><Name>z</Name><Deep/></x:Other><Name> a </Name><Unknown/></x:Sample>\n<!-- d -->";
        assert_eq!(read(body), Ok(named(" a ")));
    }

    #[test]
    fn escapes_and_line_ends_read_as_xml_says() {
        let body = "<Sample><Name>&lt;&gt;&amp;&quot;&apos;&#13;&#x41;\r\n<![CDATA[<&]]></Name></Sample>";
        assert_eq!(read(body), Ok(named("<>&\"'\rA\n<&")));
    }

    #[test]
    fn a_number_may_have_space_around_it() {
        let body = "<Sample><Name/><Size> 7\n</Size></Sample>";
        assert_eq!(read(body), Ok(Sample { size: Some(7), ..named("") }));
    }

    #[test]
    fn what_is_wrong_is_told_apart() {
        let nested = format!("<Sample>{}{}</Sample>", "<a>".repeat(16), "</a>".repeat(16));
        for (body, error) in [
            ("", XmlError::Syntax),
            ("text", XmlError::Syntax),
            ("<Other/>", XmlError::Root { expected: "Sample" }),
            ("<Sample/>", XmlError::Missing("Name")),
            ("<Sample><Name>a</Name><Name>a</Name></Sample>", XmlError::Duplicate("Name")),
            ("<Sample><Name>a<b/></Name></Sample>", XmlError::Value),
            ("<Sample>text<Name>a</Name></Sample>", XmlError::Syntax),
            ("<Sample><Name>a</Name>", XmlError::Syntax),
            ("<Sample><Name>a</Nam></Sample>", XmlError::Syntax),
            ("<Sample><Name>a</Name></Sample><Sample/>", XmlError::Syntax),
            ("<Sample><Name>&nbsp;</Name></Sample>", XmlError::Entity),
            ("<Sample><Name>&#0;</Name></Sample>", XmlError::Entity),
            // Found by fuzzing: it was read, and what was written from it could not be read.
            ("<Sample><Name>a\0b</Name></Sample>", XmlError::Syntax),
            ("<!DOCTYPE a [<!ENTITY b 'c'>]><Sample><Name>&b;</Name></Sample>", XmlError::Entity),
            ("<Sample><Name>a</Name><Size>x</Size></Sample>", XmlError::Value),
            (nested.as_str(), XmlError::TooDeep),
        ] {
            assert_eq!(read(body), Err(error), "{body}");
        }
        assert_eq!(XmlReader::document::<Sample>(b"<Sample>\xff</Sample>", "Sample"), Err(XmlError::Syntax));
    }

    fn sample() -> impl Strategy<Value = Sample> {
        let text = any::<String>().prop_map(|text| text.replace('\0', ""));
        let words = prop::option::of(prop::collection::vec(text.clone(), 0..3));
        let leaf = (text, prop::option::of(0..=i64::MAX.unsigned_abs()), words)
            .prop_map(|(name, size, words)| Sample { name, size, words, tags: Vec::new() });
        leaf.prop_recursive(4, 16, 3, |inner| {
            (inner.clone(), prop::collection::vec(inner, 0..3))
                .prop_map(|(sample, tags)| Sample { tags, ..sample })
        })
    }

    proptest! {
        #[test]
        fn what_was_written_reads_back(sample in sample()) {
            let mut body = Vec::new();
            XmlWriter::new(&mut body).root("Sample", |xml| sample.to_xml(xml));
            prop_assert_eq!(XmlReader::document::<Sample>(&body, "Sample"), Ok(sample));
        }

        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = XmlReader::document::<Sample>(&body, "Sample");
        }

        #[test]
        fn no_almost_xml_panics(parts in prop::collection::vec(prop::sample::select(vec![
            "<Sample>", "</Sample>", "<Name>", "</Name>", "<Name/>", "<Size>", "7", "</Size>", "<Tag>", "</Tag>",
            "<Words>", "<Word>", "</Word>", "</Words>", "&amp;", "&#x10ffff;", "&#", "<![CDATA[", "]]>", "<!--", "-->",
            "<?xml ?>", "<", ">", "é", "<a b='c' d>", "\"", " ",
        ]), 0..30)) {
            let _ = XmlReader::document::<Sample>(format!("<Sample>{}", parts.concat()).as_bytes(), "Sample");
        }
    }
}
