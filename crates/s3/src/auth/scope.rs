//! The credential of a signature: `AKID/20130524/us-east-1/s3/aws4_request`.

use super::Options;

/// What a signing key is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope<'a> {
    /// `20130524`.
    pub day: &'a str,
    /// Any region: this store has none of its own.
    pub region: &'a str,
    /// `s3` or `sts`.
    pub service: &'a str,
}

/// A credential taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Credential<'a> {
    /// Who claims to have signed.
    pub access_key: &'a str,
    /// For what.
    pub scope: Scope<'a>,
    /// The scope as sent: `20130524/us-east-1/s3/aws4_request`.
    pub scope_text: &'a str,
}

/// Access keys longer than this are nobody's.
const ACCESS_KEY_LENGTH_MAX: usize = 128;
/// Nor is there such a region.
const REGION_LENGTH_MAX: usize = 64;

impl<'a> Credential<'a> {
    /// Takes a credential apart from its end, for an access key may hold slashes. The error says what is wrong with it.
    pub fn parse(text: &'a str, options: Options<'_>) -> Result<Self, String> {
        let malformed = || {
            r#"the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request"."#
                .to_owned()
        };
        let mut parts = text.rsplitn(5, '/');
        let mut next = || parts.next().ok_or_else(malformed);
        let (terminal, service, region, day, access_key) = (next()?, next()?, next()?, next()?, next()?);
        if access_key.is_empty()
            || access_key.len() > ACCESS_KEY_LENGTH_MAX
            || region.len() > REGION_LENGTH_MAX
        {
            return Err(malformed());
        }
        if day.len() != 8 || !day.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!(
                r#"incorrect date format "{day}". This date in the credential must be in the format "yyyyMMdd"."#
            ));
        }
        if region.is_empty() && !options.no_region {
            return Err("a non-empty region must be provided in the credential.".to_owned());
        }
        if service != "s3" && !(options.sts_body_sha256.is_some() && service == "sts") {
            return Err(format!(r#"incorrect service "{service}". This endpoint belongs to "s3"."#));
        }
        if terminal != "aws4_request" {
            return Err(format!(r#"incorrect terminal "{terminal}". This endpoint uses "aws4_request"."#));
        }
        let scope_text = text.get(access_key.len() + 1..).unwrap_or_default();
        Ok(Self { access_key, scope: Scope { day, region, service }, scope_text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_key_may_hold_slashes() {
        let credential =
            Credential::parse("a/b/20130524/us-east-1/s3/aws4_request", Options::default()).unwrap();
        assert_eq!(credential.access_key, "a/b");
        assert_eq!(credential.scope_text, "20130524/us-east-1/s3/aws4_request");
        assert_eq!(credential.scope, Scope { day: "20130524", region: "us-east-1", service: "s3" });
    }

    #[test]
    fn each_wrong_part_is_named() {
        for (text, named) in [
            ("AKID/20130524/us-east-1/s3", "mal-formed"),
            ("/20130524/us-east-1/s3/aws4_request", "mal-formed"),
            ("AKID/2013/us-east-1/s3/aws4_request", "2013"),
            ("AKID/20130524//s3/aws4_request", "region"),
            ("AKID/20130524/us-east-1/sts/aws4_request", "sts"),
            ("AKID/20130524/us-east-1/s3/aws5_request", "aws5_request"),
        ] {
            let detail = Credential::parse(text, Options::default()).unwrap_err();
            assert!(detail.contains(named), "{text}: {detail}");
        }
        let sts = Options { sts_body_sha256: Some(&[0; 32]), ..Options::default() };
        assert!(Credential::parse("AKID/20130524/us-east-1/sts/aws4_request", sts).is_ok());
        let admin = Options { no_region: true, ..Options::default() };
        assert!(Credential::parse("AKID/20130524//s3/aws4_request", admin).is_ok());
    }
}
