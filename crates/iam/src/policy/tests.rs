//! What is read, and what is refused and how.

use super::*;

const USER: PolicyKind<'static> = PolicyKind::UserInline;
const BUCKET: PolicyKind<'static> = PolicyKind::Bucket("photos");

fn refusal(text: &str, kind: PolicyKind<'_>) -> String {
    match Policy::parse(text, kind) {
        Ok(policy) => panic!("{kind:?} takes {text} as {policy}"),
        Err(error) => error.to_string(),
    }
}

/// A document with one statement of these elements.
fn document(elements: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{{{elements}}}]}}"#)
}

const ALLOW: &str = r#""Effect":"Allow","Action":"s3:GetObject","Resource":"*""#;

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>
#[test]
fn documents_are_read_in_all_their_forms() {
    let bucket_allow =
        r#""Principal":"*","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*""#;
    for (text, kind, count) in [
        (document(ALLOW), USER, 1),
        (format!(r#"{{"Statement":{{{ALLOW}}}}}"#), USER, 1),
        (
            format!(r#" {{ "Statement" : [ {{{ALLOW}}} , {{{ALLOW}}} ] , "Version" : "2008-10-17" }} "#),
            USER,
            2,
        ),
        (document(&format!(r#""Sid":"",{ALLOW}"#)), USER, 1),
        (
            document(r#""Effect":"Deny","NotAction":["s3:*","ec2:*"],"NotResource":["arn:aws:s3:::b/*"]"#),
            USER,
            1,
        ),
        (document(r#""Effect":"Allow","Action":"admin:*""#), USER, 1),
        (document(r#""Effect":"Allow","Action":["kms:*","sts:AssumeRole"]"#), PolicyKind::Managed, 1),
        (document(&format!(r#"{ALLOW},"Condition":{{}}"#)), USER, 1),
        (document(&format!(r#"{ALLOW},"Condition":{{"NumericLessThan":{{"s3:max-keys":10}}}}"#)), USER, 1),
        (document(&format!(r#"{ALLOW},"Condition":{{"Bool":{{"aws:SecureTransport":true}}}}"#)), USER, 1),
        (document(bucket_allow), BUCKET, 1),
        (
            format!(
                r#"{{"Id":"x y","Statement":[{{"Sid":"a b",{bucket_allow}}},{{"Sid":"a b",{bucket_allow}}}]}}"#
            ),
            BUCKET,
            2,
        ),
        (
            document(
                r#""Effect":"Allow","Principal":{"Federated":"idp.example.com"},"Action":"sts:AssumeRoleWithWebIdentity""#,
            ),
            PolicyKind::Trust,
            1,
        ),
    ] {
        let policy = Policy::parse(&text, kind).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(policy.statement_count(), count);
    }
}

#[test]
fn a_refusal_says_what_is_wrong() {
    for (elements, kind, message) in [
        ("", USER, "Missing required field Action"),
        (r#""Effect":"Allow","Resource":"*""#, USER, "Missing required field Action"),
        (r#""Action":"s3:*","Resource":"*""#, USER, "Missing required field Effect"),
        (r#""Effect":"Allow","Action":"s3:*""#, USER, "Missing required field Resource"),
        (r#""Effect":"Allow","NotAction":"admin:*""#, USER, "Missing required field Resource"),
        (r#""Effect":"Allow","Action":["admin:*","s3:*"]"#, USER, "Missing required field Resource"),
        (ALLOW, BUCKET, "Missing required field Principal"),
        (
            r#""Effect":"allow","Action":"s3:*","Resource":"*""#,
            USER,
            "Invalid effect: allow; it is Allow or Deny",
        ),
        (r#""Effect":true,"Action":"s3:*","Resource":"*""#, USER, "Effect must be a text"),
        (r#""Effect":"Allow","Action":[],"Resource":"*""#, USER, "Action must be a text or a list"),
        (r#""Effect":"Allow","Action":[1],"Resource":"*""#, USER, "Action must be a text or a list"),
        (r#""Effect":"Allow","Action":"*","Resource":[]"#, USER, "Resource must be a text or a list"),
        (
            r#""Effect":"Allow","Action":"*","NotAction":"*","Resource":"*""#,
            USER,
            "A statement has either Action or NotAction, not both",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","NotResource":"*""#,
            USER,
            "A statement has either Resource or NotResource, not both",
        ),
        (
            r#""Principal":"*","NotPrincipal":"*","Effect":"Allow","Action":"*","Resource":"*""#,
            BUCKET,
            "A statement has either Principal or NotPrincipal, not both",
        ),
        (
            r#""Principal":"*","Effect":"Allow","Action":"*","Resource":"*""#,
            USER,
            "Has prohibited field Principal: a policy that is attached to an identity is about that identity",
        ),
        (
            r#""NotPrincipal":"*","Effect":"Allow","Action":"*","Resource":"*""#,
            PolicyKind::Session,
            "Has prohibited field NotPrincipal: a policy that is attached to an identity is about that identity",
        ),
        (
            r#""Principal":"*","Effect":"Allow","Action":"sts:AssumeRole","Resource":"*""#,
            PolicyKind::Trust,
            "Has prohibited field Resource: a trust policy is about its role",
        ),
        (
            r#""Principal":{"AWS":"bob"},"Effect":"Allow","Action":"s3:*","Resource":"*""#,
            BUCKET,
            r#"Invalid principal in policy: "AWS":"bob""#,
        ),
        (
            r#""Effect":"Allow","Action":"s3:GetObjects","Resource":"*""#,
            USER,
            r#"Policy has invalid action: "s3:GetObjects" matches no action"#,
        ),
        (
            r#""Principal":"*","Effect":"Allow","Action":"sqs:*","Resource":"*""#,
            BUCKET,
            r#"Policy has invalid action: "sqs:*" is of another service than the policy is about"#,
        ),
        (
            r#""Effect":"Allow","Action":"s3:*","Resource":"photos/*""#,
            USER,
            r#"Policy has invalid resource: "photos/*" must be in ARN format or "*""#,
        ),
        (
            r#""Principal":"*","Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::other/*""#,
            BUCKET,
            r#"Policy has invalid resource: "arn:aws:s3:::other/*" is not the bucket that the policy is about"#,
        ),
        (
            r#""Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:user}""#,
            USER,
            r#"Invalid policy variable ${aws:user} in "${aws:user}"; a dollar sign itself is written ${$}"#,
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":[]"#,
            USER,
            "Condition must be an object of operators",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":"x"}"#,
            USER,
            "Condition must be an object of operators",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":null}}"#,
            USER,
            "Condition must be an object of operators",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:username":[]}}"#,
            USER,
            "Condition must be an object of operators",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{}}"#,
            USER,
            "Condition must be an object of operators",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringIs":{"aws:username":"x"}}"#,
            USER,
            "Invalid Condition type : StringIs",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{"s3:prefixes":"x"}}"#,
            USER,
            "Policy has an invalid condition key: s3:prefixes",
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"AWS:securetransport":"yes"}}"#,
            USER,
            r#"Invalid value "yes" for the condition Bool aws:SecureTransport"#,
        ),
        (
            r#""Effect":"Allow","Action":"*","Resource":"*","Condition":
                {"Bool":{"aws:SecureTransport":"true"},"bool":{"aws:securetransport":"false"}}"#,
            USER,
            "The condition Bool aws:SecureTransport stands twice",
        ),
        (
            r#""Sid":"a b","Effect":"Allow","Action":"*","Resource":"*""#,
            USER,
            r#"Statement IDs (SID) must be alpha-numeric: "a b""#,
        ),
        (r#""Sid":1,"Effect":"Allow","Action":"*","Resource":"*""#, USER, "Sid must be a text"),
        (r#""effect":"Allow","Action":"*","Resource":"*""#, USER, "Unknown field effect"),
    ] {
        let refused = refusal(&document(elements), kind);
        assert!(refused.starts_with(message), "{refused}\ninstead of\n{message}");
        assert!(refused.contains("(statement 0"), "{refused}");
    }
}

#[test]
fn a_refusal_of_the_whole_document_names_no_statement() {
    for (text, kind, message) in [
        ("", USER, "Policies must be valid JSON and the first byte must be '{'"),
        ("[]", USER, "Policies must be valid JSON and the first byte must be '{'"),
        ("{", USER, "This policy contains invalid Json: EOF while parsing an object at line 1 column 1"),
        ("{} {}", USER, "This policy contains invalid Json: trailing characters"),
        ("{}", USER, "Missing required field Statement"),
        (
            r#"{"Statement":[]}"#,
            USER,
            "Statement must be a list with at least one statement: Statement is empty!",
        ),
        (
            r#"{"Version":"2010-10-17","Statement":[]}"#,
            USER,
            "The policy must contain a valid version string",
        ),
        (r#"{"Version":20121017,"Statement":[]}"#, USER, "The policy must contain a valid version string"),
        (r#"{"version":"2012-10-17","Statement":[]}"#, USER, "Unknown field version"),
        (r#"{"Id":"x","Statement":[]}"#, USER, "Has prohibited field Id"),
        (r#"{"Id":1,"Statement":[]}"#, BUCKET, "Id must be a text"),
        (
            r#"{"Statement":[{"Effect":"Deny","Effect":"Allow"}]}"#,
            USER,
            "This policy contains invalid Json: `Effect` stands twice in one object",
        ),
    ] {
        let refused = refusal(text, kind);
        assert!(refused.starts_with(message), "{refused}\ninstead of\n{message}");
        assert!(!refused.contains("(statement"), "{refused}");
    }
}

#[test]
fn a_refusal_says_in_which_statement() {
    let broken = r#""Effect":"Maybe","Action":"s3:*","Resource":"*""#;
    let text = format!(r#"{{"Statement":[{{{ALLOW}}},{{"Sid":"Second",{broken}}}]}}"#);
    let error = Policy::parse(&text, USER).unwrap_err();
    assert_eq!(error.statement, Some(StatementPlace { index: 1, sid: Some("Second".into()) }));
    assert!(error.to_string().ends_with(r#"(statement 1, Sid "Second")"#), "{error}");
    let twice = format!(r#"{{"Statement":[{{"Sid":"A",{ALLOW}}},{{"Sid":"A",{ALLOW}}}]}}"#);
    assert!(
        refusal(&twice, USER).starts_with(r#"Statement IDs (SID) in a single policy must be unique: "A""#)
    );
}

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>: "IAM doesn't count white space".
#[test]
fn sizes_are_bounded_as_aws_counts_them() {
    for (kind, size_max) in [
        (PolicyKind::UserInline, 2_048),
        (PolicyKind::GroupInline, 5_120),
        (PolicyKind::RoleInline, 10_240),
        (PolicyKind::Managed, 6_144),
        (PolicyKind::Session, 2_048),
        (PolicyKind::ServiceAccount, 4_096),
    ] {
        let start = document(ALLOW).replace(r#""*""#, r#""arn:aws:s3:::b/""#);
        let filled = start.replace("b/", &format!("b/{}", "é".repeat(size_max - start.chars().count())));
        assert!(Policy::parse(&filled, kind).is_ok(), "{kind:?}");
        assert!(
            Policy::parse(&filled.replace(':', " :\n\t"), kind).is_err(),
            "a resource with spaces is none"
        );
        assert!(
            Policy::parse(&filled.replace(",", ",\n\t "), kind).is_ok(),
            "white space counts in {kind:?}"
        );
        let longer = filled.replace("b/", "b/x");
        let error = Policy::parse(&longer, kind).unwrap_err();
        assert_eq!(error.fault, PolicyFault::TooLarge { size: size_max + 1, size_max });
        assert!(error.is_too_large());
    }
    let bucket = |padding: usize| document(&format!(r#""Principal":"*",{ALLOW}"#)) + &" ".repeat(padding);
    let fitting = BUCKET_POLICY_BYTES_MAX - bucket(0).len();
    assert!(Policy::parse(&bucket(fitting), BUCKET).is_ok());
    assert!(Policy::parse(&bucket(fitting + 1), BUCKET).unwrap_err().is_too_large());
    let endless = document(ALLOW) + &" ".repeat(TEXT_BYTES_MAX);
    assert!(Policy::parse(&endless, USER).unwrap_err().is_too_large());
}

/// The size of a policy bounds its statements, so that nothing else has to.
#[test]
fn no_more_than_330_statements_fit() {
    let shortest = r#"{"Effect":"Deny","Action":"*","Resource":"*","Principal":"*"}"#;
    let policy = |count: usize| format!(r#"{{"Statement":[{}]}}"#, vec![shortest; count].join(","));
    assert_eq!(Policy::parse(&policy(330), BUCKET).unwrap().statement_count(), 330);
    assert!(Policy::parse(&policy(331), BUCKET).unwrap_err().is_too_large());
}

#[test]
fn what_is_printed_reads_as_the_same_policy() {
    let text = r#"{"Id":"i\"d","Version":"2012-10-17","Statement":[
        {"Sid":"one two","Effect":"Deny","NotPrincipal":{"Service":"a.b","AWS":["111122223333","*"]},
         "NotAction":"s3:Get*","NotResource":["arn:minio:s3:::photos/${aws:username}/*"],
         "Condition":{"foranyvalue:stringlikeifexists":{"aws:tagkeys":["a*","b"]},
                      "NumericEquals":{"s3:max-keys":7,"s3:signatureAge":["1",2.5]},"Bool":{"aws:SecureTransport":true},
                      "numericequals":{"s3:object-lock-remaining-retention-days":3}}},
        {"Effect":"Allow","Principal":"*","Action":"s3:getobject","Resource":"arn:aws:s3:::photos/*"}]}"#;
    let policy = Policy::parse(text, BUCKET).unwrap();
    let printed = policy.to_string();
    assert_eq!(Policy::parse(&printed, BUCKET).unwrap(), policy, "{printed}");
    assert!(printed.contains(r#""ForAnyValue:StringLikeIfExists":{"aws:TagKeys":["a*","b"]}"#), "{printed}");
    assert!(printed.contains(r#""Sid":"one two""#) && printed.contains(r#""Principal":"*""#), "{printed}");
}
