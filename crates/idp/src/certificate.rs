//! Certificates of clients: what of them says who it is, and until when. And those who show one as somebody vouched for.
//!
//! Always true: what is read here was verified by the listener before, which hands on no other certificates: the chain, that its
//! time has come and is not over, and that whoever shows it has its key. What is not understood is no certificate.
//!
//! Source: RFC 5280, 4.1 and 4.2.1.12; the policy by the common name is MinIO's.

use env::BoxFuture;
use iam::{Federated, IdentityProvider, Proof, ProviderFault, ProviderKind};
use model::identity::AccountId;
use model::time::Timestamp;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

const OBJECT_ID: u8 = 0x06;
const OCTETS: u8 = 0x04;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;

/// 2.5.4.3
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
/// 2.5.29.37
const EXTENDED_KEY_USAGE: [u8; 3] = [0x55, 0x1d, 0x25];
/// 1.3.6.1.5.5.7.3.2
const CLIENT_AUTHENTICATION: [u8; 8] = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x02];

/// What a certificate says, as far as it is asked here. Borrows from its bytes.
#[derive(Clone, Copy, Debug)]
struct Parts<'c> {
    not_after: OffsetDateTime,
    /// The content of the subject's name.
    subject: &'c [u8],
    /// What follows the subject: the key, and extensions.
    rest: &'c [u8],
}

/// The last moment of a certificate (`notAfter`); `None` where its bytes (DER) are not understood.
#[must_use]
pub fn not_after(certificate: &[u8]) -> Option<OffsetDateTime> {
    parts(certificate).map(|parts| parts.not_after)
}

fn parts(certificate: &[u8]) -> Option<Parts<'_>> {
    let (certificate, _) = expect(certificate, SEQUENCE)?;
    let (signed, _) = expect(certificate, SEQUENCE)?;
    let rest = expect(signed, VERSION).map_or(signed, |(_, rest)| rest);
    // Number, algorithm, issuer; then from when until when.
    let rest = after(after(after(rest)?)?)?;
    let (validity, rest) = expect(rest, SEQUENCE)?;
    let (tag, moment, _) = element(after(validity)?)?;
    let (subject, rest) = expect(rest, SEQUENCE)?;
    Some(Parts { not_after: moment_of(tag, std::str::from_utf8(moment).ok()?)?, subject, rest })
}

impl<'c> Parts<'c> {
    /// The only common name; none where there is no other than several, or none that is text.
    fn common_name(&self) -> Option<&'c str> {
        let mut found = None;
        for set in elements(self.subject) {
            let (SET, set) = set? else { return None };
            for pair in elements(set) {
                let (SEQUENCE, pair) = pair? else { return None };
                let (id, value) = expect(pair, OBJECT_ID)?;
                if id != COMMON_NAME {
                    continue;
                }
                let (UTF8_STRING | PRINTABLE_STRING | IA5_STRING, text, _) = element(value)? else {
                    return None;
                };
                if found.replace(std::str::from_utf8(text).ok()?).is_some() {
                    return None;
                }
            }
        }
        found.filter(|name| !name.is_empty())
    }

    /// Whether it says that it is for clients. One that does not say what it is for, is not.
    fn is_for_clients(&self) -> bool {
        self.extended_key_usage().is_some_and(|usage| {
            elements(usage)
                .any(|id| id.is_some_and(|(tag, id)| tag == OBJECT_ID && id == CLIENT_AUTHENTICATION))
        })
    }

    fn extended_key_usage(&self) -> Option<&'c [u8]> {
        let wanted = elements(self.rest).find_map(|part| part.filter(|(tag, _)| *tag == EXTENSIONS))?;
        let (all, _) = expect(wanted.1, SEQUENCE)?;
        for extension in elements(all) {
            let (SEQUENCE, extension) = extension? else { return None };
            let (id, rest) = expect(extension, OBJECT_ID)?;
            if id != EXTENDED_KEY_USAGE {
                continue;
            }
            // Whether it is critical may stand in between.
            let value = expect(rest, OCTETS).or_else(|| expect(after(rest)?, OCTETS))?.0;
            return expect(value, SEQUENCE).map(|(usage, _)| usage);
        }
        None
    }
}

/// The element at the beginning: its tag, what is in it, what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (length.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// One element after the other; the last one is `None` where the bytes are none.
fn elements(bytes: &[u8]) -> impl Iterator<Item = Option<(u8, &[u8])>> {
    let mut rest = Some(bytes).filter(|bytes| !bytes.is_empty());
    std::iter::from_fn(move || {
        let Some((tag, content, following)) = element(rest?) else {
            rest = None;
            return Some(None);
        };
        rest = Some(following).filter(|bytes| !bytes.is_empty());
        Some(Some((tag, content)))
    })
}

fn expect(bytes: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(tag, ..)| *tag == wanted).map(|(_, content, rest)| (content, rest))
}

fn after(bytes: &[u8]) -> Option<&[u8]> {
    element(bytes).map(|(.., rest)| rest)
}

