//! What AWS documents, what botocore signs, and every refusal.

use http::header::HeaderName;
use http::{HeaderMap, HeaderValue};

use super::date::AmzDate;
use super::sign::{Signer, Target};
use super::{
    AuthError, HostView, Options, PayloadKind, Request, Sender, SigningKeys, Verified, payload, verify,
};

const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const HOST: &str = "examplebucket.s3.amazonaws.com";
/// 2013-05-24T00:00:00Z, the time of all examples in AWS's documentation.
const NOW: i64 = 1_369_353_600_000;
const SHA256_OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

const SIGNER: Signer<'_> = Signer {
    access_key: ACCESS_KEY,
    secret: SECRET,
    session_token: None,
    region: "us-east-1",
    service: "s3",
};

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in pairs {
        map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
    }
    map
}

fn now() -> AmzDate {
    AmzDate::from_unix_milliseconds(NOW).unwrap()
}

/// A request of which each test changes what it is about.
#[derive(Clone)]
struct Case {
    method: &'static str,
    path: String,
    query: String,
    host: String,
    forwarded: Vec<&'static str>,
    headers: HeaderMap,
    now: i64,
}

impl Case {
    fn get(path: &str, query: &str, pairs: &[(&str, &str)]) -> Self {
        let headers = headers(pairs);
        Self {
            method: "GET",
            path: path.into(),
            query: query.into(),
            host: HOST.into(),
            forwarded: vec![],
            headers,
            now: NOW,
        }
    }

    fn signed(path: &str, query: &str) -> Self {
        let mut case = Self::get(path, query, &[]);
        case.sign(payload::UNSIGNED);
        case
    }

    fn target(&self) -> Target<'_> {
        Target { method: self.method, path: &self.path, query: &self.query, host: &self.host }
    }

    fn sign(&mut self, payload: &str) {
        let mut headers = self.headers.clone();
        SIGNER.sign(&self.target(), &mut headers, &now(), payload);
        self.headers = headers;
    }

    fn presigned(path: &str, lifetime_seconds: u32) -> Self {
        let mut case = Self::get(path, "", &[]);
        case.query = SIGNER.presign(&case.target(), &case.headers, &now(), lifetime_seconds);
        case
    }

    fn send_with(&self, keys: &SigningKeys, secret: &str, options: Options<'_>) -> Result<Sender, AuthError> {
        let host = HostView { host: &self.host, forwarded_hosts: &self.forwarded };
        let request = Request {
            method: self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            host,
        };
        let secrets = |access_key: &str| (access_key == ACCESS_KEY).then_some(secret);
        verify(&request, self.now, options, &secrets, keys)
    }

    fn send(&self) -> Result<Verified, AuthError> {
        match self.send_with(&SigningKeys::new(), SECRET, Options::default())? {
            Sender::Signed(verified) => Ok(verified),
            Sender::Anonymous { .. } => panic!("anonymous"),
        }
    }

    fn code(&self) -> &'static str {
        self.send().unwrap_err().code()
    }
}

fn documented(signed_headers: &str, signature: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20130524/us-east-1/s3/aws4_request,SignedHeaders={signed_headers},Signature={signature}"
    )
}

fn documented_case(
    method: &'static str,
    path: &str,
    query: &str,
    pairs: &[(&str, &str)],
    signature: &str,
) -> Case {
    let mut case = Case::get(path, query, pairs);
    case.method = method;
    case.headers.insert("x-amz-date", HeaderValue::from_static("20130524T000000Z"));
    let mut names: Vec<&str> = case.headers.keys().map(HeaderName::as_str).chain(["host"]).collect();
    names.sort_unstable();
    let value = documented(&names.join(";"), signature);
    case.headers.insert("authorization", HeaderValue::try_from(value).unwrap());
    case
}

#[test]
fn the_header_examples_of_the_documentation_verify() {
    let nothing = ("x-amz-content-sha256", SHA256_OF_NOTHING);
    let get = documented_case(
        "GET",
        "/test.txt",
        "",
        &[("range", "bytes=0-9"), nothing],
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    );
    let verified = get.send().unwrap();
    assert_eq!(
        (verified.access_key.as_str(), verified.region(), verified.service()),
        (ACCESS_KEY, "us-east-1", "s3")
    );
    assert!(!verified.presigned && verified.seed.is_none());
    let sha256 = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072";
    let put = [
        ("date", "Fri, 24 May 2013 00:00:00 GMT"),
        ("x-amz-content-sha256", sha256),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
    ];
    let put = documented_case(
        "PUT",
        "/test%24file.text",
        "",
        &put,
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    );
    assert_eq!(put.send().unwrap().payload, PayloadKind::parse(sha256).unwrap());
    let lifecycle = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
    documented_case("GET", "/", "lifecycle", &[nothing], lifecycle).send().unwrap();
    let list = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
    documented_case("GET", "/", "max-keys=2&prefix=J", &[nothing], list).send().unwrap();
}

