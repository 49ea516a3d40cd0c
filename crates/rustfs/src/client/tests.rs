use std::path::Path;

use super::*;
use crate::cli::{CommandLine, ServerCommand};
use clap::Parser;

fn said(line: &str, variables: &[(&str, &str)]) -> Said {
    let words = ["rustfs", "admin"].into_iter().chain(line.split_whitespace());
    let ServerCommand::Admin(arguments) = CommandLine::try_parse_from(words).unwrap().command else {
        panic!("{line}")
    };
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    let file = |path: &Path| match path.to_str() {
        Some("secret") => Ok("users-secret\n".to_owned()),
        _ => Err(io::Error::from(io::ErrorKind::NotFound)),
    };
    let settings = Surroundings { variable: &variable, names: Vec::new(), file: &file, here: Ok("/".into()) };
    let around = ClientSurroundings { settings, text: &file };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(1).build().unwrap();
    run(&runtime, &arguments, &around)
}

fn code(said: &Said) -> String {
    format!("{:?}", said.code)
}

#[test]
fn a_new_secret_goes_nowhere_in_the_clear() {
    let code_of_words = format!("{:?}", ExitCode::from(2));
    for line in ["user add u --new-secret-file secret", "key create"] {
        let said = said(&format!("{line} --url http://192.0.2.1:9000"), &[]);
        assert_eq!(code(&said), code_of_words, "{}", said.text);
        assert!(
            said.text.contains("--allow-plain-http") && !said.text.contains("users-secret"),
            "{}",
            said.text
        );
    }
}

#[test]
fn who_cannot_be_asked_is_told_what_is_missing() {
    for (line, variables, wanted) in [
        ("info --url store", &[][..], "Write it as --url https://"),
        ("info --access-key ann", &[][..], "RUSTFS_SECRET_KEY is not"),
        ("info", &[("RUSTFS_SECRET_KEY", "long-enough")][..], "RUSTFS_ACCESS_KEY is not"),
        ("info --ca-file none", &[][..], "the certificates: none can't be read"),
        ("info --ca-file secret", &[][..], "there is no certificate in the file"),
        ("user add u --new-secret-file none", &[][..], "the new secret key: none can't be read"),
        ("info", &[("RUSTFS_ADDRESS", "nonsense")][..], "RUSTFS_ADDRESS"),
    ] {
        let said = said(line, variables);
        assert_eq!(code(&said), format!("{:?}", ExitCode::from(2)), "{line}: {}", said.text);
        assert!(said.text.contains(wanted) && said.is_complaint, "{line}: {}", said.text);
    }
}

#[test]
fn a_server_that_is_not_there_is_named_with_what_to_do() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!(":{free}");
    let variables = [("RUSTFS_ADDRESS", address.as_str())];
    let told = said("ready", &variables);
    assert_eq!(code(&told), format!("{:?}", ExitCode::from(3)), "{}", told.text);
    assert!(told.text.contains(&format!("http://127.0.0.1:{free}")), "{}", told.text);
    assert!(told.text.contains("--url"), "{}", told.text);
    let told = said("ready --json", &variables);
    let document: Value = serde_json::from_str(&told.text).unwrap();
    assert_eq!((document["Code"].as_str(), told.is_complaint), (Some("Unreachable"), false));
}
