use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::cli::{self, Asked};
use crate::tls::ClientCertificates;

/// What `rustfs` followed by `line` makes of these variables; `file:<path>` stands for a file's text.
fn config(line: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let set: HashMap<String, String> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
    let arguments = match cli::read(words) {
        Asked::Serve(arguments) => arguments,
        other => panic!("{other:?}"),
    };
    let around = Surroundings {
        variable: &|name| set.get(name).cloned(),
        names: set.keys().cloned().collect(),
        file: &|path: &Path| {
            let text = set.get(&format!("file:{}", path.display()));
            text.cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        },
        here: Ok("/here".into()),
    };
    Config::from(&arguments, &around)
}

fn refusal(line: &str, variables: &[(&str, &str)]) -> String {
    config(line, variables).unwrap_err().to_string()
}

#[test]
fn a_folder_is_all_that_is_needed() {
    let config = config("server /data", &[]).unwrap();
    assert_eq!(config.drives, [Path::new("/data")]);
    assert_eq!(config.address, Address { host: None, port: 9000 });
    assert!(config.credentials.is_default && config.console && config.warnings.is_empty());
    assert_eq!((config.region.as_str(), config.connections_max), ("us-east-1", 4096));
    assert_eq!(config.choices, Choices::default());
}

#[test]
fn requests_at_once_can_be_set() {
    let served = |line: &str, variables: &[(&str, &str)]| {
        crate::wiring::frontend_options(&config(line, variables).unwrap()).unwrap().requests_max
    };
    let (ours, minios) = (("RUSTFS_API_REQUESTS_MAX", "20"), ("MINIO_API_REQUESTS_MAX", "30"));
    assert_eq!(served("server /data", &[]), 4096);
    assert_eq!(served("server /data", &[minios]), 30);
    assert_eq!(served("server /data", &[minios, ours]), 20);
    assert_eq!(served("server --api-requests-max 10 /data", &[ours]), 10);
    assert_eq!(served("server --api-requests-max 0 /data", &[]), 4096);
    for wrong in ["-1", "many", "1000001"] {
        let said = refusal("server /data", &[("RUSTFS_API_REQUESTS_MAX", wrong)]);
        assert!(said.starts_with("RUSTFS_API_REQUESTS_MAX can't be"), "{said}");
    }
}

#[test]
fn variables_stand_in_for_flags() {
    let found = config(
        "server",
        &[
            ("RUSTFS_VOLUMES", "/a{1...2} b"),
            ("RUSTFS_ADDRESS", "127.0.0.1:9100"),
            ("RUSTFS_SERVER_DOMAINS", "S3.example.com, b.c"),
            ("RUSTFS_REGION", "eu-west-1"),
            ("RUSTFS_CONSOLE_ENABLE", "off"),
            ("RUSTFS_STORAGE_CLASS_STANDARD", "EC:3"),
            ("RUSTFS_STORAGE_CLASS_RRS", "EC:1"),
            ("RUSTFS_API_MAX_CONNECTIONS", "7"),
        ],
    )
    .unwrap();
    assert_eq!(found.drives, ["/a1", "/a2", "/here/b"].map(Path::new));
    assert_eq!(found.address, Address { host: Some("127.0.0.1".into()), port: 9100 });
    assert_eq!(found.domains, ["s3.example.com", "b.c"]);
    assert_eq!((found.region.as_str(), found.console, found.connections_max), ("eu-west-1", false, 7));
    assert_eq!((found.choices.parity, found.choices.parity_reduced), (Some(3), Some(1)));
    let flags = config("--address :1 --region x /d", &[("RUSTFS_ADDRESS", ":2"), ("RUSTFS_VOLUMES", "/e")]);
    let flags = flags.unwrap();
    assert_eq!((flags.address.port, flags.region.as_str()), (1, "x"));
    assert_eq!(flags.drives, [Path::new("/d")]);
    assert!(flags.warnings.is_empty());
}

#[test]
fn addresses_are_read_or_explained() {
    let table: &[(&str, Option<&str>, u16)] = &[
        (":9000", None, 9000),
        ("*:1", None, 1),
        ("[::]:9000", None, 9000),
        ("0.0.0.0:80", Some("0.0.0.0"), 80),
        ("localhost:0", Some("localhost"), 0),
        ("[fe80::1]:9", Some("fe80::1"), 9),
    ];
    for (text, host, port) in table {
        let wanted = Address { host: host.map(str::to_owned), port: *port };
        assert_eq!(parse_address(text), Some(wanted), "{text}");
    }
    for text in ["9000", "", ":", ":x", ":65536", ":+1", "::1:9000", "http://a:1", "[::1:9", "[x]:9", "a b:1"]
    {
        assert_eq!(parse_address(text), None, "{text}");
    }
    assert!(refusal("/d", &[("RUSTFS_ADDRESS", "9000")]).starts_with("RUSTFS_ADDRESS can't be \"9000\": "));
    assert!(refusal("--address 9000 /d", &[]).starts_with("--address can't be"));
}

