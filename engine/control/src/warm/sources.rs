//! Where the URLs to warm come from.

use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use ringfence_config::{Endpoint, why_no_url};
use ringfence_telemetry::Target;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::sitemap::{self, Sitemap};
use crate::{
    exchange::{Ask, talk},
    purge::LONGEST_URL,
};

/// URLs of one warming.
const MOST: usize = 100_000;

/// Sitemaps of one warming, those included that others name.
const MOST_MAPS: usize = 500;

/// Bytes of a list or a sitemap.
const LARGEST: usize = 50 << 20;

/// How long a sitemap may take to come.
const LIMIT: Duration = Duration::from_secs(30);

/// How long one address of its host may take to be connected to.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Where the URLs to warm come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    /// URLs themselves.
    pub urls: Vec<String>,
    /// Files of URLs, one a line.
    pub lists: Vec<PathBuf>,
    /// Sitemaps: files, or URLs that are asked for over plain HTTP.
    pub sitemaps: Vec<String>,
}

/// What may stand where a file is named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Files {
    /// Whatever can be read, at the pace of whoever writes.
    #[default]
    Any,
    /// Regular files only: no other may keep a thread waiting.
    Regular,
}

impl Sources {
    /// All URLs, each once.
    ///
    /// # Errors
    /// What cannot be read, or is no URL, in words.
    pub(crate) async fn targets(&self, files: Files) -> Result<Vec<Target>, String> {
        let mut found = Found {
            files,
            ..Found::default()
        };
        for url in &self.urls {
            found.add(url)?;
        }
        for list in &self.lists {
            let shown = list.display();
            let text = read(list, files).await;
            let text = text.map_err(|why| format!("{shown}: {why}"))?;
            for (at, line) in text.lines().enumerate() {
                let line = line.trim();
                if !(line.is_empty() || line.starts_with('#')) {
                    let number = at + 1;
                    found
                        .add(line)
                        .map_err(|why| format!("{shown}, line {number}: {why}"))?;
                }
            }
        }
        for sitemap in &self.sitemaps {
            found.follow(sitemap).await?;
        }
        Ok(found.targets)
    }
}

#[derive(Default)]
struct Found {
    files: Files,
    targets: Vec<Target>,
    seen: HashSet<String>,
    maps: HashSet<String>,
}

impl Found {
    fn add(&mut self, url: &str) -> Result<(), String> {
        if let Some(why) = why_no_url(url) {
            return Err(format!("{url:?} {why}"));
        }
        if url.len() > LONGEST_URL {
            return Err(format!(
                "a URL of {} bytes; at most {LONGEST_URL}",
                url.len()
            ));
        }
        let url = url.split('#').next().unwrap_or_default();
        if self.seen.insert(url.to_owned()) {
            self.targets.push(Target::of(url));
        }
        match self.targets.len() > MOST {
            true => Err(format!("more than {MOST} URLs")),
            false => Ok(()),
        }
    }

    /// Adds the pages of a sitemap, and of those that it names.
    async fn follow(&mut self, first: &str) -> Result<(), String> {
        let mut waiting = vec![first.to_owned()];
        while let Some(map) = waiting.pop() {
            if !self.maps.insert(map.clone()) {
                continue;
            }
            let named = |why| format!("sitemap {map}: {why}");
            let Sitemap { pages, maps } = fetch(&map, self.files).await.map_err(named)?;
            for url in pages {
                self.add(&url).map_err(named)?;
            }
            // Only one that was given may be a file: what comes from elsewhere is not to tell which are read here.
            if let Some(odd) = maps.iter().find(|map| why_no_url(map).is_some()) {
                return Err(named(format!("{odd:?} is no URL")));
            }
            waiting.extend(maps);
            if self.maps.len() + waiting.len() > MOST_MAPS {
                return Err(format!("more than {MOST_MAPS} sitemaps"));
            }
        }
        Ok(())
    }
}

async fn fetch(map: &str, files: Files) -> Result<Sitemap, String> {
    let text = match why_no_url(map) {
        None => text(get(map).await?)?,
        Some(_) => read(Path::new(map), files).await?,
    };
    // One of many MiB takes a while.
    let reading = tokio::task::spawn_blocking(move || sitemap::read(&text, MOST));
    reading.await.map_err(|error| error.to_string())?
}

/// Asks for a URL.
async fn get(url: &str) -> Result<Vec<u8>, String> {
    let begins = |scheme: &str| {
        url.get(..scheme.len())
            .is_some_and(|it| it.eq_ignore_ascii_case(scheme))
    };
    if !begins("http://") {
        return Err("only plain HTTP is spoken: give an http:// URL, or a file".to_owned());
    }
    let rest = url[7..].split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let path = match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("/{path}"),
    };
    let answer = timeout(LIMIT, ask(host, &path)).await;
    answer.map_err(|_| format!("no answer within {} s", LIMIT.as_secs()))?
}

