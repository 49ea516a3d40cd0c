//! JSON as a tree of bounded depth, in which a name stands once in an object.
//!
//! The usual tree keeps the last of two members with one name. In a policy that would let a second `Effect` overrule the
//! one that a reader saw first.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

/// What a policy needs (document, statements, statement, conditions, operator, values) and some more.
const DEPTH_MAX: usize = 12;

/// A value of JSON.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// As text, since that is what policies compare.
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a document that is this one value.
    pub(crate) fn parse(text: &str) -> Result<Self, serde_json::Error> {
        let mut reader = serde_json::Deserializer::from_str(text);
        let value = Level(DEPTH_MAX).deserialize(&mut reader)?;
        reader.end()?;
        Ok(value)
    }
}

/// How much deeper the tree may go.
#[derive(Clone, Copy)]
struct Level(usize);

impl Level {
    fn below<E: serde::de::Error>(self) -> Result<Self, E> {
        let left = self.0.checked_sub(1);
        left.map(Level).ok_or_else(|| E::custom(format!("nested deeper than {DEPTH_MAX} levels")))
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Json, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let (below, mut list) = (self.below()?, Vec::new());
        while let Some(item) = items.next_element_seed(below)? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let (below, mut object) = (self.below()?, Vec::<(String, Json)>::new());
        while let Some(name) = members.next_key::<String>()? {
            if object.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom(format!("`{name}` stands twice in one object")));
            }
            object.push((name, members.next_value_seed(below)?));
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_stand() {
        let read = Json::parse(r#" {"a": [1, -2, 2.5, true, null, "\u00e9"], "b": {}} "#).unwrap();
        let number = |text: &str| Json::Number(text.to_owned());
        let list = vec![
            number("1"),
            number("-2"),
            number("2.5"),
            Json::Bool(true),
            Json::Null,
            Json::Text("é".to_owned()),
        ];
        let members = [("a", Json::List(list)), ("b", Json::Object(Vec::new()))];
        assert_eq!(read, Json::Object(members.map(|(name, value)| (name.to_owned(), value)).into()));
    }

    #[test]
    fn a_name_stands_once_in_an_object() {
        let error = Json::parse(r#"{"Effect":"Deny","Effect":"Allow"}"#).unwrap_err();
        assert!(error.to_string().contains("`Effect` stands twice"), "{error}");
        assert!(Json::parse(r#"{"a":{"b":1},"c":{"b":1}}"#).is_ok());
    }

    #[test]
    fn depth_is_bounded_and_nothing_stands_behind() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(Json::parse(&nested(DEPTH_MAX)).is_ok());
        assert!(Json::parse(&nested(DEPTH_MAX + 1)).unwrap_err().to_string().contains("deeper"));
        assert!(Json::parse(&"[".repeat(100_000)).is_err());
        for wrong in ["", "{", "{} {}", "{} x", "{'a':1}", "{\"a\":1,}", "NaN", "\"\u{1}\""] {
            assert!(Json::parse(wrong).is_err(), "{wrong}");
        }
    }
}