#[test]
fn the_names_of_minio_work_and_rustfs_comes_first() {
    let minio =
        [("MINIO_ROOT_USER", "minio-user"), ("MINIO_ROOT_PASSWORD", "minio-secret"), ("MINIO_VOLUMES", "/m")];
    let found = config("", &minio).unwrap();
    assert_eq!(found.credentials.access_key, "minio-user");
    assert_eq!(found.credentials.secret_key.reveal(), "minio-secret");
    assert!(!found.credentials.is_default && found.warnings.is_empty());

    let mut both = minio.to_vec();
    both.extend([("RUSTFS_ROOT_USER", "other"), ("RUSTFS_SECRET_KEY", "another-secret")]);
    let found = config("", &both).unwrap();
    assert_eq!(found.credentials.access_key, "other");
    assert_eq!(found.warnings.len(), 2);
    assert!(found.warnings[0].contains("RUSTFS_ROOT_USER and MINIO_ROOT_USER"), "{:?}", found.warnings);
    assert!(!format!("{found:?}").contains("another-secret"));
    assert!(
        found
            .warnings
            .iter()
            .all(|warning| !warning.contains("secret\"") && !warning.contains("minio-secret"))
    );
}

#[test]
fn keys_come_from_files_too() {
    let files = [("file:/k", "from-file\n"), ("file:/s", "secret-from-file\r\n")];
    let found = config("--access-key-file /k --secret-key-file /s /d", &files).unwrap();
    assert_eq!(found.credentials.access_key, "from-file");
    assert_eq!(found.credentials.secret_key.reveal(), "secret-from-file");

    let mut set = files.to_vec();
    set.extend([
        ("RUSTFS_ACCESS_KEY_FILE", "/k"),
        ("MINIO_ROOT_PASSWORD_FILE", "/s"),
        ("RUSTFS_ACCESS_KEY", "direct"),
    ]);
    let found = config("/d", &set).unwrap();
    assert_eq!(found.credentials.access_key, "direct");
    assert_eq!(found.credentials.secret_key.reveal(), "secret-from-file");
    assert_eq!(found.warnings.len(), 1);

    let missing = refusal("--access-key abc --secret-key-file /gone /d", &[]);
    assert!(missing.starts_with("--secret-key-file names /gone, which can't be read"), "{missing}");
}

#[test]
fn weak_or_half_credentials_are_refused_without_showing_them() {
    let table: &[(&[(&str, &str)], &str)] = &[
        (
            &[("RUSTFS_ACCESS_KEY", "ab"), ("RUSTFS_SECRET_KEY", "long-enough")],
            "RUSTFS_ACCESS_KEY is too short",
        ),
        (
            &[("RUSTFS_ACCESS_KEY", "abc"), ("MINIO_ROOT_PASSWORD", "hidden7")],
            "MINIO_ROOT_PASSWORD is too short",
        ),
        (&[("RUSTFS_ACCESS_KEY", "a/c"), ("RUSTFS_SECRET_KEY", "long-enough")], "RUSTFS_ACCESS_KEY can't be"),
        (
            &[("RUSTFS_ACCESS_KEY", "abc"), ("RUSTFS_SECRET_KEY", "hidden\nhidden")],
            "RUSTFS_SECRET_KEY can't be",
        ),
        (&[("RUSTFS_ACCESS_KEY", "abc")], "RUSTFS_ACCESS_KEY is set, but RUSTFS_SECRET_KEY is not"),
        (
            &[("RUSTFS_ROOT_PASSWORD", "hidden-secret")],
            "RUSTFS_ROOT_PASSWORD is set, but RUSTFS_ACCESS_KEY is not",
        ),
    ];
    for (variables, wanted) in table {
        let message = refusal("/d", variables);
        assert!(message.starts_with(wanted), "{message}");
        assert!(!message.contains("hidden"), "{message}");
    }
}

