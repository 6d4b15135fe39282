//! HTTPS, and the refusal to do without it where others could listen in.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use crate::harness::{GROUPS, Server, finish, rosterd};

/// Writes a certificate for 127.0.0.1 and its key; gives the authority's certificate.
fn certify(directory: &Path) -> String {
    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = authority.self_signed(&authority_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let leaf =
        CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    std::fs::write(directory.join("cert.pem"), leaf.pem()).unwrap();
    std::fs::write(directory.join("key.pem"), key.serialize_pem()).unwrap();
    root
}

fn start() -> (Server, TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let root = certify(directory.path());
    let [cert, key] = ["cert.pem", "key.pem"].map(|name| directory.path().join(name).display().to_string());
    (Server::start_with(&["--tls-cert", &cert, "--tls-key", &key]), directory, root)
}

/// The status of a request by a client that trusts this authority alone.
fn get(server: &Server, root: &str) -> Result<u16, ureq::Error> {
    let roots = RootCerts::new_with_certs(&[Certificate::from_pem(root.as_bytes()).unwrap()]);
    let tls = TlsConfig::builder().root_certs(roots).build();
    let agent: ureq::Agent = ureq::Agent::config_builder().tls_config(tls).build().into();
    let url = format!("https://{}{GROUPS}", server.client.address);
    let key = format!("Bearer {}", server.client.key);
    Ok(agent.get(url).header("authorization", key).call()?.status().as_u16())
}

#[test]
fn a_new_certificate_is_taken_over() {
    let (server, directory, first) = start();
    assert!(server.process.log().contains("\nlistening on https://127.0.0.1:"), "{}", server.process.log());
    assert_eq!(get(&server, &first).unwrap(), 200);

    let second = certify(directory.path());
    assert!(get(&server, &second).is_err(), "nothing changes before the server is told");
    server.process.signal("HUP");
    server.process.wait_for("that it reloaded", |log| log.contains("was reloaded").then_some(()));
    assert_eq!(get(&server, &second).unwrap(), 200);
    assert!(get(&server, &first).is_err());

    std::fs::write(directory.path().join("key.pem"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    server.process.signal("HUP");
    server.process.wait_for("that it did not", |log| log.contains("was not reloaded").then_some(()));
    assert_eq!(get(&server, &second).unwrap(), 200);
}

/// Shakes hands; gives the protocol that was agreed upon.
fn shake(
    server: &Server,
    root: &str,
    version: &'static SupportedProtocolVersion,
    protocols: &[&str],
) -> Result<Option<Vec<u8>>, std::io::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(root.as_bytes()).unwrap()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let exchange = server.client.get("/healthz");
    let mut stream = StreamOwned::new(connection, exchange.connect().unwrap());
    stream.write_all(&exchange.head())?;
    let mut start = [0; 15];
    stream.read_exact(&mut start)?;
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    Ok(stream.conn.alpn_protocol().map(<[u8]>::to_vec))
}

#[test]
fn versions_and_protocols() {
    let (server, _directory, root) = start();
    for version in [&TLS12, &TLS13] {
        for (offered, agreed) in [(&["h2", "http/1.1"][..], Some(&b"http/1.1"[..])), (&[], None)] {
            assert_eq!(shake(&server, &root, version, offered).unwrap().as_deref(), agreed);
        }
        assert!(shake(&server, &root, version, &["h2"]).is_err(), "HTTP/2 is not spoken");
    }
}

#[test]
fn plain_http_is_not_understood() {
    let (server, _directory, root) = start();
    let exchange = server.client.get(GROUPS);
    let mut stream = exchange.connect().unwrap();
    stream.write_all(&exchange.head()).unwrap();
    let mut answer = Vec::new();
    drop(stream.read_to_end(&mut answer));
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert_eq!(get(&server, &root).unwrap(), 200);
}

/// Starts a server that must refuse to; what it says.
fn refused(options: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().unwrap();
    let mut command = rosterd();
    command.args(["serve", "--data-dir"]).arg(directory.path().join("data")).args(options);
    let (code, _, said) = finish(command.envs(environment.iter().copied()));
    (code, said)
}

#[test]
fn no_keys_in_the_clear_on_a_network() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let (code, said) = refused(&["--listen", address], &[]);
        assert_eq!(code, Some(7), "{said}");
        for word in ["--tls-cert", "--tls-key", "--insecure-http", address] {
            assert!(said.contains(word), "{word} in {said}");
        }
    }
    let (code, said) = refused(&["--listen", "0.0.0.0:0"], &[("ROSTERD_INSECURE_HTTP", "0")]);
    assert_eq!(code, Some(7), "{said}");
}

#[test]
fn unusable_certificates() {
    let directory = tempfile::tempdir().unwrap();
    certify(directory.path());
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (cert, key) = (path("cert.pem"), path("key.pem"));
    std::fs::write(path("other.pem"), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    for (cert, key, code) in [
        (&cert, Some(path("nowhere.pem")), 7),
        (&path("nowhere.pem"), Some(key.clone()), 7),
        (&key, Some(key.clone()), 7),
        (&cert, Some(cert.clone()), 7),
        (&cert, Some(path("other.pem")), 7),
        (&cert, None, 2),
    ] {
        let mut options = vec!["--listen", "127.0.0.1:0", "--tls-cert", cert];
        if let Some(key) = &key {
            options.extend(["--tls-key", key]);
        }
        let (found, said) = refused(&options, &[]);
        assert_eq!(found, Some(code), "{options:?}: {said}");
    }
}
