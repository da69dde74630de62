//! The request and the answer that are exchanged again and again: what a browser sends, and a small file.

/// A request of ten fields.
pub const REQUEST: &[u8] = b"GET /static/app/main.css?v=20240611 HTTP/1.1\r\n\
Host: www.example.com\r\n\
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0\r\n\
Accept: text/css,*/*;q=0.1\r\n\
Accept-Language: en-GB,en;q=0.5\r\n\
Accept-Encoding: gzip, deflate, br, zstd\r\n\
Referer: https://www.example.com/\r\n\
Connection: keep-alive\r\n\
Cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark\r\n\
Sec-Fetch-Dest: style\r\n\
Cache-Control: no-cache\r\n\r\n";

/// What a server answers: eight fields and [`BODY`].
pub const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
Server: nginx\r\n\
Date: Tue, 11 Jun 2024 10:00:00 GMT\r\n\
Content-Type: text/css\r\n\
Content-Length: 128\r\n\
Last-Modified: Mon, 10 Jun 2024 10:00:00 GMT\r\n\
Connection: keep-alive\r\n\
ETag: \"6666cf90-80\"\r\n\
Accept-Ranges: bytes\r\n\r\n\
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\
0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Bytes of the response's body.
pub const BODY: usize = 128;

/// Whether a request has arrived whole.
#[must_use]
pub fn is_request(bytes: &[u8]) -> bool {
    bytes.ends_with(b"\r\n\r\n")
}

/// Whether the answer has arrived whole, and right.
#[must_use]
pub fn is_answer(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HTTP/1.1 200 OK\r\n") && bytes.ends_with(&RESPONSE[RESPONSE.len() - BODY..])
}