async fn ask(host: &str, path: &str) -> Result<Vec<u8>, String> {
    let digits = host.bytes().rev().take_while(u8::is_ascii_digit).count();
    let with_port = match host[..host.len() - digits].ends_with(':') {
        true => host.to_owned(),
        false => format!("{host}:80"),
    };
    let stream = reach(&with_port).await?;
    let endpoint = Endpoint::Tcp(stream.peer_addr().map_err(|error| error.to_string())?);
    let ask = Ask {
        endpoint: &endpoint,
        method: "GET",
        path,
        host: Some(host),
        json: None,
        body: LARGEST + 1,
    };
    let answer = talk(stream, &ask, host).await;
    let answer = answer.map_err(|trouble| trouble.to_string())?;
    match (answer.status, answer.body.len() > LARGEST) {
        (200, false) => Ok(answer.body),
        (200, true) => Err(too_large()),
        (status, _) => Err(format!("its server answers with {status}")),
    }
}

/// Connects to the first address of a host, with its port, that lets it.
async fn reach(host: &str) -> Result<TcpStream, String> {
    let addresses = lookup_host(host).await.map_err(|error| error.to_string())?;
    let mut trouble = "its host has no address".to_owned();
    for address in addresses {
        match timeout(CONNECT_LIMIT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => trouble = error.to_string(),
            Err(_) => trouble = format!("no connection within {} s", CONNECT_LIMIT.as_secs()),
        }
    }
    Err(trouble)
}

/// Reads a file, off the runtime's thread.
async fn read(path: &Path, files: Files) -> Result<String, String> {
    let path = path.to_owned();
    let bytes = tokio::task::spawn_blocking(move || read_some(&path, files)).await;
    let bytes = bytes.map_err(|error| error.to_string())?;
    let bytes = bytes.map_err(|error| error.to_string())?;
    match bytes.len() > LARGEST {
        true => Err(too_large()),
        false => text(bytes),
    }
}

/// What is in a file, as far as it is not too much.
fn read_some(path: &Path, files: Files) -> io::Result<Vec<u8>> {
    // Before it is opened, as that may wait already.
    if files == Files::Regular && !path.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    let most = LARGEST as u64 + 1;
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|_| "it is no UTF-8 text".to_owned())
}

fn too_large() -> String {
    format!("it has more than {} MiB", LARGEST >> 20)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn targets(sources: &Sources) -> Result<Vec<String>, String> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let targets = runtime.block_on(sources.targets(Files::Any))?;
        Ok(targets.into_iter().map(|target| target.url).collect())
    }

    #[test]
    fn all_sources_are_read_and_each_url_once() {
        let dir = tempfile::tempdir().unwrap();
        let (list, map) = (dir.path().join("list"), dir.path().join("map.xml"));
        fs::write(&list, "# pages\nhttp://a/1\n\n  http://a/2#x \n").unwrap();
        fs::write(
            &map,
            "<urlset><url><loc>http://a/1</loc></url><url><loc>http://a/3</loc></url></urlset>",
        )
        .unwrap();
        let sources = Sources {
            urls: vec!["http://a/0".to_owned(), "http://a/2".to_owned()],
            lists: vec![list],
            sitemaps: vec![map.display().to_string()],
        };
        let want = ["http://a/0", "http://a/2", "http://a/1", "http://a/3"];
        assert_eq!(targets(&sources).unwrap(), want);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            path
        };
        let list = |path: PathBuf| Sources {
            lists: vec![path],
            ..Sources::default()
        };
        let map = |map: String| Sources {
            sitemaps: vec![map],
            ..Sources::default()
        };
        let index = "<sitemapindex><sitemap><loc>/etc/x</loc></sitemap></sitemapindex>";
        for (sources, why) in [
            (
                list(file("odd", "http://a/\n/x\n")),
                "odd, line 2: \"/x\" does not begin",
            ),
            (list(dir.path().join("none")), "none: "),
            (map("https://a/map.xml".to_owned()), "only plain HTTP"),
            (
                map(file("index.xml", index).display().to_string()),
                "\"/etc/x\" is no URL",
            ),
            (
                map(file("bad.xml", "x").display().to_string()),
                "bad.xml: it has no URL",
            ),
        ] {
            let error = targets(&sources).expect_err(why);
            assert!(error.contains(why), "{error}");
        }
    }

    #[tokio::test]
    async fn on_a_schedule_only_regular_files_are_read() {
        let listed = Sources {
            lists: vec![PathBuf::from("/dev/null")],
            ..Sources::default()
        };
        let mapped = Sources {
            sitemaps: vec!["/dev/null".to_owned()],
            ..Sources::default()
        };
        for sources in [listed, mapped] {
            let error = sources.targets(Files::Regular).await.expect_err("a device");
            assert!(error.contains("no regular file"), "{error}");
        }
    }

    #[tokio::test]
    async fn each_address_of_a_host_is_tried() {
        // Of the two that `localhost` may have, only this one listens.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stream = reach(&format!("localhost:{port}")).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap().port(), port);
    }

    #[test]
    fn an_index_names_no_more_sitemaps_than_may_be() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.xml");
        let one = |at| format!("<sitemap><loc>http://127.0.0.1:1/{at}</loc></sitemap>");
        let all: String = (0..MOST_MAPS).map(one).collect();
        fs::write(&path, format!("<sitemapindex>{all}</sitemapindex>")).unwrap();
        let sources = Sources {
            sitemaps: vec![path.display().to_string()],
            ..Sources::default()
        };
        let error = targets(&sources).unwrap_err();
        assert!(error.contains("more than 500 sitemaps"), "{error}");
    }
}
