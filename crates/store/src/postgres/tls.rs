//! TLS to the database: always verified, with hints for the usual mistakes.

use std::path::Path;
use std::sync::Arc;

use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, OtherError, RootCertStore};

use crate::StoreError;

/// A connector that trusts what this file holds, or what the system trusts.
pub(super) fn connector(certificates: Option<&Path>) -> Result<MakeRustlsConnect, StoreError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = certificates {
        let unreadable =
            |error: &dyn std::fmt::Display| unusable(&format!("sslrootcert {}: {error}", path.display()));
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))? {
            let certificate = certificate.map_err(|error| unreadable(&error))?;
            roots.add(certificate).map_err(|error| unreadable(&error))?;
        }
    } else {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
    }
    if roots.is_empty() {
        return Err(unusable(
            "there is no certificate to trust: name the file of the authority that signed the database's, \
             with ?sslrootcert=FILE in its URL",
        ));
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn unusable(text: &str) -> StoreError {
    StoreError::Schema(format!("TLS to the database cannot be used: {text}"))
}

/// What to do about a certificate that was refused.
pub(super) fn hint(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<Error>() {
            return Some(hint_for(refused));
        }
        cause = match error.downcast_ref::<std::io::Error>() {
            Some(wrapped) => wrapped.get_ref().map(|inner| inner as &(dyn std::error::Error + 'static)),
            None => error.source(),
        };
    }
    None
}

fn hint_for(refused: &Error) -> &'static str {
    match refused {
        Error::InvalidCertificate(CertificateError::Other(OtherError(other)))
            if other.to_string().contains("CaUsedAsEndEntity") =>
        {
            "the certificate of the database is its own authority (`openssl req -x509` makes such): make an authority, \
             have it sign one for the server, and give the authority's as sslrootcert"
        }
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "who signed the database's certificate is not known: give the authority's as ?sslrootcert=FILE"
        }
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the certificate is for another name: connect by a name that it holds (subjectAltName)",
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "the certificate of the database has expired"
        }
        _ => "TLS to the database failed; sslmode=disable does without, where the network is trusted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_mistakes_have_a_hint() {
        let refused = |error| {
            let wrapped =
                std::io::Error::new(std::io::ErrorKind::InvalidData, Error::InvalidCertificate(error));
            hint(&wrapped).unwrap_or_default()
        };
        assert!(refused(CertificateError::UnknownIssuer).contains("sslrootcert"));
        assert!(refused(CertificateError::NotValidForName).contains("subjectAltName"));
        let itself = OtherError(Arc::new(std::io::Error::other("CaUsedAsEndEntity")));
        assert!(refused(CertificateError::Other(itself)).contains("openssl req -x509"));
        assert_eq!(hint(&std::io::Error::other("something else")), None);
    }

    #[test]
    fn a_file_that_is_none_is_named() {
        let error = connector(Some(Path::new("/nowhere/ca.pem"))).err().map(|error| error.to_string());
        assert!(error.is_some_and(|text| text.contains("/nowhere/ca.pem")));
    }
}