#[test]
fn a_pair_that_everybody_knows_is_warned_of() {
    for (access, secret) in [("rustfsadmin", "rustfssecret"), ("minioadmin", "minioadmin")] {
        let found = config("/d", &[("RUSTFS_ACCESS_KEY", access), ("RUSTFS_SECRET_KEY", secret)]).unwrap();
        assert!(!found.credentials.is_default);
        assert_eq!(found.warnings.len(), 1);
    }
}

#[test]
fn what_comes_later_is_refused_by_name() {
    for (line, variables, wanted) in [
        ("/d", &[("RUSTFS_KMS_ENABLE", "true")][..], "RUSTFS_KMS_ENABLE is set"),
        ("--kms-enable /d", &[], "--kms-enable is set"),
        ("--console-address :9090 /d", &[], "--console-address is set, but the console is not available yet"),
        ("/d", &[("RUSTFS_OBS_ENDPOINT", "http://collector")], "RUSTFS_OBS_ENDPOINT is set"),
    ] {
        let message = refusal(line, variables);
        assert!(message.starts_with(wanted), "{message}");
    }
    let defaults = [
        ("RUSTFS_KMS_ENABLE", "0"),
        ("RUSTFS_CONSOLE_ADDRESS", ":9001"),
        ("RUSTFS_BUFFER_PROFILE", "GeneralPurpose"),
    ];
    assert!(config("--console-address :9001 --console-enable /d", &defaults).is_ok());
}

#[test]
fn certificates_are_found_by_the_words_of_both_families() {
    let tls = |line: &str, variables: &[(&str, &str)]| config(line, variables).unwrap().tls;
    assert_eq!(tls("/d", &[("RUSTFS_TLS_PATH", "")]), None);
    let plain = tls("--tls-path certs /d", &[]).unwrap();
    assert_eq!(plain.folder, Path::new("/here/certs"));
    assert_eq!((plain.clients, plain.client_authorities.clone()), (ClientCertificates::Off, None));
    assert_eq!(plain.looked_at_every, Some(Duration::from_secs(5)));
    for (line, variables) in [
        ("--certs-dir /here/certs /d", &[][..]),
        ("-S /here/certs /d", &[]),
        ("/d", &[("RUSTFS_TLS_PATH", "/here/certs"), ("MINIO_CERTS_DIR", "/here/certs")]),
    ] {
        assert_eq!(tls(line, variables).as_ref(), Some(&plain), "{line}");
    }
    for (text, wanted) in [
        ("true", ClientCertificates::Required),
        ("required", ClientCertificates::Required),
        ("Optional", ClientCertificates::Optional),
        ("off", ClientCertificates::Off),
    ] {
        let variables = [("RUSTFS_SERVER_MTLS_ENABLE", text), ("RUSTFS_TLS_CLIENT_CA", "/ca.pem")];
        let found = tls("-S /c /d", &variables).unwrap();
        assert_eq!(
            (found.clients, found.client_authorities.as_deref()),
            (wanted, Some(Path::new("/ca.pem")))
        );
    }
    let slow = [("RUSTFS_TLS_RELOAD_INTERVAL", "30")];
    assert_eq!(tls("-S /c /d", &slow).unwrap().looked_at_every, Some(Duration::from_secs(30)));
    assert_eq!(tls("-S /c /d", &[("RUSTFS_TLS_RELOAD_ENABLE", "false")]).unwrap().looked_at_every, None);
    assert!(refusal("/d", &[("RUSTFS_SERVER_MTLS_ENABLE", "true")]).contains("over TLS only"));
    assert!(
        refusal("-S /c /d", &[("RUSTFS_SERVER_MTLS_ENABLE", "maybe")]).contains("off, optional or required")
    );
    assert!(refusal("-S /c /d", &[("RUSTFS_TLS_RELOAD_INTERVAL", "0")]).contains("an interval is written"));
}

#[test]
fn values_that_can_not_be_are_explained() {
    for (name, value) in [
        ("RUSTFS_STORAGE_CLASS_STANDARD", "2"),
        ("RUSTFS_STORAGE_CLASS_RRS", "EC:9"),
        ("RUSTFS_CONSOLE_ENABLE", "maybe"),
        ("RUSTFS_API_MAX_CONNECTIONS", "many"),
        ("RUSTFS_SERVER_DOMAINS", "http://a"),
    ] {
        let message = refusal("/d", &[(name, value)]);
        assert!(message.starts_with(&format!("{name} can't be {value:?}: ")), "{message}");
    }
    assert!(refusal("", &[]).starts_with("no drives were given"));
    assert!(refusal("http://a{1...4}/d", &[]).contains("later release"));
}