/// `YYMMDDhhmmssZ` with a year from 1950 to 2049, or `YYYYMMDDhhmmssZ`.
fn moment_of(tag: u8, text: &str) -> Option<OffsetDateTime> {
    let digits = text.strip_suffix('Z').filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year: i32 = digits.get(..2)?.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, digits.get(2..)?)
        }
        (GENERALIZED_TIME, 14) => (digits.get(..4)?.parse().ok()?, digits.get(4..)?),
        _ => return None,
    };
    let part = |index: usize| rest.get(2 * index..2 * index + 2)?.parse::<u8>().ok();
    let date = Date::from_calendar_date(year, Month::try_from(part(0)?).ok()?, part(1)?).ok()?;
    let time = Time::from_hms(part(2)?, part(3)?, part(4)?).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_utc())
}

/// Vouches for whoever shows a certificate: its common name is who it is, and names the policy.
#[derive(Clone, Copy, Debug, Default)]
pub struct CertificateProvider;

impl CertificateProvider {
    fn vouch_for(certificate: &[u8]) -> Result<Federated, ProviderFault> {
        let parts = parts(certificate);
        let parts = parts.ok_or_else(|| ProviderFault::invalid("the certificate is not understood"))?;
        if !parts.is_for_clients() {
            let reason = "the certificate is not for clients: its extended key usage has to name clientAuth";
            return Err(ProviderFault::invalid(reason));
        }
        let name = parts.common_name().ok_or_else(|| {
            ProviderFault::invalid(
                "the certificate's subject needs one common name: it is the name of a policy",
            )
        })?;
        let end = u64::try_from(parts.not_after.unix_timestamp()).unwrap_or(0).saturating_mul(1000);
        Ok(Federated {
            account: AccountId::ROOT,
            provider: "tls".to_owned(),
            subject: name.to_owned(),
            policies: vec![name.to_owned()],
            claims: Vec::new(),
            expires: Some(Timestamp::from_millis(end)),
        })
    }
}

impl IdentityProvider for CertificateProvider {
    fn kind(&self) -> ProviderKind {
        ProviderKind::Certificate
    }

    fn role(&self) -> Option<&str> {
        None
    }

    fn vouch<'a>(&'a self, proof: Proof<'a>) -> BoxFuture<'a, Result<Federated, ProviderFault>> {
        Box::pin(async move {
            match proof {
                Proof::Certificate(certificate) => Self::vouch_for(certificate),
                _ => Err(ProviderFault::NotConfigured),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, DnValue, ExtendedKeyUsagePurpose, KeyPair};
    use time::macros::datetime;

    use super::*;

    fn made(names: &[DnValue], usages: &[ExtendedKeyUsagePurpose]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "An Organization");
        for name in names {
            params.distinguished_name.push(DnType::CommonName, name.clone());
        }
        params.not_after = datetime!(2031-02-03 04:05:06 UTC);
        params.extended_key_usages = usages.to_vec();
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    const CLIENT: &[ExtendedKeyUsagePurpose] =
        &[ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];

    #[test]
    fn a_common_name_is_who_it_is_and_its_policy_until_the_certificate_ends() {
        for name in
            [DnValue::Utf8String("reader".into()), DnValue::PrintableString("reader".try_into().unwrap())]
        {
            let who = CertificateProvider::vouch_for(&made(&[name], CLIENT)).unwrap();
            assert_eq!(
                (who.subject.as_str(), who.policies.as_slice()),
                ("reader", &["reader".to_owned()][..])
            );
            assert_eq!(who.expires, Some(Timestamp::from_millis(1_927_857_906_000)));
        }
    }

    #[test]
    fn what_is_not_for_clients_or_names_nobody_is_refused() {
        let name = || DnValue::Utf8String("reader".into());
        let refused = |der: &[u8]| CertificateProvider::vouch_for(der).unwrap_err().to_string();
        assert!(refused(&made(&[name()], &[ExtendedKeyUsagePurpose::ServerAuth])).contains("clientAuth"));
        assert!(refused(&made(&[name()], &[])).contains("clientAuth"));
        assert!(refused(&made(&[], CLIENT)).contains("common name"));
        assert!(refused(&made(&[DnValue::Utf8String(String::new())], CLIENT)).contains("common name"));
        assert!(refused(b"no certificate").contains("not understood"));
    }

    #[test]
    fn every_cut_and_change_is_an_error_or_another_certificate_and_no_panic() {
        let whole = made(&[DnValue::Utf8String("reader".into())], CLIENT);
        for at in 0..whole.len() {
            assert!(CertificateProvider::vouch_for(&whole[..at]).is_err(), "cut at {at}");
            let mut changed = whole.clone();
            changed[at] ^= 0xff;
            let _ = CertificateProvider::vouch_for(&changed);
        }
    }

    #[test]
    fn moments_before_and_after_2050_are_read() {
        assert_eq!(moment_of(UTC_TIME, "490102030405Z"), Some(datetime!(2049-01-02 03:04:05 UTC)));
        assert_eq!(moment_of(UTC_TIME, "500102030405Z"), Some(datetime!(1950-01-02 03:04:05 UTC)));
        assert_eq!(moment_of(GENERALIZED_TIME, "20500102030405Z"), Some(datetime!(2050-01-02 03:04:05 UTC)));
        for wrong in ["", "4901020304Z", "490102030405", "49010203040xZ", "491302030405Z"] {
            assert_eq!(moment_of(UTC_TIME, wrong), None, "{wrong}");
        }
    }
}
