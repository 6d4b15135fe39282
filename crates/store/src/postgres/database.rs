//! Which database is meant, and how it is reached.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use crate::location::LocationFault;

const DEFAULT_PORT: u16 = 5432;
/// How long a dead peer is not noticed by the system; deadlines of our own come first.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// A `PostgreSQL` database, on one of several hosts.
#[derive(Clone, PartialEq, Eq)]
pub struct Database {
    config: Config,
    security: Security,
}

/// How connections are secured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Security {
    /// Not at all: on this machine, or because it was asked for.
    Plain,
    /// By TLS. The certificate and its name are verified, against this file or what the system trusts.
    Verified(Option<PathBuf>),
}

/// A libpq URL: hosts separated by commas, `sslmode`, `sslrootcert` and what tokio-postgres knows.
impl FromStr for Database {
    type Err = LocationFault;

    fn from_str(text: &str) -> Result<Self, LocationFault> {
        let (base, query) = text.split_once('?').unwrap_or((text, ""));
        let (mut mode, mut certificates, mut others) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let value = || {
                let decoded = url::form_urlencoded::parse(pair.as_bytes()).next();
                decoded.map(|(_, value)| value.into_owned()).unwrap_or_default()
            };
            match pair.split('=').next() {
                Some("sslmode") => mode = Some(value()),
                Some("sslrootcert") => certificates = Some(PathBuf::from(value())),
                // Ours is always the primary.
                Some("target_session_attrs") => {}
                _ => others.push(pair),
            }
        }
        let mut config: Config = format!("{base}?{}", others.join("&")).parse().map_err(|error| {
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            LocationFault(format!("the database URL cannot be read{cause} ({error})"))
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(LocationFault(
                "the database URL names no host: give postgres://USER@HOST/DATABASE, or ?host=DIRECTORY for a socket"
                    .to_owned(),
            ));
        }
        let security = security(mode.as_deref(), certificates, &config)?;
        config.ssl_mode(if security == Security::Plain { SslMode::Disable } else { SslMode::Require });
        Ok(Self { config, security })
    }
}

fn security(
    mode: Option<&str>,
    certificates: Option<PathBuf>,
    config: &Config,
) -> Result<Security, LocationFault> {
    match mode {
        Some("disable") => Ok(Security::Plain),
        None if certificates.is_none() && config.get_hosts().iter().all(is_here) => Ok(Security::Plain),
        None | Some("require" | "verify-ca" | "verify-full") => Ok(Security::Verified(certificates)),
        Some(other) => Err(LocationFault(format!(
            "sslmode={other} would go on without TLS or without a look at the certificate: say verify-full, or \
             disable where the network is trusted"
        ))),
    }
}

/// Whether a host is this machine.
fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
    }
}

impl Database {
    pub(super) const fn security(&self) -> &Security {
        &self.security
    }

    /// How each of the hosts is reached.
    pub(super) fn hosts(&self) -> Vec<(String, Config)> {
        let config = &self.config;
        let (names, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
        (0..names.len().max(addresses.len()))
            .map(|number| {
                let port = ports.get(number).or(ports.first()).copied().unwrap_or(DEFAULT_PORT);
                let mut one = self.without_hosts();
                one.port(port);
                if let Some(address) = addresses.get(number) {
                    one.hostaddr(*address);
                }
                let shown = match names.get(number) {
                    Some(Host::Tcp(name)) => {
                        one.host(name);
                        format!("{name}:{port}")
                    }
                    Some(Host::Unix(path)) => {
                        one.host_path(path);
                        format!("{}:{port}", path.display())
                    }
                    None => {
                        addresses.get(number).map(|address| format!("{address}:{port}")).unwrap_or_default()
                    }
                };
                (shown, one)
            })
            .collect()
    }

    /// Everything but where: a configuration cannot forget its hosts.
    fn without_hosts(&self) -> Config {
        let (from, mut to) = (&self.config, Config::new());
        if let Some(user) = from.get_user() {
            to.user(user);
        }
        if let Some(password) = from.get_password() {
            to.password(password);
        }
        if let Some(name) = from.get_dbname() {
            to.dbname(name);
        }
        if let Some(options) = from.get_options() {
            to.options(options);
        }
        to.application_name(from.get_application_name().unwrap_or("rosterd"));
        to.ssl_mode(from.get_ssl_mode());
        to.ssl_negotiation(from.get_ssl_negotiation());
        to.channel_binding(from.get_channel_binding());
        to.keepalives_idle(from.get_keepalives_idle().min(KEEPALIVE));
        to.keepalives_interval(from.get_keepalives_interval().unwrap_or(KEEPALIVE / 4));
        to.tcp_user_timeout(from.get_tcp_user_timeout().copied().unwrap_or(KEEPALIVE));
        to
    }
}

/// As it is shown to people: without a password.
impl fmt::Display for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<String> = self.hosts().into_iter().map(|(shown, _)| shown).collect();
        formatter.write_str("postgres://")?;
        if let Some(user) = self.config.get_user() {
            write!(formatter, "{user}@")?;
        }
        let name = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        write!(formatter, "{}/{name}", hosts.join(","))
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn security_of(url: &str) -> Result<Security, String> {
        let database: Result<Database, _> = url.parse();
        database.map(|database| database.security).map_err(|fault| fault.to_string())
    }

    #[test]
    fn what_leaves_the_machine_is_verified() {
        for (url, expected) in [
            ("postgres://u@localhost/d", Security::Plain),
            ("postgres://u@127.0.0.1,[::1]/d", Security::Plain),
            ("postgres:///d?host=/run/postgresql&user=u", Security::Plain),
            ("postgres://u@db/d", Security::Verified(None)),
            ("postgres://u@localhost,db/d", Security::Verified(None)),
            ("postgres://u@localhost/d?sslmode=require", Security::Verified(None)),
            ("postgres://u@db/d?sslmode=disable", Security::Plain),
            ("postgres://u@db/d?sslrootcert=%2Fca.pem", Security::Verified(Some("/ca.pem".into()))),
        ] {
            assert_eq!(security_of(url), Ok(expected), "{url}");
        }
        assert!(
            security_of("postgres://u@db/d?sslmode=prefer").is_err_and(|text| text.contains("verify-full"))
        );
        assert!(security_of("postgres:///d").is_err_and(|text| text.contains("names no host")));
        assert!(security_of("postgres://u@db/d?colour=red").is_err_and(|text| text.contains("colour")));
    }

    #[test]
    fn each_host_is_reached_on_its_own() {
        let database: Database = "postgres://u:p@a:1,b:2/d?options=-c%20x%3Dy".parse().unwrap();
        let hosts = database.hosts();
        assert_eq!(hosts.iter().map(|(shown, _)| shown.as_str()).collect::<Vec<_>>(), ["a:1", "b:2"]);
        let second = &hosts[1].1;
        assert_eq!((second.get_hosts(), second.get_ports()), (&[Host::Tcp("b".into())][..], &[2][..]));
        assert_eq!((second.get_password(), second.get_options()), (Some(&b"p"[..]), Some("-c x=y")));
        assert!(!format!("{database:?}").contains(":p@"));
    }
}