#[test]
fn the_presigned_example_of_the_documentation_verifies() {
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
        &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let case = Case::get("/test.txt", query, &[]);
    let verified = case.send().unwrap();
    assert!(verified.presigned);
    assert_eq!(verified.payload, PayloadKind::Unsigned);
    let made = SIGNER.presign(
        &Target { method: "GET", path: "/test.txt", query: "", host: HOST },
        &HeaderMap::new(),
        &now(),
        86_400,
    );
    assert_eq!(made, query);
}

fn chunk_example(payload: &str, extra: &[(&str, &str)]) -> (Case, super::ChunkSeed) {
    let mut pairs = vec![
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "66560"),
    ];
    pairs.extend_from_slice(extra);
    let mut case = Case::get("/examplebucket/chunkObject.txt", "", &pairs);
    case.method = "PUT";
    case.host = "s3.amazonaws.com".into();
    case.sign(payload);
    let seed = case.send().unwrap().seed.unwrap();
    (case, seed)
}

fn sha256(data: &[u8]) -> [u8; 32] {
    ring::digest::digest(&ring::digest::SHA256, data).as_ref().try_into().unwrap()
}

#[test]
fn the_chunk_example_of_the_documentation_verifies() {
    let (_, mut seed) = chunk_example(payload::STREAMING_SIGNED, &[("content-length", "66824")]);
    assert_eq!(
        hex::encode(seed.signature()),
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    );
    for (length, signature) in [
        (65_536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
        (1_024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
        (0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
    ] {
        let signature = super::verify::signature(signature).unwrap();
        seed.verify_chunk(&sha256(&vec![b'a'; length]), signature).unwrap();
    }
}

#[test]
fn the_trailer_example_of_the_documentation_verifies() {
    let (_, mut seed) =
        chunk_example(payload::STREAMING_SIGNED_TRAILER, &[("x-amz-trailer", "x-amz-checksum-crc32c")]);
    assert_eq!(
        hex::encode(seed.signature()),
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
    );
    for (length, signature) in [
        (65_536, "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2"),
        (1_024, "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7"),
        (0, "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992"),
    ] {
        assert_eq!(hex::encode(seed.sign_chunk(&sha256(&vec![b'a'; length]))), signature);
    }
    let trailer = seed.sign_trailer(&sha256(b"x-amz-checksum-crc32c:sOO8/Q==\n"));
    assert_eq!(hex::encode(trailer), "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435");
}

/// Requests that botocore 1.44.5 signed, with keys and queries of odd characters in several spellings.
#[test]
fn what_botocore_signs_verifies() {
    let keys = SigningKeys::new();
    let mut verified = 0;
    let text = include_str!("fixtures/botocore.txt");
    for block in
        text.split("\n\n").map(|block| block.trim_start_matches('\n')).filter(|block| !block.is_empty())
    {
        let mut lines = block.lines().filter(|line| !line.starts_with('#'));
        let (secret, now) = lines.next().unwrap().split_once(' ').unwrap();
        let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut map = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            map.append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
        }
        let host = map.get("host").unwrap().to_str().unwrap();
        let request =
            Request { method, path, query, headers: &map, host: HostView { host, forwarded_hosts: &[] } };
        let now = AmzDate::parse(now).unwrap().unix_milliseconds;
        let secrets = |_: &str| Some(secret);
        let sender = verify(&request, now, Options::default(), &secrets, &keys)
            .unwrap_or_else(|error| panic!("{block}\n{error:?}"));
        assert!(matches!(sender, Sender::Signed(_)));
        let wrong = |_: &str| Some("another");
        let error = verify(&request, now, Options::default(), &wrong, &keys).unwrap_err();
        assert_eq!(error.code(), "SignatureDoesNotMatch");
        verified += 1;
    }
    assert_eq!(verified, 50);
}

#[test]
fn no_credentials_are_anonymous_and_an_empty_header_too() {
    for pairs in [&[][..], &[("authorization", "")], &[("authorization", "  ")]] {
        let case = Case::get("/b/k", "prefix=X-Amz-", pairs);
        let sender = case.send_with(&SigningKeys::new(), SECRET, Options::default()).unwrap();
        assert!(matches!(sender, Sender::Anonymous { payload: PayloadKind::Unsigned }));
    }
}

#[test]
fn other_mechanisms_are_named_as_unsupported() {
    let header = |value: &str| Case::get("/b/k", "", &[("authorization", value)]).code();
    assert_eq!(header("AWS AKID:c2ln"), "InvalidRequest");
    assert_eq!(header("AWS4-ECDSA-P256-SHA256 Credential=x"), "InvalidRequest");
    assert_eq!(header("Bearer abc"), "InvalidArgument");
    assert_eq!(Case::get("/b/k", "AWSAccessKeyId=A&Signature=s&Expires=1", &[]).code(), "InvalidRequest");
}

#[test]
fn credentials_in_header_and_query_exclude_each_other() {
    let mut case = Case::presigned("/b/k", 60);
    case.headers = Case::signed("/b/k", "").headers;
    assert_eq!(case.send().unwrap_err(), AuthError::TwoMechanisms);
}

#[test]
fn a_malformed_header_is_refused() {
    let good = Case::signed("/b/k", "");
    let text = good.headers["authorization"].to_str().unwrap().to_owned();
    let with = |value: String| {
        let mut case = good.clone();
        case.headers.insert("authorization", HeaderValue::try_from(value).unwrap());
        case.code()
    };
    for (from, to) in [
        ("Signature=", "Signatur="),
        ("/s3/", "/ec2/"),
        ("aws4_request", "aws5_request"),
        ("20130524", "20130525"),
        ("20130524", "2013"),
        ("SignedHeaders=host;", "SignedHeaders=;"),
        ("Signature=", "Signature=zz"),
        (ACCESS_KEY, ""),
        ("Signature=", "Credential=a, Signature="),
    ] {
        assert_eq!(with(text.replace(from, to)), "AuthorizationHeaderMalformed", "{from} -> {to}");
    }
    assert_eq!(with("AWS4-HMAC-SHA256".into()), "AuthorizationHeaderMalformed");
    let mut twice = good.clone();
    twice.headers.append("authorization", HeaderValue::try_from(text).unwrap());
    assert_eq!(twice.code(), "AuthorizationHeaderMalformed");
}

#[test]
fn commas_need_no_spaces() {
    let mut case = Case::signed("/b/k", "");
    let text = case.headers["authorization"].to_str().unwrap().replace(", ", ",");
    case.headers.insert("authorization", HeaderValue::try_from(text).unwrap());
    case.send().unwrap();
}

#[test]
fn a_wrong_secret_and_an_unknown_key_are_told_apart() {
    let case = Case::signed("/b/k", "a=b");
    let error = case.send_with(&SigningKeys::new(), "another", Options::default()).unwrap_err();
    assert_eq!(error.code(), "SignatureDoesNotMatch");
    let fields = error.fields();
    let field = |name: &str| fields.iter().find(|(key, _)| *key == name).unwrap().1.clone();
    assert!(
        field("StringToSign")
            .starts_with("AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n")
    );
    assert!(field("CanonicalRequest").starts_with("GET\n/b/k\na=b\nhost:examplebucket.s3.amazonaws.com\n"));
    assert!(field("StringToSignBytes").starts_with("41 57 53 34"));
    assert_eq!(field("SignatureProvided").len(), 64);
    let mut case = Case::get("/b/k", "", &[]);
    let signer = Signer { access_key: "AKIDNOBODY", ..SIGNER };
    let mut map = HeaderMap::new();
    signer.sign(&case.target(), &mut map, &now(), payload::UNSIGNED);
    case.headers = map;
    assert_eq!(case.code(), "InvalidAccessKeyId");
}

#[test]
fn a_changed_secret_counts_at_once() {
    let (case, keys) = (Case::signed("/b/k", ""), SigningKeys::new());
    case.send_with(&keys, SECRET, Options::default()).unwrap();
    assert!(case.send_with(&keys, "changed", Options::default()).is_err());
    case.send_with(&keys, SECRET, Options::default()).unwrap();
}

#[test]
fn every_part_of_the_request_is_covered() {
    let good = Case::signed("/b/k", "a=b");
    good.send().unwrap();
    let changes: [fn(&mut Case); 5] = [
        |case| case.method = "PUT",
        |case| case.path = "/b/K".into(),
        |case| case.query = "a=c".into(),
        |case| case.host = "other.example.com".into(),
        |case| drop(case.headers.insert("x-amz-content-sha256", HeaderValue::from_static(SHA256_OF_NOTHING))),
    ];
    for change in changes {
        let mut case = good.clone();
        change(&mut case);
        assert_eq!(case.code(), "SignatureDoesNotMatch");
    }
}

#[test]
fn clocks_may_differ_by_fifteen_minutes() {
    let mut case = Case::signed("/b/k", "");
    for (minutes, fits) in [(15, true), (-15, true), (16, false), (-16, false)] {
        case.now = NOW + minutes * 60_000;
        assert_eq!(case.send().is_ok(), fits, "{minutes}");
    }
    let error = case.send().unwrap_err();
    assert_eq!(error.code(), "RequestTimeTooSkewed");
    assert!(
        error.to_string().contains("20130524T000000Z") && error.to_string().contains("2013-05-23T23:44:00Z")
    );
    case.headers.remove("x-amz-date");
    assert_eq!(case.send().unwrap_err(), AuthError::MissingDate);
}

#[test]
fn host_and_amz_headers_must_be_signed() {
    let mut case = Case::signed("/b/k", "");
    case.headers.insert("x-amz-acl", HeaderValue::from_static("public-read"));
    let error = case.send().unwrap_err();
    assert_eq!(
        (error.code(), error.fields()),
        ("AccessDenied", vec![("HeadersNotSigned", "x-amz-acl".to_owned())])
    );
    let mut presigned = Case::presigned("/b/k", 60);
    presigned.headers.insert("x-amz-acl", HeaderValue::from_static("public-read"));
    assert_eq!(presigned.code(), "AccessDenied");
    let mut hostless = Case::signed("/b/k", "");
    let text = hostless.headers["authorization"].to_str().unwrap().replace("=host;", "=");
    hostless.headers.insert("authorization", HeaderValue::try_from(text).unwrap());
    assert_eq!(hostless.send().unwrap_err(), AuthError::UnsignedHeaders { headers: "host".into() });
    let mut beside_cloudfront = Case::signed("/b/k", "");
    beside_cloudfront.headers.insert("x-amz-cf-id", HeaderValue::from_static("x"));
    beside_cloudfront.send().unwrap();
}

#[test]
fn the_payload_header_is_required() {
    let mut case = Case::signed("/b/k", "");
    case.headers.remove("x-amz-content-sha256");
    assert_eq!(case.send().unwrap_err(), AuthError::MissingHeader { header: "x-amz-content-sha256" });
    case.headers.insert("x-amz-content-sha256", HeaderValue::from_static("nonsense"));
    assert_eq!(case.code(), "InvalidArgument");
}

#[test]
fn lifetimes_of_presigned_urls_have_bounds() {
    assert_eq!(Case::presigned("/b/k", 0).code(), "AccessDenied");
    assert_eq!(Case::presigned("/b/k", 604_801).code(), "AuthorizationQueryParametersError");
    let mut longest = Case::presigned("/b/k", 604_800);
    longest.now = NOW + 604_799_999;
    longest.send().unwrap();
    longest.now += 1;
    let error = longest.send().unwrap_err();
    assert_eq!(error.code(), "AccessDenied");
    let expires = ("Expires", "2013-05-31T00:00:00Z".to_owned());
    assert_eq!(
        error.fields(),
        vec![("X-Amz-Expires", "604800".into()), expires.clone(), ("ServerTime", expires.1)]
    );
    longest.now = NOW - 901_000;
    assert!(matches!(longest.send(), Err(AuthError::NotYetValid { .. })));
    longest.now = NOW - 899_000;
    longest.send().unwrap();
    let good = Case::presigned("/b/k", 600);
    for (from, to) in [
        ("Expires=600", "Expires=-7"),
        ("Expires=600", "Expires=soon"),
        ("X-Amz-Expires=600", "x=y"),
        ("X-Amz-Date=20130524T000000Z", "X-Amz-Date=today"),
        ("%2Fs3%2F", "%2Fec2%2F"),
        ("%2F20130524%2F", "%2F20130525%2F"),
        ("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
        ("SignedHeaders=host", "SignedHeaders=host%0A"),
        ("X-Amz-Expires=600", "X-Amz-Expires=600&X-Amz-Expires=600"),
    ] {
        let mut case = good.clone();
        case.query = case.query.replace(from, to);
        assert_eq!(case.code(), "AuthorizationQueryParametersError", "{from} -> {to}");
    }
}

#[test]
fn session_tokens_are_handed_out_and_signed() {
    let signer = Signer { session_token: Some("a/b+c=="), ..SIGNER };
    let mut case = Case::get("/b/k", "", &[]);
    let mut map = HeaderMap::new();
    signer.sign(&case.target(), &mut map, &now(), payload::UNSIGNED);
    case.headers = map;
    assert_eq!(case.send().unwrap().session_token.as_deref(), Some("a/b+c=="));
    case.headers.insert("x-amz-security-token", HeaderValue::from_static("other"));
    assert_eq!(case.code(), "SignatureDoesNotMatch");
    let mut presigned = Case::get("/b/k", "versionId=1", &[]);
    presigned.query = signer.presign(&presigned.target(), &HeaderMap::new(), &now(), 60);
    assert_eq!(presigned.send().unwrap().session_token.as_deref(), Some("a/b+c=="));
}

#[test]
fn a_trusted_proxy_may_have_changed_the_host() {
    let mut case = Case::presigned("/b/k", 60);
    case.host = "10.0.0.7:9000".into();
    assert_eq!(case.code(), "SignatureDoesNotMatch");
    case.forwarded = vec!["wrong.example.com", HOST];
    case.send().unwrap();
    case.host = format!("{HOST}:443");
    case.forwarded.clear();
    case.send().unwrap();
    let mut with_port = Case::get("/b/k", "", &[]);
    with_port.host = "s3.example.com:80".into();
    with_port.sign(payload::UNSIGNED);
    with_port.host = "s3.example.com".into();
    with_port.send().unwrap();
}

#[test]
fn a_proxy_may_have_changed_what_does_not_matter() {
    let mut case = Case::get("/b/k", "", &[("accept-encoding", "identity")]);
    case.sign(payload::UNSIGNED);
    case.headers.insert("accept-encoding", HeaderValue::from_static("gzip, br"));
    case.send().unwrap();
}

#[test]
fn sts_is_accepted_only_where_it_is_served() {
    let signer = Signer { service: "sts", ..SIGNER };
    let digest = sha256(b"Action=AssumeRole");
    let mut case = Case::get("/", "", &[]);
    case.method = "POST";
    let mut map = HeaderMap::new();
    signer.sign(&case.target(), &mut map, &now(), &hex::encode(digest));
    case.headers = map;
    assert_eq!(case.code(), "AuthorizationHeaderMalformed");
    let options = Options { sts_body_sha256: Some(&digest), ..Options::default() };
    assert!(case.send_with(&SigningKeys::new(), SECRET, options).is_ok());
}

proptest::proptest! {
    #[test]
    fn rubbish_is_refused_and_never_a_panic(
        tokens in proptest::collection::vec(0usize..16, 0..24),
        noise in "[ -~é漢]{0,12}",
    ) {
        const TOKENS: [&str; 15] = [
            "AWS4-HMAC-SHA256", " ", ",", "=", "&", "/", "Credential=", "SignedHeaders=host", "Signature=", "%2",
            "A/20130524/us-east-1/s3/aws4_request", "X-Amz-Algorithm=AWS4-HMAC-SHA256", "X-Amz-Date=20130524T000000Z",
            "X-Amz-Expires=60", "X-Amz-Signature=00",
        ];
        let text: String = tokens.iter().map(|index| TOKENS.get(*index).copied().unwrap_or(&noise)).collect();
        let headers = [("authorization", text.as_str()), ("x-amz-date", "20130524T000000Z")];
        let anonymous_or_refused = |case: &Case| {
            let sender = case.send_with(&SigningKeys::new(), SECRET, Options::default());
            !matches!(sender, Ok(Sender::Signed(_)))
        };
        proptest::prop_assert!(anonymous_or_refused(&Case::get(&text, &text, &[])));
        if HeaderValue::from_str(&text).is_ok() {
            proptest::prop_assert!(anonymous_or_refused(&Case::get("/b/k", "", &headers)));
        }
    }
}
