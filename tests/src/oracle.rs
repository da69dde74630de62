//! A slow, obvious, unforgiving parser of a stream of HTTP/1.1 requests (RFC 9112), written apart
//! from every other parser here. What the balancer sends to an origin must pass it, and must be
//! exactly the requests that were meant: then no laxer origin can read it in another way.

/// One request as the strictest reader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The method.
    pub method: String,
    /// The request target.
    pub target: String,
    /// Field lines, names in lower case.
    pub fields: Vec<(String, String)>,
    /// The decoded content.
    pub body: Vec<u8>,
}

/// Reads all requests of a stream. Any octet that a strict reader would stumble on is an error,
/// and so is an incomplete request at the end.
pub fn parse_stream(stream: &[u8]) -> Result<Vec<Parsed>, String> {
    let mut rest = stream;
    let mut all = Vec::new();
    while !rest.is_empty() {
        all.push(parse_one(&mut rest)?);
    }
    Ok(all)
}

/// Reads the requests before the first thing that a strict reader would stumble on: all that a
/// server may serve of a stream. Empty lines before a request are forgiven (RFC 9112, 2.2).
pub fn parse_prefix(stream: &[u8]) -> Vec<Parsed> {
    let mut rest = stream;
    let mut all = Vec::new();
    loop {
        while let Some(after) = rest.strip_prefix(b"\r\n") {
            rest = after;
        }
        match parse_one(&mut rest) {
            Ok(request) => all.push(request),
            Err(_) => return all,
        }
    }
}

fn parse_one(rest: &mut &[u8]) -> Result<Parsed, String> {
    let request_line = line(rest)?;
    let words: Vec<&str> = request_line.split(' ').collect();
    let [method, target, "HTTP/1.1"] = words[..] else {
        return Err(format!("request line {request_line:?}"));
    };
    if method.is_empty() || !method.bytes().all(is_token) {
        return Err(format!("method {method:?}"));
    }
    if !(target.starts_with('/') || target == "*") || !target.bytes().all(is_target) {
        return Err(format!("target {target:?}"));
    }
    let mut fields = Vec::new();
    loop {
        let text = line(rest)?;
        if text.is_empty() {
            break;
        }
        fields.push(field(&text)?);
    }
    let one_host = fields.iter().filter(|(name, _)| name == "host").count() == 1;
    if !one_host {
        return Err(format!("not exactly one Host: {fields:?}"));
    }
    let (method, target) = (method.to_string(), target.to_string());
    let body = body(rest, &fields)?;
    Ok(Parsed {
        method,
        target,
        fields,
        body,
    })
}

fn body(rest: &mut &[u8], fields: &[(String, String)]) -> Result<Vec<u8>, String> {
    let of = |wanted: &str| -> Vec<&str> {
        let same = |(name, _): &&(String, String)| name == wanted;
        fields
            .iter()
            .filter(same)
            .map(|(_, value)| value.as_str())
            .collect()
    };
    match (
        of("transfer-encoding").as_slice(),
        of("content-length").as_slice(),
    ) {
        ([], []) => Ok(Vec::new()),
        ([], [length]) => {
            if length.is_empty() || !length.bytes().all(|b| b.is_ascii_digit()) {
                return Err(format!("length {length:?}"));
            }
            let length: usize = length.parse().map_err(|_| format!("length {length:?}"))?;
            Ok(bytes(rest, length)?.to_vec())
        }
        ([coding], []) if coding.eq_ignore_ascii_case("chunked") => chunks(rest),
        both => Err(format!("framing {both:?}")),
    }
}

fn chunks(rest: &mut &[u8]) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        let size = line(rest)?;
        if size.is_empty() || size.len() > 8 || !size.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(format!("chunk size {size:?}"));
        }
        let size = usize::from_str_radix(&size, 16).map_err(|e| e.to_string())?;
        if size == 0 {
            break;
        }
        body.extend_from_slice(bytes(rest, size)?);
        if bytes(rest, 2)? != b"\r\n" {
            return Err("no CRLF after a chunk".into());
        }
    }
    loop {
        let text = line(rest)?;
        if text.is_empty() {
            return Ok(body);
        }
        let (name, _) = field(&text)?;
        if ["content-length", "transfer-encoding", "host"].contains(&name.as_str()) {
            return Err(format!("{name} in a trailer"));
        }
    }
}

fn field(line: &str) -> Result<(String, String), String> {
    let (name, value) = line
        .split_once(':')
        .ok_or_else(|| format!("field line {line:?}"))?;
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("field name {name:?}"));
    }
    let value = value.trim_matches([' ', '\t']);
    if value.chars().any(|c| (c < ' ' && c != '\t') || c == '\x7f') {
        return Err(format!("field value {value:?}"));
    }
    Ok((name.to_ascii_lowercase(), value.to_string()))
}

/// One line ended by CRLF, in which neither octet stands alone.
fn line(rest: &mut &[u8]) -> Result<String, String> {
    let end = rest
        .windows(2)
        .position(|pair| pair == b"\r\n")
        .ok_or("no end of line")?;
    let text = bytes(rest, end)?;
    let text: String = text.iter().map(|&b| b as char).collect();
    *rest = &rest[2..];
    if text.contains(['\r', '\n', '\0']) {
        return Err(format!("stray octet in {text:?}"));
    }
    Ok(text)
}

fn bytes<'r>(rest: &mut &'r [u8], count: usize) -> Result<&'r [u8], String> {
    if rest.len() < count {
        return Err(format!("{} bytes where {count} were due", rest.len()));
    }
    let (taken, left) = rest.split_at(count);
    *rest = left;
    Ok(taken)
}

fn is_token(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}

fn is_target(b: u8) -> bool {
    // More than RFC 3986 allows, as browsers send more; but nothing that ends or splits a target.
    b.is_ascii_graphic() && b != b'#'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_two_requests_of_one_stream() {
        let stream = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\nPOST /b?c HTTP/1.1\r\nHost: h\r\n\
            Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        let all = parse_stream(stream).unwrap();
        assert_eq!((all.len(), all[1].body.as_slice()), (2, &b"abc"[..]));
    }

    #[test]
    fn refuses_what_is_ambiguous() {
        for bad in [
            "GET /a HTTP/1.1\nHost: h\r\n\r\n",
            "GET /a HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
            "GET /a HTTP/1.1\r\nHost : h\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\na",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na",
        ] {
            assert!(parse_stream(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
