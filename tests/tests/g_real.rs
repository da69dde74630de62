//! Real peers: nginx as the server behind, and the clients that people use in front.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ringfence_tests::tools::{free_address, need, run_well, venv};
use ringfence_tests::{Client, Origin, Ringfence, TempDir, eventually, kit, site};

const LIMIT: Duration = Duration::from_secs(60);

/// An nginx of the test's own, on a loopback port, in a directory of its own.
struct Nginx {
    child: Child,
    address: String,
    _dir: TempDir,
}

impl Nginx {
    fn start() -> Nginx {
        let dir = TempDir::new();
        let address = free_address().to_string();
        let root = dir.path().join("www");
        std::fs::create_dir_all(&root).expect("a directory for pages");
        std::fs::write(root.join("page.txt"), kit::pattern(100_000)).expect("a page");
        std::fs::write(root.join("large.bin"), kit::pattern(20_000_000)).expect("a large page");
        let file = dir.path().join("nginx.conf");
        std::fs::write(&file, nginx_conf(dir.path(), &address)).expect("write nginx.conf");
        let mut command = Command::new(need("nginx"));
        command
            .arg("-c")
            .arg(&file)
            .arg("-p")
            .arg(dir.path())
            .stdin(Stdio::null());
        let child = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("start nginx");
        let nginx = Nginx {
            child,
            address,
            _dir: dir,
        };
        let reach = nginx.address.parse().expect("an address");
        eventually("nginx listens", || Client::try_connect(reach).is_ok());
        nginx
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

fn nginx_conf(dir: &Path, address: &str) -> String {
    let dir = dir.display();
    let user = if rustix::process::geteuid().is_root() {
        "user root;"
    } else {
        ""
    };
    format!(
        "{user} daemon off; pid {dir}/pid; error_log {dir}/error.log; worker_processes 1;\n\
         events {{ worker_connections 512; }}\n\
         http {{\n access_log off; client_max_body_size 50m; keepalive_requests 20;\n\
         client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fcgi;\n\
         uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;\n\
         server {{ listen {address}; root {dir}/www; etag on;\n\
         location /whoami {{ return 200 \"$remote_addr|$http_x_forwarded_for|$host|$http_via\"; }}\n\
         location /none {{ return 204; }}\n location /moved {{ return 302 /page.txt; }}\n\
         location /close {{ keepalive_timeout 0; return 200 closing; }}\n\
         }} }}\n"
    )
}

/// The site over one server that is no origin of the harness.
fn site_over(address: &str) -> String {
    format!(
        "[[listener]]\naddress = \"127.0.0.1:0\"\n[[route]]\nupstream = \"app\"\n[upstream.app]\nservers = [\"{address}\"]\n"
    )
}

#[test]
fn nginx_behind() {
    let nginx = Nginx::start();
    let ringfence = Ringfence::start(&site_over(&nginx.address));
    let mut client = ringfence.client();
    let page = client.gets("/page.txt").expect(200);
    assert!(page.body == kit::pattern(100_000));
    assert_eq!(
        client
            .asks("HEAD", "/page.txt", "")
            .expect(200)
            .field("content-length"),
        Some("100000")
    );
    let part = client
        .asks("GET", "/page.txt", "Range: bytes=10-19\r\n")
        .expect(206);
    assert_eq!(part.body, kit::pattern(100_000)[10..20]);
    let etag = page.field("etag").expect("an ETag").to_string();
    client
        .asks("GET", "/page.txt", &format!("If-None-Match: {etag}\r\n"))
        .expect(304);
    let moved = client.gets("/moved").expect(302);
    assert!(
        moved
            .field("location")
            .is_some_and(|to| to.ends_with("/page.txt"))
    );
    client.gets("/none").expect(204);
    assert_eq!(client.gets("/close").expect(200).text(), "closing");
    client.gets("/missing").expect(404);
    // Its refusal comes before the body is through, which costs the client its connection.
    ringfence
        .client()
        .sends("POST", "/page.txt", &[b'x'; 300_000])
        .expect(405);
    assert_eq!(
        client.gets("/whoami").expect(200).text(),
        "127.0.0.1|127.0.0.1|test.example|1.1 ringfence"
    );
    assert!(client.gets("/large.bin").expect(200).body == kit::pattern(20_000_000));
}

#[test]
fn nginx_that_closes_its_connections_loses_no_request() {
    let nginx = Nginx::start();
    let ringfence = Ringfence::start(&site_over(&nginx.address));
    let address = ringfence.address();
    let clients: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(move || {
                let mut client = Client::connect(address);
                // nginx closes each connection after 20 requests.
                for _ in 0..150 {
                    client.gets("/whoami").expect(200);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().expect("no request fails");
    }
}

/// A harness site for a client program; the program's answers are compared with what was served.
fn served() -> (Origin, Ringfence, String) {
    let origin = Origin::kit("a");
    let ringfence = Ringfence::start(&site(&[&origin]));
    let url = format!("http://{}", ringfence.address());
    (origin, ringfence, url)
}

#[test]
fn curl() {
    let (origin, _ringfence, url) = served();
    let curl = |args: &[&str]| {
        run_well(
            Command::new(need("curl"))
                .args(["-sS", "-m", "30"])
                .args(args),
            LIMIT,
        )
    };
    assert_eq!(
        curl(&[&format!("{url}/bytes/5000")]).as_bytes(),
        kit::pattern(5000)
    );
    assert_eq!(
        curl(&[&format!("{url}/chunked/5000")]).as_bytes(),
        kit::pattern(5000)
    );
    assert_eq!(
        curl(&[&format!("{url}/close/5000")]).as_bytes(),
        kit::pattern(5000)
    );
    assert_eq!(
        curl(&["--http1.0", &format!("{url}/chunked/5000")]).as_bytes(),
        kit::pattern(5000)
    );
    assert!(curl(&["-I", &format!("{url}/bytes/5000")]).contains("5000"));
    let dir = TempDir::new();
    let file = dir.path().join("upload");
    std::fs::write(&file, kit::pattern(3_000_000)).expect("write");
    let file = file.display().to_string();
    // With Content-Length and Expect: 100-continue, and chunked.
    for args in [
        vec!["--data-binary"],
        vec!["-H", "Transfer-Encoding: chunked", "--data-binary"],
    ] {
        let (from, to) = (format!("@{file}"), format!("{url}/echo"));
        assert!(curl(&[&args[..], &[&from, &to]].concat()).as_bytes() == kit::pattern(3_000_000));
    }
    assert!(curl(&["-T", &file, &format!("{url}/echo")]).as_bytes() == kit::pattern(3_000_000));
    let before = origin.connections();
    curl(&[&format!("{url}/[1-20]")]);
    assert!(
        origin.connections() <= before + 1,
        "curl's twenty requests share a connection"
    );
}

#[test]
fn h2load_in_its_http1_mode() {
    let (_origin, _ringfence, url) = served();
    let mut command = Command::new(need("h2load"));
    let said = run_well(
        command.args([
            "--h1",
            "-n",
            "2000",
            "-c",
            "20",
            "-t",
            "1",
            &format!("{url}/bytes/2000"),
        ]),
        LIMIT,
    );
    assert!(
        said.contains("2000 succeeded, 0 failed, 0 errored"),
        "{said}"
    );
}

#[test]
fn wrk() {
    let (_origin, _ringfence, url) = served();
    let mut command = Command::new(need("wrk"));
    let said = run_well(
        command.args(["-t1", "-c10", "-d2s", &format!("{url}/bytes/500")]),
        LIMIT,
    );
    assert!(
        said.contains("Requests/sec")
            && !said.contains("Non-2xx")
            && !said.contains("Socket errors"),
        "{said}"
    );
}

#[test]
fn apache_bench() {
    let (_origin, _ringfence, url) = served();
    for keep in [&["-k"][..], &[]] {
        let mut command = Command::new(need("ab"));
        let said = run_well(
            command
                .args(keep)
                .args(["-q", "-n", "500", "-c", "10", &format!("{url}/bytes/500")]),
            LIMIT,
        );
        assert!(
            said.lines()
                .any(|l| l.starts_with("Failed requests:") && l.ends_with(" 0")),
            "{said}"
        );
        assert!(!said.contains("Non-2xx"), "{said}");
    }
}

#[test]
fn hey() {
    let (_origin, _ringfence, url) = served();
    let mut command = Command::new(need("hey"));
    let said = run_well(
        command.args(["-n", "500", "-c", "10", &format!("{url}/bytes/500")]),
        LIMIT,
    );
    assert!(said.contains("500 responses"), "{said}");
}

#[test]
fn node() {
    let (_origin, _ringfence, url) = served();
    let script = format!(
        "const get = await Promise.all([...Array(30).keys()].map(i => fetch('{url}/bytes/' + i).then(r => r.text())));\n\
         get.forEach((t, i) => {{ if (t.length !== i) throw Error('get ' + i) }});\n\
         const sent = 'q'.repeat(300000);\n\
         const post = await (await fetch('{url}/echo', {{ method: 'POST', body: sent }})).text();\n\
         if (post !== sent) throw Error('post');\n\
         const stream = await fetch('{url}/echo', {{ method: 'PUT', duplex: 'half', body: new Blob([sent]).stream() }});\n\
         if ((await stream.text()) !== sent) throw Error('stream');\n\
         console.log('content');"
    );
    let mut command = Command::new(need("node"));
    let said = run_well(
        command.args(["--no-warnings", "--input-type=module", "-e", &script]),
        LIMIT,
    );
    assert_eq!(said.trim(), "content");
}

#[test]
fn python_from_its_own_library() {
    let (_origin, _ringfence, url) = served();
    python(
        &need("python3"),
        &url,
        "import urllib.request\nassert urllib.request.urlopen(URL + '/bytes/1000').read() == urllib.request.urlopen(URL + '/chunked/1000').read()\n\
        import http.client\nc = http.client.HTTPConnection(URL[7:])\nfor i in range(20):\n    c.request('POST', '/echo', b'x' * i)\n    assert c.getresponse().read() == b'x' * i\n",
    );
}

#[test]
fn python_requests() {
    let (_origin, _ringfence, url) = served();
    python(
        &venv("python3"),
        &url,
        "import requests\ns = requests.Session()\ns.trust_env = False\nfor _ in range(5):\n    assert len(s.get(URL + '/chunked/3000').content) == 3000\n\
        assert s.post(URL + '/echo', data=(x for x in [b'a' * 1000] * 50)).content == b'a' * 50000\nassert s.get(URL + '/close/700').text\n",
    );
}

#[test]
fn python_httpx_and_aiohttp() {
    let (_origin, _ringfence, url) = served();
    python(
        &venv("python3"),
        &url,
        "import httpx\nwith httpx.Client(trust_env=False) as c:\n    assert len(c.get(URL + '/bytes/100').content) == 100\n    assert c.post(URL + '/echo', content=b'z' * 300000).content == b'z' * 300000\n\
        import aiohttp, asyncio\nasync def go():\n    async with aiohttp.ClientSession() as s:\n        async def one(i):\n            async with s.get(URL + '/bytes/%d' % i) as r:\n                return len(await r.read()) == i\n        assert all(await asyncio.gather(*(one(i) for i in range(60))))\nasyncio.run(go())\n",
    );
}

fn python(program: &Path, url: &str, script: &str) {
    run_well(
        Command::new(program).args(["-c", &format!("URL = '{url}'\n{script}")]),
        LIMIT,
    );
}

#[test]
fn chromium() {
    let (_origin, _ringfence, url) = served();
    let dir = TempDir::new();
    let mut command = Command::new(need("chromium"));
    command.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
    ]);
    command.args([
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-proxy-server",
    ]);
    command
        .arg(format!("--user-data-dir={}", dir.path().display()))
        .arg("--dump-dom")
        .arg(format!("{url}/bytes/2000"));
    let page = run_well(&mut command, LIMIT);
    let expected = String::from_utf8(kit::pattern(2000)).expect("text");
    assert!(page.contains(&expected), "{page}");
}

#[test]
fn slowhttptest_does_not_stop_the_others() {
    let (_origin, ringfence, url) = served();
    let program = need("slowhttptest");
    let attack = std::thread::spawn(move || {
        let mut command = Command::new(program);
        command.args([
            "-c",
            "200",
            "-H",
            "-i",
            "1",
            "-r",
            "200",
            "-l",
            "5",
            "-u",
            &format!("{url}/"),
            "-p",
            "2",
        ]);
        ringfence_tests::tools::run(&mut command, LIMIT)
    });
    let mut client = ringfence.client();
    for _ in 0..40 {
        client.gets("/").expect(200);
        std::thread::sleep(Duration::from_millis(100));
    }
    attack.join().expect("the attack ends");
}
