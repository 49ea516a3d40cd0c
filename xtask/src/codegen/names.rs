//! Names of the model as names of Rust.

/// `SSECustomerKeyMD5` as `sse_customer_key_md5`. A run of capitals is one word; digits belong to the word before.
pub(super) fn snake(name: &str) -> String {
    // The two places where capitals of two words touch.
    let name = name.replace("SSEKMS", "SseKms").replace("ETag", "Etag").replace("URI", "Uri");
    let characters: Vec<char> = name.chars().filter(|c| *c != '-').collect();
    let mut out = String::new();
    for (index, character) in characters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| characters.get(before));
        let after = characters.get(index + 1);
        let starts_word = character.is_ascii_uppercase()
            && before.is_some_and(|before| {
                before.is_ascii_lowercase()
                    || (before.is_ascii_digit() && after.is_some_and(char::is_ascii_lowercase))
                    || (before.is_ascii_uppercase() && after.is_some_and(char::is_ascii_lowercase))
            });
        if starts_word {
            out.push('_');
        }
        out.push(character.to_ascii_lowercase());
    }
    out
}

/// The name of a field: a keyword of Rust becomes a raw identifier.
pub(super) fn field(name: &str) -> String {
    let name = snake(name);
    match name.as_str() {
        "type" | "match" | "move" | "ref" | "use" | "where" => format!("r#{name}"),
        _ => name,
    }
}

/// A word of the wire as the name of a variant: `aws:kms:dsse` as `AwsKmsDsse`.
pub(super) fn variant(word: &str) -> String {
    let mut out = String::new();
    for part in word.replace('*', "All").split(|c: char| !c.is_ascii_alphanumeric()) {
        let all_capitals = !part.chars().any(|c| c.is_ascii_lowercase());
        for (index, character) in part.chars().enumerate() {
            out.push(match index {
                0 => character.to_ascii_uppercase(),
                _ if all_capitals => character.to_ascii_lowercase(),
                _ => character,
            });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_become_fields() {
        for (name, wanted) in [
            ("SSECustomerKeyMD5", "sse_customer_key_md5"),
            ("SSEKMSKeyId", "sse_kms_key_id"),
            ("ETag", "etag"),
            ("ChecksumCRC64NVME", "checksum_crc64nvme"),
            ("ChecksumXXHASH64", "checksum_xxhash64"),
            ("GrantReadACP", "grant_read_acp"),
            ("ContentMD5", "content_md5"),
            ("CORSRules", "cors_rules"),
            ("ID", "id"),
            ("IfNoneMatch", "if_none_match"),
            ("Type", "r#type"),
        ] {
            assert_eq!(field(name), wanted);
        }
    }

    #[test]
    fn words_become_variants() {
        for (word, wanted) in [
            ("STANDARD_IA", "StandardIa"),
            ("aws:kms:dsse", "AwsKmsDsse"),
            ("public-read", "PublicRead"),
            ("CRC64NVME", "Crc64nvme"),
            ("BucketOwnerEnforced", "BucketOwnerEnforced"),
            ("s3:ObjectCreated:*", "S3ObjectCreatedAll"),
        ] {
            assert_eq!(variant(word), wanted);
        }
    }
}
