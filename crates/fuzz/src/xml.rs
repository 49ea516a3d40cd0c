//! XML bodies: DeleteObjects, CompleteMultipartUpload, CreateBucketConfiguration. Input: which of them, then the document.
//!
//! What was read, written again, reads the same; a byte order mark, a comment before and white space behind change
//! nothing; no more comes out of a document than is in it.

use std::fmt::Debug;

use s3::generated::{
    CompletedMultipartUpload, CompletedPart, CreateBucketConfiguration, Delete, ObjectIdentifier, Tag,
};
use s3::wire::{FromXml, TimeFormat, WireValue, XmlError, XmlReader, XmlWriter};

/// See the module.
pub fn run(data: &[u8]) {
    let Some((kind, document)) = data.split_first() else { return };
    match kind % 3 {
        0 => check("Delete", document, write_delete),
        1 => check("CompleteMultipartUpload", document, write_completion),
        _ => check("CreateBucketConfiguration", document, write_configuration),
    }
}

fn check<T: FromXml + Debug + PartialEq>(
    root: &'static str,
    document: &[u8],
    write: fn(&T, &mut XmlWriter<'_>),
) {
    let read = XmlReader::document::<T>(document, root);
    embedded(root, document, &read);
    let Ok(value) = read else { return };
    let mut written = Vec::new();
    XmlWriter::new(&mut written).root(root, |xml| write(&value, xml));
    let again = XmlReader::document::<T>(&written, root);
    assert_eq!(again.as_ref(), Ok(&value), "{}", String::from_utf8_lossy(&written));
}

/// What stands around a document does not change it, nor what is wrong with it.
fn embedded<T: FromXml + Debug + PartialEq>(root: &'static str, document: &[u8], read: &Result<T, XmlError>) {
    if document.starts_with(b"<") {
        let longer = ["\u{feff}<!-- before -->".as_bytes(), document].concat();
        // A declaration must come first, and the error then may be another one.
        if !document.starts_with(b"<?") {
            assert_eq!(&XmlReader::document::<T>(&longer, root), read, "something stands before it");
        }
    }
    if read.is_ok() {
        let longer = [document, b" \r\n<!-- behind -->\n"].concat();
        assert_eq!(&XmlReader::document::<T>(&longer, root), read, "something stands behind it");
    }
}

fn text<T: WireValue>(name: &str, value: Option<&T>, xml: &mut XmlWriter<'_>) {
    if let Some(value) = value {
        xml.value(name, value);
    }
}

fn write_delete(delete: &Delete, xml: &mut XmlWriter<'_>) {
    for object in &delete.objects {
        xml.element("Object", |xml| write_object(object, xml));
    }
    text("Quiet", delete.quiet.as_ref(), xml);
}

fn write_object(object: &ObjectIdentifier, xml: &mut XmlWriter<'_>) {
    text("Key", Some(&object.key), xml);
    text("VersionId", object.version_id.as_ref(), xml);
    text("ETag", object.etag.as_ref(), xml);
    xml.time_option("LastModifiedTime", object.last_modified_time, TimeFormat::Iso8601);
    text("Size", object.size.as_ref(), xml);
}

fn write_completion(upload: &CompletedMultipartUpload, xml: &mut XmlWriter<'_>) {
    for part in &upload.parts {
        xml.element("Part", |xml| write_part(part, xml));
    }
}

fn write_part(part: &CompletedPart, xml: &mut XmlWriter<'_>) {
    let texts = [
        ("ETag", &part.etag),
        ("ChecksumCRC32", &part.checksum_crc32),
        ("ChecksumCRC32C", &part.checksum_crc32c),
        ("ChecksumCRC64NVME", &part.checksum_crc64nvme),
        ("ChecksumSHA1", &part.checksum_sha1),
        ("ChecksumSHA256", &part.checksum_sha256),
        ("ChecksumSHA512", &part.checksum_sha512),
        ("ChecksumMD5", &part.checksum_md5),
        ("ChecksumXXHASH64", &part.checksum_xxhash64),
        ("ChecksumXXHASH3", &part.checksum_xxhash3),
        ("ChecksumXXHASH128", &part.checksum_xxhash128),
    ];
    for (name, value) in texts {
        text(name, value.as_ref(), xml);
    }
    text("PartNumber", part.part_number.as_ref(), xml);
}

fn write_configuration(configuration: &CreateBucketConfiguration, xml: &mut XmlWriter<'_>) {
    text("LocationConstraint", configuration.location_constraint.as_ref(), xml);
    if let Some(location) = &configuration.location {
        xml.element("Location", |xml| {
            text("Type", location.r#type.as_ref(), xml);
            text("Name", location.name.as_ref(), xml);
        });
    }
    if let Some(bucket) = &configuration.bucket {
        xml.element("Bucket", |xml| {
            text("DataRedundancy", bucket.data_redundancy.as_ref(), xml);
            text("Type", bucket.r#type.as_ref(), xml);
        });
    }
    if let Some(tags) = &configuration.tags {
        xml.element("Tags", |xml| tags.iter().for_each(|tag| xml.element("Tag", |xml| write_tag(tag, xml))));
    }
}

fn write_tag(tag: &Tag, xml: &mut XmlWriter<'_>) {
    text("Key", Some(&tag.key), xml);
    text("Value", Some(&tag.value), xml);
}
