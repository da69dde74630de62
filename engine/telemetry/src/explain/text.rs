//! An explanation for people to read.

use std::fmt::{self, Display, Formatter};

use super::{Answer, Cached, Explanation, Key, Own, Stored, Taken, Upstream};

/// Columns of the words on the left.
const LEFT: usize = 10;

impl Display for Explanation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", Clean(&self.request))?;
        match &self.route {
            Some(route) => lines(f, "route", &about_route(route))?,
            None => lines(f, "route", &["none".to_owned()])?,
        }
        if let Some(own) = &self.own {
            lines(f, "answer", &[about_own(own)])?;
        }
        if let Some(cache) = &self.cache {
            about_cache(f, cache)?;
        }
        match &self.upstream {
            Some(upstream) => about_upstream(f, upstream),
            None => Ok(()),
        }
    }
}

/// Text from elsewhere, in which nothing tells a terminal what to do.
struct Clean<'t>(&'t str);

impl Display for Clean<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c.is_control() {
            true => write!(f, "{}", c.escape_default()),
            false => write!(f, "{c}"),
        })
    }
}

/// Writes lines, with a word before the first.
fn lines(f: &mut Formatter<'_>, word: &str, lines: &[String]) -> fmt::Result {
    for (at, line) in lines.iter().enumerate() {
        let word = if at == 0 { word } else { "" };
        writeln!(f, "{word:LEFT$}{}", Clean(line))?;
    }
    Ok(())
}

fn about_route(route: &Taken) -> Vec<String> {
    let hosts = match route.hosts.is_empty() {
        true => "any host".to_owned(),
        false => format!("host {}", route.hosts.join(" or ")),
    };
    let mut asked = vec![hosts, format!("path {}", route.path)];
    if !route.methods.is_empty() {
        asked.push(format!("method {}", route.methods.join(" or ")));
    }
    asked.extend(
        route
            .headers
            .iter()
            .map(|header| format!("header {header}")),
    );
    let mut all = vec![format!("{} (number {})", route.name, route.number)];
    all.push(asked.join(", "));
    for (name, value) in &route.params {
        all.push(format!("{name} = {value}"));
    }
    if let Some(path) = &route.rewritten {
        all.push(format!("servers are asked for {path}"));
    }
    all
}

fn about_own(own: &Own) -> String {
    let status = own.status;
    match (&own.reason, &own.location, &own.allow) {
        (Some(reason), _, Some(allow)) => format!("{status}, refused: {reason}; allowed: {allow}"),
        (Some(reason), ..) => format!("{status}, refused: {reason}"),
        (None, Some(location), _) => format!("{status}, a redirect to {location}"),
        (None, None, _) => format!("{status}, by the route itself"),
    }
}

fn about_cache(f: &mut Formatter<'_>, cache: &Cached) -> fmt::Result {
    if let Some(why) = &cache.bypass {
        return lines(f, "answer", &[format!("BYPASS: {why}")]);
    }
    let alone = cache.answers.len() == 1;
    let answers: Vec<_> = cache
        .answers
        .iter()
        .map(|it| about_answer(it, alone))
        .collect();
    lines(f, "answer", &answers)?;
    if let Some(key) = &cache.key {
        lines(f, "key", &about_key(key))?;
    }
    match cache.stored.is_empty() {
        true => lines(f, "stored", &["nothing".to_owned()])?,
        false => {
            for stored in &cache.stored {
                lines(f, "stored", &about_stored(stored))?;
            }
        }
    }
    if let Some(fetch) = &cache.fetch {
        lines(f, "fetch", std::slice::from_ref(fetch))?;
    }
    let keeps = match &cache.not_kept {
        Some(why) => vec![format!("what comes is not stored: {why}")],
        None if cache.kept_if.is_empty() => {
            vec!["what comes is stored if its server lets it be".to_owned()]
        }
        None => {
            let mut all = vec!["what comes is stored if its server lets it be, and".to_owned()];
            all.extend(
                cache
                    .kept_if
                    .iter()
                    .map(|condition| format!("- {condition}")),
            );
            all
        }
    };
    lines(f, "keep", &keeps)
}

fn about_answer(answer: &Answer, alone: bool) -> String {
    let Answer {
        outcome,
        forward,
        why,
        ..
    } = answer;
    let forward = match forward {
        Some(word) => format!(" ({word})"),
        None => String::new(),
    };
    match alone {
        true => format!("{outcome}{forward}: {why}"),
        false => format!("{outcome}{forward}, {}: {why}", on(&answer.workers)),
    }
}

fn about_key(key: &Key) -> Vec<String> {
    let mut all = vec![key.url.clone()];
    for (what, value) in &key.beside {
        all.push(match value {
            Some(value) => format!("{what}: {value}"),
            None => format!("{what}: none"),
        });
    }
    all.push(format!("at home on worker {}", key.home));
    all
}

fn about_stored(stored: &Stored) -> Vec<String> {
    let Stored {
        status,
        bytes,
        age,
        ttl,
        lifetime,
        basis,
        ..
    } = stored;
    let etag = stored
        .etag
        .as_ref()
        .map_or(String::new(), |etag| format!(", ETag {etag}"));
    let mut all = vec![format!(
        "{status}, {bytes} bytes{etag}, {}",
        on(&stored.workers)
    )];
    all.push(match *ttl {
        1.. => format!("age {age} s, fresh for {ttl} s more: {lifetime} s by {basis}"),
        _ => format!(
            "age {age} s, stale for {} s: {lifetime} s by {basis}",
            ttl.unsigned_abs()
        ),
    });
    if stored.softly_purged {
        all.push("purged softly: it is validated before it is used".to_owned());
    }
    if !stored.vary.is_empty() {
        let whom = if stored.selected {
            "this request"
        } else {
            "other requests"
        };
        all.push(format!("for {whom}, by {}", stored.vary.join(", ")));
    }
    if !stored.tags.is_empty() {
        all.push(format!("tags {}", stored.tags.join(", ")));
    }
    all
}

fn about_upstream(f: &mut Formatter<'_>, upstream: &Upstream) -> fmt::Result {
    let alone = upstream.picks.len() == 1;
    let mut all = vec![format!("{}, by {}", upstream.name, upstream.balance)];
    for pick in &upstream.picks {
        let who = if alone {
            String::new()
        } else {
            format!(", {}", on(&pick.workers))
        };
        let server = pick.server.as_deref().unwrap_or("no server");
        all.push(format!("{server}{who}: {}", pick.why));
    }
    lines(f, "upstream", &all)?;
    let width = |text: &dyn Fn(&super::Server) -> usize| upstream.servers.iter().map(text).max();
    let name = width(&|server| server.name.chars().count()).unwrap_or(0);
    let address = width(&|server| server.address.chars().count()).unwrap_or(0);
    let servers = upstream.servers.iter().map(|server| {
        let backup = if server.backup { ", backup" } else { "" };
        let place = match server.name == server.address {
            true => String::new(),
            false => format!("{:address$}  ", server.address),
        };
        format!(
            "{:name$}  {place}weight {}{backup}, {}",
            server.name, server.weight, server.state
        )
    });
    let servers: Vec<_> = servers.collect();
    lines(f, "servers", &servers)
}

/// `on worker 0`, `on workers 0 and 2`.
fn on(workers: &[usize]) -> String {
    let names: Vec<_> = workers.iter().map(usize::to_string).collect();
    match names.as_slice() {
        [only] => format!("on worker {only}"),
        [first @ .., last] => format!("on workers {} and {last}", first.join(", ")),
        [] => "on no worker".to_owned(),
    }
}
