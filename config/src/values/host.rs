//! Host names and ports.

use std::net::IpAddr;

use crate::values::wrong::{Wrong, quoted};

/// Reads a port from what stands behind the last colon of `address`.
///
/// # Errors
/// If there is none, or it is not between 1 and 65535.
pub fn port(address: &str, port: Option<&str>) -> Result<u16, Wrong> {
    let Some(port) = port else {
        return Err(
            Wrong::new(format!("the address {} lacks a port", quoted(address)))
                .help(format!("\"{address}:80\"")),
        );
    };
    match port.parse() {
        Ok(number) if number > 0 && !port.starts_with('+') => Ok(number),
        _ => {
            Err(Wrong::new(format!("{} is not a port", quoted(port)))
                .help("ports go from 1 to 65535"))
        }
    }
}

/// Whether a host name is one that a resolver may be asked for (RFC 1123 2.1, and underscores).
///
/// # Errors
/// If it is not.
pub fn check_host_name(host: &str) -> Result<(), Wrong> {
    const LONGEST_NAME: usize = 253;
    const LONGEST_LABEL: usize = 63;
    let label_is_fine = |label: &str| {
        !label.is_empty()
            && label.len() <= LONGEST_LABEL
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let wrong = || Wrong::new(format!("{} is not a host name or address", quoted(host)));
    if !host.is_ascii() {
        return Err(
            wrong().help("write international names in their ASCII form, which begins with `xn--`")
        );
    }
    let numeric = host
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if host.len() > LONGEST_NAME || !host.split('.').all(label_is_fine) {
        return Err(wrong());
    }
    if numeric && host.parse::<IpAddr>().is_err() {
        return Err(wrong().help("an IPv4 address is four numbers from 0 to 255"));
    }
    Ok(())
}
