//! The generated types against documents that AWS shows in its documentation, and against what no client should send.

use http::{HeaderMap, HeaderName, HeaderValue};
use model::time::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::error::{ErrorCode, S3Error};
use crate::generated::*;

/// 2009-10-12T17:50:30.123Z.
const TIME: Timestamp = Timestamp::from_millis(1_255_369_830_123);
const PROLOGUE: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const XMLNS: &str = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

/// Headers and body that an output writes.
fn written(output: &impl Output) -> (HeaderMap, String) {
    let (mut headers, mut body) = (HeaderMap::new(), Vec::new());
    output.write(&mut headers, &mut body);
    (headers, String::from_utf8(body).unwrap())
}

/// The body that an output writes, without its prologue.
fn body(output: &impl Output) -> String {
    let (headers, body) = written(output);
    assert_eq!(headers["content-type"], "application/xml");
    body.strip_prefix(PROLOGUE).unwrap().to_owned()
}

fn parse<T: Input>(query: &str, headers: &[(&'static str, &str)], body: &str) -> Result<T, S3Error> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let query = Query::parse(Some(query))?;
    let request = RequestParts { bucket: Some("bucket"), key: Some("key"), query: &query, headers: &map };
    T::parse(&request, Some(body.as_bytes()))
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn list_buckets() {
    let output = ListBucketsOutput {
        owner: Some(Owner { id: text("bcaf1ffd86f461ca5fb16fd081034f"), ..Owner::default() }),
        buckets: Some(vec![ListedBucket {
            name: text("quotes"),
            creation_date: Some(TIME),
            ..ListedBucket::default()
        }]),
        ..ListBucketsOutput::default()
    };
    assert_eq!(
        body(&output),
        format!(
            "<ListAllMyBucketsResult {XMLNS}><Buckets><Bucket><Name>quotes</Name>\
             <CreationDate>2009-10-12T17:50:30.000Z</CreationDate></Bucket></Buckets>\
             <Owner><ID>bcaf1ffd86f461ca5fb16fd081034f</ID></Owner></ListAllMyBucketsResult>"
        )
    );
    let none = ListBucketsOutput { buckets: Some(Vec::new()), ..ListBucketsOutput::default() };
    assert_eq!(
        body(&none),
        format!("<ListAllMyBucketsResult {XMLNS}><Buckets></Buckets></ListAllMyBucketsResult>")
    );
}

#[test]
fn list_objects_v2() {
    let output = ListObjectsV2Output {
        is_truncated: Some(false),
        contents: vec![ListedObject {
            key: text("my-image.jpg"),
            last_modified: Some(TIME),
            etag: text("\"fba9dede5f27731c9771645a39863328\""),
            size: Some(434_234),
            storage_class: Some(StorageClass::Standard),
            checksum_algorithm: vec![ChecksumAlgorithm::Crc32],
            checksum_type: Some(ChecksumType::FullObject),
            ..ListedObject::default()
        }],
        name: text("bucket"),
        prefix: text(""),
        max_keys: Some(1000),
        common_prefixes: vec![
            CommonPrefix { prefix: text("photos/") },
            CommonPrefix { prefix: text("a&b/") },
        ],
        key_count: Some(3),
        ..ListObjectsV2Output::default()
    };
    assert_eq!(
        body(&output),
        format!(
            "<ListBucketResult {XMLNS}><IsTruncated>false</IsTruncated><Contents><Key>my-image.jpg</Key>\
             <LastModified>2009-10-12T17:50:30.000Z</LastModified>\
             <ETag>&quot;fba9dede5f27731c9771645a39863328&quot;</ETag><ChecksumAlgorithm>CRC32</ChecksumAlgorithm>\
             <ChecksumType>FULL_OBJECT</ChecksumType><Size>434234</Size><StorageClass>STANDARD</StorageClass>\
             </Contents><Name>bucket</Name><Prefix></Prefix><MaxKeys>1000</MaxKeys>\
             <CommonPrefixes><Prefix>photos/</Prefix></CommonPrefixes>\
             <CommonPrefixes><Prefix>a&amp;b/</Prefix></CommonPrefixes><KeyCount>3</KeyCount></ListBucketResult>"
        )
    );
}

#[test]
fn bucket_location_is_the_root_itself() {
    let europe = GetBucketLocationOutput { location_constraint: text("Europe") };
    assert_eq!(body(&europe), format!("<LocationConstraint {XMLNS}>Europe</LocationConstraint>"));
    let none = GetBucketLocationOutput::default();
    assert_eq!(body(&none), format!("<LocationConstraint {XMLNS}></LocationConstraint>"));
}

#[test]
fn payload_members_are_roots() {
    let output = CopyObjectOutput {
        copy_object_result: Some(CopyObjectResult {
            etag: text("\"9b2cf535f27731c974343645a3985328\""),
            last_modified: Some(TIME),
            ..CopyObjectResult::default()
        }),
        copy_source_version_id: text("v1"),
        ..CopyObjectOutput::default()
    };
    let wanted = format!(
        "<CopyObjectResult {XMLNS}><ETag>&quot;9b2cf535f27731c974343645a3985328&quot;</ETag>\
         <LastModified>2009-10-12T17:50:30.000Z</LastModified></CopyObjectResult>"
    );
    assert_eq!(body(&output), wanted);
    assert_eq!(written(&output).0["x-amz-copy-source-version-id"], "v1");
    let output = UploadPartCopyOutput {
        copy_part_result: Some(CopyPartResult { etag: text("e"), ..CopyPartResult::default() }),
        ..UploadPartCopyOutput::default()
    };
    assert_eq!(body(&output), format!("<CopyPartResult {XMLNS}><ETag>e</ETag></CopyPartResult>"));
}

#[test]
fn multipart_answers() {
    let output = CreateMultipartUploadOutput {
        bucket: text("example-bucket"),
        key: text("example-object"),
        upload_id: text("VXBsb2Fk"),
        checksum_algorithm: Some(ChecksumAlgorithm::Crc64nvme),
        ..CreateMultipartUploadOutput::default()
    };
    assert_eq!(
        body(&output),
        format!(
            "<InitiateMultipartUploadResult {XMLNS}><Bucket>example-bucket</Bucket><Key>example-object</Key>\
             <UploadId>VXBsb2Fk</UploadId></InitiateMultipartUploadResult>"
        )
    );
    assert_eq!(written(&output).0["x-amz-checksum-algorithm"], "CRC64NVME");
    let output = ListPartsOutput {
        parts: vec![ListedPart { part_number: Some(2), size: Some(10), ..ListedPart::default() }],
        initiator: Some(Initiator { id: text("i"), ..Initiator::default() }),
        ..ListPartsOutput::default()
    };
    assert_eq!(
        body(&output),
        format!(
            "<ListPartsResult {XMLNS}><Part><PartNumber>2</PartNumber><Size>10</Size></Part>\
             <Initiator><ID>i</ID></Initiator></ListPartsResult>"
        )
    );
    let output = CompleteMultipartUploadOutput {
        location: text("http://h/b/k"),
        etag: text("\"a-2\""),
        version_id: text("v"),
        ..CompleteMultipartUploadOutput::default()
    };
    assert_eq!(
        body(&output),
        format!(
            "<CompleteMultipartUploadResult {XMLNS}><Location>http://h/b/k</Location>\
             <ETag>&quot;a-2&quot;</ETag></CompleteMultipartUploadResult>"
        )
    );
    assert_eq!(written(&output).0["x-amz-version-id"], "v");
}

#[test]
fn delete_objects_goes_in_and_out() {
    let input: DeleteObjectsInput = parse(
        "delete",
        &[("x-amz-mfa", "1 2"), ("x-amz-bypass-governance-retention", "true")],
        "<Delete xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Object><Key> a &amp;&#13;</Key>\
         <VersionId>null</VersionId></Object><Quiet>true</Quiet><Object><Key>b</Key><Extra/></Object></Delete>",
    )
    .unwrap();
    let keys: Vec<&str> = input.delete.objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(keys, [" a &\r", "b"]);
    assert_eq!(input.delete.objects[0].version_id.as_deref(), Some("null"));
    assert_eq!((input.delete.quiet, input.bypass_governance_retention), (Some(true), Some(true)));
    let output = DeleteObjectsOutput {
        deleted: vec![DeletedObject { key: text("a"), ..DeletedObject::default() }],
        errors: vec![DeleteError { key: text("b"), code: text("AccessDenied"), ..DeleteError::default() }],
        ..DeleteObjectsOutput::default()
    };
    assert_eq!(
        body(&output),
        format!(
            "<DeleteResult {XMLNS}><Deleted><Key>a</Key></Deleted>\
             <Error><Key>b</Key><Code>AccessDenied</Code></Error></DeleteResult>"
        )
    );
}

#[test]
fn bodies_that_are_wrong_have_their_codes() {
    let code = |body| parse::<DeleteObjectsInput>("delete", &[], body).unwrap_err().code;
    assert_eq!(code(""), ErrorCode::MissingRequestBodyError);
    for body in [
        "<Delete/>",
        "<Delete><Object/></Delete>",
        "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>",
        "<Delete><Object><Key>a</Key></Object><Quiet>perhaps</Quiet></Delete>",
        "<Other><Object><Key>a</Key></Object></Other>",
        "no XML",
    ] {
        assert_eq!(code(body), ErrorCode::MalformedXML, "{body}");
    }
}

#[test]
fn create_bucket_takes_any_region_and_an_empty_body() {
    let body = "<CreateBucketConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                <LocationConstraint>mars-north-1</LocationConstraint>\
                <Tags><Tag><Key>a</Key><Value/></Tag></Tags></CreateBucketConfiguration>";
    let input: CreateBucketInput =
        parse("", &[("x-amz-object-ownership", "ObjectWriter"), ("x-amz-acl", "public-read")], body).unwrap();
    let configuration = input.create_bucket_configuration.unwrap();
    assert_eq!(configuration.location_constraint.as_deref(), Some("mars-north-1"));
    assert_eq!(configuration.tags, Some(vec![Tag { key: "a".to_owned(), value: String::new() }]));
    assert_eq!(input.acl, Some(BucketCannedACL::PublicRead));
    assert_eq!(input.object_ownership, Some(ObjectOwnership::ObjectWriter));
    let input: CreateBucketInput = parse("", &[], "").unwrap();
    assert_eq!(input.create_bucket_configuration, None);
}

#[test]
fn complete_multipart_upload_reads_its_parts() {
    let input: CompleteMultipartUploadInput = parse(
        "uploadId=U",
        &[("x-amz-mp-object-size", "7"), ("x-amz-checksum-type", "FULL_OBJECT")],
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>\"a\"</ETag></Part>\
         <Part><ETag>b</ETag><PartNumber>2</PartNumber><ChecksumCRC32>AAAAAA==</ChecksumCRC32></Part>\
         </CompleteMultipartUpload>",
    )
    .unwrap();
    let parts = input.multipart_upload.unwrap().parts;
    assert_eq!(parts[0].etag.as_deref(), Some("\"a\""));
    assert_eq!((parts[1].part_number, parts[1].checksum_crc32.as_deref()), (Some(2), Some("AAAAAA==")));
    assert_eq!((input.upload_id.as_str(), input.mpu_object_size), ("U", Some(7)));
}

#[test]
fn put_object_binds_headers_and_metadata() {
    let input: PutObjectInput = parse(
        "x-id=PutObject",
        &[
            ("content-length", "3"),
            ("content-type", "text/plain"),
            ("x-amz-storage-class", "STANDARD_IA"),
            ("x-amz-meta-a", "1"),
            ("x-amz-meta-b", "=?UTF-8?B?w4Q=?="),
            ("x-amz-foo", "bar"),
            ("x-amz-object-lock-retain-until-date", "2009-10-12T17:50:30.123Z"),
            ("x-amz-server-side-encryption-customer-key", "secret"),
        ],
        "not read",
    )
    .unwrap();
    assert_eq!((input.bucket.as_str(), input.key.as_str()), ("bucket", "key"));
    assert_eq!((input.content_length, input.content_type.as_deref()), (Some(3), Some("text/plain")));
    assert_eq!(input.storage_class, Some(StorageClass::StandardIa));
    let metadata: Vec<(&str, &str)> = input.metadata.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(metadata, [("a", "1"), ("b", "Ä")]);
    assert_eq!(input.object_lock_retain_until_date, Some(TIME));
    assert!(!format!("{input:?}").contains("secret"));
}

#[test]
fn get_object_binds_query_and_conditions() {
    let query = "partNumber=7&versionId=v&response-content-type=foo%2Fbar&response-expires=123";
    let headers = [("range", "bytes=0-1"), ("if-modified-since", "nonsense"), ("if-none-match", "\"a\"")];
    let input: GetObjectInput = parse(query, &headers, "").unwrap();
    assert_eq!((input.part_number, input.version_id.as_deref()), (Some(7), Some("v")));
    assert_eq!(input.response_content_type.as_deref(), Some("foo/bar"));
    assert_eq!(input.response_expires.as_deref(), Some("123"));
    assert_eq!((input.if_modified_since, input.if_none_match.as_deref()), (None, Some("\"a\"")));
    let error = parse::<GetObjectInput>("partNumber=abc", &[], "").unwrap_err();
    assert_eq!(error.message, "Part number must be an integer between 1 and 10000, inclusive");
    assert_eq!(error.extra[1], ("ArgumentValue", "abc".to_owned()));
}

#[test]
fn get_object_writes_headers_and_no_body() {
    let output = GetObjectOutput {
        etag: text("\"e\""),
        last_modified: Some(TIME),
        content_length: Some(3),
        parts_count: Some(2),
        metadata: [("a".to_owned(), "1".to_owned())].into(),
        object_lock_retain_until_date: Some(TIME),
        ..GetObjectOutput::default()
    };
    let (headers, body) = written(&output);
    assert_eq!(body, "");
    for (name, value) in [
        ("etag", "\"e\""),
        ("last-modified", "Mon, 12 Oct 2009 17:50:30 GMT"),
        ("content-length", "3"),
        ("x-amz-mp-parts-count", "2"),
        ("x-amz-meta-a", "1"),
        ("x-amz-object-lock-retain-until-date", "2009-10-12T17:50:30.123Z"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert_eq!(headers.len(), 6);
}

#[test]
fn listings_bind_numbers_lists_and_empty_texts() {
    let headers = [("x-amz-optional-object-attributes", "RestoreStatus , RestoreStatus")];
    let query = "list-type=2&prefix=&continuation-token=&max-keys=&fetch-owner=true&delimiter=%0A";
    let input: ListObjectsV2Input = parse(query, &headers, "").unwrap();
    assert_eq!((input.prefix.as_deref(), input.continuation_token.as_deref()), (Some(""), Some("")));
    assert_eq!((input.max_keys, input.fetch_owner), (None, Some(true)));
    assert_eq!(input.delimiter.as_deref(), Some("\n"));
    assert_eq!(input.optional_object_attributes.len(), 2);
    for query in ["max-keys=blah", "max-keys=-1", "max-keys=2147483648", "encoding-type=x", "fetch-owner=x"] {
        let error = parse::<ListObjectsV2Input>(query, &[], "").unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidArgument, "{query}");
    }
}

#[test]
fn what_an_operation_requires_must_be_sent() {
    assert_eq!(parse::<UploadPartInput>("", &[], "").unwrap_err().code, ErrorCode::InvalidArgument);
    assert_eq!(parse::<CopyObjectInput>("", &[], "").unwrap_err().code, ErrorCode::InvalidRequest);
}

#[test]
fn facts_of_the_model() {
    assert_eq!(Operation::ALL.len(), 116);
    for operation in Operation::ALL {
        assert_eq!(operation.name(), format!("{operation:?}"));
    }
    let put = Operation::PutObject.facts();
    assert_eq!((put.request_body, put.response_body, put.status), (BodyKind::Stream, BodyKind::None, 200));
    assert_eq!(Operation::DeleteObject.facts().status, 204);
    assert!(Operation::DeleteObjects.facts().checksum_required);
}

proptest! {
    #[test]
    fn every_listed_object_reads_back(key in any::<String>(), size in 0..=i64::MAX.unsigned_abs()) {
        // Read with the reader of requests: the same element names.
        let key = key.replace('\0', "");
        let output = ListObjectsV2Output {
            contents: vec![ListedObject { key: Some(key.clone()), size: Some(size), ..ListedObject::default() }],
            ..ListObjectsV2Output::default()
        };
        let document = body(&output).replace("ListBucketResult", "Delete").replace("Contents>", "Object>");
        let input: DeleteObjectsInput = parse("delete", &[], &document).unwrap();
        prop_assert_eq!(&input.delete.objects[0].key, &key);
        prop_assert_eq!(input.delete.objects[0].size, Some(size));
    }

    #[test]
    fn no_request_panics(
        query in "[a-zA-Z=&%0-9-]{0,60}",
        value in prop::collection::vec(32_u8..=255, 0..20),
        body in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let Ok(query) = Query::parse(Some(&query)) else { return Ok(()) };
        let mut headers = HeaderMap::new();
        for name in ["x-amz-meta-a", "content-length", "if-match", "x-amz-mfa", "x-amz-storage-class", "expires"] {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.insert(name, value);
            }
        }
        let request = RequestParts { bucket: Some("b"), key: None, query: &query, headers: &headers };
        let _ = PutObjectInput::parse(&request, Some(&body));
        let _ = CreateBucketInput::parse(&request, Some(&body));
        let _ = ListObjectsInput::parse(&request, None);
    }
}
