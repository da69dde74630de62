//! The requests and the answers that are exchanged again and again: what a browser sends, and a small file.

/// A request, and what a server answers to it.
#[derive(Debug, Clone, Copy)]
pub struct Messages {
    /// What is asked again and again.
    pub request: &'static [u8],
    /// What a server answers to each request that reaches it.
    pub response: &'static [u8],
}

/// A request of nine fields and those given.
macro_rules! request {
    ($more:literal) => {
        concat!(
            "GET /static/app/main.css?v=20240611 HTTP/1.1\r\n",
            "Host: www.example.com\r\n",
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0\r\n",
            "Accept: text/css,*/*;q=0.1\r\n",
            "Accept-Language: en-GB,en;q=0.5\r\n",
            "Accept-Encoding: gzip, deflate, br, zstd\r\n",
            "Referer: https://www.example.com/\r\n",
            "Connection: keep-alive\r\n",
            "Cookie: session=8f14e45fceea167a5a36dedd4bea2543; theme=dark\r\n",
            "Sec-Fetch-Dest: style\r\n",
            $more,
            "\r\n"
        )
        .as_bytes()
    };
}

/// A response of eight fields and those given, and [`BODY`].
macro_rules! response {
    ($more:literal) => {
        concat!(
            "HTTP/1.1 200 OK\r\n",
            "Server: nginx\r\n",
            "Date: Tue, 11 Jun 2024 10:00:00 GMT\r\n",
            "Content-Type: text/css\r\n",
            "Content-Length: 128\r\n",
            "Last-Modified: Mon, 10 Jun 2024 10:00:00 GMT\r\n",
            "Connection: keep-alive\r\n",
            "ETag: \"6666cf90-80\"\r\n",
            "Accept-Ranges: bytes\r\n",
            $more,
            "\r\n",
            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        )
        .as_bytes()
    };
}

/// What no cache may answer unasked.
pub const RELAYED: Messages = Messages {
    request: request!("Cache-Control: no-cache\r\n"),
    response: response!(""),
};

/// What a cache answers by itself once it has it, for as long as anyone runs this.
pub const CACHED: Messages = Messages {
    request: request!(""),
    response: response!("Cache-Control: max-age=2147483647\r\n"),
};

/// The same where the answer depends on a field of the request.
pub const VARYING: Messages = Messages {
    request: request!(""),
    response: response!("Cache-Control: max-age=2147483647\r\nVary: Accept-Encoding\r\n"),
};

/// Bytes of each response's body.
pub const BODY: usize = 128;

/// Whether a request has arrived whole.
#[must_use]
pub fn is_request(bytes: &[u8]) -> bool {
    bytes.ends_with(b"\r\n\r\n")
}

/// Whether the answer has arrived whole, and right.
#[must_use]
pub fn is_answer(bytes: &[u8]) -> bool {
    let response = RELAYED.response;
    bytes.starts_with(b"HTTP/1.1 200 OK\r\n") && bytes.ends_with(&response[response.len() - BODY..])
}
