//! What a token says: read strictly, and checked against who asks and the time.

use std::collections::BTreeMap;
use std::time::Duration;

use model::time::Timestamp;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use super::JwtFault;

/// How far the clock of a provider may be ahead of this server's.
const SKEW: Duration = Duration::from_secs(60);

/// What is about the token and not about who has it. Policies are not told of it, as MinIO's are not.
const OF_THE_TOKEN: [&str; 7] = ["exp", "nbf", "iat", "nonce", "at_hash", "c_hash", "s_hash"];

/// For whom, and by whom, a token has to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audience<'a> {
    /// The provider, as it calls itself.
    pub issuer: &'a str,
    /// What this server is to it.
    pub client_id: &'a str,
}

/// What a token says. A name stands once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims {
    all: BTreeMap<String, Value>,
}

impl Claims {
    /// Reads a payload.
    ///
    /// # Errors
    /// Where it is no object, or a name stands twice in it: readers differ in which one they take.
    pub fn read(payload: &[u8]) -> Result<Self, JwtFault> {
        serde_json::from_slice(payload).map_err(|_| JwtFault::Malformed("its payload is no JSON of claims"))
    }

    /// Whether it was made by this provider, for this client, and for now.
    pub(crate) fn check(&self, wanted: &Audience<'_>, now: Timestamp) -> Result<(), JwtFault> {
        if self.text("iss") != Some(wanted.issuer) {
            return Err(JwtFault::Issuer);
        }
        if !self.is_for(wanted.client_id) {
            return Err(JwtFault::Audience);
        }
        if self.subject().is_none_or(str::is_empty) {
            return Err(JwtFault::Claim("sub"));
        }
        // Tokens of a logout have the same issuer, audience and subject as those of a login.
        if self.all.contains_key("events") {
            return Err(JwtFault::Malformed("it tells of an event, and of no login"));
        }
        self.check_times(now)
    }

    /// Its end counts to the second, since a session may not outlive it; what begins may be ahead by the skew.
    fn check_times(&self, now: Timestamp) -> Result<(), JwtFault> {
        if self.expires()? <= now {
            return Err(JwtFault::Expired);
        }
        let latest = Timestamp::from_millis(now.millis().saturating_add(SKEW.as_millis() as u64));
        for name in ["nbf", "iat"] {
            if self.time(name)?.is_some_and(|begin| begin > latest) {
                return Err(JwtFault::NotYet);
            }
        }
        Ok(())
    }

    /// `aud` has to name the client. Access tokens of some providers, which MinIO takes, name other services there and the client in
    /// `azp` ("authorized party": to whom the token was issued).
    fn is_for(&self, client_id: &str) -> bool {
        let is_audience = match self.all.get("aud") {
            Some(Value::String(one)) => one == client_id,
            Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some(client_id)),
            _ => false,
        };
        is_audience || (self.all.contains_key("aud") && self.text("azp") == Some(client_id))
    }

    /// Who it is at the provider.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.text("sub")
    }

    /// When it ends.
    ///
    /// # Errors
    /// Where it does not say.
    pub fn expires(&self) -> Result<Timestamp, JwtFault> {
        self.time("exp")?.ok_or(JwtFault::Claim("exp"))
    }

    /// The texts of a claim that lists names: a list, or one text with commas.
    #[must_use]
    pub fn names(&self, claim: &str) -> Vec<String> {
        let texts: Vec<&str> = match self.all.get(claim) {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let names = texts.iter().flat_map(|text| text.split(',')).map(str::trim);
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    /// What policies are told: texts, numbers, truth values, and lists of them. An object has no value that a condition could have.
    #[must_use]
    pub fn said(&self) -> Vec<(String, Vec<String>)> {
        let about_who = self.all.iter().filter(|(name, _)| !OF_THE_TOKEN.contains(&name.as_str()));
        let said = about_who.map(|(name, value)| (format!("jwt:{name}"), values(value)));
        said.filter(|(_, values)| !values.is_empty()).collect()
    }

    /// Takes in what the provider says besides (OpenID Connect Core 1.0, 5.3). What the token says stays.
    ///
    /// # Errors
    /// Where it is about somebody else: "the sub Claim in the UserInfo Response MUST be verified to exactly match".
    pub fn add(&mut self, others: Claims) -> Result<(), JwtFault> {
        if others.subject() != self.subject() {
            return Err(JwtFault::Claim("sub"));
        }
        for (name, value) in others.all {
            self.all.entry(name).or_insert(value);
        }
        Ok(())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.all.get(name).and_then(Value::as_str)
    }

    /// A number of seconds since 1970, with a fraction or without.
    fn time(&self, name: &'static str) -> Result<Option<Timestamp>, JwtFault> {
        let Some(value) = self.all.get(name) else { return Ok(None) };
        let seconds = value.as_u64().or_else(|| whole_seconds(value.as_f64()?));
        let millis = seconds.and_then(|seconds| seconds.checked_mul(1000));
        millis.map(|millis| Some(Timestamp::from_millis(millis))).ok_or(JwtFault::Claim(name))
    }
}

/// The last whole second; none for what is no time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the bounds are looked at before"
)]
fn whole_seconds(seconds: f64) -> Option<u64> {
    // Beyond 2^53 not every second is a number of its own.
    (0.0..9_007_199_254_740_992.0).contains(&seconds).then_some(seconds as u64)
}

fn values(value: &Value) -> Vec<String> {
    match value {
        Value::Array(all) => all.iter().filter_map(scalar).collect(),
        other => scalar(other).into_iter().collect(),
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// An object in which no name stands twice.
impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OnceVisitor;

        impl<'de> Visitor<'de> for OnceVisitor {
            type Value = Claims;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object in which no name stands twice")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Claims, M::Error> {
                let mut all = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if all.insert(name, value).is_some() {
                        return Err(M::Error::custom("a name stands twice"));
                    }
                }
                Ok(Claims { all })
            }
        }

        deserializer.deserialize_map(OnceVisitor)
    }
}
